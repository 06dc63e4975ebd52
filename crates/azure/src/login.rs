//! The identity that signs in.

use std::ffi::OsString;

use rollguard_agent::{Secret, ServiceConnection};

/// The identity of a service connection, as far as signing in to Microsoft Entra needs it.
///
/// It has no `Debug`: it holds secrets.
pub enum Login {
    /// Workload identity federation: the pipeline's own OIDC token stands in for a secret.
    Pipelines {
        /// Tenant of the service principal.
        tenant_id: String,
        /// Client (application) id of the service principal.
        client_id: String,
        /// Id of the service connection, for which the OIDC token is issued.
        service_connection_id: String,
        /// The job's access token; pays for the OIDC token.
        system_access_token: Secret,
        /// Where OIDC tokens are issued: `SYSTEM_OIDCREQUESTURI`, with or without a query.
        oidc_request_uri: String,
    },
    /// A service principal with a client secret.
    ClientSecret {
        /// Tenant of the service principal.
        tenant_id: String,
        /// Client (application) id of the service principal.
        client_id: String,
        /// The secret's value.
        client_secret: Secret,
    },
    /// A service principal with a certificate.
    ClientCertificate {
        /// Tenant of the service principal.
        tenant_id: String,
        /// Client (application) id of the service principal.
        client_id: String,
        /// The certificate and its private key, as PEM.
        certificate: Secret,
    },
    /// The managed identity of this machine.
    ManagedIdentity {
        /// The client id of a user-assigned identity; `None`: the system-assigned one.
        client_id: Option<String>,
    },
    /// The person who is signed in with the Azure CLI, else with the Azure Developer CLI.
    DeveloperTools {
        /// The variables that these programs do not inherit.
        withheld: Vec<OsString>,
    },
}

impl From<&ServiceConnection> for Login {
    fn from(connection: &ServiceConnection) -> Self {
        match connection {
            ServiceConnection::WorkloadIdentityFederation {
                details,
                application,
                system_access_token,
                oidc_request_uri,
            } => Self::Pipelines {
                tenant_id: application.tenant_id.clone(),
                client_id: application.client_id.clone(),
                service_connection_id: details.id.clone(),
                system_access_token: system_access_token.clone(),
                oidc_request_uri: oidc_request_uri.clone(),
            },
            ServiceConnection::ServicePrincipalSecret {
                application,
                secret,
                ..
            } => Self::ClientSecret {
                tenant_id: application.tenant_id.clone(),
                client_id: application.client_id.clone(),
                client_secret: secret.clone(),
            },
            ServiceConnection::ServicePrincipalCertificate {
                application,
                certificate,
                ..
            } => Self::ClientCertificate {
                tenant_id: application.tenant_id.clone(),
                client_id: application.client_id.clone(),
                certificate: certificate.clone(),
            },
            ServiceConnection::ManagedIdentity { client_id, .. } => Self::ManagedIdentity {
                client_id: client_id.clone(),
            },
        }
    }
}

impl Login {
    /// Client (application) id of the identity, where it is known before the sign-in.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        match self {
            Self::Pipelines { client_id, .. }
            | Self::ClientSecret { client_id, .. }
            | Self::ClientCertificate { client_id, .. } => Some(client_id),
            Self::ManagedIdentity { client_id } => client_id.as_deref(),
            Self::DeveloperTools { .. } => None,
        }
    }

    /// Tenant of the identity, where it is known before the sign-in.
    #[must_use]
    pub fn tenant_id(&self) -> Option<&str> {
        match self {
            Self::Pipelines { tenant_id, .. }
            | Self::ClientSecret { tenant_id, .. }
            | Self::ClientCertificate { tenant_id, .. } => Some(tenant_id),
            Self::ManagedIdentity { .. } | Self::DeveloperTools { .. } => None,
        }
    }
}
