//! Watches: the history of a resource from a resourceVersion on, and then what happens.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::cluster::Cluster;
use crate::http::{BoxError, Call, ResponseBody};
use crate::resource::Resource;
use crate::selector::Filter;
use crate::shared::{ChangeListener, Shared};
use crate::status::ApiFailure;
use crate::store::Change;

/// How often an idle watch that asked for bookmarks gets one
/// (k8s.io/apiserver `pkg/storage/cacher/cacher.go`, `defaultBookmarkFrequency`).
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);

/// How long before its end a watch gets one in any case
/// (`pkg/storage/cacher/cache_watcher.go` there, `nextBookmarkTime`).
const BEFORE_END: Duration = Duration::from_secs(2);

/// How long a watch lasts that does not say (`--min-request-timeout`, 30 minutes).
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// Begins a watch and returns its endless body.
pub(crate) fn open(shared: &Arc<Shared>, call: &Call) -> Result<ResponseBody, ApiFailure> {
    let resource = call.resource().ok_or_else(ApiFailure::no_such_path)?;
    let filter = Filter::of(call)?;
    let timeout = call
        .number("timeoutSeconds")
        .filter(|seconds| *seconds > 0)
        .map_or(DEFAULT_TIMEOUT, Duration::from_secs);
    let now = Instant::now();
    // Before the first read, so that no change falls in between.
    let changes = shared.listen();
    let id = shared.with(|cluster| cluster.faults.open_watch(call));
    let mut watch = Watch {
        shared: Arc::clone(shared),
        id,
        resource,
        namespace: call.namespace.clone(),
        filter,
        seen: 0,
        queue: VecDeque::new(),
        changes,
        ends: now + timeout,
        bookmark: call
            .is_set("allowWatchBookmarks")
            .then(|| next_bookmark(now, now + timeout)),
        over: false,
    };
    watch.start(call.query("resourceVersion"))?;
    let frames = stream::unfold(watch, |mut watch| async move {
        let line = watch.next().await?;
        Some((Ok::<_, BoxError>(Frame::data(line)), watch))
    });
    Ok(StreamBody::new(frames).boxed_unsync())
}

/// One open watch.
struct Watch {
    shared: Arc<Shared>,
    id: u64,
    resource: Resource,
    namespace: Option<String>,
    filter: Filter,
    /// Every change up to here is in the queue or was sent.
    seen: u64,
    queue: VecDeque<Bytes>,
    changes: ChangeListener,
    ends: Instant,
    bookmark: Option<Instant>,
    /// Nothing comes after the queue.
    over: bool,
}

/// The state of a watch: may it send?
enum WatchState {
    Open,
    Stalled,
    Closed,
}

impl Watch {
    /// Sets the beginning: from a revision on, or from the present state.
    fn start(&mut self, from: &str) -> Result<(), ApiFailure> {
        let shared = Arc::clone(&self.shared);
        shared.with(|cluster| {
            if matches!(from, "" | "0") {
                self.seen = cluster.store.revision();
                let present = cluster.store.list(self.resource, self.namespace.as_deref());
                for (_, object) in present {
                    if self.filter.matches(&object) {
                        self.queue.push_back(line("ADDED", &object));
                    }
                }
                return Ok(());
            }
            let from: u64 = from.parse().map_err(|_| {
                let why = "strconv.ParseUint: parsing";
                let message = format!(
                    "resourceVersion: Invalid value: \"{from}\": {why} \"{from}\": invalid syntax"
                );
                ApiFailure::new(500, "", message)
            })?;
            let compacted = cluster.store.compacted();
            if from < compacted {
                let message = format!("too old resource version: {from} ({compacted})");
                let failure = ApiFailure::expired(message).body();
                self.queue.push_back(line("ERROR", &failure));
                self.over = true;
            }
            self.seen = from;
            Ok(())
        })
    }

    /// The next line, when there is one; `None` when the watch has ended.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let shared = Arc::clone(&self.shared);
            match shared.with(|cluster| self.take_changes(cluster)) {
                WatchState::Closed => return None,
                // A stalled watch outlives the server's own timeout: the connection is dead.
                WatchState::Stalled => {
                    self.changes.changed().await?;
                    continue;
                }
                WatchState::Open => {}
            }
            if let Some(line) = self.queue.pop_front() {
                return Some(line);
            }
            if self.over || Instant::now() >= self.ends {
                return None;
            }
            let bookmark = self.bookmark.filter(|at| *at < self.ends);
            if bookmark.is_some_and(|at| Instant::now() >= at) {
                self.bookmark = Some(next_bookmark(Instant::now(), self.ends));
                return Some(self.bookmark_line());
            }
            let wake = bookmark.unwrap_or(self.ends);
            tokio::select! {
                // Without it the order is random, and no two runs are alike.
                biased;
                changed = self.changes.changed() => changed?,
                () = tokio::time::sleep_until(wake) => {}
            }
        }
    }

    /// Queues the changes since the last call.
    fn take_changes(&mut self, cluster: &mut Cluster) -> WatchState {
        if cluster.closed || cluster.faults.is_dropped(self.id) {
            return WatchState::Closed;
        }
        if cluster.faults.is_silent(self.id) {
            return WatchState::Stalled;
        }
        if !self.over {
            for change in cluster.store.changes_since(self.seen) {
                self.queue.extend(self.event(change));
            }
            self.seen = self.seen.max(cluster.store.revision());
        }
        WatchState::Open
    }

    /// A change as this watch sees it: an object that leaves the selection is deleted.
    fn event(&self, change: &Change) -> Option<Bytes> {
        if change.key.resource != self.resource
            || self
                .namespace
                .as_ref()
                .is_some_and(|it| change.key.namespace != *it)
        {
            return None;
        }
        let selected = |object: &&Arc<Value>| self.filter.matches(object);
        let old = change.old.as_ref().filter(selected);
        let new = change.new.as_ref().filter(selected);
        match (old, new) {
            (None, Some(new)) => Some(line("ADDED", new)),
            (Some(_), Some(new)) => Some(line("MODIFIED", new)),
            (Some(old), None) => {
                let mut last = (**old).clone();
                last["metadata"]["resourceVersion"] = json!(change.revision.to_string());
                Some(line("DELETED", &last))
            }
            (None, None) => None,
        }
    }

    fn bookmark_line(&self) -> Bytes {
        let object = json!({
            "kind": self.resource.kind(),
            "apiVersion": self.resource.api_version(),
            "metadata": {"resourceVersion": self.seen.to_string(), "creationTimestamp": null},
        });
        line("BOOKMARK", &object)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared
            .with(|cluster| cluster.faults.close_watch(self.id));
    }
}

/// When a watch that ends at `ends` gets its next bookmark: two seconds before, unless a minute passes first.
fn next_bookmark(now: Instant, ends: Instant) -> Instant {
    let heartbeat = now + BOOKMARK_EVERY;
    match ends.checked_sub(BEFORE_END) {
        Some(last) if last > now => heartbeat.min(last),
        _ => heartbeat,
    }
}

fn line(kind: &str, object: &Value) -> Bytes {
    Bytes::from(format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n"))
}
