//! How to sign in to a cluster.

use std::path::PathBuf;
use std::sync::Arc;

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

/// The HTTP proxies to go through. Values come in as arguments; only the command line reads the
/// environment.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// `HTTPS_PROXY`: an `http://` URL, with `user:password@` where needed. A cluster's own
    /// `proxy-url` in the kubeconfig takes precedence, as with kubectl.
    pub https: Option<String>,
    /// `NO_PROXY`: hosts, domains and address ranges that are reached directly.
    pub no_proxy: Option<String>,
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
        /// The proxies.
        proxies: Proxies,
    },
    /// A kubeconfig that never touched a disk. Programs that it names are not run.
    InMemory {
        /// The YAML.
        kubeconfig: String,
        /// Where bearer tokens come from; `None` when the kubeconfig has credentials of its own.
        tokens: Option<Arc<dyn BearerTokens>>,
        /// The proxies.
        proxies: Proxies,
    },
    /// A client that exists already: the embedded cluster.
    Client(kube::Client),
}
