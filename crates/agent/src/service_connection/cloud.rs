//! Which Azure a service connection belongs to.

use super::ServiceConnectionError;
use crate::env::AgentEnv;

/// The addresses of an Azure cloud, without a slash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cloud {
    /// Its name, such as `AzureCloud`.
    pub name: String,
    /// Where to sign in: `https://login.microsoftonline.com`.
    pub authority: String,
    /// Azure Resource Manager: `https://management.azure.com`.
    pub arm: String,
}

/// Name, sign-in address and Azure Resource Manager of the supported clouds.
const CLOUDS: [(&str, &str, &str); 3] = [
    (
        "AzureCloud",
        "https://login.microsoftonline.com",
        "https://management.azure.com",
    ),
    (
        "AzureUSGovernment",
        "https://login.microsoftonline.us",
        "https://management.usgovcloudapi.net",
    ),
    (
        "AzureChinaCloud",
        "https://login.chinacloudapi.cn",
        "https://management.chinacloudapi.cn",
    ),
];

impl Cloud {
    /// Reads the cloud of a connection. The connection's own addresses win over the cloud's usual
    /// ones; `activeDirectoryAuthority` is the one that speaks OAuth 2
    /// (azure-pipelines-tasks-common-packages, `azure-arm-rest/azure-arm-endpoint.ts`).
    pub(super) fn from_env(env: &AgentEnv, id: &str) -> Result<Self, ServiceConnectionError> {
        let wanted = env.endpoint_data(id, "environment").unwrap_or("AzureCloud");
        let known = CLOUDS
            .iter()
            .find(|(name, ..)| name.eq_ignore_ascii_case(wanted));
        let Some((name, authority, arm)) = known else {
            return Err(ServiceConnectionError::UnsupportedCloud {
                id: id.to_owned(),
                cloud: wanted.to_owned(),
            });
        };
        let authority = env
            .endpoint_data(id, "activedirectoryauthority")
            .unwrap_or(authority);
        let arm = env.endpoint_url(id).unwrap_or(arm);
        Ok(Self {
            name: (*name).to_owned(),
            authority: https(id, "sign-in address", authority)?,
            arm: https(id, "Azure Resource Manager address", arm)?,
        })
    }
}

/// Secrets and tokens travel to both addresses.
fn https(id: &str, what: &'static str, value: &str) -> Result<String, ServiceConnectionError> {
    if value
        .get(..8)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"))
    {
        return Ok(value.trim_end_matches('/').to_owned());
    }
    Err(ServiceConnectionError::NotHttps {
        id: id.to_owned(),
        what,
        value: value.to_owned(),
    })
}
