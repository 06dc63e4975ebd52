//! Where to: the last known good by evidence, never the second-highest number.

use super::super::case::Also::{Annotated, Marked, PodsStayed};
use super::super::case::Step::{Deploy, Fails, IsGood, IsGoodForALooker, RevisionChanged, Settles};
use super::super::case::{Case, already, back_to, refused, web};
use super::super::workload_version::{bad, good};
use super::RECREATE;

pub(super) const CASES: &[Case] = &[
    web("good-bad-bad", "two bad releases follow a good one")
        .story(&[
            Deploy(good("v1")),
            Settles,
            IsGood,
            Deploy(bad("v2")),
            Fails("v2"),
            Deploy(bad("v3")),
            Fails("v3"),
        ])
        .ends(&[
            back_to("v1").tells(&["revision 1"]),
            already("v1"),
            already("v1"),
        ])
        .also(&[PodsStayed, Annotated, Marked]),
    web(
        "good-bad-bad-unchecked",
        "two bad releases follow one that nobody checked",
    )
    .story(&[
        Deploy(good("v1")),
        Settles,
        Deploy(bad("v2")),
        Fails("v2"),
        Deploy(bad("v3")),
        Fails("v3"),
    ])
    .ends(&[back_to("v1"), already("v1")])
    .also(&[PodsStayed, Annotated]),
    web(
        "good-bad-bad-unmarked",
        "two bad releases follow a good one that the check may not mark",
    )
    .story(&[
        Deploy(good("v1")),
        Settles,
        IsGoodForALooker,
        Deploy(bad("v2")),
        Fails("v2"),
        Deploy(bad("v3")),
        Fails("v3"),
    ])
    .ends(&[back_to("v1"), already("v1")])
    .also(&[PodsStayed]),
    web(
        "marked-not-latest",
        "a good release, one that nobody checked, and a bad one follow each other",
    )
    .story(&[
        Deploy(good("v1")),
        Settles,
        IsGood,
        Deploy(good("v2")),
        Settles,
        Deploy(bad("v3")),
        Fails("v3"),
    ])
    .ends(&[back_to("v1"), already("v1")])
    .also(&[Annotated]),
    web(
        "newest-mark",
        "two releases were found good, and a bad one follows",
    )
    .story(&[
        Deploy(good("v1")),
        Settles,
        IsGood,
        Deploy(good("v2")),
        Settles,
        IsGood,
        Deploy(bad("v3")),
        Fails("v3"),
    ])
    .ends(&[back_to("v2"), already("v2")])
    .also(&[PodsStayed]),
    web("foreign-mark", "a revision has the mark of another one")
        .story(&[
            Deploy(good("v1")),
            Settles,
            IsGood,
            Deploy(good("v2")),
            Settles,
            RevisionChanged("v2", COPIED_MARK),
            Deploy(bad("v3")),
            Fails("v3"),
        ])
        .ends(&[back_to("v1")]),
    web("nobody-knows", "nothing shows which release was good")
        .story(&[
            Deploy(good("v1").with(&[RECREATE])),
            Settles,
            Deploy(bad("v2").with(&[RECREATE])),
            Fails("v2"),
        ])
        .ends(&[
            refused("v2", &["no former revision is known to be good", "1"]),
            back_to("v1").to("1"),
        ]),
    web("named", "a person names the revision")
        .story(&[
            Deploy(good("v1")),
            Settles,
            Deploy(good("v2")),
            Settles,
            Deploy(bad("v3")),
            Fails("v3"),
        ])
        .ends(&[back_to("v1").to("1"), already("v1").to("1")]),
];

/// As Deployments spread their annotations over their ReplicaSets.
const COPIED_MARK: &str = r#"
metadata:
  annotations:
    rollguard.dev/last-known-good-00000000-0000-4000-8000-000000000000: >-
      {"version":1,"uid":"00000000-0000-4000-8000-000000000000","verifiedAt":"2099-01-01T00:00:00Z","run":"of another","images":{}}
"#;
