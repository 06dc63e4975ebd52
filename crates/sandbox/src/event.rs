//! Recording events: repeated ones are counted, chatty sources are cut off, as client-go does.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::clock::{micros, seconds};
use crate::cluster::Cluster;
use crate::object::{int_or, name, text, uid};
use crate::resource::Resource;
use crate::store::Key;

/// Events that one source may send about one object at once, and how many seconds until it may
/// send one more (client-go `tools/record/events_cache.go`, `defaultSpamBurst`, `defaultSpamQPS`).
const BURST: f64 = 25.0;
const SECONDS_PER_EVENT: f64 = 300.0;

/// So many similar events within such a time are told as one
/// (client-go `tools/record/events_cache.go`, `defaultAggregateMaxEvents`).
const SIMILAR: usize = 10;
const SIMILAR_WITHIN: SignedDuration = SignedDuration::from_mins(10);
const COMBINED: &str = "(combined from similar events): ";

/// Who reports an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    Kubelet,
    Scheduler,
    DeploymentController,
    ReplicaSetController,
    StatefulSetController,
    DaemonSetController,
    NodeController,
}

impl Source {
    const fn component(self) -> &'static str {
        match self {
            Self::Kubelet => "kubelet",
            Self::Scheduler => "default-scheduler",
            Self::DeploymentController => "deployment-controller",
            Self::ReplicaSetController => "replicaset-controller",
            Self::StatefulSetController => "statefulset-controller",
            Self::DaemonSetController => "daemonset-controller",
            Self::NodeController => "node-controller",
        }
    }
}

/// An event about an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Happening {
    pub(crate) source: Source,
    pub(crate) warning: bool,
    pub(crate) reason: String,
    pub(crate) message: String,
    /// The container that it is about, as `spec.containers{app}`.
    pub(crate) field_path: Option<String>,
}

impl Happening {
    pub(crate) fn normal(source: Source, reason: &str, message: impl Into<String>) -> Self {
        Self {
            source,
            warning: false,
            reason: reason.to_owned(),
            message: message.into(),
            field_path: None,
        }
    }

    pub(crate) fn warning(source: Source, reason: &str, message: impl Into<String>) -> Self {
        Self {
            warning: true,
            ..Self::normal(source, reason, message)
        }
    }

    pub(crate) fn about_container(mut self, container: &str) -> Self {
        self.field_path = Some(format!("spec.containers{{{container}}}"));
        self
    }
}

/// What is known about earlier events.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    buckets: BTreeMap<(Source, String), Bucket>,
    /// How often an event happened since its count was written last: what is cut off is counted.
    untold: BTreeMap<String, i64>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Timestamp,
}

impl Recorder {
    /// Whether a source may say one more thing about an object.
    fn admits(&mut self, source: Source, uid: &str, now: Timestamp) -> bool {
        let bucket = self
            .buckets
            .entry((source, uid.to_owned()))
            .or_insert(Bucket {
                tokens: BURST,
                at: now,
            });
        let passed = now.duration_since(bucket.at).as_secs_f64();
        bucket.tokens = (bucket.tokens + passed / SECONDS_PER_EVENT).min(BURST);
        bucket.at = now;
        if bucket.tokens < 1.0 {
            return false;
        }
        bucket.tokens -= 1.0;
        true
    }
}

impl Cluster {
    /// Records an event about an object; one that was recorded before is counted up.
    pub(crate) fn record(&mut self, about: &Key, happening: &Happening) {
        let Some(object) = self.store.get(about).cloned() else {
            return;
        };
        let now = self.now();
        if happening.source == Source::Scheduler {
            self.record_new_style(about, &object, happening);
            return;
        }
        let admitted = self.recorder.admits(happening.source, uid(&object), now);
        let happening = &self.aggregated(about, &object, happening);
        if let Some(earlier) = self.find_same(about, &object, happening) {
            let untold = self
                .recorder
                .untold
                .entry(earlier.name.clone())
                .or_default();
            *untold += 1;
            if admitted {
                let more = std::mem::take(untold);
                self.modify(&earlier, |event| {
                    event["message"] = json!(happening.message);
                    event["count"] = json!(int_or(event, "/count", 1) + more);
                    event["lastTimestamp"] = json!(seconds(now));
                });
            }
            return;
        }
        if !admitted {
            return;
        }
        let mut event = self.skeleton(about, &object, happening);
        event["source"] = json!({"component": happening.source.component()});
        event["firstTimestamp"] = json!(seconds(now));
        event["lastTimestamp"] = json!(seconds(now));
        event["count"] = json!(1);
        event["reportingInstance"] = json!("");
        if happening.source == Source::Kubelet {
            let node = text(&object, "/spec/nodeName");
            event["source"]["host"] = json!(node);
            event["reportingInstance"] = json!(node);
        }
        self.put_event(about, event);
    }

    /// The scheduler writes events.k8s.io events: `eventTime`, no count, no last time.
    fn record_new_style(&mut self, about: &Key, object: &Value, happening: &Happening) {
        let mut event = self.skeleton(about, object, happening);
        let action = if happening.warning {
            "Scheduling"
        } else {
            "Binding"
        };
        event["source"] = json!({});
        event["eventTime"] = json!(micros(self.now()));
        event["action"] = json!(action);
        event["reportingInstance"] = json!("default-scheduler-sandbox");
        self.put_event(about, event);
    }

    fn skeleton(&mut self, about: &Key, object: &Value, happening: &Happening) -> Value {
        let mut involved = json!({
            "kind": about.resource.kind(), "apiVersion": about.resource.api_version(),
            "namespace": about.namespace, "name": name(object), "uid": uid(object),
            "resourceVersion": text(object, "/metadata/resourceVersion"),
        });
        if let Some(path) = &happening.field_path {
            involved["fieldPath"] = json!(path);
        }
        json!({
            "metadata": {"name": format!("{}.{}", about.name, self.names.hex())},
            "involvedObject": involved,
            "type": if happening.warning { "Warning" } else { "Normal" },
            "reason": happening.reason,
            "message": happening.message,
            "reportingComponent": happening.source.component(),
        })
    }

    /// The event as it is told when many told the same in other words.
    fn aggregated(&self, about: &Key, object: &Value, happening: &Happening) -> Happening {
        let mut happening = happening.clone();
        let recently = self.now() - SIMILAR_WITHIN;
        let similar = self.similar(about, object, &happening);
        let recent = similar.iter().filter(|(_, event)| {
            crate::object::time(event, "/lastTimestamp").is_some_and(|at| at >= recently)
                && !text(event, "/message").starts_with(COMBINED)
        });
        let known = similar
            .iter()
            .any(|(_, event)| text(event, "/message") == happening.message);
        // This one makes it ten.
        if !known && recent.count() + 1 >= SIMILAR {
            happening.message = format!("{COMBINED}{}", happening.message);
        }
        happening
    }

    fn find_same(&self, about: &Key, object: &Value, happening: &Happening) -> Option<Key> {
        let combined = happening.message.starts_with(COMBINED);
        self.similar(about, object, happening)
            .into_iter()
            .find(|(_, event)| {
                let message = text(event, "/message");
                message == happening.message || combined && message.starts_with(COMBINED)
            })
            .map(|(key, _)| key)
    }

    /// The events of the same source about the same object with the same reason.
    fn similar(
        &self,
        about: &Key,
        object: &Value,
        happening: &Happening,
    ) -> Vec<(Key, Arc<Value>)> {
        let mut events = self.store.list(Resource::Events, Some(&about.namespace));
        events.retain(|(_, event)| {
            text(event, "/involvedObject/uid") == uid(object)
                && text(event, "/reason") == happening.reason
                && text(event, "/reportingComponent") == happening.source.component()
        });
        events
    }

    fn put_event(&mut self, about: &Key, event: Value) {
        // Fails only when the namespace is gone, and then nobody can read it.
        let _ = self.create((Resource::Events, &about.namespace), event, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_source_tells_twenty_five_things_of_an_object_and_then_one_in_five_minutes() {
        let mut recorder = Recorder::default();
        let start = Timestamp::UNIX_EPOCH;
        let told = |recorder: &mut Recorder, seconds: i64| {
            let now = start + SignedDuration::from_secs(seconds);
            (0..100)
                .filter(|_| recorder.admits(Source::Kubelet, "u1", now))
                .count()
        };
        assert_eq!(told(&mut recorder, 0), 25);
        assert_eq!(told(&mut recorder, 299), 0);
        assert_eq!(told(&mut recorder, 300), 1);
        assert_eq!(told(&mut recorder, 1200), 3);
        assert!(
            recorder.admits(Source::Scheduler, "u1", start),
            "another source"
        );
        assert!(
            recorder.admits(Source::Kubelet, "u2", start),
            "another object"
        );
    }
}
