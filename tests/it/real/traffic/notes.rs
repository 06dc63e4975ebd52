//! The notes about what stands between users and the pods: one case for each that the ten faults do not show,
//! and what looks the same and is none.

use super::cases::{ALL_SERVED, Case, Ends, FAULT, NEAR_MISS, SERVED, Status};
use super::manifests::{OF_ALL, OTHER_TIER, PLAIN, SERVICE, TWO_PORTS, Template};

/// The kind as the Gateway API defines it, of which any content is taken.
pub(super) const ROUTES: &str = "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: httproutes.gateway.networking.k8s.io
  annotations: { api-approved.kubernetes.io: 'unapproved, for a test' }
spec:
  group: gateway.networking.k8s.io
  scope: Namespaced
  names: { kind: HTTPRoute, listKind: HTTPRouteList, plural: httproutes, singular: httproute }
  versions:
    - name: v1
      served: true
      storage: true
      subresources: { status: {} }
      schema: { openAPIV3Schema: { type: object, x-kubernetes-preserve-unknown-fields: true } }
";

const CERTIFIED: &str = "apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: shop, annotations: { kubernetes.io/ingress.class: nginx } }
spec:
  tls: [{ hosts: [shop.test], secretName: shop-tls }]
  defaultBackend: { service: { name: web, port: { number: 80 } } }
";

const CERTIFICATE: &str = "apiVersion: v1
kind: Secret
metadata: { name: shop-tls }
type: kubernetes.io/tls
stringData: { tls.crt: 'of a test', tls.key: 'of a test' }
";

/// An Ingress of a class; the name of the class.
macro_rules! of_class {
    ($class:literal) => {
        concat!(
            "apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: shop }
spec:
  ingressClassName: ",
            $class,
            "
  defaultBackend: { service: { name: web, port: { number: 80 } } }
"
        )
    };
}

const CLASS: &str = "apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: { name: of-the-notes }
spec: { controller: rollguard.test/none }
";

/// An HTTPRoute; its backends.
macro_rules! route {
    ($backends:literal) => {
        concat!(
            "apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: shop }
spec:
  parentRefs: [{ name: front }]
  rules: [{ backendRefs: [",
            $backends,
            "] }]
"
        )
    };
}

/// The word of the only Gateway about the route.
macro_rules! parents {
    ($accepted:literal) => {
        &[Status {
            of: ("gateway.networking.k8s.io", "v1", "HTTPRoute"),
            name: "shop",
            json: concat!(
                r#"{"parents": [{"parentRef": {"name": "front"}, "controllerName": "rollguard.test/none", "conditions": [{"type": "Accepted", "status": ""#,
                $accepted,
                r#"", "reason": "Tested", "message": "as the test wants it", "observedGeneration": 1}]}]}"#
            ),
        }]
    };
}

/// A Service of type LoadBalancer; the path of its health probe.
macro_rules! balanced {
    ($path:literal) => {
        concat!(
            "apiVersion: v1
kind: Service
metadata:
  name: web
  annotations: { service.beta.kubernetes.io/azure-load-balancer-health-probe-request-path: ",
            $path,
            " }
spec:
  type: LoadBalancer
  selector: { app: web, tier: front }
  ports: [{ port: 80, targetPort: http, appProtocol: http }]
"
        )
    };
}

/// As the controller of Azure's load balancers warns.
const SUBNET_FULL: &str = "apiVersion: v1
kind: Event
metadata: { name: web.full }
involvedObject: { apiVersion: v1, kind: Service, name: web, namespace: $NAMESPACE }
type: Warning
reason: SyncLoadBalancerFailed
message: 'Error syncing load balancer: failed to ensure load balancer: Subnet front does not have enough capacity for 1 IP addresses.'
";

const ADDRESS: &[Status] = &[Status {
    of: ("", "v1", "Service"),
    name: "web",
    json: r#"{"loadBalancer": {"ingress": [{"ip": "192.0.2.10"}]}}"#,
}];

/// What the pods of a tier may send.
macro_rules! egress {
    ($egress:literal) => {
        concat!(
            "apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: back-sends }
spec:
  podSelector: { matchLabels: { tier: back } }
  policyTypes: [Egress]
  egress: ",
            $egress,
            "
"
        )
    };
}

const BY_CPU: &str = "apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: { name: web }
spec:
  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: web }
  minReplicas: 2
  maxReplicas: 4
  metrics: [{ type: Resource, resource: { name: cpu, target: { type: Utilization, averageUtilization: 80 } } }]
";

const REQUESTING: Template = Template {
    container: "resources: { requests: { cpu: 1m } }",
    ..PLAIN
};

/// A Service with two ports: one by name, one by number.
const OF_TWO: &str = "apiVersion: v1
kind: Service
metadata: { name: web }
spec:
  selector: { app: web, tier: front }
  ports: [{ name: web, port: 80, targetPort: http }, { name: admin, port: 81, targetPort: 9090 }]
";

/// Logs an error every two seconds.
const LOGGING: Template = Template {
    beside: "(while sleep 2; do echo ERROR connection to db-old refused; done) &",
    ..PLAIN
};

const BOTH_SERVED: &str = "served: Service `web` → 2 of 2 new pods on ports 8080, 9090";

/// The notes, each followed by its near miss.
pub(super) const ALL: &[Case] = &[
    Case {
        says: "the Secret with the certificate of the Ingress does not exist",
        name: "traffic-tls-secret",
        objects: &[SERVICE, CERTIFIED],
        ends: Ends::Well(SERVED, Some("IngressSecretMissing")),
        ..FAULT
    },
    Case {
        says: "the Secret with the certificate of the Ingress exists",
        name: "traffic-tls-there",
        objects: &[SERVICE, CERTIFICATE, CERTIFIED],
        ends: Ends::Well(SERVED, None),
        ..NEAR_MISS
    },
    Case {
        says: "the Ingress names a class that does not exist",
        name: "traffic-class",
        objects: &[SERVICE, of_class!("of-no-one")],
        ends: Ends::Well(SERVED, Some("IngressClassMissing")),
        ..FAULT
    },
    Case {
        says: "the class of the Ingress exists",
        name: "traffic-class-there",
        objects: &[SERVICE, CLASS, of_class!("of-the-notes")],
        ends: Ends::Well(SERVED, None),
        ..NEAR_MISS
    },
    Case {
        says: "no Gateway accepts the HTTPRoute",
        name: "traffic-route-refused",
        objects: &[SERVICE, route!("{ name: web, port: 80 }")],
        statuses: parents!("False"),
        ends: Ends::Well(SERVED, Some("RouteNotAccepted")),
        ..FAULT
    },
    Case {
        says: "the Gateway accepts the HTTPRoute",
        name: "traffic-route-accepted",
        objects: &[SERVICE, route!("{ name: web, port: 80 }")],
        statuses: parents!("True"),
        ends: Ends::Well(SERVED, None),
        ..NEAR_MISS
    },
    Case {
        says: "the HTTPRoute leads to a Service that does not exist as well",
        name: "traffic-route-backend",
        objects: &[
            SERVICE,
            route!("{ name: web, port: 80 }, { name: wbe, port: 80 }"),
        ],
        statuses: parents!("True"),
        ends: Ends::Well(SERVED, Some("RouteBackendMissing")),
        ..FAULT
    },
    Case {
        says: "the backend of the HTTPRoute that does not exist has weight 0",
        name: "traffic-route-weight-zero",
        objects: &[
            SERVICE,
            route!("{ name: web, port: 80 }, { name: canary, port: 80, weight: 0 }"),
        ],
        statuses: parents!("True"),
        ends: Ends::Well(SERVED, None),
        ..NEAR_MISS
    },
    Case {
        says: "the load balancer stays pending, and a warning says why",
        name: "traffic-lb-pending",
        objects: &[balanced!("/"), SUBNET_FULL],
        ends: Ends::Well(SERVED, Some("LoadBalancerPending")),
        ..FAULT
    },
    Case {
        says: "the load balancer has an address, and the warning is older",
        name: "traffic-lb-there",
        objects: &[balanced!("/"), SUBNET_FULL],
        statuses: ADDRESS,
        ends: Ends::Well(SERVED, None),
        ..NEAR_MISS
    },
    Case {
        says: "the health probe of the load balancer asks a path that the pods do not have",
        name: "traffic-lb-probe-path",
        objects: &[balanced!("/healthz")],
        statuses: ADDRESS,
        ends: Ends::Well(SERVED, Some("HealthProbeFailing")),
        ..FAULT
    },
    Case {
        says: "a NetworkPolicy denies the new labels all that they send",
        name: "traffic-egress",
        objects: &[OF_ALL, egress!("[]")],
        v2: OTHER_TIER,
        ends: Ends::Well(ALL_SERVED, Some("EgressDenied")),
        ..FAULT
    },
    Case {
        says: "a NetworkPolicy allows the new labels all that they send",
        name: "traffic-egress-allowed",
        objects: &[OF_ALL, egress!("[{}]")],
        v2: OTHER_TIER,
        ends: Ends::Well(ALL_SERVED, None),
        ..NEAR_MISS
    },
    Case {
        says: "the autoscaler measures by requests that the update has removed",
        name: "traffic-autoscaler",
        objects: &[SERVICE, BY_CPU],
        v1: REQUESTING,
        ends: Ends::Well(SERVED, Some("AutoscalerCannotAct")),
        ..FAULT
    },
    Case {
        says: "the autoscaler measures by requests that the update keeps",
        name: "traffic-autoscaled",
        objects: &[SERVICE, BY_CPU],
        v1: REQUESTING,
        v2: REQUESTING,
        ends: Ends::Well(SERVED, None),
        ..NEAR_MISS
    },
    Case {
        says: "the update changes how names are looked up",
        name: "traffic-dns",
        v2: Template {
            pod: "dnsPolicy: Default",
            ..PLAIN
        },
        ends: Ends::Well(SERVED, Some("DnsChanged")),
        ..FAULT
    },
    Case {
        says: "the update writes the default of how names are looked up",
        name: "traffic-dns-alike",
        v2: Template {
            pod: "dnsPolicy: ClusterFirst",
            ..PLAIN
        },
        ends: Ends::Well(SERVED, None),
        ..NEAR_MISS
    },
    Case {
        says: "the EndpointSlices of a new Service lag by two minutes",
        name: "traffic-lag-long",
        objects: &[],
        changes: &[SERVICE],
        slices_lag: 120,
        args: &["--stable-for", "30s"],
        ends: Ends::Well("", Some("EndpointsNotReady")),
        ..FAULT
    },
    Case {
        says: "one of the two ports of the Service is not listened on any more",
        name: "traffic-service-only-port",
        objects: &[OF_TWO],
        v1: TWO_PORTS,
        ends: Ends::Well(BOTH_SERVED, Some("PortNotListening")),
        ..FAULT
    },
    Case {
        says: "both ports of the Service are listened on",
        name: "traffic-both-ports",
        objects: &[OF_TWO],
        v1: TWO_PORTS,
        v2: TWO_PORTS,
        ends: Ends::Well(BOTH_SERVED, None),
        ..NEAR_MISS
    },
    Case {
        says: "only the new pods log an error",
        name: "traffic-new-errors",
        v2: LOGGING,
        ends: Ends::Well("× connection to db-old refused", None),
        ..FAULT
    },
    Case {
        says: "both revisions log the same error",
        name: "traffic-old-errors",
        v1: LOGGING,
        v2: LOGGING,
        ends: Ends::Well(SERVED, None),
        ..NEAR_MISS
    },
];
