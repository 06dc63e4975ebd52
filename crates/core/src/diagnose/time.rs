//! Finds rollouts that need longer than the session may take: nothing fails, and the arithmetic alone
//! says that the time runs out.

use super::{Candidate, Case};
use crate::duration::{Human, elapsed};
use crate::finding::{Finding, FindingCode, Subject};
use crate::progress::{self, Pace};
use crate::snapshot::PodView;

pub(super) fn diagnose(case: &Case<'_>) -> Vec<Candidate> {
    let found = if super::workload::is_complete(case) || case.workload.is_paused() {
        None
    } else {
        grace(case).or_else(|| min_ready(case))
    };
    found.into_iter().map(Candidate::from).collect()
}

/// Finds a `minReadySeconds` for which the pods cannot be ready in time, one batch after the other.
fn min_ready(case: &Case<'_>) -> Option<Finding> {
    let pace = Pace::of(&case.rollout, case.now)?;
    if pace.ends <= case.deadline {
        return None;
    }
    let needs = Human(elapsed(case.started, pace.ends));
    let timeout = Human(elapsed(case.started, case.deadline));
    let (min_ready, batch) = (Human(pace.min_ready), pace.batch);
    let of = match progress::desired(case.workload, &case.rollout.excused()) {
        1 => String::new(),
        all => format!(", {batch} of {all} pods at a time"),
    };
    let subject = Subject::new(case.workload.kind().as_str(), case.workload.name());
    Some(
        Finding::new(FindingCode::TimeoutTooShort, subject, case.started)
            .message(format!(
                "minReadySeconds makes a ready pod available only after {min_ready}{of}: the rollout takes at least {needs}, longer than the timeout of {timeout}"
            ))
            .remedy(format!(
                "set a timeout of more than {needs}, or lower minReadySeconds"
            )),
    )
}

/// Finds a pod on its way out that is waited for and may take longer than the session.
fn grace(case: &Case<'_>) -> Option<Finding> {
    let pods = progress::awaited_ends(&case.rollout);
    let late = pods.iter().filter_map(|pod| {
        let ends = pod.object().metadata.deletion_timestamp.as_ref()?.0;
        (ends > case.deadline && ends > case.now && !pod.containers_ended()).then_some((ends, pod))
    });
    let (ends, pod): (_, &PodView<'_>) = late.max_by_key(|(ends, _)| *ends)?;
    let grace = pod.object().metadata.deletion_grace_period_seconds;
    let grace = grace
        .and_then(|it| u64::try_from(it).ok())
        .unwrap_or_default();
    let needs = Human(elapsed(case.started, ends));
    let timeout = Human(elapsed(case.started, case.deadline));
    Some(
        Finding::new(
            FindingCode::TimeoutTooShort,
            Subject::new("Pod", pod.name()),
            case.started,
        )
        .message(format!(
            "pod `{}` is being deleted, and its grace period of {} ends at {ends}, after the timeout of {timeout}; the next pod is created only once this one has ended",
            pod.name(),
            Human(std::time::Duration::from_secs(grace)),
        ))
        .remedy(format!(
            "wait, or set a timeout of more than {needs}; let the application end on SIGTERM, or shorten terminationGracePeriodSeconds, so that the next rollout is faster"
        )),
    )
}
