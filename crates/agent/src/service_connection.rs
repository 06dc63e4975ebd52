//! The service connections that the agent hands to the task.

use crate::env::{self, AgentEnv};
use crate::inputs::AZURE_SERVICE_CONNECTION;
use crate::secret::Secret;

mod cloud;
mod error;
mod kubernetes;
mod reader;

pub use cloud::Cloud;
pub use error::{ConnectionProblem, ServiceConnectionError};
pub use kubernetes::{KubernetesAccess, KubernetesConnection};
use reader::Reader;

/// An Azure Resource Manager connection: how to sign in, and where. It has no `Debug`: it holds secrets.
#[derive(Clone, PartialEq, Eq)]
pub enum ServiceConnection {
    /// The run itself is the credential: its OIDC token is exchanged for one of Microsoft Entra.
    WorkloadIdentityFederation {
        /// Where, and for which subscription.
        details: ConnectionDetails,
        /// The application that signs in.
        application: Application,
        /// The job's access token, which pays for the OIDC token.
        system_access_token: Secret,
        /// Where OIDC tokens are issued.
        oidc_request_uri: String,
    },
    /// A service principal with a client secret.
    ServicePrincipalSecret {
        /// Where, and for which subscription.
        details: ConnectionDetails,
        /// The application that signs in.
        application: Application,
        /// The secret's value.
        secret: Secret,
    },
    /// A service principal with a certificate.
    ServicePrincipalCertificate {
        /// Where, and for which subscription.
        details: ConnectionDetails,
        /// The application that signs in.
        application: Application,
        /// The certificate and its private key, as PEM.
        certificate: Secret,
    },
    /// The managed identity of the machine that the agent runs on.
    ManagedIdentity {
        /// Where, and for which subscription.
        details: ConnectionDetails,
        /// The client id of a user-assigned identity; `None`: the system-assigned one.
        client_id: Option<String>,
    },
}

/// The fields that all service connections have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionDetails {
    /// The connection's id, a GUID in lower case.
    pub id: String,
    /// The subscription the connection was made for; none when it was made for a management group.
    pub subscription_id: Option<String>,
    /// Which Azure.
    pub cloud: Cloud,
}

/// A service principal's application in Microsoft Entra.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// The Microsoft Entra tenant.
    pub tenant_id: String,
    /// The client (application) id.
    pub client_id: String,
}

impl ServiceConnection {
    /// Reads the connection with this id, which is what the input `azureServiceConnection` holds.
    ///
    /// # Errors
    /// When the agent did not hand it over, its scheme is not supported, or fields are missing or wrong; all
    /// of them are reported together.
    pub fn from_env(env: &AgentEnv, id: &str) -> Result<Self, ServiceConnectionError> {
        let mut reader = Reader::new(env, id);
        let connection = match scheme(&mut reader) {
            Some(Scheme::WorkloadIdentityFederation) => federated(&mut reader),
            Some(Scheme::ServicePrincipalSecret) => with_secret(&mut reader),
            Some(Scheme::ServicePrincipalCertificate) => with_certificate(&mut reader),
            Some(Scheme::ManagedIdentity) => managed_identity(&mut reader),
            None => None,
        };
        reader.finish(AZURE_SERVICE_CONNECTION.name, connection)
    }

    /// Returns where to sign in.
    #[must_use]
    pub const fn details(&self) -> &ConnectionDetails {
        match self {
            Self::WorkloadIdentityFederation { details, .. }
            | Self::ServicePrincipalSecret { details, .. }
            | Self::ServicePrincipalCertificate { details, .. }
            | Self::ManagedIdentity { details, .. } => details,
        }
    }

    /// The application that signs in; a managed identity names none.
    #[must_use]
    pub const fn application(&self) -> Option<&Application> {
        match self {
            Self::WorkloadIdentityFederation { application, .. }
            | Self::ServicePrincipalSecret { application, .. }
            | Self::ServicePrincipalCertificate { application, .. } => Some(application),
            Self::ManagedIdentity { .. } => None,
        }
    }

    /// Returns what must never be shown; a managed identity has no such thing.
    #[must_use]
    pub const fn secret(&self) -> Option<&Secret> {
        match self {
            Self::WorkloadIdentityFederation {
                system_access_token: secret,
                ..
            }
            | Self::ServicePrincipalSecret { secret, .. }
            | Self::ServicePrincipalCertificate {
                certificate: secret,
                ..
            } => Some(secret),
            Self::ManagedIdentity { .. } => None,
        }
    }
}

/// The ways of signing in that are supported.
enum Scheme {
    WorkloadIdentityFederation,
    ServicePrincipalSecret,
    ServicePrincipalCertificate,
    ManagedIdentity,
}

/// Schemes are compared without case, and none means a service principal
/// (azure-pipelines-tasks-common-packages, `azure-arm-rest/azure-arm-endpoint.ts`).
fn scheme(reader: &mut Reader<'_>) -> Option<Scheme> {
    if !reader.is_handed_over() {
        return None;
    }
    let scheme = reader.scheme().unwrap_or("ServicePrincipal");
    match scheme.to_ascii_lowercase().as_str() {
        "workloadidentityfederation" => Some(Scheme::WorkloadIdentityFederation),
        "serviceprincipal" => {
            let kind = reader.optional_parameter("authenticationtype");
            Some(match kind {
                Some(kind) if kind.eq_ignore_ascii_case("spncertificate") => {
                    Scheme::ServicePrincipalCertificate
                }
                Some(_) | None => Scheme::ServicePrincipalSecret,
            })
        }
        "managedserviceidentity" => Some(Scheme::ManagedIdentity),
        "publishprofile" => reader.unsupported("a publish profile"),
        _ => reader.unsupported(scheme),
    }
}

fn federated(reader: &mut Reader<'_>) -> Option<ServiceConnection> {
    let (details, application) = (details(reader), application(reader));
    let system_access_token = reader.found(reader.env.access_token(), "the job's access token");
    let oidc_request_uri = oidc_request_uri(reader.env);
    let oidc_request_uri = reader.found(
        oidc_request_uri,
        "`SYSTEM_OIDCREQUESTURI`, where OIDC tokens are issued,",
    );
    Some(ServiceConnection::WorkloadIdentityFederation {
        details: details?,
        application: application?,
        system_access_token: Secret::new(system_access_token?),
        oidc_request_uri: oidc_request_uri?,
    })
}

fn with_secret(reader: &mut Reader<'_>) -> Option<ServiceConnection> {
    let (details, application) = (details(reader), application(reader));
    let secret = reader.parameter("serviceprincipalkey", "its service principal key");
    Some(ServiceConnection::ServicePrincipalSecret {
        details: details?,
        application: application?,
        secret: Secret::new(secret?),
    })
}

fn with_certificate(reader: &mut Reader<'_>) -> Option<ServiceConnection> {
    let (details, application) = (details(reader), application(reader));
    let certificate = reader.parameter("serviceprincipalcertificate", "its certificate");
    Some(ServiceConnection::ServicePrincipalCertificate {
        details: details?,
        application: application?,
        certificate: Secret::new(certificate?),
    })
}

/// Its tenant is the machine's, whatever the connection says.
fn managed_identity(reader: &mut Reader<'_>) -> Option<ServiceConnection> {
    Some(ServiceConnection::ManagedIdentity {
        details: details(reader)?,
        client_id: reader.data("msiclientid").map(str::to_owned),
    })
}

fn details(reader: &mut Reader<'_>) -> Option<ConnectionDetails> {
    let subscription_id = reader.data("subscriptionid").map(str::to_owned);
    Some(ConnectionDetails {
        id: reader.id.to_owned(),
        subscription_id,
        cloud: Cloud::read(reader)?,
    })
}

fn application(reader: &mut Reader<'_>) -> Option<Application> {
    let tenant_id = reader.parameter("tenantid", "its tenant id");
    let client_id = reader.parameter("serviceprincipalid", "its service principal id");
    Some(Application {
        tenant_id: tenant_id?.to_owned(),
        client_id: client_id?.to_owned(),
    })
}

/// Older servers do not set the variable; there the address is put together from its parts, as
/// the Azure CLI's task does (`TaskApi.createOidcToken`).
fn oidc_request_uri(env: &AgentEnv) -> Option<String> {
    let given = env.get(&env::OIDC_REQUEST_URI).map(str::to_owned);
    given.or_else(|| oidc_request_uri_of_parts(env))
}

fn oidc_request_uri_of_parts(env: &AgentEnv) -> Option<String> {
    let collection = env.get(&env::COLLECTION_URI)?.trim_end_matches('/');
    let project = env.get(&env::PROJECT_ID)?;
    let hub = env.get(&env::HOST_TYPE)?;
    let plan = env.get(&env::PLAN_ID)?;
    let job = env.get(&env::JOB_ID)?;
    Some(format!(
        "{collection}/{project}/_apis/distributedtask/hubs/{hub}/plans/{plan}/jobs/{job}/oidctoken"
    ))
}

#[cfg(test)]
mod tests;
