//! From a service connection to a kubeconfig in memory.
//!
//! [`Login`] says who signs in, [`Cloud`] where, [`Transport`] how bytes travel. [`Azure`] puts
//! them together: it fetches the kubeconfig of an AKS cluster ([`ClusterAccess`]) and, where
//! the cluster uses Microsoft Entra, the bearer tokens for it ([`TokenSource`]). Nothing is written
//! to disk, and no other program is run but those of [`Login::DeveloperTools`].

mod aks;
mod cloud;
mod cluster_id;
mod credential;
mod error;
mod kubeconfig;
mod login;
mod permission;
mod session;
mod token;
mod transport;
mod wire_error;

pub use aks::{DEFAULT_API_VERSION, ManagedCluster};
pub use cloud::Cloud;
pub use cluster_id::{ClusterId, InvalidClusterId};
pub use credential::certificate_end;
pub use error::{
    ARM_REFUSALS, ArmRefusal, AzureError, AzureErrorKind, ENTRA_REFUSALS, EntraRefusal, Fix,
    NO_OIDC_ADDRESS, OIDC_REFUSALS, OidcRefusal, OidcSubject, Sign, Task, TokenScope,
    hint_for_program,
};
pub use kubeconfig::{Authentication, ClusterAccess};
pub use login::Login;
pub use permission::Credentials;
pub use rollguard_agent::Secret;
pub use session::Azure;
pub use token::{BearerTokens, TokenSource};
pub use transport::Transport;

/// The result of a fallible call of this crate.
pub type Result<T> = std::result::Result<T, AzureError>;
