//! Refusals of Azure Resource Manager, by the code of their JSON.
//!
//! The codes are those of
//! <https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors>.

use super::fix::Fix;
use crate::cluster_id::ClusterId;

/// One refusal of Azure Resource Manager.
#[derive(Clone, Copy, Debug)]
pub struct ArmRefusal {
    /// Its `error.code`; empty where only the words say which refusal it is.
    pub code: &'static str,
    /// Words that its `error.message` contains, in lower case; empty where the code says enough.
    pub words: &'static str,
    /// What to do about it.
    pub fix: Fix,
}

macro_rules! refusals {
    ($($code:literal $(has $words:literal)? : $task:literal $(| $cli:literal)?;)*) => {
        /// Every refusal that has a fix of its own, the more special ones first.
        pub const ARM_REFUSALS: &[ArmRefusal] = &[
            $(ArmRefusal {
                code: $code,
                words: refusals!(@words $($words)?),
                fix: refusals!(@fix $task $(, $cli)?),
            }),*
        ];
    };
    (@words $words:literal) => { $words };
    (@words) => { "" };
    (@fix $task:literal) => { Fix::everywhere($task) };
    (@fix $task:literal, $cli:literal) => { Fix::by_place($task, $cli) };
}

refusals! {
    // The state of the cluster.
    "" has "disable local accounts": "the cluster has no local accounts: leave useClusterAdmin out; the identity then signs in itself, and needs its own permissions in the cluster"
        | "the cluster has no local accounts: leave --use-cluster-admin out; you then sign in yourself, and need your own permissions in the cluster";
    "" has "power state(stopped": "the cluster is stopped: start it (`az aks start`), then run again";
    "" has "is stopped": "the cluster is stopped: start it (`az aks start`), then run again";
    "" has "being deleted": "the cluster is being deleted: is this the right cluster?";
    "" has "deleting": "the cluster is being deleted: is this the right cluster?";
    "" has "in progress": "the cluster is being changed or upgraded: run again when that has ended (`az aks show --query provisioningState`)";

    // What forbids it.
    "RequestDisallowedByPolicy": "an Azure policy denies it, which no role changes: Azure's text names the assignment; ask its owner for an exemption";
    "LinkedAuthorizationFailed": "the identity lacks a role on a linked resource, or that resource is in another tenant: Azure's text names it";
    "DenyAssignmentAuthorizationFailed": "a deny assignment forbids it, which no role changes: Azure's text names it";
    "ScopeLocked": "a read-only lock forbids it, because the call is a POST: Azure's text names the lock; remove it, or replace it by a delete lock (CanNotDelete)";
    "ReadOnlyDisabledSubscription": "the subscription is disabled: its owner must enable it again";

    // What does not exist.
    "SubscriptionNotFound": "check the input `azureSubscriptionId`, and that the service connection's tenant is the subscription's; Azure gives the same answer to an identity without any role in the subscription"
        | "check the subscription's id and the tenant; Azure gives the same answer to an identity without any role in the subscription";
    "InvalidSubscriptionId": "check the input `azureSubscriptionId`: it must be an id, not a name"
        | "check the subscription: it must be an id, not a name";
    "ResourceGroupNotFound": "check the inputs `azureResourceGroup` and `azureSubscriptionId`"
        | "check the resource group and the subscription";
    "ResourceGroupBeingDeleted": "the resource group is being deleted: is this the right cluster?";
    "ResourceNotFound": "check the inputs `aksCluster` and `azureResourceGroup`"
        | "check the names of the cluster and its resource group";
    "NotFound": "check the inputs `aksCluster` and `azureResourceGroup`"
        | "check the names of the cluster and its resource group";

    // The provider.
    "NoRegisteredProviderFound": "the subscription or the region has no Microsoft.ContainerService: check `azureSubscriptionId`, or register it (`az provider register --namespace Microsoft.ContainerService`)"
        | "the subscription or the region has no Microsoft.ContainerService: check the subscription, or register it (`az provider register --namespace Microsoft.ContainerService`)";
    "MissingSubscriptionRegistration": "the subscription has never had an AKS cluster: check `azureSubscriptionId`"
        | "the subscription has never had an AKS cluster: check its id";
    "InvalidSubscriptionRegistrationState": "Microsoft.ContainerService is just being registered in the subscription, or was unregistered: check `azureSubscriptionId`"
        | "Microsoft.ContainerService is just being registered in the subscription, or was unregistered: check its id";

    // The token.
    "InvalidAuthenticationTokenTenant": "the subscription is in another tenant than the service connection: use a connection of the subscription's tenant"
        | "the subscription is in another tenant than the one you are signed in to";
    "ExpiredAuthenticationToken": "the token had expired when it arrived: check the clock of the agent's machine"
        | "the token had expired when it arrived: check this machine's clock";
    "InvalidAuthenticationToken": "check that the service connection and the subscription are in the same tenant and cloud, and that the agent's clock is right"
        | "check that you are signed in to the subscription's tenant and cloud, and that this machine's clock is right";
    "AuthenticationFailed": "check that the service connection and the subscription are in the same tenant and cloud, and that the agent's clock is right"
        | "check that you are signed in to the subscription's tenant and cloud, and that this machine's clock is right";

    // What passes, but did not in time.
    "AnotherOperationInProgress": "the cluster is being changed or upgraded: run again when that has ended (`az aks show --query provisioningState`)";
    "Conflict": "the state of the cluster forbids it: look at `az aks show --query \"[provisioningState,powerState.code]\"`";
    "OperationNotAllowed": "the state of the cluster forbids it: look at `az aks show --query \"[provisioningState,powerState.code]\"`";
    "InternalServerError": "Azure Resource Manager has a problem: run again later (status.azure.com)";
    "ServiceUnavailable": "Azure Resource Manager has a problem: run again later (status.azure.com)";
    "ServerTimeout": "Azure Resource Manager has a problem: run again later (status.azure.com)";
    "GatewayTimeout": "Azure Resource Manager has a problem: run again later (status.azure.com)";
}

/// Returns the fix for a refusal, where there is one.
///
/// Only words say the state of a cluster, so they are looked for where neither the identity nor a name is refused,
/// and the names themselves are left out: a cluster may be called `deleting-test`.
pub(super) fn fix_of(
    cluster: &ClusterId,
    status: u16,
    code: Option<&str>,
    message: &str,
) -> Option<Fix> {
    let message = message.to_lowercase();
    let message = [cluster.name(), cluster.resource_group()]
        .iter()
        .fold(message, |text, name| text.replace(&name.to_lowercase(), ""));
    let about_state = matches!(status, 400 | 409);
    let row = ARM_REFUSALS.iter().find(|row| {
        if row.code.is_empty() {
            about_state && message.contains(row.words)
        } else {
            code.is_some_and(|code| code.eq_ignore_ascii_case(row.code))
        }
    });
    row.map(|row| row.fix)
}

#[cfg(test)]
mod tests;
