//! How the user came to the cluster: a hint speaks of nothing that the user does not have.

use std::sync::Arc;

use rollguard_core::permission::DoctorCommand;

use crate::error::{ClusterError, ClusterErrorKind};
use crate::sign_in::SignIn;

/// Knows from outside of a cluster why its API server cannot be reached.
#[async_trait::async_trait]
pub trait Outage: Send + Sync {
    /// Returns the reason, as the end of a sentence; `None` where none is known.
    async fn why(&self) -> Option<String>;
}

/// How the user came to the cluster.
#[derive(Clone, Default)]
pub struct WayIn {
    /// How the user signs in.
    pub sign_in: SignIn,
    /// How the user asks for permissions there.
    pub doctor: DoctorCommand,
    /// On whose behalf requests are made, for people; `None`: the user who signs in.
    pub impersonated: Option<String>,
    /// Who is asked about an API server that is lost; `None`: no one knows.
    pub outage: Option<Arc<dyn Outage>>,
}

impl WayIn {
    /// Returns what the user can do about an error.
    #[must_use]
    pub fn hint(&self, error: &ClusterError) -> Option<String> {
        let hint = error.hint_for(self.sign_in);
        let hint = if error.kind() == ClusterErrorKind::Forbidden {
            self.naming_whom(hint)
        } else {
            hint
        };
        hint.map(|it| self.doctor.named_in(&it))
    }

    /// Adds to the hint about a refusal on whose behalf the request was made.
    #[must_use]
    pub fn naming_whom(&self, hint: Option<String>) -> Option<String> {
        let Some(whom) = &self.impersonated else {
            return hint;
        };
        let said = format!("the request was made on behalf of {whom} (--as)");
        Some(hint.map_or_else(|| said.clone(), |hint| format!("{said}: {hint}")))
    }
}
