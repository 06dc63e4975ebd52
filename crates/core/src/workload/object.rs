//! The object of a workload of any kind.

use std::time::Duration;

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{JobView, WorkloadKind, WorkloadRef, raw};

/// A workload object.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Workload {
    /// `apps/v1` Deployment.
    Deployment(Box<Deployment>),
    /// `apps/v1` StatefulSet.
    StatefulSet(Box<StatefulSet>),
    /// `apps/v1` DaemonSet.
    DaemonSet(Box<DaemonSet>),
    /// `batch/v1` Job.
    Job(Box<Job>),
}

impl<'de> Deserialize<'de> for Workload {
    /// Deserializes by the object's `kind`, so that an error names the field of that kind.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let kind = value.get("kind").and_then(Value::as_str);
        match kind {
            None | Some("Deployment") => Box::deserialize(&value).map(Self::Deployment),
            Some("StatefulSet") => Box::deserialize(&value).map(Self::StatefulSet),
            Some("DaemonSet") => Box::deserialize(&value).map(Self::DaemonSet),
            Some("Job") => Box::deserialize(&value).map(Self::Job),
            Some(other) => return Err(D::Error::custom(format!("`{other}` is no workload"))),
        }
        .map_err(D::Error::custom)
    }
}

impl Workload {
    /// Reads the object of a workload; kind, namespace and name are those by which it was asked for.
    pub(crate) fn read(asked: &WorkloadRef, object: &Value) -> serde_json::Result<Self> {
        let mut read = match asked.kind {
            WorkloadKind::Deployment => Box::deserialize(object).map(Self::Deployment),
            WorkloadKind::StatefulSet => Box::deserialize(object).map(Self::StatefulSet),
            WorkloadKind::DaemonSet => Box::deserialize(object).map(Self::DaemonSet),
            WorkloadKind::Job => Box::deserialize(object).map(Self::Job),
        }?;
        let metadata = match &mut read {
            Self::Deployment(it) => &mut it.metadata,
            Self::StatefulSet(it) => &mut it.metadata,
            Self::DaemonSet(it) => &mut it.metadata,
            Self::Job(it) => &mut it.metadata,
        };
        metadata.namespace = Some(asked.namespace.clone());
        metadata.name = Some(asked.name.clone());
        Ok(read)
    }

    /// Returns the kind.
    #[must_use]
    pub const fn kind(&self) -> WorkloadKind {
        match self {
            Self::Deployment(_) => WorkloadKind::Deployment,
            Self::StatefulSet(_) => WorkloadKind::StatefulSet,
            Self::DaemonSet(_) => WorkloadKind::DaemonSet,
            Self::Job(_) => WorkloadKind::Job,
        }
    }

    /// Returns the metadata.
    #[must_use]
    pub const fn metadata(&self) -> &ObjectMeta {
        match self {
            Self::Deployment(it) => &it.metadata,
            Self::StatefulSet(it) => &it.metadata,
            Self::DaemonSet(it) => &it.metadata,
            Self::Job(it) => &it.metadata,
        }
    }

    /// Returns the run of a Job; `None` for the kinds that keep running.
    #[must_use]
    pub const fn job(&self) -> Option<JobView<'_>> {
        match self {
            Self::Job(it) => Some(JobView::of(it)),
            Self::Deployment(_) | Self::StatefulSet(_) | Self::DaemonSet(_) => None,
        }
    }

    /// Returns the uid; empty if the API server sent none.
    #[must_use]
    pub fn uid(&self) -> &str {
        self.metadata().uid.as_deref().unwrap_or_default()
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.metadata().name.as_deref().unwrap_or_default()
    }

    /// Returns kind, namespace and name.
    #[must_use]
    pub fn reference(&self) -> WorkloadRef {
        WorkloadRef {
            kind: self.kind(),
            namespace: self.metadata().namespace.clone().unwrap_or_default(),
            name: self.name().to_owned(),
        }
    }

    /// Returns a title such as `Deployment "web"`.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{} \"{}\"", self.kind(), self.name())
    }

    /// Returns the pod template.
    #[must_use]
    pub fn template(&self) -> Option<&PodTemplateSpec> {
        match self {
            Self::Deployment(it) => it.spec.as_ref().map(|spec| &spec.template),
            Self::StatefulSet(it) => it.spec.as_ref().map(|spec| &spec.template),
            Self::DaemonSet(it) => it.spec.as_ref().map(|spec| &spec.template),
            Self::Job(it) => it.spec.as_ref().map(|spec| &spec.template),
        }
    }

    /// Returns the fingerprint of the pod template, as far as this build knows its fields.
    #[must_use]
    pub fn template_fingerprint(&self) -> Option<String> {
        let template = serde_json::to_value(self.template()?).ok()?;
        Some(raw::fingerprint(&template))
    }

    /// Returns the pod selector, which is immutable in `apps/v1`; that of a Job as the API server made it.
    #[must_use]
    pub fn selector(&self) -> Option<&LabelSelector> {
        match self {
            Self::Deployment(it) => it.spec.as_ref().map(|spec| &spec.selector),
            Self::StatefulSet(it) => it.spec.as_ref().map(|spec| &spec.selector),
            Self::DaemonSet(it) => it.spec.as_ref().map(|spec| &spec.selector),
            Self::Job(it) => it.spec.as_ref()?.selector.as_ref(),
        }
    }

    /// Returns whether the controller has observed the newest spec. A Job's status has no
    /// `observedGeneration`, and its counts are never those of another spec.
    #[must_use]
    pub fn is_observed(&self) -> bool {
        if self.job().is_some() {
            return true;
        }
        self.observed_generation()
            .is_some_and(|observed| observed >= self.metadata().generation.unwrap_or_default())
    }

    /// Returns `status.observedGeneration`.
    #[must_use]
    pub fn observed_generation(&self) -> Option<i64> {
        match self {
            Self::Deployment(it) => it.status.as_ref()?.observed_generation,
            Self::StatefulSet(it) => it.status.as_ref()?.observed_generation,
            Self::DaemonSet(it) => it.status.as_ref()?.observed_generation,
            Self::Job(_) => None,
        }
    }

    /// Returns whether the update strategy is OnDelete: the controller replaces a pod only after it
    /// is deleted.
    #[must_use]
    pub fn is_on_delete(&self) -> bool {
        let strategy = match self {
            Self::Deployment(_) | Self::Job(_) => None,
            Self::StatefulSet(it) => it
                .spec
                .as_ref()
                .and_then(|spec| spec.update_strategy.as_ref())
                .and_then(|it| it.type_.as_deref()),
            Self::DaemonSet(it) => it
                .spec
                .as_ref()
                .and_then(|spec| spec.update_strategy.as_ref())
                .and_then(|it| it.type_.as_deref()),
        };
        strategy == Some("OnDelete")
    }

    /// Returns `spec.minReadySeconds`.
    #[must_use]
    pub fn min_ready(&self) -> Duration {
        let seconds = match self {
            Self::Deployment(it) => it.spec.as_ref().and_then(|spec| spec.min_ready_seconds),
            Self::StatefulSet(it) => it.spec.as_ref().and_then(|spec| spec.min_ready_seconds),
            Self::DaemonSet(it) => it.spec.as_ref().and_then(|spec| spec.min_ready_seconds),
            Self::Job(_) => None,
        };
        let seconds = seconds.and_then(|it| u64::try_from(it).ok());
        Duration::from_secs(seconds.unwrap_or_default())
    }

    /// Returns whether the strategy is Recreate: no new pod is created before the old ones have ended.
    #[must_use]
    pub fn is_recreate(&self) -> bool {
        match self {
            Self::Deployment(it) => {
                let strategy = it.spec.as_ref().and_then(|spec| spec.strategy.as_ref());
                strategy.and_then(|it| it.type_.as_deref()) == Some("Recreate")
            }
            Self::StatefulSet(_) | Self::DaemonSet(_) | Self::Job(_) => false,
        }
    }

    /// Returns whether it is a StatefulSet that waits for each pod before it goes on to the next
    /// (`podManagementPolicy` `OrderedReady`).
    #[must_use]
    pub fn is_ordered(&self) -> bool {
        match self {
            Self::StatefulSet(it) => {
                let spec = it.spec.as_ref();
                spec.and_then(|spec| spec.pod_management_policy.as_deref()) != Some("Parallel")
            }
            Self::Deployment(_) | Self::DaemonSet(_) | Self::Job(_) => false,
        }
    }

    /// Returns whether it is a paused Deployment.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        matches!(self, Self::Deployment(it) if it.spec.as_ref().and_then(|spec| spec.paused) == Some(true))
    }

    /// Returns the counts of the status.
    #[must_use]
    pub fn counts(&self) -> Counts {
        match self {
            Self::Deployment(it) => of_deployment(it),
            Self::StatefulSet(it) => of_stateful_set(it),
            Self::DaemonSet(it) => of_daemon_set(it),
            Self::Job(it) => of_job(JobView::of(it)),
        }
    }
}

/// The counts of every kind, under the names of a Deployment's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Pods that are desired.
    pub desired: i32,
    /// Pods that exist.
    pub current: i32,
    /// Pods with the newest template.
    pub updated: i32,
    /// Pods that are ready.
    pub ready: i32,
    /// Pods that are available.
    pub available: i32,
}

/// Returns the partition: pods from this ordinal on get the newest template.
pub(crate) fn partition(set: &StatefulSet) -> i32 {
    let spec = set.spec.as_ref();
    let rolling = spec
        .and_then(|spec| spec.update_strategy.as_ref())
        .and_then(|strategy| strategy.rolling_update.as_ref());
    rolling.and_then(|it| it.partition).unwrap_or_default()
}

/// Returns the lowest ordinal (`spec.ordinals.start`).
pub(crate) fn first_ordinal(set: &StatefulSet) -> i32 {
    let spec = set.spec.as_ref();
    let ordinals = spec.and_then(|it| it.ordinals.as_ref());
    ordinals.and_then(|it| it.start).unwrap_or_default()
}

/// Returns the lowest ordinal that gets the newest template (`stateful_set_utils.go`,
/// `newVersionedStatefulSetPod`).
pub(crate) fn first_updated_ordinal(set: &StatefulSet) -> i32 {
    first_ordinal(set).saturating_add(partition(set))
}

/// Returns the ordinal of a pod; `None` if the StatefulSet does not name its pods like that
/// (`stateful_set_utils.go`, `getParentNameAndOrdinal`).
pub(crate) fn ordinal(set: &str, pod: &str) -> Option<i32> {
    let (parent, number) = pod.rsplit_once('-')?;
    let digits = number.bytes().all(|it| it.is_ascii_digit());
    (parent == set && digits).then_some(number)?.parse().ok()
}

fn of_deployment(it: &Deployment) -> Counts {
    // The API server defaults `spec.replicas` to 1.
    let desired = it.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let status = it.status.clone().unwrap_or_default();
    Counts {
        desired,
        current: status.replicas.unwrap_or_default(),
        updated: status.updated_replicas.unwrap_or_default(),
        ready: status.ready_replicas.unwrap_or_default(),
        available: status.available_replicas.unwrap_or_default(),
    }
}

fn of_stateful_set(it: &StatefulSet) -> Counts {
    let desired = it.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let Some(status) = &it.status else {
        return Counts {
            desired,
            ..Counts::default()
        };
    };
    Counts {
        desired,
        current: status.replicas,
        updated: status.updated_replicas.unwrap_or_default(),
        ready: status.ready_replicas.unwrap_or_default(),
        available: status.available_replicas.unwrap_or_default(),
    }
}

/// The pods that must succeed, and those that have.
fn of_job(job: JobView<'_>) -> Counts {
    let succeeded = job.succeeded();
    let present = job.active().saturating_add(succeeded);
    Counts {
        desired: job.completions().unwrap_or(1),
        current: present,
        updated: present,
        ready: succeeded,
        available: succeeded,
    }
}

fn of_daemon_set(it: &DaemonSet) -> Counts {
    let Some(status) = &it.status else {
        return Counts::default();
    };
    Counts {
        desired: status.desired_number_scheduled,
        current: status.current_number_scheduled,
        updated: status.updated_number_scheduled.unwrap_or_default(),
        ready: status.number_ready,
        available: status.number_available.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ordinal_of_a_pod_is_the_number_after_its_statefulsets_name() {
        let rows = [
            ("the first", "db-0", Some(0)),
            ("two digits", "db-12", Some(12)),
            ("of another StatefulSet", "db-extra-0", None),
            ("of another one with a shorter name", "d-0", None),
            ("no number", "db-a", None),
            ("nothing after the dash", "db-", None),
            ("a dash too many", "db--1", None),
            ("a sign", "db-+1", None),
            ("no dash", "db0", None),
            ("too large", "db-99999999999", None),
        ];
        for (says, pod, expected) in rows {
            assert_eq!(ordinal("db", pod), expected, "{says}");
        }
    }
}
