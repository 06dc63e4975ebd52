//! The controllers: one task that works off what changed and what is due, and then sleeps.

mod condition;
mod daemon_set;
mod deployment;
mod history;
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

/// Something to look at again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Work {
    Deployment(Key),
    ReplicaSet(Key),
    StatefulSet(Key),
    DaemonSet(Key),
    Node(Key),
    /// The script of the pod with this uid.
    PodRun(String),
    /// The quotas of this namespace.
    Quotas(String),
    /// The dependents of this uid, which is gone.
    Orphans(String),
}

/// What is to be done about an object of some kind.
type Kind = fn(Key) -> Work;

/// What is to be done now and later.
#[derive(Debug, Default)]
struct Agenda {
    /// Changes up to here are on the agenda or done.
    seen: u64,
    queue: VecDeque<Work>,
    timers: BTreeMap<Work, Timestamp>,
    retries: Retries,
    failed_daemons: FailedPods,
}

/// Runs until the sandbox ends.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut bell = shared.bell();
    let mut agenda = Agenda::default();
    loop {
        let (changed, pause) = shared.with(|cluster| {
            let before = cluster.store.revision();
            agenda.work_off(cluster);
            let pause = agenda.next().map(|at| cluster.clock.until(at));
            (cluster.store.revision() != before, pause)
        });
        if changed {
            // Wakes this task as well, once for nothing: a mark could swallow somebody else's ring.
            shared.change(|_| ());
        }
        let rung = match pause {
            Some(pause) => tokio::time::timeout(pause, bell.rung()).await,
            None => Ok(bell.rung().await),
        };
        if matches!(rung, Ok(None)) || shared.with(|cluster| cluster.closed) {
            return;
        }
    }
}

impl Agenda {
    /// Does all that is due, until nothing is.
    fn work_off(&mut self, cluster: &mut Cluster) {
        loop {
            self.take_in(cluster);
            self.take_due(cluster.now());
            let Some(work) = self.queue.pop_front() else {
                return;
            };
            self.perform(cluster, &work);
        }
    }

    fn next(&self) -> Option<Timestamp> {
        self.timers.values().min().copied()
    }

    fn perform(&mut self, cluster: &mut Cluster, work: &Work) {
        let again = match work {
            Work::Deployment(key) => deployment::sync(cluster, key, &mut self.retries),
            Work::ReplicaSet(key) => replica_set::sync(cluster, key, &mut self.retries),
            Work::StatefulSet(key) => stateful_set::sync(cluster, key, &mut self.retries),
            Work::DaemonSet(key) => {
                let memory = (&mut self.retries, &mut self.failed_daemons);
                daemon_set::sync(cluster, key, memory)
            }
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
            self.remind(work.clone(), at);
        }
    }

    fn remind(&mut self, work: Work, at: Timestamp) {
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
            self.put(work);
        }
    }

    fn put(&mut self, work: Work) {
        if !self.queue.contains(&work) {
            self.queue.push_back(work);
        }
    }

    fn take_in(&mut self, cluster: &mut Cluster) {
        let changes: Vec<Change> = cluster.store.changes_since(self.seen).cloned().collect();
        self.seen = cluster.store.revision();
        for change in changes {
            self.consider(cluster, &change);
        }
    }

    fn consider(&mut self, cluster: &mut Cluster, change: &Change) {
        let Some(object) = change.new.as_ref().or(change.old.as_ref()) else {
            return;
        };
        let gone = change.new.is_none();
        match change.key.resource {
            Resource::Deployments if !gone => self.put(Work::Deployment(change.key.clone())),
            Resource::ReplicaSets => {
                if !gone {
                    self.put(Work::ReplicaSet(change.key.clone()));
                }
                self.put_owner(cluster, &change.key, object);
            }
            Resource::StatefulSets => self.put(Work::StatefulSet(change.key.clone())),
            Resource::DaemonSets => self.put(Work::DaemonSet(change.key.clone())),
            Resource::Nodes => self.consider_node(cluster, &change.key),
            Resource::Pods => self.consider_pod(cluster, change, object),
            Resource::Quotas => self.put(Work::Quotas(change.key.namespace.clone())),
            Resource::Deployments
            | Resource::Namespaces
            | Resource::Events
            | Resource::ConfigMaps
            | Resource::Secrets
            | Resource::ServiceAccounts
            | Resource::LimitRanges
            | Resource::Claims
            | Resource::ControllerRevisions
            | Resource::Jobs
            | Resource::Autoscalers
            | Resource::PriorityClasses
            | Resource::SelfSubjectAccessReviews => {}
        }
        if gone {
            self.put(Work::Orphans(uid(object).to_owned()));
        }
    }

    /// What waits for a node may begin, what a lost node played stands still, and daemons follow.
    fn consider_node(&mut self, cluster: &Cluster, key: &Key) {
        self.put(Work::Node(key.clone()));
        for pod_uid in cluster.pod_uids() {
            self.put(Work::PodRun(pod_uid));
        }
        for (key, _) in cluster.store.list(Resource::DaemonSets, None) {
            self.put(Work::DaemonSet(key));
        }
    }

    fn consider_pod(&mut self, cluster: &mut Cluster, change: &Change, pod: &Value) {
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
        self.put(Work::Quotas(change.key.namespace.clone()));
        self.put_owner(cluster, &change.key, pod);
    }

    /// The controller of an object, and of a pod's ReplicaSet the Deployment as well: `Recreate`
    /// waits for pods to be gone.
    fn put_owner(&mut self, cluster: &Cluster, key: &Key, object: &Value) {
        let Some(owner) = controller_uid(object) else {
            return;
        };
        let kinds: [(Resource, Kind); 4] = [
            (Resource::ReplicaSets, Work::ReplicaSet),
            (Resource::Deployments, Work::Deployment),
            (Resource::StatefulSets, Work::StatefulSet),
            (Resource::DaemonSets, Work::DaemonSet),
        ];
        for (resource, work) in kinds {
            let mut candidates = cluster
                .store
                .list(resource, Some(&key.namespace))
                .into_iter();
            if let Some((owner_key, found)) = candidates.find(|(_, it)| uid(it) == owner) {
                self.put(work(owner_key.clone()));
                self.put_owner(cluster, &owner_key, &found);
                return;
            }
        }
    }
}
