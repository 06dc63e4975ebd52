//! Events, and the cut-off of chatty sources, as client-go has it.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// Events that one source may send about one object at once, and how many seconds until it may
/// send one more (client-go `tools/record/events_cache.go`, `defaultSpamBurst`, `defaultSpamQPS`).
const BURST: f64 = 25.0;
const SECONDS_PER_EVENT: f64 = 300.0;

/// The component that reports an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    Kubelet,
    Scheduler,
    DeploymentController,
    ReplicaSetController,
    StatefulSetController,
    DaemonSetController,
    JobController,
    NodeController,
}

impl Source {
    pub(crate) const fn component(self) -> &'static str {
        match self {
            Self::Kubelet => "kubelet",
            Self::Scheduler => "default-scheduler",
            Self::DeploymentController => "deployment-controller",
            Self::ReplicaSetController => "replicaset-controller",
            Self::StatefulSetController => "statefulset-controller",
            Self::DaemonSetController => "daemonset-controller",
            Self::JobController => "job-controller",
            Self::NodeController => "node-controller",
        }
    }
}

/// An event to record about an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewEvent {
    pub(crate) source: Source,
    pub(crate) warning: bool,
    pub(crate) reason: String,
    pub(crate) message: String,
    /// The container that it is about, as `spec.containers{app}`.
    pub(crate) field_path: Option<String>,
}

impl NewEvent {
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

/// The earlier events, for their aggregation.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    buckets: BTreeMap<(Source, String), Bucket>,
    /// How often an event happened since its count was written last: those that were cut off count.
    pub(crate) unreported: BTreeMap<String, i64>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Timestamp,
}

impl Recorder {
    /// Returns whether a source may record one more event about an object.
    pub(crate) fn admits(&mut self, source: Source, uid: &str, now: Timestamp) -> bool {
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

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn one_source_tells_twenty_five_things_of_an_object_and_then_one_in_five_minutes() {
        let mut recorder = Recorder::default();
        let start = Timestamp::UNIX_EPOCH;
        let admitted = |recorder: &mut Recorder, seconds: i64| {
            let now = start + SignedDuration::from_secs(seconds);
            (0..100)
                .filter(|_| recorder.admits(Source::Kubelet, "u1", now))
                .count()
        };
        assert_eq!(admitted(&mut recorder, 0), 25);
        assert_eq!(admitted(&mut recorder, 299), 0);
        assert_eq!(admitted(&mut recorder, 300), 1);
        assert_eq!(admitted(&mut recorder, 1200), 3);
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
