//! The Azure Resource Manager service connection that the agent hands to the task.

use crate::env::{self, AgentEnv};
use crate::secret::Secret;

mod cloud;

pub use cloud::Cloud;

/// How to sign in, and where. It has no `Debug`: it holds secrets.
#[derive(Clone, PartialEq, Eq)]
pub enum ServiceConnection {
    /// The run itself is the credential: its OIDC token is exchanged for one of Microsoft Entra.
    WorkloadIdentityFederation {
        /// Who signs in, and where.
        details: ConnectionDetails,
        /// The job's access token, which pays for the OIDC token.
        system_access_token: Secret,
        /// Where OIDC tokens are issued.
        oidc_request_uri: String,
    },
    /// A service principal with a client secret.
    ServicePrincipalSecret {
        /// Who signs in, and where.
        details: ConnectionDetails,
        /// The secret's value.
        secret: Secret,
    },
}

/// The fields that all service connections have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionDetails {
    /// The connection's id, a GUID in lower case.
    pub id: String,
    /// The Microsoft Entra tenant.
    pub tenant_id: String,
    /// The service principal's client (application) id.
    pub client_id: String,
    /// The subscription the connection was made for; none when it was made for a management group.
    pub subscription_id: Option<String>,
    /// Which Azure.
    pub cloud: Cloud,
}

impl ServiceConnection {
    /// Reads the connection with this id, which is what the input `azureServiceConnection` holds.
    ///
    /// # Errors
    /// When the agent did not hand it over, its scheme or cloud is not supported, or a
    /// field is missing.
    pub fn from_env(env: &AgentEnv, id: &str) -> Result<Self, ServiceConnectionError> {
        let reader = Reader { env, id };
        match reader.scheme()? {
            Scheme::WorkloadIdentityFederation => Ok(Self::WorkloadIdentityFederation {
                details: reader.details()?,
                system_access_token: Secret::new(reader.access_token()?),
                oidc_request_uri: reader.oidc_request_uri()?,
            }),
            Scheme::ServicePrincipalSecret => Ok(Self::ServicePrincipalSecret {
                details: reader.details()?,
                secret: Secret::new(
                    reader.parameter("serviceprincipalkey", "its service principal key")?,
                ),
            }),
        }
    }

    /// Returns who signs in, and where.
    #[must_use]
    pub const fn details(&self) -> &ConnectionDetails {
        match self {
            Self::WorkloadIdentityFederation { details, .. }
            | Self::ServicePrincipalSecret { details, .. } => details,
        }
    }

    /// Returns what must never be shown.
    #[must_use]
    pub const fn secret(&self) -> &Secret {
        match self {
            Self::WorkloadIdentityFederation {
                system_access_token: secret,
                ..
            }
            | Self::ServicePrincipalSecret { secret, .. } => secret,
        }
    }
}

/// Why a service connection cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServiceConnectionError {
    /// The agent did not hand it over.
    #[error("read service connection `{id}`: the agent did not provide it")]
    NotHandedOver {
        /// What the input holds.
        id: String,
    },
    /// It signs in in a way that is not supported.
    #[error("use service connection `{id}`: it signs in with {scheme}, which is not supported")]
    UnsupportedScheme {
        /// The connection's id.
        id: String,
        /// How it signs in.
        scheme: String,
    },
    /// It belongs to a cloud that is not supported.
    #[error("use service connection `{id}`: cloud `{cloud}` is not supported")]
    UnsupportedCloud {
        /// The connection's id.
        id: String,
        /// The cloud's name.
        cloud: String,
    },
    /// A field is absent.
    #[error("read service connection `{id}`: {what} is missing")]
    Missing {
        /// The connection's id.
        id: String,
        /// What is missing.
        what: &'static str,
    },
    /// An address is not one that secrets may be sent to.
    #[error("use service connection `{id}`: its {what} `{value}` is not an https address")]
    NotHttps {
        /// The connection's id.
        id: String,
        /// Which address.
        what: &'static str,
        /// Its value.
        value: String,
    },
}

impl ServiceConnectionError {
    /// Returns what the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NotHandedOver { .. } => {
                "write the connection's name literally or as a template parameter: the agent only \
                 gets connections that are known when the run starts"
            }
            Self::UnsupportedScheme { .. } => {
                "use a service connection with workload identity federation (recommended) or with \
                 a service principal and secret"
            }
            Self::UnsupportedCloud { .. } => {
                "supported are AzureCloud, AzureUSGovernment and AzureChinaCloud"
            }
            Self::Missing { .. } => {
                "open the service connection in the project settings, verify it and save it again"
            }
            Self::NotHttps { .. } => "correct the address in the service connection",
        };
        Some(hint.to_owned())
    }
}

/// The ways of signing in that are supported.
enum Scheme {
    WorkloadIdentityFederation,
    ServicePrincipalSecret,
}

/// Reads the fields of one connection.
struct Reader<'a> {
    env: &'a AgentEnv,
    id: &'a str,
}

impl Reader<'_> {
    /// Schemes are compared without case, and none means a service principal
    /// (azure-pipelines-tasks-common-packages, `azure-arm-rest/azure-arm-endpoint.ts`).
    fn scheme(&self) -> Result<Scheme, ServiceConnectionError> {
        let scheme = self.env.endpoint_scheme(self.id);
        if scheme.is_none() && self.env.endpoint_url(self.id).is_none() {
            return Err(ServiceConnectionError::NotHandedOver {
                id: self.id.to_owned(),
            });
        }
        let scheme = scheme.unwrap_or("ServicePrincipal");
        match scheme.to_ascii_lowercase().as_str() {
            "workloadidentityfederation" => Ok(Scheme::WorkloadIdentityFederation),
            "serviceprincipal" => {
                match self.env.endpoint_parameter(self.id, "authenticationtype") {
                    Some(kind) if kind.eq_ignore_ascii_case("spncertificate") => {
                        Err(self.unsupported("a certificate"))
                    }
                    Some(_) | None => Ok(Scheme::ServicePrincipalSecret),
                }
            }
            "managedserviceidentity" => Err(self.unsupported("a managed identity")),
            "publishprofile" => Err(self.unsupported("a publish profile")),
            _ => Err(self.unsupported(scheme)),
        }
    }

    fn unsupported(&self, scheme: &str) -> ServiceConnectionError {
        ServiceConnectionError::UnsupportedScheme {
            id: self.id.to_owned(),
            scheme: scheme.to_owned(),
        }
    }

    fn details(&self) -> Result<ConnectionDetails, ServiceConnectionError> {
        Ok(ConnectionDetails {
            id: self.id.to_owned(),
            tenant_id: self.parameter("tenantid", "its tenant id")?.to_owned(),
            client_id: self
                .parameter("serviceprincipalid", "its service principal id")?
                .to_owned(),
            subscription_id: self
                .env
                .endpoint_data(self.id, "subscriptionid")
                .map(str::to_owned),
            cloud: Cloud::from_env(self.env, self.id)?,
        })
    }

    fn parameter(&self, key: &str, what: &'static str) -> Result<&str, ServiceConnectionError> {
        let value = self.env.endpoint_parameter(self.id, key);
        value.ok_or_else(|| self.missing(what))
    }

    fn access_token(&self) -> Result<&str, ServiceConnectionError> {
        let token = self.env.access_token();
        token.ok_or_else(|| self.missing("the job's access token"))
    }

    /// Older servers do not set the variable; there the address is put together from its parts, as
    /// the Azure CLI's task does (`TaskApi.createOidcToken`).
    fn oidc_request_uri(&self) -> Result<String, ServiceConnectionError> {
        if let Some(uri) = self.env.get(&env::OIDC_REQUEST_URI) {
            return Ok(uri.to_owned());
        }
        self.oidc_request_uri_of_parts()
            .ok_or_else(|| self.missing("`SYSTEM_OIDCREQUESTURI`, where OIDC tokens are issued,"))
    }

    fn oidc_request_uri_of_parts(&self) -> Option<String> {
        let collection = self.env.get(&env::COLLECTION_URI)?.trim_end_matches('/');
        let project = self.env.get(&env::PROJECT_ID)?;
        let hub = self.env.get(&env::HOST_TYPE)?;
        let plan = self.env.get(&env::PLAN_ID)?;
        let job = self.env.get(&env::JOB_ID)?;
        Some(format!(
            "{collection}/{project}/_apis/distributedtask/hubs/{hub}/plans/{plan}/jobs/{job}/oidctoken"
        ))
    }

    fn missing(&self, what: &'static str) -> ServiceConnectionError {
        ServiceConnectionError::Missing {
            id: self.id.to_owned(),
            what,
        }
    }
}

#[cfg(test)]
mod tests;
