//! Between the check and the approved rollback: exactly what was approved is done, or nothing.

use super::super::case::Also::{Annotated, PodsStayed};
use super::super::case::Step::{
    Deploy, Fails, IsGood, Objects, RevisionDeleted, Serves, Settles, UndoneByHand,
};
use super::super::case::{Case, already, back_to, refused, web};
use super::super::workload_version::{bad, good};
use super::{GOOD_THEN_BAD, RECREATE};

pub(super) const CASES: &[Case] = &[
    web("approved", "an approved rollback is run, and run again")
        .story(GOOD_THEN_BAD)
        .approved_after(&[])
        .ends(&[back_to("v1"), already("v1"), already("v1")])
        .also(&[PodsStayed, Annotated]),
    web("newer-good", "a fix is deployed between check and approval")
        .story(GOOD_THEN_BAD)
        .approved_after(&[Deploy(good("v3")), Settles])
        .ends(&[
            refused("v3", &["newer"]).ready(2),
            refused("v3", &["newer"]).ready(2),
        ]),
    web(
        "newer-bad",
        "another bad release is deployed between check and approval",
    )
    .story(GOOD_THEN_BAD)
    .approved_after(&[Deploy(bad("v3")), Fails("v3")])
    .ends(&[refused("v3", &["newer"])]),
    web("healed", "the release heals between check and approval")
        .story(&[
            Objects(NO_COLOUR),
            Deploy(good("v1")),
            Settles,
            IsGood,
            Deploy(good("v2").inside(&[NEEDS_COLOUR])),
            Fails("v2"),
        ])
        .approved_after(&[Objects(A_COLOUR), Serves("v2", 2), Settles])
        .ends(&[refused("v2", &["healthy"]).ready(2)]),
    web(
        "undone-by-hand",
        "a person undoes it between check and approval",
    )
    .story(GOOD_THEN_BAD)
    .approved_after(&[UndoneByHand, Settles])
    .ends(&[already("v1").changes(0)])
    .also(&[PodsStayed]),
    web(
        "target-gone",
        "the approved revision is deleted before the approval",
    )
    .story(&[
        Deploy(good("v1").with(&[RECREATE])),
        Settles,
        IsGood,
        Deploy(bad("v2").with(&[RECREATE])),
        Fails("v2"),
    ])
    .approved_after(&[RevisionDeleted("v1")])
    .ends(&[refused("v2", &["gone"])]),
];

const NO_COLOUR: &str = "{ apiVersion: v1, kind: ConfigMap, metadata: { name: web } }";
const A_COLOUR: &str =
    "{ apiVersion: v1, kind: ConfigMap, metadata: { name: web }, data: { colour: blue } }";
const NEEDS_COLOUR: &str =
    "env: [{ name: COLOUR, valueFrom: { configMapKeyRef: { name: web, key: colour } } }]";
