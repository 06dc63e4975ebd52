//! Which pods are to be asked what over HTTP, and when.

use jiff::Timestamp;

use super::asked::{Asked, Waits};
use crate::observation::{Answer, Observation, ResourceKind, Seen};
use crate::policy::Policy;
use crate::snapshot::{PodView, Rollout};

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

/// The requests that were sent, and those that were answered.
#[derive(Debug, Clone, Default)]
pub(super) struct SentRequests(Asked<(String, usize)>);

impl SentRequests {
    /// Takes note of an answer, or of why there is none.
    pub(super) fn answered(&mut self, observation: &Observation) {
        match &observation.seen {
            Seen::Answered { pod, check, .. } => {
                self.0.answered((pod.clone(), *check), observation.at);
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

    /// Those of the wanted requests whose time has come; they count as sent from now on.
    pub(super) fn due(
        &mut self,
        wanted: Vec<HttpRequest>,
        now: Timestamp,
        policy: &Policy,
    ) -> Vec<HttpRequest> {
        let keys = wanted.iter().map(key).collect();
        let due = self.0.due(keys, now, waits(policy));
        wanted
            .into_iter()
            .filter(|it| due.contains(&key(it)))
            .collect()
    }

    /// When the next request is due.
    pub(super) fn next(&self, now: Timestamp, policy: &Policy) -> Timestamp {
        self.0.next(now, waits(policy))
    }
}

const fn waits(policy: &Policy) -> Waits {
    Waits {
        answered: policy.http_interval,
        unanswered: policy.patience.http_lost,
    }
}

fn key(request: &HttpRequest) -> (String, usize) {
    (request.uid.clone(), request.check)
}

/// Returns what is still to be asked of a rollout's ready pods.
pub(super) fn wanted(rollout: &Rollout<'_>, policy: &Policy) -> Vec<HttpRequest> {
    // The pods of a Job serve no one.
    if policy.http.is_empty() || rollout.workload().job().is_some() {
        return Vec::new();
    }
    let pods = rollout.new_pods();
    let ready = pods.iter().filter(|pod| pod.ready_since().is_some());
    ready
        .flat_map(|pod| {
            let open = (0..policy.http.len()).filter(|check| !passed(pod, *check, policy));
            open.map(|check| HttpRequest {
                pod: pod.name().to_owned(),
                uid: pod.uid().to_owned(),
                check,
            })
        })
        .collect()
}

/// Returns whether a pod has answered anything since it became ready.
pub(super) fn heard(pod: &PodView<'_>, check: usize) -> bool {
    let answers = pod.snapshot().answers(pod.uid(), check);
    answers.is_some_and(|answers| answers.ready_since() == pod.ready_since())
}

/// Returns whether a pod answered as expected since it became ready.
pub(super) fn passed(pod: &PodView<'_>, check: usize, policy: &Policy) -> bool {
    let expected = policy.http.get(check);
    let answers = pod.snapshot().answers(pod.uid(), check);
    let (Some(expected), Some(answers)) = (expected, answers) else {
        return false;
    };
    let as_expected = match answers.newest() {
        Some((_, Answer::Came { answer })) => expected.judge(answer).is_ok(),
        Some((_, Answer::Failed { .. })) | None => false,
    };
    as_expected && pod.ready_since().is_some() && heard(pod, check)
}
