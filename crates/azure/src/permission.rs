//! The permissions that the identity needs in Azure Resource Manager.

/// The credentials to ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Credentials {
    /// Those of the cluster's user: the identity's own permissions apply.
    #[default]
    User,
    /// Those of the cluster's local administrator account, which no permission limits.
    Admin,
}

impl Credentials {
    /// The permission that the call needs.
    pub(crate) const fn action(self) -> &'static str {
        match self {
            Self::User => {
                "Microsoft.ContainerService/managedClusters/listClusterUserCredential/action"
            }
            Self::Admin => {
                "Microsoft.ContainerService/managedClusters/listClusterAdminCredential/action"
            }
        }
    }

    /// The smallest built-in role that has it.
    pub(crate) const fn role(self) -> &'static str {
        match self {
            Self::User => "Azure Kubernetes Service Cluster User Role",
            Self::Admin => "Azure Kubernetes Service Cluster Admin Role",
        }
    }

    /// The item of the answer that holds the kubeconfig.
    pub(crate) const fn item(self) -> &'static str {
        match self {
            Self::User => "clusterUser",
            Self::Admin => "clusterAdmin",
        }
    }

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
        }
    }
}

/// The permission to read the cluster's state.
pub(crate) const READ_CLUSTER_ACTION: &str = "Microsoft.ContainerService/managedClusters/read";
