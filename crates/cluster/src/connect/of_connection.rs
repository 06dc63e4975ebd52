//! The kubeconfig of a service connection: it was entered somewhere else, so nothing on this machine is run
//! or read for it.

use kube::Config;
use kube::config::{AuthInfo, Cluster, Kubeconfig};

use super::{Prepared, bad_input, client_certificate, configuration, credentials, kubeconfig};
use crate::Result;
use crate::error::ClusterError;
use crate::login::Login;

/// Reads it.
///
/// # Errors
/// Bad input for a kubeconfig that does not fit, or that asks for something of this machine.
pub(super) async fn prepared(login: &Login) -> Result<Prepared<'_>> {
    let Login::OfConnection {
        kubeconfig,
        context,
        accept_untrusted,
        network,
    } = login
    else {
        return Err(bad_input("read the kubeconfig"));
    };
    let parsed = kubeconfig::parse(kubeconfig)?;
    let named = context.clone().or_else(|| parsed.current_context.clone());
    let own_proxy = kubeconfig::own_proxy(&parsed, named.as_deref());
    let cluster = kubeconfig::cluster_name(&parsed, named.as_deref());
    refuse_programs_and_files(&parsed, named.as_deref())?;
    let mut config = configuration(parsed, context.clone())
        .await
        .map_err(|error| without_flag(error, named.as_deref()))?;
    config.accept_invalid_certs = accepted(&config, *accept_untrusted)?;
    let tokens = credentials::take_token(&mut config.auth_info)?;
    Ok(Prepared {
        certificate_end: client_certificate::end_of(&config.auth_info),
        config,
        own_proxy,
        network,
        tokens,
        cluster,
    })
}

/// A connection has no flags.
fn without_flag(error: ClusterError, context: Option<&str>) -> ClusterError {
    if context.is_none() {
        return error.with_hint("choose a context in the service connection");
    }
    error
}

/// Only the connection decides whether a certificate need not be trusted, and nothing makes up for TLS.
fn accepted(config: &Config, accept_untrusted: bool) -> Result<bool> {
    let refused = |hint: &str| {
        let doing = format!("send credentials to the API server {}", config.cluster_url);
        Err(bad_input(doing).with_hint(hint))
    };
    if config.cluster_url.scheme_str() != Some("https") {
        return refused(
            "the connection would not be encrypted; enter a kubeconfig with an https server",
        );
    }
    if config.accept_invalid_certs && !accept_untrusted {
        return refused(
            "the kubeconfig turns off the check of the server's certificate \
             (insecure-skip-tls-verify); give its certificate authority, or accept untrusted \
             certificates in the service connection",
        );
    }
    Ok(accept_untrusted)
}

/// Only the user and the cluster of the context matter.
fn refuse_programs_and_files(kubeconfig: &Kubeconfig, context: Option<&str>) -> Result<()> {
    let context = kubeconfig
        .contexts
        .iter()
        .find(|it| Some(it.name.as_str()) == context)
        .and_then(|it| it.context.as_ref());
    let Some(context) = context else {
        // Reading it says so.
        return Ok(());
    };
    let user = kubeconfig
        .auth_infos
        .iter()
        .find(|it| Some(&it.name) == context.user.as_ref())
        .and_then(|it| it.auth_info.as_ref());
    let cluster = kubeconfig
        .clusters
        .iter()
        .find(|it| it.name == context.cluster)
        .and_then(|it| it.cluster.as_ref());
    if let Some(program) = user.and_then(program) {
        let doing = format!("use the kubeconfig: it signs in with {program}, which is not run");
        return Err(bad_input(doing).with_hint(
            "use a token or a client certificate in it; for AKS with Microsoft Entra use an Azure \
             Resource Manager service connection",
        ));
    }
    let files: Vec<&str> = user
        .into_iter()
        .flat_map(files_of_user)
        .chain(cluster.and_then(file_of_cluster))
        .collect();
    if files.is_empty() {
        return Ok(());
    }
    let doing = format!(
        "use the kubeconfig: it names files, which are not read: {}",
        files.join(", ")
    );
    Err(bad_input(doing)
        .with_hint("enter what `kubectl config view --raw --flatten --minify` prints"))
}

fn program(user: &AuthInfo) -> Option<String> {
    let exec = user.exec.as_ref().map(|exec| {
        let command = exec.command.as_deref().unwrap_or_default();
        format!("the program `{command}`")
    });
    let provider = user.auth_provider.as_ref();
    exec.or_else(|| provider.map(|it| format!("the auth-provider `{}`", it.name)))
}

fn files_of_user(user: &AuthInfo) -> impl Iterator<Item = &'static str> {
    let certificate = user.client_certificate_data.is_none() && user.client_certificate.is_some();
    let key = user.client_key_data.is_none() && user.client_key.is_some();
    let token = user.token.is_none() && user.token_file.is_some();
    [
        (certificate, "client-certificate"),
        (key, "client-key"),
        (token, "tokenFile"),
    ]
    .into_iter()
    .filter_map(|(is, name)| is.then_some(name))
}

fn file_of_cluster(cluster: &Cluster) -> Option<&'static str> {
    let is =
        cluster.certificate_authority_data.is_none() && cluster.certificate_authority.is_some();
    is.then_some("certificate-authority")
}
