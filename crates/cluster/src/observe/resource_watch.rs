//! Lists and watches one resource; lists it again when the watch was lost.

use std::collections::{HashSet, VecDeque};
use std::fmt::Debug;
use std::time::Duration;

use futures::stream::{self, BoxStream, Stream, StreamExt};
use kube::api::Resource;
use kube::runtime::watcher::{self, Config, watcher};
use kube::{Api, ResourceExt};
use rollguard_core::observation::{Blindness, ResourceKind, Seen, Slim};
use serde::de::DeserializeOwned;

use super::backoff::{Backoff, Recovery};
use crate::typed::Typed;

/// How long one more page of a list may take, its body included.
const PAGE_LIMIT: Duration = Duration::from_secs(30);

/// Returns whether an object may belong to the workloads.
pub(super) type Keep<K> = Box<dyn Fn(&K) -> bool + Send + Sync>;
/// Wraps an object as an observation.
pub(super) type Wrap<K> = Box<dyn Fn(Box<K>) -> Seen + Send + Sync>;

/// The objects that a [`ResourceWatch`] reports.
pub(super) struct Target<K> {
    pub(super) api: Api<Typed<K>>,
    pub(super) config: Config,
    pub(super) resource: ResourceKind,
    pub(super) keep: Keep<K>,
    pub(super) seen: Wrap<K>,
}

/// The state of one resource's watch.
pub(super) struct ResourceWatch<K> {
    target: Target<K>,
    watcher: BoxStream<'static, watcher::Result<watcher::Event<Typed<K>>>>,
    /// The objects of a list under way. They are reported as a whole, so that half a list never counts
    /// as a view of the resource.
    listing: Option<Vec<K>>,
    /// The uids of the objects that were reported and are not gone.
    known: HashSet<String>,
    backoff: Backoff,
    reported: Option<Blindness>,
    pause: Option<Duration>,
    out: VecDeque<Seen>,
}

impl<K> ResourceWatch<K>
where
    K: Resource + Slim + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
{
    pub(super) fn new(target: Target<K>) -> Self {
        let watcher = watcher(target.api.clone(), target.config.clone()).boxed();
        Self {
            target,
            watcher,
            listing: None,
            known: HashSet::new(),
            backoff: Backoff::default(),
            reported: None,
            pause: None,
            out: VecDeque::new(),
        }
    }

    /// Returns the observations of the resource, without an end.
    pub(super) fn stream(self) -> impl Stream<Item = Seen> + Send {
        stream::unfold(self, |mut watch| async {
            let seen = watch.next().await;
            Some((seen, watch))
        })
    }

    async fn next(&mut self) -> Seen {
        loop {
            if let Some(seen) = self.out.pop_front() {
                return seen;
            }
            if let Some(pause) = self.pause.take() {
                tokio::time::sleep(pause).await;
            }
            match self.poll().await {
                Ok(event) => self.take(event),
                Err(next) => self.recover(next),
            }
        }
    }

    /// Returns the watcher's next event. A list must end in time; a watch may be quiet.
    async fn poll(&mut self) -> Result<watcher::Event<Typed<K>>, Recovery> {
        let next = self.watcher.next();
        let event = if self.listing.is_some() {
            tokio::time::timeout(PAGE_LIMIT, next)
                .await
                .map_err(|_| self.backoff.silence(PAGE_LIMIT))?
        } else {
            next.await
        };
        match event {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(self.backoff.judge(error)),
            // kube's watcher has no end; if it ever gets one, this starts another.
            None => Err(Recovery::Relist(Duration::ZERO)),
        }
    }

    fn take(&mut self, event: watcher::Event<Typed<K>>) {
        match event {
            watcher::Event::Init => self.listing = Some(Vec::new()),
            watcher::Event::InitApply(Typed(mut object)) => {
                if let Some(listing) = &mut self.listing
                    && (self.target.keep)(&object)
                {
                    object.slim();
                    listing.push(object);
                }
            }
            watcher::Event::InitDone => self.listed(),
            watcher::Event::Apply(Typed(mut object)) => {
                self.backoff.watched();
                if (self.target.keep)(&object) {
                    self.known.extend(object.uid());
                    object.slim();
                    self.out.push_back((self.target.seen)(Box::new(object)));
                } else {
                    // It lost its labels; a watch with a selector would report it as deleted.
                    self.forget(&object);
                }
            }
            watcher::Event::Delete(Typed(object)) => {
                self.backoff.watched();
                self.forget(&object);
            }
        }
    }

    fn forget(&mut self, object: &K) {
        let resource = self.target.resource;
        let known = object.uid().filter(|uid| self.known.remove(uid));
        self.out
            .extend(known.map(|uid| Seen::Gone { resource, uid }));
    }

    fn listed(&mut self) {
        self.backoff.listed();
        self.reported = None;
        let objects = self.listing.take().unwrap_or_default();
        let uids: Vec<String> = objects.iter().filter_map(ResourceExt::uid).collect();
        self.known = uids.iter().cloned().collect();
        let seen = &self.target.seen;
        self.out
            .extend(objects.into_iter().map(|object| seen(Box::new(object))));
        self.out.push_back(Seen::Listed {
            resource: self.target.resource,
            uids,
        });
    }

    fn recover(&mut self, next: Recovery) {
        match next {
            Recovery::Resume => return,
            Recovery::Relist(pause) => self.pause = Some(pause),
            Recovery::Blind(why, pause) => {
                self.pause = Some(pause);
                if self.reported.as_ref() != Some(&why) {
                    self.reported = Some(why.clone());
                    let resource = self.target.resource;
                    self.out.push_back(Seen::Blind { resource, why });
                }
            }
        }
        // A new watcher begins with a list. The present one would resume a failed watch silently, and
        // the end of the blindness would not show.
        self.listing = None;
        self.watcher = watcher(self.target.api.clone(), self.target.config.clone()).boxed();
    }
}
