//! A service account: its token and the API server's certificate authority, and nothing else.

use std::path::Path;
use std::sync::Arc;

use http::Uri;
use kube::Config;

use super::token::{Fixed, FromFile, printable};
use super::{Prepared, bad_input, of_pem};
use crate::Result;
use crate::error::ClusterError;
use crate::login::{BearerTokens, Login};

/// Reads it.
///
/// # Errors
/// Bad input for an address, certificate or token that does not fit, or for a file that is not there.
pub(super) fn prepared(login: &Login) -> Result<Prepared<'_>> {
    match login {
        Login::ServiceAccount {
            server,
            authority,
            token,
            accept_untrusted,
            network,
        } => {
            let token = printable(token)
                .map_err(|what| bad_input(format!("use the service account: its token {what}")))?;
            let mut config = Config::new(address(server)?);
            config.accept_invalid_certs = *accept_untrusted;
            if let Some(pem) = authority {
                config.root_cert = Some(authorities(pem.as_bytes())?);
            }
            Ok(Prepared {
                config,
                own_proxy: None,
                certificate_end: None,
                network,
                tokens: Some(Arc::new(Fixed(token))),
                cluster: None,
            })
        }
        Login::InCluster {
            server,
            folder,
            network,
        } => {
            let tokens: Arc<dyn BearerTokens> =
                Arc::new(FromFile::new(folder.join("token")).map_err(|what| of_pod(&what))?);
            let mut config = Config::new(address(server)?);
            config.root_cert = Some(authorities(read(&folder.join("ca.crt"))?.as_bytes())?);
            // A folder of one's own need not have it (client-go `rest/config.go`, `InClusterConfig`).
            if let Ok(namespace) = read(&folder.join("namespace")) {
                namespace.trim().clone_into(&mut config.default_namespace);
            }
            Ok(Prepared {
                config,
                own_proxy: None,
                certificate_end: None,
                network,
                tokens: Some(tokens),
                cluster: None,
            })
        }
        Login::As { .. }
        | Login::Kubeconfig { .. }
        | Login::InMemory { .. }
        | Login::OfConnection { .. }
        | Login::Client(_) => Err(bad_input("use the service account")),
    }
}

fn address(server: &str) -> Result<Uri> {
    server
        .parse()
        .map_err(|_| bad_input(format!("use the address `{server}` of the API server")))
}

fn authorities(pem: &[u8]) -> Result<Vec<Vec<u8>>> {
    let what = "the certificate authority of the API server";
    let all = of_pem(what, pem)?;
    if all.is_empty() {
        return Err(bad_input(format!("read {what}: no certificate is in it")));
    }
    Ok(all)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the kubelet writes the files of a pod"
)]
fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| {
        let path = path.display();
        of_pod(&format!("the file `{path}` cannot be read: {error}"))
    })
}

fn of_pod(what: &str) -> ClusterError {
    bad_input(format!("use the service account of this pod: {what}")).with_hint(
        "does the pod have `automountServiceAccountToken: false`? else give a kubeconfig with \
         --kubeconfig",
    )
}
