//! The ways of signing in, as far as a hint speaks of them.

/// How the user signs in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignIn {
    /// On the command line, as kubectl does.
    #[default]
    Kubeconfig,
    /// On the command line through Azure, as the Azure CLI is signed in.
    Developer,
    /// In a task, by an Azure Resource Manager connection.
    AzureConnection,
    /// In a task, by a Kubernetes connection.
    KubernetesConnection,
}
