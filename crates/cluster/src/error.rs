//! Errors of a cluster, sorted by what the user can do about them.

mod cause;
mod hint;
mod permission;
mod redact;

pub use cause::{Cause, OwnStatus};
pub(crate) use cause::{Silence, TokenFailure};
use hint::Hint;
pub(crate) use permission::Permission;

use crate::sign_in::SignIn;

/// The kind of a failure; the command line maps each to an exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClusterErrorKind {
    /// The user's input does not fit: kubeconfig, context, proxy.
    BadInput,
    /// The API server does not accept the credentials, or none can be had.
    Credentials,
    /// The API server does not answer.
    Unreachable,
    /// The API server refuses: a permission is missing.
    Forbidden,
    /// What was asked for does not exist.
    NotFound,
    /// Somebody else changed the object at the same time.
    Conflict,
    /// Anything else.
    Other,
}

/// A failed call. Its text completes "failed to ..."; the cause is chained, not repeated.
#[derive(Debug, thiserror::Error)]
#[error("{doing}")]
pub struct ClusterError {
    doing: String,
    kind: ClusterErrorKind,
    hint: Option<Box<Hint>>,
    #[source]
    cause: Option<Cause>,
}

const MAY_NOT_IMPERSONATE: &str = "the identity that signs in may not do so: a ClusterRole has to grant it the verb \
                                   impersonate on that user and on those groups; or leave --as out";

impl ClusterError {
    /// A failure whose kind and hint follow from its cause.
    pub(crate) fn new(doing: impl Into<String>, cause: impl Into<Cause>) -> Self {
        let cause = cause.into();
        let hint = if cause.refuses_impersonation() {
            Some(Hint::Own(MAY_NOT_IMPERSONATE.to_owned()))
        } else {
            cause.hint().map(Hint::OfCause)
        };
        Self {
            doing: doing.into(),
            kind: cause.kind(),
            hint: hint.map(Box::new),
            cause: Some(cause),
        }
    }

    /// A failure that its own text explains.
    pub(crate) fn plain(kind: ClusterErrorKind, doing: impl Into<String>) -> Self {
        Self {
            doing: doing.into(),
            kind,
            hint: None,
            cause: None,
        }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(Box::new(Hint::Own(hint.into())));
        self
    }

    /// Names the permission to grant, if that is what is missing.
    pub(crate) fn needs(mut self, permission: &Permission<'_>) -> Self {
        // An admission webhook refuses with 403 as well; no role helps there.
        let by_admission = matches!(&self.cause, Some(Cause::Answer { message, .. })
            if message.contains("admission webhook"));
        let by_impersonation = self
            .cause
            .as_ref()
            .is_some_and(Cause::refuses_impersonation);
        if self.kind == ClusterErrorKind::Forbidden && !by_admission && !by_impersonation {
            self.hint = Some(Box::new(permission.hint()));
        }
        self
    }

    /// Returns what kind of failure it is.
    #[must_use]
    pub const fn kind(&self) -> ClusterErrorKind {
        self.kind
    }

    /// Returns what the user of a kubeconfig can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        self.hint_for(SignIn::Kubeconfig)
    }

    /// Returns what a user who signs in like this can do about it.
    #[must_use]
    pub fn hint_for(&self, sign_in: SignIn) -> Option<String> {
        self.hint.as_ref().map(|it| it.for_user(sign_in))
    }

    /// Returns what the API server or the network said.
    #[must_use]
    pub const fn cause(&self) -> Option<&Cause> {
        self.cause.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use rollguard_core::workload::WorkloadKind;

    use super::*;

    fn answer(code: u16, message: &str) -> Cause {
        Cause::Answer {
            code,
            message: message.to_owned(),
            own: None,
        }
    }

    #[test]
    fn the_kind_follows_from_the_status_code() {
        let rows = [
            (401, ClusterErrorKind::Credentials),
            (403, ClusterErrorKind::Forbidden),
            // Without the API server's own word for it.
            (404, ClusterErrorKind::Unreachable),
            (409, ClusterErrorKind::Conflict),
            (422, ClusterErrorKind::Other),
            (429, ClusterErrorKind::Unreachable),
            (500, ClusterErrorKind::Unreachable),
            (502, ClusterErrorKind::Unreachable),
            (503, ClusterErrorKind::Unreachable),
            (504, ClusterErrorKind::Unreachable),
        ];
        for (code, kind) in rows {
            let error = ClusterError::new("list pods", answer(code, ""));
            assert_eq!(error.kind(), kind, "{code}");
        }
    }

    #[test]
    fn a_missing_permission_names_the_way_to_grant_it() {
        let error = ClusterError::new("patch deployment `web`", answer(403, "cannot patch"))
            .needs(&Permission::to_patch("shop", WorkloadKind::Deployment));
        assert_eq!(
            error.hint().unwrap(),
            "grant patch on deployments.apps: apply the Role that `rollguard doctor rollback -n shop` prints; on \
             AKS with Azure RBAC assign `Azure Kubernetes Service RBAC Writer`"
        );
    }

    #[test]
    fn a_refusal_by_an_admission_webhook_is_no_missing_permission() {
        let text = "admission webhook \"policy\" denied the request: no";
        let error = ClusterError::new("patch deployment `web`", answer(403, text))
            .needs(&Permission::to_patch("shop", WorkloadKind::Deployment));
        assert!(!error.hint().unwrap_or_default().contains("the Role"));
    }

    #[test]
    fn the_cause_is_chained_and_not_repeated() {
        let error = ClusterError::new("list pods in namespace `shop`", answer(500, "etcd: boom"));
        assert_eq!(error.to_string(), "list pods in namespace `shop`");
        let source = std::error::Error::source(&error).unwrap();
        assert_eq!(source.to_string(), "etcd: boom (HTTP 500)");
    }
}
