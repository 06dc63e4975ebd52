//! The StatefulSet controller (kubernetes `pkg/controller/statefulset`, 1.35), without
//! volume claims and without `maxUnavailable` (its gate is off by default).

mod members;
mod status;

use jiff::Timestamp;
use serde_json::Value;

use super::history::{self, Revision};
use super::readiness::{has_ended, next_available};
use super::retry::Retries;
use crate::cluster::{Cluster, Deletion};
use crate::event::{NewEvent, Source};
use crate::object::{being_deleted, int, text};
use crate::resource::Resource;
use crate::status::ApiFailure;
use crate::store::Key;
use members::{Member, Members};
use status::Status;

/// The label of a revision with its hash.
const HASH: &str = "controller.kubernetes.io/hash";
/// The label of a pod with the name of its revision.
const REVISION: &str = "controller-revision-hash";

/// Moves a StatefulSet one step on and reports. Returns when to look again.
pub(super) fn sync(cluster: &mut Cluster, key: &Key, retries: &mut Retries) -> Option<Timestamp> {
    let Some(object) = cluster.store.get(key).cloned() else {
        retries.forget(key);
        return None;
    };
    let now = cluster.now();
    let Ok(revisions) = Revisions::keep(cluster, &object) else {
        return Some(retries.failed(key, now));
    };
    let members = Members::load(cluster, &object);
    let next = next_available(&object, members.all().map(|it| &it.pod), now);
    let mut status = Status::of(&object, &revisions, &members, now);
    let mut step = Step {
        cluster,
        key,
        object: &object,
        revisions: &revisions,
        members: &members,
        now,
    };
    let done = if being_deleted(&object) {
        Ok(())
    } else {
        step.take(&mut status)
    };
    status.write(cluster, key);
    revisions.truncate(cluster, &object, &members);
    match done {
        Ok(()) => {
            retries.forget(key);
            next
        }
        Err(_) => Some(retries.failed(key, now)),
    }
}

/// The revisions of a set: what it was, and what it becomes.
struct Revisions {
    all: Vec<Revision>,
    current: Revision,
    update: Revision,
}

impl Revisions {
    /// Finds, renumbers or creates the revision of the template (`getStatefulSetRevisions`).
    fn keep(cluster: &mut Cluster, set: &Value) -> Result<Self, ApiFailure> {
        let all = history::list(cluster, set);
        let next = all.last().map_or(1, |it| it.number() + 1);
        let data = history::patch(set);
        let update = match all.iter().rfind(|it| it.object["data"] == data) {
            Some(equal) if equal.number() + 1 == next => equal.clone(),
            Some(equal) => history::renumber(cluster, equal, next),
            None => create(cluster, set, next)?,
        };
        let named = text(set, "/status/currentRevision");
        let current = all.iter().find(|it| it.name() == named);
        let current = current.cloned().unwrap_or_else(|| update.clone());
        Ok(Self {
            all,
            current,
            update,
        })
    }

    /// Current, update, and what pods are of, is live (`truncateHistory`).
    fn truncate(&self, cluster: &mut Cluster, set: &Value, members: &Members) {
        let live = |it: &&Revision| {
            it.name() == self.current.name()
                || it.name() == self.update.name()
                || members.all().any(|member| member.revision() == it.name())
        };
        let old: Vec<&Revision> = self.all.iter().filter(|it| !live(it)).collect();
        let surplus = history::surplus(set, old.len());
        history::truncate(cluster, &old, surplus);
    }
}

/// Names that are taken are tried again with the next `collisionCount`.
fn create(cluster: &mut Cluster, set: &Value, number: i64) -> Result<Revision, ApiFailure> {
    let mut probe = set.clone();
    loop {
        match history::create(cluster, &probe, number, HASH) {
            Err(taken) if taken.code() == 409 => {
                let count = int(&probe, "/status/collisionCount") + 1;
                probe["status"]["collisionCount"] = serde_json::json!(count);
            }
            result => return result,
        }
    }
}

/// One step of a set towards what it should be (`updateStatefulSet`).
struct Step<'a> {
    cluster: &'a mut Cluster,
    key: &'a Key,
    object: &'a Value,
    revisions: &'a Revisions,
    members: &'a Members,
    now: Timestamp,
}

/// The decision whether a step may go on to the next pod.
#[derive(PartialEq, Eq)]
enum Flow {
    GoOn,
    Stop,
}

impl Step<'_> {
    fn take(&mut self, status: &mut Status) -> Result<(), ApiFailure> {
        let members = self.members;
        if self.replicas(members)? == Flow::Stop || self.condemned(members) == Flow::Stop {
            return Ok(());
        }
        if text(self.object, "/spec/updateStrategy/type") == "OnDelete" {
            return Ok(());
        }
        self.update(members, status);
        Ok(())
    }

    fn ordered(&self) -> bool {
        text(self.object, "/spec/podManagementPolicy") != "Parallel"
    }

    /// Creates what is missing, lowest ordinal first; in order, each waits for the one before.
    /// This is where a broken pod keeps its repaired template out (kubernetes#67250): it is never
    /// replaced, because the update below is not reached.
    fn replicas(&mut self, members: &Members) -> Result<Flow, ApiFailure> {
        for (ordinal, member) in members.replicas() {
            let flow = self.replica(ordinal, member)?;
            if flow == Flow::Stop && self.ordered() {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::GoOn)
    }

    fn replica(&mut self, ordinal: i64, member: Option<&Member>) -> Result<Flow, ApiFailure> {
        let Some(member) = member else {
            self.create(ordinal)?;
            return Ok(Flow::Stop);
        };
        if has_ended(&member.pod) {
            if !member.is_terminating() {
                self.delete(member);
            }
            return Ok(Flow::Stop);
        }
        if member.is_terminating() || !member.is_available(self.object, self.now) {
            return Ok(Flow::Stop);
        }
        Ok(Flow::GoOn)
    }

    /// Removes what is too much, highest ordinal first.
    fn condemned(&mut self, members: &Members) -> Flow {
        let first_unavailable = members.first_unavailable(self.object, self.now);
        for member in members.condemned() {
            if member.is_terminating() {
                if self.ordered() {
                    return Flow::Stop;
                }
                continue;
            }
            let waits = !member.is_available(self.object, self.now)
                && first_unavailable.is_none_or(|it| it.key != member.key);
            if self.ordered() && waits {
                return Flow::Stop;
            }
            self.delete(member);
            if self.ordered() {
                return Flow::Stop;
            }
        }
        Flow::GoOn
    }

    /// Deletes the highest pod that is not of the update revision, if those above it are available.
    fn update(&mut self, members: &Members, status: &mut Status) {
        let partition = int(self.object, "/spec/updateStrategy/rollingUpdate/partition");
        let partition = usize::try_from(partition).unwrap_or_default();
        let replicas: Vec<_> = members.replicas().collect();
        for (_, member) in replicas.into_iter().skip(partition).rev() {
            let Some(member) = member else {
                return;
            };
            if member.revision() != self.revisions.update.name() && !member.is_terminating() {
                self.delete(member);
                status.one_less_current();
                return;
            }
            if member.is_terminating() || !member.is_available(self.object, self.now) {
                return;
            }
        }
    }

    fn create(&mut self, ordinal: i64) -> Result<(), ApiFailure> {
        let revision = members::revision_for(self.object, self.revisions, ordinal);
        let pod = members::pod(self.object, revision, ordinal);
        let name = pod["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        match self
            .cluster
            .create(Resource::Pods, &self.key.namespace, pod)
        {
            Ok(_) => {
                self.report("Create", &name, None);
                Ok(())
            }
            // The real one keeps silent about a name that is taken.
            Err(failure) if failure.code() == 409 => Err(failure),
            Err(failure) => {
                self.report("Create", &name, Some(&failure));
                Err(failure)
            }
        }
    }

    fn delete(&mut self, member: &Member) {
        if self
            .cluster
            .delete(&member.key, &Deletion::default())
            .is_ok()
        {
            self.report("Delete", &member.key.name, None);
        }
    }

    /// `recordPodEvent`, the only place where the controller tells of a failure.
    fn report(&mut self, verb: &str, pod: &str, failure: Option<&ApiFailure>) {
        let source = Source::StatefulSetController;
        let subject = format!("{verb} Pod {pod} in StatefulSet {}", self.key.name);
        let event = match failure {
            None => NewEvent::normal(
                source,
                &format!("Successful{verb}"),
                format!("{subject} successful"),
            ),
            Some(failure) => NewEvent::warning(
                source,
                &format!("Failed{verb}"),
                format!("{subject} failed error: {}", failure.message()),
            ),
        };
        self.cluster.record(self.key, &event);
    }
}
