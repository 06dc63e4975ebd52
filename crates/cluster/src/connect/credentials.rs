//! The credentials of a kubeconfig's user, as kubectl takes them, checked before the first request.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use kube::Config;
use kube::config::{AuthInfo, AuthProviderConfig};
use secrecy::ExposeSecret;

use super::bad_input;
use super::plugin::{Credential, Plugin, PluginTokens};
use super::token::{Fixed, FromFile, printable};
use crate::Result;
use crate::error::{Cause, ClusterError};
use crate::login::{BearerTokens, Programs};

/// Moves what ends in a bearer token out of `config`: kube ends the process at a token that does not
/// fit into a header. A plugin's certificate is moved in.
///
/// # Errors
/// Bad input for a token that cannot be used; credentials for a plugin that hands out none.
pub(super) async fn take(
    config: &mut Config,
    context: Option<String>,
    programs: &Programs,
    now: Timestamp,
) -> Result<Option<Arc<dyn BearerTokens>>> {
    let user = &mut config.auth_info;
    if has_password(user) {
        return Ok(None);
    }
    if let Some(token) = take_token(user)? {
        return Ok(Some(token));
    }
    if let Some(path) = user.token_file.take() {
        let tokens = FromFile::new(path.into())
            .map_err(|what| bad_input(format!("use the kubeconfig: {what}")))?;
        return Ok(Some(Arc::new(tokens)));
    }
    if let Some(provider) = user.auth_provider.take() {
        return of_provider(&provider).map(Some);
    }
    let Some(exec) = user.exec.take() else {
        return Ok(None);
    };
    let plugin = Plugin::new(exec, context, programs.clone(), now);
    let credential = plugin.run().await.map_err(|error| {
        let hint = error.hint().map(str::to_owned);
        let error = ClusterError::new(
            format!("sign in to the API server {}", config.cluster_url),
            Cause::Token(error.into()),
        );
        match hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    })?;
    Ok(match credential {
        Credential::Token(token) => Some(Arc::new(PluginTokens::new(plugin, token))),
        Credential::Certificate { certificate, key } => {
            config.auth_info.client_certificate_data = Some(base64(certificate));
            config.auth_info.client_key_data = Some(base64(key).into());
            None
        }
    })
}

/// Moves the token that stands in a kubeconfig itself out of it.
///
/// # Errors
/// Bad input for a token that cannot be used.
pub(super) fn take_token(user: &mut AuthInfo) -> Result<Option<Arc<dyn BearerTokens>>> {
    let Some(token) = user.token.take() else {
        return Ok(None);
    };
    let token = printable(token.expose_secret())
        .map_err(|what| bad_input(format!("use the kubeconfig: its token {what}")))?;
    Ok(Some(Arc::new(Fixed(token))))
}

/// The ID token of an `auth-provider`; it is not renewed. kubectl knows no other provider either, since 1.26.
fn of_provider(provider: &AuthProviderConfig) -> Result<Arc<dyn BearerTokens>> {
    let name = &provider.name;
    let token = provider.config.get("id-token").filter(|_| name == "oidc");
    let token = token.ok_or_else(|| {
        bad_input(format!(
            "use the kubeconfig: its auth-provider `{name}` is not supported"
        ))
        .with_hint("use a credential plugin (`exec`); for AKS: kubelogin convert-kubeconfig")
    })?;
    let token = printable(token)
        .map_err(|what| bad_input(format!("use the kubeconfig: its id-token {what}")))?;
    Ok(Arc::new(Fixed(token)))
}

/// Credentials that anyone in between could read are sent only on request.
///
/// # Errors
/// Bad input.
pub(super) fn refuse_exposed(config: &Config) -> Result<()> {
    let user = &config.auth_info;
    let has_token = user.token.is_some() || user.token_file.is_some() || user.exec.is_some();
    if !has_token && !has_password(user) && user.auth_provider.is_none() {
        return Ok(());
    }
    let why = if config.cluster_url.scheme_str() == Some("http") {
        "the connection would not be encrypted; give an https server"
    } else if config.accept_invalid_certs {
        "the kubeconfig turns off the check of the server's certificate (insecure-skip-tls-verify); \
         give its certificate authority"
    } else {
        return Ok(());
    };
    let doing = format!("send credentials to the API server {}", config.cluster_url);
    Err(bad_input(doing).with_hint(format!(
        "{why}, or accept with --allow-insecure-server that others may read them"
    )))
}

const fn has_password(user: &AuthInfo) -> bool {
    user.username.is_some() && user.password.is_some()
}

/// A kubeconfig's `*-data` fields are base64.
fn base64(text: String) -> String {
    let encoded = serde_json::to_value(ByteString(text.into_bytes()));
    let encoded = encoded.ok().and_then(|it| it.as_str().map(str::to_owned));
    encoded.unwrap_or_default()
}
