//! The Kubernetes side of the shell: it carries, it does not decide.
//!
//! [`connect`] signs in and takes over the API server's time, [`access`] asks for the workloads
//! before anything else, [`observe`] turns watches into one stream of observations, [`http::ask`]
//! asks a pod over HTTP, [`logs::evidence`] fetches last words, [`history::history`] reads the
//! revisions, [`preflight::ask`] looks at what a rollback needs, [`apply::apply`] carries a plan out
//! under its own preconditions, [`mark`] writes down which revision was good, and
//! [`stuck::delete`] gets a StatefulSet going again.
//!
//! Everything works on a [`kube::Client`], whatever is behind it, and in tokio's time only, so
//! that tests run in virtual time.

pub mod access;
mod access_review;
pub mod apply;
mod clock;
mod connect;
pub mod doctor;
mod error;
pub mod history;
pub mod http;
mod list;
mod login;
pub mod logs;
mod lookup;
pub mod mark;
mod observe;
mod patience;
pub mod prediction;
pub mod preflight;
pub mod record;
mod request;
mod sign_in;
pub mod stuck;
#[cfg(test)]
mod testing;
mod typed;
mod way_in;

pub use clock::Clock;
pub use connect::{Connection, ProxyOnTheWay, Server, bearing, connect, secrets_of_kubeconfig};
pub use error::{Cause, ClusterError, ClusterErrorKind, OwnStatus};
pub use login::{BearerTokens, BoxError, Impersonation, Login, Programs};
pub use lookup::look_up;
pub use observe::{Watch, observe};
pub use sign_in::SignIn;
pub use way_in::{Outage, WayIn};

/// The result of a fallible call of this crate.
pub type Result<T> = std::result::Result<T, ClusterError>;
