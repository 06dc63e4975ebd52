//! Hints: what the user can do about an error.

use super::entra::page_of;
use super::explain::NO_ROLE;
use super::{AzureErrorKind, Task};
use crate::permission::Credentials;

pub(super) fn hint(task: &Task, kind: &AzureErrorKind) -> Option<String> {
    if matches!(task, Task::SignInAsMachine { .. })
        && let Some(text) = of_machine(kind)
    {
        return Some(text.to_owned());
    }
    let text = match kind {
        AzureErrorKind::UnusableCertificate { hint, .. } => *hint,
        AzureErrorKind::NotSignedIn {
            is_installed: true, ..
        } => "run `az login` or `azd auth login`, in the tenant of the cluster",
        AzureErrorKind::NotSignedIn { .. } => {
            "install the Azure CLI (https://aka.ms/installazurecli) and run `az login`, or the \
             Azure Developer CLI (https://aka.ms/install-azd) and run `azd auth login`"
        }
        AzureErrorKind::Forbidden {
            scope,
            code,
            object_id,
            ..
        } => {
            return Some(forbidden(
                task,
                scope,
                code.as_deref(),
                object_id.as_deref(),
            ));
        }
        AzureErrorKind::Auth { aadsts, .. } => return auth(aadsts.as_deref()),
        AzureErrorKind::NotFound { .. } => {
            "check the names, and that this is the right subscription"
        }
        AzureErrorKind::WrongApiVersion { .. } => {
            "update rollguard: it requests a version that this cloud does not serve"
        }
        AzureErrorKind::Throttled { .. } => {
            "run again later; all jobs that use the same service principal share its limit"
        }
        AzureErrorKind::RejectedToken { .. } => {
            "check that the service connection and the subscription are in the same tenant, and that the agent's clock is right"
        }
        AzureErrorKind::Proxy { .. } => {
            "is there a proxy or firewall in between? allow the agent to reach the sign-in and management addresses, or set `HTTPS_PROXY` and `NO_PROXY`"
        }
        AzureErrorKind::Certificate { .. } => {
            "if a proxy inspects TLS, add its certificate to the agent's trusted ones, or on \
             Linux set `SSL_CERT_FILE`"
        }
        AzureErrorKind::Unreachable { .. } | AzureErrorKind::Timeout { .. } => {
            "check the agent's network, DNS and `HTTPS_PROXY`"
        }
        AzureErrorKind::Kubeconfig { .. } => {
            "check whether `az aks get-credentials --format exec` returns a user for this cluster"
        }
        // The table of refusals has their fix.
        AzureErrorKind::LocalAccountsDisabled { .. }
        | AzureErrorKind::InvalidInput { .. }
        | AzureErrorKind::Local { .. }
        | AzureErrorKind::Other { .. }
        | AzureErrorKind::NotUnderstood => return None,
    };
    Some(text.to_owned())
}

/// Hints for a machine's identity that cannot sign in.
const fn of_machine(kind: &AzureErrorKind) -> Option<&'static str> {
    match kind {
        AzureErrorKind::Auth { .. } => Some(
            "assign the identity to the virtual machine or scale set of the agent, and check the \
             client id in the service connection",
        ),
        AzureErrorKind::Unreachable { .. }
        | AzureErrorKind::Timeout { .. }
        | AzureErrorKind::Proxy { .. } => Some(
            "only a self-hosted agent on an Azure machine has a managed identity: run the job \
             there, or use a service connection with workload identity federation",
        ),
        AzureErrorKind::InvalidInput { .. }
        | AzureErrorKind::Local { .. }
        | AzureErrorKind::UnusableCertificate { .. }
        | AzureErrorKind::NotSignedIn { .. }
        | AzureErrorKind::LocalAccountsDisabled { .. }
        | AzureErrorKind::NotFound { .. }
        | AzureErrorKind::Forbidden { .. }
        | AzureErrorKind::WrongApiVersion { .. }
        | AzureErrorKind::Throttled { .. }
        | AzureErrorKind::RejectedToken { .. }
        | AzureErrorKind::Certificate { .. }
        | AzureErrorKind::Kubeconfig { .. }
        | AzureErrorKind::Other { .. }
        | AzureErrorKind::NotUnderstood => None,
    }
}

fn forbidden(task: &Task, scope: &str, code: Option<&str>, object_id: Option<&str>) -> String {
    if let Some(code) = code.filter(|code| *code != NO_ROLE) {
        return format!(
            "Azure says {code}: a role alone may not help, look for a policy or deny assignment"
        );
    }
    let (client_id, credentials) = match task {
        Task::ListCredentials {
            client_id,
            credentials,
            ..
        } => (client_id.as_deref(), *credentials),
        Task::ReadCluster { client_id, .. } => (client_id.as_deref(), Credentials::User),
        Task::SignIn { .. }
        | Task::SignInAsMachine { .. }
        | Task::SignInAsDeveloper
        | Task::Prepare
        | Task::GetOidcToken { .. }
        | Task::ReadKubeconfig { .. } => (None, Credentials::User),
    };
    let role = credentials.role();
    let assignee = match (object_id, client_id) {
        // Without a client id it may be a person.
        (Some(id), Some(_)) => {
            format!("--assignee-object-id {id} --assignee-principal-type ServicePrincipal")
        }
        (Some(id), None) => format!("--assignee-object-id {id}"),
        (None, client_id) => format!("--assignee {}", client_id.unwrap_or("<object id>")),
    };
    // Without a role one gets 403 for what does not exist, too: Azure/azure-cli#8262 for this very
    // call, Azure/azure-powershell#12115 for Azure Resource Manager's view of it.
    format!(
        "check the names first (Azure gives the same answer if they do not exist), then grant the role \
         \"{role}\": az role assignment create {assignee} --role \
         \"{role}\" --scope \"{scope}\" (takes some minutes to become effective)"
    )
}

/// Returns where to read on about a code that no table knows.
fn auth(aadsts: Option<&str>) -> Option<String> {
    aadsts.map(page_of)
}
