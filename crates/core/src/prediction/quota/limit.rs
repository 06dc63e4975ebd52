//! The quotas of a namespace, those of the call included, and what pods take from them.

use serde_json::Value;

use super::Rollout;
use crate::diagnose::classify_refusal;
use crate::finding::FindingCode;
use crate::prediction::admission::trial;
use crate::prediction::items;
use crate::prediction::pod::{Amounts, add, amounts, has_ended, read};
use crate::prediction::question::{Collection, Trial};
use crate::prediction::view::{Found, View};
use crate::quantity::Quantity;
use crate::rollback::preflight::DryRun;
use crate::workload::raw::text;

/// A quota with what is left of it.
pub(super) struct Quota {
    pub(super) name: String,
    /// Its limits once the call is applied.
    pub(super) hard: Amounts,
    /// Its limits now.
    pub(super) hard_now: Amounts,
    pub(super) used: Amounts,
    scopes: Vec<String>,
    /// Whether it has conditions that are not judged here.
    is_selective: bool,
}

impl Quota {
    /// Reads it as it stands.
    fn of(object: &Value) -> Self {
        let at = |pointer: &str| object.pointer(pointer).map(read).unwrap_or_default();
        Self {
            name: text(object, "/metadata/name").to_owned(),
            hard: at("/spec/hard"),
            hard_now: at("/spec/hard"),
            used: at("/status/used"),
            scopes: items(object, "/spec/scopes")
                .filter_map(|it| it.as_str().map(str::to_owned))
                .collect(),
            is_selective: object.pointer("/spec/scopeSelector").is_some(),
        }
    }

    /// Returns whether it counts a pod; `None` where that is not judged here.
    pub(super) fn counts(&self, spec: &Value) -> Option<bool> {
        if self.is_selective {
            return None;
        }
        let ends = spec
            .get("activeDeadlineSeconds")
            .is_some_and(|it| !it.is_null());
        let is_best_effort = ["requests", "limits"].iter().all(|which| {
            let amounts = amounts(spec, which);
            !amounts.contains_key("cpu") && !amounts.contains_key("memory")
        });
        let each = self.scopes.iter().map(|scope| match scope.as_str() {
            "Terminating" => Some(ends),
            "NotTerminating" => Some(!ends),
            "BestEffort" => Some(is_best_effort),
            "NotBestEffort" => Some(!is_best_effort),
            _ => None,
        });
        each.collect::<Option<Vec<bool>>>()
            .map(|all| all.into_iter().all(|it| it))
    }
}

pub(super) fn quotas(view: &View<'_>, namespace: &str, rollouts: &[Rollout<'_, '_>]) -> Vec<Quota> {
    let collection = Collection {
        api: "v1",
        plural: "resourcequotas",
        namespace: Some(namespace.to_owned()),
    };
    let mut unlisted = Vec::new();
    let listed = match view.list(collection, "whether the namespace's quotas have room") {
        Found::There(listed) => listed.as_slice(),
        Found::Missing | Found::Pending => &[],
        Found::Unseen => {
            unlisted.extend(rollouts.iter().filter_map(|it| of_refusal(view, it)));
            &[]
        }
    };
    let each = listed.iter().map(|quota| {
        // The manifest of the same call is applied as well.
        let name = text(quota, "/metadata/name");
        let brought = view.manifests.find("ResourceQuota", namespace, name);
        let hard = brought.and_then(|it| it.object.pointer("/spec/hard"));
        let own = Quota::of(quota);
        Quota {
            hard: hard.map_or_else(|| own.hard_now.clone(), read),
            ..own
        }
    });
    let mut all: Vec<Quota> = each.chain(unlisted).collect();
    let brought = view.manifests.of("ResourceQuota", namespace);
    for it in brought {
        if !all.iter().any(|known| known.name == it.name()) {
            all.push(new(view, namespace, &it.object, rollouts));
        }
    }
    all
}

/// Returns a quota that only the call brings. Every pod of the namespace counts for it from then on, and where these
/// may not be listed, those of the rollouts at least.
fn new(view: &View<'_>, namespace: &str, object: &Value, rollouts: &[Rollout<'_, '_>]) -> Quota {
    let own = Quota::of(object);
    let pods = pods_of(view, namespace, "what a new ResourceQuota counts at once");
    let mut used = Amounts::new();
    if let Found::There(pods) = pods {
        for spec in pods
            .iter()
            .filter(|it| !has_ended(it))
            .filter_map(|it| it.get("spec"))
        {
            if own.counts(spec) == Some(true) {
                add(&mut used, &taken(spec));
            }
        }
    } else {
        for it in rollouts {
            add(
                &mut used,
                &it.old_each
                    .iter()
                    .map(|(name, each)| (name.clone(), each.times(it.old)))
                    .collect(),
            );
        }
    }
    Quota {
        hard: own.hard_now,
        hard_now: Amounts::new(),
        used,
        ..own
    }
}

pub(super) fn pods_of<'a>(view: &View<'a>, namespace: &str, what: &str) -> Found<&'a Vec<Value>> {
    let collection = Collection {
        api: "v1",
        plural: "pods",
        namespace: Some(namespace.to_owned()),
    };
    view.list(collection, what)
}

/// Returns the quota that a refusal names, where quotas may not be listed.
fn of_refusal(view: &View<'_>, rollout: &Rollout<'_, '_>) -> Option<Quota> {
    let trial = trial(view, rollout.plan, rollout.plan.template())?.trial;
    let Refused {
        name, used, hard, ..
    } = refused(trial)?;
    Some(Quota {
        name: name.to_owned(),
        hard: hard.clone(),
        hard_now: hard,
        used,
        scopes: Vec::new(),
        is_selective: false,
    })
}

/// Returns what a pod takes from a quota, under the quota's names (`quota/v1/evaluator/core/pods.go`).
pub(super) fn taken(spec: &Value) -> Amounts {
    let mut taken = Amounts::new();
    for (name, amount) in amounts(spec, "requests") {
        taken.insert(format!("requests.{name}"), amount);
        if ["cpu", "memory", "ephemeral-storage"].contains(&name.as_str()) {
            taken.insert(name, amount);
        }
    }
    for (name, amount) in amounts(spec, "limits") {
        taken.insert(format!("limits.{name}"), amount);
    }
    let one = Quantity::whole(1);
    taken.insert("pods".to_owned(), one);
    taken.insert("count/pods".to_owned(), one);
    taken
}

/// The numbers in the refusal of a quota.
pub(super) struct Refused<'t> {
    pub(super) name: &'t str,
    pub(super) requested: Amounts,
    pub(super) used: Amounts,
    pub(super) hard: Amounts,
}

/// Reads the numbers in the refusal of a quota (`resourcequota/controller.go`, `checkRequest`).
pub(super) fn refused(trial: &Trial) -> Option<Refused<'_>> {
    let DryRun::Refused { message, .. } = &trial.result else {
        return None;
    };
    if classify_refusal(message).code != FindingCode::QuotaExceeded {
        return None;
    }
    let (_, rest) = message.split_once("exceeded quota: ")?;
    let (name, rest) = rest.split_once(", requested: ")?;
    let (requested, rest) = rest.split_once(", used: ")?;
    let (used, hard) = rest.split_once(", limited: ")?;
    let pairs = |text: &str| -> Amounts {
        let pairs = text.split(',').filter_map(|it| it.trim().split_once('='));
        pairs
            .filter_map(|(name, it)| Some((name.to_owned(), Quantity::parse(it)?)))
            .collect()
    };
    Some(Refused {
        name,
        requested: pairs(requested),
        used: pairs(used),
        hard: pairs(hard),
    })
}
