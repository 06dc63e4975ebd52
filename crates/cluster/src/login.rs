//! How to sign in to a cluster.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use rollguard_network::Network;

/// Any error of another crate.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Hands out bearer tokens for the API server.
#[async_trait::async_trait]
pub trait BearerTokens: Send + Sync {
    /// A token that is good now. `rejected` is the one that the API server answered with 401, if
    /// any: it must not be handed out again.
    ///
    /// # Errors
    /// When there is no good token and none can be had.
    async fn token(&self, rejected: Option<&str>) -> Result<String, BoxError>;
}

/// The surroundings of the programs that a kubeconfig names for its credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Programs {
    /// The variables that they do not inherit: secrets of the job that are none of their business.
    pub withheld: Vec<OsString>,
    /// Whether a person can answer their questions.
    pub has_terminal: bool,
}

/// The user as whom requests are made, instead of the one who signs in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Impersonation {
    /// The name of the user.
    pub user: String,
    /// The groups of the user.
    pub groups: Vec<String>,
    /// The uid of the user.
    pub uid: Option<String>,
}

impl Impersonation {
    /// Names the user for people: ``user `jane` in groups `ops`, `dev` ``.
    #[must_use]
    pub fn in_words(&self) -> String {
        let groups: Vec<String> = self.groups.iter().map(|it| format!("`{it}`")).collect();
        let groups = match groups.as_slice() {
            [] => String::new(),
            [only] => format!(" in group {only}"),
            many => format!(" in groups {}", many.join(", ")),
        };
        format!("user `{}`{groups}", self.user)
    }
}

/// How to sign in to a cluster.
#[derive(Clone)]
pub enum Login {
    /// As kubectl does.
    Kubeconfig {
        /// The files, merged in this order (`KUBECONFIG` may list several); files that do not
        /// exist are left out, as kubectl does.
        paths: Vec<PathBuf>,
        /// The context; `None` is the file's current one.
        context: Option<String>,
        /// Proxies and trusted certificates. A cluster's own `proxy-url` comes first.
        network: Network,
        /// What its credential plugins get.
        programs: Programs,
        /// Whether credentials may be sent over a connection that others can read.
        allow_insecure_server: bool,
    },
    /// A kubeconfig that never touched a disk. Programs that it names are not run.
    InMemory {
        /// The YAML.
        kubeconfig: String,
        /// Where bearer tokens come from; `None` when the kubeconfig has credentials of its own.
        tokens: Option<Arc<dyn BearerTokens>>,
        /// Proxies and trusted certificates. A cluster's own `proxy-url` comes first.
        network: Network,
    },
    /// A kubeconfig that a service connection holds. Programs that it names are not run, and files that it
    /// names are not read.
    OfConnection {
        /// The YAML.
        kubeconfig: String,
        /// The context; `None` is the kubeconfig's current one.
        context: Option<String>,
        /// Whether the server's certificate need not be trusted. The kubeconfig alone cannot say so.
        accept_untrusted: bool,
        /// Proxies and trusted certificates. A cluster's own `proxy-url` comes first.
        network: Network,
    },
    /// A service account's token.
    ServiceAccount {
        /// The API server's address.
        server: String,
        /// The API server's certificate authority, PEM; `None`: the platform's.
        authority: Option<String>,
        /// The token.
        token: String,
        /// Whether the server's certificate need not be trusted.
        accept_untrusted: bool,
        /// Proxies and trusted certificates.
        network: Network,
    },
    /// As the service account of the pod in which this runs.
    InCluster {
        /// The API server's address.
        server: String,
        /// The folder into which the kubelet writes `token`, `ca.crt` and `namespace`.
        folder: PathBuf,
        /// Proxies and trusted certificates.
        network: Network,
    },
    /// As another login, on behalf of someone else. What a kubeconfig says about impersonation does not hold
    /// then.
    As {
        /// How to sign in.
        login: Box<Self>,
        /// On whose behalf.
        whom: Impersonation,
    },
    /// A client that exists already: the embedded cluster.
    Client(kube::Client),
}

impl Login {
    /// The same login, with requests on behalf of someone else.
    #[must_use]
    pub fn on_behalf_of(self, whom: Impersonation) -> Self {
        Self::As {
            login: Box::new(self),
            whom,
        }
    }
}
