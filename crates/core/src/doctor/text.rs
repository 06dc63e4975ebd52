//! The findings for people: one table, the missing permissions first, what to apply last.

use super::{Answer, Diagnosis, Fact, Findings, Reviewed, State, listed};
use crate::permission::Need;
use crate::report::{Line, Style, failure_lines, hint_line};

/// The sign of a row; colour never says it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sign {
    Bad,
    Warning,
    Unseen,
    Good,
}

impl Sign {
    const fn shown(self) -> &'static str {
        match self {
            Self::Bad => "✗ ",
            Self::Warning => "! ",
            Self::Unseen => "? ",
            Self::Good => "✓ ",
        }
    }

    const fn style(self) -> Style {
        match self {
            Self::Bad => Style::Bad,
            Self::Warning => Style::Warn,
            Self::Unseen => Style::Dim,
            Self::Good => Style::Good,
        }
    }
}

/// A row of the table.
struct Row {
    sign: Sign,
    name: String,
    text: String,
    hint: Option<String>,
}

/// Lays out the findings: problems, permissions, facts, the outcome, and what to apply.
#[must_use]
pub fn doctor_lines(findings: &Findings) -> Vec<Line> {
    let mut rows = permission_rows(findings);
    rows.sort_by_key(|row| row.sign);
    let mut facts: Vec<Row> = findings.facts.iter().map(fact_row).collect();
    facts.sort_by_key(|row| row.sign);
    let width = rows
        .iter()
        .chain(&facts)
        .map(|row| row.name.chars().count());
    let width = width.max().unwrap_or_default().min(WIDEST);
    let mut lines: Vec<Line> = rows.iter().flat_map(|row| row_lines(row, width)).collect();
    if !rows.is_empty() {
        lines.push(Line::default());
    }
    lines.extend(facts.iter().flat_map(|row| row_lines(row, width)));
    lines.push(Line::default());
    lines.extend(conclusion(findings));
    lines
}

/// The widest first column; a longer name moves its own text only.
const WIDEST: usize = 46;

fn row_lines(row: &Row, width: usize) -> Vec<Line> {
    let name = format!("{:<width$}  ", row.name);
    let line = Line::styled(row.sign.style(), row.sign.shown())
        .then(Style::Plain, name)
        .then(
            if row.sign == Sign::Good {
                Style::Dim
            } else {
                Style::Plain
            },
            row.text.clone(),
        );
    let hint = row.hint.as_deref().map(|hint| {
        let indent = " ".repeat(width + 4);
        Line::plain(indent).then(Style::Dim, format!("hint: {hint}"))
    });
    std::iter::once(line).chain(hint).collect()
}

fn fact_row(fact: &Fact) -> Row {
    Row {
        sign: match fact.state {
            State::Failed => Sign::Bad,
            State::Warning => Sign::Warning,
            State::Unseen => Sign::Unseen,
            State::Good => Sign::Good,
        },
        name: fact.about.as_str().to_owned(),
        text: fact.text.clone(),
        hint: fact.hint.clone(),
    }
}

/// One row for the verbs of a resource that have the same answer and the same purpose.
fn permission_rows(findings: &Findings) -> Vec<Row> {
    let mut groups: Vec<Vec<&Reviewed>> = Vec::new();
    for reviewed in &findings.permissions {
        let alike = |group: &&mut Vec<&Reviewed>| {
            group.first().is_some_and(|first| {
                let (one, other) = (&first.used, &reviewed.used);
                one.permission.scope == other.permission.scope
                    && one.permission.qualified() == other.permission.qualified()
                    && one.need() == other.need()
                    && first.answer == reviewed.answer
            })
        };
        match groups.iter_mut().find(alike) {
            Some(group) => group.push(reviewed),
            None => groups.push(vec![reviewed]),
        }
    }
    groups
        .iter()
        .filter_map(|group| permission_row(group))
        .collect()
}

fn permission_row(group: &[&Reviewed]) -> Option<Row> {
    let first = group.first()?;
    let verbs: Vec<&str> = group.iter().map(|it| it.used.permission.verb).collect();
    let name = format!("{} {}", verbs.join(","), first.used.permission.qualified());
    let why = first.used.why();
    let commands = listed(&first.used.commands());
    let (sign, text) = match (&first.answer, first.used.need()) {
        (Answer::Granted, _) => (Sign::Good, "granted".to_owned()),
        (Answer::NotServed, _) => (
            Sign::Good,
            "not needed: the cluster does not have this API".to_owned(),
        ),
        (Answer::Missing, Need::Needed) => {
            (Sign::Bad, format!("missing, needed by {commands} {why}"))
        }
        (Answer::Missing, Need::Narrows) => {
            (Sign::Warning, format!("missing, used by {commands} {why}"))
        }
        (Answer::Missing, Need::Optional) => (
            Sign::Warning,
            format!("missing, optional: used by {commands} {why}"),
        ),
        (Answer::Unseen { reason }, _) => (Sign::Unseen, format!("cannot see: {reason}")),
    };
    Some(Row {
        sign,
        name,
        text,
        hint: None,
    })
}

fn conclusion(findings: &Findings) -> Vec<Line> {
    let style = match findings.diagnosis() {
        Diagnosis::Ready => Style::Good,
        Diagnosis::Undetermined => Style::Warn,
        Diagnosis::PermissionMissing | Diagnosis::NotConnected => Style::Bad,
    };
    let mut lines = match &findings.problem {
        Some(problem) => failure_lines(&problem.messages, problem.hint.as_deref()).collect(),
        None => vec![Line::styled(style, findings.sentence())],
    };
    if let Some(command) = findings.role_assignment() {
        lines.push(hint_line(&format!(
            "this cluster uses Azure RBAC, so assign a role (it covers most of what is missing; for the rest see \
             docs/rbac.md): {command}"
        )));
    }
    if let Some(role) = findings.role() {
        let text = if findings.azure_rbac.is_some() {
            "for a cluster without Azure RBAC, the Role would be:"
        } else {
            "an administrator applies this (kubectl apply -f -), without the rules that you do not want:"
        };
        lines.push(Line::plain(text));
        lines.push(Line::default());
        lines.extend(role.lines().map(Line::plain));
    }
    lines
}
