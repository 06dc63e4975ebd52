//! From a [`Login`] to `azure_identity`'s credentials.

mod certificate;
mod developer;
mod heard;
mod oidc;

use std::sync::Arc;

use azure_core::credentials::{Secret as CoreSecret, TokenCredential};
use azure_identity::{
    ClientAssertion, ClientAssertionCredential, ClientAssertionCredentialOptions,
    ClientSecretCredential, ClientSecretCredentialOptions, DeveloperToolsCredential,
    DeveloperToolsCredentialOptions, Executor, ManagedIdentityCredential,
    ManagedIdentityCredentialOptions, UserAssignedId,
};

use crate::cloud::Cloud;
use crate::error::{AzureError, AzureErrorKind, Task, explain};
use crate::login::Login;
use crate::transport::Transport;
use crate::{Result, Secret};
use certificate::CertificateAssertion;
pub use certificate::certificate_end;
use developer::DeveloperTools;
use heard::Heard;
use oidc::{OidcAssertion, OidcStep};

/// Makes credentials, as many as needed: `azure_identity` has no other way to forget a rejected
/// token.
pub(crate) struct CredentialFactory {
    login: Login,
    cloud: Cloud,
    transport: Transport,
    developer_tools: Arc<DeveloperTools>,
}

type Made = azure_core::Result<Arc<dyn TokenCredential>>;

impl CredentialFactory {
    pub(crate) fn new(login: Login, cloud: Cloud, transport: Transport) -> Self {
        let withheld = match &login {
            Login::DeveloperTools { withheld } => withheld.clone(),
            Login::Pipelines { .. }
            | Login::ClientSecret { .. }
            | Login::ClientCertificate { .. }
            | Login::ManagedIdentity { .. } => Vec::new(),
        };
        Self {
            login,
            cloud,
            transport,
            developer_tools: Arc::new(DeveloperTools::new(withheld)),
        }
    }

    pub(crate) fn login(&self) -> &Login {
        &self.login
    }

    /// A fresh credential with an empty cache.
    pub(crate) fn make(&self) -> Result<Arc<dyn TokenCredential>> {
        let credential = self.made()?.map_err(|error| {
            // azure_identity's texts here name an id at most, never a secret.
            let detail = error.to_string();
            AzureError::new(Task::Prepare, AzureErrorKind::Local { detail })
        })?;
        Ok(Arc::new(Heard {
            credential,
            listener: self.transport.listener().clone(),
        }))
    }

    fn made(&self) -> Result<Made> {
        let authority = self.cloud.authority();
        Ok(match &self.login {
            Login::Pipelines {
                tenant_id,
                client_id,
                service_connection_id,
                system_access_token,
                oidc_request_uri,
            } => {
                let assertion = OidcAssertion::new(
                    oidc_request_uri,
                    service_connection_id,
                    to_core(system_access_token),
                    self.transport.pipeline(authority),
                )?;
                self.by_assertion(tenant_id, client_id, assertion)
            }
            Login::ClientSecret {
                tenant_id,
                client_id,
                client_secret,
            } => ClientSecretCredential::new(
                tenant_id,
                client_id.clone(),
                to_core(client_secret),
                Some(ClientSecretCredentialOptions {
                    client_options: self.transport.client_options(authority),
                }),
            )
            .map(|credential| credential as Arc<dyn TokenCredential>),
            Login::ClientCertificate {
                tenant_id,
                client_id,
                certificate,
            } => {
                let assertion =
                    CertificateAssertion::new(certificate, authority, tenant_id, client_id)?;
                self.by_assertion(tenant_id, client_id, assertion)
            }
            Login::ManagedIdentity { client_id } => self.of_machine(client_id.as_deref())?,
            Login::DeveloperTools { .. } => {
                DeveloperToolsCredential::new(Some(DeveloperToolsCredentialOptions {
                    executor: Some(Arc::clone(&self.developer_tools) as Arc<dyn Executor>),
                }))
                .map(|credential| credential as Arc<dyn TokenCredential>)
            }
        })
    }

    fn by_assertion<C: ClientAssertion + 'static>(
        &self,
        tenant_id: &str,
        client_id: &str,
        assertion: C,
    ) -> Made {
        let options = ClientAssertionCredentialOptions {
            client_options: self.transport.client_options(self.cloud.authority()),
        };
        ClientAssertionCredential::new(
            tenant_id.to_owned(),
            client_id.to_owned(),
            assertion,
            Some(options),
        )
        .map(|credential| credential as Arc<dyn TokenCredential>)
    }

    fn of_machine(&self, client_id: Option<&str>) -> Result<Made> {
        let client_options = self.transport.metadata_options(self.cloud.authority())?;
        let user_assigned_id = client_id.map(|id| UserAssignedId::ClientId(id.to_owned()));
        Ok(
            ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions {
                user_assigned_id,
                client_options,
            }))
            .map(|credential| credential as Arc<dyn TokenCredential>),
        )
    }

    /// Returns what `error`, of a credential made here, means.
    pub(crate) fn explain(&self, error: &azure_core::Error) -> AzureError {
        let task = self.task(error);
        if matches!(task, Task::SignInAsDeveloper) {
            let (detail, is_installed) = self.developer_tools.problem();
            let kind = AzureErrorKind::NotSignedIn {
                detail,
                is_installed,
            };
            return AzureError::new(task, kind);
        }
        explain(task, error)
    }

    /// The task while no answer has arrived.
    pub(crate) fn sign_in(&self) -> Task {
        match &self.login {
            Login::Pipelines {
                client_id,
                tenant_id,
                ..
            }
            | Login::ClientSecret {
                client_id,
                tenant_id,
                ..
            }
            | Login::ClientCertificate {
                client_id,
                tenant_id,
                ..
            } => Task::SignIn {
                client_id: client_id.clone(),
                tenant_id: tenant_id.clone(),
            },
            Login::ManagedIdentity { client_id } => Task::SignInAsMachine {
                client_id: client_id.clone(),
            },
            Login::DeveloperTools { .. } => Task::SignInAsDeveloper,
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
            Login::Pipelines { .. }
            | Login::ClientSecret { .. }
            | Login::ClientCertificate { .. }
            | Login::ManagedIdentity { .. }
            | Login::DeveloperTools { .. } => self.sign_in(),
        }
    }
}

fn to_core(secret: &Secret) -> CoreSecret {
    CoreSecret::new(secret.expose().to_owned())
}
