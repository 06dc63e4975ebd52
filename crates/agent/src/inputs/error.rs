//! Errors in the inputs, all of them at once.

use std::fmt;
use std::time::Duration;

use rollguard_core::approval::ApprovalError;
use rollguard_core::duration::{DurationError, Human};
use rollguard_core::finding::{FindingCode, UnknownCode};
use rollguard_core::http::HttpCheckError;
use rollguard_core::verdict::VerdictKind;
use rollguard_core::workload::WorkloadError;

/// An error in one input, and what to write instead.
#[derive(Debug, thiserror::Error)]
pub enum InputProblem {
    /// It must be given.
    #[error("is missing")]
    Missing,
    /// It is given, with nothing in it.
    #[error("is empty; give a value, or leave it out")]
    Blank,
    /// A macro that Azure Pipelines did not replace.
    #[error("`$({0})` was not replaced, because there is no variable `{0}`")]
    UnknownVariable(String),
    /// An expression where none is evaluated.
    #[error("`{0}` was not evaluated; map it to a variable of the job and write `$(variable)`")]
    NotEvaluated(String),
    /// It belongs to another command.
    #[error("is for the command {0} only; leave it empty")]
    OtherCommand(String),
    /// No such command.
    #[error("`{0}` is not a command; write `check`, `rollback`, `doctor` or `lint`")]
    Command(String),
    /// No such type of service connection.
    #[error(
        "`{0}` is not a type of service connection; write `azureResourceManager`, \
         `kubernetesServiceConnection` or, to lint without a cluster, `none`"
    )]
    ConnectionType(String),
    /// It belongs to another type of service connection.
    #[error("is read only with `connectionType: {0}`; write that, or leave the input empty")]
    OtherConnection(&'static str),
    /// A command that needs a cluster.
    #[error(
        "`none` is for the command `lint` only, because `{0}` needs a cluster; write `azureResourceManager` or `kubernetesServiceConnection`"
    )]
    NeedsCluster(&'static str),
    /// Workloads of a cluster that is not asked.
    #[error(
        "names workloads of a cluster, which `connectionType: none` does not ask; choose a service connection, or write `manifests`"
    )]
    AsksNoCluster,
    /// Nothing to lint.
    #[error(
        "is missing; write for example `k8s/*.yaml`, or give `workloads` or `selector` of the cluster"
    )]
    NothingToLint,
    /// Not a severity.
    #[error("`{0}` is not a severity; write `error`, `warning`, `info` or `never`")]
    Severity(String),
    /// No command whose permissions a doctor knows.
    #[error(
        "`{0}` is not a command that needs permissions; write `check`, `rollback`, `drill` or `lint`"
    )]
    DoctorCommand(String),
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
    /// Nothing to roll back.
    #[error(
        "is missing; write for example `deployment/web`, or give {selector}, or {evidence}, which \
             names the workloads"
    )]
    NothingToRollBack {
        /// The input for the evidence as the user writes it.
        evidence: String,
        /// The input for a selector as the user writes it.
        selector: String,
    },
    /// A workload that the check did not hand over.
    #[error("`{0}` is not in the evidence; name only workloads from it, or none")]
    NotInEvidence(String),
    /// Another namespace than the one of the check.
    #[error(
        "the evidence is about the namespace `{namespace}`; use that namespace, or leave it \
             out"
    )]
    EvidenceElsewhere {
        /// The namespace of the check.
        namespace: String,
    },
    /// Workloads by label beside those of the check's approval.
    #[error("the evidence names the workloads; give one of the two")]
    SelectorBesidesEvidence,
    /// Neither true nor false.
    #[error("`{0}` is neither `true` nor `false`")]
    Boolean(String),
    /// Nothing to check.
    #[error("is missing; write for example `deployment/web`, or give {selector} instead")]
    NoWorkload {
        /// The input for a selector as the user writes it.
        selector: String,
    },
    /// A kind without a name.
    #[error("`{0}` has no name; write for example `{0}/web`")]
    KindAlone(String),
    /// `TYPE NAME` beside `TYPE/NAME`, which kubectl does not take either.
    #[error("`{given}` has a space where the other workloads have a slash; write `{write}`")]
    TwoForms {
        /// The words.
        given: String,
        /// The same with slashes.
        write: String,
    },
    /// A list of names that are not apart from each other.
    #[error("`{given}` has a comma between names; write `{write}`")]
    NamesWithComma {
        /// The words.
        given: String,
        /// The same with spaces.
        write: String,
    },
    /// A kind behind another one, where kubectl would take it for a name.
    #[error(
        "`{kind}` is a kind where a name belongs; write `{kind}/NAME` and give every workload a slash, or \
         `{of}/{kind}` for a workload of that name"
    )]
    KindForName {
        /// The word.
        kind: String,
        /// The kind before it.
        of: String,
    },
    /// Not a label selector.
    #[error(
        "`{0}` is not a label selector; write for example `app=web`, `app!=web` or \
         `tier in (web, api)`, and a `,` between several"
    )]
    Selector(String),
    /// Not a check over HTTP.
    #[error(transparent)]
    Http(HttpCheckError),
    /// Not a grace.
    #[error("`{0}` is not a grace; write `CODE=DURATION`, such as `ImageNotFound=2m`")]
    Grace(String),
    /// The grace of no known cause.
    #[error(transparent)]
    Code(UnknownCode),
    /// The grace of a cause that has none.
    #[error("`{0}` never decides a verdict, so it has no grace; leave it out")]
    NeverDecides(FindingCode),
    /// The grace of a cause that has one already.
    #[error("`{0}` is given twice; write it once")]
    SecondGrace(FindingCode),
    /// A grace of no duration.
    #[error("the grace of `{code}`: {problem}")]
    GraceDuration {
        /// The cause.
        code: FindingCode,
        /// What is wrong.
        #[source]
        problem: DurationError,
    },
    /// A Job where a revision is needed.
    #[error(
        "`{0}`: Jobs have no revisions to go back to; correct what the Job runs, and create it again"
    )]
    NoRevisions(String),
    /// A revision of more than one workload.
    #[error("a revision belongs to one workload; name exactly one, and no selector")]
    RevisionOfSeveral,
    /// A revision to restore for more than one workload.
    #[error("{0} workloads are given, but a revision belongs to one; name exactly one")]
    ToRevisionOfSeveral(usize),
    /// A revision to restore for whatever a selector finds.
    #[error("a revision belongs to one workload; name it instead of a selector")]
    ToRevisionOfSelector,
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
    #[error("the evidence names the revision already; give one of the two")]
    BesidesEvidence,
    /// Not the approval of a check.
    #[error("is not the evidence of a check: {0}")]
    Evidence(ApprovalError),
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
    /// Returns what the user can do, where the message does not say it already.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match &self.problem {
            InputProblem::UnknownVariable(name) => Some(format!(
                "define `{name}` in the pipeline, or check its spelling; an output of another job \
                 must be mapped to a variable of this job"
            )),
            InputProblem::Evidence(error) => Some(of_evidence(error).to_owned()),
            InputProblem::Missing
            | InputProblem::Blank
            | InputProblem::NotEvaluated(_)
            | InputProblem::OtherCommand(_)
            | InputProblem::Command(_)
            | InputProblem::ConnectionType(_)
            | InputProblem::OtherConnection(_)
            | InputProblem::NeedsCluster(_)
            | InputProblem::AsksNoCluster
            | InputProblem::NothingToLint
            | InputProblem::Severity(_)
            | InputProblem::DoctorCommand(_)
            | InputProblem::ServiceConnections(_)
            | InputProblem::SubscriptionId(_)
            | InputProblem::ResourceGroup(_)
            | InputProblem::Cluster(_)
            | InputProblem::Namespace(_)
            | InputProblem::Workload(_)
            | InputProblem::NothingToRollBack { .. }
            | InputProblem::NotInEvidence(_)
            | InputProblem::EvidenceElsewhere { .. }
            | InputProblem::SelectorBesidesEvidence
            | InputProblem::Boolean(_)
            | InputProblem::ToRevisionOfSeveral(_)
            | InputProblem::ToRevisionOfSelector
            | InputProblem::NoWorkload { .. }
            | InputProblem::KindAlone(_)
            | InputProblem::TwoForms { .. }
            | InputProblem::NamesWithComma { .. }
            | InputProblem::KindForName { .. }
            | InputProblem::Selector(_)
            | InputProblem::Http(_)
            | InputProblem::Grace(_)
            | InputProblem::Code(_)
            | InputProblem::NeverDecides(_)
            | InputProblem::SecondGrace(_)
            | InputProblem::GraceDuration { .. }
            | InputProblem::RevisionOfSeveral
            | InputProblem::NoRevisions(_)
            | InputProblem::Duration(_)
            | InputProblem::NotShorterThanTimeout { .. }
            | InputProblem::BesidesEvidence
            | InputProblem::Revision(_) => None,
        }
    }
}

/// Returns what to do about evidence that is none.
fn of_evidence(error: &ApprovalError) -> &'static str {
    match error {
        ApprovalError::NothingProposed {
            verdict: Some(VerdictKind::Succeeded),
            ..
        } => "there is nothing to undo; to roll back anyway, name a workload instead",
        ApprovalError::NothingProposed { .. } => {
            "the report says why; check again, or name a workload instead of the evidence to \
             decide yourself"
        }
        ApprovalError::Version(_) => "use the same rollguard for the check and the rollback",
        ApprovalError::Json(_) | ApprovalError::Empty => {
            "pass the output variable `evidence` of the check unchanged"
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

    /// Returns what the user can do, where the message does not say it already.
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
