//! One policy for every request, to Azure DevOps, Microsoft Entra, Azure Resource Manager and the API
//! server: which proxy it takes, and whose certificates it trusts.
//!
//! Pure: variables and files arrive as values; `crates/azure` and `crates/cluster` carry the policy out.

mod certificate;
mod listener;
mod no_proxy;
mod proxy;
mod retry_after;
mod trust;

pub use certificate::certificate_end;
pub use listener::{Listen, Listener};
pub use proxy::{Proxies, Proxy, ProxyError, ProxySettings};
pub use retry_after::{LONGEST_WAIT, retry_after};
pub use trust::{NO_ROOTS_HINT, Trust, says_no_roots};

/// How requests leave this machine.
#[derive(Clone, Default)]
pub struct Network {
    /// The proxies that they take.
    pub proxies: Proxies,
    /// Whose certificates are trusted, besides the platform's or the kubeconfig's own.
    pub trust: Trust,
    /// Who hears of repeated requests and of secrets.
    pub listener: Listener,
}
