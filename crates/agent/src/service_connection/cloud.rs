//! Which Azure a service connection belongs to.

use super::error::ConnectionProblem;
use super::reader::Reader;

/// The addresses of an Azure cloud, without a slash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cloud {
    /// Its name, such as `AzureCloud`.
    pub name: String,
    /// Where to sign in: `https://login.microsoftonline.com`.
    pub authority: String,
    /// Azure Resource Manager: `https://management.azure.com`.
    pub arm: String,
    /// The audience of tokens for Azure Resource Manager: its address, but not in Azure Stack Hub.
    pub audience: String,
}

/// A cloud whose addresses are known.
struct BuiltIn {
    name: &'static str,
    authority: &'static str,
    arm: &'static str,
}

const BUILT_IN: [BuiltIn; 3] = [
    BuiltIn {
        name: "AzureCloud",
        authority: "https://login.microsoftonline.com",
        arm: "https://management.azure.com",
    },
    BuiltIn {
        name: "AzureUSGovernment",
        authority: "https://login.microsoftonline.us",
        arm: "https://management.usgovcloudapi.net",
    },
    BuiltIn {
        name: "AzureChinaCloud",
        authority: "https://login.chinacloudapi.cn",
        arm: "https://management.chinacloudapi.cn",
    },
];

impl Cloud {
    /// Reads the cloud of a connection. The connection's own addresses win over the cloud's usual
    /// ones; `activeDirectoryAuthority` is the one that speaks OAuth 2
    /// (azure-pipelines-tasks-common-packages, `azure-arm-rest/azure-arm-endpoint.ts`).
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let wanted = reader.data("environment").unwrap_or("AzureCloud");
        let known = BUILT_IN
            .iter()
            .find(|cloud| cloud.name.eq_ignore_ascii_case(wanted));
        match known {
            Some(known) => Self::built_in(reader, known),
            None => Self::custom(reader, wanted),
        }
    }

    fn built_in(reader: &mut Reader<'_>, known: &BuiltIn) -> Option<Self> {
        let authority = reader.data("activedirectoryauthority");
        let authority = reader.https("sign-in address", authority.unwrap_or(known.authority));
        let arm = reader.url().unwrap_or(known.arm);
        let arm = reader.https("Azure Resource Manager address", arm);
        let arm = arm?;
        Some(Self {
            name: known.name.to_owned(),
            authority: authority?,
            audience: arm.clone(),
            arm,
        })
    }

    /// Azure Stack Hub, or a cloud that is not built in: all it has is what the connection holds. Older
    /// connections to Azure Stack Hub have the sign-in address under `environmentAuthorityUrl` alone.
    fn custom(reader: &mut Reader<'_>, name: &str) -> Option<Self> {
        let authority = reader
            .data("activedirectoryauthority")
            .or_else(|| reader.data("environmentauthorityurl"));
        // AD FS knows neither tenants nor the endpoint that Microsoft Entra has for tokens.
        let of_ad_fs = authority.is_some_and(|it| it.trim_end_matches('/').ends_with("/adfs"));
        if of_ad_fs || reader.is_set("enableadfsauthentication") {
            return reader.unsupported("AD FS");
        }
        let arm = reader.url();
        let mut address = |value: Option<&str>, what| {
            if value.is_none() {
                let cloud = name.to_owned();
                reader.wrong(ConnectionProblem::UnknownCloud { cloud, what });
            }
            reader.https(what, value?)
        };
        let authority = address(authority, "sign-in address");
        let arm = address(arm, "Azure Resource Manager address");
        let arm = arm?;
        let audience = reader.data("activedirectoryserviceendpointresourceid");
        Some(Self {
            name: name.to_owned(),
            authority: authority?,
            audience: audience.map_or_else(|| arm.clone(), str::to_owned),
            arm,
        })
    }
}
