//! Exemptions by annotation, severities, and the baseline file.

use jiff::civil::date;

use super::{add, deployment, report, rules};
use crate::baseline::Baseline;
use crate::code::LintCode;
use crate::config::FailOn;
use crate::finding::Suppression;
use crate::judge::judge;
use crate::run::{Run, Source};
use crate::severity::Severity;

fn annotated(annotations: &str) -> String {
    let metadata =
        format!("metadata: {{name: web, namespace: shop, annotations: {{{annotations}}}}}");
    deployment("hostPID: true,", "").replace("metadata: {name: web, namespace: shop}", &metadata)
}

#[test]
fn an_exemption_needs_a_reason_and_may_end() {
    for (says, annotation, exempted, other) in [
        (
            "a reason",
            "rollguard.dev/exempt-HostNamespace: reads the node's processes",
            true,
            "",
        ),
        (
            "until today",
            "rollguard.dev/exempt-HostNamespace: 'debugging; until 2026-11-30'",
            true,
            "",
        ),
        (
            "until yesterday, in another case",
            "rollguard.dev/exempt-HostNamespace: 'debugging; Until 2026-11-29'",
            false,
            "",
        ),
        (
            "until yesterday",
            "rollguard.dev/exempt-HostNamespace: 'debugging; until 2026-11-29'",
            false,
            "",
        ),
        (
            "another code",
            "rollguard.dev/exempt-HostNetwork: why not",
            false,
            "",
        ),
        (
            "a reason with a semicolon",
            "rollguard.dev/exempt-HostNamespace: 'a; b'",
            true,
            "",
        ),
        (
            "no reason",
            "rollguard.dev/exempt-HostNamespace: ''",
            false,
            "gives no reason",
        ),
        (
            "only an end",
            "rollguard.dev/exempt-HostNamespace: 'until 2027-01-01'",
            false,
            "gives no reason",
        ),
        (
            "an end that is no date",
            "rollguard.dev/exempt-HostNamespace: 'x; until Easter'",
            false,
            "no date like",
        ),
        (
            "an unknown code",
            "rollguard.dev/exempt-HostPid: x",
            false,
            "no code of a finding",
        ),
    ] {
        let report = report(&[&annotated(annotation)], &rules());
        let found = report
            .findings()
            .find(|it| it.code == LintCode::HostNamespace)
            .unwrap();
        assert_eq!(found.suppression.is_some(), exempted, "{says}");
        assert_eq!(report.summary.exempted, usize::from(exempted), "{says}");
        let invalid = report
            .findings()
            .find(|it| it.code == LintCode::InvalidExemption);
        let said = invalid.map(|it| it.message.as_str()).unwrap_or_default();
        assert!(
            said.contains(other) && said.is_empty() == other.is_empty(),
            "{says}: {said}"
        );
        assert_eq!(report.fails(), !exempted, "{says}");
    }
    let ended = report(
        &[&annotated(
            "rollguard.dev/exempt-HostNamespace: 'x; until 2026-01-31'",
        )],
        &rules(),
    );
    let message = &ended.findings().next().unwrap().message;
    assert!(
        message.ends_with("(its exemption ended on 2026-01-31)"),
        "{message}"
    );
}

#[test]
fn an_exemption_may_stand_on_the_template() {
    let text = deployment("hostPID: true,", "").replace(
        "labels: {app: web}",
        "labels: {app: web}, annotations: {rollguard.dev/exempt-HostNamespace: 'x; until 2027-01-31'}",
    );
    let report = report(&[&text], &rules());
    let suppression = report.findings().next().unwrap().suppression.clone();
    let until = Some(date(2027, 1, 31));
    assert_eq!(
        suppression,
        Some(Suppression::Annotation {
            reason: "x".to_owned(),
            until
        })
    );
}

#[test]
fn a_severity_of_the_rules_wins_and_off_is_off() {
    let mut rules = rules();
    let text = deployment("hostPID: true,", "livenessProbe: null");
    rules
        .severities
        .insert(LintCode::HostNamespace, Some(Severity::Info));
    rules
        .severities
        .insert(LintCode::MissingLivenessProbe, None);
    let report = report(&[&text], &rules);
    let found: Vec<_> = report.findings().map(|it| (it.code, it.severity)).collect();
    assert_eq!(found, [(LintCode::HostNamespace, Severity::Info)]);
    assert!(!report.fails());
}

#[test]
fn a_severity_decides_whether_the_call_fails() {
    let text = deployment("", "livenessProbe: null");
    for (fail_on, fails) in [
        (FailOn::Severity(Severity::Info), true),
        (FailOn::Severity(Severity::Warning), true),
        (FailOn::Severity(Severity::Error), false),
        (FailOn::Never, false),
    ] {
        let mut run = Run::default();
        let source = Source {
            path: "x",
            text: &text,
            fail_on,
        };
        run.add(source, judge(&text, &rules()));
        assert_eq!(run.finish().fails(), fails, "{fail_on:?}");
    }
}

#[test]
fn a_baseline_excuses_what_exists_and_nothing_more() {
    let today = deployment("hostPID: true,", "");
    let baseline = Baseline::of(report(&[&today], &rules()).findings());
    let baseline = Baseline::parse(&baseline.to_json().unwrap()).unwrap();
    for (says, text, excused, counted) in [
        ("the same", today.clone(), 1, 0),
        ("moved to another line", format!("\n\n{today}"), 1, 0),
        ("resolved", deployment("", ""), 0, 0),
        (
            "one more",
            deployment("hostPID: true, hostIPC: true,", ""),
            1,
            1,
        ),
        (
            "of another object",
            today.replace("name: web, namespace", "name: other, namespace"),
            0,
            1,
        ),
    ] {
        let mut run = Run::with_baseline(Some(&baseline));
        add(&mut run, "x", &text, &rules());
        let report = run.finish();
        let known = report.summary.known;
        assert_eq!(
            (known, report.summary.count(Severity::Error)),
            (excused, counted),
            "{says}"
        );
    }
    // As often as it is known, and not more often.
    let twice = format!("{today}---\n{today}");
    let mut run = Run::with_baseline(Some(&baseline));
    add(&mut run, "x", &twice, &rules());
    assert_eq!(run.finish().summary.known, 1);
}
