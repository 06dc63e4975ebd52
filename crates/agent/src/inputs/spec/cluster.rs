//! The inputs that lead to the cluster.

use super::super::ConnectionType;
use super::super::form::{CliForm, Group, InputKind, InputSpec};
use super::ALL_COMMANDS;

/// Which kind of service connection leads to the cluster.
pub const CONNECTION_TYPE: InputSpec = InputSpec {
    name: "connectionType",
    cli: CliForm::None,
    label: "Service connection type",
    help: "`azureResourceManager`: an AKS cluster, through Azure; `kubernetesServiceConnection`: any \
           cluster, through the connection's own credentials; `none`: `lint` asks no cluster.",
    kind: InputKind::ConnectionType,
    default: Some("azureResourceManager"),
    required: true,
    commands: ALL_COMMANDS,
    connection: None,
    group: Some(Group::Cluster),
    task: true,
};

/// Who signs in to Azure.
pub const AZURE_SERVICE_CONNECTION: InputSpec = InputSpec {
    name: "azureServiceConnection",
    cli: CliForm::None,
    label: "Azure service connection",
    help: "An Azure Resource Manager service connection with workload identity federation, a \
           service principal's secret or certificate, or a managed identity. Its identity needs \
           the role *Azure Kubernetes Service Cluster User Role* on the cluster, and permissions \
           in the namespace.",
    kind: InputKind::ServiceConnection,
    default: None,
    required: true,
    commands: ALL_COMMANDS,
    connection: Some(ConnectionType::AzureResourceManager),
    group: Some(Group::Cluster),
    task: true,
};

/// Who signs in to a cluster without Azure.
pub const KUBERNETES_SERVICE_CONNECTION: InputSpec = InputSpec {
    name: "kubernetesServiceConnection",
    cli: CliForm::None,
    label: "Kubernetes service connection",
    help: "A Kubernetes service connection with a kubeconfig or with a service account, which \
           needs permissions in the namespace. Programs that a kubeconfig names are not run, and \
           files that it names are not read.",
    kind: InputKind::KubernetesConnection,
    default: None,
    required: true,
    commands: ALL_COMMANDS,
    connection: Some(ConnectionType::KubernetesServiceConnection),
    group: Some(Group::Cluster),
    task: true,
};

/// Where the cluster is, when not in the connection's own subscription.
pub const AZURE_SUBSCRIPTION_ID: InputSpec = InputSpec {
    name: "azureSubscriptionId",
    cli: CliForm::Flag {
        long: "aks-subscription",
        short: None,
        value: "ID",
    },
    label: "Azure subscription id",
    help: "The id of the cluster's subscription. If empty: the subscription of the service \
           connection. The lists of resource groups and clusters are always those of the connection's \
           own subscription: for another one, type the names.",
    kind: InputKind::SubscriptionId,
    default: None,
    required: false,
    commands: ALL_COMMANDS,
    connection: Some(ConnectionType::AzureResourceManager),
    group: Some(Group::Cluster),
    task: true,
};

/// Where the cluster is.
pub const AZURE_RESOURCE_GROUP: InputSpec = InputSpec {
    name: "azureResourceGroup",
    cli: CliForm::Flag {
        long: "aks-rg",
        short: None,
        value: "NAME",
    },
    label: "Resource group",
    help: "The resource group of the cluster.",
    kind: InputKind::ResourceGroup,
    default: None,
    required: true,
    commands: ALL_COMMANDS,
    connection: Some(ConnectionType::AzureResourceManager),
    group: Some(Group::Cluster),
    task: true,
};

/// Which cluster.
pub const AKS_CLUSTER: InputSpec = InputSpec {
    name: "aksCluster",
    cli: CliForm::Flag {
        long: "aks-name",
        short: None,
        value: "NAME",
    },
    label: "AKS cluster",
    help: "The name of the cluster.",
    kind: InputKind::Cluster,
    default: None,
    required: true,
    commands: ALL_COMMANDS,
    connection: Some(ConnectionType::AzureResourceManager),
    group: Some(Group::Cluster),
    task: true,
};

/// Whether to sign in as the cluster's local administrator.
pub const USE_CLUSTER_ADMIN: InputSpec = InputSpec {
    name: "useClusterAdmin",
    cli: CliForm::Switch {
        long: "use-cluster-admin",
        gives: true,
        help: "Sign in to the AKS cluster with its local administrator account",
    },
    label: "Use cluster admin credentials",
    help: "Signs in with the cluster's local administrator account instead of the connection's \
           identity: the identity's Kubernetes permissions do not apply, everything is allowed, \
           and audit logs do not show who it was. Needs the role *Azure Kubernetes Service \
           Cluster Admin Role*, and a cluster with local accounts.",
    kind: InputKind::Boolean,
    default: Some("false"),
    required: false,
    commands: ALL_COMMANDS,
    connection: Some(ConnectionType::AzureResourceManager),
    group: Some(Group::Cluster),
    task: true,
};

/// Whether to reach a private cluster by its public name.
pub const PUBLIC_FQDN: InputSpec = InputSpec {
    name: "publicFqdn",
    cli: CliForm::Switch {
        long: "public-fqdn",
        gives: true,
        help: "Reach a private AKS cluster by its public FQDN",
    },
    label: "Use the public FQDN",
    help: "Reaches a private cluster by its public FQDN, as `az aks get-credentials \
           --public-fqdn` does. The name resolves everywhere; the address behind it is still \
           private.",
    kind: InputKind::Boolean,
    default: Some("false"),
    required: false,
    commands: ALL_COMMANDS,
    connection: Some(ConnectionType::AzureResourceManager),
    group: Some(Group::Cluster),
    task: true,
};
