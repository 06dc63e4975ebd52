//! Why a service connection cannot be used, and what to do about it.

use std::fmt;

/// A service connection that cannot be used, with everything that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceConnectionError {
    /// The input that names it.
    pub input: &'static str,
    /// Its id, as the input holds it.
    pub id: String,
    /// What is wrong; at least one.
    pub problems: Vec<ConnectionProblem>,
}

impl fmt::Display for ServiceConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { input, id, .. } = self;
        write!(f, "use service connection `{id}` of input `{input}`: ")?;
        for (index, problem) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ServiceConnectionError {}

impl ServiceConnectionError {
    /// Returns what the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let mut hints: Vec<&str> = self.problems.iter().map(ConnectionProblem::hint).collect();
        hints.dedup();
        (!hints.is_empty()).then(|| hints.join("; "))
    }
}

/// Something that is wrong with a service connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionProblem {
    /// The agent did not hand it over.
    #[error("the agent did not provide it")]
    NotHandedOver,
    /// It signs in in a way that is not supported.
    #[error("it signs in with {how}, which is not supported")]
    Unsupported {
        /// How it signs in.
        how: String,
    },
    /// A Kubernetes connection of another form than those that are known.
    #[error("its form `{form}` is not known")]
    UnknownForm {
        /// The form.
        form: String,
    },
    /// A field is absent.
    #[error("{what} is missing")]
    Missing {
        /// What is missing.
        what: String,
    },
    /// A custom cloud does not say where it is.
    #[error("cloud `{cloud}` is not built in, and the connection does not hold its {what}")]
    UnknownCloud {
        /// The cloud's name.
        cloud: String,
        /// Which address is missing.
        what: &'static str,
    },
    /// An address is not one that secrets may be sent to.
    #[error("its {what} `{value}` is not an https address")]
    NotHttps {
        /// Which address.
        what: &'static str,
        /// Its value.
        value: String,
    },
    /// A certificate authority cannot be read.
    #[error("its certificate is neither PEM nor base64 of PEM")]
    NoCertificate,
    /// Azure DevOps holds no token of the service account that it made in an AKS cluster.
    #[error("Azure DevOps holds no service account's token for cluster `{cluster}`")]
    NoServiceAccount {
        /// The cluster's resource id, as far as it is known.
        cluster: String,
    },
}

impl ConnectionProblem {
    const fn hint(&self) -> &'static str {
        match self {
            Self::NotHandedOver => {
                "write the connection's name literally or as a template parameter: the agent only \
                 gets connections that are known when the run starts"
            }
            Self::Unsupported { .. } => {
                "use a service connection with workload identity federation (recommended), a \
                 service principal's secret or certificate, or a managed identity"
            }
            Self::UnknownForm { .. } => {
                "known are Kubeconfig, ServiceAccount and AzureSubscription"
            }
            Self::UnknownCloud { .. } => {
                "built in are AzureCloud, AzureUSGovernment and AzureChinaCloud; any other needs \
                 its addresses in the connection's `url` and `activeDirectoryAuthority`"
            }
            Self::Missing { .. } => {
                "open the service connection in the project settings, verify it and save it again"
            }
            Self::NotHttps { .. } => "correct the address in the service connection",
            Self::NoCertificate => {
                "enter the value of `ca.crt` of the service account's Secret, as \
                 `kubectl get secret -o yaml` shows it"
            }
            Self::NoServiceAccount { .. } => {
                "Kubernetes 1.24 and later make no token for a service account; make one and use a \
                 connection of the kind service account, or write \
                 `connectionType: azureResourceManager`"
            }
        }
    }
}
