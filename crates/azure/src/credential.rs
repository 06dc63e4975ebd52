//! From a [`Login`] to `azure_identity`'s credentials.

mod oidc;

use std::sync::Arc;

use azure_core::credentials::{Secret as CoreSecret, TokenCredential};
use azure_identity::{
    ClientAssertionCredential, ClientAssertionCredentialOptions, ClientSecretCredential,
    ClientSecretCredentialOptions,
};

use crate::cloud::Cloud;
use crate::error::{AzureError, AzureErrorKind, Task, explain};
use crate::login::Login;
use crate::transport::Transport;
use crate::{Result, Secret};
use oidc::{OidcAssertion, OidcStep};

/// Makes credentials, as many as needed: `azure_identity` has no other way to forget a rejected
/// token.
pub(crate) struct CredentialFactory {
    login: Login,
    cloud: Cloud,
    transport: Transport,
}

impl CredentialFactory {
    pub(crate) fn new(login: Login, cloud: Cloud, transport: Transport) -> Self {
        Self {
            login,
            cloud,
            transport,
        }
    }

    pub(crate) fn login(&self) -> &Login {
        &self.login
    }

    /// A fresh credential with an empty cache.
    pub(crate) fn make(&self) -> Result<Arc<dyn TokenCredential>> {
        let client_options = self.transport.client_options(self.cloud.authority());
        let made: azure_core::Result<Arc<dyn TokenCredential>> = match &self.login {
            Login::Pipelines {
                tenant_id,
                client_id,
                service_connection_id,
                system_access_token,
                oidc_request_uri,
            } => ClientAssertionCredential::new(
                tenant_id.clone(),
                client_id.clone(),
                OidcAssertion::new(
                    oidc_request_uri,
                    service_connection_id,
                    to_core(system_access_token),
                    self.transport.pipeline(self.cloud.authority()),
                )?,
                Some(ClientAssertionCredentialOptions { client_options }),
            )
            .map(|credential| credential as Arc<dyn TokenCredential>),
            Login::ClientSecret {
                tenant_id,
                client_id,
                client_secret,
            } => ClientSecretCredential::new(
                tenant_id,
                client_id.clone(),
                to_core(client_secret),
                Some(ClientSecretCredentialOptions { client_options }),
            )
            .map(|credential| credential as Arc<dyn TokenCredential>),
        };
        made.map_err(|error| {
            // azure_identity's texts here name an id at most, never a secret.
            let detail = error.to_string();
            AzureError::new(Task::Prepare, AzureErrorKind::Local { detail })
        })
    }

    /// Returns what `error`, of a credential made here, means.
    pub(crate) fn explain(&self, error: &azure_core::Error) -> AzureError {
        explain(self.task(error), error)
    }

    /// The task while no answer has arrived.
    pub(crate) fn sign_in(&self) -> Task {
        Task::SignIn {
            client_id: self.login.client_id().to_owned(),
            tenant_id: self.login.tenant_id().to_owned(),
        }
    }

    fn task(&self, error: &azure_core::Error) -> Task {
        match &self.login {
            Login::Pipelines {
                service_connection_id,
                ..
            } if OidcStep::is_in(error) => Task::GetOidcToken {
                service_connection_id: service_connection_id.clone(),
            },
            Login::Pipelines { .. } | Login::ClientSecret { .. } => self.sign_in(),
        }
    }
}

fn to_core(secret: &Secret) -> CoreSecret {
    CoreSecret::new(secret.expose().to_owned())
}
