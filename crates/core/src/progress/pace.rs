//! How many pods a controller replaces at a time, and when `minReadySeconds` lets the last of them be
//! available at the earliest.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::desired;
use crate::duration::after;
use crate::snapshot::{ExcusedNodes, PodView, Rollout};
use crate::workload::Workload;

/// The arithmetic of `minReadySeconds` for one rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// `spec.minReadySeconds`; never zero.
    pub min_ready: Duration,
    /// How many pods are replaced at a time.
    pub batch: usize,
    /// How many pods are not available yet.
    pub missing: usize,
    /// When the last of them is available at the earliest.
    pub ends: Timestamp,
}

impl Pace {
    /// Returns the arithmetic; `None` for a workload without `minReadySeconds`, or with nothing left to
    /// wait for.
    ///
    /// It is a lower bound: as many pods as the strategy lets be missing or surplus at a time follow one
    /// another without a gap.
    #[must_use]
    pub fn of(rollout: &Rollout<'_>, now: Timestamp) -> Option<Self> {
        let workload = rollout.workload();
        let min_ready = workload.min_ready();
        if min_ready.is_zero() {
            return None;
        }
        let excused = rollout.excused();
        let wanted = usize::try_from(desired(workload, &excused)).unwrap_or_default();
        let (available, waiting): (Vec<PodView<'_>>, Vec<PodView<'_>>) = rollout
            .new_pods()
            .into_iter()
            .partition(|pod| available_at(pod, min_ready).is_some_and(|at| at <= now));
        let missing = wanted.saturating_sub(available.len());
        if missing == 0 {
            return None;
        }
        let batch = batch(workload, &excused).min(wanted).max(1);
        // Each place in the batch is free again when its pod is available.
        let waiting = waiting.iter().take(missing);
        let mut places: Vec<Timestamp> = waiting
            .map(|pod| available_at(pod, min_ready).unwrap_or_else(|| after(now, min_ready)))
            .collect();
        let mut ends = places.iter().copied().max().unwrap_or(now);
        let to_come = missing - places.len();
        places.resize(places.len().max(batch), now);
        for _ in 0..to_come {
            let Some(free) = places.iter_mut().min() else {
                break;
            };
            *free = after((*free).max(now), min_ready);
            ends = ends.max(*free);
        }
        Some(Self {
            min_ready,
            batch,
            missing,
            ends,
        })
    }
}

/// Returns how long the pods of a whole rollout have to be ready in all, one batch after the other.
#[must_use]
pub fn min_ready_in_all(rollout: &Rollout<'_>) -> Duration {
    let workload = rollout.workload();
    let excused = rollout.excused();
    let wanted = usize::try_from(desired(workload, &excused)).unwrap_or_default();
    let rounds = wanted.div_ceil(batch(workload, &excused));
    let rounds = u32::try_from(rounds).unwrap_or(u32::MAX);
    workload.min_ready().saturating_mul(rounds)
}

/// Returns when a pod is available (`podutil.IsPodAvailable`); `None` while it is not ready.
#[must_use]
pub(super) fn available_at(pod: &PodView<'_>, min_ready: Duration) -> Option<Timestamp> {
    pod.ready_since().map(|since| after(since, min_ready))
}

/// Returns how many pods the strategy replaces at a time (`deployment_util.go`, `ResolveFenceposts`;
/// `stateful_set_utils.go`; `daemon/util/daemonset_util.go`).
fn batch(workload: &Workload, excused: &ExcusedNodes<'_>) -> usize {
    let all = desired(workload, excused);
    let count = match workload {
        Workload::Deployment(it) => {
            let strategy = it.spec.as_ref().and_then(|it| it.strategy.as_ref());
            if strategy.and_then(|it| it.type_.as_deref()) == Some("Recreate") {
                all
            } else {
                let rolling = strategy.and_then(|it| it.rolling_update.as_ref());
                let surge = rolling.and_then(|it| it.max_surge.as_ref());
                let unavailable = rolling.and_then(|it| it.max_unavailable.as_ref());
                let surge = surge.map_or(all.saturating_add(3) / 4, |it| scaled(it, all, true));
                let unavailable = unavailable.map_or(all / 4, |it| scaled(it, all, false));
                surge.saturating_add(unavailable)
            }
        }
        Workload::StatefulSet(it) => {
            let strategy = it.spec.as_ref().and_then(|it| it.update_strategy.as_ref());
            let rolling = strategy.and_then(|it| it.rolling_update.as_ref());
            let most = rolling.and_then(|it| it.max_unavailable.as_ref());
            most.map_or(1, |it| scaled(it, all, true))
        }
        Workload::DaemonSet(it) => {
            let strategy = it.spec.as_ref().and_then(|it| it.update_strategy.as_ref());
            let rolling = strategy.and_then(|it| it.rolling_update.as_ref());
            let surge = rolling.and_then(|it| it.max_surge.as_ref());
            let unavailable = rolling.and_then(|it| it.max_unavailable.as_ref());
            let surge = surge.map_or(0, |it| scaled(it, all, true));
            let unavailable = unavailable.map_or(1, |it| scaled(it, all, true));
            surge.saturating_add(unavailable)
        }
        Workload::Job(_) => all,
    };
    usize::try_from(count).unwrap_or_default().max(1)
}

/// Returns a count, or a share of all pods in whole pods (`intstr.GetScaledValueFromIntOrPercent`).
pub(crate) fn scaled(value: &IntOrString, all: i32, up: bool) -> i32 {
    match value {
        IntOrString::Int(count) => *count,
        IntOrString::String(text) => {
            let percent = text.trim().strip_suffix('%');
            let percent: i32 = percent.and_then(|it| it.parse().ok()).unwrap_or_default();
            let hundredths = percent.saturating_mul(all);
            let rest = if up { 99 } else { 0 };
            hundredths.saturating_add(rest) / 100
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::snapshot::Snapshot;
    use crate::testing::{
        DeploymentBuilder, PodBuilder, at, deployment, pod, replica_set, seen, seen_set, web,
    };

    /// A Deployment of three pods that each have to be ready for 60 s.
    fn slow() -> DeploymentBuilder {
        deployment("web")
            .counts(3, 3, 0, 3)
            .spec("minReadySeconds", json!(60))
    }

    fn pace(workload: DeploymentBuilder, pods: &[PodBuilder]) -> Option<(usize, u64)> {
        let mut snapshot = Snapshot::default();
        let sets = [
            seen_set(0, replica_set("v1", 1, (3, 3))),
            seen_set(0, replica_set("v2", 2, (1, 0))),
        ];
        let pods = pods.iter().flat_map(|it| it.seen(0));
        for it in [seen(0, workload)].into_iter().chain(sets).chain(pods) {
            snapshot.apply(it);
        }
        let pace = Pace::of(&snapshot.rollout(&web()).unwrap(), at(100))?;
        let ends = u64::try_from(pace.ends.as_second()).unwrap();
        Some((pace.missing, ends))
    }

    #[test]
    fn the_last_pod_is_available_once_its_predecessors_are() {
        let strategy = |surge, unavailable| json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}});
        let rows = [
            (
                "one after the other: 25% of three pods is one to add and none to miss",
                slow(),
                vec![],
                Some((3, 280)),
            ),
            (
                "two at a time",
                slow().spec("strategy", strategy(json!(1), json!(1))),
                vec![],
                Some((3, 220)),
            ),
            (
                "all at a time",
                slow().spec("strategy", strategy(json!("100%"), json!(0))),
                vec![],
                Some((3, 160)),
            ),
            (
                "all at a time after Recreate",
                slow().spec("strategy", json!({"type": "Recreate"})),
                vec![],
                Some((3, 160)),
            ),
            (
                "the first has been ready for 50 s",
                slow(),
                vec![pod("a").ready(50)],
                Some((3, 230)),
            ),
            (
                "one is available, one has been ready for 50 s",
                slow(),
                vec![pod("a").ready(10), pod("b").ready(50)],
                Some((2, 170)),
            ),
            (
                "the last has been ready for 50 s",
                slow(),
                vec![pod("a").ready(10), pod("b").ready(10), pod("c").ready(50)],
                Some((1, 110)),
            ),
            (
                "all are available",
                slow(),
                vec![pod("a").ready(10), pod("b").ready(10), pod("c").ready(10)],
                None,
            ),
            (
                "nothing has to stay ready",
                deployment("web").counts(3, 3, 0, 3),
                vec![],
                None,
            ),
        ];
        for (says, workload, pods, expected) in rows {
            assert_eq!(pace(workload, &pods), expected, "{says}");
        }
    }

    #[test]
    fn a_share_is_rounded_as_the_strategy_does() {
        let share = IntOrString::String("25%".to_owned());
        assert_eq!(scaled(&share, 3, true), 1);
        assert_eq!(scaled(&share, 3, false), 0);
        assert_eq!(scaled(&IntOrString::Int(2), 3, false), 2);
        assert_eq!(scaled(&IntOrString::String("many".to_owned()), 3, true), 0);
    }
}
