//! Names a cluster as its users know it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::foreign_text::clipped;

/// The longest name that is shown whole, which is that of an AKS cluster.
const NAME: usize = 63;

/// A cluster, and the context of the kubeconfig through which it was reached.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ClusterName {
    /// The name in the kubeconfig, which is that of the AKS cluster; without a kubeconfig the address of
    /// the API server.
    pub name: String,
    /// The context, if a kubeconfig has one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub context: Option<String>,
}

impl ClusterName {
    /// Names a cluster that has no context.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            context: None,
        }
    }

    /// With the context through which it was reached.
    #[must_use]
    pub fn with_context(self, context: Option<String>) -> Self {
        Self { context, ..self }
    }
}

impl fmt::Display for ClusterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cluster {}", clipped(&self.name, NAME))?;
        match &self.context {
            Some(context) => write!(f, " (context {})", clipped(context, NAME)),
            None => Ok(()),
        }
    }
}

/// The namespace, and the cluster where it is known: `in namespace shop on cluster aks-prod`.
#[must_use]
pub fn place(namespace: &str, cluster: Option<&ClusterName>) -> String {
    match cluster {
        Some(cluster) => format!("in namespace {namespace} on {cluster}"),
        None => format!("in namespace {namespace}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_named_with_its_context() {
        let aks = ClusterName::new("aks-prod");
        let through = aks.clone().with_context(Some("aks-prod-admin".to_owned()));
        let long = ClusterName::new("a".repeat(300)).with_context(Some("b".repeat(300)));
        let (a, b) = ("a".repeat(63), "b".repeat(63));
        for (says, cluster, expected) in [
            ("no cluster: a replay", None, "in namespace shop".to_owned()),
            (
                "no kubeconfig",
                Some(&aks),
                "in namespace shop on cluster aks-prod".to_owned(),
            ),
            (
                "a context",
                Some(&through),
                "in namespace shop on cluster aks-prod (context aks-prod-admin)".to_owned(),
            ),
            (
                "long names",
                Some(&long),
                format!("in namespace shop on cluster {a}… (context {b}…)"),
            ),
        ] {
            assert_eq!(place("shop", cluster), expected, "{says}");
        }
    }
}
