//! Errors of this crate: which task failed, why, and what to do about it.

mod arm;
mod entra;
mod explain;
mod fix;
mod hint;
mod oidc;

use std::time::Duration;

pub use arm::{ARM_REFUSALS, ArmRefusal};
pub(crate) use entra::may_pass;
pub use entra::{ENTRA_REFUSALS, EntraRefusal, TokenScope, hint_for_program};
pub(crate) use explain::{explain, timed_out};
pub use fix::Fix;
pub use oidc::{NO_OIDC_ADDRESS, OIDC_REFUSALS, OidcRefusal, OidcSubject, Sign};

use rollguard_network::LONGEST_WAIT;

use crate::cluster_id::{ClusterId, InvalidClusterId};
use crate::permission::Credentials;

/// A task that failed, and why.
///
/// `Display` is the task alone, a fragment that completes "failed to ..."; the reason is its
/// source. Neither holds headers, bodies or tokens; texts of Azure are foreign and bounded.
#[derive(Debug, thiserror::Error)]
#[error(
    "{task}{}{}",
    part(" for ", scope.map(TokenScope::as_str), ""),
    part(" (request ", request_id.as_deref(), ")")
)]
pub struct AzureError {
    task: Box<Task>,
    #[source]
    kind: Box<AzureErrorKind>,
    request_id: Option<String>,
    /// What to do about it, where a table of refusals says so.
    fix: Option<Fix>,
    /// What the token is for, while signing in.
    scope: Option<TokenScope>,
}

/// The operation that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Task {
    /// Inputs and certificates are read; nothing was sent.
    #[error("prepare the connection to Azure")]
    Prepare,
    /// The pipeline's OIDC token is fetched from Azure DevOps.
    #[error("get an OIDC token for service connection `{service_connection_id}`")]
    GetOidcToken {
        /// Id of the service connection.
        service_connection_id: String,
    },
    /// A token is fetched from Microsoft Entra.
    #[error("sign in to Microsoft Entra as `{client_id}` in tenant `{tenant_id}`")]
    SignIn {
        /// Client id of the service principal.
        client_id: String,
        /// Its tenant.
        tenant_id: String,
    },
    /// A token is fetched for a managed identity.
    #[error("sign in with the managed identity{} of this machine", part(" `", client_id.as_deref(), "`"))]
    SignInAsMachine {
        /// Client id of a user-assigned identity.
        client_id: Option<String>,
    },
    /// A token is fetched from a program by which a person is signed in.
    #[error("sign in with the Azure CLI or the Azure Developer CLI")]
    SignInAsDeveloper,
    /// The kubeconfig is fetched from Azure Resource Manager.
    #[error(
        "list the {} credentials of AKS cluster `{}` in resource group `{}`",
        credentials.word(),
        cluster.name(),
        cluster.resource_group()
    )]
    ListCredentials {
        /// The cluster.
        cluster: ClusterId,
        /// Client id of the identity that asked, where it is known.
        client_id: Option<String>,
        /// Those that were asked for.
        credentials: Credentials,
    },
    /// The state of the cluster is read from Azure Resource Manager.
    #[error("read AKS cluster `{}` in resource group `{}`", cluster.name(), cluster.resource_group())]
    ReadCluster {
        /// The cluster.
        cluster: ClusterId,
        /// Client id of the service principal that asked, where it is one.
        client_id: Option<String>,
    },
    /// The kubeconfig is read.
    #[error("read the kubeconfig of AKS cluster `{cluster}`")]
    ReadKubeconfig {
        /// Name of the cluster.
        cluster: String,
    },
}

/// Why a task failed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AzureErrorKind {
    /// An input breaks Azure's rules; nothing was sent.
    #[error("{what} `{}` is not {rule}", value.escape_debug())]
    InvalidInput {
        /// Which input.
        what: &'static str,
        /// What it was.
        value: String,
        /// What it must be.
        rule: &'static str,
    },
    /// This machine lacks something, e.g. trusted certificates.
    #[error("{detail}")]
    Local {
        /// What is amiss.
        detail: String,
    },
    /// The certificate of a service principal cannot be used; nothing was sent.
    #[error("the certificate of the service connection cannot be used: {detail}")]
    UnusableCertificate {
        /// Why.
        detail: &'static str,
        /// The way out.
        hint: &'static str,
    },
    /// No person is signed in.
    #[error("neither of them has a token ({detail})")]
    NotSignedIn {
        /// In the words of the programs.
        detail: String,
        /// Whether one of them is there at all.
        is_installed: bool,
    },
    /// The cluster has no local administrator account.
    #[error(
        "local accounts are disabled on AKS cluster `{cluster}`, so it has no admin credentials"
    )]
    LocalAccountsDisabled {
        /// The cluster's name.
        cluster: String,
    },
    /// Subscription, resource group, cluster or service connection does not exist.
    #[error("{what} was not found")]
    NotFound {
        /// What was not found.
        what: String,
    },
    /// The service principal lacks a role, or the cluster does not exist: Azure does not say which to
    /// an identity without a role.
    #[error(
        "the identity is not allowed `{action}` on `{scope}`{}",
        part(": ", detail.as_deref(), "")
    )]
    Forbidden {
        /// The missing permission.
        action: String,
        /// The resource it is missing on.
        scope: String,
        /// Azure's error code; `AuthorizationFailed` where a role is missing.
        code: Option<String>,
        /// Object id of the service principal, when Azure names it.
        object_id: Option<String>,
        /// The reason in Azure's words, where it is not a missing role.
        detail: Option<String>,
    },
    /// The API version is not served (any more), and no listed one could take its place.
    #[error("API version `{asked}` is not served, only {}", supported.join(", "))]
    WrongApiVersion {
        /// What was asked for.
        asked: String,
        /// What the cloud serves.
        supported: Vec<String>,
    },
    /// Too many requests, after waiting as long as seemed reasonable.
    #[error("`{host}` limits the number of requests{}", wait(*retry_after))]
    Throttled {
        /// Who limits.
        host: String,
        /// For how long.
        retry_after: Option<Duration>,
    },
    /// A token was refused; Azure Resource Manager's 401.
    #[error("`{host}` does not accept the token{}", part(": ", detail.as_deref(), ""))]
    RejectedToken {
        /// Who refused it.
        host: String,
        /// In its words.
        detail: Option<String>,
    },
    /// The identity was refused by Microsoft Entra or Azure DevOps.
    #[error("`{host}` refuses{}", part(": ", detail.as_deref(), ""))]
    Auth {
        /// Who refused it.
        host: String,
        /// Entra's error code, e.g. `AADSTS7000215`.
        aadsts: Option<String>,
        /// In its words.
        detail: Option<String>,
    },
    /// Something between us and Azure answered, or did not let us through.
    #[error("{detail}")]
    Proxy {
        /// What happened.
        detail: String,
    },
    /// The certificate of a server is not trusted.
    #[error("the certificate of `{host}` is not trusted ({detail})")]
    Certificate {
        /// Whose certificate.
        host: String,
        /// rustls' reason.
        detail: String,
    },
    /// No connection.
    #[error("`{host}` cannot be reached ({detail})")]
    Unreachable {
        /// Who.
        host: String,
        /// The operating system's reason.
        detail: String,
    },
    /// No answer in time.
    #[error("there was no answer within {} s", after.as_secs())]
    Timeout {
        /// How long we waited, retries included.
        after: Duration,
    },
    /// The kubeconfig offers no way in that rollguard takes.
    #[error("{detail}")]
    Kubeconfig {
        /// What is missing or not taken.
        detail: String,
    },
    /// Any other refusal.
    #[error(
        "`{host}` answered {status}{}{}",
        part(" ", code.as_deref(), ""),
        part(": ", detail.as_deref(), "")
    )]
    Other {
        /// Who.
        host: String,
        /// HTTP status.
        status: u16,
        /// Azure's error code.
        code: Option<String>,
        /// In its words.
        detail: Option<String>,
    },
    /// An answer that could not be understood.
    #[error("the answer was not understood")]
    NotUnderstood,
}

impl AzureError {
    pub(crate) fn new(task: Task, kind: AzureErrorKind) -> Self {
        Self {
            task: Box::new(task),
            kind: Box::new(kind),
            request_id: None,
            fix: None,
            scope: None,
        }
    }

    pub(crate) fn with_fix(mut self, fix: Fix) -> Self {
        self.fix = Some(fix);
        self
    }

    /// Says what the token was asked for, which only the caller knows.
    pub(crate) fn of_scope(mut self, scope: TokenScope) -> Self {
        if matches!(
            *self.task,
            Task::SignIn { .. } | Task::SignInAsMachine { .. }
        ) {
            self.scope = Some(scope);
            if let AzureErrorKind::Auth {
                aadsts: Some(code), ..
            } = &*self.kind
            {
                self.fix = entra::fix_of(code, self.scope);
            }
        }
        self
    }

    /// Names the version that was asked for, which only the caller knows.
    pub(crate) fn asked_version(mut self, version: &str) -> Self {
        if let AzureErrorKind::WrongApiVersion { asked, .. } = &mut *self.kind {
            version.clone_into(asked);
        }
        self
    }

    /// The operation that failed.
    #[must_use]
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// Why it failed.
    #[must_use]
    pub fn kind(&self) -> &AzureErrorKind {
        &self.kind
    }

    /// The id under which Azure's support finds the request.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// Returns what the user of a task can do, where there is something to do: it speaks of the service
    /// connection and the inputs.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        self.hint_in(Fix::in_task)
    }

    /// Returns the same for the command line.
    #[must_use]
    pub fn hint_at_command_line(&self) -> Option<String> {
        self.hint_in(Fix::at_command_line)
    }

    fn hint_in(&self, words: fn(Fix) -> &'static str) -> Option<String> {
        let fix = self.fix.map(|fix| words(fix).to_owned());
        fix.or_else(|| hint::hint(&self.task, &self.kind))
    }
}

impl From<InvalidClusterId> for AzureError {
    fn from(error: InvalidClusterId) -> Self {
        let InvalidClusterId { part, value, rule } = error;
        let kind = AzureErrorKind::InvalidInput {
            what: part,
            value,
            rule,
        };
        Self::new(Task::Prepare, kind)
    }
}

/// An optional part of a message, with what stands around it.
fn part(before: &str, value: Option<&str>, after: &str) -> String {
    value
        .map(|value| format!("{before}{value}{after}"))
        .unwrap_or_default()
}

fn wait(retry_after: Option<Duration>) -> String {
    match retry_after {
        Some(LONGEST_WAIT) => " and asks to wait for more than a day".to_owned(),
        Some(wait) => format!(" and asks to wait {} s", wait.as_secs()),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_cluster_id_is_an_invalid_input_in_the_same_words() {
        let invalid = ClusterId::new("Pay-As-You-Go", "rg", "web").unwrap_err();
        let words = invalid.to_string();
        let error = AzureError::from(invalid);
        assert_eq!(*error.task(), Task::Prepare);
        assert!(matches!(error.kind(), AzureErrorKind::InvalidInput { .. }));
        assert_eq!(error.kind().to_string(), words);
    }
}
