//! The Kubernetes side of the shell: it carries, it does not decide.
//!
//! [`connect`] signs in and takes over the API server's time, [`access`] asks for the workloads
//! before anything else, [`observe`] turns watches into one stream of observations, [`http::ask`]
//! asks a pod over HTTP, [`logs::evidence`] fetches last words, [`history::history`] reads the
//! revisions and [`apply::apply`] carries a rollback plan out under its own preconditions.
//!
//! Everything works on a [`kube::Client`], whatever is behind it, and in tokio's time only, so
//! that tests run in virtual time.

pub mod access;
pub mod apply;
mod clock;
mod connect;
mod error;
pub mod history;
pub mod http;
mod login;
pub mod logs;
mod observe;
pub mod record;
mod request;
#[cfg(test)]
mod testing;

pub use clock::Clock;
pub use connect::{Connection, connect};
pub use error::{Cause, ClusterError, ClusterErrorKind};
pub use login::{BearerTokens, BoxError, Login, Proxies};
pub use observe::{Watch, observe};

/// What a fallible call of this crate returns.
pub type Result<T> = std::result::Result<T, ClusterError>;
