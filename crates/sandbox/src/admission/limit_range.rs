//! LimitRange, type Container: defaults, minimum and maximum
//! (kubernetes `plugin/pkg/admission/limitranger/admission.go`).

use rollguard_core::quantity::Quantity;
use serde_json::Value;

use super::amount;
use crate::object::{items, set};

/// Gives containers without requests or limits the range's defaults.
pub(super) fn apply_defaults(range: &Value, pod: &mut Value) {
    for limit in container_limits(range) {
        for list in ["initContainers", "containers"] {
            let containers = pod["spec"].get_mut(list).and_then(Value::as_array_mut);
            for container in containers.into_iter().flatten() {
                fill(container, limit);
            }
        }
    }
}

fn fill(container: &mut Value, limit: &Value) {
    // A maximum is the default limit where there is none, a default limit the default request, a
    // minimum likewise (kubernetes `pkg/apis/core/v1/defaults.go`, `SetDefaults_LimitRangeItem`).
    for (which, from) in [
        ("limits", "default"),
        ("limits", "max"),
        ("requests", "defaultRequest"),
        ("requests", "default"),
        ("requests", "max"),
        ("requests", "min"),
    ] {
        let defaults = limit.get(from).and_then(Value::as_object);
        for (resource, value) in defaults.into_iter().flatten() {
            if container["resources"][which].get(resource).is_none() {
                set(container, &["resources", which, resource], value.clone());
            }
        }
    }
}

/// Checks whether every container keeps within the range; else why not, in the plug-in's words.
pub(super) fn check(range: &Value, pod: &Value) -> Result<(), String> {
    let mut broken = Vec::new();
    for limit in container_limits(range) {
        for container in items(pod, "/spec/containers") {
            for (resource, enforced) in bounds(limit, "min") {
                broken.extend(below(container, resource, enforced));
            }
            for (resource, enforced) in bounds(limit, "max") {
                broken.extend(above(container, resource, enforced));
            }
        }
    }
    match broken.as_slice() {
        [] => Ok(()),
        [one] => Err(one.clone()),
        // As an aggregate of errors prints itself.
        more => Err(format!("[{}]", more.join(", "))),
    }
}

fn below(container: &Value, resource: &str, enforced: Quantity) -> Option<String> {
    let head = format!("minimum {resource} usage per Container is {enforced}");
    let request = amount(container, "requests", resource);
    let limit = amount(container, "limits", resource);
    match (request, limit) {
        (None, _) => Some(format!("{head}.  No request is specified")),
        (Some(request), _) if request < enforced => {
            Some(format!("{head}, but request is {request}"))
        }
        (_, Some(limit)) if limit < enforced => Some(format!("{head}, but limit is {limit}")),
        (Some(_), Some(_) | None) => None,
    }
}

fn above(container: &Value, resource: &str, enforced: Quantity) -> Option<String> {
    let head = format!("maximum {resource} usage per Container is {enforced}");
    let request = amount(container, "requests", resource);
    let limit = amount(container, "limits", resource);
    match (limit, request) {
        (None, _) => Some(format!("{head}.  No limit is specified")),
        (Some(limit), _) if limit > enforced => Some(format!("{head}, but limit is {limit}")),
        (_, Some(request)) if request > enforced => {
            Some(format!("{head}, but request is {request}"))
        }
        (Some(_), Some(_) | None) => None,
    }
}

fn container_limits(range: &Value) -> impl Iterator<Item = &Value> {
    items(range, "/spec/limits")
        .iter()
        .filter(|limit| limit["type"] == "Container")
}

fn bounds<'a>(limit: &'a Value, which: &str) -> Vec<(&'a str, Quantity)> {
    let Some(map) = limit.get(which).and_then(Value::as_object) else {
        return Vec::new();
    };
    let mut bounds: Vec<_> = map
        .iter()
        .filter_map(|(resource, value)| {
            Some((resource.as_str(), Quantity::parse(value.as_str()?)?))
        })
        .collect();
    bounds.sort_by_key(|(resource, _)| *resource);
    bounds
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn range(limit: &Value) -> Value {
        let mut limit = limit.clone();
        limit["type"] = json!("Container");
        json!({"spec": {"limits": [limit]}})
    }

    fn pod(resources: &Value) -> Value {
        json!({"spec": {"containers": [{"name": "app", "resources": resources}]}})
    }

    #[test]
    fn a_container_outside_of_the_range_is_named_with_its_numbers() {
        let rows = [
            (
                json!({"max": {"cpu": "1"}}),
                json!({"limits": {"cpu": "2"}}),
                "maximum cpu usage per Container is 1, but limit is 2",
            ),
            (
                json!({"max": {"memory": "64Mi"}}),
                json!({}),
                "maximum memory usage per Container is 64Mi.  No limit is specified",
            ),
            (
                json!({"min": {"cpu": "100m"}}),
                json!({"requests": {"cpu": "50m"}}),
                "minimum cpu usage per Container is 100m, but request is 50m",
            ),
            (
                json!({"max": {"cpu": "1", "memory": "1Gi"}}),
                json!({"limits": {"cpu": "2", "memory": "2Gi"}}),
                "[maximum cpu usage per Container is 1, but limit is 2, \
                 maximum memory usage per Container is 1Gi, but limit is 2Gi]",
            ),
        ];
        for (limit, resources, says) in rows {
            assert_eq!(check(&range(&limit), &pod(&resources)).unwrap_err(), says);
        }
    }

    #[test]
    fn defaults_fill_what_the_container_does_not_say() {
        let range = range(&json!({"max": {"cpu": "1"}, "default": {"cpu": "500m"}}));
        let mut pod = pod(&json!({"requests": {"memory": "1Mi"}}));
        apply_defaults(&range, &mut pod);
        assert_eq!(
            pod["spec"]["containers"][0]["resources"],
            json!({"limits": {"cpu": "500m"}, "requests": {"cpu": "500m", "memory": "1Mi"}})
        );
        assert_eq!(check(&range, &pod), Ok(()));
    }
}
