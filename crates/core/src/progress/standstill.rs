//! Walks the objects of a rollout to the step that none of them has taken yet.
//!
//! Every object that a rollout waits for has a next step in Kubernetes, and every step has an owner.
//! The walk is total: whatever a snapshot holds, the answer names a step.

use std::cmp::Reverse;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;

use super::pace::{Pace, available_at};
use crate::duration::{Human, elapsed};
use crate::finding::{Evidence, EvidenceKind, RollbackHelps, Subject};
use crate::foreign_text::{clipped, visible};
use crate::observation::ResourceKind;
use crate::snapshot::{PodView, Rollout, event_time};
use crate::verdict::{Owner, OwnerKind, Pending, RolloutStep, Standstill};
use crate::workload::{Workload, WorkloadKind};

mod job;
mod pod;

/// As much of a foreign text as a sentence quotes.
const QUOTED: usize = 200;

/// A rollout at a time.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    /// The rollout.
    pub rollout: Rollout<'a>,
    /// The first question to which the answer is no.
    pub pending: &'a Pending,
    /// When the session began.
    pub started: Timestamp,
    /// The present time.
    pub now: Timestamp,
}

/// Returns the step that a rollout waits for.
#[must_use]
pub fn standstill(moment: &Moment<'_>) -> Standstill {
    if let Some(job) = moment.rollout.workload().job() {
        return job::standstill(job, moment);
    }
    let known = not_observed(moment)
        .or_else(|| held_by_a_person(moment))
        .or_else(|| before_the_revision(moment))
        .or_else(|| new_pod(moment))
        .or_else(|| ending(moment))
        .or_else(|| minimum(moment))
        .or_else(|| old_pod(moment))
        .or_else(|| not_created(moment));
    known.unwrap_or_else(|| of_counts(moment))
}

fn title(moment: &Moment<'_>) -> Subject {
    let workload = moment.rollout.workload();
    Subject::new(workload.kind().as_str(), workload.name())
}

fn controller(moment: &Moment<'_>) -> Owner {
    let kind = moment.rollout.workload().kind();
    Owner::named(OwnerKind::Controller, kind.as_str())
}

/// Returns the controller that creates and deletes pods.
fn pod_controller(moment: &Moment<'_>) -> Owner {
    match moment.rollout.workload().kind() {
        WorkloadKind::Deployment => Owner::named(OwnerKind::Controller, "ReplicaSet"),
        WorkloadKind::StatefulSet | WorkloadKind::DaemonSet | WorkloadKind::Job => {
            controller(moment)
        }
    }
}

fn not_observed(moment: &Moment<'_>) -> Option<Standstill> {
    let workload = moment.rollout.workload();
    if workload.is_observed() || lacks_revision(moment) {
        return None;
    }
    let generation = workload.metadata().generation.unwrap_or_default();
    let kind = workload.kind();
    Some(Standstill {
        step: RolloutStep::SpecObserved,
        object: title(moment),
        owner: controller(moment),
        since: moment.started,
        until: None,
        message: format!("the {kind} controller has not observed generation {generation}"),
        heard: newest_event(moment, workload.uid()),
        rollback_helps: RollbackHelps::No,
    })
}

/// Finds a paused Deployment, and OnDelete, where a person takes the next step.
fn held_by_a_person(moment: &Moment<'_>) -> Option<Standstill> {
    let workload = moment.rollout.workload();
    let old = moment.rollout.old_pods();
    let (step, message) = if workload.is_paused() && !is_complete(moment) {
        let message =
            "the Deployment is paused, so its controller creates no pod of the new revision";
        (RolloutStep::PodCreated, message.to_owned())
    } else if workload.is_on_delete() && !old.is_empty() && new_pods_are_ready(moment) {
        let first = old.first().map(PodView::name).unwrap_or_default();
        let message = format!(
            "the update strategy is OnDelete: pod `{first}` of the former revision stays until a person deletes it"
        );
        (RolloutStep::OldPodDeleted, message)
    } else {
        return None;
    };
    Some(Standstill {
        step,
        object: title(moment),
        owner: Owner::of(OwnerKind::Person),
        since: revision_time(moment),
        until: None,
        message,
        heard: None,
        rollback_helps: RollbackHelps::No,
    })
}

fn is_complete(moment: &Moment<'_>) -> bool {
    matches!(
        moment.pending,
        Pending::HttpChecks { .. } | Pending::Traffic | Pending::Stabilising { .. }
    )
}

fn new_pods_are_ready(moment: &Moment<'_>) -> bool {
    let pods = moment.rollout.new_pods();
    pods.iter().all(|pod| pod.ready_since().is_some())
}

/// Returns since when the revision object of the newest template exists, or since when it is awaited.
fn revision_time(moment: &Moment<'_>) -> Timestamp {
    let newest = moment.rollout.newest().and_then(|it| it.created());
    newest.unwrap_or(moment.started).max(moment.started)
}

/// Returns whether the controller has created the revision object of the newest template. A Deployment
/// names its former revision until then.
fn has_revision(moment: &Moment<'_>) -> bool {
    let rollout = &moment.rollout;
    let Some(newest) = rollout.newest() else {
        return false;
    };
    let template = rollout.workload().template();
    let other = template.and_then(|it| newest.holds(it)) == Some(false);
    // Until the new spec is observed, the counts are of the former revision.
    !other || rollout.workload().is_observed() && rollout.workload().counts().updated > 0
}

/// Returns whether the step before observing is the one that stands still: a controller whose revision
/// object is refused returns before it writes the status. Of a Deployment its condition says so; of
/// the others nothing does.
fn lacks_revision(moment: &Moment<'_>) -> bool {
    let workload = moment.rollout.workload();
    let known = match workload.kind() {
        WorkloadKind::Deployment => said_by_conditions(workload).is_some(),
        WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => true,
        WorkloadKind::Job => false,
    };
    known && !has_revision(moment) && !is_blind(moment, revisions(moment))
}

const fn revisions(moment: &Moment<'_>) -> ResourceKind {
    match moment.rollout.workload() {
        Workload::Deployment(_) => ResourceKind::ReplicaSet,
        Workload::StatefulSet(_) | Workload::DaemonSet(_) | Workload::Job(_) => {
            ResourceKind::ControllerRevision
        }
    }
}

fn is_blind(moment: &Moment<'_>, resource: ResourceKind) -> bool {
    moment.rollout.snapshot().blindness(resource).is_some()
}

/// Finds a revision object that is not created; with Recreate, the old pods that must end before.
fn before_the_revision(moment: &Moment<'_>) -> Option<Standstill> {
    if is_complete(moment) || has_revision(moment) || is_blind(moment, revisions(moment)) {
        return None;
    }
    let workload = moment.rollout.workload();
    if workload.is_recreate()
        && let Some(ending) = ending(moment).or_else(|| old_pod_left(moment))
    {
        return Some(ending);
    }
    let object = match workload.kind() {
        WorkloadKind::Deployment => "ReplicaSet",
        WorkloadKind::StatefulSet | WorkloadKind::DaemonSet | WorkloadKind::Job => {
            "ControllerRevision"
        }
    };
    let kind = workload.kind();
    let heard = said_by_conditions(workload).or_else(|| newest_event(moment, workload.uid()));
    let message = format!(
        "the {kind} controller has not created the {object} of the new template{}",
        quoted(heard.as_ref())
    );
    Some(Standstill {
        step: RolloutStep::RevisionCreated,
        object: title(moment),
        owner: controller(moment),
        since: moment.started,
        until: None,
        message,
        heard,
        rollback_helps: RollbackHelps::Partly,
    })
}

/// Returns what a Deployment's conditions say of a failure.
fn said_by_conditions(workload: &Workload) -> Option<Evidence> {
    let Workload::Deployment(it) = workload else {
        return None;
    };
    let conditions = it.status.as_ref()?.conditions.as_ref()?;
    let failure = conditions.iter().find(|it| {
        it.type_ == "ReplicaFailure" && it.status == "True"
            || it.reason.as_deref() == Some("ReplicaSetCreateError")
    })?;
    let message = failure.message.as_deref()?;
    Some(Evidence::new(EvidenceKind::Condition, message))
}

/// Finds the pod of the new revision that is furthest behind, and of several the one that has waited
/// longest. A pod that is only not available yet waits for time.
fn new_pod(moment: &Moment<'_>) -> Option<Standstill> {
    let excused = moment.rollout.excused();
    let pods = moment.rollout.new_pods();
    let behind = pods
        .iter()
        .filter(|pod| !pod.node().is_some_and(|it| excused.nodes.contains(&it)))
        .filter(|pod| pod.ready_since().is_none());
    behind
        .map(|pod| pod::standstill(pod, moment))
        .min_by_key(|it| (it.step, it.since))
}

/// Returns the pods on their way out that the controller waits for. The rolling update of a Deployment
/// does not wait for such pods (`FilterActivePods`, `controller_utils.go`).
#[must_use]
pub fn awaited_ends<'a>(rollout: &Rollout<'a>) -> Vec<PodView<'a>> {
    let workload = rollout.workload();
    let awaited = match workload {
        Workload::Deployment(_) => workload.is_recreate() && rollout.new_pods().is_empty(),
        Workload::StatefulSet(_) | Workload::DaemonSet(_) | Workload::Job(_) => true,
    };
    if awaited {
        rollout.terminating_pods()
    } else {
        Vec::new()
    }
}

fn ending(moment: &Moment<'_>) -> Option<Standstill> {
    if is_complete(moment) {
        return None;
    }
    let pods = awaited_ends(&moment.rollout);
    let last = pods.iter().max_by_key(|pod| {
        pod.object()
            .metadata
            .deletion_timestamp
            .as_ref()
            .map(|it| it.0)
    })?;
    Some(pod::ending(last, moment))
}

/// Finds pods that are ready and wait for `minReadySeconds`.
fn minimum(moment: &Moment<'_>) -> Option<Standstill> {
    let pace = Pace::of(&moment.rollout, moment.now)?;
    let mut pods = moment.rollout.new_pods();
    // An ordered StatefulSet waits for every pod, whatever its revision.
    if moment.rollout.workload().is_ordered() {
        pods.extend(moment.rollout.old_pods());
    }
    let waiting = pods.iter().filter_map(|pod| {
        let at = available_at(pod, pace.min_ready).filter(|at| *at > moment.now)?;
        Some((at, pod))
    });
    let (until, pod) = waiting.min_by_key(|(at, _)| *at)?;
    let since = pod.ready_since().unwrap_or(moment.now);
    let Pace {
        missing,
        batch,
        ends,
        min_ready,
    } = pace;
    let rest = match missing {
        1 => String::new(),
        missing => format!(
            "; {missing} pods are not available yet, {batch} at a time: {} more at least",
            Human(elapsed(moment.now, ends))
        ),
    };
    Some(Standstill {
        step: RolloutStep::PodAvailable,
        object: Subject::new("Pod", pod.name()),
        owner: controller(moment),
        since,
        until: Some(until),
        message: format!(
            "pod `{}` is ready and counts as available after minReadySeconds ({}), in {}{rest}",
            pod.name(),
            Human(min_ready),
            Human(elapsed(moment.now, until)),
        ),
        heard: None,
        rollback_helps: RollbackHelps::No,
    })
}

/// Finds a pod of a former revision that is in the way.
fn old_pod(moment: &Moment<'_>) -> Option<Standstill> {
    if is_complete(moment) {
        return None;
    }
    blocking(moment).or_else(|| old_pod_left(moment))
}

/// Finds a pod of the former revision that an ordered StatefulSet waits for (`stateful_set_control.go`,
/// `processReplica`): it goes on only once every pod is ready.
fn blocking(moment: &Moment<'_>) -> Option<Standstill> {
    if !moment.rollout.workload().is_ordered() {
        return None;
    }
    let old = moment.rollout.old_pods();
    let broken = old.iter().find(|pod| pod.ready_since().is_none())?;
    let mut found = pod::standstill(broken, moment);
    found.message = format!(
        "the StatefulSet controller waits for pod `{}` of the former revision: {}",
        broken.name(),
        found.message
    );
    // It would wait for the same pod after a rollback.
    found.rollback_helps = RollbackHelps::No;
    Some(found)
}

/// Finds a pod of a former revision that the controller should have deleted by now.
fn old_pod_left(moment: &Moment<'_>) -> Option<Standstill> {
    let old = moment.rollout.old_pods();
    let old: Vec<&PodView<'_>> = old.iter().filter(|it| !moment.rollout.keeps(it)).collect();
    let refused = moment.rollout.refused_deletion().and_then(heard);
    let enough = matches!(moment.pending, Pending::OldReplicas { .. });
    if old.is_empty() || !(enough || refused.is_some() || !has_revision(moment)) {
        return None;
    }
    let first = old.first()?;
    let why = quoted(refused.as_ref());
    let what = match old.len() {
        1 => format!("pod `{}` of the former revision is", first.name()),
        many => format!(
            "{many} pods of former revisions, such as `{}`, are",
            first.name()
        ),
    };
    let (owner, verb) = if why.is_empty() {
        (pod_controller(moment), "not deleted yet")
    } else {
        (
            Owner::of(OwnerKind::Admission),
            "not deleted, because the API server refuses it",
        )
    };
    Some(Standstill {
        step: RolloutStep::OldPodDeleted,
        object: Subject::new("Pod", first.name()),
        owner,
        since: revision_time(moment),
        until: None,
        message: format!("{what} {verb}{why}"),
        heard: refused.or_else(|| newest_of_owners(moment)),
        rollback_helps: RollbackHelps::No,
    })
}

/// Finds pods of the new revision that do not exist.
fn not_created(moment: &Moment<'_>) -> Option<Standstill> {
    let (updated, desired) = match *moment.pending {
        Pending::Updating { updated, desired } => (updated, desired),
        Pending::Unready { ready, desired } if fewer_pods(moment, desired) => (ready, desired),
        Pending::NotSeen
        | Pending::NotObserved { .. }
        | Pending::OldReplicas { .. }
        | Pending::Unavailable { .. }
        | Pending::Completions { .. }
        | Pending::Suspended
        | Pending::Unready { .. }
        | Pending::Revision { .. }
        | Pending::HttpChecks { .. }
        | Pending::Traffic
        | Pending::Stabilising { .. } => return None,
    };
    let newest = moment.rollout.newest();
    let heard = newest_of_owners(moment);
    let named = newest.map(|it| (it.resource().kind(), it.name()));
    let object = named.map_or_else(|| title(moment), |(kind, name)| Subject::new(kind, name));
    let owner = pod_controller(moment);
    let of = named.map_or_else(String::new, |(kind, name)| format!(" of {kind} `{name}`"));
    Some(Standstill {
        step: RolloutStep::PodCreated,
        object,
        message: format!(
            "{owner} has created {updated} of {desired} pods{of}{}",
            quoted(heard.as_ref())
        ),
        owner,
        since: revision_time(moment),
        until: None,
        heard,
        rollback_helps: RollbackHelps::Partly,
    })
}

fn fewer_pods(moment: &Moment<'_>, desired: i32) -> bool {
    let exist = moment.rollout.new_pods().len() + moment.rollout.old_pods().len();
    i32::try_from(exist).unwrap_or(i32::MAX) < desired
}

/// Names the step by the counts, where the pods do not show one: they cannot be seen, or the status of
/// the workload is behind them.
fn of_counts(moment: &Moment<'_>) -> Standstill {
    let workload = moment.rollout.workload();
    // Where the pods can be seen, every one of them is ready, and no other revision would count faster.
    let blind = is_blind(moment, ResourceKind::Pod);
    let counted = if blind || moment.rollout.new_pods().is_empty() {
        RollbackHelps::Partly
    } else {
        RollbackHelps::No
    };
    let (step, owner) = step_of(moment);
    let message = if blind && !is_complete(moment) {
        "the pods cannot be seen, only the counts of the status".to_owned()
    } else {
        by_counts(moment)
    };
    Standstill {
        step,
        object: title(moment),
        owner,
        since: revision_time(moment),
        until: None,
        message,
        heard: newest_event(moment, workload.uid()),
        rollback_helps: match moment.pending {
            Pending::OldReplicas { .. } if blind => RollbackHelps::Partly,
            Pending::Unready { .. } | Pending::Unavailable { .. } => counted,
            Pending::OldReplicas { .. }
            | Pending::NotSeen
            | Pending::NotObserved { .. }
            | Pending::Revision { .. }
            | Pending::Completions { .. }
            | Pending::Suspended => RollbackHelps::No,
            Pending::Updating { .. }
            | Pending::Stabilising { .. }
            | Pending::Traffic
            | Pending::HttpChecks { .. } => RollbackHelps::Partly,
        },
    }
}

/// Returns the step that a count is about, and its owner.
fn step_of(moment: &Moment<'_>) -> (RolloutStep, Owner) {
    match moment.pending {
        Pending::Stabilising { .. } | Pending::Traffic => {
            (RolloutStep::Stable, Owner::of(OwnerKind::Rollguard))
        }
        Pending::HttpChecks { .. } => (
            RolloutStep::HttpChecked,
            Owner::named(OwnerKind::Application, first_container(moment)),
        ),
        Pending::OldReplicas { .. } => (RolloutStep::OldPodDeleted, pod_controller(moment)),
        Pending::Updating { .. } => (RolloutStep::PodCreated, pod_controller(moment)),
        Pending::Unready { .. } => (RolloutStep::PodReady, controller(moment)),
        Pending::Unavailable { .. } => (RolloutStep::PodAvailable, controller(moment)),
        Pending::NotSeen | Pending::NotObserved { .. } => {
            (RolloutStep::SpecObserved, controller(moment))
        }
        Pending::Revision { .. } => (RolloutStep::RevisionCreated, controller(moment)),
        Pending::Completions { .. } | Pending::Suspended => {
            (RolloutStep::PodSucceeded, controller(moment))
        }
    }
}

fn by_counts(moment: &Moment<'_>) -> String {
    let kind = moment.rollout.workload().kind();
    match moment.pending {
        Pending::Stabilising { needed, .. } => {
            format!("every pod must stay ready for {}", Human(*needed))
        }
        Pending::Traffic => "whether Services lead to the pods is not known".to_owned(),
        Pending::HttpChecks { passed, wanted } => format!(
            "{} of {wanted} HTTP checks have not been answered as expected",
            wanted.saturating_sub(*passed)
        ),
        Pending::OldReplicas { .. } => {
            "the pods of former revisions that the status counts cannot be seen".to_owned()
        }
        Pending::Updating { .. } | Pending::Unready { .. } | Pending::Unavailable { .. } => {
            format!(
                "every pod that can be seen has taken its steps, and the {kind}'s status does not count them all yet"
            )
        }
        Pending::NotSeen | Pending::NotObserved { .. } => format!("the {kind} has not been read"),
        Pending::Revision { wanted, .. } => {
            format!("the {kind} controller has not created revision {wanted}")
        }
        Pending::Completions { .. } | Pending::Suspended => moment.pending.to_string(),
    }
}

fn first_container(moment: &Moment<'_>) -> String {
    let template = moment.rollout.workload().template();
    let spec = template.and_then(|it| it.spec.as_ref());
    let first = spec.and_then(|it| it.containers.first());
    first.map(|it| it.name.clone()).unwrap_or_default()
}

/// Returns the newest event about the revision object or the workload.
fn newest_of_owners(moment: &Moment<'_>) -> Option<Evidence> {
    let newest = moment.rollout.newest().map(|it| it.uid());
    let uids = newest.into_iter().chain([moment.rollout.workload().uid()]);
    let snapshot = moment.rollout.snapshot();
    newest_of(uids.flat_map(|uid| snapshot.events_about(uid)), moment)
}

fn newest_event(moment: &Moment<'_>, uid: &str) -> Option<Evidence> {
    newest_of(moment.rollout.snapshot().events_about(uid), moment)
}

/// Returns the newest event of this session: older ones are about an earlier rollout.
fn newest_of<'a>(events: impl Iterator<Item = &'a Event>, moment: &Moment<'_>) -> Option<Evidence> {
    let recent = events.filter(|it| event_time(it) >= Some(moment.started));
    let newest = recent.max_by_key(|it| (event_time(it), Reverse(it.metadata.name.as_deref())))?;
    heard(newest)
}

/// Returns an event as its reason and its words.
pub(super) fn heard(event: &Event) -> Option<Evidence> {
    let reason = event.reason.as_deref().unwrap_or("Event");
    let message = event.message.as_deref().unwrap_or_default();
    let text = format!("{reason}: {message}");
    (!message.trim().is_empty()).then(|| Evidence::new(EvidenceKind::Event, text))
}

/// Returns what was heard as the end of a sentence, on one line and cut.
fn quoted(heard: Option<&Evidence>) -> String {
    let Some(heard) = heard else {
        return String::new();
    };
    let words: Vec<&str> = heard.text.split_whitespace().collect();
    format!(" ({})", clipped(&visible(&words.join(" ")), QUOTED))
}
