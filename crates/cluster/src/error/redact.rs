//! Renders kube's errors without the secrets that they may quote.

use kube::client::AuthError;
use kube::config::KubeconfigError;

/// Renders the place of a mistake only: the YAML reader quotes the lines around it, which in a
/// kubeconfig are likely to hold a token or a key.
pub(super) fn of_kubeconfig(error: &KubeconfigError) -> String {
    let KubeconfigError::Parse(source) = error else {
        return error.to_string();
    };
    source.location().map_or_else(
        || "not a kubeconfig".to_owned(),
        |at| {
            format!(
                "not a kubeconfig: line {}, column {}",
                at.line(),
                at.column()
            )
        },
    )
}

/// Renders the kind of a mistake only: the texts of kube's variants quote commands and output. Plugins and
/// tokens are ours (`connect/credentials.rs`), so what is left is about certificates.
pub(super) fn of_sign_in(error: &AuthError) -> &'static str {
    if let AuthError::NoValidNativeRootCA(_) = error {
        return "no certificate authority of this machine can be read";
    }
    "the kubeconfig's credentials cannot be used"
}
