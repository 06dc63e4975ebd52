//! When the credential of a service connection ends. A new kind of connection is one arm here.

use rollguard_agent::ServiceConnection;
use rollguard_core::doctor::{About, Fact, State};

/// Says when the credential ends, as far as this can be known here.
pub(super) fn ends(connection: &ServiceConnection) -> Fact {
    match connection {
        ServiceConnection::WorkloadIdentityFederation { .. } => Fact::new(
            About::Credential,
            State::Good,
            "workload identity federation, so no secret can expire",
        ),
        ServiceConnection::ManagedIdentity { .. } => Fact::new(
            About::Credential,
            State::Good,
            "managed identity, so no secret can expire",
        ),
        ServiceConnection::ServicePrincipalCertificate { application, .. } => {
            let id = &application.client_id;
            Fact::new(
                About::Credential,
                State::Unseen,
                format!("cannot see when the certificate of {id} expires"),
            )
            .hint(format!(
                "az ad app credential list --id {id} --cert --query \"[].endDateTime\""
            ))
        }
        ServiceConnection::ServicePrincipalSecret { application, .. } => {
            let id = &application.client_id;
            Fact::new(
                About::Credential,
                State::Unseen,
                format!("cannot see when the secret of {id} expires: only Microsoft Graph knows"),
            )
            .hint(format!(
                "az ad app credential list --id {id} --query \"[].endDateTime\""
            ))
        }
    }
}
