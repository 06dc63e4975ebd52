//! Manifests.

use jiff::civil::date;
use rollguard_lint::report::{finding_lines, json, junit, markdown, sarif, summary_line};
use rollguard_lint::{
    Baseline, Config, FailOn, Level, Rules, Run, Source, fix, judge, parsed, unified_diff,
};

/// Judges a manifest: nothing panics, every finding has a place, and no document holds a command.
pub(crate) fn manifest(text: &str) {
    let mut rules = Rules::new(date(2026, 11, 30));
    rules.levels = Level::ALL.into_iter().collect();
    rules.startup_time = Some(std::time::Duration::from_secs(60));
    let judgement = judge(text, &rules);
    if judgement.problem.is_some() {
        assert_eq!(fix(text, &rules).text, text);
    }
    let _ = parsed(text);
    for finding in &judgement.findings {
        assert!(!finding.message.is_empty() && !finding.fix.is_empty());
        assert!(
            finding.mark.line > 0 && finding.mark.column > 0,
            "{finding:?}"
        );
    }
    let mut run = Run::default();
    let fail_on = FailOn::default();
    let path = "a b##.yaml";
    run.add(
        Source {
            path,
            text,
            fail_on,
        },
        judgement,
    );
    let report = run.finish();
    for file in &report.files {
        assert!(!finding_lines(file).is_empty());
    }
    assert!(!summary_line(&report).text().is_empty());
    let documents = [
        json(&report).unwrap(),
        sarif(&report, "1").unwrap(),
        junit(&report),
        markdown(&report),
    ];
    for document in documents {
        assert!(!document.contains("##"), "{document}");
        assert!(
            !document.contains(['\u{1b}', '\u{9b}', '\u{202e}']),
            "{document}"
        );
    }
    // What is changed is changed once, and what could be read still can.
    let fixed = fix(text, &rules);
    let again = fix(&fixed.text, &rules);
    assert_eq!(again.text, fixed.text);
    assert_eq!(fixed.applied.is_empty(), fixed.text == text);
    if !fixed.applied.is_empty() {
        assert!(judge(&fixed.text, &rules).problem.is_none());
        assert!(!unified_diff(path, text, &fixed.text).is_empty());
    }
    // What is in the baseline does not count, however often it is there.
    let baseline = Baseline::of(report.findings());
    let baseline = Baseline::parse(&baseline.to_json().unwrap()).unwrap();
    let mut again = Run::with_baseline(Some(&baseline));
    let path = "x";
    again.add(
        Source {
            path,
            text,
            fail_on,
        },
        judge(text, &rules),
    );
    let again = again.finish();
    assert!(again.findings().all(|it| it.suppression.is_some()));
}

/// The configuration file and the baseline: read, or refused with reasons.
pub(crate) fn config(text: &str) {
    if let Err(problem) = Baseline::parse(text) {
        assert!(!problem.to_string().is_empty());
    }
    if let Err(problems) = Config::parse(text) {
        assert!(!problems.is_empty());
        assert!(problems.iter().all(|it| !it.is_empty()));
    }
}
