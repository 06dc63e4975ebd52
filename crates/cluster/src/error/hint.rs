//! Hints: the words that say what the user can do about a cause.

use super::Cause;

/// The words that say what to do, for where they are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hint {
    /// Speaks of the kubeconfig.
    pub(super) at_command_line: &'static str,
    /// Speaks of the service connection and the agent: the kubeconfig comes from Azure.
    pub(super) in_task: &'static str,
}

impl Hint {
    const fn everywhere(text: &'static str) -> Self {
        Self {
            at_command_line: text,
            in_task: text,
        }
    }
}

impl Cause {
    /// Returns what the user can do.
    pub(super) const fn hint(&self) -> Option<Hint> {
        Some(match self {
            Self::Answer { code: 401, .. } => Hint {
                at_command_line: "sign in again: the token may have expired, or it is for another cluster",
                in_task: "the cluster does not accept the identity of the service connection: check that the \
                          connection's tenant is the cluster's, and that the agent's clock is right",
            },
            Self::Answer { code: 409, .. } => Hint::everywhere(
                "something else is changing the object at the same time; try again",
            ),
            Self::Answer { code: 429, .. } => {
                Hint::everywhere("the API server is overloaded; try again later")
            }
            Self::Answer {
                code: 500..=599, ..
            } => Hint::everywhere(
                "the API server, or something it depends on, has a problem; try again later",
            ),
            Self::Answer {
                code: 404,
                own: None,
                ..
            } => Hint::everywhere(
                "is there a gateway or a proxy in between? The API server itself did not answer",
            ),
            Self::Network(_) | Self::Silence(_) => Hint::everywhere(
                "is the cluster running, and can this machine reach it (private cluster, \
                 authorized IP ranges, proxy)?",
            ),
            Self::Dropped(_) => Hint {
                at_command_line: "authorized IP ranges or a private cluster refuse connections like this: have \
                                  the public address of this machine allowed, or connect from inside the \
                                  cluster's network",
                in_task: "authorized IP ranges or a private cluster refuse connections like this: have the \
                          public address of the agent allowed, which rollguard does not know, or use an agent \
                          inside the cluster's network",
            },
            Self::Name(_) => Hint {
                at_command_line: "check the server in the kubeconfig; the name of a private cluster resolves \
                                  only inside its network",
                in_task: "the name of a private cluster resolves only inside its network: use an agent there; \
                          that of a stopped or deleted cluster resolves nowhere (`az aks show --query \
                          powerState`)",
            },
            Self::Tls(_) => Hint {
                at_command_line: "the certificate does not match the kubeconfig; was the cluster created \
                                  again, or is there a proxy in between?",
                in_task: "a proxy in between shows a certificate of its own: exclude the cluster's address \
                          from TLS inspection, or name the proxy's authority in NODE_EXTRA_CA_CERTS",
            },
            Self::Malformed(_) => Hint::everywhere("is there a proxy or a login page in between?"),
            Self::Answer { .. } | Self::Token(_) | Self::Kubeconfig(_) | Self::File(_) => {
                return None;
            }
        })
    }
}
