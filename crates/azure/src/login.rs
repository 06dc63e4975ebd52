//! The identity that signs in.

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
}

impl From<&ServiceConnection> for Login {
    fn from(connection: &ServiceConnection) -> Self {
        let details = connection.details();
        let (tenant_id, client_id) = (details.tenant_id.clone(), details.client_id.clone());
        match connection {
            ServiceConnection::WorkloadIdentityFederation {
                system_access_token,
                oidc_request_uri,
                ..
            } => Self::Pipelines {
                tenant_id,
                client_id,
                service_connection_id: details.id.clone(),
                system_access_token: system_access_token.clone(),
                oidc_request_uri: oidc_request_uri.clone(),
            },
            ServiceConnection::ServicePrincipalSecret { secret, .. } => Self::ClientSecret {
                tenant_id,
                client_id,
                client_secret: secret.clone(),
            },
        }
    }
}

impl Login {
    /// Client (application) id of the service principal.
    #[must_use]
    pub fn client_id(&self) -> &str {
        match self {
            Self::Pipelines { client_id, .. } | Self::ClientSecret { client_id, .. } => client_id,
        }
    }

    /// Tenant of the service principal.
    #[must_use]
    pub fn tenant_id(&self) -> &str {
        match self {
            Self::Pipelines { tenant_id, .. } | Self::ClientSecret { tenant_id, .. } => tenant_id,
        }
    }
}
