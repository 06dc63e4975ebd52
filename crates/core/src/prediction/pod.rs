//! The demands of a pod on its node and on its namespace's quotas.

use std::collections::BTreeMap;

use serde_json::Value;

use super::items;
use crate::quantity::Quantity;
use crate::workload::raw::text;

/// Returns whether a pod has succeeded or failed as a whole.
pub(super) fn has_ended(pod: &Value) -> bool {
    ["Succeeded", "Failed"].contains(&text(pod, "/status/phase"))
}

/// Returns whether a pod is about to end: it is being deleted, or its containers end by themselves.
pub(super) fn is_about_to_end(pod: &Value) -> bool {
    !text(pod, "/metadata/deletionTimestamp").is_empty()
        || ["Never", "OnFailure"].contains(&text(pod, "/spec/restartPolicy"))
        || items(pod, "/metadata/ownerReferences").any(|it| text(it, "/kind") == "Job")
}

/// Amounts by resource.
pub(super) type Amounts = BTreeMap<String, Quantity>;

/// Returns what a pod requests, or its limits: its containers and sidecars together, or its largest init container
/// with the sidecars before it (component-helpers `resource/helpers.go`, `PodRequests`).
pub(super) fn amounts(spec: &Value, which: &str) -> Amounts {
    let mut all = Amounts::new();
    for container in items(spec, "/containers") {
        add(&mut all, &of_container(container, which));
    }
    let mut sidecars = Amounts::new();
    let mut starting = Amounts::new();
    for container in items(spec, "/initContainers") {
        let own = of_container(container, which);
        if text(container, "/restartPolicy") == "Always" {
            add(&mut all, &own);
            add(&mut sidecars, &own);
            raise(&mut starting, &sidecars);
        } else {
            let mut with = sidecars.clone();
            add(&mut with, &own);
            raise(&mut starting, &with);
        }
    }
    raise(&mut all, &starting);
    // Resources of the whole pod replace the sum.
    all.extend(listed(spec, &format!("/resources/{which}")));
    if let Some(overhead) = spec.get("overhead") {
        add(&mut all, &read(overhead));
    }
    all
}

fn of_container(container: &Value, which: &str) -> Amounts {
    let own = listed(container, &format!("/resources/{which}"));
    if which != "requests" {
        return own;
    }
    // A limit without a request is a request as well (`SetDefaults_Pod`).
    let mut amounts = listed(container, "/resources/limits");
    amounts.extend(own);
    amounts
}

/// Returns whether a container of a pod requests something else than its template asks for. Containers that only the pod
/// has were injected.
pub(super) fn requests_differ(template: &Value, pod: &Value) -> bool {
    let all = |spec: &'_ Value| -> BTreeMap<String, Amounts> {
        let groups = ["/initContainers", "/containers"].into_iter();
        let all = groups.flat_map(|it| items(spec, it));
        all.map(|it| (text(it, "/name").to_owned(), of_container(it, "requests")))
            .collect()
    };
    let running = all(pod);
    let mut asked = all(template).into_iter();
    asked.any(|(name, amounts)| running.get(&name).is_some_and(|it| *it != amounts))
}

fn listed(object: &Value, pointer: &str) -> Amounts {
    object.pointer(pointer).map(read).unwrap_or_default()
}

/// Reads amounts by resource; what cannot be read is left out.
pub(super) fn read(amounts: &Value) -> Amounts {
    let fields = amounts.as_object().into_iter().flatten();
    fields
        .filter_map(|(name, value)| Some((name.clone(), quantity(value)?)))
        .collect()
}

pub(super) fn quantity(value: &Value) -> Option<Quantity> {
    match value {
        Value::String(text) => Quantity::parse(text),
        Value::Number(number) => Quantity::parse(&number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

pub(super) fn add(to: &mut Amounts, more: &Amounts) {
    for (name, amount) in more {
        let sum = to.get(name).map_or(*amount, |it| it.plus(*amount));
        to.insert(name.clone(), sum);
    }
}

fn raise(to: &mut Amounts, least: &Amounts) {
    for (name, amount) in least {
        let most = to.get(name).map_or(*amount, |it| (*it).max(*amount));
        to.insert(name.clone(), most);
    }
}

/// Returns a spec with the defaults of a LimitRange for containers, as its admission fills them in
/// (`limitranger/admission.go`, `mergePodResourceRequirements`).
pub(super) fn with_defaults(spec: &Value, ranges: &[Value]) -> Value {
    let mut spec = spec.clone();
    for range in ranges {
        for limit in items(range, "/spec/limits").filter(|it| text(it, "/type") == "Container") {
            for group in ["initContainers", "containers"] {
                let containers = spec.get_mut(group).and_then(Value::as_array_mut);
                for container in containers.into_iter().flatten() {
                    fill(container, "limits", limit.get("default"));
                    fill(container, "requests", limit.get("defaultRequest"));
                }
            }
        }
    }
    spec
}

fn fill(container: &mut Value, which: &str, defaults: Option<&Value>) {
    let (Some(container), Some(defaults)) = (
        container.as_object_mut(),
        defaults.and_then(Value::as_object),
    ) else {
        return;
    };
    let empty = || Value::Object(serde_json::Map::new());
    let resources = container.entry("resources").or_insert_with(empty);
    let Some(resources) = resources.as_object_mut() else {
        return;
    };
    let amounts = resources.entry(which).or_insert_with(empty);
    if let Some(amounts) = amounts.as_object_mut() {
        for (name, value) in defaults {
            amounts.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
}
