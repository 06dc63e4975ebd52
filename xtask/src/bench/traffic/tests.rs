use rollguard_measured::traffic::Stable;
use rollguard_measured::verdicts::Load;

use super::*;

fn judgement(verdict: VerdictKind, named: bool, seconds: f64) -> Judgement {
    Judgement {
        verdict,
        named,
        cause_seconds: None,
        seconds,
        load: Some(Load {
            requests: 20,
            bytes: 40_000,
        }),
    }
}

fn row(says: &str, code: Option<&str>, is_fault: bool, ours: Judgement) -> Row {
    let green = || judgement(VerdictKind::Succeeded, false, 2.0);
    Row {
        case: says.to_owned(),
        says: says.to_owned(),
        is_fault,
        code: code.map(str::to_owned),
        decides: ours.verdict == VerdictKind::Failed,
        sign: "Service".to_owned(),
        rollguard: ours,
        without: judgement(VerdictKind::Succeeded, false, 12.0),
        kubectl: green(),
        kubedog: green(),
        helm: green(),
    }
}

fn measured() -> Measured {
    use VerdictKind::{Failed, Succeeded};
    let rows = vec![
        row(
            "label",
            Some("ServiceSelectsNoPod"),
            true,
            judgement(Failed, true, 35.0),
        ),
        row(
            "policy",
            Some("TrafficDenied"),
            true,
            judgement(Succeeded, true, 13.0),
        ),
        row(
            "unseen",
            Some("DnsChanged"),
            true,
            judgement(Succeeded, false, 13.0),
        ),
        row(
            "versions",
            Some("ServiceLeftBehind"),
            false,
            judgement(Succeeded, false, 12.0),
        ),
        row("alarm", None, false, judgement(Failed, false, 30.0)),
    ];
    Measured {
        kubernetes: "v1.35.4".to_owned(),
        build: "debug build".to_owned(),
        cases: rows.len(),
        rows,
        stable: Stable {
            rollguard: vec![judgement(Succeeded, false, 0.25)],
            ..Stable::default()
        },
    }
}

#[test]
fn what_each_tool_misses_is_counted() {
    let text = render(&measured(), &SETTING);
    for line in [
        "| `rollguard check` | 1 of 3 | 1 of 3 | 1 of 3 | 1 of 2 | 21.0 |",
        "| `kubectl rollout status` | 0 of 3 | 0 of 3 | 3 of 3 | 0 of 2 | 2.0 |",
        "| label | failed 35.0, `ServiceSelectsNoPod` | succeeded 2.0 | succeeded 2.0 | succeeded 2.0 |",
        "| policy | succeeded 13.0, note `TrafficDenied` | succeeded 2.0 |",
        "| unseen | succeeded 13.0 | succeeded 2.0 |",
        "| versions | succeeded 12.0, note `ServiceLeftBehind` | succeeded 2.0 |",
        "| the same with `--no-traffic` | 20 | 40 | 20 | 40 |",
        "| `rollguard check` | 0.25 | 0.25 | 20 | 40 |",
        "## What never decides",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn a_page_that_leaves_a_case_out_is_refused() {
    let whole = measured();
    assert!(ensure_complete(&whole).is_ok());
    let part = Measured {
        cases: whole.cases + 1,
        ..whole
    };
    assert!(ensure_complete(&part).is_err());
}

const SETTING: Setting = Setting {
    date: String::new(),
    cores: 2,
    version: "0.1.0",
};
