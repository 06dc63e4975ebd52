//! What a person wants to see of a template change: images, names of environment variables,
//! probes, resources. Values of environment variables are never shown.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One change to the pods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// What changes, for example the image of a container.
    pub what: String,
    /// What it is now, where that may be shown.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<String>,
    /// What it will be, where that may be shown.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub to: Option<String>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.from, &self.to) {
            (None, None) => f.write_str(&self.what),
            (from, to) => {
                let or_none = |it: &Option<String>| it.clone().unwrap_or_else(|| "none".to_owned());
                write!(f, "{}: {} → {}", self.what, or_none(from), or_none(to))
            }
        }
    }
}

/// The fields of a container whose values may be shown.
const SHOWN: [&str; 2] = ["image", "resources"];
/// The fields of a container of which only the fact of a change is told.
const TOLD: [&str; 8] = [
    "command",
    "args",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "ports",
    "volumeMounts",
    "securityContext",
];

/// The changes from one pod template to another, in a stable order.
#[must_use]
pub fn changes(from: &Value, to: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    for (group, label) in [
        ("initContainers", "init container"),
        ("containers", "container"),
    ] {
        let (before, after) = (by_name(from, group), by_name(to, group));
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for name in names {
            let title = format!("{label} `{name}`");
            match (before.get(name), after.get(name)) {
                (Some(before), Some(after)) => container(&title, before, after, &mut found),
                (None, _) => found.push(told(format!("{title} comes back"))),
                (_, None) => found.push(told(format!("{title} goes"))),
            }
        }
    }
    rest(from, to, &mut found);
    found
}

const fn told(what: String) -> Change {
    Change {
        what,
        from: None,
        to: None,
    }
}

fn by_name<'a>(template: &'a Value, group: &str) -> BTreeMap<String, &'a Value> {
    let list = template
        .pointer(&format!("/spec/{group}"))
        .and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(|it| Some((it.get("name")?.as_str()?.to_owned(), it)))
        .collect()
}

fn container(title: &str, before: &Value, after: &Value, found: &mut Vec<Change>) {
    for field in SHOWN {
        if before.get(field) != after.get(field) {
            let show = |it: &Value| {
                it.get(field)
                    .map(|it| it.as_str().map_or_else(|| it.to_string(), str::to_owned))
            };
            found.push(Change {
                what: format!("{title}: {field}"),
                from: show(before),
                to: show(after),
            });
        }
    }
    let (old, new) = (env(before), env(after));
    let names: BTreeSet<&str> = old.keys().chain(new.keys()).copied().collect();
    for name in names
        .into_iter()
        .filter(|name| old.get(name) != new.get(name))
    {
        let how = match (old.contains_key(name), new.contains_key(name)) {
            (true, false) => "goes",
            (false, true) => "comes back",
            _ => "changes",
        };
        found.push(told(format!(
            "{title}: environment variable `{name}` {how}"
        )));
    }
    for field in TOLD
        .into_iter()
        .filter(|field| before.get(field) != after.get(field))
    {
        found.push(told(format!("{title}: {field} changes")));
    }
    if before.get("envFrom") != after.get("envFrom") {
        found.push(told(format!("{title}: envFrom changes")));
    }
}

fn env(container: &Value) -> BTreeMap<&str, &Value> {
    let list = container.get("env").and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(|it| Some((it.get("name")?.as_str()?, it)))
        .collect()
}

/// Whatever else of the pod's spec or metadata differs, by name.
fn rest(from: &Value, to: &Value, found: &mut Vec<Change>) {
    for (pointer, skipped) in [
        ("/spec", ["containers", "initContainers"]),
        ("/metadata", ["creationTimestamp", ""]),
    ] {
        let fields = |it: &Value| -> BTreeMap<String, Value> {
            let object = it.pointer(pointer).and_then(Value::as_object);
            object
                .into_iter()
                .flatten()
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect()
        };
        let (before, after) = (fields(from), fields(to));
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for name in names
            .into_iter()
            .filter(|name| !skipped.contains(&name.as_str()))
        {
            if before.get(name) != after.get(name) {
                found.push(told(format!("pod: `{name}` changes")));
            }
        }
    }
}
