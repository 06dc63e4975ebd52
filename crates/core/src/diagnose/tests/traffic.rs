//! Complete rollouts, and the objects between users and their pods.

use super::*;
use crate::diagnose::traffic::{Formers, WaysSeen, ways_to};
use crate::snapshot::Rollout;
use crate::testing::{Ways, service, slice, ways};
use crate::traffic::Defect;

const CONTAINER: &str = "/spec/containers/0";
const TIER: &str = "/metadata/labels/tier";

/// The part of the answers that a session keeps.
pub(super) struct Followed {
    defects: Vec<Defect>,
    answered_at: jiff::Timestamp,
    lost_since: Option<jiff::Timestamp>,
}

impl Followed {
    pub(super) fn by(
        observations: &[Observation],
        rollout: &Rollout<'_>,
        policy: &Policy,
    ) -> Option<Self> {
        let workload = rollout.workload().reference();
        let mut followed: Option<Self> = None;
        let mut snapshot = Snapshot::default();
        for observation in observations {
            snapshot.apply(observation.clone());
            if !matches!(observation.seen, Seen::Traffic { .. }) {
                continue;
            }
            let rollout = snapshot.rollout(&workload)?;
            let formers = Formers {
                revisions: rollout.previous().into_iter().collect(),
                rolled_back: false,
            };
            let tried = snapshot.traffic().map(|(_, it)| it.tried.clone());
            let defects = ways_to(&rollout, &formers, &tried.unwrap_or_default(), policy);
            let lost = defects.iter().any(|it| it.code.keeps_users_away());
            let before = followed.and_then(|it| it.lost_since);
            followed = Some(Self {
                defects,
                answered_at: observation.at,
                lost_since: lost.then(|| before.unwrap_or(observation.at)),
            });
        }
        followed
    }

    pub(super) fn seen(&self) -> WaysSeen<'_> {
        WaysSeen {
            defects: &self.defects,
            answered_at: self.answered_at,
            lost_since: self.lost_since,
        }
    }
}

/// A row about a complete rollout, with an answer every five seconds from second 10 to the one at which
/// it is judged.
pub(super) fn row(says: &'static str, ways: &Ways, seconds: u64, expect: Expect) -> Row {
    let answers = (10..=seconds).step_by(5);
    answered(says, ways, &answers.collect::<Vec<_>>(), (seconds, expect))
}

fn answered(
    says: &'static str,
    ways: &Ways,
    answers: &[u64],
    (seconds, expect): (u64, Expect),
) -> Row {
    let mut observations = ways.rollout();
    observations.extend(answers.iter().map(|at| ways.answer(*at)));
    Row {
        says,
        observations,
        seconds,
        expect,
        healing: None,
    }
}

fn empty(service: &str) -> Value {
    slice(service, &[])
}

fn selecting(selector: Value) -> Value {
    json!([service("web", selector)])
}

/// The label that the Service selects has changed, and no pod is left behind it.
fn relabelled() -> Ways {
    ways()
        .new_has(TIER, json!("back"))
        .with("endpointSlices", json!([empty("web")]))
}

/// The port has another name, and the EndpointSlice has no port.
fn renamed() -> Ways {
    let mut without = slice("web", &["a", "b"]);
    put(&mut without, "ports", json!([]));
    ways()
        .new_has(&format!("{CONTAINER}/ports/0/name"), json!("web"))
        .with("endpointSlices", json!([without]))
}

fn renamed_beside_headless() -> Ways {
    let without = |name: &str| {
        let mut slice = slice(name, &["a", "b"]);
        put(&mut slice, "ports", json!([]));
        slice
    };
    let mut pods = headless();
    pods["metadata"]["name"] = json!("web-pods");
    pods["spec"]["ports"] = json!([]);
    let services = json!([service("web", json!({"tier": "front"})), pods]);
    renamed().with("services", services).with(
        "endpointSlices",
        json!([without("web"), without("web-pods")]),
    )
}

fn put(object: &mut Value, field: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(field.to_owned(), value);
    }
}

pub(super) fn rows() -> Vec<Row> {
    [
        selectors(),
        ports(),
        listening(),
        endpoints(),
        ingresses(),
        policies(),
        others(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn selectors() -> Vec<Row> {
    let code = ServiceSelectsNoPod;
    let both = |other: Value| json!([service("web", json!({"tier": "front"})), other]);
    vec![
        row(
            "no Service selects the new labels",
            &relabelled(),
            40,
            Terminal(code),
        )
        .healed_by(
            45,
            vec![
                relabelled()
                    .with("services", selecting(json!({"tier": "back"})))
                    .answer(45),
            ],
        ),
        row(
            "so for twenty seconds only: the Service may be applied yet",
            &relabelled(),
            30,
            Transient(code),
        )
        .healed_by(
            35,
            vec![
                relabelled()
                    .with("services", selecting(json!({"app": "web"})))
                    .answer(35),
            ],
        ),
        answered(
            "the last answer is from before the grace was over",
            &relabelled(),
            &[10],
            (60, Transient(code)),
        ),
        row(
            "the label is gone",
            &relabelled().new_has(TIER, json!(null)),
            40,
            Terminal(code),
        ),
        row(
            "a Service that never selected the pods",
            &relabelled().former_has(TIER, json!("back")),
            40,
            Absent(code),
        ),
        row(
            "another Service selects the new labels",
            &relabelled().with("services", both(service("new", json!({"tier": "back"})))),
            40,
            Absent(code),
        ),
        row(
            "a stable workload still serves behind the same Service",
            &relabelled().with("endpointSlices", json!([slice("web", &["stable"])])),
            40,
            Absent(code),
        ),
        row(
            "the pods that still serve terminate",
            &relabelled().with("endpointSlices", json!([endpoint(false, true)])),
            40,
            Terminal(code),
        ),
        row(
            "another workload behind the same Service is still starting",
            &relabelled().with("endpointSlices", json!([endpoint(false, false)])),
            40,
            Absent(code),
        ),
        row(
            "a Service that only collects metrics",
            &relabelled().with("services", json!([of_metrics()])),
            40,
            Absent(code),
        ),
        row(
            "a Service that a controller moves from ReplicaSet to ReplicaSet",
            &relabelled().with(
                "services",
                selecting(json!({"tier": "front", "pod-template-hash": "v1"})),
            ),
            40,
            Absent(code),
        ),
        row(
            "a webhook labels the pods, and another Service selects that label",
            &relabelled()
                .with("services", both(service("mesh", json!({"mesh": "web"}))))
                .with(
                    "endpointSlices",
                    json!([empty("web"), slice("mesh", &["a", "b"])]),
                ),
            40,
            Absent(code),
        ),
        row(
            "the endpoints may not be listed",
            &relabelled().with("endpointSlices", json!(null)),
            40,
            Absent(code),
        ),
        row(
            "pods in the network of their nodes",
            &relabelled().new_has("/spec/hostNetwork", json!(true)),
            40,
            Absent(code),
        ),
        row(
            "a Service without a selector",
            &relabelled().with("services", selecting(json!({}))),
            40,
            Absent(code),
        ),
        row(
            "a headless Service",
            &relabelled().with("services", json!([headless()])),
            40,
            Absent(code),
        ),
        row(
            "a Service for an external name",
            &relabelled().with("services", json!([external()])),
            40,
            Absent(code),
        ),
        row(
            "no Service at all",
            &relabelled().with("services", json!([])),
            40,
            Absent(code),
        ),
        row(
            "of two Services one is meant for the former version",
            &versions(),
            40,
            Absent(code),
        ),
        row(
            "a Service for the live version differs from the one that is left: a later step switches them",
            &switched(json!({"app": "web", "version": "v1"})),
            40,
            Noted(ServiceLeftBehind),
        ),
        row(
            "so do the Ingresses: they lead to the live version only",
            &switched(json!({"app": "web", "version": "v1"})).with("ingresses", route("live")),
            40,
            Noted(ServiceLeftBehind),
        ),
        row(
            "an Ingress leads users to the Service that is left",
            &switched(json!({"app": "web", "version": "v1"})).with("ingresses", route("web")),
            40,
            Terminal(code),
        ),
        row(
            "the new pods are of no version: they have lost the label",
            &switched(json!({"app": "web", "version": "v1"}))
                .new_has("/metadata/labels/version", json!(null)),
            40,
            Terminal(code),
        ),
        row(
            "a Service for another component is no other version",
            &relabelled()
                .with("services", both(service("api", json!({"tier": "api"}))))
                .with(
                    "endpointSlices",
                    json!([empty("web"), slice("api", &["api-1"])]),
                ),
            40,
            Terminal(code),
        ),
        row(
            "the Service for another version has no endpoint",
            &switched(json!({"app": "web", "version": "v1"}))
                .with("endpointSlices", json!([empty("web"), empty("live")])),
            40,
            Terminal(code),
        ),
        row(
            "a Service left for the former version is noted",
            &versions(),
            40,
            Noted(ServiceLeftBehind),
        )
        .healed_by(
            45,
            vec![
                versions()
                    .with("services", selecting(json!({"app": "web"})))
                    .answer(45),
            ],
        ),
        row(
            "both Services select what both revisions have",
            &ways().with("services", both(service("all", json!({"app": "web"})))),
            40,
            Absent(ServiceLeftBehind),
        ),
        row(
            "the Service of another workload selects the new pods too",
            &mixed(),
            40,
            Noted(ServiceMixesWorkloads),
        )
        .healed_by(
            45,
            vec![
                mixed()
                    .with("services", selecting(json!({"app": "web"})))
                    .answer(45),
            ],
        ),
        row(
            "canary and stable share a Service by weight, as before",
            &mixed().former_has(TIER, json!("api")),
            40,
            Absent(ServiceMixesWorkloads),
        ),
    ]
}

/// An endpoint that is not ready: of a pod that terminates and still serves, or of one that starts.
fn endpoint(ready: bool, terminating: bool) -> Value {
    let mut other = slice("web", &["other"]);
    let conditions = json!([{"conditions": {"ready": ready, "serving": terminating, "terminating": terminating},
        "targetRef": {"kind": "Pod", "name": "other", "uid": "pod-other"}}]);
    put(&mut other, "endpoints", conditions);
    other
}

fn of_metrics() -> Value {
    let mut metrics = service("web", json!({"tier": "front"}));
    metrics["spec"]["ports"][0]["name"] = "metrics".into();
    metrics
}

fn headless() -> Value {
    json!({"metadata": {"name": "web"}, "spec": {"clusterIP": "None", "selector": {"tier": "front"}, "ports": [{"port": 80}]}})
}

fn external() -> Value {
    json!({"metadata": {"name": "web"}, "spec": {"type": "ExternalName", "selector": {"tier": "front"}, "ports": [{"port": 80}]}})
}

fn versions() -> Ways {
    ways()
        .former_has("/metadata/labels/version", json!("v1"))
        .new_has("/metadata/labels/version", json!("v2"))
        .with(
            "services",
            json!([
                service("web", json!({"app": "web"})),
                service("web-v1", json!({"app": "web", "version": "v1"})),
            ]),
        )
        .with(
            "endpointSlices",
            json!([slice("web", &["a", "b"]), empty("web-v1")]),
        )
}

/// The next version beside the live one, each with a Service of its own.
fn switched(left: Value) -> Ways {
    versions()
        .with(
            "services",
            json!([
                service("web", left),
                service("live", json!({"app": "web", "version": "v0"})),
            ]),
        )
        .with(
            "endpointSlices",
            json!([empty("web"), slice("live", &["live-1"])]),
        )
}

fn mixed() -> Ways {
    let services = json!([
        service("web", json!({"app": "web"})),
        service("api", json!({"tier": "api"}))
    ]);
    ways()
        .new_has(TIER, json!("api"))
        .with("services", services)
        .with(
            "endpointSlices",
            json!([
                slice("web", &["a", "b"]),
                slice("api", &["a", "b", "api-1"])
            ]),
        )
}

fn ports() -> Vec<Row> {
    let code = ServicePortMissing;
    let named = |port: Value| ways().new_has(&format!("{CONTAINER}/ports"), json!([port]));
    let by_number = |ways: Ways, number: u16| {
        let mut service = service("web", json!({"app": "web"}));
        service["spec"]["ports"] = json!([{"port": 80, "targetPort": number}]);
        ways.with("services", json!([service]))
    };
    vec![
        row("the named port is gone", &renamed(), 40, Terminal(code))
            .healed_by(45, vec![ways().answer(45)]),
        row("so for twenty seconds only", &renamed(), 30, Transient(code)),
        row(
            "the named port is gone, and the name of a headless Service leads to the pods whatever their ports",
            &renamed_beside_headless(),
            40,
            Absent(code),
        ),
        row(
            "the port has another protocol",
            &named(json!({"name": "http", "containerPort": 8080, "protocol": "UDP"}))
                .with("endpointSlices", json!([empty("web")])),
            40,
            Terminal(code),
        ),
        row(
            "a port by name that moved together with the container",
            &named(json!({"name": "http", "containerPort": 9090})),
            40,
            Absent(code),
        ),
        row(
            "the port is that of a sidecar",
            &named(json!({"containerPort": 9090})).new_has(
                "/spec/initContainers",
                json!([{"name": "proxy", "restartPolicy": "Always", "ports": [{"name": "http", "containerPort": 8080}]}]),
            ),
            40,
            Absent(code),
        ),
        row(
            "the port by number is declared no more: it may listen all the same",
            &by_number(named(json!({"containerPort": 9090})), 8080),
            40,
            Noted(ServiceLeftBehind),
        ),
        row(
            "a port by number that was never declared",
            &by_number(ways(), 9090),
            40,
            Absent(ServiceLeftBehind),
        ),
    ]
}

/// The Service leads to port 8080, which the new revision has left together with its probe.
fn moved_port() -> Ways {
    let probe = format!("{CONTAINER}/readinessProbe/httpGet/port");
    let ports = format!("{CONTAINER}/ports");
    let mut service = service("web", json!({"app": "web"}));
    service["spec"]["ports"] = json!([{"port": 80, "targetPort": 8080}]);
    ways()
        .new_has(&probe, json!(9090))
        .new_has(&ports, json!([{"containerPort": 9090}]))
        .former_has(&ports, json!([]))
        .with("services", json!([service]))
        .with("tried", tried(&[("a", true), ("b", true)]))
}

fn tried(pods: &[(&str, bool)]) -> Value {
    let tried = pods.iter().map(
        |(pod, refused)| json!({"uid": format!("pod-{pod}"), "port": 8080, "refused": refused}),
    );
    tried.collect()
}

fn listening() -> Vec<Row> {
    let code = NoPodListens;
    let note = Noted(PortNotListening);
    let isolating = json!([{"metadata": {"name": "web"}, "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}]}}]);
    let also = |port: u16| {
        let mut service = service("web", json!({"app": "web"}));
        service["spec"]["ports"] = json!([{"name": "http", "port": 80, "targetPort": 8080}, {"name": "https", "port": 443, "targetPort": port}]);
        moved_port().with("services", json!([service]))
    };
    vec![
        row(
            "every new pod refuses the port that the former revision's probe asked",
            &moved_port(),
            40,
            Terminal(code),
        )
        .healed_by(
            45,
            vec![
                moved_port()
                    .with("tried", tried(&[("a", false), ("b", false)]))
                    .answer(45),
            ],
        ),
        row(
            "so for twenty seconds only",
            &moved_port(),
            30,
            Transient(code),
        ),
        row(
            "one new pod answers, with TLS, an error or another protocol",
            &moved_port().with("tried", tried(&[("a", true), ("b", false)])),
            40,
            Absent(code),
        ),
        row(
            "no pod was tried",
            &moved_port().with("tried", json!([])),
            40,
            Absent(code),
        ),
        row(
            "a probe of the former revision did not ask the port: it may always have been so",
            &moved_port().former_has(
                &format!("{CONTAINER}/readinessProbe/httpGet/port"),
                json!(9090),
            ),
            40,
            note,
        )
        .healed_by(45, vec![ways().answer(45)]),
        row(
            "a NetworkPolicy isolates the pods and may have refused",
            &moved_port().with("networkPolicies", isolating),
            40,
            Absent(PortNotListening),
        ),
        row(
            "NetworkPolicies may not be listed",
            &moved_port().with("networkPolicies", json!(null)),
            40,
            note,
        ),
        row(
            "without a readiness probe the application may still be starting",
            &moved_port().new_has(&format!("{CONTAINER}/readinessProbe"), json!(null)),
            40,
            note,
        ),
        row(
            "the readiness probe is that of a sidecar, and the application declares the port",
            &beside_a_sidecar(json!([{"containerPort": 8080}]), json!(null)),
            40,
            note,
        ),
        row(
            "the readiness probe is that of a sidecar, and no container declares the port",
            &beside_a_sidecar(json!([]), json!(null)),
            40,
            note,
        ),
        row(
            "the application that declares the port has a readiness probe, and its sidecar has not",
            &beside_a_sidecar(json!([{"containerPort": 8080}]), probe_of(9090))
                .new_has("/spec/initContainers/0/readinessProbe", json!(null)),
            40,
            Terminal(code),
        ),
        row(
            "a Service takes UDP as well, which is not tried",
            &with_services(json!([of_logs("logs")])),
            40,
            note,
        ),
        row(
            "the port that takes UDP is for collecting metrics",
            &with_services(json!([of_logs("metrics")])),
            40,
            Terminal(code),
        ),
        row(
            "a headless Service redirects no port: its users may know a way in",
            &with_services(json!([
                by_number("web", "10.0.0.1"),
                by_number("pods", "None")
            ])),
            40,
            note,
        ),
        row(
            "a headless Service has no ports at all",
            &with_services(json!([by_number("web", "10.0.0.1"), without_ports()])),
            40,
            note,
        ),
        row(
            "a headless Service is for other pods",
            &with_services(json!([by_number("web", "10.0.0.1"), headless()]))
                .new_has(TIER, json!("back")),
            40,
            Terminal(code),
        ),
        row(
            "only a headless Service leads there",
            &with_services(json!([by_number("pods", "None")])),
            40,
            Absent(code),
        ),
        row(
            "the port that the readiness probe asks is refused as well: something else refuses",
            &moved_port().with("tried", both_tried(true)),
            40,
            Absent(code),
        ),
        row(
            "the port that the readiness probe asks answers",
            &moved_port().with("tried", both_tried(false)),
            40,
            Terminal(code),
        ),
        row(
            "another port of the Service is a way in",
            &also(8443),
            40,
            note,
        ),
        row(
            "the Service's other port is refused as well",
            &also(8080),
            40,
            Terminal(code),
        ),
        row(
            "the port is for collecting metrics",
            &metrics_only(),
            40,
            Absent(PortNotListening),
        ),
    ]
}

/// The pods refuse the port of the Service; whether they refuse that of their readiness probe as well.
fn both_tried(proven: bool) -> Value {
    let of = |pod: &str, port: u16, refused: bool| json!({"uid": format!("pod-{pod}"), "port": port, "refused": refused});
    json!([
        of("a", 8080, true),
        of("b", 8080, true),
        of("a", 9090, proven),
        of("b", 9090, false)
    ])
}

fn probe_of(port: u16) -> Value {
    json!({"httpGet": {"path": "/", "port": port}})
}

/// The application declares these ports and has this probe; a sidecar has a readiness probe.
fn beside_a_sidecar(ports: Value, readiness: Value) -> Ways {
    let sidecar =
        json!([{"name": "proxy", "restartPolicy": "Always", "readinessProbe": probe_of(9090)}]);
    moved_port()
        .new_has(&format!("{CONTAINER}/ports"), ports)
        .new_has(&format!("{CONTAINER}/readinessProbe"), readiness)
        .new_has("/spec/initContainers", sidecar)
}

fn with_services(services: Value) -> Ways {
    moved_port().with("services", services)
}

/// A Service that leads to port 8080.
fn by_number(name: &str, address: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {"clusterIP": address, "selector": {"app": "web"},
        "ports": [{"port": 80, "targetPort": 8080}]}})
}

/// A Service that takes the same by TCP and UDP; the port for UDP has a name.
fn of_logs(name: &str) -> Value {
    json!({"metadata": {"name": "web"}, "spec": {"clusterIP": "10.0.0.1", "selector": {"app": "web"}, "ports": [
        {"name": "tcp", "port": 514, "targetPort": 8080},
        {"name": name, "port": 514, "protocol": "UDP", "targetPort": 8080}]}})
}

fn without_ports() -> Value {
    json!({"metadata": {"name": "pods"}, "spec": {"clusterIP": "None", "selector": {"app": "web"}, "ports": []}})
}

fn metrics_only() -> Ways {
    let mut service = service("web", json!({"app": "web"}));
    service["spec"]["ports"] = json!([{"name": "metrics", "port": 80, "targetPort": 8080}]);
    moved_port().with("services", json!([service]))
}

fn of_ipv6(service: &str, pods: &[&str]) -> Value {
    let mut slice = slice(service, pods);
    put(&mut slice, "addressType", json!("IPv6"));
    slice
}

fn endpoints() -> Vec<Row> {
    let without = || ways().with("endpointSlices", json!([empty("web")]));
    vec![
        row(
            "ready pods are no endpoints",
            &without(),
            40,
            Noted(EndpointsNotReady),
        )
        .healed_by(45, vec![ways().answer(45)]),
        answered(
            "an EndpointSlice that lags by five seconds",
            &without(),
            &[5],
            (9, Absent(EndpointsNotReady)),
        ),
        row(
            "two stacks have a slice each",
            &ways().with(
                "endpointSlices",
                json!([slice("web", &["a", "b"]), slice("web", &["a", "b"])]),
            ),
            40,
            Absent(EndpointsNotReady),
        ),
        row(
            "a Service of both families, and the pods have addresses of IPv4 only",
            &ways().with(
                "endpointSlices",
                json!([slice("web", &["a", "b"]), of_ipv6("web", &[])]),
            ),
            40,
            Absent(EndpointsNotReady),
        ),
        row(
            "a Service of IPv6 only",
            &ways().with("endpointSlices", json!([of_ipv6("web", &["a", "b"])])),
            40,
            Absent(EndpointsNotReady),
        ),
        row(
            "no endpoint of either family",
            &ways().with("endpointSlices", json!([empty("web"), of_ipv6("web", &[])])),
            40,
            Noted(EndpointsNotReady),
        ),
        row(
            "a headless Service without ports",
            &ways().with("services", json!([headless()])),
            40,
            Absent(EndpointsNotReady),
        ),
    ]
}

pub(super) fn ingress(service: &str, port: Value) -> Value {
    let path = |service: &str, port: Value| json!({"path": "/api", "pathType": "Prefix", "backend": {"service": {"name": service, "port": port}}});
    json!([{"metadata": {"name": "shop"}, "spec": {"ingressClassName": "nginx", "rules": [
        {"host": "shop.example.com", "http": {"paths": [path("web", json!({"number": 80})), path(service, port)]}}]}}])
}

/// An Ingress with a single path.
fn route(service: &str) -> Value {
    json!([{"metadata": {"name": "shop"}, "spec": {"rules": [{"http": {"paths": [
        {"path": "/", "backend": {"service": {"name": service, "port": {"number": 80}}}}]}}]}}])
}

fn classes(name: &str) -> Value {
    json!([{"metadata": {"name": name}, "spec": {"controller": "example.com/ingress"}}])
}

fn default_class() -> Value {
    let annotations = json!({"ingressclass.kubernetes.io/is-default-class": "true"});
    json!([{"metadata": {"name": "nginx", "annotations": annotations}}])
}

/// An Ingress that leads to the Service and names no class.
fn classless(annotations: Value) -> Ways {
    let mut ingress = ingress("web", json!({"number": 80}));
    ingress[0]["metadata"]["annotations"] = annotations;
    if let Some(spec) = ingress[0]["spec"].as_object_mut() {
        spec.remove("ingressClassName");
    }
    ways().with("ingresses", ingress)
}

fn ingresses() -> Vec<Row> {
    let with = |service, port| ways().with("ingresses", ingress(service, port));
    vec![
        row(
            "an Ingress names a Service that does not exist",
            &with("wbe", json!({"number": 80})),
            40,
            Noted(IngressBackendMissing),
        )
        .healed_by(45, vec![with("web", json!({"number": 80})).answer(45)]),
        row(
            "an Ingress names a port that the Service has not",
            &with("web", json!({"number": 8080})),
            40,
            Noted(IngressBackendMissing),
        ),
        row(
            "an Ingress that leads to the Service",
            &with("web", json!({"number": 80})),
            40,
            Absent(IngressBackendMissing),
        ),
        row(
            "the class of an Ingress does not exist",
            &with("web", json!({"number": 80})).with("ingressClasses", classes("traefik")),
            40,
            Noted(IngressClassMissing),
        )
        .healed_by(
            45,
            vec![
                with("web", json!({"number": 80}))
                    .with("ingressClasses", classes("nginx"))
                    .answer(45),
            ],
        ),
        row(
            "the class of an Ingress exists",
            &with("web", json!({"number": 80})).with("ingressClasses", classes("nginx")),
            40,
            Absent(IngressClassMissing),
        ),
        row(
            "the classes may not be listed",
            &with("web", json!({"number": 80})),
            40,
            Absent(IngressClassMissing),
        ),
        row(
            "an Ingress without a class, and none is the default",
            &classless(json!({})).with("ingressClasses", classes("nginx")),
            40,
            Noted(IngressClassMissing),
        ),
        row(
            "an Ingress without a class gets the default",
            &classless(json!({})).with("ingressClasses", default_class()),
            40,
            Absent(IngressClassMissing),
        ),
        row(
            "an Ingress has its class in the old annotation",
            &classless(json!({"kubernetes.io/ingress.class": "nginx"}))
                .with("ingressClasses", classes("traefik")),
            40,
            Absent(IngressClassMissing),
        ),
        row(
            "an Ingress of others is broken",
            &ways().with(
                "ingresses",
                json!([{"metadata": {"name": "old"}, "spec": {"defaultBackend":
                {"service": {"name": "gone", "port": {"number": 80}}}}}]),
            ),
            40,
            Absent(IngressBackendMissing),
        ),
        row(
            "an Ingress leads to another resource",
            &ways().with(
                "ingresses",
                json!([{"metadata": {"name": "static"}, "spec": {"defaultBackend":
                {"resource": {"kind": "StorageBucket", "name": "web"}}}}]),
            ),
            40,
            Absent(IngressBackendMissing),
        ),
    ]
}

#[expect(clippy::needless_pass_by_value, reason = "`json!` stands in the call")]
fn policy(name: &str, selector: Value, direction: &str, rules: Value) -> Value {
    let mut policy = json!({"metadata": {"name": name}, "spec": {"podSelector": selector, "policyTypes": [direction]}});
    put(&mut policy["spec"], &direction.to_ascii_lowercase(), rules);
    policy
}

fn policies() -> Vec<Row> {
    let moved = || ways().new_has(TIER, json!("back"));
    let deny = |direction| policy("default-deny", json!({}), direction, json!([]));
    let front = |direction, rules| {
        policy(
            "front",
            json!({"matchLabels": {"tier": "front"}}),
            direction,
            rules,
        )
    };
    let of_namespace =
        json!([{"from": [{"namespaceSelector": {"matchLabels": {"team": "shop"}}}]}]);
    let admitted = |ways: Ways| {
        let rules = json!([{"from": [{"podSelector": {}}]}]);
        ways.with(
            "networkPolicies",
            json!([deny("Ingress"), front("Ingress", rules)]),
        )
    };
    let sent = |ways: Ways, rules| {
        ways.with(
            "networkPolicies",
            json!([deny("Egress"), front("Egress", rules)]),
        )
    };
    let expressed = policy(
        "not-front",
        json!({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["front"]}]}),
        "Egress",
        json!([{"ports": [{"port": 443, "protocol": "TCP"}]}]),
    );
    let asks = |port: Value| {
        let mut policy = expressed.clone();
        policy["spec"]["egress"] = json!([{"ports": [port]}]);
        moved().with("networkPolicies", json!([policy]))
    };
    vec![
        row(
            "the policy that admitted the pods does not select them",
            &admitted(moved()),
            40,
            Noted(TrafficDenied),
        )
        .healed_by(45, vec![moved().answer(45)]),
        row(
            "the policy still admits them",
            &admitted(ways()),
            40,
            Absent(TrafficDenied),
        ),
        row(
            "a policy admits a namespace to the new labels",
            &moved().with(
                "networkPolicies",
                json!([
                    deny("Ingress"),
                    policy(
                        "back",
                        json!({"matchLabels": {"tier": "back"}}),
                        "Ingress",
                        of_namespace
                    )
                ]),
            ),
            40,
            Absent(TrafficDenied),
        ),
        row(
            "nothing was ever admitted",
            &moved().with("networkPolicies", json!([deny("Ingress")])),
            40,
            Absent(TrafficDenied),
        ),
        row(
            "the policy that let the pods send does not select them",
            &sent(moved(), json!([{}])),
            40,
            Noted(EgressDenied),
        )
        .healed_by(45, vec![moved().answer(45)]),
        row(
            "the policy still lets them send",
            &sent(ways(), json!([{}])),
            40,
            Absent(EgressDenied),
        ),
        row(
            "only HTTPS is allowed now, without DNS",
            &asks(json!({"port": 443})),
            40,
            Noted(EgressDenied),
        ),
        row(
            "DNS is allowed",
            &asks(json!({"port": 53, "protocol": "UDP"})),
            40,
            Absent(EgressDenied),
        ),
        row(
            "DNS is in a range that is allowed",
            &asks(json!({"port": 1, "endPort": 1024})),
            40,
            Absent(EgressDenied),
        ),
    ]
}

fn others() -> Vec<Row> {
    let host = |value: &str| json!([{"name": "DB_HOST", "value": value}]);
    let env = format!("{CONTAINER}/env");
    let db = || service("db", json!({"app": "db"}));
    let known = |slices: Value| {
        ways()
            .with(
                "services",
                json!([service("web", json!({"app": "web"})), db()]),
            )
            .with("endpointSlices", slices)
    };
    let up = || known(json!([slice("web", &["a", "b"]), slice("db", &["db-0"])]));
    let down = || known(json!([slice("web", &["a", "b"]), empty("db")]));
    let asks = |ways: Ways, value: &str| ways.new_has(&env, host(value));
    let scaler = || {
        ways().with("autoscalers", json!([{"metadata": {"name": "web"}, "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}]}}]))
    };
    let requests = format!("{CONTAINER}/resources");
    let cpu = || json!({"requests": {"cpu": "100m"}});
    let code = DependencyNotServed;
    vec![
        row(
            "a cluster DNS name of no Service",
            &asks(up(), "postgres://db-old.shop.svc.cluster.local:80/x"),
            40,
            Noted(code),
        )
        .healed_by(
            45,
            vec![
                up().with("services", json!([service("db-old", json!({}))]))
                    .answer(45),
            ],
        ),
        row(
            "a port that the Service has not",
            &asks(up(), "db:5432"),
            40,
            Noted(code),
        ),
        row(
            "a Service without an endpoint",
            &asks(down(), "http://db"),
            40,
            Noted(code),
        ),
        row(
            "a word for a Service before, and for none now",
            &asks(up().former_has(&env, host("db")), "dbx"),
            40,
            Noted(code),
        ),
        row(
            "a Service that serves",
            &asks(up(), "http://user:pw@db:80/x"),
            40,
            Absent(code),
        ),
        row(
            "a host that never was a Service",
            &asks(up(), "redis"),
            40,
            Absent(code),
        ),
        row(
            "a host outside",
            &asks(up(), "https://db.example.com:443"),
            40,
            Absent(code),
        ),
        row(
            "a Service of another namespace",
            &asks(up(), "db-old.other.svc"),
            40,
            Absent(code),
        ),
        row(
            "a word in a sentence",
            &asks(down(), "use db or not"),
            40,
            Absent(code),
        ),
        row(
            "what the former revision named as well",
            &down().both_have(&env, host("db")),
            40,
            Absent(code),
        ),
        row(
            "the requests are gone that the autoscaler measures",
            &scaler().former_has(&requests, cpu()),
            40,
            Noted(AutoscalerCannotAct),
        )
        .healed_by(45, vec![ways().answer(45)]),
        row(
            "the requests are there",
            &scaler().both_have(&requests, cpu()),
            40,
            Absent(AutoscalerCannotAct),
        ),
        row(
            "there never were requests",
            &scaler(),
            40,
            Absent(AutoscalerCannotAct),
        ),
        row(
            "names are looked up by the node's DNS now",
            &ways().new_has("/spec/dnsPolicy", json!("Default")),
            40,
            Noted(DnsChanged),
        )
        .healed_by(
            45,
            ways()
                .rollout()
                .into_iter()
                .chain([ways().answer(45)])
                .collect(),
        ),
        row(
            "the default is written out",
            &ways().new_has("/spec/dnsPolicy", json!("ClusterFirst")),
            40,
            Absent(DnsChanged),
        ),
    ]
}
