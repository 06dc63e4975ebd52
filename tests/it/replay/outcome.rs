//! The outcome of a trace.

use anyhow::{Result, anyhow, ensure};
use rollguard::console::Console;
use rollguard_core::duration::elapsed;
use rollguard_core::report::Report;
use rollguard_core::trace::Trace;
use rollguard_tests::field::{Expected, FieldCase};
use rollguard_tests::said::has_word;
use rollguard_tests::scenarios::Scenario;
use serde::Serialize;

use crate::recordings::Recording;
use crate::traces::{folder, replay};

/// The part of a report in which a change would be one for the user.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    verdict: String,
    codes: Vec<String>,
    seconds_to_verdict: u64,
    sentence: String,
    timeline: Vec<String>,
}

/// The verdict and the first code are those that are right; all else is as it was last time.
pub(crate) fn is_as_expected(recording: &Recording, trace: &Trace) -> Result<()> {
    let outcome = outcome(replay(trace, recording.policy())?);
    match recording {
        Recording::Scenario(scenario) => is_of_scenario(scenario, &outcome)?,
        Recording::Field(case) => is_of_case(case, &outcome)?,
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_description(match recording {
        Recording::Scenario(scenario) => scenario.says,
        Recording::Field(case) => &case.right,
    });
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_json_snapshot!(recording.name(), outcome));
    Ok(())
}

fn is_of_scenario(scenario: &Scenario, outcome: &Outcome) -> Result<()> {
    let first = outcome.codes.first().map(String::as_str);
    let expect = scenario.expect;
    ensure!(outcome.verdict == expect.verdict(), "{}", outcome.sentence);
    if let Some(code) = expect.code() {
        ensure!(first == Some(code), "{first:?} instead of {code}");
    }
    for named in scenario.names {
        ensure!(
            outcome.sentence.contains(named),
            "no {named}: {}",
            outcome.sentence
        );
    }
    Ok(())
}

fn is_of_case(case: &FieldCase, outcome: &Outcome) -> Result<()> {
    let right: &[&str] = match case.expect {
        Expected::Pass => &["succeeded"],
        Expected::Fail => &["failed", "timedOut"],
    };
    let sentence = &outcome.sentence;
    ensure!(right.contains(&outcome.verdict.as_str()), "{sentence}");
    // Logs are not recorded.
    let first = outcome.codes.first();
    let of_log = first.is_some_and(|code| code.starts_with("Crash"));
    let named = of_log || !case.has_cause() || case.is_named_in(sentence);
    ensure!(named, "the cause is not named: {sentence}");
    Ok(())
}

/// The longest time to cause, unless Kubernetes shows the cause later.
const EARLY: u64 = 20;

/// A line names the cause long before the verdict, where Kubernetes shows it. The cases from the field have
/// words instead of a code; the real cluster measures when they are said.
pub(crate) fn names_its_cause_early(recording: &Recording, trace: &Trace) -> Result<()> {
    let Recording::Scenario(scenario) = recording else {
        return Ok(());
    };
    let Some(code) = scenario.expect.code() else {
        return Ok(());
    };
    let report = replay(trace, recording.policy())?;
    let mut entries = report.timeline.iter();
    let first = entries.find(|it| has_word(&it.text, code));
    let first = first.map(|it| elapsed(report.started, it.at).as_secs());
    let early = first.is_some_and(|it| it <= EARLY || scenario.shown_later.is_some());
    ensure!(early, "{code} after {first:?} s");
    Ok(())
}

fn outcome(report: Report) -> Outcome {
    let since = |at| elapsed(report.started, at).as_secs();
    let codes = report.findings.iter().map(|it| it.code.to_string());
    let entries = report.timeline.iter();
    Outcome {
        codes: codes.collect(),
        seconds_to_verdict: since(report.ended),
        timeline: entries
            .map(|entry| format!("{} s: {}", since(entry.at), entry.text))
            .collect(),
        verdict: report.verdict.to_string(),
        sentence: report.sentence,
    }
}

/// `rollguard replay` reports what the session reports.
pub(crate) fn is_told_by_the_command(recording: &Recording, trace: &Trace) -> Result<()> {
    let policy = recording.policy();
    let path = folder().join(format!("{}.jsonl", recording.name()));
    let mut console = Console::new(Box::new(std::io::sink()), Box::new(std::io::sink()));
    let told = rollguard::run::replay::replay(&path, Some(policy.timeout), &mut console);
    let (_, told) = told.map_err(|failure| anyhow!(failure.messages().join("; ")))?;
    let here = replay(trace, policy)?;
    ensure!(told == here, "{told:#?} instead of {here:#?}");
    Ok(())
}
