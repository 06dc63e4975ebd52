//! An API server that answers the patch with an error, or not at all: before it has done what was
//! asked, and after.

use rollguard_tests::faulty::Fault::{Belied, Hushed, Refused, Swallowed};

use super::super::case::Also::PodsStayed;
use super::super::case::{Case, Run, already, back_to, web};
use super::GOOD_THEN_BAD;

/// Nothing was done, and the output says so.
const FAILED: Run = back_to("v2").code(22).changes(0).on_its_way();
/// It was done, whatever was answered.
const DONE: Run = back_to("v1");

pub(super) const CASES: &[Case] = &[
    web("patch-409", "the patch is answered with 409, once")
        .story(GOOD_THEN_BAD)
        .once(Refused(409))
        .ends(&[DONE, already("v1")])
        .also(&[PodsStayed]),
    web("patch-429", "the patch is answered with 429, once")
        .story(GOOD_THEN_BAD)
        .once(Refused(429))
        .ends(&[DONE, already("v1")])
        .also(&[PodsStayed]),
    web("patch-500", "the patch is answered with 500, once")
        .story(GOOD_THEN_BAD)
        .once(Refused(500))
        .ends(&[DONE, already("v1")])
        .also(&[PodsStayed]),
    web(
        "patch-409-always",
        "every patch is answered with 409, and it is run again later",
    )
    .story(GOOD_THEN_BAD)
    .always(Refused(409))
    .ends(&[FAILED, back_to("v1")])
    .also(&[PodsStayed]),
    web(
        "patch-429-always",
        "every patch is answered with 429, and it is run again later",
    )
    .story(GOOD_THEN_BAD)
    .always(Refused(429))
    .ends(&[FAILED, back_to("v1")])
    .also(&[PodsStayed]),
    web(
        "patch-500-always",
        "every patch is answered with 500, and it is run again later",
    )
    .story(GOOD_THEN_BAD)
    .always(Refused(500))
    .ends(&[FAILED, back_to("v1")])
    .also(&[PodsStayed]),
    web(
        "patch-422",
        "the patch is answered with 422, and it is run again",
    )
    .story(GOOD_THEN_BAD)
    .once(Refused(422))
    .ends(&[FAILED, back_to("v1")])
    .also(&[PodsStayed]),
    web("patch-lost", "the patch is lost on its way")
        .story(GOOD_THEN_BAD)
        .once(Swallowed)
        .ends(&[DONE, already("v1")])
        .also(&[PodsStayed]),
    web("patched-409", "the patch is done, and answered with 409")
        .story(GOOD_THEN_BAD)
        .once(Belied(409))
        .ends(&[DONE, already("v1")])
        .also(&[PodsStayed]),
    web("patched-422", "the patch is done, and answered with 422")
        .story(GOOD_THEN_BAD)
        .once(Belied(422))
        .ends(&[DONE, already("v1")])
        .also(&[PodsStayed]),
    web("patched-429", "the patch is done, and answered with 429")
        .story(GOOD_THEN_BAD)
        .once(Belied(429))
        .ends(&[DONE, already("v1")])
        .also(&[PodsStayed]),
    web("patched-500", "the patch is done, and answered with 500")
        .story(GOOD_THEN_BAD)
        .once(Belied(500))
        .ends(&[DONE, already("v1")])
        .also(&[PodsStayed]),
    web(
        "patched-unheard",
        "the patch is done, and its answer is lost",
    )
    .story(GOOD_THEN_BAD)
    .once(Hushed)
    .ends(&[DONE, already("v1")])
    .also(&[PodsStayed]),
];
