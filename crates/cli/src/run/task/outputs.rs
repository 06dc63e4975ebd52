//! The output variables that later jobs read, and the errors on the run's page.

use rollguard_agent::command::{ISSUES, Severity};
use rollguard_agent::inputs::{COMMAND, CommandName, EVIDENCE, RawInputs};
use rollguard_agent::outputs::{EvidenceAltered, FailedTask, OutputVariable, of_failure};
use rollguard_agent::{LoggingCommand, Outcome};
use rollguard_core::approval::Approval;
use rollguard_core::doctor::{About, Fact, State};
use rollguard_core::finding::{Prognosis, RollbackHelps};
use rollguard_core::report::{Line, Report, summary};
use rollguard_core::rollback::RollbackHealth;

use crate::failure::Failure;
use crate::run::check::Checked;
use crate::run::doctor::Examined;
use crate::run::rollback::RolledBack;
use crate::run::tools::Tools;

/// How many causes are shown on the run's page beside the sentence: the agent keeps ten warnings of a step,
/// and some may be about the connection.
const CAUSES: usize = 8;

/// The result of a check.
pub(super) fn of_check(checked: &Checked, tools: &mut Tools<'_>) -> Result<(), Failure> {
    let report = &checked.report;
    let evidence = checked.approval().map(evidence).transpose()?;
    let helps = report.rollback.helps(&report.findings);
    let targets = report.rollback.targets();
    set(OutputVariable::Verdict, report.verdict.as_str(), tools)?;
    set(OutputVariable::RollbackTo, &targets, tools)?;
    let helps = helps.map_or("", RollbackHelps::as_str);
    set(OutputVariable::RollbackHelps, helps, tools)?;
    let forces = report.rollback.forces().unwrap_or_default();
    set(OutputVariable::RollbackForces, forces, tools)?;
    if let Some(command) = evidence {
        tools.console.command(&command);
    }
    let text = summary(report, OutputVariable::Summary.limit());
    set(OutputVariable::Summary, &text, tools)?;
    if let Some(health) = report.rollback_health() {
        set(OutputVariable::RollbackHealth, health.as_str(), tools)?;
    }
    if checked.outcome != Outcome::Succeeded {
        issues(report, tools);
    }
    Ok(())
}

/// Says on the run's page what failed, and what else was found.
fn issues(report: &Report, tools: &mut Tools<'_>) {
    let error = LoggingCommand::error(&report.sentence);
    tools.console.command(&error);
    let others = report.findings.iter().skip(1);
    let others = others.filter(|it| it.prognosis != Prognosis::Informational);
    for finding in others.take(CAUSES) {
        let code = finding.code.to_string();
        let warning = LoggingCommand::issue(Severity::Warning, Some(&code), &finding.message);
        tools.console.command(&warning);
    }
}

/// Returns the evidence as an output variable; a proposal has one that fits.
fn evidence(approval: &Approval) -> anyhow::Result<LoggingCommand> {
    let json = approval.to_json()?.ok_or(EvidenceAltered)?;
    Ok(OutputVariable::Evidence.set(&json)?)
}

/// How a rollback ended.
pub(super) fn of_rollback(done: &RolledBack, tools: &mut Tools<'_>) -> Result<(), Failure> {
    if let Some(word) = done.word {
        set(OutputVariable::RollbackOutcome, word.as_str(), tools)?;
    }
    let health = done.health.map_or("", RollbackHealth::as_str);
    set(OutputVariable::RollbackHealth, health, tools)?;
    errors(&done.errors, tools);
    Ok(())
}

/// Says on the run's page what a doctor found, and what to do, where something is missing or ends soon.
pub(super) fn of_doctor(examined: &Examined, tools: &mut Tools<'_>) {
    let findings = &examined.findings;
    let is_ready = examined.outcome == Outcome::Succeeded;
    if !is_ready || findings.role().is_some() {
        let command = if is_ready {
            LoggingCommand::warning
        } else {
            LoggingCommand::error
        };
        for issue in issues_of(examined.outcome, findings.sentence(), findings.hint()) {
            tools.console.command(&command(&issue));
        }
    }
    let ends = |it: &&Fact| {
        it.about == About::Credential && matches!(it.state, State::Warning | State::Failed)
    };
    for fact in findings.facts.iter().filter(ends) {
        for issue in issues_of(examined.outcome, fact.text.clone(), fact.hint.clone()) {
            tools.console.command(&LoggingCommand::warning(&issue));
        }
    }
}

fn issues_of(outcome: Outcome, text: String, hint: Option<String>) -> Vec<String> {
    let failure = Failure::new(outcome, text);
    match hint {
        Some(hint) => failure.hint(hint).issues(),
        None => failure.issues(),
    }
}

/// Tells why there is no result, on the run's page and to later jobs.
pub(super) fn give_up(raw: &RawInputs, failure: &Failure, tools: &mut Tools<'_>) {
    let commands = of_failure(FailedTask {
        command: raw.get(&COMMAND).and_then(CommandName::parse),
        has_evidence: raw.get(&EVIDENCE).is_some(),
        summary: &failure.messages().join("\n"),
    });
    for command in commands {
        tools.console.command(&command);
    }
    errors(&failure.issues(), tools);
}

/// Shows the first errors on the run's page. The agent keeps ten of a step; the log has all.
fn errors(messages: &[String], tools: &mut Tools<'_>) {
    for command in LoggingCommand::errors(messages) {
        tools.console.command(&command);
    }
    for message in messages
        .iter()
        .skip(ISSUES - 1)
        .take_while(|_| messages.len() > ISSUES)
    {
        tools.console.line(&Line::plain(message.clone()));
    }
}

fn set(variable: OutputVariable, value: &str, tools: &mut Tools<'_>) -> Result<(), Failure> {
    let command = variable.set(value).map_err(anyhow::Error::from)?;
    tools.console.command(&command);
    Ok(())
}
