//! The fronts of Services of complete rollouts: certificates, routes of the Gateway API and load balancers.

use super::traffic::{ingress, row as answered};
use super::*;
use crate::testing::{Ways, service, ways};

pub(super) fn rows() -> Vec<Row> {
    [certificates(), routes(), backends(), balancers(), probes()]
        .into_iter()
        .flatten()
        .collect()
}

fn row(says: &'static str, ways: &Ways, expect: Expect) -> Row {
    answered(says, ways, 40, expect)
}

/// An Ingress that leads to the Service, with the certificate in Secret `shop-tls`.
fn certified(missing: Value) -> Ways {
    let mut ingress = ingress("web", json!({"number": 80}));
    ingress[0]["spec"]["tls"] = json!([{"hosts": ["shop.example.com"], "secretName": "shop-tls"}]);
    ways()
        .with("ingresses", ingress)
        .with("missingSecrets", missing)
}

fn certificates() -> Vec<Row> {
    vec![
        row(
            "the Secret with the certificate does not exist",
            &certified(json!(["shop-tls"])),
            Noted(IngressSecretMissing),
        )
        .healed_by(45, vec![certified(json!([])).answer(45)]),
        row(
            "the Secret with the certificate exists, or may not be read",
            &certified(json!([])),
            Absent(IngressSecretMissing),
        ),
        row(
            "the Secret of another Ingress does not exist",
            &certified(json!(["other-tls"])),
            Absent(IngressSecretMissing),
        ),
        row(
            "the Ingress leads to others",
            &certified(json!(["shop-tls"]))
                .with("services", json!([service("web", json!({"app": "api"}))])),
            Absent(IngressSecretMissing),
        ),
    ]
}

fn backend(name: &str, port: u16, weight: u16) -> Value {
    json!({"name": name, "port": port, "weight": weight})
}

/// A condition of the route's second generation.
fn condition(kind: &str, status: &str, reason: &str) -> Value {
    json!({"type": kind, "status": status, "reason": reason, "message": "as the controller says", "observedGeneration": 2})
}

/// A route to these backends, with these conditions of each gateway.
#[expect(clippy::needless_pass_by_value, reason = "`json!` stands in the call")]
fn routed(backends: Value, gateways: &[Value]) -> Ways {
    let parents = gateways.iter().enumerate().map(|(number, conditions)| {
        json!({"parentRef": {"name": format!("gateway-{number}")}, "controllerName": "example.com/gateway", "conditions": conditions})
    });
    let parents: Vec<Value> = parents.collect();
    let rule = json!({"matches": [{"path": {"type": "PathPrefix", "value": "/api"}}], "backendRefs": backends});
    let route = json!({"metadata": {"name": "shop", "generation": 2}, "spec": {"hostnames": ["shop.example.com"], "rules": [rule]},
        "status": {"parents": parents}});
    ways().with("routes", json!([route]))
}

fn to_web() -> Value {
    json!([backend("web", 80, 1)])
}

fn accepted() -> Value {
    json!([
        condition("Accepted", "True", "Accepted"),
        condition("ResolvedRefs", "True", "ResolvedRefs")
    ])
}

fn routes() -> Vec<Row> {
    let code = RouteNotAccepted;
    let refused = || json!([condition("Accepted", "False", "NoMatchingListenerHostname")]);
    let unresolved = |reason| {
        json!([
            condition("Accepted", "True", "Accepted"),
            condition("ResolvedRefs", "False", reason)
        ])
    };
    let mut outdated = refused();
    outdated[0]["observedGeneration"] = json!(1);
    let elsewhere =
        json!([backend("web", 80, 1), {"name": "api", "namespace": "other", "port": 80}]);
    vec![
        row(
            "the only Gateway does not accept the route",
            &routed(to_web(), &[refused()]),
            Noted(code),
        )
        .healed_by(45, vec![routed(to_web(), &[accepted()]).answer(45)]),
        row(
            "the Gateway accepts the route",
            &routed(to_web(), &[accepted()]),
            Absent(code),
        ),
        row(
            "one of two Gateways accepts the route",
            &routed(to_web(), &[refused(), accepted()]),
            Absent(code),
        ),
        row(
            "no controller has looked at the route yet",
            &routed(to_web(), &[]),
            Absent(code),
        ),
        row(
            "the Gateway refused the generation before",
            &routed(to_web(), &[outdated]),
            Absent(code),
        ),
        row(
            "a backend in another namespace lacks its ReferenceGrant",
            &routed(elsewhere, &[unresolved("RefNotPermitted")]),
            Noted(code),
        ),
        row(
            "the only backend that is not found is sent nothing",
            &routed(
                json!([backend("web", 80, 1), backend("canary", 80, 0)]),
                &[unresolved("BackendNotFound")],
            ),
            Absent(code),
        ),
        row(
            "a route of others is refused",
            &routed(json!([backend("api", 80, 1)]), &[refused()]),
            Absent(code),
        ),
    ]
}

fn backends() -> Vec<Row> {
    let code = RouteBackendMissing;
    let to = |backends| routed(backends, &[accepted()]);
    vec![
        row(
            "a route names a Service that does not exist",
            &to(json!([backend("web", 80, 1), backend("wbe", 80, 1)])),
            Noted(code),
        )
        .healed_by(45, vec![to(to_web()).answer(45)]),
        row(
            "a route names a port that the Service has not",
            &to(json!([backend("web", 8080, 1)])),
            Noted(code),
        ),
        row("a route leads to the Service", &to(to_web()), Absent(code)),
        row(
            "canary and stable by weight, of which the canary is not there and gets nothing",
            &to(json!([backend("web", 80, 100), backend("canary", 80, 0)])),
            Absent(code),
        ),
        row(
            "a route leads to another resource as well",
            &to(
                json!([backend("web", 80, 1), {"group": "example.com", "kind": "Bucket", "name": "static"}]),
            ),
            Absent(code),
        ),
        row(
            "the Services may not be listed",
            &to(json!([backend("web", 80, 1), backend("wbe", 80, 1)]))
                .with("services", json!(null)),
            Absent(code),
        ),
    ]
}

/// A Service of type LoadBalancer, created at a time, with these addresses.
#[expect(clippy::needless_pass_by_value, reason = "`json!` stands in the call")]
fn balanced(created: &str, addresses: Value) -> Ways {
    let mut service = service("web", json!({"app": "web"}));
    service["metadata"]["creationTimestamp"] = json!(created);
    service["spec"]["type"] = json!("LoadBalancer");
    service["status"] = json!({"loadBalancer": {"ingress": addresses}});
    ways().with("services", json!([service]))
}

fn warned(ways: Ways, of: &str, message: &str) -> Ways {
    let event = json!({"involvedObject": {"kind": "Service", "name": of}, "type": "Warning", "count": 3,
        "reason": "SyncLoadBalancerFailed", "message": message, "lastTimestamp": at(20)});
    ways.with("serviceEvents", json!([event]))
}

const OLD: &str = "1969-12-31T23:00:00Z";
const NEW: &str = "1970-01-01T00:00:00Z";

fn balancers() -> Vec<Row> {
    let code = LoadBalancerPending;
    let none = || json!(null);
    let full = "Error syncing load balancer: failed to ensure load balancer: Subnet aks-subnet with address prefix 10.0.0.0/28 does not have enough capacity for 1 IP addresses.";
    let quota = "Error syncing load balancer: PublicIPCountLimitReached: Cannot create more than 20 public IP addresses for this subscription in this region.";
    let name = "Error syncing load balancer: subnet \"front\" not found (SubnetNotFound)";
    let denied = "Error syncing load balancer: AuthorizationFailed: The client does not have authorization to perform action";
    vec![
        row(
            "the subnet is full",
            &warned(balanced(NEW, none()), "web", full),
            Noted(code),
        )
        .healed_by(
            45,
            vec![balanced(NEW, json!([{"ip": "10.0.0.4"}])).answer(45)],
        ),
        row(
            "a quota is used up",
            &warned(balanced(NEW, none()), "web", quota),
            Noted(code),
        ),
        row(
            "an annotation names another subnet",
            &warned(balanced(NEW, none()), "web", name),
            Noted(code),
        ),
        row(
            "the cluster's identity lacks a permission",
            &warned(balanced(NEW, none()), "web", denied),
            Noted(code),
        ),
        row(
            "an hour without an address and without a word",
            &balanced(OLD, none()),
            Noted(code),
        ),
        row(
            "the Service was created seconds ago",
            &balanced(NEW, none()),
            Absent(code),
        ),
        row(
            "it has an address, and the warning is older",
            &warned(
                balanced(OLD, json!([{"hostname": "web.example.com"}])),
                "web",
                full,
            ),
            Absent(code),
        ),
        row(
            "the warning is about another Service",
            &warned(balanced(NEW, none()), "api", full),
            Absent(code),
        ),
        row(
            "a Service inside the cluster has no address either",
            &ways(),
            Absent(code),
        ),
    ]
}

/// A load balancer that asks `/healthz` over a protocol, and the answers of both pods to it.
fn probing(protocol: &str, answers: [u16; 2]) -> Ways {
    let mut service = service("web", json!({"app": "web"}));
    service["spec"]["type"] = json!("LoadBalancer");
    service["spec"]["ports"][0]["appProtocol"] = json!(protocol);
    service["metadata"]["annotations"] = json!({
        "service.beta.kubernetes.io/azure-load-balancer-health-probe-request-path": "/healthz"});
    service["status"] = json!({"loadBalancer": {"ingress": [{"ip": "10.0.0.4"}]}});
    let tried = ["a", "b"].iter().zip(answers).map(|(pod, status)| {
        json!({"uid": format!("pod-{pod}"), "port": 8080, "path": "/healthz", "refused": false, "status": status})
    });
    let tried: Vec<Value> = tried.collect();
    ways()
        .with("services", json!([service]))
        .with("tried", json!(tried))
}

fn probes() -> Vec<Row> {
    let code = HealthProbeFailing;
    let isolating = json!([{"metadata": {"name": "web"}, "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}]}}]);
    vec![
        row(
            "no new pod answers the probe with 200",
            &probing("http", [404, 404]),
            Noted(code),
        )
        .healed_by(45, vec![probing("http", [200, 200]).answer(45)]),
        row(
            "a redirect is no 200",
            &probing("HTTP", [302, 302]),
            Noted(code),
        ),
        row(
            "one of two pods answers the probe",
            &probing("http", [404, 200]),
            Absent(code),
        ),
        row(
            "the probe goes over TCP and asks no path",
            &probing("tcp", [404, 404]),
            Absent(code),
        ),
        row(
            "nothing was asked",
            &probing("http", [404, 404]).with("tried", json!([])),
            Absent(code),
        ),
        row(
            "a NetworkPolicy isolates the pods: its answers may be of others",
            &probing("http", [404, 404]).with("networkPolicies", isolating),
            Absent(code),
        ),
    ]
}
