//! Lists the changes from one pod template to another: images, commands, environment variables,
//! probes, resources, sources of volumes.
//!
//! Values that may hold a secret ([`value`]), annotations and headers are never shown.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

mod container;
#[cfg(test)]
mod tests;
mod value;

/// The most changes that are listed: the list must be short enough to read during an incident.
const LIMIT: usize = 30;

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

/// Lists the changes from one pod template to another in a stable order, the containers first and
/// the metadata last.
///
/// Beyond the limit, changes are only counted.
#[must_use]
pub fn changes(from: &Value, to: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    for (group, label) in [
        ("initContainers", "init container"),
        ("containers", "container"),
    ] {
        let pointer = format!("/spec/{group}");
        for (name, before, after) in differing(&by_name(from, &pointer), &by_name(to, &pointer)) {
            let title = format!("{label} `{name}`");
            match (before, after) {
                (Some(before), Some(after)) => {
                    found.extend(container::changes(&title, before, after));
                }
                (before, _) => found.push(told(format!("{title} {}", how(before, after)))),
            }
        }
    }
    found.extend(volumes(from, to));
    found.extend(
        fields(
            from,
            to,
            "/spec",
            &["containers", "initContainers", "volumes"],
        )
        .map(|(name, ..)| told(format!("pod: `{name}` changes"))),
    );
    found.extend(metadata(from, to));
    bounded(found)
}

fn bounded(mut found: Vec<Change>) -> Vec<Change> {
    if found.len() > LIMIT {
        let more = found.len() - (LIMIT - 1);
        found.truncate(LIMIT - 1);
        found.push(told(format!("and {more} more changes")));
    }
    found
}

/// Lists changed sources of volumes: a ConfigMap or Secret with a hash of its content in its name
/// changes with every release, and the former one may be gone.
fn volumes(from: &Value, to: &Value) -> Vec<Change> {
    let pointer = "/spec/volumes";
    differing(&by_name(from, pointer), &by_name(to, pointer))
        .into_iter()
        .map(|(name, before, after)| {
            let title = format!("volume `{name}`");
            match (before.and_then(source), after.and_then(source)) {
                (before, after) if before == after => told(format!("{title} changes")),
                (from, to) => shown(title, from, to),
            }
        })
        .collect()
}

/// The kind of a volume's source, with the name of the object that it reads.
fn source(volume: &Value) -> Option<String> {
    let mut sources = volume.as_object()?.iter();
    let (kind, source) = sources.find(|(key, _)| *key != "name")?;
    let named = ["name", "secretName", "claimName"];
    let name = named.iter().find_map(|key| source.get(key)?.as_str());
    Some(match name {
        Some(name) => format!("{kind} {name}"),
        None => kind.clone(),
    })
}

/// Labels with their values, annotations by name: tools keep whole objects in annotations.
fn metadata(from: &Value, to: &Value) -> Vec<Change> {
    let labels = fields(from, to, "/metadata/labels", &[]).map(|(name, before, after)| {
        let title = format!("pod label `{name}`");
        shown(title, before.map(plain_text), after.map(plain_text))
    });
    let annotations =
        fields(from, to, "/metadata/annotations", &[]).map(|(name, before, after)| {
            told(format!("pod annotation `{name}` {}", how(before, after)))
        });
    let skipped = ["labels", "annotations", "creationTimestamp"];
    let rest = fields(from, to, "/metadata", &skipped)
        .map(|(name, ..)| told(format!("pod: `{name}` changes")));
    labels.chain(annotations).chain(rest).collect()
}

const fn told(what: String) -> Change {
    Change {
        what,
        from: None,
        to: None,
    }
}

const fn shown(what: String, from: Option<String>, to: Option<String>) -> Change {
    Change { what, from, to }
}

/// The word for what becomes of something. The target is older: what only it has was there before.
const fn how(before: Option<&Value>, after: Option<&Value>) -> &'static str {
    match (before, after) {
        (Some(_), None) => "goes",
        (None, Some(_)) => "comes back",
        (Some(_), Some(_)) | (None, None) => "changes",
    }
}

type Fields<'a> = BTreeMap<&'a str, &'a Value>;
/// A name with what it is before and after.
type Differing<'a> = (&'a str, Option<&'a Value>, Option<&'a Value>);

fn differing<'a>(before: &Fields<'a>, after: &Fields<'a>) -> Vec<Differing<'a>> {
    let names: BTreeSet<&'a str> = before.keys().chain(after.keys()).copied().collect();
    let all = names.into_iter().map(|name| {
        let of = |it: &Fields<'a>| it.get(name).copied();
        (name, of(before), of(after))
    });
    all.filter(|(_, before, after)| before != after).collect()
}

/// The members of an object that differ.
fn fields<'a>(
    from: &'a Value,
    to: &'a Value,
    pointer: &str,
    skipped: &[&str],
) -> impl Iterator<Item = Differing<'a>> + use<'a> {
    let of = |it: &'a Value| -> Fields<'a> {
        let members = it.pointer(pointer).and_then(Value::as_object);
        let members = members.into_iter().flatten();
        members
            .filter(|(name, value)| !skipped.contains(&name.as_str()) && !value.is_null())
            .map(|(name, value)| (name.as_str(), value))
            .collect()
    };
    differing(&of(from), &of(to)).into_iter()
}

/// The members of a list by their names.
fn by_name<'a>(within: &'a Value, pointer: &str) -> Fields<'a> {
    let list = within.pointer(pointer).and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(|it| Some((it.get("name")?.as_str()?, it)))
        .collect()
}

/// A value without quotation marks.
fn plain_text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
