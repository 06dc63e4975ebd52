//! What is wrong with the inputs; everything at once.

use std::fmt;
use std::time::Duration;

use rollguard_core::duration::{DurationError, Human};
use rollguard_core::handover::HandoverError;
use rollguard_core::workload::WorkloadError;

/// What is wrong with one input, and what to write instead.
#[derive(Debug, thiserror::Error)]
pub enum InputProblem {
    /// It must be given.
    #[error("is missing")]
    Missing,
    /// A macro that Azure Pipelines did not replace.
    #[error("`$({0})` was not replaced, because there is no variable `{0}`")]
    UnknownVariable(String),
    /// An expression where none is evaluated.
    #[error("`{0}` was not evaluated; map it to a variable of the job and write `$(variable)`")]
    NotEvaluated(String),
    /// It belongs to another command.
    #[error("is for the command `{0}` only; leave it empty")]
    OtherCommand(&'static str),
    /// No such command.
    #[error("`{0}` is not a command; write `check` or `rollback`")]
    Command(String),
    /// More than one service connection.
    #[error("`{0}` names more than one service connection; write one")]
    ServiceConnections(String),
    /// Not a subscription id.
    #[error(
        "`{0}` is not a subscription id; write a UUID such as \
         `00000000-0000-0000-0000-000000000000`"
    )]
    SubscriptionId(String),
    /// Not the name of a resource group.
    #[error(
        "`{0}` is not the name of a resource group; it has at most 90 letters, digits, `-`, `_`, \
         `.`, `(` and `)`, and no `.` at its end"
    )]
    ResourceGroup(String),
    /// Not the name of an AKS cluster.
    #[error(
        "`{0}` is not the name of an AKS cluster; it has at most 63 letters, digits, `-` and `_`, \
         and a letter or digit at both ends"
    )]
    Cluster(String),
    /// Not the name of a namespace.
    #[error(
        "`{0}` is not the name of a namespace; it has at most 63 lower-case letters, digits and \
         `-`, and a letter or digit at both ends"
    )]
    Namespace(String),
    /// Not a workload.
    #[error(transparent)]
    Workload(WorkloadError),
    /// More workloads than can be handled.
    #[error("{0} workloads are given; write one")]
    SeveralWorkloads(usize),
    /// Not a duration.
    #[error(transparent)]
    Duration(DurationError),
    /// The check could never succeed.
    #[error(
        "{stable_for} is not shorter than the timeout of {timeout}; the check could never succeed",
        stable_for = Human(*.stable_for),
        timeout = Human(*.timeout)
    )]
    NotShorterThanTimeout {
        /// How long the rollout must stay complete.
        stable_for: Duration,
        /// How long the check may take.
        timeout: Duration,
    },
    /// Not a revision.
    #[error(
        "`{0}` is not a revision; write a number as `kubectl rollout history` shows it, such as `3`"
    )]
    Revision(String),
    /// The revision is named twice.
    #[error("the evidence names the revision to restore already; give one of the two")]
    BesidesEvidence,
    /// Not what a check handed over.
    #[error("is not what a check hands over")]
    Evidence(#[source] HandoverError),
}

/// One input that is wrong.
#[derive(Debug, thiserror::Error)]
#[error("{input}: {problem}")]
pub struct InputError {
    /// The input as the user wrote it: `` `--timeout` `` or ``input `timeout` ``.
    pub input: String,
    /// What is wrong.
    #[source]
    pub problem: InputProblem,
}

impl InputError {
    /// What the user can do, where the message does not say it already.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match &self.problem {
            InputProblem::UnknownVariable(name) => Some(format!(
                "define `{name}` in the pipeline, or check its spelling; an output of another job \
                 must be mapped to a variable of this job"
            )),
            InputProblem::Evidence(_) => {
                Some("pass the output variable `evidence` of the check on as it is".to_owned())
            }
            InputProblem::Missing
            | InputProblem::NotEvaluated(_)
            | InputProblem::OtherCommand(_)
            | InputProblem::Command(_)
            | InputProblem::ServiceConnections(_)
            | InputProblem::SubscriptionId(_)
            | InputProblem::ResourceGroup(_)
            | InputProblem::Cluster(_)
            | InputProblem::Namespace(_)
            | InputProblem::Workload(_)
            | InputProblem::SeveralWorkloads(_)
            | InputProblem::Duration(_)
            | InputProblem::NotShorterThanTimeout { .. }
            | InputProblem::BesidesEvidence
            | InputProblem::Revision(_) => None,
        }
    }
}

/// Every input that is wrong; at least one.
#[derive(Debug)]
pub struct InputErrors(pub(super) Vec<InputError>);

impl InputErrors {
    /// The errors, in the order of the inputs.
    #[must_use]
    pub fn errors(&self) -> &[InputError] {
        &self.0
    }

    /// What the user can do, where the message does not say it already.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hints: Vec<String> = self.0.iter().filter_map(InputError::hint).collect();
        (!hints.is_empty()).then(|| hints.join("; "))
    }
}

impl fmt::Display for InputErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("read the inputs: ")?;
        for (index, error) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for InputErrors {}
