//! The namespace's quotas over the whole rollout: surge, old pods that go, and the other workloads of the call.

use std::collections::BTreeSet;

use serde_json::Value;

use super::admission::trial;
use super::certainty::{Certainty, Prediction};
use super::creation::is_scaled;
use super::defaults::ranges;
use super::planned::Planned;
use super::pod::{Amounts, has_ended, is_about_to_end, with_defaults};
use super::stored::most_of_resources;
use super::strategy::{Fences, fences};
use super::view::{Found, View};
use crate::finding::{FindingCode, Lookup as Promises};
use crate::quantity::Quantity;
use crate::workload::WorkloadKind;

mod limit;
mod together;
mod walk;

use limit::{Quota, pods_of, quotas, refused, taken};
use walk::{Stop, stop};

/// Finds rollouts that a quota stops on their way.
pub(super) fn judge(view: &View<'_>, planned: &[Planned<'_>]) -> Vec<Prediction> {
    let namespaces: BTreeSet<&str> = planned.iter().map(Planned::namespace).collect();
    let mut found = Vec::new();
    for namespace in namespaces {
        let rollouts: Vec<Rollout<'_, '_>> = planned
            .iter()
            .filter(|it| it.most.is_some() && !it.manifest.stands && it.namespace() == namespace)
            .filter_map(|plan| Rollout::of(view, plan))
            .collect();
        if rollouts.is_empty() {
            continue;
        }
        let scene = Scene {
            view,
            namespace,
            planned,
        };
        for quota in quotas(view, namespace, &rollouts) {
            found.extend(of_quota(&scene, &quota, &rollouts));
        }
    }
    found
}

/// A namespace with all workloads of the call.
struct Scene<'s, 'a> {
    view: &'s View<'a>,
    namespace: &'s str,
    planned: &'s [Planned<'a>],
}

/// A workload whose pods are replaced.
struct Rollout<'p, 'a> {
    plan: &'p Planned<'a>,
    fences: Fences,
    /// How many old pods there are.
    old: i64,
    /// What each of them takes from a quota.
    old_each: Amounts,
    /// What each new pod takes.
    new_each: Amounts,
    new_spec: Value,
    /// The resources that the API server has counted itself, in a refusal.
    counted: Amounts,
}

impl<'p, 'a> Rollout<'p, 'a> {
    /// `None` while an answer is awaited.
    fn of(view: &View<'a>, plan: &'p Planned<'a>) -> Option<Self> {
        let trial = trial(view, plan, plan.template())?.trial;
        let spec = match &trial.written {
            Some(pod) => pod.get("spec").cloned().unwrap_or_default(),
            None => with_ranges(view, plan)?,
        };
        let counted = refused(trial).map(|it| it.requested).unwrap_or_default();
        let mut new_each = taken(&spec);
        new_each.extend(counted.clone());
        Some(Self {
            plan,
            fences: fences(plan),
            old: plan.present(),
            old_each: taken_by_old(plan),
            new_each,
            new_spec: spec,
            counted,
        })
    }
}

/// Returns what each pod of the present revision takes.
fn taken_by_old(plan: &Planned<'_>) -> Amounts {
    let of_pod = plan.history.and_then(|it| {
        let pod = it.pods().next()?;
        serde_json::to_value(pod.spec.as_ref()?).ok()
    });
    let former = || plan.former_template()?.get("spec").cloned();
    let spec = of_pod.or_else(former);
    spec.map(|it| taken(&it)).unwrap_or_default()
}

/// Returns the template's spec with the defaults of the namespace's limit ranges.
fn with_ranges(view: &View<'_>, plan: &Planned<'_>) -> Option<Value> {
    match ranges(view, plan.namespace()) {
        Found::There(ranges) => Some(with_defaults(plan.spec(), ranges)),
        Found::Missing | Found::Unseen => Some(plan.spec().clone()),
        Found::Pending => None,
    }
}

fn of_quota(scene: &Scene<'_, '_>, quota: &Quota, rollouts: &[Rollout<'_, '_>]) -> Vec<Prediction> {
    let counted: Vec<&Rollout<'_, '_>> = rollouts
        .iter()
        .filter(|it| quota.counts(&it.new_spec) == Some(true))
        .collect();
    let mut found: Vec<Prediction> = Vec::new();
    for rollout in &counted {
        let most = rollout.plan.most.unwrap_or(Certainty::Possible);
        found.extend(replica_set(quota, rollout).map(|it| it.at_most(most)));
        let Some(stop) = stop(quota, &quota.hard, rollout) else {
            continue;
        };
        let Some(certainty) = certainty(scene, quota, rollout, &stop.resource) else {
            continue;
        };
        let prediction = stopped(quota, rollout, &stop);
        found.push(prediction.surely(certainty).at_most(most));
    }
    if found.is_empty() {
        let brought = together::brought(scene.view, scene.namespace, quota);
        found.extend(together::together(quota, &counted, &brought));
    }
    found
}

/// Returns how sure it is that a quota stays full; `None` while that is not known.
fn certainty(
    scene: &Scene<'_, '_>,
    quota: &Quota,
    rollout: &Rollout<'_, '_>,
    resource: &str,
) -> Option<Certainty> {
    let title = rollout.plan.title();
    let promises = scene.view.promises(scene.namespace, Promises::LeavingPods);
    let ends = pods_that_end(scene, resource);
    let leaves = promises?.iter().any(|it| it.by != title);
    // Another workload of the call that shrinks may make room.
    let others = scene.planned.iter();
    let mut others =
        others.filter(|it| it.namespace() == scene.namespace && it.index != rollout.plan.index);
    let shrinks = others.any(|it| !it.manifest.stands && frees(it, resource));
    let is_scaled = is_scaled(scene.view, rollout.plan);
    let ends = ends?;
    let is_counted = rollout.counted.contains_key(resource);
    let most = most_of_resources(scene.view, rollout.plan, is_counted);
    if leaves || shrinks || ends == Ends::Some {
        return Some(Certainty::Possible);
    }
    // Where the call lowers the quota, the pods may come first.
    let is_full_now = stop(quota, &quota.hard_now, rollout).is_some();
    // An autoscaler may take pods away again.
    Some(if is_full_now && ends == Ends::None && !is_scaled {
        most
    } else {
        Certainty::Likely
    })
}

/// The pods that free quota as they end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    /// There are some.
    Some,
    /// There is none.
    None,
    /// They may not be listed.
    Unseen,
}

/// Returns whether pods that take a resource are about to end: those that are deleted, and those of Jobs and the like
/// (`quota/v1/evaluator/core/pods.go`, `QuotaV1Pod`). `None` while that is not known.
fn pods_that_end(scene: &Scene<'_, '_>, resource: &str) -> Option<Ends> {
    let what = "whether pods that end are about to free quota";
    let pods = match pods_of(scene.view, scene.namespace, what) {
        Found::There(pods) => pods,
        Found::Missing => return Some(Ends::None),
        Found::Unseen => return Some(Ends::Unseen),
        Found::Pending => return None,
    };
    let frees = |pod: &&Value| {
        let takes = || taken(pod.get("spec").unwrap_or(&Value::Null)).contains_key(resource);
        !has_ended(pod) && is_about_to_end(pod) && takes()
    };
    Some(if pods.iter().any(|it| frees(&it)) {
        Ends::Some
    } else {
        Ends::None
    })
}

/// Returns whether a workload takes less of a resource once its manifest is applied, also by fewer replicas alone.
fn frees(plan: &Planned<'_>, resource: &str) -> bool {
    let of = |amounts: &Amounts, count: i64| {
        let each = amounts.get(resource).copied().unwrap_or_default();
        each.times(count)
    };
    let old = taken_by_old(plan);
    let new = if plan.rolls {
        taken(plan.spec())
    } else {
        old.clone()
    };
    of(&new, plan.desired()) < of(&old, plan.present())
}

fn stopped(quota: &Quota, rollout: &Rollout<'_, '_>, stop: &Stop) -> Prediction {
    let Stop { resource, new, old } = stop;
    let amount = |of: &Amounts| of.get(resource).copied().unwrap_or_default();
    let (hard, used) = (amount(&quota.hard), amount(&quota.used));
    let each = amount(&rollout.new_each);
    let name = &quota.name;
    let title = rollout.plan.title();
    let beside = match old {
        0 => String::new(),
        1 => " beside 1 old pod".to_owned(),
        old => format!(" beside {old} old pods"),
    };
    let message = format!(
        "quota `{name}` stops the rollout of {title} at {new} of {} new pods{beside}: {resource} {each} for each new pod, {used} of {hard} used",
        rollout.fences.updated
    );
    let remedy = format!(
        "raise quota `{name}`, lower the pods' requests, or set maxSurge 0 and maxUnavailable 1 so that an old pod frees quota first"
    );
    Prediction::finding(FindingCode::QuotaExceeded, rollout.plan.index, message)
        .about(title)
        .at("/spec/template")
        .remedy(remedy)
}

/// Finds a quota on the number of ReplicaSets: each new template needs one more.
fn replica_set(quota: &Quota, rollout: &Rollout<'_, '_>) -> Option<Prediction> {
    const COUNTED: &str = "count/replicasets.apps";
    if rollout.plan.workload.kind != WorkloadKind::Deployment {
        return None;
    }
    let hard = *quota.hard.get(COUNTED)?;
    let used = quota.used.get(COUNTED).copied().unwrap_or_default();
    (used.plus(Quantity::whole(1)) > hard).then(|| {
        let (name, title) = (&quota.name, rollout.plan.title());
        let message = format!(
            "quota `{name}` does not allow the new ReplicaSet of {title}: {COUNTED} {used} of {hard} used"
        );
        // The template may be one of a revision that still has its ReplicaSet.
        Prediction::finding(FindingCode::QuotaExceeded, rollout.plan.index, message)
            .surely(Certainty::Likely)
            .about(title)
            .at("/spec/template")
            .remedy(format!(
                "raise quota `{name}`, or delete old ReplicaSets that have 0 replicas and lower revisionHistoryLimit"
            ))
    })
}
