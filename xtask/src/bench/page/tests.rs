use rollguard_core::verdict::VerdictKind;
use rollguard_measured::verdicts::{Judgement, Load, Row, Stable};

use super::tables::{median, tenths};
use super::*;

const SETTING: Setting = Setting {
    date: String::new(),
    cores: 2,
    version: "0.1.0",
};

fn judgement(verdict: &str, named: bool, seconds: f64) -> Judgement {
    Judgement {
        verdict: VerdictKind::parse(verdict).unwrap(),
        named,
        cause_seconds: named.then_some(seconds / 2.0),
        seconds,
        load: Some(Load {
            requests: 9,
            bytes: 12_345,
        }),
    }
}

/// The code of the cause, and what each of the three tools says.
fn measured(rows: &[(Option<&str>, [&str; 3])]) -> Measured {
    let rows = rows.iter().map(|(expected, words)| {
        let [ours, kubectl, kubedog] = *words;
        Row {
            scenario: "one".to_owned(),
            kind: "Deployment".to_owned(),
            right: expected.map_or(VerdictKind::Succeeded, |_| VerdictKind::Failed),
            expected: expected.map(str::to_owned),
            template_decides: false,
            shown_later: None,
            timeout: expected.map_or(120, |_| 210),
            rollguard: judgement(ours, ours == "failed", 2.0),
            kubectl: Some(judgement(kubectl, false, 60.04)),
            kubedog: Some(judgement(kubedog, true, 15.0)),
        }
    });
    let rows: Vec<Row> = rows.collect();
    Measured {
        kubernetes: "v1.35.4".to_owned(),
        scenarios: rows.len(),
        rows,
        stable: Stable {
            rollguard: vec![judgement("succeeded", false, 0.25)],
            ..Stable::default()
        },
    }
}

#[test]
fn every_kind_of_wrong_verdict_is_counted_for_each_tool() {
    let measured = measured(&[
        (Some("ImageNotFound"), ["failed", "timedOut", "failed"]),
        (
            Some("CrashAtStart"),
            ["undetermined", "succeeded", "failed"],
        ),
        (None, ["succeeded", "timedOut", "failed"]),
        (None, ["timedOut", "succeeded", "succeeded"]),
    ]);
    let text = verdicts(&measured);
    for line in [
        "| rollguard | 2 of 4 | 1 of 2 | 0 of 2 | 1 of 2 | 1 of 2 | 2.0 | 2.0 | 1.0 | 1.0 |",
        "| kubectl rollout status | 2 of 4 | 0 of 2 | 1 of 2 | 1 of 2 | 0 of 2 | 60.0 | 60.0 | – | – |",
        "| kubedog multitrack | 3 of 4 | 2 of 2 | 0 of 2 | 1 of 2 | 2 of 2 | 15.0 | 15.0 | 7.5 | 7.5 |",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn a_cause_that_was_not_named_is_shown_as_such() {
    let measured = measured(&[
        (Some("ImageNotFound"), ["failed", "timedOut", "failed"]),
        (Some("CrashAtStart"), ["timedOut", "timedOut", "failed"]),
        (None, ["succeeded", "succeeded", "failed"]),
    ]);
    let text = render(&measured, &SETTING);
    for line in [
        "| one | Deployment | `ImageNotFound` | failed, timedOut, failed | 1.0 | 2.0 | 60.0 | 15.0 |",
        "| one | Deployment | `CrashAtStart`, not named | timedOut, timedOut, failed | – | 2.0 | 60.0 | 15.0 |",
        "| one | Deployment |  | succeeded, succeeded, failed |  | 2.0 | 60.0 | 15.0 |",
        "| **median** |  |  |  | **1.0** | **2.0** | **60.0** | **15.0** |",
        "| **median** |  |  |  |  | **2.0** | **60.0** | **15.0** |",
        "same timeout: 210 s if the update fails, which is longer than a crash is given to heal, 120 s if it heals.",
        "| rollguard | 0.25 | 0.25 | 9 | 12 |",
        "| kubedog multitrack | – | – | – | – |",
        "| rollguard | 9 | 12 | 9 | 12 |",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

/// An update with what rollguard made of it.
struct Recorded {
    scenario: &'static str,
    cause: Option<&'static str>,
    verdict: &'static str,
    to_cause: Option<f64>,
    seconds: f64,
    template_decides: bool,
    shown_later: Option<&'static str>,
}

const RECORDED: Recorded = Recorded {
    scenario: "one",
    cause: Some("CrashAtStart"),
    verdict: "failed",
    to_cause: Some(2.0),
    seconds: 155.0,
    template_decides: false,
    shown_later: None,
};

fn goals_of(rows: &[Recorded]) -> String {
    let template = measured(&[(Some("CrashAtStart"), ["failed"; 3])]);
    let rows = rows.iter().map(|it| Row {
        scenario: it.scenario.to_owned(),
        right: it
            .cause
            .map_or(VerdictKind::Succeeded, |_| VerdictKind::Failed),
        expected: it.cause.map(str::to_owned),
        template_decides: it.template_decides,
        shown_later: it.shown_later.map(str::to_owned),
        rollguard: Judgement {
            cause_seconds: it.to_cause,
            ..judgement(it.verdict, it.to_cause.is_some(), it.seconds)
        },
        ..template.rows[0].clone()
    });
    let rows: Vec<Row> = rows.collect();
    goals(&Measured {
        rows,
        ..template.clone()
    })
}

#[test]
fn the_goals_are_computed_from_the_rows() {
    let good = [
        RECORDED,
        Recorded {
            scenario: "init-hangs",
            to_cause: Some(30.0),
            shown_later: Some("an init container may run long"),
            ..RECORDED
        },
        Recorded {
            scenario: "command-missing",
            to_cause: Some(1.5),
            seconds: 3.3,
            template_decides: true,
            ..RECORDED
        },
        Recorded {
            cause: None,
            verdict: "succeeded",
            to_cause: None,
            ..RECORDED
        },
    ];
    let text = goals_of(&good);
    for line in [
        "| median time to cause at most 6 s | 2.0 s | yes |",
        "| worst time to cause at most 20 s, if Kubernetes shows it at once | 2.0 s | yes |",
        "| no false alarm over all updates that heal | 0 of 1 | yes |",
        "| median time to `failed` at most 6 s where the pod template decides | 3.3 s, 1 of 1 failed | yes |",
        "| command-missing | failed | 3.3 |",
        "| init-hangs | 30.0 | an init container may run long |",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn a_goal_that_is_missed_is_shown_as_missed() {
    let bad = [
        Recorded {
            to_cause: Some(20.1),
            ..RECORDED
        },
        Recorded {
            to_cause: None,
            ..RECORDED
        },
        Recorded {
            verdict: "timedOut",
            seconds: 210.3,
            template_decides: true,
            ..RECORDED
        },
        Recorded {
            cause: None,
            verdict: "timedOut",
            ..RECORDED
        },
    ];
    let text = goals_of(&bad);
    for line in [
        "| median time to cause at most 6 s | 11.1 s, 1 not named | **no** |",
        "at once | 20.1 s, 1 not named | **no** |",
        "| no false alarm over all updates that heal | 1 of 1 | **no** |",
        "template decides | 0.0 s, 0 of 1 failed | **no** |",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn a_run_that_left_a_scenario_out_is_no_comparison() {
    let mut measured = measured(&[(None, ["succeeded"; 3])]);
    assert!(ensure_complete(&measured).is_ok());
    measured.scenarios = 2;
    assert!(ensure_complete(&measured).is_err());
    measured.scenarios = 1;
    measured.rows[0].kubedog = None;
    assert!(ensure_complete(&measured).is_err());
}

#[test]
fn the_median_of_an_even_number_lies_between_the_two_in_the_middle() {
    for (times, expected) in [
        (vec![], "0.0"),
        (vec![3.0, 1.0, 2.0], "2.0"),
        (vec![4.0, 1.0, 3.0, 2.0], "2.5"),
    ] {
        assert_eq!(tenths(median(&times)), expected);
    }
}
