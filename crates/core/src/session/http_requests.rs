//! Which pods are to be asked what over HTTP, and when.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::asked::{Asked, Waits};
use crate::duration::after;
use crate::observation::{Answer, Observation, ResourceKind, Seen};
use crate::policy::Policy;
use crate::progress;
use crate::snapshot::{Answers, PodView, Rollout, Snapshot, name_of};

/// One request to one pod.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HttpRequest {
    /// The pod's name.
    pub pod: String,
    /// Its uid, for the answer.
    pub uid: String,
    /// Which of the session's checks, counted from 0.
    pub check: usize,
}

/// A pod by its uid, and which of the session's checks.
pub(super) type Key = (String, usize);

/// The requests that are wanted, those that were sent, and those that were answered.
#[derive(Debug, Clone)]
pub(super) struct SentRequests(Asked<Key>);

impl SentRequests {
    pub(super) const fn new(policy: &Policy) -> Self {
        Self(Asked::new(Waits {
            answered: policy.http_interval,
            unanswered: policy.patience.http_lost,
        }))
    }

    /// Takes note of an answer, or of why there is none.
    pub(super) fn answered(&mut self, observation: &Observation) {
        match &observation.seen {
            Seen::Answered { pod, check, .. } => {
                self.0.answered(&(pod.clone(), *check), observation.at);
            }
            Seen::Blind {
                resource: ResourceKind::PodProxy,
                ..
            } => self.0.all_answered(observation.at),
            Seen::Workload { .. }
            | Seen::ReplicaSet { .. }
            | Seen::ControllerRevision { .. }
            | Seen::Node { .. }
            | Seen::Pod { .. }
            | Seen::Event { .. }
            | Seen::Gone { .. }
            | Seen::Listed { .. }
            | Seen::LookedUp { .. }
            | Seen::Traffic { .. }
            | Seen::Reread(_)
            | Seen::Blind { .. }
            | Seen::Tick => {}
        }
    }

    /// Replaces what was wanted of a rollout by what is wanted now.
    pub(super) fn replace(&mut self, former: &BTreeSet<Key>, now: &BTreeSet<Key>) {
        for gone in former.difference(now) {
            self.0.forget(gone);
        }
        for new in now.difference(former) {
            self.0.want(new.clone());
        }
    }

    /// Those of the wanted requests whose time has come; they count as sent from now on.
    pub(super) fn take_due(&mut self, snapshot: &Snapshot, now: Timestamp) -> Vec<HttpRequest> {
        let due = self.0.take_due(now).into_iter();
        due.filter_map(|(uid, check)| {
            let pod = name_of(&snapshot.pod(&uid)?.metadata).to_owned();
            Some(HttpRequest { pod, uid, check })
        })
        .collect()
    }

    /// When the next request is due.
    pub(super) fn next(&self, now: Timestamp) -> Timestamp {
        self.0.next(now)
    }
}

/// Returns what is still to be asked of a rollout's ready pods.
pub(super) fn wanted(rollout: &Rollout<'_>, policy: &Policy) -> BTreeSet<Key> {
    // The pods of a Job serve no one.
    if policy.http.is_empty() || rollout.workload().job().is_some() {
        return BTreeSet::new();
    }
    let pods = rollout.new_pods();
    let ready = pods.iter().filter(|pod| pod.ready_since().is_some());
    // Old pods may answer in the place of the new ones, those that were not listed yet included.
    let excused = rollout.excused();
    let complete = progress::complete(rollout.workload(), &excused).is_ok();
    let alone = complete && rollout.left_over(&excused).is_empty();
    let may_ask = |check: &usize| {
        let asked = policy.http.get(*check);
        alone || asked.is_none_or(|it| it.service().is_none())
    };
    ready
        .flat_map(|pod| {
            let checks = (0..policy.http.len()).filter(may_ask);
            let open = checks.filter(|check| !passed(rollout, pod, *check, policy));
            open.map(|check| (pod.uid().to_owned(), check))
        })
        .collect()
}

/// Returns whether a pod has answered anything since it became ready.
pub(super) fn heard(pod: &PodView<'_>, check: usize) -> bool {
    let answers = pod.snapshot().answers(pod.uid(), check);
    answers.is_some_and(|answers| answers.ready_since() == pod.ready_since())
}

/// Returns whether a pod answered as expected since it became ready.
pub(super) fn passed(
    rollout: &Rollout<'_>,
    pod: &PodView<'_>,
    check: usize,
    policy: &Policy,
) -> bool {
    let expected = policy.http.get(check);
    let answers = pod.snapshot().answers(pod.uid(), check);
    let (Some(expected), Some(answers)) = (expected, answers) else {
        return false;
    };
    let as_expected = match answers.newest() {
        Some((_, Answer::Came { answer })) => expected.judge(answer).is_ok(),
        Some((_, Answer::Failed { .. })) | None => false,
    };
    let shown = expected.service().is_none() || outlasts_slices(rollout, answers, policy);
    as_expected && shown && pod.ready_since().is_some() && heard(pod, check)
}

/// Returns whether the newest answer of a Service came when its EndpointSlices named no old pod any more: long
/// enough after the first question, which is put when none is left, or after all pods became ready and the last one
/// went, if none is on its way out.
fn outlasts_slices(rollout: &Rollout<'_>, answers: &Answers, policy: &Policy) -> bool {
    let Some((at, _)) = answers.newest() else {
        return false;
    };
    let settled = |since| after(since, policy.patience.endpoint_lag) <= *at;
    let pods = rollout.new_pods();
    let mut ready = pods.iter().filter_map(PodView::ready_since);
    let gone = rollout.snapshot().pod_gone_at();
    let long_ready =
        rollout.terminating_pods().is_empty() && gone.is_none_or(settled) && ready.all(settled);
    long_ready || answers.first().is_some_and(settled)
}
