//! Recording events: repeated ones are counted, and similar ones are combined.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::Cluster;
use crate::clock::{micros, seconds};
use crate::event::{NewEvent, Source};
use crate::object::{int_or, name, text, uid};
use crate::resource::Resource;
use crate::store::Key;

/// So many similar events within such a time are recorded as one
/// (client-go `tools/record/events_cache.go`, `defaultAggregateMaxEvents`).
const SIMILAR: usize = 10;
const SIMILAR_WITHIN: SignedDuration = SignedDuration::from_mins(10);
const COMBINED: &str = "(combined from similar events): ";

impl Cluster {
    /// Records an event about an object; one that was recorded before is counted up.
    pub(crate) fn record(&mut self, about: &Key, new: &NewEvent) {
        let Some(object) = self.store.get(about).cloned() else {
            return;
        };
        let now = self.now();
        if new.source == Source::Scheduler {
            self.record_new_style(about, &object, new);
            return;
        }
        let admitted = self.recorder.admits(new.source, uid(&object), now);
        let new = &self.aggregated(about, &object, new);
        if let Some(earlier) = self.find_same(about, &object, new) {
            let unreported = self
                .recorder
                .unreported
                .entry(earlier.name.clone())
                .or_default();
            *unreported += 1;
            if admitted {
                let more = std::mem::take(unreported);
                self.modify(&earlier, |event| {
                    event["message"] = json!(new.message);
                    event["count"] = json!(int_or(event, "/count", 1) + more);
                    event["lastTimestamp"] = json!(seconds(now));
                });
            }
            return;
        }
        if !admitted {
            return;
        }
        let mut event = self.skeleton(about, &object, new);
        event["source"] = json!({"component": new.source.component()});
        event["firstTimestamp"] = json!(seconds(now));
        event["lastTimestamp"] = json!(seconds(now));
        event["count"] = json!(1);
        event["reportingInstance"] = json!("");
        if new.source == Source::Kubelet {
            let node = text(&object, "/spec/nodeName");
            event["source"]["host"] = json!(node);
            event["reportingInstance"] = json!(node);
        }
        self.put_event(about, event);
    }

    /// The scheduler writes events.k8s.io events: `eventTime`, no count, no last time.
    fn record_new_style(&mut self, about: &Key, object: &Value, new: &NewEvent) {
        let mut event = self.skeleton(about, object, new);
        let action = if new.warning { "Scheduling" } else { "Binding" };
        event["source"] = json!({});
        event["eventTime"] = json!(micros(self.now()));
        event["action"] = json!(action);
        event["reportingInstance"] = json!("default-scheduler-sandbox");
        self.put_event(about, event);
    }

    fn skeleton(&mut self, about: &Key, object: &Value, new: &NewEvent) -> Value {
        let mut involved = json!({
            "kind": about.resource.kind(), "apiVersion": about.resource.api_version(),
            "namespace": about.namespace, "name": name(object), "uid": uid(object),
            "resourceVersion": text(object, "/metadata/resourceVersion"),
        });
        if let Some(path) = &new.field_path {
            involved["fieldPath"] = json!(path);
        }
        json!({
            "metadata": {"name": format!("{}.{}", about.name, self.names.hex())},
            "involvedObject": involved,
            "type": if new.warning { "Warning" } else { "Normal" },
            "reason": new.reason,
            "message": new.message,
            "reportingComponent": new.source.component(),
        })
    }

    /// Returns the event as it is recorded: marked as combined when many similar ones came before it.
    fn aggregated(&self, about: &Key, object: &Value, new: &NewEvent) -> NewEvent {
        let mut new = new.clone();
        let recently = self.now() - SIMILAR_WITHIN;
        let similar = self.similar(about, object, &new);
        let recent = similar.iter().filter(|(_, event)| {
            crate::object::time(event, "/lastTimestamp").is_some_and(|at| at >= recently)
                && !text(event, "/message").starts_with(COMBINED)
        });
        let known = similar
            .iter()
            .any(|(_, event)| text(event, "/message") == new.message);
        // This one makes it ten.
        if !known && recent.count() + 1 >= SIMILAR {
            new.message = format!("{COMBINED}{}", new.message);
        }
        new
    }

    fn find_same(&self, about: &Key, object: &Value, new: &NewEvent) -> Option<Key> {
        let combined = new.message.starts_with(COMBINED);
        self.similar(about, object, new)
            .into_iter()
            .find(|(_, event)| {
                let message = text(event, "/message");
                message == new.message || combined && message.starts_with(COMBINED)
            })
            .map(|(key, _)| key)
    }

    /// The events of the same source about the same object with the same reason.
    fn similar(&self, about: &Key, object: &Value, new: &NewEvent) -> Vec<(Key, Arc<Value>)> {
        let mut events = self.store.list(Resource::Events, Some(&about.namespace));
        events.retain(|(_, event)| {
            text(event, "/involvedObject/uid") == uid(object)
                && text(event, "/reason") == new.reason
                && text(event, "/reportingComponent") == new.source.component()
        });
        events
    }

    fn put_event(&mut self, about: &Key, event: Value) {
        // Fails only when the namespace is gone, and then no one can read it.
        let _ = self.create(Resource::Events, &about.namespace, event);
    }
}
