//! The findings for the run's page.

use super::{Answer, Fact, Findings, Reviewed, State};
use crate::permission::Need;
use crate::report::{code, fence, prose};

/// Renders the findings as Markdown. Foreign text stands in code spans and fences, or is escaped.
#[must_use]
pub fn doctor_markdown(findings: &Findings) -> String {
    let mut out = vec![format!(
        "## rollguard doctor\n\n**{}**\n",
        prose(&findings.sentence())
    )];
    let problem = findings.problem.as_ref();
    if let Some(hint) = problem.and_then(|it| it.hint.as_deref()) {
        out.push(format!("What to do: {}\n", prose(hint)));
    }
    out.push("| | | found |\n| --- | --- | --- |".to_owned());
    let missing = findings
        .permissions
        .iter()
        .filter(|it| it.answer != Answer::Granted);
    out.extend(missing.map(permission));
    let granted = findings.of_answer(&Answer::Granted).count();
    let asked = findings.permissions.len();
    if asked > 0 {
        out.push(format!(
            "| ✓ | permissions | {granted} of {asked} are granted |"
        ));
    }
    out.extend(findings.facts.iter().map(fact));
    if let Some(command) = findings.role_assignment() {
        out.push(format!(
            "\nThis cluster uses Azure RBAC:\n\n{}",
            fence(&command)
        ));
    }
    if let Some(role) = findings.role() {
        out.push(format!("\nThe Role to apply:\n\n{}", fence(&role)));
    }
    out.join("\n") + "\n"
}

fn permission(reviewed: &Reviewed) -> String {
    let (sign, text) = match (&reviewed.answer, reviewed.used.need()) {
        (Answer::Granted, _) => ("✓", "granted".to_owned()),
        (Answer::NotServed, _) => (
            "✓",
            "not needed: the cluster does not have this API".to_owned(),
        ),
        (Answer::Missing, Need::Needed) => {
            ("✗", format!("missing, needed {}", reviewed.used.why()))
        }
        (Answer::Missing, Need::Narrows | Need::Optional) => {
            ("!", format!("missing, used {}", reviewed.used.why()))
        }
        (Answer::Unseen { reason }, _) => ("?", format!("cannot see: {}", cell(reason))),
    };
    format!(
        "| {sign} | {} | {text} |",
        code(&reviewed.used.permission.to_string())
    )
}

fn fact(fact: &Fact) -> String {
    let sign = match fact.state {
        State::Failed => "✗",
        State::Warning => "!",
        State::Unseen => "?",
        State::Good => "✓",
    };
    let hint = fact.hint.as_deref().map(|hint| format!(" {}", cell(hint)));
    format!(
        "| {sign} | {} | {}{} |",
        fact.about.as_str(),
        cell(&fact.text),
        hint.unwrap_or_default()
    )
}

/// A code span that does not end the cell of a table.
fn cell(text: &str) -> String {
    code(text).replace('|', "\\|")
}
