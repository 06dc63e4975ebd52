//! Why a command could not do its work: an outcome, one line, and a hint.

use std::error::Error;

use rollguard_agent::Outcome;
use rollguard_agent::inputs::InputErrors;
use rollguard_agent::service_connection::ServiceConnectionError;
use rollguard_azure::{AzureError, AzureErrorKind};
use rollguard_cluster::{ClusterError, ClusterErrorKind};
use rollguard_core::report::document::{Ending, NotChecked};
use rollguard_core::report::{Line, failure_lines, hint_line};

/// A command's end without a result.
#[derive(Debug)]
pub struct Failure {
    /// How the command ended.
    pub outcome: Outcome,
    /// One line each; all bad inputs are reported at once.
    pub messages: Vec<String>,
    /// What the user can do.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure with one message.
    #[must_use]
    pub fn new(outcome: Outcome, message: impl Into<String>) -> Self {
        Self {
            outcome,
            messages: vec![message.into()],
            hint: None,
        }
    }

    /// With what the user can do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Of a rollback that has not begun: says so, unless it is said already.
    #[must_use]
    pub fn unchanged(mut self) -> Self {
        const SAID: &str = "nothing was changed";
        if let Some(last) = self.messages.last_mut()
            && !last.ends_with(SAID)
        {
            last.push_str("; ");
            last.push_str(SAID);
        }
        self
    }

    /// The document for programs: why there is no report.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        let ending = match self.outcome {
            Outcome::BadInput => Ending::BadInput,
            Outcome::Credentials => Ending::Credentials,
            Outcome::Unreachable => Ending::Unreachable,
            Outcome::Undetermined => Ending::Undetermined,
            Outcome::Cancelled => Ending::Cancelled,
            // The others are results, and come with a report or belong to a rollback.
            Outcome::Unexpected
            | Outcome::Succeeded
            | Outcome::RolledBack
            | Outcome::Failed
            | Outcome::TimedOut
            | Outcome::Superseded
            | Outcome::Refused
            | Outcome::RollbackFailed
            | Outcome::RolledBackUnhealthy
            | Outcome::RolledBackNotVerified
            | Outcome::PartlyRolledBack => Ending::Unexpected,
        };
        NotChecked::new(ending, self.outcome.exit_code(), &self.messages)
            .hint(self.hint.clone())
            .to_json()
    }

    /// The lines for people.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        failure_lines(&self.messages, self.hint.as_deref()).collect()
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

impl From<ClusterError> for Failure {
    fn from(error: ClusterError) -> Self {
        let outcome = match error.kind() {
            ClusterErrorKind::BadInput | ClusterErrorKind::NotFound => Outcome::BadInput,
            ClusterErrorKind::Credentials => Outcome::Credentials,
            ClusterErrorKind::Unreachable => Outcome::Unreachable,
            ClusterErrorKind::Forbidden => Outcome::Undetermined,
            ClusterErrorKind::Conflict | ClusterErrorKind::Other => Outcome::Unexpected,
        };
        Self {
            outcome,
            messages: vec![chain(&error)],
            hint: error.hint(),
        }
    }
}

impl From<AzureError> for Failure {
    fn from(error: AzureError) -> Self {
        let outcome = match error.kind() {
            AzureErrorKind::InvalidInput { .. } | AzureErrorKind::NotFound { .. } => {
                Outcome::BadInput
            }
            AzureErrorKind::Local { .. }
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
            outcome,
            messages: vec![chain(&error)],
            hint: error.hint(),
        }
    }
}

impl From<InputErrors> for Failure {
    fn from(errors: InputErrors) -> Self {
        let messages = errors.errors().iter().map(ToString::to_string).collect();
        Self {
            outcome: Outcome::BadInput,
            messages,
            hint: errors.hint(),
        }
    }
}

impl From<ServiceConnectionError> for Failure {
    fn from(error: ServiceConnectionError) -> Self {
        Self {
            outcome: Outcome::BadInput,
            messages: vec![chain(&error)],
            hint: error.hint(),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self {
            outcome: Outcome::Unexpected,
            messages: vec![format!("{error:#}")],
            hint: None,
        }
    }
}
