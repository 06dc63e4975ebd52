//! Hints: what the user can do about an error.

use super::{AzureErrorKind, Task};
use crate::permission::USER_ROLE;

pub(super) fn hint(task: &Task, kind: &AzureErrorKind) -> Option<String> {
    let text = match kind {
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
        AzureErrorKind::Auth { aadsts, .. } => return auth(task, aadsts.as_deref()),
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
        AzureErrorKind::InvalidInput { .. }
        | AzureErrorKind::Local { .. }
        | AzureErrorKind::Other { .. }
        | AzureErrorKind::NotUnderstood => return None,
    };
    Some(text.to_owned())
}

fn forbidden(task: &Task, scope: &str, code: Option<&str>, object_id: Option<&str>) -> String {
    if let Some(code) = code.filter(|code| *code != "AuthorizationFailed") {
        return format!(
            "Azure says {code}: a role alone may not help, look for a policy or deny assignment"
        );
    }
    let client_id = match task {
        Task::ListCredentials { client_id, .. } | Task::SignIn { client_id, .. } => client_id,
        Task::Prepare | Task::GetOidcToken { .. } | Task::ReadKubeconfig { .. } => "<client id>",
    };
    let assignee = match object_id {
        Some(id) => {
            format!("--assignee-object-id {id} --assignee-principal-type ServicePrincipal")
        }
        None => format!("--assignee {client_id}"),
    };
    // Without a role one gets 403 for what does not exist, too: Azure/azure-cli#8262 for this very
    // call, Azure/azure-powershell#12115 for Azure Resource Manager's view of it.
    format!(
        "check the names first (Azure gives the same answer if they do not exist), then grant the role \
         \"{USER_ROLE}\": az role assignment create {assignee} --role \
         \"{USER_ROLE}\" --scope \"{scope}\" (takes some minutes to become effective)"
    )
}

/// Hints for the codes that service connections meet, from
/// <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>.
fn auth(task: &Task, aadsts: Option<&str>) -> Option<String> {
    let Some(code) = aadsts else {
        return matches!(task, Task::GetOidcToken { .. }).then(|| {
            "check that the pipeline is authorised for the service connection".to_owned()
        });
    };
    let text = match code {
        "AADSTS7000215" => {
            "the service connection contains a wrong secret, often its id instead of its value; create a new secret and enter it there"
        }
        "AADSTS7000222" => {
            "the secret has expired; create a new one and enter it in the service connection, or \
             convert the connection to workload identity federation"
        }
        "AADSTS700016" => {
            "no such application in this tenant: check client id and tenant of the connection"
        }
        "AADSTS90002" | "AADSTS900023" => {
            "no such tenant: check the tenant of the service connection"
        }
        "AADSTS700024" => {
            "the OIDC token was used outside its validity of ten minutes: check the agent's clock and run again"
        }
        "AADSTS70021" | "AADSTS700211" | "AADSTS700212" | "AADSTS700213" => {
            "the application's federated credential does not match the service connection: \
             compare issuer, subject and audience"
        }
        "AADSTS500011" => {
            "the cluster's server application is unknown in this tenant: check that the service \
             connection's tenant is the cluster's"
        }
        "AADSTS53003" => {
            "a conditional access policy blocks the service principal: ask the administrator"
        }
        _ => {
            let number = code.trim_start_matches("AADSTS");
            return Some(format!(
                "Microsoft explains it at https://login.microsoftonline.com/error?code={number}"
            ));
        }
    };
    Some(text.to_owned())
}
