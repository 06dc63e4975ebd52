//! The controllers: one task that syncs what changed and what is due, and then sleeps.

mod condition;
mod daemon_set;
mod deployment;
mod history;
mod job;
mod node_lifecycle;
mod pod_gc;
mod quota;
mod readiness;
mod replica_set;
mod retry;
mod stateful_set;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::object::{being_deleted, controller_uid, uid};
use crate::resource::Resource;
use crate::shared::Shared;
use crate::store::{Change, Key};
use daemon_set::FailedPods;
use retry::Retries;

/// An object to sync.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Work {
    Deployment(Key),
    ReplicaSet(Key),
    StatefulSet(Key),
    DaemonSet(Key),
    Job(Key),
    Node(Key),
    /// The script of the pod with this uid.
    PodRun(String),
    /// The quotas of this namespace.
    Quotas(String),
    /// The dependents of this uid, which is gone.
    Orphans(String),
}

/// The work for an object of a kind.
type Kind = fn(Key) -> Work;

/// The objects to sync now, and those to sync later.
#[derive(Debug, Default)]
struct WorkQueue {
    /// Changes up to here are queued or done.
    seen: u64,
    queue: VecDeque<Work>,
    timers: BTreeMap<Work, Timestamp>,
    retries: Retries,
    failed_daemons: FailedPods,
}

/// Runs until the sandbox ends.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut changes = shared.listen();
    let mut queue = WorkQueue::default();
    loop {
        let (wrote, pause) = shared.with(|cluster| {
            let before = cluster.store.revision();
            queue.run(cluster);
            let pause = queue.next().map(|at| cluster.clock.until(at));
            (cluster.store.revision() != before, pause)
        });
        if wrote {
            // Wakes this task as well, once for nothing: to ignore it could miss another change.
            shared.change(|_| ());
        }
        let notified = match pause {
            Some(pause) => tokio::time::timeout(pause, changes.changed()).await,
            None => Ok(changes.changed().await),
        };
        if matches!(notified, Ok(None)) || shared.with(|cluster| cluster.closed) {
            return;
        }
    }
}

impl WorkQueue {
    /// Syncs everything that is due, until nothing is.
    fn run(&mut self, cluster: &mut Cluster) {
        loop {
            self.take_changes(cluster);
            self.take_due(cluster.now());
            let Some(work) = self.queue.pop_front() else {
                return;
            };
            self.sync(cluster, &work);
        }
    }

    fn next(&self) -> Option<Timestamp> {
        self.timers.values().min().copied()
    }

    fn sync(&mut self, cluster: &mut Cluster, work: &Work) {
        let again = match work {
            Work::Deployment(key) => deployment::sync(cluster, key, &mut self.retries),
            Work::ReplicaSet(key) => replica_set::sync(cluster, key, &mut self.retries),
            Work::StatefulSet(key) => stateful_set::sync(cluster, key, &mut self.retries),
            Work::DaemonSet(key) => {
                daemon_set::sync(cluster, key, &mut self.retries, &mut self.failed_daemons)
            }
            Work::Job(key) => job::sync(cluster, key, &mut self.retries),
            Work::Node(key) => {
                node_lifecycle::sync(cluster, key);
                None
            }
            Work::PodRun(pod_uid) => cluster.run_due_steps(pod_uid),
            Work::Quotas(namespace) => {
                quota::refresh(cluster, namespace);
                None
            }
            Work::Orphans(owner) => {
                pod_gc::collect(cluster, owner);
                None
            }
        };
        if let Some(at) = again {
            self.add_after(work.clone(), at);
        }
    }

    fn add_after(&mut self, work: Work, at: Timestamp) {
        self.timers
            .entry(work)
            .and_modify(|set| *set = at.min(*set))
            .or_insert(at);
    }

    fn take_due(&mut self, now: Timestamp) {
        let due: Vec<Work> = self
            .timers
            .iter()
            .filter(|(_, at)| **at <= now)
            .map(|(work, _)| work.clone())
            .collect();
        for work in due {
            self.timers.remove(&work);
            self.add(work);
        }
    }

    fn add(&mut self, work: Work) {
        if !self.queue.contains(&work) {
            self.queue.push_back(work);
        }
    }

    fn take_changes(&mut self, cluster: &mut Cluster) {
        let changes: Vec<Change> = cluster.store.changes_since(self.seen).cloned().collect();
        self.seen = cluster.store.revision();
        for change in changes {
            self.add_change(cluster, &change);
        }
    }

    fn add_change(&mut self, cluster: &mut Cluster, change: &Change) {
        let Some(object) = change.new.as_ref().or(change.old.as_ref()) else {
            return;
        };
        let gone = change.new.is_none();
        match change.key.resource {
            Resource::Deployments if !gone => self.add(Work::Deployment(change.key.clone())),
            Resource::ReplicaSets => {
                if !gone {
                    self.add(Work::ReplicaSet(change.key.clone()));
                }
                self.add_owner(cluster, &change.key, object);
            }
            Resource::StatefulSets => self.add(Work::StatefulSet(change.key.clone())),
            Resource::DaemonSets => self.add(Work::DaemonSet(change.key.clone())),
            Resource::Jobs => self.add(Work::Job(change.key.clone())),
            Resource::Nodes => self.add_node_change(cluster, &change.key),
            Resource::Pods => self.add_pod_change(cluster, change, object),
            Resource::Quotas => self.add(Work::Quotas(change.key.namespace.clone())),
            Resource::Deployments
            | Resource::Namespaces
            | Resource::Events
            | Resource::ConfigMaps
            | Resource::Secrets
            | Resource::ServiceAccounts
            | Resource::LimitRanges
            | Resource::Claims
            | Resource::ControllerRevisions
            | Resource::Autoscalers
            | Resource::Services
            | Resource::EndpointSlices
            | Resource::Ingresses
            | Resource::HttpRoutes
            | Resource::NetworkPolicies
            | Resource::PriorityClasses
            | Resource::SelfSubjectAccessReviews
            | Resource::SelfSubjectReviews => {}
        }
        if gone {
            self.add(Work::Orphans(uid(object).to_owned()));
        }
    }

    /// Adds what depends on a node: pods that wait for one or stand still on it, and every `DaemonSet`.
    fn add_node_change(&mut self, cluster: &Cluster, key: &Key) {
        self.add(Work::Node(key.clone()));
        for pod_uid in cluster.pod_uids() {
            self.add(Work::PodRun(pod_uid));
        }
        for (key, _) in cluster.store.list(Resource::DaemonSets, None) {
            self.add(Work::DaemonSet(key));
        }
    }

    fn add_pod_change(&mut self, cluster: &mut Cluster, change: &Change, pod: &Value) {
        let run = Work::PodRun(uid(pod).to_owned());
        let due = if change.new.is_none() {
            cluster.forget_pod(uid(pod));
            None
        } else if change.old.is_none() {
            cluster.start_pod(&change.key, pod)
        } else if being_deleted(pod) {
            cluster.stop_pod(pod)
        } else {
            None
        };
        if let Some(at) = due {
            // The new time counts, also when it is later than that of a step that fell away.
            self.timers.insert(run, at);
        }
        self.add(Work::Quotas(change.key.namespace.clone()));
        self.add_owner(cluster, &change.key, pod);
    }

    /// Adds the controller of an object, and for a pod's ReplicaSet the Deployment as well: `Recreate`
    /// waits for pods to be gone.
    fn add_owner(&mut self, cluster: &Cluster, key: &Key, object: &Value) {
        let Some(owner) = controller_uid(object) else {
            return;
        };
        let kinds: [(Resource, Kind); 5] = [
            (Resource::ReplicaSets, Work::ReplicaSet),
            (Resource::Deployments, Work::Deployment),
            (Resource::StatefulSets, Work::StatefulSet),
            (Resource::DaemonSets, Work::DaemonSet),
            (Resource::Jobs, Work::Job),
        ];
        for (resource, work) in kinds {
            let mut candidates = cluster
                .store
                .list(resource, Some(&key.namespace))
                .into_iter();
            if let Some((owner_key, found)) = candidates.find(|(_, it)| uid(it) == owner) {
                self.add(work(owner_key.clone()));
                self.add_owner(cluster, &owner_key, &found);
                return;
            }
        }
    }
}
