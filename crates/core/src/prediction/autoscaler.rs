//! Node pools that grow: they are named, and never guessed.

use k8s_openapi::api::core::v1::Node;
use serde_json::Value;

use super::question::{Collection, Place};
use super::view::{Found, View};
use crate::workload::raw::text;

/// The chance that a node is added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Growth {
    /// No autoscaler is to be seen.
    None,
    /// These pools may grow.
    Pools(Vec<String>),
    /// It is not known.
    Unknown,
    /// An answer is awaited.
    Pending,
}

/// Returns the pools that an autoscaler manages: those that the status of the cluster autoscaler names
/// (`clusterstate/api/types.go`), and the pools of Karpenter, which node auto-provisioning of AKS uses, those of the call
/// included.
pub(super) fn growth(view: &View<'_>, nodes: &[Node]) -> Growth {
    let status = view.object(
        Place {
            api: "v1",
            plural: "configmaps",
            namespace: Some("kube-system".to_owned()),
            name: "cluster-autoscaler-status".to_owned(),
        },
        "whether a cluster autoscaler may add nodes",
    );
    let pools = view.list(
        Collection {
            api: "karpenter.sh/v1",
            plural: "nodepools",
            namespace: None,
        },
        "whether Karpenter or node auto-provisioning may add nodes",
    );
    let brought = view.manifests.all().iter();
    let brought = brought.filter(|it| it.group() == KARPENTER && it.kind() == "NodePool");
    let mut named: Vec<String> = brought.map(|it| it.name().to_owned()).collect();
    match status {
        Found::There(status) => named.extend(groups(text(status, "/data/status"))),
        Found::Pending => return Growth::Pending,
        Found::Missing | Found::Unseen => {}
    }
    match pools {
        Found::There(pools) => {
            let each = pools.iter().map(|it| text(it, "/metadata/name"));
            named.extend(each.map(str::to_owned));
        }
        Found::Pending => return Growth::Pending,
        Found::Missing | Found::Unseen => {}
    }
    if matches!(status, Found::There(_)) && named.is_empty() {
        named.push("of the cluster autoscaler".to_owned());
    }
    // A pool of an older version is not listed, and its nodes have its labels.
    let unseen = status == Found::Unseen
        || pools == Found::<&Vec<Value>>::Unseen
        || nodes.iter().any(is_of_karpenter);
    match (named.is_empty(), unseen) {
        (false, _) => Growth::Pools(named),
        (true, true) => Growth::Unknown,
        (true, false) => Growth::None,
    }
}

/// The group of Karpenter's objects.
const KARPENTER: &str = "karpenter.sh";

fn is_of_karpenter(node: &Node) -> bool {
    let mut labels = node.metadata.labels.iter().flatten();
    labels.any(|(key, _)| {
        key.split_once('/')
            .is_some_and(|(group, _)| group == KARPENTER)
    })
}

/// Returns the names of the node groups in the status, whose form differs between versions.
fn groups(status: &str) -> Vec<String> {
    let (_, groups) = status
        .split_once("nodeGroups:")
        .or_else(|| status.split_once("NodeGroups:"))
        .unwrap_or_default();
    let lines = groups.lines().map(|it| it.trim().trim_start_matches("- "));
    let names = lines.filter_map(|it| {
        let name = it
            .strip_prefix("name:")
            .or_else(|| it.strip_prefix("Name:"))?;
        Some(name.trim().trim_matches('"').to_owned())
    });
    names.filter(|it| !it.is_empty()).collect()
}
