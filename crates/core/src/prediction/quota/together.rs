//! Everything that a call brings, against a quota.

use serde_json::{Value, json};

use super::Rollout;
use super::limit::{Quota, pods_of, taken};
use crate::finding::FindingCode;
use crate::prediction::certainty::{Certainty, Prediction};
use crate::prediction::items;
use crate::prediction::manifest::Manifest;
use crate::prediction::pod::Amounts;
use crate::prediction::view::{Found, View};
use crate::quantity::Quantity;
use crate::workload::raw::text;

/// Pods of the call that no rollout replaces: those of a Pod, a Job, a `ReplicaSet` or a `ReplicationController`.
pub(super) struct Brought {
    title: String,
    count: i64,
    each: Amounts,
}

/// Returns those that a quota counts and of which the namespace has no pod yet; none where that is not seen.
pub(super) fn brought(view: &View<'_>, namespace: &str, quota: &Quota) -> Vec<Brought> {
    let all = view.manifests.all().iter();
    let mut all = all
        .filter(|it| !it.stands && it.namespace() == namespace)
        .filter_map(|it| Some((it, pods(it)?)))
        .peekable();
    if all.peek().is_none() {
        return Vec::new();
    }
    let what = "whether pods of the call are there already";
    let Found::There(present) = pods_of(view, namespace, what) else {
        return Vec::new();
    };
    let is_there = |it: &Manifest| {
        present.iter().any(|pod| {
            let mut owners = items(pod, "/metadata/ownerReferences");
            let is_own =
                |of: &Value| text(of, "/kind") == it.kind() && text(of, "/name") == it.name();
            let is_itself = it.kind() == "Pod" && text(pod, "/metadata/name") == it.name();
            is_itself || owners.any(is_own)
        })
    };
    all.filter(|(it, (_, spec))| !is_there(it) && quota.counts(spec) == Some(true))
        .map(|(it, (count, spec))| Brought {
            title: format!("{} `{}`", it.kind(), it.name()),
            count,
            each: taken(&spec),
        })
        .collect()
}

/// Returns how many pods a manifest brings at once, and their spec.
fn pods(manifest: &Manifest) -> Option<(i64, Value)> {
    let at = |pointer: &str| manifest.object.pointer(pointer);
    let number = |pointer: &str| at(pointer).and_then(Value::as_i64).unwrap_or(1);
    let of_template = || at("/spec/template/spec").cloned();
    match (manifest.group(), manifest.kind()) {
        ("", "Pod") => Some((1, at("/spec")?.clone())),
        ("batch", "Job") if at("/spec/suspend") != Some(&json!(true)) => {
            let parallel = number("/spec/parallelism");
            let all = at("/spec/completions").and_then(Value::as_i64);
            Some((all.map_or(parallel, |it| it.min(parallel)), of_template()?))
        }
        ("apps", "ReplicaSet") | ("", "ReplicationController") => {
            Some((number("/spec/replicas"), of_template()?))
        }
        _ => None,
    }
}

/// Finds workloads that fit one by one, and not together or beside the other pods of the call.
pub(super) fn together(
    quota: &Quota,
    counted: &[&Rollout<'_, '_>],
    brought: &[Brought],
) -> Vec<Prediction> {
    if counted.is_empty() || counted.len() + brought.len() < 2 {
        return Vec::new();
    }
    let short = |brought: &[Brought]| {
        let mut each = quota.hard.iter();
        each.find(|(name, hard)| takes(quota, counted, brought, name) > Some(**hard))
    };
    let alone = short(&[]).filter(|_| counted.len() > 1);
    let Some((resource, hard)) = alone.or_else(|| short(brought)) else {
        return Vec::new();
    };
    // Pods of a Job end, and one that ran before is not created again.
    let (certainty, brought) = match alone {
        Some(_) => (Certainty::Likely, &[][..]),
        None => (Certainty::Possible, brought),
    };
    let titles = counted.iter().map(|it| it.plan.title());
    let titles: Vec<String> = titles
        .chain(brought.iter().map(|it| it.title.clone()))
        .collect();
    let titles = titles.join(", ");
    let name = &quota.name;
    let each = counted.iter().map(|it| {
        let message = format!(
            "quota `{name}` has no room for all of {titles} together: {resource} is limited to {hard}"
        );
        Prediction::finding(FindingCode::QuotaExceeded, it.plan.index, message)
            .surely(certainty)
            .about(it.plan.title())
            .at("/spec/template")
            .remedy(format!("raise quota `{name}`, or lower the pods' requests"))
    });
    each.collect()
}

/// Returns how much of a resource is taken once all are rolled out; `None` if none of them takes any.
fn takes(
    quota: &Quota,
    counted: &[&Rollout<'_, '_>],
    brought: &[Brought],
    name: &str,
) -> Option<Quantity> {
    let mut all = counted.iter();
    if !all.any(|it| it.new_each.contains_key(name)) {
        return None;
    }
    let of =
        |amounts: &Amounts, count: i64| amounts.get(name).copied().unwrap_or_default().times(count);
    let mut sum = quota.used.get(name).copied().unwrap_or_default();
    for it in counted {
        sum = sum.minus(of(&it.old_each, it.old.min(it.fences.updated)));
    }
    for it in counted {
        sum = sum.plus(of(&it.new_each, it.fences.updated));
    }
    for it in brought {
        sum = sum.plus(of(&it.each, it.count));
    }
    Some(sum)
}
