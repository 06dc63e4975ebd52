//! The Kubernetes service connection, in each of its forms.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::error::{ConnectionProblem, ServiceConnectionError};
use super::reader::Reader;
use crate::env::AgentEnv;
use crate::inputs::KUBERNETES_SERVICE_CONNECTION;
use crate::secret::Secret;

/// A Kubernetes service connection. It has no `Debug`: it holds secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct KubernetesConnection {
    /// The way into the cluster.
    pub access: KubernetesAccess,
    /// Whether the server's certificate need not be trusted: the connection's own choice.
    pub accept_untrusted: bool,
}

/// The way into the cluster of a Kubernetes service connection.
#[derive(Clone, PartialEq, Eq)]
pub enum KubernetesAccess {
    /// A kubeconfig.
    Kubeconfig {
        /// Its text.
        kubeconfig: Secret,
        /// The context to use; `None`: the kubeconfig's current one.
        context: Option<String>,
    },
    /// A service account.
    ServiceAccount {
        /// The API server's address.
        server: String,
        /// The certificate authority of the API server, as PEM; absent only where any certificate is accepted.
        authority: Option<String>,
        /// The service account's token.
        token: Secret,
    },
}

impl KubernetesConnection {
    /// Reads the connection with this id, which is what the input `kubernetesServiceConnection` holds.
    ///
    /// # Errors
    /// When the agent did not hand it over, or fields are missing or wrong; all of them are reported together.
    pub fn from_env(env: &AgentEnv, id: &str) -> Result<Self, ServiceConnectionError> {
        let mut reader = Reader::new(env, id);
        let access = if reader.is_handed_over() {
            access(&mut reader)
        } else {
            None
        };
        let connection = access.map(|access| Self {
            access,
            accept_untrusted: reader.is_set("acceptuntrustedcerts"),
        });
        reader.finish(KUBERNETES_SERVICE_CONNECTION.name, connection)
    }

    /// Returns the service account's token, which must never be shown. The secrets of a kubeconfig are known
    /// only where it is read.
    #[must_use]
    pub const fn token(&self) -> Option<&Secret> {
        match &self.access {
            KubernetesAccess::ServiceAccount { token, .. } => Some(token),
            KubernetesAccess::Kubeconfig { .. } => None,
        }
    }
}

/// The form is a data field, and none means a kubeconfig (azure-pipelines-tasks,
/// `KubernetesManifestV1/src/connection` and `kubernetes-common/kubectlutility.ts`).
fn access(reader: &mut Reader<'_>) -> Option<KubernetesAccess> {
    let form = reader.data("authorizationtype").unwrap_or("Kubeconfig");
    match form.to_ascii_lowercase().as_str() {
        "kubeconfig" => kubeconfig(reader),
        "serviceaccount" => service_account(reader),
        "azuresubscription" => of_azure_subscription(reader),
        _ => {
            let form = form.to_owned();
            reader.wrong(ConnectionProblem::UnknownForm { form });
            None
        }
    }
}

fn kubeconfig(reader: &mut Reader<'_>) -> Option<KubernetesAccess> {
    let kubeconfig = reader.parameter("kubeconfig", "its kubeconfig")?;
    Some(KubernetesAccess::Kubeconfig {
        kubeconfig: Secret::new(kubeconfig),
        context: reader
            .optional_parameter("clustercontext")
            .map(str::to_owned),
    })
}

/// Azure DevOps made a service account in the cluster when the connection was saved. Besides its token there
/// is only the cluster's id, and no identity that could ask Azure for anything.
fn of_azure_subscription(reader: &mut Reader<'_>) -> Option<KubernetesAccess> {
    if reader.optional_parameter("apitoken").is_none() {
        let cluster = reader.data("clusterid").unwrap_or("unknown").to_owned();
        reader.wrong(ConnectionProblem::NoServiceAccount { cluster });
        return None;
    }
    service_account(reader)
}

fn service_account(reader: &mut Reader<'_>) -> Option<KubernetesAccess> {
    let server = reader.found(reader.url(), "its server address");
    let server = server.and_then(|server| reader.https("server address", server));
    let token = reader.parameter("apitoken", "its service account's token");
    let accepts_any = reader.is_set("acceptuntrustedcerts");
    let authority = if accepts_any { None } else { authority(reader) };
    Some(KubernetesAccess::ServiceAccount {
        server: server?,
        authority,
        token: Secret::new(decoded_token(token?)),
    })
}

/// Reads the certificate authority; the reader keeps a problem with it.
fn authority(reader: &mut Reader<'_>) -> Option<String> {
    let key = "serviceaccountcertificate";
    let text = reader.parameter(key, "its service account's certificate")?;
    let pem = if is_pem(text) {
        Some(text.to_owned())
    } else {
        decoded(text).filter(|text| is_pem(text))
    };
    if pem.is_none() {
        reader.wrong(ConnectionProblem::NoCertificate);
    }
    pem
}

fn is_pem(text: &str) -> bool {
    text.contains("-----BEGIN CERTIFICATE-----")
}

/// A Secret's values are base64, and the form asks for them as they are; some people decode them first. A
/// decoded token has dots (a JWT), which base64 does not have, and base64 of a token decodes to one line of
/// text.
fn decoded_token(text: &str) -> String {
    let is_token = |text: &String| {
        let text = text.trim();
        !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic())
    };
    let token = decoded(text).filter(is_token);
    token.unwrap_or_else(|| text.to_owned()).trim().to_owned()
}

/// Base64 in one line or in several.
fn decoded(text: &str) -> Option<String> {
    let text: String = text.split_whitespace().collect();
    let bytes = STANDARD.decode(text).ok()?;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests;
