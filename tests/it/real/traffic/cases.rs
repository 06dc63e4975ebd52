//! Ten faults of the way to the pods, and near misses of them: what looks the same and serves.

use super::manifests::{
    ADMIT, ADMIT_NAMESPACE, AT_81, BY_WEIGHT, CANARY, DATABASE, DENY, DUAL, HEADLESS, INGRESS,
    NUMBERED, OF_ALL, OF_BACK, OF_DATABASE, OF_NODE, OTHER, OTHER_TIER, PLAIN, SERVICE, STABLE,
    TWO_PORTS, Template, WITHOUT_SELECTOR,
};

/// An update of a healthy workload, and the objects before its pods.
pub(crate) struct Case {
    pub(super) says: &'static str,
    /// The name of its namespace.
    pub(super) name: &'static str,
    /// Whether users are served worse than before.
    pub(super) is_fault: bool,
    pub(super) objects: &'static [&'static str],
    /// Whether they have a Deployment `other`.
    pub(super) has_other: bool,
    pub(super) v1: Template,
    pub(super) v2: Template,
    /// What the update changes beside the workload.
    pub(super) changes: &'static [&'static str],
    /// Applied so many seconds after the update.
    pub(super) later: Option<(u64, &'static str)>,
    /// More of the check's command line.
    pub(super) args: &'static [&'static str],
    /// For how many seconds more EndpointSlices are shown as they were.
    pub(super) slices_lag: u64,
    /// What the controllers of a cloud or a gateway would write.
    pub(super) statuses: &'static [Status],
    pub(super) ends: Ends,
    /// The kind of object that a tool must name to have named the cause.
    pub(super) sign: &'static str,
}

/// The status of an object.
pub(super) struct Status {
    /// Its group, version and kind.
    pub(super) of: (&'static str, &'static str, &'static str),
    pub(super) name: &'static str,
    /// Its content.
    pub(super) json: &'static str,
}

/// How the check of the update ends.
pub(super) enum Ends {
    /// With this code, and rolled out.
    NotReachable(&'static str),
    /// With this code.
    Fails(&'static str),
    /// Well, with this line, and this code as a note.
    Well(&'static str, Option<&'static str>),
}

impl Case {
    /// The code that names the fault.
    pub(super) fn code(&self) -> Option<&'static str> {
        match self.ends {
            Ends::NotReachable(code) | Ends::Fails(code) => Some(code),
            Ends::Well(_, note) => note.filter(|_| self.is_fault),
        }
    }

    /// The code of a note.
    pub(super) const fn note(&self) -> Option<&'static str> {
        match self.ends {
            Ends::Well(_, note) => note,
            Ends::NotReachable(_) | Ends::Fails(_) => None,
        }
    }

    /// Returns whether the fault fails the check.
    pub(super) const fn decides(&self) -> bool {
        !matches!(self.ends, Ends::Well(..))
    }
}

pub(super) const FAULT: Case = Case {
    says: "",
    name: "",
    is_fault: true,
    objects: &[SERVICE],
    has_other: false,
    v1: PLAIN,
    v2: PLAIN,
    changes: &[],
    later: None,
    args: &[],
    slices_lag: 0,
    statuses: &[],
    ends: Ends::Well("", None),
    sign: "Service",
};
pub(super) const NEAR_MISS: Case = Case {
    is_fault: false,
    sign: "",
    ..FAULT
};

pub(super) const SERVED: &str = "served: Service `web` → 2 of 2 new pods on port 8080";
pub(super) const ALL_SERVED: &str = "served: Service `all` → 2 of 2 new pods on port 8080";

/// All of them, the faults first.
pub(crate) fn all() -> impl Iterator<Item = &'static Case> {
    FAULTS.iter().chain(NEAR_MISSES)
}

const FAULTS: &[Case] = &[
    Case {
        says: "the label that the Service selects has changed",
        name: "traffic-label",
        v2: OTHER_TIER,
        ends: Ends::NotReachable("ServiceSelectsNoPod"),
        ..FAULT
    },
    Case {
        says: "the port that the Service names has another name",
        name: "traffic-port",
        v2: Template {
            port: ("web", 8080),
            ..PLAIN
        },
        ends: Ends::NotReachable("ServicePortMissing"),
        ..FAULT
    },
    Case {
        says: "no container listens any more on the number that the Service leads to",
        name: "traffic-number",
        objects: &[NUMBERED],
        v1: TWO_PORTS,
        ends: Ends::NotReachable("NoPodListens"),
        ..FAULT
    },
    Case {
        says: "the Service answers otherwise than the pods",
        name: "traffic-answer",
        v2: Template {
            port: ("http", 9090),
            // An empty folder: every page is missing.
            beside: "httpd -p 9090 -h /tmp;",
            ..PLAIN
        },
        args: &["--http", "/:8080=200", "--http", "service/web/:80=200"],
        ends: Ends::Fails("ServiceCheckFailing"),
        ..FAULT
    },
    Case {
        says: "the new label is that of the Service of another Deployment",
        name: "traffic-mixed",
        objects: &[OTHER, OF_ALL],
        has_other: true,
        v2: OTHER_TIER,
        ends: Ends::Well(ALL_SERVED, Some("ServiceMixesWorkloads")),
        ..FAULT
    },
    Case {
        says: "a NetworkPolicy admits nothing to the new labels",
        name: "traffic-policy",
        objects: &[OF_ALL, DENY, ADMIT],
        v2: OTHER_TIER,
        ends: Ends::Well(ALL_SERVED, Some("TrafficDenied")),
        sign: "NetworkPolicy",
        ..FAULT
    },
    Case {
        says: "the update changes the Service's port, and the Ingress keeps the former one",
        name: "traffic-ingress",
        objects: &[SERVICE, INGRESS],
        changes: &[AT_81],
        ends: Ends::Well(SERVED, Some("IngressBackendMissing")),
        sign: "Ingress",
        ..FAULT
    },
    Case {
        says: "the readiness probe is removed, and the application opens no port",
        name: "traffic-unready",
        v2: Template {
            listens: &[],
            ready: None,
            ..PLAIN
        },
        ends: Ends::Well(SERVED, Some("PortNotListening")),
        ..FAULT
    },
    Case {
        says: "the new revision names a Service that does not exist",
        name: "traffic-needs",
        objects: &[SERVICE, OF_DATABASE],
        v1: Template {
            database: "db:5432",
            ..PLAIN
        },
        v2: Template {
            database: "db-new:5432",
            ..PLAIN
        },
        ends: Ends::Well(SERVED, Some("DependencyNotServed")),
        ..FAULT
    },
    Case {
        says: "the update itself sets the replicas to 0",
        name: "traffic-none",
        v2: Template {
            replicas: 0,
            ..PLAIN
        },
        ends: Ends::Well(
            "has 0 replicas: the rollout is complete, but nothing was verified",
            Some("NothingToVerify"),
        ),
        sign: "0 replicas",
        ..FAULT
    },
];

const NEAR_MISSES: &[Case] = &[
    Case {
        says: "the Service has no selector",
        name: "traffic-by-hand",
        objects: &[WITHOUT_SELECTOR],
        v2: OTHER_TIER,
        ..NEAR_MISS
    },
    Case {
        says: "of two Services one is left for the former version",
        name: "traffic-versions",
        objects: &[SERVICE, OF_ALL],
        v2: OTHER_TIER,
        ends: Ends::Well(ALL_SERVED, Some("ServiceLeftBehind")),
        ..NEAR_MISS
    },
    Case {
        says: "a canary is updated beside the stable version, with weights between them",
        name: "traffic-canary",
        objects: &[STABLE, BY_WEIGHT],
        has_other: true,
        v1: CANARY,
        v2: CANARY,
        ends: Ends::Well(
            "served: Service `both` → 2 of 2 new pods on port 8080; Service `canary` → 2 of 2 new pods on port 8080",
            None,
        ),
        ..NEAR_MISS
    },
    Case {
        says: "the port of a StatefulSet with a headless Service has another name",
        name: "traffic-headless",
        objects: &[HEADLESS],
        v1: DATABASE,
        v2: Template {
            port: ("web", 8080),
            ..DATABASE
        },
        ends: Ends::Well("served: headless Service `db` → 2 of 2 new pods", None),
        ..NEAR_MISS
    },
    Case {
        says: "the port has moved together with the container",
        name: "traffic-moved",
        v2: Template {
            port: ("http", 9090),
            listens: &[9090],
            ready: Some(9090),
            ..PLAIN
        },
        ends: Ends::Well("served: Service `web` → 2 of 2 new pods on port 9090", None),
        ..NEAR_MISS
    },
    Case {
        says: "the Service that fits is applied eight seconds later",
        name: "traffic-late",
        v2: OTHER_TIER,
        later: Some((8, OF_BACK)),
        ends: Ends::Well(SERVED, None),
        ..NEAR_MISS
    },
    Case {
        says: "the pods are on the node's own network",
        name: "traffic-node",
        v1: OF_NODE,
        v2: Template {
            labels: "app: web, tier: back",
            ..OF_NODE
        },
        ends: Ends::Well("", Some("ServiceLeftBehind")),
        ..NEAR_MISS
    },
    Case {
        says: "the Service is of both address families, the pods are of one",
        name: "traffic-dual",
        objects: &[DUAL],
        ends: Ends::Well(SERVED, None),
        ..NEAR_MISS
    },
    Case {
        says: "the EndpointSlices lag by five seconds",
        name: "traffic-lag",
        slices_lag: 5,
        // The lag begins with the first look, which comes late where an old pod takes long to end.
        args: &["--stable-for", "30s"],
        ends: Ends::Well(SERVED, None),
        ..NEAR_MISS
    },
    Case {
        says: "a NetworkPolicy admits a namespace to the new labels",
        name: "traffic-admitted",
        objects: &[OF_ALL, DENY, ADMIT, ADMIT_NAMESPACE],
        v2: OTHER_TIER,
        ends: Ends::Well(ALL_SERVED, None),
        ..NEAR_MISS
    },
    Case {
        says: "a port that is not declared is listened on",
        name: "traffic-undeclared",
        objects: &[NUMBERED],
        v1: TWO_PORTS,
        v2: Template {
            ready: Some(8080),
            ..TWO_PORTS
        },
        ends: Ends::Well("served: Service `web` → 2 of 2 new pods on port 9090", None),
        ..NEAR_MISS
    },
    Case {
        says: "the port behind the Service opens twelve seconds after the pods are ready",
        name: "traffic-opens",
        v2: Template {
            port: ("http", 9090),
            beside: "(sleep 12; httpd -p 9090 -h /www) &",
            ..PLAIN
        },
        args: &["--http", "/:8080=200", "--http", "service/web/:80=200"],
        ends: Ends::Well("served: Service `web` → 2 of 2 new pods on port 9090", None),
        ..NEAR_MISS
    },
];
