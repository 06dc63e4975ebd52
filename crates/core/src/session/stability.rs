//! From when on a complete rollout counts as stable.

use std::time::Duration;

use jiff::Timestamp;

use super::http_requests;
use super::target::View;
use crate::duration::after;
use crate::observation::ResourceKind;
use crate::policy::Policy;
use crate::snapshot::PodView;

pub(super) struct Window<'a> {
    pub(super) policy: &'a Policy,
    pub(super) now: Timestamp,
    /// What a pod must have lived for besides.
    pub(super) min_lifetime: Option<Duration>,
}

/// When the complete rollout counts as stable: [`Policy::stable_for`] after its youngest pod became
/// ready. Where pods cannot be seen, after it was first seen complete. `None` while fewer pods are
/// ready than desired, as the counts may run ahead of the pods.
pub(super) fn stable_at(
    view: &View<'_>,
    pods: &[PodView<'_>],
    desired: usize,
    window: &Window<'_>,
) -> Option<Timestamp> {
    let Window { policy, now, .. } = *window;
    let needed = ResourceKind::needed_for(view.target.workload.kind);
    let narrowed = needed
        .iter()
        .filter(|resource| !matches!(resource, ResourceKind::Event | ResourceKind::Node))
        .any(|resource| view.snapshot.blindness(*resource).is_some());
    // The older tie finds a DaemonSet's pods where its revisions cannot be seen.
    if narrowed && pods.is_empty() {
        return Some(after(view.complete_since.unwrap_or(now), policy.stable_for));
    }
    let ready: Vec<Timestamp> = pods
        .iter()
        .filter_map(|pod| stable_from(pod, view, window))
        .collect();
    if ready.len() < desired {
        return None;
    }
    Some(ready.into_iter().max().unwrap_or(now))
}

/// Returns when a ready pod counts as stable.
///
/// A container that crashed must run longer than the run that crashed did, and a pod must run longer
/// than one that was evicted before it: a success between two crashes is a false one.
fn stable_from(pod: &PodView<'_>, view: &View<'_>, window: &Window<'_>) -> Option<Timestamp> {
    let Window {
        policy,
        now,
        min_lifetime,
    } = *window;
    let since = ready_from(pod, view, now)?;
    let last_run = pod
        .containers()
        .filter_map(|container| container.last_run())
        .max();
    let proven = min_lifetime.and_then(|life| Some(after(pod.created()?, life)));
    let from = after(since, last_run.unwrap_or_default());
    Some(after(
        proven.map_or(from, |it| it.max(from)),
        policy.stable_for,
    ))
}

/// Since when a pod is ready, wherever its node's clock stands: one that is ahead must not keep a
/// rollout from being complete, and one that is behind must not make a pod look long stable.
fn ready_from(pod: &PodView<'_>, view: &View<'_>, now: Timestamp) -> Option<Timestamp> {
    let since = pod.ready_since()?;
    if since > now {
        return Some(view.complete_since.unwrap_or(now));
    }
    let later = [pod.created(), pod.seen_unready()];
    let later = later.into_iter().flatten().filter(|at| *at <= now);
    Some(later.fold(since, Timestamp::max))
}

/// Until when a pod that became ready just before the deadline may answer: the window in which it must
/// stay ready, and the time that a first question may take, even if it is lost once.
pub(super) fn answers_until(
    view: &View<'_>,
    pods: &[PodView<'_>],
    stable_at: Option<Timestamp>,
    window: &Window<'_>,
) -> Option<Timestamp> {
    let Window { policy, now, .. } = *window;
    let first = policy
        .http_interval
        .saturating_add(policy.patience.http_lost);
    let unheard = |pod: &&PodView<'_>| {
        let mut checks = 0..policy.http.len();
        checks.any(|check| !http_requests::heard(pod, check))
    };
    let unheard = pods.iter().filter(unheard);
    let waits = unheard.filter_map(|pod| Some(after(ready_from(pod, view, now)?, first)));
    stable_at.map(|stable_at| waits.fold(stable_at, Timestamp::max))
}
