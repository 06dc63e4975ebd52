//! Translates failures of the transport into errors of a task.

use std::error::Error as StdError;
use std::time::Duration;

use super::entra::aadsts;
use super::fix::Fix;
use super::oidc::OidcSubject;
use super::{AzureError, AzureErrorKind, Task, arm, entra, oidc};
use crate::cluster_id::{ClusterId, is_uuid};
use crate::permission::{Credentials, READ_CLUSTER_ACTION};
use crate::wire_error::{REQUEST_LIMIT, Refusal, WireError};

/// The code of Azure Resource Manager for an identity that lacks a role.
pub(super) const NO_ROLE: &str = "AuthorizationFailed";

/// Explains `error`, an `azure_core` error of either version, for `task`.
pub(crate) fn explain(task: Task, error: &(dyn StdError + 'static)) -> AzureError {
    let Some(wire) = WireError::find(error) else {
        // The texts of other errors may quote an answer, so they end here.
        return AzureError::new(task, AzureErrorKind::NotUnderstood);
    };
    let request_id = match wire {
        WireError::Refused(refusal) => refusal.request_id.clone(),
        WireError::NotJson { .. }
        | WireError::WaitTooLong { .. }
        | WireError::TooLarge { .. }
        | WireError::Certificate { .. }
        | WireError::ProxyRefused { .. }
        | WireError::Slow { .. }
        | WireError::Unreachable { .. } => None,
    };
    let kind = kind_of(&task, wire);
    let fix = fix_of(&task, wire);
    AzureError {
        request_id,
        fix,
        ..AzureError::new(task, kind)
    }
}

/// Returns the fix of the table that the refusal belongs to.
fn fix_of(task: &Task, wire: &WireError) -> Option<Fix> {
    let WireError::Refused(refusal) = wire else {
        return None;
    };
    let message = refusal.message.as_deref().unwrap_or_default();
    let code = refusal.code.as_deref();
    match task {
        // Its own words say what is served.
        Task::ListCredentials { .. } | Task::ReadCluster { .. }
            if supported_versions(message).is_some() =>
        {
            None
        }
        Task::ListCredentials { cluster, .. } | Task::ReadCluster { cluster, .. } => {
            arm::fix_of(cluster, refusal.status, code, message)
        }
        Task::GetOidcToken { .. } => {
            oidc::row_of(refusal.status, code, message).map(|row| Fix::everywhere(row.fix))
        }
        Task::SignIn { .. } | Task::SignInAsMachine { .. } => {
            entra::fix_of(&aadsts(message)?, None)
        }
        Task::SignInAsDeveloper | Task::Prepare | Task::ReadKubeconfig { .. } => None,
    }
}

/// Returns the error of a `task` that was given up after `after`.
pub(crate) fn timed_out(task: Task, after: Duration) -> AzureError {
    AzureError::new(task, AzureErrorKind::Timeout { after })
}

fn kind_of(task: &Task, wire: &WireError) -> AzureErrorKind {
    match wire.clone() {
        WireError::Refused(refusal) => refused(task, refusal),
        WireError::WaitTooLong { host, wait } => AzureErrorKind::Throttled {
            host,
            retry_after: Some(wait),
        },
        WireError::Certificate { host, detail } => AzureErrorKind::Certificate { host, detail },
        WireError::Unreachable { host, detail } => AzureErrorKind::Unreachable { host, detail },
        WireError::Slow { .. } => AzureErrorKind::Timeout {
            after: REQUEST_LIMIT,
        },
        proxy @ (WireError::NotJson { .. }
        | WireError::ProxyRefused { .. }
        | WireError::TooLarge { .. }) => AzureErrorKind::Proxy {
            detail: proxy.to_string(),
        },
    }
}

fn refused(task: &Task, refusal: Refusal) -> AzureErrorKind {
    if matches!(refusal.status, 429 | 503) && refusal.retry_after.is_some() || refusal.status == 429
    {
        return AzureErrorKind::Throttled {
            host: refusal.host,
            retry_after: refusal.retry_after,
        };
    }
    match task {
        Task::ListCredentials {
            cluster,
            credentials,
            ..
        } => by_arm(cluster, credentials.action(), refusal),
        Task::ReadCluster { cluster, .. } => by_arm(cluster, READ_CLUSTER_ACTION, refusal),
        Task::SignIn { .. } | Task::SignInAsMachine { .. } if by_code(&refusal) => {
            by_entra(refusal)
        }
        Task::GetOidcToken {
            service_connection_id,
        } => by_azure_devops(service_connection_id, refusal),
        Task::SignIn { .. }
        | Task::SignInAsMachine { .. }
        | Task::SignInAsDeveloper
        | Task::Prepare
        | Task::ReadKubeconfig { .. } => other(refusal),
    }
}

/// Returns whether Entra itself refuses, whatever the status: its transient refusals come with 400 and 5xx alike.
fn by_code(refusal: &Refusal) -> bool {
    let message = refusal.message.as_deref().unwrap_or_default();
    refusal.status < 500 || aadsts(message).is_some()
}

fn by_arm(cluster: &ClusterId, action: &str, refusal: Refusal) -> AzureErrorKind {
    let message = refusal.message.as_deref().unwrap_or_default();
    if let Some(supported) = supported_versions(message) {
        return AzureErrorKind::WrongApiVersion {
            asked: String::new(),
            supported,
        };
    }
    if action == Credentials::Admin.action() && message.contains("disable local accounts") {
        return AzureErrorKind::LocalAccountsDisabled {
            cluster: cluster.name().to_owned(),
        };
    }
    match refusal.status {
        401 => AzureErrorKind::RejectedToken {
            host: refusal.host,
            detail: refusal.message.as_deref().map(first_line),
        },
        403 => AzureErrorKind::Forbidden {
            action: action.to_owned(),
            scope: cluster.resource_id(),
            object_id: quoted_after(message, "object id '").filter(|id| is_uuid(id)),
            // Azure's words for a missing role repeat what is said already; for all others they are the reason.
            detail: refusal
                .message
                .as_deref()
                .map(first_line)
                .filter(|_| refusal.code.as_deref() != Some(NO_ROLE)),
            code: refusal.code,
        },
        404 => AzureErrorKind::NotFound {
            what: missing(cluster, refusal.code.as_deref()),
        },
        _ => other(refusal),
    }
}

/// Names what is missing: the code of Azure Resource Manager says on which level the search ended.
fn missing(cluster: &ClusterId, code: Option<&str>) -> String {
    match code {
        Some("SubscriptionNotFound") => format!("subscription `{}`", cluster.subscription()),
        Some("ResourceGroupNotFound") => format!(
            "resource group `{}` in subscription `{}`",
            cluster.resource_group(),
            cluster.subscription()
        ),
        _ => format!(
            "AKS cluster `{}` in resource group `{}` of subscription `{}`",
            cluster.name(),
            cluster.resource_group(),
            cluster.subscription()
        ),
    }
}

fn by_entra(refusal: Refusal) -> AzureErrorKind {
    let message = refusal.message.as_deref().unwrap_or_default();
    AzureErrorKind::Auth {
        host: refusal.host,
        aadsts: aadsts(message),
        detail: refusal.message.as_deref().map(first_line).or(refusal.code),
    }
}

fn by_azure_devops(service_connection_id: &str, refusal: Refusal) -> AzureErrorKind {
    let message = refusal.message.as_deref().unwrap_or_default();
    let row = oidc::row_of(refusal.status, refusal.code.as_deref(), message);
    match row.map(|row| row.subject) {
        Some(OidcSubject::Connection) if refusal.message.is_none() => AzureErrorKind::NotFound {
            what: format!("service connection `{service_connection_id}` (or the running job)"),
        },
        Some(OidcSubject::Token | OidcSubject::Connection | OidcSubject::Job) => {
            AzureErrorKind::Auth {
                host: refusal.host,
                aadsts: None,
                detail: Some(match refusal.message.as_deref() {
                    Some(message) => first_line(message),
                    None => format!("{} for the job's access token", refusal.status),
                }),
            }
        }
        Some(OidcSubject::Address | OidcSubject::Service) | None => other(refusal),
    }
}

fn other(refusal: Refusal) -> AzureErrorKind {
    AzureErrorKind::Other {
        host: refusal.host,
        status: refusal.status,
        code: refusal.code,
        detail: refusal.message.as_deref().map(first_line),
    }
}

/// The list in "The supported api-versions are '2023-01-01, 2024-02-01'".
fn supported_versions(message: &str) -> Option<Vec<String>> {
    let list = quoted_after(message, "supported api-versions are '")?;
    let versions: Vec<_> = list
        .split(',')
        .map(str::trim)
        .filter(|v| !v.is_empty())
        .map(str::to_owned)
        .collect();
    (!versions.is_empty()).then_some(versions)
}

fn quoted_after(message: &str, before: &str) -> Option<String> {
    let (_, rest) = message.split_once(before)?;
    // A message cut at its limit may have lost the closing quote, and with it the end of the last
    // entry.
    let (quoted, _) = rest.split_once('\'').or_else(|| rest.rsplit_once(','))?;
    Some(quoted.to_owned())
}

/// Entra appends trace id, correlation id and time on lines of their own.
fn first_line(message: &str) -> String {
    message
        .lines()
        .next()
        .unwrap_or_default()
        .trim_end()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn supported_versions_are_read_from_both_wordings_and_from_a_cut_message() {
        let two = Some(vec!["2024-01-01".to_owned(), "2024-02-01".to_owned()]);
        let rows = [
            (
                "No registered resource provider found for location 'westeurope' and API version \
                 '2022-01-01' for type 'managedClusters'. The supported api-versions are \
                 '2024-01-01, 2024-02-01'. The supported locations are ', westeurope'.",
                two.clone(),
            ),
            (
                "The supported api-versions are '2024-01-01, 2024-02-01, 2024-0",
                two,
            ),
            ("The supported api-versions are ''.", None),
            ("The api-version is invalid.", None),
        ];
        for (message, versions) in rows {
            assert_eq!(supported_versions(message), versions, "{message}");
        }
    }
}
