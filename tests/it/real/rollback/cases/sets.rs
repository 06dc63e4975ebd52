//! StatefulSets, whose stuck pods no controller replaces, and DaemonSets.

use rollguard_tests::scenarios::Kind;

use super::super::case::Also::{Annotated, DeletedOneByOne, Marked, PodsStayed};
use super::super::case::Step::{AllFail, Deleted, Deploy, Fails, IsGood, Objects, Settles, Shows};
use super::super::case::{Case, already, back_to, case, refused};
use super::super::workload_version::{Runs, bad, good, runs};
use super::GOOD_THEN_BAD;

const fn db(name: &'static str, says: &'static str) -> Case {
    case(Kind::StatefulSet, name, says)
}

const fn agent(name: &'static str, says: &'static str) -> Case {
    case(Kind::DaemonSet, name, says)
}

pub(super) const CASES: &[Case] = &[
    db("db-first-stuck", "a StatefulSet is stuck on ordinal 0")
        .story(&[
            Deploy(good("v1").with(&[ONE])),
            Settles,
            IsGood,
            Deploy(bad("v2").with(&[ONE])),
            Fails("v2"),
        ])
        .ends(&[back_to("v1").ready(1), already("v1").ready(1)])
        .also(&[DeletedOneByOne, Annotated, Marked]),
    db(
        "db-last-stuck",
        "ordinal 1 is stuck, and ordinal 0 serves the good release",
    )
    .story(GOOD_THEN_BAD)
    .ends(&[back_to("v1"), already("v1")])
    .also(&[DeletedOneByOne, PodsStayed, Annotated]),
    db(
        "db-first-of-two-stuck",
        "ordinal 1 serves the bad release, and ordinal 0 is stuck",
    )
    .story(&[
        Deploy(good("v1")),
        Settles,
        Deploy(runs("v2", Runs::NotFirst)),
        Fails("v2"),
    ])
    .ends(&[back_to("v1"), already("v1")])
    .also(&[DeletedOneByOne]),
    db(
        "db-all-stuck",
        "every pod of a StatefulSet crashes once it was ready",
    )
    .story(&[
        Deploy(good("v1")),
        Settles,
        IsGood,
        Deploy(runs("v2", Runs::Briefly)),
        AllFail("v2", 2),
    ])
    .ends(&[back_to("v1"), already("v1")])
    .also(&[Annotated]),
    db(
        "db-bad-bad",
        "two bad releases of a StatefulSet follow a good one",
    )
    .story(&[
        Deploy(good("v1")),
        Settles,
        IsGood,
        Deploy(bad("v2")),
        Fails("v2"),
        Deploy(bad("v3")),
    ])
    .ends(&[back_to("v1"), already("v1")])
    .also(&[PodsStayed]),
    db("db-parallel", "a StatefulSet replaces its pods in parallel")
        .story(&[
            Deploy(good("v1").with(&[PARALLEL])),
            Settles,
            IsGood,
            Deploy(bad("v2").with(&[PARALLEL])),
            Fails("v2"),
        ])
        .ends(&[back_to("v1"), already("v1")])
        .also(&[Annotated]),
    db(
        "db-on-delete",
        "a StatefulSet leaves it to people to delete pods",
    )
    .story(&[
        Deploy(good("v1").with(&[ON_DELETE])),
        Settles,
        IsGood,
        Deploy(bad("v2").with(&[ON_DELETE])),
        Deleted("Pod", "db-1"),
        Fails("v2"),
    ])
    .ends(&[
        refused("v2", &["OnDelete", "allow-on-delete"]),
        back_to("v1")
            .with(&["--allow-on-delete"])
            .code(24)
            .on_its_way(),
    ]),
    agent(
        "agent-bad",
        "a bad release of a DaemonSet follows a good one",
    )
    .story(GOOD_THEN_BAD)
    .ends(&[back_to("v1").ready(1), already("v1").ready(1)])
    .also(&[Annotated, Marked]),
    agent(
        "agent-bad-bad",
        "two bad releases of a DaemonSet follow a good one",
    )
    .story(&[
        Deploy(good("v1")),
        Settles,
        IsGood,
        Deploy(bad("v2")),
        Fails("v2"),
        Deploy(bad("v3")),
        Fails("v3"),
    ])
    .ends(&[back_to("v1").ready(1), already("v1").ready(1)]),
    agent("agent-node-lost", "one of a DaemonSet's nodes is not ready")
        .story(&[
            Deploy(good("v1").with(&[EVEN_WHERE_LOST])),
            Settles,
            IsGood,
            Objects(include_str!(
                "../../../../scenarios/agent-node-lost/before-v2.yaml"
            )),
            Shows("\"desiredNumberScheduled\":2"),
            Deploy(bad("v2").with(&[EVEN_WHERE_LOST])),
            Fails("v2"),
        ])
        .ends(&[back_to("v1").ready(1), already("v1").ready(1)])
        .also(&[Annotated]),
    agent(
        "agent-on-delete",
        "a DaemonSet leaves it to people to delete pods",
    )
    .story(&[
        Deploy(good("v1").with(&[ON_DELETE])),
        Settles,
        IsGood,
        Deploy(bad("v2").with(&[ON_DELETE])),
    ])
    .ends(&[refused("v2", &["OnDelete", "allow-on-delete"])]),
];

const ONE: &str = "spec: { replicas: 1 }";
const PARALLEL: &str = "spec: { podManagementPolicy: Parallel }";
const ON_DELETE: &str = "spec: { updateStrategy: { type: OnDelete } }";
/// As in the scenario `agent-node-lost`.
const EVEN_WHERE_LOST: &str = "
spec:
  updateStrategy: { rollingUpdate: { maxUnavailable: 2 } }
  template:
    spec:
      tolerations:
        - { key: rollguard.test/lost, value: '${NAMESPACE}', effect: NoSchedule }
        - { key: node.kubernetes.io/unreachable, operator: Exists, effect: NoSchedule }
";
