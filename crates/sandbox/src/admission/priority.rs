//! Priorities of pods (kubernetes `plugin/pkg/admission/priority/admission.go`).

use std::sync::Arc;

use serde_json::{Value, json};

use crate::object::{int, name, text};
use crate::resource::Resource;
use crate::store::{Key, Store};

/// The classes that every cluster has, with their values
/// (kubernetes `pkg/apis/scheduling/v1/helpers.go`).
pub(crate) const SYSTEM: [(&str, i64); 2] = [
    ("system-cluster-critical", 2_000_000_000),
    ("system-node-critical", 2_000_001_000),
];

/// Gives a pod the priority of its class; else why not, in the plug-in's words.
pub(super) fn apply(store: &Store, pod: &mut Value) -> Result<(), String> {
    let stated = text(pod, "/spec/priorityClassName").to_owned();
    let class = if stated.is_empty() {
        global_default(store)
    } else {
        let key = Key::new(Resource::PriorityClasses, "", &stated);
        let found = store.get(&key).cloned();
        Some(found.ok_or_else(|| format!("no PriorityClass with name {stated} was found"))?)
    };
    let (priority, preemption) = match &class {
        Some(class) => (int(class, "/value"), text(class, "/preemptionPolicy")),
        None => (0, "PreemptLowerPriority"),
    };
    let spec = &mut pod["spec"];
    if let Some(own) = spec.get("priority").and_then(Value::as_i64)
        && own != priority
    {
        return Err(format!(
            "the integer value of priority ({own}) must not be provided in pod spec; \
             priority admission controller computed {priority} from the given PriorityClass name"
        ));
    }
    if let Some(class) = &class {
        spec["priorityClassName"] = json!(name(class));
    }
    spec["priority"] = json!(priority);
    spec["preemptionPolicy"] = json!(preemption);
    Ok(())
}

/// The class of pods that name none; of several the one of least value.
fn global_default(store: &Store) -> Option<Arc<Value>> {
    store
        .list(Resource::PriorityClasses, None)
        .into_iter()
        .map(|(_, class)| class)
        .filter(|class| class["globalDefault"] == true)
        .min_by_key(|class| int(class, "/value"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(classes: &[(&str, i64, bool)]) -> Store {
        let mut store = Store::default();
        for (name, value, default) in classes {
            let class = json!({
                "metadata": {"name": name}, "value": value, "globalDefault": default,
                "preemptionPolicy": "Never",
            });
            store.put(Key::new(Resource::PriorityClasses, "", name), class);
        }
        store
    }

    fn applied(store: &Store, spec: &Value) -> Result<Value, String> {
        let mut pod = json!({"spec": spec});
        apply(store, &mut pod).map(|()| pod["spec"].take())
    }

    #[test]
    fn a_pod_gets_the_priority_of_its_class() {
        let classes = [("low", 1, false), ("usual", 5, true), ("high", 9, true)];
        let rows = [
            (&classes[..], json!({"priorityClassName": "low"}), "low", 1),
            (&classes[..], json!({}), "usual", 5),
            (&classes[..1], json!({}), "", 0),
        ];
        for (classes, spec, class, priority) in rows {
            let spec = applied(&store(classes), &spec).unwrap();
            assert_eq!(text(&spec, "/priorityClassName"), class);
            assert_eq!(spec["priority"], priority);
        }
    }

    #[test]
    fn a_class_that_is_not_there_and_a_priority_of_ones_own_are_refused() {
        let store = store(&[("low", 1, false)]);
        let rows = [
            (
                json!({"priorityClassName": "high"}),
                "no PriorityClass with name high was found",
            ),
            (
                json!({"priorityClassName": "low", "priority": 2}),
                "the integer value of priority (2) must not be provided in pod spec; priority \
                 admission controller computed 1 from the given PriorityClass name",
            ),
        ];
        for (spec, says) in rows {
            assert_eq!(applied(&store, &spec).unwrap_err(), says);
        }
        let own = json!({"priorityClassName": "low", "priority": 1});
        applied(&store, &own).unwrap();
    }
}
