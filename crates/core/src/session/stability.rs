//! From when on a complete rollout counts as stable.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::http_requests;
use super::target::View;
use crate::diagnose::{Unproven, unproven};
use crate::duration::{after, elapsed};
use crate::observation::ResourceKind;
use crate::policy::Policy;
use crate::snapshot::{PodView, event_time};
use crate::verdict::UnprovenProbe;

pub(super) struct Window<'a> {
    pub(super) policy: &'a Policy,
    pub(super) now: Timestamp,
    /// What a pod must have lived for besides.
    pub(super) min_lifetime: Option<Duration>,
}

/// The window in which a complete rollout must stay complete.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stable {
    /// When it ends.
    pub(super) at: Timestamp,
    /// The liveness probe that makes it longer.
    pub(super) probe: Option<UnprovenProbe>,
    /// What it covers.
    pub(super) covers: Stability,
}

/// The signs that a rollout counts as stable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stability {
    /// For how long it has been stable.
    pub lasted: Duration,
    /// Whether its pods were seen, so that none has restarted in that time.
    pub pods_seen: bool,
    /// Whether it has probes of which none was heard to fail in that time.
    pub probes_passed: bool,
    /// The liveness probes that may still kill for the first time, because that is not awaited.
    pub unproven: Vec<UnprovenProbe>,
}

/// When the complete rollout counts as stable: [`Policy::stable_for`] after its youngest pod became
/// ready, and not before a pod has outlived the time in which its liveness probe would have killed it.
/// Where pods cannot be seen, after it was first seen complete. `None` while fewer pods are ready than
/// desired, as the counts may run ahead of the pods.
pub(super) fn stable_at(
    view: &View<'_>,
    pods: &[PodView<'_>],
    desired: usize,
    window: &Window<'_>,
) -> Option<Stable> {
    let Window { policy, now, .. } = *window;
    let needed = ResourceKind::needed_for(view.target.workload.kind);
    let narrowed = needed
        .iter()
        .filter(|resource| !matches!(resource, ResourceKind::Event | ResourceKind::Node))
        .any(|resource| view.snapshot.blindness(*resource).is_some());
    // The older tie finds a DaemonSet's pods where its revisions cannot be seen.
    if narrowed && pods.is_empty() {
        let since = view.complete_since.unwrap_or(now);
        return Some(Stable {
            at: after(since, policy.stable_for),
            probe: None,
            covers: Stability {
                lasted: elapsed(since, now),
                pods_seen: false,
                probes_passed: false,
                unproven: Vec::new(),
            },
        });
    }
    let ready: Vec<(PodView<'_>, Timestamp)> = pods
        .iter()
        .filter_map(|pod| Some((*pod, ready_from(pod, view, now)?)))
        .collect();
    if ready.len() < desired {
        return None;
    }
    let at = ready
        .iter()
        .map(|(pod, since)| stable_from(pod, *since, window));
    let at = at.max().unwrap_or(now);
    let probes = probes_of(&ready, policy);
    let open = probes.iter().filter(|it| it.awaited && it.until > at);
    let open = open.max_by_key(|it| it.until);
    let given_up = probes.iter().filter(|it| !it.awaited && it.until > now);
    let youngest = ready.iter().map(|(_, since)| *since).max();
    Some(Stable {
        at: open.map_or(at, |it| it.until),
        probe: open.map(told),
        covers: Stability {
            lasted: elapsed(youngest.unwrap_or(now), now),
            pods_seen: !ready.is_empty(),
            probes_passed: !ready.is_empty() && ready.iter().all(|(pod, _)| probes_passed(pod)),
            unproven: given_up.map(told).collect(),
        },
    })
}

fn told(probe: &Unproven) -> UnprovenProbe {
    UnprovenProbe {
        container: probe.container.clone(),
        allows: probe.allows,
        failing: probe.failing,
    }
}

/// The liveness probes of ready pods, one for each container of the template: a probe that one pod has
/// outlived can be passed. Where a pod's own is heard to fail, that pod decides.
fn probes_of(ready: &[(PodView<'_>, Timestamp)], policy: &Policy) -> Vec<Unproven> {
    let mut probes: BTreeMap<String, Unproven> = BTreeMap::new();
    let all = ready
        .iter()
        .flat_map(|(pod, since)| unproven(pod, *since, policy));
    for probe in all {
        let known = probes.get(&probe.container);
        let decides = known.is_none_or(|known| match (known.failing, probe.failing) {
            (false, true) => true,
            (true, false) => false,
            (true, true) => probe.until > known.until,
            (false, false) => probe.until < known.until,
        });
        if decides {
            probes.insert(probe.container.clone(), probe);
        }
    }
    probes.into_values().collect()
}

/// Returns whether a ready pod has probes, and no event says that one has failed since it is ready.
fn probes_passed(pod: &PodView<'_>) -> bool {
    let probed = pod.containers().any(|it| {
        let spec = it.spec;
        spec.readiness_probe.is_some() || spec.liveness_probe.is_some()
    });
    let heard = pod.snapshot().blindness(ResourceKind::Event).is_none();
    let failed = pod.events().any(|event| {
        event.reason.as_deref() == Some("Unhealthy") && event_time(event) > pod.ready_since()
    });
    probed && heard && !failed
}

/// Returns when a ready pod counts as stable.
///
/// A container that crashed must run longer than the run that crashed did, and a pod must run longer
/// than one that was evicted before it: a success between two crashes is a false one.
fn stable_from(pod: &PodView<'_>, ready: Timestamp, window: &Window<'_>) -> Timestamp {
    let Window {
        policy,
        min_lifetime,
        ..
    } = *window;
    let last_run = pod
        .containers()
        .filter_map(|container| container.last_run())
        .max();
    let proven = min_lifetime.and_then(|life| Some(after(pod.created()?, life)));
    let from = after(ready, last_run.unwrap_or_default());
    after(proven.map_or(from, |it| it.max(from)), policy.stable_for)
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
