//! Killed at every step, and two at once.

use rollguard_tests::faulty::Fault::{Hushed, Swallowed};
use rollguard_tests::faulty::Moment::{LookAfterPatch, Patch, PodDeletion};
use rollguard_tests::scenarios::Kind;

use super::super::case::Also::{Annotated, PodsStayed};
use super::super::case::{Case, Interference, Run, already, back_to, case, web};
use super::GOOD_THEN_BAD;

/// A run that is killed (SIGKILL) before it changes anything.
const KILLED_BEFORE: Run = back_to("v2").code(-1).changes(0).on_its_way();
/// A run that is killed after it has changed the template.
const KILLED_AFTER: Run = back_to("v1").code(-1).on_its_way();

pub(super) const CASES: &[Case] = &[
    web(
        "killed-before-patch",
        "it is killed before the patch, and run again",
    )
    .story(GOOD_THEN_BAD)
    .killed(Patch, Swallowed)
    .ends(&[KILLED_BEFORE, back_to("v1"), already("v1")])
    .also(&[PodsStayed, Annotated]),
    web(
        "killed-after-patch",
        "it is killed before it hears of its patch, and run again",
    )
    .story(GOOD_THEN_BAD)
    .killed(Patch, Hushed)
    .ends(&[KILLED_AFTER, already("v1"), already("v1")])
    .also(&[PodsStayed]),
    web(
        "killed-while-checking",
        "it is killed while it checks again, and run again",
    )
    .story(GOOD_THEN_BAD)
    .killed(LookAfterPatch, Swallowed)
    .ends(&[KILLED_AFTER, already("v1")])
    .also(&[PodsStayed, Annotated]),
    web(
        "killed-when-approved",
        "it is approved, killed before it hears of its patch, and run again",
    )
    .story(GOOD_THEN_BAD)
    .approved_after(&[])
    .killed(Patch, Hushed)
    .ends(&[KILLED_AFTER, already("v1")])
    .also(&[PodsStayed]),
    case(
        Kind::StatefulSet,
        "db-killed-before-deletion",
        "it is killed before it deletes a stuck pod, and run again",
    )
    .story(GOOD_THEN_BAD)
    .killed(PodDeletion, Swallowed)
    .ends(&[KILLED_AFTER, already("v1")])
    .also(&[PodsStayed, Annotated]),
    case(
        Kind::StatefulSet,
        "db-killed-after-deletion",
        "it is killed after it deletes a stuck pod, and run again",
    )
    .story(GOOD_THEN_BAD)
    .killed(PodDeletion, Hushed)
    .ends(&[KILLED_AFTER, already("v1")])
    .also(&[PodsStayed]),
    web("two-at-once", "two are run at once")
        .story(GOOD_THEN_BAD)
        .interference(Interference::TwoRuns)
        .ends(&[back_to("v1").tells(&["already rolled back"]), already("v1")])
        .also(&[PodsStayed, Annotated]),
    web("two-approved-at-once", "two approved ones are run at once")
        .story(GOOD_THEN_BAD)
        .approved_after(&[])
        .interference(Interference::TwoRuns)
        .ends(&[back_to("v1").tells(&["already rolled back"])])
        .also(&[PodsStayed, Annotated]),
];
