//! HorizontalPodAutoscalers.

use serde::{Deserialize, Serialize};

use super::{Metadata, or_empty};

/// A HorizontalPodAutoscaler.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Autoscaler {
    /// Its name.
    pub metadata: Metadata,
    /// What it scales, by what.
    #[serde(default)]
    pub spec: AutoscalerSpec,
}

/// The spec of a HorizontalPodAutoscaler.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AutoscalerSpec {
    /// The workload.
    #[serde(default)]
    pub scale_target_ref: ScaleTarget,
    /// The metrics.
    #[serde(default, deserialize_with = "or_empty")]
    pub metrics: Vec<Metric>,
}

/// The workload that is scaled.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScaleTarget {
    /// Its kind.
    #[serde(default)]
    pub kind: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
}

/// A metric.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metric {
    /// A resource of the pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<ResourceMetric>,
}

/// A metric of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceMetric {
    /// `cpu` or `memory`.
    pub name: String,
    /// What is aimed at.
    #[serde(default)]
    pub target: MetricTarget,
}

/// The target of a metric.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricTarget {
    /// `Utilization` is measured by the requests.
    #[serde(default, rename = "type")]
    pub kind: String,
}
