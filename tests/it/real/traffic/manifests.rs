//! The objects of the cases: the workload of each version, and what stands before its pods.

use rollguard_tests::scenarios::Kind;

/// A version of the workload.
#[derive(Clone, Copy)]
pub(super) struct Template {
    pub(super) kind: Kind,
    pub(super) replicas: u8,
    /// More fields of the workload's spec.
    pub(super) spec: &'static str,
    pub(super) labels: &'static str,
    /// Name and number of the port that the container declares.
    pub(super) port: (&'static str, u16),
    /// The ports on which it serves a page.
    pub(super) listens: &'static [u16],
    /// Shell commands that run beside.
    pub(super) beside: &'static str,
    /// The port that the readiness probe asks.
    pub(super) ready: Option<u16>,
    /// The value of its variable `DATABASE`.
    pub(super) database: &'static str,
    /// More fields of the container.
    pub(super) container: &'static str,
    /// More fields of the pod's spec.
    pub(super) pod: &'static str,
}

pub(super) const PLAIN: Template = Template {
    kind: Kind::Deployment,
    replicas: 2,
    spec: "",
    labels: "app: web, tier: front",
    port: ("http", 8080),
    listens: &[8080],
    beside: "",
    ready: Some(8080),
    database: "none",
    container: "",
    pod: "",
};

/// With the label of another tier.
pub(super) const OTHER_TIER: Template = Template {
    labels: "app: web, tier: back",
    ..PLAIN
};

/// Declares one port, and serves on one more, which the readiness probe asks.
pub(super) const TWO_PORTS: Template = Template {
    listens: &[8080, 9090],
    ready: Some(9090),
    ..PLAIN
};

/// On the node's own network, alone on its port.
pub(super) const OF_NODE: Template = Template {
    replicas: 1,
    spec: "strategy: { type: Recreate }",
    port: ("http", 18473),
    listens: &[18473],
    ready: Some(18473),
    pod: "hostNetwork: true",
    ..PLAIN
};

/// A share of the users' requests goes to it.
pub(super) const CANARY: Template = Template {
    labels: "app: web, shop: front, track: canary",
    ..PLAIN
};

/// Pods that their users know by name.
pub(super) const DATABASE: Template = Template {
    kind: Kind::StatefulSet,
    spec: "serviceName: db",
    labels: "app: db",
    ..PLAIN
};

impl Template {
    /// The whole workload.
    pub(super) fn workload(self, version: u32) -> String {
        let Self {
            kind,
            replicas,
            spec,
            labels,
            port: (name, number),
            database,
            container,
            pod,
            ..
        } = self;
        let (workload, shell, probe) = (kind.name(), self.shell(), self.probe());
        let what = match kind {
            Kind::Deployment => "Deployment",
            Kind::StatefulSet => "StatefulSet",
            Kind::DaemonSet => "DaemonSet",
        };
        format!(
            r#"apiVersion: apps/v1
kind: {what}
metadata: {{ name: {workload} }}
spec:
  replicas: {replicas}
  selector: {{ matchLabels: {{ app: {workload} }} }}
  {spec}
  template:
    metadata: {{ labels: {{ {labels} }} }}
    spec:
      terminationGracePeriodSeconds: 1
      {pod}
      containers:
        - name: app
          image: rollguard.test/busybox:1
          command: [sh, -c, "{shell}"]
          env: [{{ name: VERSION, value: "{version}" }}, {{ name: DATABASE, value: "{database}" }}]
          ports: [{{ name: {name}, containerPort: {number} }}]
          {container}
          {probe}
"#
        )
    }

    fn shell(self) -> String {
        let serve = self.listens.iter();
        let serve: Vec<String> = serve.map(|it| format!("httpd -p {it} -h /www;")).collect();
        format!(
            "trap 'exit 0' TERM; {} {} sleep 3600 & wait",
            serve.join(" "),
            self.beside
        )
    }

    fn probe(self) -> String {
        self.ready.map_or_else(String::new, |port| {
            format!("readinessProbe: {{ httpGet: {{ path: /, port: {port} }}, periodSeconds: 1 }}")
        })
    }
}

/// A Service; its name, the labels that it selects, and its port.
macro_rules! service {
    ($name:literal, $selector:literal, $port:literal) => {
        concat!(
            "apiVersion: v1
kind: Service
metadata: { name: ",
            $name,
            " }
spec:
  selector: { ",
            $selector,
            " }
  ports: [{ ",
            $port,
            " }]
"
        )
    };
}

/// A Deployment beside the one that is updated; the labels of its pods.
macro_rules! other {
    ($labels:literal) => {
        concat!(
            r#"apiVersion: apps/v1
kind: Deployment
metadata: { name: other }
spec:
  selector: { matchLabels: { app: other } }
  template:
    metadata: { labels: { "#,
            $labels,
            r#" } }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: app
          image: rollguard.test/busybox:1
          command: [sh, -c, "trap 'exit 0' TERM; httpd -p 8080 -h /www; sleep 3600 & wait"]
          ports: [{ name: http, containerPort: 8080 }]
          readinessProbe: { httpGet: { path: /, port: 8080 }, periodSeconds: 1 }
"#
        )
    };
}

pub(super) const SERVICE: &str =
    service!("web", "app: web, tier: front", "port: 80, targetPort: http");
/// The same with another port of its own.
pub(super) const AT_81: &str =
    service!("web", "app: web, tier: front", "port: 81, targetPort: http");
pub(super) const NUMBERED: &str =
    service!("web", "app: web, tier: front", "port: 80, targetPort: 9090");
pub(super) const OF_BACK: &str =
    service!("web", "app: web, tier: back", "port: 80, targetPort: http");
pub(super) const OF_ALL: &str = service!("all", "app: web", "port: 80, targetPort: http");
pub(super) const DUAL: &str = "apiVersion: v1
kind: Service
metadata: { name: web }
spec:
  ipFamilyPolicy: RequireDualStack
  selector: { app: web, tier: front }
  ports: [{ port: 80, targetPort: http }]
";
pub(super) const HEADLESS: &str = "apiVersion: v1
kind: Service
metadata: { name: db }
spec:
  clusterIP: None
  selector: { app: db }
  ports: [{ port: 8080, targetPort: http }]
";
/// Leads out of the cluster, by a slice that a person wrote.
pub(super) const WITHOUT_SELECTOR: &str = "apiVersion: v1
kind: Service
metadata: { name: web }
spec:
  ports: [{ port: 80, targetPort: 8080 }]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: web-by-hand, labels: { kubernetes.io/service-name: web } }
addressType: IPv4
ports: [{ port: 8080, protocol: TCP }]
endpoints: [{ addresses: [192.0.2.10], conditions: { ready: true } }]
";
/// The database of v1.
pub(super) const OF_DATABASE: &str = "apiVersion: v1
kind: Service
metadata: { name: db }
spec:
  ports: [{ port: 5432 }]
";
pub(super) const INGRESS: &str = "apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: shop, annotations: { kubernetes.io/ingress.class: nginx } }
spec:
  rules:
    - host: shop.test
      http:
        paths: [{ path: /, pathType: Prefix, backend: { service: { name: web, port: { number: 80 } } } }]
";
/// Services of the stable version, of the canary and of both, and the weights between them.
pub(super) const BY_WEIGHT: &str = concat!(
    service!("both", "shop: front", "port: 80, targetPort: http"),
    "---\n",
    service!(
        "canary",
        "shop: front, track: canary",
        "port: 80, targetPort: http"
    ),
    "---\n",
    service!(
        "stable",
        "shop: front, track: stable",
        "port: 80, targetPort: http"
    ),
    "---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: shop, annotations: { kubernetes.io/ingress.class: nginx } }
spec: { defaultBackend: { service: { name: stable, port: { number: 80 } } } }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop-canary
  annotations:
    kubernetes.io/ingress.class: nginx
    nginx.ingress.kubernetes.io/canary: \"true\"
    nginx.ingress.kubernetes.io/canary-weight: \"20\"
spec: { defaultBackend: { service: { name: canary, port: { number: 80 } } } }
"
);
pub(super) const DENY: &str = "apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: default-deny }
spec: { podSelector: {}, policyTypes: [Ingress] }
";
pub(super) const ADMIT: &str = "apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: front }
spec:
  podSelector: { matchLabels: { tier: front } }
  policyTypes: [Ingress]
  ingress: [{ from: [{ podSelector: {} }] }]
";
pub(super) const ADMIT_NAMESPACE: &str = "apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: back }
spec:
  podSelector: { matchLabels: { tier: back } }
  policyTypes: [Ingress]
  ingress: [{ from: [{ namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: ingress } } }] }]
";

/// Another Deployment of the namespace, with a Service of its own.
pub(super) const OTHER: &str = concat!(
    other!("app: other, tier: back"),
    "---\n",
    service!("other", "tier: back", "port: 80, targetPort: http")
);

/// The stable version beside a canary.
pub(super) const STABLE: &str = other!("app: other, shop: front, track: stable");
