//! Quotas over pods (k8s.io/apiserver `pkg/admission/plugin/resourcequota/controller.go`).

use std::collections::BTreeMap;

use rollguard_core::quantity::Quantity;
use serde_json::{Map, Value, json};

use super::amount;
use crate::object::{items, name, text};
use crate::resource::Resource;
use crate::store::Store;

type Amounts = BTreeMap<String, Quantity>;

/// Checks whether a new pod fits into every quota of its namespace; else why not, in the plug-in's words.
pub(super) fn check(store: &Store, pod: &Value) -> Result<(), String> {
    let namespace = text(pod, "/metadata/namespace");
    for (_, quota) in store.list(Resource::Quotas, Some(namespace)) {
        let hard = hard(&quota);
        let missing = unstated(&hard, pod);
        if !missing.is_empty() {
            return Err(format!(
                "failed quota: {}: must specify {}",
                name(&quota),
                missing.join("; ")
            ));
        }
        let used = used(store, namespace, &hard);
        let requested = usage(&hard, pod);
        let exceeded: Vec<&String> = hard
            .iter()
            .filter(|(resource, limit)| {
                let asked = requested[*resource];
                asked > Quantity::default() && used[*resource].plus(asked) > **limit
            })
            .map(|(resource, _)| resource)
            .collect();
        if !exceeded.is_empty() {
            return Err(format!(
                "exceeded quota: {}, requested: {}, used: {}, limited: {}",
                name(&quota),
                pretty(&exceeded, &requested),
                pretty(&exceeded, &used),
                pretty(&exceeded, &hard)
            ));
        }
    }
    Ok(())
}

/// The status of a quota: its hard limits, and what the pods of its namespace use of them.
pub(crate) fn status(store: &Store, namespace: &str, quota: &Value) -> Value {
    let hard = hard(quota);
    let used = used(store, namespace, &hard);
    json!({"hard": shown(&hard), "used": shown(&used)})
}

fn hard(quota: &Value) -> Amounts {
    let limits = quota.pointer("/spec/hard").and_then(Value::as_object);
    limits
        .into_iter()
        .flatten()
        .filter(|(resource, _)| counts(resource))
        .filter_map(|(resource, value)| Some((resource.clone(), Quantity::parse(value.as_str()?)?)))
        .collect()
}

/// Returns whether the sandbox knows how pods use a resource.
fn counts(resource: &str) -> bool {
    matches!(resource, "pods" | "count/pods") || compute(resource).is_some()
}

/// `requests` or `limits`, and the resource: the bare names mean requests.
fn compute(resource: &str) -> Option<(&'static str, &'static str)> {
    match resource {
        "cpu" | "requests.cpu" => Some(("requests", "cpu")),
        "memory" | "requests.memory" => Some(("requests", "memory")),
        "limits.cpu" => Some(("limits", "cpu")),
        "limits.memory" => Some(("limits", "memory")),
        _ => None,
    }
}

/// Returns what the quota counts and containers do not state: `limits.cpu for: a,b`.
fn unstated(hard: &Amounts, pod: &Value) -> Vec<String> {
    let lacking = |which: &str, resource: &str| -> Vec<&str> {
        items(pod, "/spec/containers")
            .iter()
            .filter(|it| amount(it, which, resource).is_none())
            .map(|it| text(it, "/name"))
            .collect()
    };
    hard.keys()
        .filter_map(|counted| {
            let (which, resource) = compute(counted)?;
            let containers = lacking(which, resource);
            (!containers.is_empty()).then(|| format!("{counted} for: {}", containers.join(",")))
        })
        .collect()
}

fn usage(hard: &Amounts, pod: &Value) -> Amounts {
    let sum = |(which, resource): (&str, &str)| {
        items(pod, "/spec/containers")
            .iter()
            .filter_map(|it| amount(it, which, resource))
            .fold(Quantity::default(), Quantity::plus)
    };
    hard.keys()
        .map(|resource| {
            let amount = compute(resource).map_or(Quantity::whole(1), sum);
            (resource.clone(), amount)
        })
        .collect()
}

/// Pods that ended do not count, those that are being deleted do until they are gone
/// (kubernetes `pkg/quota/v1/evaluator/core/pods.go`, `QuotaV1Pod`).
fn used(store: &Store, namespace: &str, hard: &Amounts) -> Amounts {
    let mut total: Amounts = hard
        .keys()
        .map(|resource| (resource.clone(), Quantity::default()))
        .collect();
    for (_, pod) in store.list(Resource::Pods, Some(namespace)) {
        if matches!(text(&pod, "/status/phase"), "Failed" | "Succeeded") {
            continue;
        }
        for (resource, amount) in usage(hard, &pod) {
            total
                .entry(resource)
                .and_modify(|sum| *sum = sum.plus(amount));
        }
    }
    total
}

/// `limits.cpu=2,pods=1`
fn pretty(resources: &[&String], amounts: &Amounts) -> String {
    let parts: Vec<_> = resources
        .iter()
        .map(|it| format!("{it}={}", amounts[it.as_str()]))
        .collect();
    parts.join(",")
}

fn shown(amounts: &Amounts) -> Map<String, Value> {
    amounts
        .iter()
        .map(|(resource, amount)| (resource.clone(), json!(amount.to_string())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Key;

    fn store(hard: &Value, pods: &[&Value]) -> Store {
        let mut store = Store::default();
        let quota = json!({"metadata": {"name": "team"}, "spec": {"hard": hard}});
        store.put(Key::new(Resource::Quotas, "shop", "team"), quota);
        for (index, resources) in pods.iter().enumerate() {
            let key = Key::new(Resource::Pods, "shop", &index.to_string());
            store.put(key, pod(resources));
        }
        store
    }

    fn pod(resources: &Value) -> Value {
        json!({"metadata": {"name": "web", "namespace": "shop"},
               "spec": {"containers": [{"name": "app", "resources": resources}]}})
    }

    #[test]
    fn a_pod_that_does_not_fit_is_refused_with_the_sums() {
        let two = json!({"limits": {"cpu": "2"}});
        let seven = json!({"limits": {"cpu": "7"}});
        let store = store(&json!({"limits.cpu": "8", "pods": "5"}), &[&seven]);
        assert_eq!(
            check(&store, &pod(&two)).unwrap_err(),
            "exceeded quota: team, requested: limits.cpu=2, used: limits.cpu=7, limited: limits.cpu=8"
        );
        assert_eq!(
            check(&store, &pod(&json!({"limits": {"cpu": "1"}}))),
            Ok(())
        );
    }

    #[test]
    fn a_pod_that_does_not_state_what_is_counted_is_refused() {
        let store = store(&json!({"limits.cpu": "8", "requests.memory": "1Gi"}), &[]);
        assert_eq!(
            check(&store, &pod(&json!({}))).unwrap_err(),
            "failed quota: team: must specify limits.cpu for: app; requests.memory for: app"
        );
    }

    #[test]
    fn pods_are_counted() {
        let store = store(&json!({"pods": "1"}), &[&json!({})]);
        assert_eq!(
            check(&store, &pod(&json!({}))).unwrap_err(),
            "exceeded quota: team, requested: pods=1, used: pods=1, limited: pods=1"
        );
    }
}
