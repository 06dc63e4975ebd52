//! The DaemonSet controller (kubernetes `pkg/controller/daemon`, 1.35).

mod nodes;
mod update;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::history::{self, Revision};
use super::readiness::{controller_reference, is_available, next_available, ready_since};
use super::retry::Retries;
use crate::clock::later;
use crate::cluster::{Cluster, Deletion, TEMPLATE_GENERATION};
use crate::event::{NewEvent, Source};
use crate::object::{being_deleted, int, name, set, uid};
use crate::resource::Resource;
use crate::status::ApiFailure;
use crate::store::Key;
use nodes::{Daemon, Nodes};
use update::Update;

/// The label of revisions and pods with the hash of the template.
const HASH: &str = "controller-revision-hash";
/// The label of pods with the count of templates.
const GENERATION: &str = "pod-template-generation";

/// How long a failed pod is left alone after the one before it on its node was removed: doubled
/// from here up to there (`failedPodsBackoff`).
const FIRST_KILL: Duration = Duration::from_secs(1);
const LAST_KILL: Duration = Duration::from_secs(900);

/// Until when failed pods of a set on a node are left alone, and how long that is.
pub(super) type FailedPods = BTreeMap<(String, String), (Timestamp, Duration)>;

/// Moves a DaemonSet one step on and reports. Returns when to look again.
pub(super) fn sync(
    cluster: &mut Cluster,
    key: &Key,
    retries: &mut Retries,
    failed: &mut FailedPods,
) -> Option<Timestamp> {
    let Some(object) = cluster.store.get(key).cloned() else {
        retries.forget(key);
        return None;
    };
    if being_deleted(&object) {
        return None;
    }
    let now = cluster.now();
    let Ok((current, old)) = revisions(cluster, &object) else {
        return Some(retries.failed(key, now));
    };
    let hash = current.object["metadata"]["labels"][HASH]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let mut step = Step {
        cluster,
        key,
        object: &object,
        hash: &hash,
        now,
        failed,
        again: None,
    };
    let done = step.take();
    let again = step.again;
    truncate(cluster, &object, &old);
    write_status(cluster, key, &hash);
    let nodes = Nodes::load(cluster, &object);
    let next = next_available(&object, nodes.pods(), now);
    match done {
        Ok(()) => {
            retries.forget(key);
            [next, again].into_iter().flatten().min()
        }
        Err(_) => Some(retries.failed(key, now)),
    }
}

/// The revision of the present template, and all others (`constructHistory`).
fn revisions(cluster: &mut Cluster, set: &Value) -> Result<(Revision, Vec<Revision>), ApiFailure> {
    let data = history::patch(set);
    let (same, old): (Vec<_>, Vec<_>) = history::list(cluster, set)
        .into_iter()
        .partition(|it| it.object["data"] == data);
    let next = old.last().map_or(1, |it| it.number() + 1);
    let current = match same.into_iter().next_back() {
        Some(current) if current.number() < next => history::renumber(cluster, &current, next),
        Some(current) => current,
        None => match history::create(cluster, set, next, HASH) {
            Err(taken) if taken.code() == 409 => {
                let key = Key::new(
                    Resource::DaemonSets,
                    set["metadata"]["namespace"].as_str().unwrap_or_default(),
                    name(set),
                );
                cluster.modify(&key, |set| {
                    let count = int(set, "/status/collisionCount") + 1;
                    set["status"]["collisionCount"] = json!(count);
                });
                return Err(taken);
            }
            result => result?,
        },
    };
    Ok((current, old))
}

/// Old revisions beyond the limit go, those that pods are of apart (`cleanupHistory`).
fn truncate(cluster: &mut Cluster, set: &Value, old: &[Revision]) {
    let surplus = history::surplus(set, old.len());
    let nodes = Nodes::load(cluster, set);
    let is_live = |revision: &Revision| {
        let hash = &revision.object["metadata"]["labels"][HASH];
        nodes
            .pods()
            .any(|pod| pod["metadata"]["labels"][HASH] == *hash)
    };
    let dead: Vec<&Revision> = old.iter().filter(|it| !is_live(it)).collect();
    history::truncate(cluster, &dead, surplus);
}

/// One step of a set towards what it should be.
struct Step<'a> {
    cluster: &'a mut Cluster,
    key: &'a Key,
    object: &'a Value,
    hash: &'a str,
    now: Timestamp,
    failed: &'a mut FailedPods,
    /// When failed pods may be removed.
    again: Option<Timestamp>,
}

impl Step<'_> {
    /// Pods where they should be first; the update when that was already so.
    fn take(&mut self) -> Result<(), ApiFailure> {
        let nodes = Nodes::load(self.cluster, self.object);
        if self.manage(&nodes)? {
            return Ok(());
        }
        match self.update().plan(&nodes) {
            Some(plan) => self.carry_out(&plan.delete, &plan.create).map(drop),
            None => Ok(()),
        }
    }

    /// One pod per node that should have one (`podsShouldBeOnNode`). Whether anything changed.
    fn manage(&mut self, nodes: &Nodes) -> Result<bool, ApiFailure> {
        let (mut delete, mut create) = (Vec::new(), Vec::new());
        for node in nodes.all() {
            if node.should_run && node.daemons.is_empty() {
                create.push(node.name.clone());
            } else if node.may_stay {
                let running = self.without_ended(&node.name, &node.daemons, &mut delete);
                if update::surges(self.object) && running.is_empty() && node.should_run {
                    create.push(node.name.clone());
                }
                let surplus = self.update().surplus(&running);
                delete.extend(surplus.into_iter().cloned());
            } else {
                let here = node.daemons.iter().filter(|it| !it.is_terminating());
                delete.extend(here.map(|it| it.key.clone()));
            }
        }
        delete.extend(nodes.lost().map(|it| it.key.clone()));
        self.carry_out(&delete, &create)
    }

    /// Removes pods that ended, a failed one only when its node's back-off is over.
    fn without_ended<'d>(
        &mut self,
        node: &str,
        daemons: &'d [Daemon],
        delete: &mut Vec<Key>,
    ) -> Vec<&'d Daemon> {
        let mut running = Vec::new();
        for daemon in daemons.iter().filter(|it| !it.is_terminating()) {
            let (warning, reason, word) = match daemon.phase() {
                "Failed" => (true, "FailedDaemonPod", "failed"),
                "Succeeded" => (false, "SucceededDaemonPod", "succeeded"),
                _ => {
                    running.push(daemon);
                    continue;
                }
            };
            if warning && !self.may_kill(node) {
                continue;
            }
            let way = if warning { "kill" } else { "delete" };
            let message = format!(
                "Found {word} daemon pod {}/{} on node {node}, will try to {way} it",
                daemon.key.namespace, daemon.key.name
            );
            let mut event = NewEvent::normal(Source::DaemonSetController, reason, message);
            event.warning = warning;
            self.cluster.record(self.key, &event);
            delete.push(daemon.key.clone());
        }
        running
    }

    /// Back-off per node: a second, doubled up to fifteen minutes.
    fn may_kill(&mut self, node: &str) -> bool {
        let entry = self
            .failed
            .entry((uid(self.object).to_owned(), node.to_owned()))
            .or_insert((self.now, Duration::ZERO));
        if entry.0 > self.now {
            self.again = Some(self.again.map_or(entry.0, |it| it.min(entry.0)));
            return false;
        }
        let delay = (entry.1 * 2).clamp(FIRST_KILL, LAST_KILL);
        *entry = (later(self.now, delay), delay);
        true
    }

    fn update(&self) -> Update<'_> {
        Update {
            set: self.object,
            hash: self.hash,
            now: self.now,
        }
    }

    /// Returns whether there was anything to do.
    fn carry_out(&mut self, delete: &[Key], create: &[String]) -> Result<bool, ApiFailure> {
        for pod in delete {
            if self.cluster.delete(pod, &Deletion::default()).is_ok() {
                self.report("SuccessfulDelete", format!("Deleted pod: {}", pod.name));
            }
        }
        // The real one starts slowly, so that a set that cannot create any fails once, not often.
        for node in create {
            self.create(node)?;
        }
        Ok(!delete.is_empty() || !create.is_empty())
    }

    fn create(&mut self, node: &str) -> Result<(), ApiFailure> {
        let pod = self.pod(node);
        match self
            .cluster
            .create(Resource::Pods, &self.key.namespace, pod)
        {
            Ok(pod) => {
                self.report("SuccessfulCreate", format!("Created pod: {}", name(&pod)));
                Ok(())
            }
            Err(failure) => {
                let message = format!("Error creating: {}", failure.message());
                let source = Source::DaemonSetController;
                let event = NewEvent::warning(source, "FailedCreate", message);
                self.cluster.record(self.key, &event);
                Err(failure)
            }
        }
    }

    fn report(&mut self, reason: &str, message: String) {
        let source = Source::DaemonSetController;
        let event = NewEvent::normal(source, reason, message);
        self.cluster.record(self.key, &event);
    }

    /// A pod of the present template for one node, which the scheduler binds it to.
    fn pod(&self, node: &str) -> Value {
        let mut template = self.object["spec"]["template"].clone();
        set(
            &mut template,
            &["metadata", "labels", HASH],
            json!(self.hash),
        );
        let count = &self.object["metadata"]["annotations"][TEMPLATE_GENERATION];
        set(
            &mut template,
            &["metadata", "labels", GENERATION],
            count.clone(),
        );
        nodes::tolerate(&mut template["spec"]);
        let affinity = [
            "affinity",
            "nodeAffinity",
            "requiredDuringSchedulingIgnoredDuringExecution",
        ];
        let here = json!({"nodeSelectorTerms": [{"matchFields": [
            {"key": "metadata.name", "operator": "In", "values": [node]},
        ]}]});
        set(&mut template["spec"], &affinity, here);
        let mut metadata = template["metadata"].take();
        metadata["generateName"] = json!(format!("{}-", self.key.name));
        metadata["ownerReferences"] = controller_reference(self.object);
        json!({"metadata": metadata, "spec": template["spec"]})
    }
}

/// Counts nodes, not pods: of several on one the oldest stands for it (`updateDaemonSetStatus`).
fn write_status(cluster: &mut Cluster, key: &Key, hash: &str) {
    let Some(set) = cluster.store.get(key).cloned() else {
        return;
    };
    let now = cluster.now();
    let nodes = Nodes::load(cluster, &set);
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    let mut count = |field, more: bool| *counts.entry(field).or_default() += i64::from(more);
    for node in nodes.all() {
        let daemon = node.daemons.first();
        count("numberMisscheduled", !node.should_run && daemon.is_some());
        if !node.should_run {
            continue;
        }
        let pod = daemon.map(|it| &*it.pod);
        count("desiredNumberScheduled", true);
        count("currentNumberScheduled", pod.is_some());
        count(
            "numberReady",
            pod.is_some_and(|it| ready_since(it).is_some()),
        );
        let available = pod.is_some_and(|it| is_available(&set, it, now));
        count("numberAvailable", available);
        count("numberUnavailable", !available);
        count(
            "updatedNumberScheduled",
            daemon.is_some_and(|it| it.hash() == hash),
        );
    }
    let count = |field: &str| counts.get(field).copied().unwrap_or(0);
    cluster.modify(key, |set| {
        let mut status = json!({
            "observedGeneration": int(set, "/metadata/generation"),
            "currentNumberScheduled": count("currentNumberScheduled"),
            "numberMisscheduled": count("numberMisscheduled"),
            "desiredNumberScheduled": count("desiredNumberScheduled"),
            "numberReady": count("numberReady"),
        });
        for field in [
            "updatedNumberScheduled",
            "numberAvailable",
            "numberUnavailable",
        ] {
            if count(field) > 0 {
                status[field] = json!(count(field));
            }
        }
        if let Some(collisions) = set["status"].get("collisionCount") {
            status["collisionCount"] = collisions.clone();
        }
        set["status"] = status;
    });
}
