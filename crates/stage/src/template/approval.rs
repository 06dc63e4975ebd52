//! The inputs of `ManualValidation`, the task that Azure DevOps runs itself, and which no
//! task.json of ours describes.

use std::time::Duration;

use super::fields::Minutes;
use crate::error::Problems;
use crate::expression::same;
use crate::model::{Job, Pool, TaskStep};

/// The longest a validation waits: "after the specified timeout or 30 days, whichever is earlier"
/// (azure-pipelines-tasks, `ManualValidationV1/task.json`). Longer a job without an agent need not live.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// `maxLength` of the instructions, in characters (same file).
const INSTRUCTIONS: usize = 4000;
/// The inputs, and what each of them takes (same file).
const INPUTS: [(&str, Takes); 5] = [
    ("notifyUsers", Takes::Text),
    ("approvers", Takes::Text),
    ("allowApproversToApproveTheirOwnRuns", Takes::Boolean),
    ("instructions", Takes::Text),
    ("onTimeout", Takes::OneOf(&["reject", "resume"])),
];

/// The type of an input.
#[derive(Clone, Copy)]
enum Takes {
    Text,
    Boolean,
    OneOf(&'static [&'static str]),
}

impl Takes {
    /// Returns whether it takes `value`; a variable is only known in a run.
    fn fits(self, value: &str) -> bool {
        let variable = value.starts_with("$(") && value.ends_with(')');
        let one_of = |words: &[&str]| words.iter().any(|word| same(word, value));
        match self {
            Self::Text => true,
            Self::Boolean => variable || value.is_empty() || one_of(&["true", "false"]),
            Self::OneOf(words) => variable || value.is_empty() || one_of(words),
        }
    }

    fn expected(self) -> String {
        let words: &[&str] = match self {
            Self::Text => &[],
            Self::Boolean => &["true", "false"],
            Self::OneOf(words) => words,
        };
        words
            .iter()
            .map(|word| format!("`{word}`"))
            .collect::<Vec<_>>()
            .join(" or ")
    }
}

/// Checks the inputs of a step, if it is one that asks a person.
pub(super) fn inputs(step: &TaskStep, path: &str, problems: &mut Problems<'_>) {
    let Some(("ManualValidation", _)) = step.task.split_once('@') else {
        return;
    };
    // Required, though it may be empty: to notify no one must be stated.
    if !step
        .inputs
        .iter()
        .any(|(name, _)| same(name, "notifyUsers"))
    {
        problems.add(path, "", "`notifyUsers` is missing; it may be empty");
    }
    for (name, value) in &step.inputs {
        let path = format!("{path}.{name}");
        let quote = format!("{name}:");
        let Some((_, takes)) = INPUTS.iter().find(|(known, _)| same(known, name)) else {
            let known: Vec<&str> = INPUTS.iter().map(|(known, _)| *known).collect();
            let what = format!(
                "is no input of `{}`, which takes {}",
                step.task,
                known.join(", ")
            );
            problems.add(&path, &quote, what);
            continue;
        };
        if !takes.fits(value) {
            let what = format!("found `{value}`, expected {}", takes.expected());
            problems.add(&path, &quote, what);
        }
        let length = value.chars().count();
        if same(name, "instructions") && length > INSTRUCTIONS {
            let what = format!("has {length} characters, the task takes {INSTRUCTIONS}");
            problems.add(&path, &quote, what);
        }
    }
}

/// How long a job without an agent may live. 0 is no way to say "without limit" there: such a job ends
/// after the default of 60 minutes (reported in MicrosoftDocs/azure-devops-docs#11224).
pub(super) fn lifetime(minutes: Minutes, pool: &Pool, default: Duration) -> Option<Duration> {
    match (pool, minutes) {
        (Pool::Server, Minutes::Unlimited) => Some(default),
        (Pool::Server | Pool::Inherited | Pool::Agents(_), minutes) => minutes.or(Some(default)),
    }
}

/// A job without an agent does not live longer than what it waits for.
pub(super) fn longest(job: &Job, path: &str, problems: &mut Problems<'_>) {
    if job.pool == Pool::Server && job.timeout.is_some_and(|timeout| timeout > LONGEST) {
        let what = "is more than 30 days (43200 minutes), the longest that Azure DevOps waits";
        let path = format!("{path}.timeoutInMinutes");
        problems.add(&path, "timeoutInMinutes:", what);
    }
}
