//! Watches of the workload, its ReplicaSets, its pods and their events as one stream.

use futures::stream::{Stream, StreamExt, select_all};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::core::Selector;
use kube::runtime::watcher::Config;
use kube::{Api, Client};
use rollguard_core::observation::{Observation, ResourceKind, Seen};
use rollguard_core::workload::WorkloadRef;

use crate::Result;
use crate::clock::Clock;
use crate::error::{Cause, ClusterError};
use crate::request::PAGE;
use look::{Look, Target};
use pace::paced;

mod look;
mod pace;
mod trouble;

/// After how long the API server is asked to end a watch; kube then resumes it where it was. A
/// watch that stalled is given up 5 s after its last word (kube-runtime 5.0 `watcher.rs`,
/// `WATCH_IDLE_TIMEOUT_MARGIN`). With kube's default of 290 s a verdict could rest on a view that
/// is minutes old; four watches of 10 s cost the server less than one request every 2 s.
const WATCH_SECONDS: u32 = 10;
/// Generated names keep this much of their base (apiserver `storage/names/generate.go`,
/// `MaxGeneratedNameLength`).
const GENERATED_BASE: usize = 58;

/// What to watch: a workload and the labels of what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    workload: WorkloadRef,
    selector: String,
}

impl Watch {
    /// The watch of a Deployment that [`crate::access::find`] found. Its selector never changes
    /// (`apps/v1` makes it immutable).
    ///
    /// # Errors
    /// When its selector is not one that can be asked for.
    pub fn new(workload: WorkloadRef, found: &Deployment) -> Result<Self> {
        let selector = found.spec.as_ref().map(|spec| spec.selector.clone());
        let selector = Selector::try_from(selector.unwrap_or_default()).map_err(|source| {
            let doing = format!("read the selector of {workload}");
            ClusterError::new(doing, Cause::Malformed(source.to_string()))
        })?;
        Ok(Self {
            workload,
            selector: selector.to_string(),
        })
    }
}

/// Watches until it is dropped; never ends by itself.
///
/// Each resource is listed first, then watched. What cannot be seen is told as
/// [`Seen::Blind`], once per reason, and [`Seen::Listed`] always follows when sight is back,
/// because a resource that was out of sight is listed anew. No resource waits for another.
pub fn observe(
    client: &Client,
    watch: &Watch,
    clock: Clock,
) -> impl Stream<Item = Observation> + Send + Unpin + use<> {
    let WorkloadRef {
        namespace, name, ..
    } = &watch.workload;
    let config = Config::default().timeout(WATCH_SECONDS).page_size(PAGE);
    let labelled = config.clone().labels(&watch.selector);
    let about = Subject::new(name);
    let workload = Look::new(Target {
        api: Api::namespaced(paced(client), namespace),
        config: config.clone().fields(&format!("metadata.name={name}")),
        resource: ResourceKind::Workload,
        keep: Box::new(|_: &Deployment| true),
        seen: |object| Seen::Workload { object },
    });
    let replica_sets = Look::new(Target {
        api: Api::namespaced(paced(client), namespace),
        config: labelled.clone(),
        resource: ResourceKind::ReplicaSet,
        keep: Box::new(|_: &ReplicaSet| true),
        seen: |object| Seen::ReplicaSet { object },
    });
    let pods = Look::new(Target {
        api: Api::namespaced(paced(client), namespace),
        config: labelled,
        resource: ResourceKind::Pod,
        keep: Box::new(|_: &Pod| true),
        seen: |object| Seen::Pod { object },
    });
    let events = Look::new(Target {
        api: Api::namespaced(paced(client), namespace),
        config,
        resource: ResourceKind::Event,
        keep: Box::new(move |event: &Event| about.concerns(event)),
        seen: |object| Seen::Event { object },
    });
    let all = [
        workload.stream().boxed(),
        replica_sets.stream().boxed(),
        pods.stream().boxed(),
        events.stream().boxed(),
    ];
    select_all(all).map(move |seen| Observation::new(clock.now(), seen))
}

/// Which events may be about the workload. Events have no labels and no owner, so they are picked
/// by kind and name, a little too many rather than too few: the core ties them by uid.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Subject {
    name: String,
    prefix: String,
}

impl Subject {
    fn new(name: &str) -> Self {
        let base: String = name.chars().take(GENERATED_BASE).collect();
        // A base that was cut has no room for the dash.
        let prefix = if base.len() < GENERATED_BASE {
            base + "-"
        } else {
            base
        };
        Self {
            name: name.to_owned(),
            prefix,
        }
    }

    fn concerns(&self, event: &Event) -> bool {
        let about = &event.involved_object;
        let name = about.name.as_deref().unwrap_or_default();
        match about.kind.as_deref() {
            Some("Deployment") => name == self.name,
            Some("ReplicaSet" | "Pod") => name.starts_with(&self.prefix),
            Some(_) | None => false,
        }
    }
}

#[cfg(test)]
mod tests;
