//! The service connection of the fake, as the agent hands it to a task.

use std::collections::BTreeMap;

use super::{
    CLIENT_CERTIFICATE, CLIENT_ID, CLIENT_SECRET, FakeAzure, IDENTITY_CLIENT_ID, IDENTITY_HEADER,
    SERVICE_CONNECTION_ID, SUBSCRIPTION_ID, SYSTEM_ACCESS_TOKEN, TENANT_ID,
};

/// How the service connection signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// By an OIDC token of the job.
    WorkloadIdentityFederation,
    /// By a client secret.
    ServicePrincipal,
    /// By a certificate.
    ServicePrincipalCertificate,
    /// By the machine's system-assigned identity.
    SystemAssignedIdentity,
    /// By a user-assigned identity of the machine.
    UserAssignedIdentity,
}

impl FakeAzure {
    /// Returns what the agent would set for a task that uses the service connection, and the certificate.
    #[must_use]
    pub fn agent_env(&self, scheme: Scheme) -> BTreeMap<String, String> {
        let id = SERVICE_CONNECTION_ID;
        let mut env = BTreeMap::new();
        let mut set = |name: String, value: &str| env.insert(name, value.to_owned());
        let parameter = |key: &str| format!("ENDPOINT_AUTH_PARAMETER_{id}_{key}");
        let data = |key: &str| format!("ENDPOINT_DATA_{id}_{key}");
        set(
            format!("ENDPOINT_URL_{id}"),
            &format!("{}/", self.base_url()),
        );
        set(parameter("TENANTID"), TENANT_ID);
        set(parameter("SERVICEPRINCIPALID"), CLIENT_ID);
        set(data("SUBSCRIPTIONID"), SUBSCRIPTION_ID);
        set(data("SUBSCRIPTIONNAME"), "Shop");
        set(data("ENVIRONMENT"), "AzureCloud");
        set(data("SCOPELEVEL"), "Subscription");
        set(
            data("ACTIVEDIRECTORYAUTHORITY"),
            &format!("{}/", self.base_url()),
        );
        set(
            data("ENVIRONMENTAUTHORITYURL"),
            &format!("{}/", self.base_url()),
        );
        let name = match scheme {
            Scheme::WorkloadIdentityFederation => "WorkloadIdentityFederation",
            Scheme::ServicePrincipal => {
                set(parameter("AUTHENTICATIONTYPE"), "spnKey");
                set(parameter("SERVICEPRINCIPALKEY"), CLIENT_SECRET);
                "ServicePrincipal"
            }
            Scheme::ServicePrincipalCertificate => {
                set(parameter("AUTHENTICATIONTYPE"), "spnCertificate");
                set(parameter("SERVICEPRINCIPALCERTIFICATE"), CLIENT_CERTIFICATE);
                "ServicePrincipal"
            }
            Scheme::SystemAssignedIdentity | Scheme::UserAssignedIdentity => {
                set(parameter("SERVICEPRINCIPALID"), "");
                if scheme == Scheme::UserAssignedIdentity {
                    set(data("MSICLIENTID"), IDENTITY_CLIENT_ID);
                }
                set("IDENTITY_ENDPOINT".to_owned(), &self.identity_endpoint());
                set("IDENTITY_HEADER".to_owned(), IDENTITY_HEADER);
                "ManagedServiceIdentity"
            }
        };
        set(format!("ENDPOINT_AUTH_SCHEME_{id}"), name);
        let token = "ENDPOINT_AUTH_PARAMETER_SYSTEMVSSCONNECTION_ACCESSTOKEN".to_owned();
        set(token, SYSTEM_ACCESS_TOKEN);
        set("SYSTEM_OIDCREQUESTURI".to_owned(), &self.oidc_request_uri());
        set(
            "SSL_CERT_FILE".to_owned(),
            &self.ca_file().to_string_lossy(),
        );
        env
    }
}
