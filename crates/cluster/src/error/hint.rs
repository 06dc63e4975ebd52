//! Hints: the words that say what the user can do about a cause.

use super::Cause;
use crate::sign_in::SignIn;

/// The remedy of an error, as far as a user can bring it about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hint {
    /// Follows from the cause.
    OfCause(Words),
    /// Of the call that failed: it knows more than one for any call.
    Own(String),
    /// A permission is missing.
    Permission {
        /// What to apply.
        grant: String,
        /// What to do instead on AKS with Azure RBAC.
        on_azure: String,
    },
}

impl Hint {
    /// Returns it for a user who signs in like this.
    pub(super) fn for_user(&self, sign_in: SignIn) -> String {
        match self {
            Self::OfCause(words) => words.of(sign_in).to_owned(),
            Self::Own(text) => text.clone(),
            Self::Permission { grant, on_azure } => match sign_in {
                // Azure decides about Entra's identities only, and this is none.
                SignIn::KubernetesConnection => grant.clone(),
                SignIn::Kubeconfig | SignIn::Developer | SignIn::AzureConnection => {
                    format!("{grant}; on AKS with Azure RBAC {on_azure}")
                }
            },
        }
    }
}

/// The words that say what to do, for each way of signing in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Words {
    kubeconfig: &'static str,
    developer: &'static str,
    azure_connection: &'static str,
    kubernetes_connection: &'static str,
}

impl Words {
    const fn everywhere(text: &'static str) -> Self {
        Self {
            kubeconfig: text,
            developer: text,
            azure_connection: text,
            kubernetes_connection: text,
        }
    }

    const fn of(self, sign_in: SignIn) -> &'static str {
        match sign_in {
            SignIn::Kubeconfig => self.kubeconfig,
            SignIn::Developer => self.developer,
            SignIn::AzureConnection => self.azure_connection,
            SignIn::KubernetesConnection => self.kubernetes_connection,
        }
    }
}

const NOT_ACCEPTED: Words = Words {
    kubeconfig: "sign in again: the token may have expired, or it is for another cluster",
    developer: "the cluster does not accept the identity that the Azure CLI is signed in with: check that its \
                tenant is the cluster's (az account show), and that this machine's clock is right",
    azure_connection: "the cluster does not accept the identity of the service connection: check that the \
                       connection's tenant is the cluster's, and that the agent's clock is right",
    kubernetes_connection: "the cluster does not accept the credentials in the service connection: enter new ones, \
                            and check that its server is the right one",
};

const OUT_OF_REACH: Words = Words {
    kubeconfig: "is the cluster running, and can this machine reach it (private network, firewall, proxy; on AKS \
                 authorized IP ranges)?",
    developer: "is the cluster running, and can this machine reach it (private cluster, authorized IP ranges, \
                proxy)?",
    azure_connection: "is the cluster running, and can the agent reach it (private cluster, authorized IP ranges, \
                       proxy)?",
    kubernetes_connection: "is the cluster running, and can the agent reach the server that the service connection \
                            names (private network, firewall, proxy)?",
};

const DROPPED: Words = Words {
    kubeconfig: "firewalls refuse connections like this, on AKS authorized IP ranges or a private cluster: have the \
                 public address of this machine allowed, or connect from inside the cluster's network",
    developer: "authorized IP ranges or a private cluster refuse connections like this: have the public address of \
                this machine allowed, or connect from inside the cluster's network",
    azure_connection: "authorized IP ranges or a private cluster refuse connections like this: have the public address \
                       of the agent allowed, which rollguard does not know, or use an agent inside the cluster's \
                       network",
    kubernetes_connection: "firewalls refuse connections like this: have the public address of the agent allowed, which \
                            rollguard does not know, or use an agent inside the cluster's network",
};

const NO_SUCH_NAME: Words = Words {
    kubeconfig: "check the server in the kubeconfig; the name of a private cluster resolves only inside its network",
    developer: "the name of a private cluster resolves only inside its network; that of a stopped or deleted cluster \
                resolves nowhere (`az aks show --query powerState`)",
    azure_connection: "the name of a private cluster resolves only inside its network: use an agent there; that of a \
                       stopped or deleted cluster resolves nowhere (`az aks show --query powerState`)",
    kubernetes_connection: "check the server in the service connection; the name of a private cluster resolves only \
                            inside its network: use an agent there",
};

const OTHER_CERTIFICATE: Words = Words {
    kubeconfig: "the certificate does not match the kubeconfig; was the cluster created again, or is there a proxy in \
                 between?",
    developer: "a proxy in between shows a certificate of its own: exclude the cluster's address from TLS inspection, \
                or name the proxy's authority in NODE_EXTRA_CA_CERTS",
    azure_connection: "a proxy in between shows a certificate of its own: exclude the cluster's address from TLS \
                       inspection, or name the proxy's authority in NODE_EXTRA_CA_CERTS",
    kubernetes_connection: "the certificate does not match the service connection; was the cluster created again, or is \
                            there a proxy in between? Name a proxy's authority in NODE_EXTRA_CA_CERTS",
};

impl Cause {
    /// Returns what the user can do.
    pub(super) const fn hint(&self) -> Option<Words> {
        Some(match self {
            Self::Answer { code: 401, .. } => NOT_ACCEPTED,
            Self::Answer { code: 409, .. } => Words::everywhere(
                "something else is changing the object at the same time; try again",
            ),
            Self::Answer { code: 429, .. } => {
                Words::everywhere("the API server is overloaded; try again later")
            }
            Self::Answer {
                code: 500..=599, ..
            } => Words::everywhere(
                "the API server, or something it depends on, has a problem; try again later",
            ),
            Self::Answer {
                code: 404,
                own: None,
                ..
            } => Words::everywhere(
                "is there a gateway or a proxy in between? The API server itself did not answer",
            ),
            Self::Network(_) | Self::Silence(_) => OUT_OF_REACH,
            Self::Dropped(_) => DROPPED,
            Self::Name(_) => NO_SUCH_NAME,
            Self::Tls(_) => OTHER_CERTIFICATE,
            Self::Malformed(_) | Self::Endless => {
                Words::everywhere("is there a proxy or a login page in between?")
            }
            Self::Answer { .. } | Self::Token(_) | Self::Kubeconfig(_) | Self::File(_) => {
                return None;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASK: [SignIn; 2] = [SignIn::AzureConnection, SignIn::KubernetesConnection];

    fn causes() -> Vec<Cause> {
        let text = || "x".to_owned();
        vec![
            Cause::Answer {
                code: 401,
                message: text(),
                own: None,
            },
            Cause::Network(text()),
            Cause::Silence(std::time::Duration::from_secs(1)),
            Cause::Dropped(text()),
            Cause::Name(text()),
            Cause::Tls(text()),
        ]
    }

    #[test]
    fn a_hint_speaks_of_nothing_that_the_user_does_not_have() {
        type Row = (SignIn, &'static [&'static str]);
        let rows: [Row; 4] = [
            (
                SignIn::Kubeconfig,
                &["service connection", "the agent", "tenant", "az "],
            ),
            (
                SignIn::Developer,
                &["service connection", "the agent", "kubeconfig"],
            ),
            (SignIn::AzureConnection, &["kubeconfig", "this machine"]),
            (
                SignIn::KubernetesConnection,
                &[
                    "kubeconfig",
                    "this machine",
                    "AKS",
                    "az ",
                    "tenant",
                    "authorized IP ranges",
                ],
            ),
        ];
        for cause in causes() {
            let words = cause.hint().unwrap();
            for (sign_in, foreign) in rows {
                let hint = words.of(sign_in);
                for word in foreign {
                    assert!(!hint.contains(word), "{sign_in:?}, {cause:?}: {hint}");
                }
            }
            for sign_in in TASK {
                let hint = words.of(sign_in);
                assert_ne!(hint, words.of(SignIn::Kubeconfig), "{cause:?}: {hint}");
            }
        }
    }

    #[test]
    fn a_missing_permission_speaks_of_azure_where_azure_may_decide() {
        let hint = Hint::Permission {
            grant: "apply the Role".to_owned(),
            on_azure: "assign a role".to_owned(),
        };
        let rows = [
            (SignIn::Kubeconfig, true),
            (SignIn::Developer, true),
            (SignIn::AzureConnection, true),
            (SignIn::KubernetesConnection, false),
        ];
        for (sign_in, expected) in rows {
            let text = hint.for_user(sign_in);
            assert!(text.starts_with("apply the Role"), "{sign_in:?}: {text}");
            assert_eq!(text.contains("AKS"), expected, "{sign_in:?}: {text}");
        }
    }
}
