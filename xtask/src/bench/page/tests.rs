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
        "| rollguard | 2 of 4 | 1 of 2 | 0 of 2 | 1 of 2 | 1 of 2 | 2.0 | 2.0 |",
        "| kubectl rollout status | 2 of 4 | 0 of 2 | 1 of 2 | 1 of 2 | 0 of 2 | 60.0 | 60.0 |",
        "| kubedog multitrack | 3 of 4 | 2 of 2 | 0 of 2 | 1 of 2 | 2 of 2 | 15.0 | 15.0 |",
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
        "| one | Deployment | `ImageNotFound` | failed, timedOut, failed | 2.0 | 60.0 | 15.0 |",
        "| one | Deployment | `CrashAtStart`, not named | timedOut, timedOut, failed | 2.0 | 60.0 | 15.0 |",
        "| one | Deployment |  | succeeded, succeeded, failed | 2.0 | 60.0 | 15.0 |",
        "| **median** |  |  |  | **2.0** | **60.0** | **15.0** |",
        "| rollguard | 0.25 | 0.25 | 9 | 12 |",
        "| rollguard | 9 | 12 | 9 | 12 |",
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
