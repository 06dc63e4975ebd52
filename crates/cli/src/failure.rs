//! Why a command could not do its work: an outcome, one line, and a hint.

use std::error::Error;

use rollguard_agent::Outcome;
use rollguard_agent::env::OIDC_REQUEST_URI;
use rollguard_agent::inputs::InputErrors;
use rollguard_agent::service_connection::{ConnectionProblem, ServiceConnectionError};
use rollguard_azure::{AzureError, AzureErrorKind, NO_OIDC_ADDRESS, hint_for_program};
use rollguard_cluster::{ClusterError, ClusterErrorKind, SignIn, WayIn};
use rollguard_core::foreign_text::clipped_to_bytes;
use rollguard_core::report::document::NotChecked;
use rollguard_core::report::{Line, failure_lines};
use rollguard_core::rollback::execution::{FailedCall, FailureKind};

/// Hints for a user who has no kubeconfig.
#[derive(Clone, Debug, Default)]
struct OtherHints {
    /// On the command line, through Azure.
    developer: Option<String>,
    /// In a task, with an Azure Resource Manager connection.
    azure_connection: Option<String>,
    /// In a task, with a Kubernetes connection.
    kubernetes_connection: Option<String>,
}

/// A command's end without a result.
#[derive(Clone, Debug)]
pub struct Failure {
    /// How the command ended.
    pub outcome: Outcome,
    /// One line each; all bad inputs are reported at once.
    messages: Vec<String>,
    /// What the user can do.
    pub hint: Option<String>,
    /// The same in the words of those who sign in otherwise, where they differ.
    other_hints: Option<Box<OtherHints>>,
    /// Whether the last message says that nothing was changed.
    unchanged: bool,
    /// Whether the API server refused, so that the hint has to say on whose behalf it was asked.
    forbidden: bool,
}

impl Failure {
    /// A failure with one message.
    #[must_use]
    pub fn new(outcome: Outcome, message: impl Into<String>) -> Self {
        Self::of(outcome, vec![message.into()])
    }

    /// A failure with several messages, one line each.
    pub(crate) const fn of(outcome: Outcome, messages: Vec<String>) -> Self {
        Self {
            outcome,
            messages,
            hint: None,
            other_hints: None,
            unchanged: false,
            forbidden: false,
        }
    }

    /// With what the user can do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        // It knows more than the one that a cause came with.
        self.other_hints = None;
        self
    }

    /// Speaks of what a user has who came to the cluster like this.
    #[must_use]
    pub(crate) fn for_user(mut self, way_in: &WayIn) -> Self {
        let others = self.other_hints.take().unwrap_or_default();
        let own = match way_in.sign_in {
            SignIn::Kubeconfig => None,
            SignIn::Developer => others.developer,
            SignIn::AzureConnection => others.azure_connection,
            SignIn::KubernetesConnection => others.kubernetes_connection,
        };
        let hint = own.or(self.hint);
        let hint = if std::mem::take(&mut self.forbidden) {
            way_in.naming_whom(hint)
        } else {
            hint
        };
        self.hint = hint.map(|it| way_in.doctor.named_in(&it));
        self
    }

    /// Adds the reason behind the last message.
    #[must_use]
    pub(crate) fn because(mut self, why: &str) -> Self {
        if let Some(last) = self.messages.last_mut() {
            *last = format!("{last}: {why}");
        }
        self
    }

    /// Adds that nothing was changed, for what ends before a rollback has begun.
    #[must_use]
    pub const fn unchanged(mut self) -> Self {
        self.unchanged = true;
        self
    }

    /// Returns the messages, one line each.
    #[must_use]
    pub fn messages(&self) -> Vec<String> {
        let mut messages = self.messages.clone();
        if let Some(last) = messages.last_mut()
            && self.unchanged
        {
            last.push_str("; nothing was changed");
        }
        messages
    }

    /// The document for programs: why there is no report.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        self.document().to_json()
    }

    /// Why there is no report.
    #[must_use]
    pub(crate) fn document(&self) -> NotChecked {
        let (outcome, code) = (self.outcome.ending(), self.outcome.exit_code());
        NotChecked::new(outcome, code, &self.messages()).hint(self.hint.clone())
    }

    /// The lines for people.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        failure_lines(&self.messages(), self.hint.as_deref()).collect()
    }

    /// The issues for the page of the run; the last one says what to do, because nothing else of the log is there.
    #[must_use]
    pub fn issues(&self) -> Vec<String> {
        let mut issues = self.messages();
        if let (Some(last), Some(hint)) = (issues.last_mut(), &self.hint) {
            // The agent gets 2 KiB: a long answer of a server must not push the hint out.
            let room = ISSUE_LIMIT.saturating_sub(hint.len());
            *last = format!("{}; hint: {hint}", clipped_to_bytes(last, room));
        }
        issues
    }
}

/// The longest text of an issue, less what making it harmless may add.
const ISSUE_LIMIT: usize = 1900;

/// An error with its causes in one line.
fn chain(error: &dyn Error) -> String {
    let mut parts = vec![format!("failed to {error}")];
    let mut source = error.source();
    while let Some(cause) = source {
        parts.push(cause.to_string());
        source = cause.source();
    }
    parts.join(": ")
}

/// In the words of the core, for a user who came to the cluster like this.
pub(crate) fn failed_call(error: &ClusterError, way_in: &WayIn) -> FailedCall {
    FailedCall {
        kind: match error.kind() {
            ClusterErrorKind::Forbidden => FailureKind::Forbidden,
            ClusterErrorKind::NotFound => FailureKind::NotFound,
            ClusterErrorKind::Unreachable => FailureKind::Unreachable,
            ClusterErrorKind::Credentials => FailureKind::Credentials,
            ClusterErrorKind::BadInput => FailureKind::BadInput,
            ClusterErrorKind::Conflict | ClusterErrorKind::Other => FailureKind::Other,
        },
        messages: vec![chain(error)],
        hint: way_in.hint(error),
    }
}

impl From<FailedCall> for Failure {
    fn from(failed: FailedCall) -> Self {
        let outcome = match failed.kind {
            FailureKind::BadInput | FailureKind::NotFound => Outcome::BadInput,
            FailureKind::Credentials => Outcome::Credentials,
            FailureKind::Unreachable => Outcome::Unreachable,
            FailureKind::Forbidden => Outcome::Undetermined,
            FailureKind::Other => Outcome::Unexpected,
        };
        Self {
            hint: failed.hint,
            ..Self::of(outcome, failed.messages)
        }
    }
}

impl From<ClusterError> for Failure {
    fn from(error: ClusterError) -> Self {
        let failed = failed_call(&error, &WayIn::default());
        let mut sources = std::iter::successors(error.source(), |&source| source.source());
        let of_azure = sources.find_map(|source| source.downcast_ref::<AzureError>());
        // A credential plugin such as kubelogin says which of Entra's refusals it met.
        let of_program = (failed.kind == FailureKind::Credentials)
            .then(|| hint_for_program(&failed.messages.concat()))
            .flatten();
        let at_command_line = of_azure.map_or(of_program, AzureError::hint_at_command_line);
        let in_task = of_azure.and_then(AzureError::hint);
        let failure = Self::from(failed);
        Self {
            other_hints: Some(Box::new(OtherHints {
                developer: at_command_line
                    .clone()
                    .or(error.hint_for(SignIn::Developer)),
                azure_connection: in_task.or(error.hint_for(SignIn::AzureConnection)),
                kubernetes_connection: error.hint_for(SignIn::KubernetesConnection),
            })),
            hint: at_command_line.or(failure.hint),
            forbidden: error.kind() == ClusterErrorKind::Forbidden,
            ..failure
        }
    }
}

impl From<AzureError> for Failure {
    fn from(error: AzureError) -> Self {
        let outcome = match error.kind() {
            AzureErrorKind::InvalidInput { .. }
            | AzureErrorKind::LocalAccountsDisabled { .. }
            | AzureErrorKind::NotFound { .. } => Outcome::BadInput,
            AzureErrorKind::Local { .. }
            | AzureErrorKind::UnusableCertificate { .. }
            | AzureErrorKind::NotSignedIn { .. }
            | AzureErrorKind::Forbidden { .. }
            | AzureErrorKind::RejectedToken { .. }
            | AzureErrorKind::Auth { .. }
            | AzureErrorKind::Kubeconfig { .. } => Outcome::Credentials,
            AzureErrorKind::WrongApiVersion { .. }
            | AzureErrorKind::Throttled { .. }
            | AzureErrorKind::Proxy { .. }
            | AzureErrorKind::Certificate { .. }
            | AzureErrorKind::Unreachable { .. }
            | AzureErrorKind::Timeout { .. }
            | AzureErrorKind::Other { .. }
            | AzureErrorKind::NotUnderstood => Outcome::Unreachable,
        };
        Self {
            hint: error.hint_at_command_line(),
            other_hints: Some(Box::new(OtherHints {
                azure_connection: error.hint(),
                ..OtherHints::default()
            })),
            ..Self::new(outcome, chain(&error))
        }
    }
}

impl From<InputErrors> for Failure {
    fn from(errors: InputErrors) -> Self {
        let messages = errors
            .errors()
            .iter()
            .map(|it| in_their_words(&it.to_string()));
        let messages = messages.collect();
        Self {
            hint: errors.hint(),
            ..Self::of(Outcome::BadInput, messages)
        }
    }
}

/// Leaves out the name of the argument that has none on the command line, where what was typed follows.
fn in_their_words(message: &str) -> String {
    let quoted = message.strip_prefix("`WORKLOAD`: ");
    let quoted = quoted.filter(|it| it.starts_with('`'));
    quoted.unwrap_or(message).to_owned()
}

impl From<ServiceConnectionError> for Failure {
    fn from(error: ServiceConnectionError) -> Self {
        let no_address = matches!(&*error.problems, [ConnectionProblem::Missing { what }]
            if what.contains(OIDC_REQUEST_URI.name));
        Self {
            hint: if no_address {
                Some(NO_OIDC_ADDRESS.to_owned())
            } else {
                error.hint()
            },
            ..Self::new(Outcome::BadInput, chain(&error))
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::new(Outcome::Unexpected, format!("{error:#}"))
    }
}

#[cfg(test)]
mod tests {
    use rollguard_core::permission::DoctorCommand;

    use super::*;

    #[test]
    fn the_last_issue_says_what_to_do_however_long_the_message_is() {
        let rows = [
            ("one message", vec!["failed to x".to_owned()], 1),
            ("two", vec!["a".to_owned(), "b".to_owned()], 2),
            ("a long one", vec!["ä".repeat(3000)], 1),
        ];
        for (says, messages, count) in rows {
            let failure = Failure::of(Outcome::Credentials, messages).hint("check the secret");
            let issues = failure.issues();
            assert_eq!(issues.len(), count, "{says}");
            let last = issues.last().unwrap();
            assert!(last.ends_with("; hint: check the secret"), "{says}: {last}");
            let shown = rollguard_agent::neutralise(last);
            assert_eq!(shown, *last, "{says}");
        }
        let failure = Failure::new(Outcome::Credentials, "failed to x");
        assert_eq!(failure.issues(), ["failed to x"]);
    }

    #[test]
    fn each_way_of_signing_in_has_words_of_its_own() {
        let failure = || Failure {
            other_hints: Some(Box::new(OtherHints {
                developer: None,
                azure_connection: Some("check the service connection".to_owned()),
                kubernetes_connection: Some("apply what `rollguard doctor` prints".to_owned()),
            })),
            hint: Some("check the kubeconfig".to_owned()),
            ..Failure::new(Outcome::Credentials, "x")
        };
        let rows = [
            (SignIn::Kubeconfig, "check the kubeconfig"),
            (SignIn::Developer, "check the kubeconfig"),
            (SignIn::AzureConnection, "check the service connection"),
            (
                SignIn::KubernetesConnection,
                "apply what this task with `command: doctor` prints",
            ),
        ];
        for (sign_in, hint) in rows {
            let way_in = WayIn {
                sign_in,
                doctor: DoctorCommand::Task,
                ..WayIn::default()
            };
            let told = failure().for_user(&way_in);
            assert_eq!(told.issues(), [format!("x; hint: {hint}")], "{sign_in:?}");
            let lines: Vec<String> = told.lines().iter().map(Line::text).collect();
            assert!(lines.concat().contains(hint), "{sign_in:?}: {lines:?}");
        }
    }
}
