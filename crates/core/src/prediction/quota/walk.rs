//! The walk of a rollout through a quota, pod by pod.

use super::Rollout;
use super::limit::Quota;
use crate::prediction::pod::Amounts;
use crate::prediction::strategy::Fences;

/// Where a rollout stops.
pub(super) struct Stop {
    pub(super) resource: String,
    /// How many new pods there are then.
    pub(super) new: i64,
    pub(super) old: i64,
}

/// Walks the rollout pod by pod; everything else in the namespace stays as it is.
pub(super) fn stop(quota: &Quota, hard: &Amounts, rollout: &Rollout<'_, '_>) -> Option<Stop> {
    let Fences {
        surge,
        unavailable,
        updated,
    } = rollout.fences;
    let (mut old, mut new) = (rollout.old, 0_i64);
    let all = rollout.plan.desired();
    // More need no proof that they are many.
    let most = updated.min(MOST_PODS);
    loop {
        let before = (old, new);
        let mut short = None;
        while new < most && old + new < all + surge {
            let pods = Pods { old, new: new + 1 };
            short = lacking(quota, hard, rollout, pods);
            if short.is_some() {
                break;
            }
            new += 1;
        }
        if new >= most {
            return None;
        }
        let may_go = (old + new - (all - unavailable)).clamp(0, old);
        old -= may_go;
        if (old, new) == before {
            return short.map(|resource| Stop { resource, new, old });
        }
    }
}

const MOST_PODS: i64 = 2_000;

/// So many pods of the present and of the new revision.
#[derive(Clone, Copy)]
struct Pods {
    old: i64,
    new: i64,
}

/// Returns the first resource of which so many pods take more than there is.
fn lacking(quota: &Quota, hard: &Amounts, rollout: &Rollout<'_, '_>, pods: Pods) -> Option<String> {
    let short = hard.iter().find(|(name, hard)| {
        let of = |amounts: &Amounts, count: i64| {
            amounts.get(*name).copied().unwrap_or_default().times(count)
        };
        // Of what the new pods do not take nothing is refused.
        if !rollout.new_each.contains_key(*name) {
            return false;
        }
        let used = quota.used.get(*name).copied().unwrap_or_default();
        let others = used.minus(of(&rollout.old_each, rollout.old));
        let sum = others
            .plus(of(&rollout.old_each, pods.old))
            .plus(of(&rollout.new_each, pods.new));
        sum > **hard
    });
    short.map(|(name, _)| name.clone())
}
