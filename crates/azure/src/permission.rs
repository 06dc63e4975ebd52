//! The permissions that the service principal needs in Azure Resource Manager.

/// The permission that the call needs.
pub(crate) const LIST_CREDENTIALS_ACTION: &str =
    "Microsoft.ContainerService/managedClusters/listClusterUserCredential/action";
/// The smallest built-in role that has it.
pub(crate) const USER_ROLE: &str = "Azure Kubernetes Service Cluster User Role";
