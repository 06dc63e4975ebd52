//! Which Azure: public, a sovereign cloud, or a stand-in for tests.

use azure_core::http::Url;

use crate::Result;
use crate::error::{AzureError, AzureErrorKind, Task};

/// The addresses of an Azure cloud.
///
/// Both come from the service connection (`ENDPOINT_URL_<id>` and its data
/// `activeDirectoryAuthority`), never from constants: a sovereign cloud then needs no code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cloud {
    authority: String,
    arm: String,
    audience: String,
}

impl Cloud {
    /// A cloud by its sign-in address (`https://login.microsoftonline.com/`) and its Azure Resource
    /// Manager address (`https://management.azure.com/`).
    ///
    /// # Errors
    /// When one is not a plain `https` address: tokens and secrets travel to both.
    pub fn new(authority: &str, arm: &str) -> Result<Self> {
        let arm = plain_https("Azure Resource Manager address", arm)?;
        Ok(Self {
            authority: plain_https("sign-in address", authority)?,
            audience: arm.clone(),
            arm,
        })
    }

    /// Asks for tokens that are issued for `audience` instead of the address of Azure Resource Manager:
    /// that of Azure Stack Hub is a name in its tenant.
    ///
    /// # Errors
    /// When it has white space in it: several scopes would be asked for.
    pub fn with_audience(mut self, audience: &str) -> Result<Self> {
        if audience.is_empty() || !audience.chars().all(|c| c.is_ascii_graphic()) {
            return Err(AzureError::new(
                Task::Prepare,
                AzureErrorKind::InvalidInput {
                    what: "audience of Azure Resource Manager",
                    value: audience.to_owned(),
                    rule: "an address or an id",
                },
            ));
        }
        audience.clone_into(&mut self.audience);
        Ok(self)
    }

    /// The sign-in address, without a trailing slash.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The Azure Resource Manager address, without a trailing slash.
    #[must_use]
    pub fn arm(&self) -> &str {
        &self.arm
    }

    /// The OAuth scope of Azure Resource Manager in this cloud.
    pub(crate) fn arm_scope(&self) -> String {
        format!("{}/.default", self.audience)
    }
}

/// `value` without its trailing slash, provided that secrets may be sent there.
pub(crate) fn plain_https(what: &'static str, value: &str) -> Result<String> {
    let rule = "an https address without user name, query or fragment";
    let invalid = || {
        AzureError::new(
            Task::Prepare,
            AzureErrorKind::InvalidInput {
                what,
                value: value.to_owned(),
                rule,
            },
        )
    };
    let url = Url::parse(value).map_err(|_| invalid())?;
    let plain = url.scheme() == "https"
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if plain {
        Ok(url.as_str().trim_end_matches('/').to_owned())
    } else {
        Err(invalid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailing_slashes_do_not_double_in_urls_and_scopes() {
        let cloud = Cloud::new(
            "https://login.microsoftonline.us/",
            "https://management.usgovcloudapi.net/",
        )
        .unwrap();
        assert_eq!(cloud.authority(), "https://login.microsoftonline.us");
        assert_eq!(
            cloud.arm_scope(),
            "https://management.usgovcloudapi.net/.default"
        );
    }

    #[test]
    fn a_token_is_asked_for_the_audience_to_the_letter() {
        let cloud = || Cloud::new("https://login.example", "https://management.example").unwrap();
        // Entra takes the second slash for a part of the audience.
        let rows = [
            (
                "https://management.contoso.com/4de1",
                "https://management.contoso.com/4de1/.default",
            ),
            (
                "https://management.example/",
                "https://management.example//.default",
            ),
        ];
        for (audience, scope) in rows {
            let cloud = cloud().with_audience(audience).unwrap();
            assert_eq!(cloud.arm_scope(), scope);
            assert_eq!(cloud.arm(), "https://management.example");
        }
        for wrong in ["", "a b", "a\n"] {
            assert!(cloud().with_audience(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn secrets_are_never_sent_in_clear_or_to_a_disguised_host() {
        for wrong in [
            "http://login.microsoftonline.com",
            "login.microsoftonline.com",
            "https://login.microsoftonline.com@evil.example",
            "https://evil.example/?x=https://login.microsoftonline.com",
            "file:///etc/passwd",
            "",
        ] {
            let error = Cloud::new(wrong, "https://management.azure.com").unwrap_err();
            assert!(
                matches!(error.kind(), AzureErrorKind::InvalidInput { .. }),
                "{wrong}"
            );
        }
    }
}
