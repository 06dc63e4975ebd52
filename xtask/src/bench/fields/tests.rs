use rollguard_core::verdict::VerdictKind;
use rollguard_measured::fields::Status;

use super::*;

fn row(case: &str, fails: bool, verdict: VerdictKind) -> Row {
    let named = fails.then_some(true);
    Row {
        case: case.to_owned(),
        source: "example/repository#1".to_owned(),
        answer: "failed; the quota".to_owned(),
        fails,
        verdict,
        right: fails == (verdict != VerdictKind::Succeeded),
        named,
        offered: fails,
        cause_after: named.map(|_| 1.5),
        verdict_after: 20.0,
        sentence: "Deployment \"web\" fails: a | b *c*".to_owned(),
        kubectl: Some(Status {
            verdict: VerdictKind::TimedOut,
            after: 60.1,
            named: false,
        }),
    }
}

fn measured(rows: Vec<Row>) -> Measured {
    Measured {
        kubernetes: "v1.35.4".to_owned(),
        build: "release build".to_owned(),
        cases: rows.len(),
        rows,
    }
}

fn line<'a>(page: &'a str, start: &str) -> &'a str {
    let mut lines = page.lines();
    lines.find(|it| it.starts_with(start)).unwrap_or_default()
}

#[test]
fn each_tool_is_counted_by_the_same_measure() {
    let unnamed = Row {
        named: Some(false),
        cause_after: None,
        ..row("unnamed", true, VerdictKind::TimedOut)
    };
    let page = counted(&measured(vec![
        row("named", true, VerdictKind::Failed),
        unnamed,
        row("alarm", false, VerdictKind::Failed),
    ]));
    let rollguard = line(&page, "| rollguard");
    assert_eq!(
        rollguard,
        "| rollguard check | 1 of 3 | 2 of 3 | 1 of 1 | 1 of 2 | 1.5 | 1.5 | 20.0 |"
    );
    let kubectl = line(&page, "| kubectl");
    assert!(
        kubectl.contains("| 2 of 3 | 1 of 1 | 0 of 2 |"),
        "{kubectl}"
    );
}

#[test]
fn a_sentence_stays_within_its_cell() {
    let page = cases(&measured(vec![row("quota", true, VerdictKind::Failed)]));
    let quota = line(&page, "| quota");
    assert!(quota.contains("a \\| b \\*c\\*"), "{quota}");
    assert!(
        quota.contains("✔ failed | 1.5 | 20.0 | timedOut 60.1"),
        "{quota}"
    );
}

#[test]
fn a_page_needs_every_case() {
    let mut all = measured(vec![row("one", true, VerdictKind::Failed)]);
    assert!(ensure_complete(&all).is_ok());
    all.cases = 2;
    assert!(ensure_complete(&all).is_err());
}
