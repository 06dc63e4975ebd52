//! When the credential ends with which a connection or a kubeconfig signs in. A new kind of connection is one arm here.

use std::time::Duration;

use jiff::Timestamp;
use rollguard_agent::ServiceConnection;
use rollguard_azure::certificate_end;
use rollguard_core::doctor::{About, Fact, State};
use rollguard_core::duration::elapsed;

/// A certificate that ends within this time should be replaced now.
const SOON: Duration = Duration::from_secs(30 * DAY);
const DAY: u64 = 24 * 60 * 60;

/// Says when the credential of a service connection ends, as far as this can be known here.
pub(super) fn ends(connection: &ServiceConnection, now: Timestamp) -> Fact {
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
        ServiceConnection::ServicePrincipalCertificate {
            application,
            certificate,
            ..
        } => {
            let id = &application.client_id;
            let end = certificate_end(certificate);
            match end.and_then(|it| Timestamp::try_from(it).ok()) {
                Some(end) => until(
                    Ending {
                        what: format!("the certificate of {id}"),
                        remedy: format!(
                            "make a new certificate, add it to the application {id} in Microsoft Entra, and enter it in \
                             the service connection"
                        ),
                        at: end,
                    },
                    now,
                ),
                None => Fact::new(
                    About::Credential,
                    State::Unseen,
                    format!("cannot see when the certificate of {id} ends: it cannot be used"),
                ),
            }
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

/// Says when the client certificate of a kubeconfig ends.
pub(super) fn of_kubeconfig(end: Timestamp, now: Timestamp) -> Fact {
    until(
        Ending {
            what: "the kubeconfig's client certificate".to_owned(),
            remedy:
                "get a new kubeconfig (on AKS: az aks rotate-certs, then az aks get-credentials)"
                    .to_owned(),
            at: end,
        },
        now,
    )
}

/// A certificate that ends.
struct Ending {
    what: String,
    remedy: String,
    at: Timestamp,
}

fn until(ending: Ending, now: Timestamp) -> Fact {
    let Ending { what, remedy, at } = ending;
    if at <= now {
        let text = format!("{what} ended at {at:.0}");
        return Fact::new(About::Credential, State::Failed, text).hint(remedy);
    }
    let left = elapsed(now, at);
    let days = left.as_secs() / DAY;
    let text = match days {
        0 => format!("{what} ends at {at:.0}, in less than a day"),
        1 => format!("{what} ends at {at:.0}, in one day"),
        many => format!("{what} ends at {at:.0}, in {many} days"),
    };
    if left <= SOON {
        Fact::new(About::Credential, State::Warning, text).hint(remedy)
    } else {
        Fact::new(About::Credential, State::Good, text)
    }
}

#[cfg(test)]
mod tests {
    use rollguard_agent::Secret;
    use rollguard_agent::service_connection::{Application, Cloud, ConnectionDetails};

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_certificate_that_ends_soon_is_a_warning_and_one_that_has_ended_a_failure() {
        let end = at("2026-06-30T12:00:00Z");
        let rows = [
            (
                "long before",
                "2026-05-01T12:00:00Z",
                State::Good,
                "in 60 days",
            ),
            (
                "31 days before",
                "2026-05-30T11:59:59Z",
                State::Good,
                "in 31 days",
            ),
            (
                "30 days before",
                "2026-05-31T12:00:00Z",
                State::Warning,
                "in 30 days",
            ),
            (
                "a day before",
                "2026-06-29T12:00:00Z",
                State::Warning,
                "in one day",
            ),
            (
                "the last second",
                "2026-06-30T11:59:59Z",
                State::Warning,
                "in less than a day",
            ),
            (
                "the second when it ends",
                "2026-06-30T12:00:00Z",
                State::Failed,
                "ended at 2026-06-30T12:00:00Z",
            ),
        ];
        for (says, now, state, text) in rows {
            let fact = of_kubeconfig(end, at(now));
            assert_eq!(fact.state, state, "{says}: {}", fact.text);
            assert!(fact.text.ends_with(text), "{says}: {}", fact.text);
            assert_eq!(fact.hint.is_some(), state != State::Good, "{says}");
        }
    }

    #[test]
    fn the_certificate_of_a_service_connection_tells_its_end() {
        let pem = include_str!("../../../../azure/testdata/service-principal.pem");
        let connection = |pem: &str| ServiceConnection::ServicePrincipalCertificate {
            details: ConnectionDetails {
                id: "c".to_owned(),
                subscription_id: None,
                cloud: Cloud {
                    name: "AzureCloud".to_owned(),
                    authority: "https://login.example".to_owned(),
                    arm: "https://management.example".to_owned(),
                    audience: "https://management.example".to_owned(),
                },
            },
            application: Application {
                tenant_id: "t".to_owned(),
                client_id: "app".to_owned(),
            },
            certificate: Secret::new(pem),
        };
        let rows = [
            (
                "2030-01-01T00:00:00Z",
                pem,
                State::Good,
                "of app ends at 2126-11-05T20:26:35Z",
            ),
            ("2126-11-01T00:00:00Z", pem, State::Warning, "in 4 days"),
            (
                "2127-01-01T00:00:00Z",
                pem,
                State::Failed,
                "ended at 2126-11-05T20:26:35Z",
            ),
            (
                "2030-01-01T00:00:00Z",
                "no PEM",
                State::Unseen,
                "it cannot be used",
            ),
        ];
        for (now, pem, state, text) in rows {
            let fact = ends(&connection(pem), at(now));
            assert_eq!(fact.state, state, "{now}");
            assert!(fact.text.contains(text), "{now}: {}", fact.text);
            assert_eq!(
                fact.hint.is_some(),
                matches!(state, State::Warning | State::Failed),
                "{now}"
            );
        }
    }
}
