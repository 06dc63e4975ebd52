//! Kubeconfigs, as AKS hands them out.

use super::{AKS_SERVER_ID, CLUSTER, RESOURCE_GROUP, TENANT_ID};

/// A kubeconfig as AKS gives it for a cluster with Microsoft Entra and `format=exec`.
#[must_use]
pub fn kubelogin_kubeconfig(server: &str) -> String {
    format!(
        r"apiVersion: v1
kind: Config
clusters:
- name: {CLUSTER}
  cluster:
    server: {server}
contexts:
- name: {CLUSTER}
  context:
    cluster: {CLUSTER}
    user: clusterUser_{RESOURCE_GROUP}_{CLUSTER}
current-context: {CLUSTER}
preferences: {{}}
users:
- name: clusterUser_{RESOURCE_GROUP}_{CLUSTER}
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1beta1
      command: kubelogin
      args:
      - get-token
      - --environment
      - AzurePublicCloud
      - --server-id
      - {AKS_SERVER_ID}
      - --client-id
      - 80faf920-1908-4b52-b5ef-a8e7bedfc67a
      - --tenant-id
      - {TENANT_ID}
      - --login
      - devicecode
      env: null
      provideClusterInfo: false
"
    )
}
