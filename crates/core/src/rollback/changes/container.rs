//! Lists the changes of a container.

use serde_json::Value;

use super::value::{command, cut, variable};
use super::{Change, by_name, differing, fields, how, plain_text, shown, told};
use crate::foreign_text::without_query;

const PROBES: [&str; 3] = ["livenessProbe", "readinessProbe", "startupProbe"];
/// The fields that are compared in detail, and the container's name.
const CLOSER: [&str; 10] = [
    "name",
    "image",
    "command",
    "args",
    "resources",
    "env",
    "envFrom",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
];
/// The fields of a probe's handler that may be shown: headers may hold secrets.
const ASKED: [(&str, [&str; 3]); 3] = [
    ("httpGet", ["path", "port", "scheme"]),
    ("tcpSocket", ["port", "host", ""]),
    ("grpc", ["port", "service", ""]),
];

pub(super) fn changes(title: &str, before: &Value, after: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    let image = |it: &Value| it.get("image").map(plain_text);
    let (old, new) = (image(before), image(after));
    if old != new {
        found.push(shown(format!("{title}: image"), old, new));
    }
    for list in ["command", "args"] {
        let (old, new) = (before.get(list), after.get(list));
        if old != new {
            let title = format!("{title}: {list}");
            found.push(shown_or_told(
                title,
                old.and_then(command),
                new.and_then(command),
            ));
        }
    }
    found.extend(resources(title, before, after));
    found.extend(environment(title, before, after));
    for probe in PROBES {
        found.extend(probe_changes(
            format!("{title}: {probe}"),
            before.get(probe),
            after.get(probe),
        ));
    }
    let rest = fields(before, after, "", &CLOSER);
    found.extend(rest.map(|(name, ..)| told(format!("{title}: {name} changes"))));
    found
}

/// Lists changes of resources, such as `requests.cpu`, with their numbers.
fn resources(title: &str, before: &Value, after: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    for group in ["requests", "limits"] {
        let pointer = format!("/resources/{group}");
        found.extend(
            fields(before, after, &pointer, &[]).map(|(name, from, to)| {
                let what = format!("{title}: resources.{group}.{name}");
                shown(what, from.map(plain_text), to.map(plain_text))
            }),
        );
    }
    let rest = fields(before, after, "/resources", &["requests", "limits"]);
    found.extend(rest.map(|(name, ..)| told(format!("{title}: resources.{name} changes"))));
    found
}

/// Lists changes of environment variables; of one that may hold a secret only the name.
fn environment(title: &str, before: &Value, after: &Value) -> Vec<Change> {
    let (old, new) = (by_name(before, "/env"), by_name(after, "/env"));
    let mut found: Vec<Change> = differing(&old, &new)
        .into_iter()
        .map(|(name, before, after)| {
            let title = format!("{title}: environment variable `{name}`");
            let old = before.map(|it| variable(name, it));
            let new = after.map(|it| variable(name, it));
            match (&old, &new) {
                (Some(None), _) | (_, Some(None)) => {
                    told(format!("{title} {}", how(before, after)))
                }
                (_, _) => shown_or_told(title, old.flatten(), new.flatten()),
            }
        })
        .collect();
    if before.get("envFrom") != after.get("envFrom") {
        found.push(shown_or_told(
            format!("{title}: envFrom"),
            sources(before),
            sources(after),
        ));
    }
    found
}

/// Returns the names of the objects in `envFrom`.
fn sources(container: &Value) -> Option<String> {
    let list = container.get("envFrom")?.as_array()?.iter();
    let names: Vec<String> = list
        .filter_map(|it| {
            let kinds = [("configMapRef", "configMap"), ("secretRef", "secret")];
            kinds.iter().find_map(|(key, kind)| {
                Some(format!("{kind} {}", it.get(key)?.get("name")?.as_str()?))
            })
        })
        .collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// Lists changes of a probe's numbers and of its handler.
fn probe_changes(title: String, before: Option<&Value>, after: Option<&Value>) -> Vec<Change> {
    let (before, after) = match (before, after) {
        (None, None) => return Vec::new(),
        (Some(before), Some(after)) if before == after => return Vec::new(),
        (Some(before), Some(after)) => (before, after),
        (before, after) => {
            let (old, new) = (before.and_then(asked), after.and_then(asked));
            return vec![if old.is_none() && new.is_none() {
                told(format!("{title} {}", how(before, after)))
            } else {
                shown_or_told(title, old, new)
            }];
        }
    };
    let mut found = Vec::new();
    let mut handler_changes = false;
    for (name, from, to) in fields(before, after, "", &[]) {
        if [from, to].into_iter().flatten().all(Value::is_number) {
            let what = format!("{title}.{name}");
            found.push(shown(what, from.map(plain_text), to.map(plain_text)));
        } else {
            handler_changes = true;
        }
    }
    if handler_changes {
        found.push(shown_or_told(title, asked(before), asked(after)));
    }
    found
}

/// Describes a probe's handler, as far as it may be shown.
fn asked(probe: &Value) -> Option<String> {
    if let Some(exec) = probe.pointer("/exec/command") {
        return Some(format!("exec {}", command(exec)?));
    }
    ASKED.iter().find_map(|(kind, shown)| {
        let handler = probe.get(kind)?;
        let parts = shown.iter().filter_map(|name| handler.get(name));
        let parts = parts.map(|it| without_query(&plain_text(it)));
        Some(format!("{kind} {}", parts.collect::<Vec<_>>().join(" ")))
    })
}

/// Shows a change, or only reports it if the parts that may be shown are equal.
fn shown_or_told(title: String, from: Option<String>, to: Option<String>) -> Change {
    if from == to {
        return told(format!("{title} changes"));
    }
    let (from, to) = cut(from, to);
    shown(title, from, to)
}
