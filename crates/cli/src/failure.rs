//! Why a command could not do its work: an outcome, one line, and a hint.

use std::error::Error;

use rollguard_agent::Outcome;
use rollguard_agent::inputs::InputErrors;
use rollguard_agent::service_connection::ServiceConnectionError;
use rollguard_azure::{AzureError, AzureErrorKind};
use rollguard_cluster::{ClusterError, ClusterErrorKind};
use rollguard_core::report::document::NotChecked;
use rollguard_core::report::{Line, failure_lines, hint_line};
use rollguard_core::rollback::execution::{FailedCall, FailureKind};

/// A command's end without a result.
#[derive(Clone, Debug)]
pub struct Failure {
    /// How the command ended.
    pub outcome: Outcome,
    /// One line each; all bad inputs are reported at once.
    messages: Vec<String>,
    /// What the user can do.
    pub hint: Option<String>,
    /// Whether the last message says that nothing was changed.
    unchanged: bool,
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
            unchanged: false,
        }
    }

    /// With what the user can do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
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
        NotChecked::new(
            self.outcome.ending(),
            self.outcome.exit_code(),
            &self.messages(),
        )
        .hint(self.hint.clone())
        .to_json()
    }

    /// The lines for people.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        failure_lines(&self.messages(), self.hint.as_deref()).collect()
    }

    /// The line that says what to do, if there is one.
    #[must_use]
    pub fn hint_lines(&self) -> Vec<Line> {
        self.hint.as_deref().map(hint_line).into_iter().collect()
    }
}

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

/// In the words of the core.
pub(crate) fn failed_call(error: &ClusterError) -> FailedCall {
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
        hint: error.hint(),
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
        failed_call(&error).into()
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
            hint: error.hint(),
            ..Self::new(outcome, chain(&error))
        }
    }
}

impl From<InputErrors> for Failure {
    fn from(errors: InputErrors) -> Self {
        let messages = errors.errors().iter().map(ToString::to_string).collect();
        Self {
            hint: errors.hint(),
            ..Self::of(Outcome::BadInput, messages)
        }
    }
}

impl From<ServiceConnectionError> for Failure {
    fn from(error: ServiceConnectionError) -> Self {
        Self {
            hint: error.hint(),
            ..Self::new(Outcome::BadInput, chain(&error))
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::new(Outcome::Unexpected, format!("{error:#}"))
    }
}
