//! `metadata.managedFields`: who wrote an object when. What the fields are is left out
//! (k8s.io/apimachinery `pkg/util/managedfields/internal/managedfieldsupdater.go`).

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Part;
use crate::clock::seconds;
use crate::object::{items, set, text};

/// A client that writes, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Writer {
    /// What it calls itself.
    pub(crate) manager: String,
    /// A server-side apply.
    pub(crate) applies: bool,
    pub(crate) dry_run: bool,
}

impl Writer {
    /// A write of a part of an object.
    pub(super) fn write(&self, part: Part, at: Timestamp) -> Write<'_> {
        Write {
            writer: self,
            part,
            at,
        }
    }
}

/// A write, as `managedFields` keeps it.
pub(super) struct Write<'a> {
    writer: &'a Writer,
    part: Part,
    at: Timestamp,
}

impl Write<'_> {
    /// Enters the write into the object's `managedFields`, unless it only removes something.
    pub(super) fn sign(&self, new: &mut Value, old: Option<&Value>) {
        if old.is_some_and(|old| !says_more(old, new)) {
            return;
        }
        let entry = self.entry(new);
        let kept = old.map_or(&[][..], |it| items(it, "/metadata/managedFields"));
        let others = kept.iter().filter(|it| !is_same(it, &entry)).cloned();
        let mut entries: Vec<Value> = others.chain([entry.clone()]).collect();
        entries.sort_by_cached_key(|it| {
            let part = |field: &str| text(it, field).to_owned();
            [part("/operation"), part("/time"), part("/manager")]
        });
        set(new, &["metadata", "managedFields"], json!(entries));
    }

    fn entry(&self, object: &Value) -> Value {
        let operation = if self.writer.applies {
            "Apply"
        } else {
            "Update"
        };
        let mut entry = json!({
            "manager": self.writer.manager, "operation": operation, "time": seconds(self.at),
            "apiVersion": object.get("apiVersion"),
        });
        match self.part {
            Part::Main => {}
            Part::Status => entry["subresource"] = json!("status"),
        }
        entry
    }
}

/// Returns whether two entries are of one writer, on the same way.
fn is_same(one: &Value, other: &Value) -> bool {
    ["manager", "operation", "subresource"]
        .iter()
        .all(|field| one.get(field) == other.get(field))
}

/// Returns whether anything is in `new` that is not so in `old`. A list is one value here.
fn says_more(old: &Value, new: &Value) -> bool {
    match (old.as_object(), new.as_object()) {
        (Some(old), Some(new)) => new
            .iter()
            .any(|(name, value)| old.get(name).is_none_or(|before| says_more(before, value))),
        (_, _) => old != new,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn updates(manager: &str) -> Writer {
        Writer {
            manager: manager.to_owned(),
            applies: false,
            dry_run: false,
        }
    }

    fn applies(manager: &str) -> Writer {
        Writer {
            applies: true,
            ..updates(manager)
        }
    }

    fn signed(writer: &Writer, old: &Value, mut new: Value, second: &str) -> Value {
        let kept = items(old, "/metadata/managedFields").to_vec();
        new["metadata"]["managedFields"] = json!(kept);
        let now = format!("2026-01-01T00:00:{second}Z").parse().unwrap();
        writer.write(Part::Main, now).sign(&mut new, Some(old));
        new
    }

    /// `manager second` of every entry.
    fn shown(object: &Value) -> Vec<String> {
        let entries = items(object, "/metadata/managedFields");
        let second = |it: &Value| text(it, "/time")[17..19].to_owned();
        entries
            .iter()
            .map(|it| format!("{} {}", text(it, "/manager"), second(it)))
            .collect()
    }

    #[test]
    fn each_writer_has_one_entry_with_the_time_of_its_last_change() {
        let empty = json!({"metadata": {}});
        let first = signed(&updates("a"), &empty, json!({"data": {"x": "1"}}), "01");
        let second = signed(&updates("b"), &first, json!({"data": {"x": "2"}}), "02");
        assert_eq!(shown(&second), ["a 01", "b 02"]);
        let third = signed(&updates("a"), &second, json!({"data": {"x": "3"}}), "03");
        assert_eq!(shown(&third), ["b 02", "a 03"]);
        let applied = signed(&applies("a"), &third, json!({"data": {"x": "4"}}), "04");
        assert_eq!(
            shown(&applied),
            ["a 04", "b 02", "a 03"],
            "an apply is apart, and first"
        );
    }

    #[test]
    fn what_is_only_taken_away_or_the_same_leaves_no_time() {
        let empty = json!({"metadata": {}});
        let data = json!({"data": {"x": "1", "y": "1"}});
        let first = signed(&updates("a"), &empty, data.clone(), "01");
        let less = json!({"data": {"x": "1"}});
        for later in [data, less] {
            assert_eq!(shown(&signed(&updates("a"), &first, later, "02")), ["a 01"]);
        }
    }
}
