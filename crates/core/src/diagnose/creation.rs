//! Finds pods that the API server refuses to create.
//!
//! For a Deployment they are read from the `ReplicaFailure` condition of the new ReplicaSet
//! (`replica_set_utils.go`) and from the Deployment's `ReplicaSetCreateError`
//! (`deployment/sync.go`). The Deployment's own `ReplicaFailure` is not used, since it may come
//! from an old ReplicaSet. StatefulSets and DaemonSets set no condition, only events
//! (`stateful_pod_control.go`, `daemon_controller.go`).

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;

use super::refusal::{self, NeverFits, Pauses, classify, quota_grace};
use super::{Candidate, Case, Cause, Stale, before_session, between};
use crate::duration::{after, elapsed};
use crate::finding::{EvidenceKind, Finding, FindingCode, Longest, Lookup, RollbackHelps, Subject};
use crate::observation::ResourceKind;
use crate::snapshot::{created, event_count, event_start, event_time, name_of, uid_of};
use crate::workload::Workload;

pub(super) fn diagnose(case: &Case<'_>) -> Vec<Candidate> {
    let found = match case.workload {
        Workload::Deployment(_) => of_condition(case).or_else(|| of_replica_set(case)),
        Workload::StatefulSet(_) | Workload::DaemonSet(_) | Workload::Job(_) => of_events(case),
    };
    found.into_iter().collect()
}

/// A refusal that the controller received.
struct Refused<'a> {
    subject: Subject,
    /// The newest message.
    said: (EvidenceKind, &'a str),
    /// Whether some pods were created nevertheless.
    some_created: bool,
    tries: Tries,
}

/// The tries of a controller that were refused for the same reason.
struct Tries {
    /// When the first was seen, which may be before the session.
    first: Timestamp,
    last: Timestamp,
    /// How many of them events tell of.
    count: u32,
}

/// Finds a refusal by the ReplicaSet's condition.
///
/// The condition lasts while pods are refused, but keeps its first message
/// (`replica_set_utils.go`); the newest event has the present one.
fn of_condition(case: &Case<'_>) -> Option<Candidate> {
    let set = case.rollout.new_replica_set()?;
    let status = set.status.as_ref()?;
    let failure = status
        .conditions
        .as_ref()?
        .iter()
        .find(|it| it.type_ == "ReplicaFailure" && it.status == "True")
        .filter(|it| it.reason.as_deref() == Some("FailedCreate"))?;
    let latched = failure.message.as_deref().unwrap_or_default();
    let changed = failure.last_transition_time.as_ref();
    let latched_at = changed.map_or(case.now, |time| time.0);
    let events = refusals(case, uid_of(&set.metadata), latched_at);
    let newest = events.last().copied();
    let said = newest.map_or((EvidenceKind::Condition, latched), |event| {
        (EvidenceKind::Event, words(event))
    });
    let code = classify(said.1).code;
    let of_condition = (classify(latched).code == code).then_some(latched_at);
    let first = of_condition.into_iter().chain(first_of(&events, code));
    Some(judged(
        case,
        Refused {
            subject: Subject::new("ReplicaSet", name_of(&set.metadata)),
            said,
            some_created: status.replicas > 0,
            tries: Tries {
                first: first.min().unwrap_or(latched_at),
                last: newest.and_then(event_time).unwrap_or(latched_at),
                count: count_of(&events, code),
            },
        },
    ))
}

/// Finds a refusal by the controller's events, while pods are missing.
///
/// The newest attempt counts, unless a later one succeeded. Events older than the new revision do
/// not count.
fn of_events(case: &Case<'_>) -> Option<Candidate> {
    if !lacks_pods(case.workload) {
        return None;
    }
    let begun = match case.workload.job() {
        Some(job) => job.created()?,
        None => created(&case.rollout.new_revision()?.metadata)?,
    };
    let events = refusals(case, case.workload.uid(), begun);
    let newest = events.last().copied()?;
    let about = case.snapshot.events_about(case.workload.uid());
    let went_well = about
        .filter(|event| event.reason.as_deref() == Some("SuccessfulCreate"))
        .filter_map(event_time)
        .max();
    // The event of a pod that was created since may be lost; its own time is not.
    let made = case.pods.iter();
    let made = made.filter_map(|it| created(&it.object().metadata)).max();
    if went_well >= event_time(newest) || made > event_time(newest) {
        return None;
    }
    let message = words(newest);
    let code = classify(message).code;
    let first = first_of(&events, code);
    Some(judged(
        case,
        Refused {
            subject: Subject::new(case.workload.kind().as_str(), case.workload.name()),
            said: (EvidenceKind::Event, message),
            some_created: false,
            tries: Tries {
                first: first.min().unwrap_or(case.now).max(begun),
                last: event_time(newest).unwrap_or(case.now),
                count: count_of(&events, code),
            },
        },
    ))
}

/// Returns whether the controller has pods to create.
fn lacks_pods(workload: &Workload) -> bool {
    let counts = workload.counts();
    match workload.job() {
        Some(job) => job.end().is_none() && job.active() < pods_at_once(workload),
        None => counts.current < counts.desired,
    }
}

/// Returns how many pods may exist at once.
fn pods_at_once(workload: &Workload) -> i32 {
    let desired = workload.counts().desired;
    let job = workload.job();
    job.map_or(desired, |it| it.parallelism().min(desired))
}

/// Returns the `FailedCreate` events about an object since a time, the newest last.
///
/// Each pod has a name of its own, so that a repeated refusal is many events.
fn refusals<'a>(case: &Case<'a>, about: &str, since: Timestamp) -> Vec<&'a Event> {
    let all = case.snapshot.events_about(about);
    let mut refusals: Vec<&Event> = all
        .filter(|event| event.reason.as_deref() == Some("FailedCreate"))
        .filter(|event| event_time(event).is_some_and(|at| at >= since))
        .collect();
    refusals.sort_by_key(|event| event_time(event));
    refusals
}

fn first_of<'a>(
    events: &'a [&Event],
    code: FindingCode,
) -> impl Iterator<Item = Timestamp> + use<'a> {
    same(events, code).filter_map(event_start)
}

fn count_of(events: &[&Event], code: FindingCode) -> u32 {
    same(events, code)
        .map(event_count)
        .fold(0, u32::saturating_add)
}

/// Returns the events that tell of one cause.
fn same<'a>(events: &'a [&Event], code: FindingCode) -> impl Iterator<Item = &'a Event> + use<'a> {
    let all = events.iter().copied();
    all.filter(move |it| classify(words(it)).code == code)
}

fn words(event: &Event) -> &str {
    event.message.as_deref().unwrap_or_default()
}

fn judged(case: &Case<'_>, refused: Refused<'_>) -> Candidate {
    let Refused {
        subject,
        said: (kind, message),
        some_created,
        tries,
    } = refused;
    let Cause { code, what, remedy } = classify(message);
    let quota = code == FindingCode::QuotaExceeded;
    let never = || refusal::never_fits(message, pods_at_once(case.workload));
    let never = quota.then(never).flatten();
    let (what, remedy) = match &never {
        Some(never) => too_many(case, message, (&what, never)),
        None if quota && !surges(case) => (what, without_surge(message)),
        None => (what, remedy),
    };
    // A cause that was reported before the session may be fixed since.
    let finding = Finding::new(code, subject, tries.first.max(case.started))
        .message(what)
        .remedy(remedy)
        .evidence(kind, message);
    let candidate = if code == FindingCode::QuotaExceeded {
        let refusal = Full {
            first: tries.first,
            some_created,
            never: never.is_some(),
        };
        full(case, finding, &refusal)
    } else {
        Candidate {
            grace: until_next_try(case, code, &tries),
            ..Candidate::from(finding)
        }
    };
    candidate.unless_stale(before_session(case, code, Some(tries.last)))
}

/// Returns a longer grace where the controller has not tried for so long that the cause may have passed unseen.
///
/// Each pause of a controller is as long as all tries before it took, so that the latter half of a grace sees one.
/// A change of the workload, or failures before, make it longer than that: then the next try decides.
fn until_next_try(case: &Case<'_>, code: FindingCode, tries: &Tries) -> Option<Duration> {
    if code.healing().longest == Longest::Excluded {
        return None;
    }
    let since = tries.first.max(case.started);
    let grace = case.policy.rule(code)?.grace;
    let margin = case.policy.patience.retry_margin;
    if after(since, grace / 2) <= after(tries.last, margin) {
        return None;
    }
    let pauses = match case.workload {
        Workload::Job(_) => Pauses::OF_JOBS,
        Workload::Deployment(_) | Workload::StatefulSet(_) | Workload::DaemonSet(_) => {
            Pauses::ORDINARY
        }
    };
    let pause = pauses.after(tries.count);
    let pause = pause.max(pauses.at_most(elapsed(tries.first, tries.last)));
    let seen_again = after(tries.last, pause.saturating_add(margin));
    Some(elapsed(since, seen_again).max(grace))
}

/// A refusal by a full quota.
struct Full {
    /// When it was first seen.
    first: Timestamp,
    /// Whether some pods were created nevertheless.
    some_created: bool,
    /// Whether the quota is too small for all pods, whatever else goes.
    never: bool,
}

/// Weighs what may free quota: this rollout, and the other workloads of the namespace.
fn full(case: &Case<'_>, finding: Finding, refusal: &Full) -> Candidate {
    if refusal.never {
        return Candidate {
            despite_ready: true,
            ..Candidate::from(finding)
        };
    }
    let lookup = Lookup::LeavingPods;
    let promises = case.snapshot.promises(&lookup);
    let own = format!("{} `{}`", case.workload.kind(), case.workload.name());
    let leaving = promises.iter().find(|it| it.read && it.by != own);
    let unseen = promises.iter().any(|it| !it.read);
    let patience = &case.policy.patience;
    let gone = case.snapshot.pod_gone_at();
    let gone = gone.max(case.snapshot.promised_at(&lookup));
    let freed = gone.map(|gone| elapsed(refusal.first, gone));
    let grace = case.policy.rule(finding.code).map(|rule| {
        let seen = quota_grace(rule.grace, freed, patience);
        if unseen {
            seen.max(patience.quota_unseen)
        } else {
            seen
        }
    });
    let finding = match leaving {
        Some(promise) => finding.heals(format!("a pod of {} is about to leave", promise.by)),
        None => finding,
    };
    Candidate {
        grace,
        blocked: leaving.is_some() || rollout_frees_quota(case, refusal.some_created),
        ..Candidate::from(finding.lookup(Some(lookup)))
    }
}

/// Describes a quota that is too small for all pods of the workload, whatever else goes.
fn too_many(case: &Case<'_>, message: &str, found: (&str, &NeverFits)) -> (String, String) {
    let quota = between(message, "exceeded quota: ", ",").unwrap_or("of the namespace");
    let (what, never) = found;
    let NeverFits {
        resource,
        needed,
        limit,
    } = never;
    let pods = pods_at_once(case.workload);
    let all = match pods {
        1 => "the pod needs".to_owned(),
        pods => format!("all {pods} pods together need"),
    };
    (
        format!(
            "{what}; waiting does not help: {all} {resource}={needed}, and the quota allows {limit}"
        ),
        format!(
            "raise quota `{quota}` to at least {resource}={needed}, lower the pods' requests, or run fewer replicas"
        ),
    )
}

/// Returns the remedy for a full quota where no surge pod is the reason.
fn without_surge(message: &str) -> String {
    let quota = between(message, "exceeded quota: ", ",").unwrap_or("of the namespace");
    format!(
        "raise quota `{quota}`, lower the pods' requests, or free what other workloads of the namespace use"
    )
}

/// Returns whether the rollout creates a new pod before an old one ends: then an old pod that ends
/// first frees quota.
fn surges(case: &Case<'_>) -> bool {
    let Workload::Deployment(deployment) = case.workload else {
        return false;
    };
    let strategy = deployment.spec.as_ref().and_then(|it| it.strategy.as_ref());
    let recreates = strategy.is_some_and(|it| it.type_.as_deref() == Some("Recreate"));
    let new = case.rollout.new_uid();
    !recreates
        && case.rollout.replica_sets().any(|it| {
            let replicas = it.status.as_ref().map_or(0, |status| status.replicas);
            it.metadata.uid.as_deref() != new && replicas > 0
        })
}

/// Returns whether the API server refuses the ReplicaSet of the new revision.
pub(super) fn replica_set_refused(case: &Case<'_>) -> bool {
    refused_replica_set(case).is_some()
}

/// The refusal of a ReplicaSet.
struct RefusedSet<'a> {
    said: (EvidenceKind, &'a str),
    first: Timestamp,
    last: Timestamp,
}

/// Finds the refusal of the new ReplicaSet, by the Deployment's condition and by the event of the
/// same reason (`deployment/sync.go`).
///
/// The condition keeps its first message, and a Deployment without a progress deadline has none; the
/// newest event has the present one. Neither is followed by an `observedGeneration`: the controller
/// returns before it writes the status.
fn refused_replica_set<'a>(case: &Case<'a>) -> Option<RefusedSet<'a>> {
    const REASON: &str = "ReplicaSetCreateError";
    let Workload::Deployment(deployment) = case.workload else {
        return None;
    };
    if case.rollout.new_replica_set().is_some()
        || case.snapshot.blindness(ResourceKind::ReplicaSet).is_some()
    {
        return None;
    }
    let status = deployment.status.as_ref();
    let conditions = status.and_then(|it| it.conditions.as_ref());
    let condition = conditions
        .into_iter()
        .flatten()
        .find(|it| it.type_ == "Progressing" && it.reason.as_deref() == Some(REASON));
    let about = case.snapshot.events_about(case.workload.uid());
    let event = about
        .filter(|event| event.reason.as_deref() == Some(REASON))
        .max_by_key(|event| event_time(event));
    // Without the condition, an event of a former template may be left.
    let event = event.filter(|event| {
        condition.is_some() || event_time(event).is_some_and(|at| at >= case.started)
    });
    let updated = condition.map(|it| it.last_update_time.as_ref().map_or(case.now, |at| at.0));
    let latched = condition.map(|it| it.message.as_deref().unwrap_or_default());
    let said = event
        .map(|event| (EvidenceKind::Event, words(event)))
        .or(latched.map(|message| (EvidenceKind::Condition, message)))?;
    let started = event.and_then(event_start);
    let seen = event.and_then(event_time);
    Some(RefusedSet {
        said,
        first: [updated, started]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(case.now),
        last: seen.max(updated).unwrap_or(case.now),
    })
}

fn of_replica_set(case: &Case<'_>) -> Option<Candidate> {
    let RefusedSet {
        said: (kind, message),
        first,
        last,
    } = refused_replica_set(case)?;
    let Cause { code, what, remedy } = refusal::of_replica_set(message);
    let subject = Subject::new("Deployment", case.workload.name());
    let finding = Finding::new(code, subject, first.max(case.started))
        .message(what)
        .remedy(remedy)
        .rollback(
            RollbackHelps::Yes,
            "the former revision's ReplicaSet already exists",
        )
        .evidence(kind, message);
    // The controller gives up after 15 attempts, about 3 minutes: a state that it left before the
    // session shows no new sign.
    let stale = match before_session(case, code, Some(last)) {
        Stale::Blocked => {
            let grace = case.policy.rule(code).map_or(Duration::ZERO, |it| it.grace);
            Stale::Until(after(case.started, grace.saturating_mul(2)))
        }
        other @ (Stale::No | Stale::Until(_)) => other,
    };
    Some(Candidate::from(finding).unless_stale(stale))
}

/// Returns whether this rollout may still free quota: by pods that terminate, by old replicas that
/// it scales down, or as shown by new pods that were created in spite of the refusal.
fn rollout_frees_quota(case: &Case<'_>, some_created: bool) -> bool {
    let new = case.rollout.new_uid();
    let shrinking = case.rollout.replica_sets().any(|other| {
        let wanted = other
            .spec
            .as_ref()
            .and_then(|spec| spec.replicas)
            .unwrap_or_default();
        let is = other.status.as_ref().map_or(0, |status| status.replicas);
        other.metadata.uid.as_deref() != new && is > wanted
    });
    some_created || shrinking || case.snapshot.frees_room()
}
