//! One resource: listed, watched, lost, found again.

use std::collections::{HashSet, VecDeque};
use std::fmt::Debug;
use std::time::Duration;

use futures::stream::{self, BoxStream, Stream, StreamExt};
use kube::api::Resource;
use kube::runtime::watcher::{self, Config, watcher};
use kube::{Api, ResourceExt};
use rollguard_core::observation::{Blindness, ResourceKind, Seen};
use serde::de::DeserializeOwned;

use super::backoff::{Next, Troubles};

/// How long one more page of a list may take, its body included.
const PAGE_LIMIT: Duration = Duration::from_secs(30);
/// An annotation that repeats the whole object, secrets of the author included.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Whether an object is worth telling.
pub(super) type Keep<K> = Box<dyn Fn(&K) -> bool + Send + Sync>;
/// How an object is told.
pub(super) type Show<K> = Box<dyn Fn(Box<K>) -> Seen + Send + Sync>;

/// What one [`Look`] looks at.
pub(super) struct Target<K> {
    pub(super) api: Api<K>,
    pub(super) config: Config,
    pub(super) resource: ResourceKind,
    pub(super) keep: Keep<K>,
    pub(super) seen: Show<K>,
}

/// The state of one resource's watch.
pub(super) struct Look<K> {
    target: Target<K>,
    watcher: BoxStream<'static, watcher::Result<watcher::Event<K>>>,
    /// What a list under way has brought so far. It is told as a whole, so that half a list is
    /// never taken for sight.
    listing: Option<Vec<K>>,
    /// The uids of what was told and is not gone.
    known: HashSet<String>,
    troubles: Troubles,
    told: Option<Blindness>,
    pause: Option<Duration>,
    out: VecDeque<Seen>,
}

impl<K> Look<K>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
{
    pub(super) fn new(target: Target<K>) -> Self {
        let watcher = watcher(target.api.clone(), target.config.clone()).boxed();
        Self {
            target,
            watcher,
            listing: None,
            known: HashSet::new(),
            troubles: Troubles::default(),
            told: None,
            pause: None,
            out: VecDeque::new(),
        }
    }

    /// What is seen, without an end.
    pub(super) fn stream(self) -> impl Stream<Item = Seen> + Send {
        stream::unfold(self, |mut look| async {
            let seen = look.next().await;
            Some((seen, look))
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
                Err(next) => self.go_on(next),
            }
        }
    }

    /// The watcher's next event. A list must come to an end; a watch may be quiet.
    async fn poll(&mut self) -> Result<watcher::Event<K>, Next> {
        let next = self.watcher.next();
        let event = if self.listing.is_some() {
            tokio::time::timeout(PAGE_LIMIT, next)
                .await
                .map_err(|_| self.troubles.silence(PAGE_LIMIT))?
        } else {
            next.await
        };
        match event {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(self.troubles.judge(error)),
            // kube's watcher has no end; if it ever gets one, this begins anew.
            None => Err(Next::Relist),
        }
    }

    fn take(&mut self, event: watcher::Event<K>) {
        match event {
            watcher::Event::Init => self.listing = Some(Vec::new()),
            watcher::Event::InitApply(object) => {
                if let Some(listing) = &mut self.listing
                    && (self.target.keep)(&object)
                {
                    listing.push(slim(object));
                }
            }
            watcher::Event::InitDone => self.listed(),
            watcher::Event::Apply(object) => {
                self.troubles.clear();
                if (self.target.keep)(&object) {
                    self.known.extend(object.uid());
                    self.out
                        .push_back((self.target.seen)(Box::new(slim(object))));
                } else {
                    // It lost its labels; a server that sorts would tell it as deleted.
                    self.forget(&object);
                }
            }
            watcher::Event::Delete(object) => {
                self.troubles.clear();
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
        self.troubles.clear();
        self.told = None;
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

    fn go_on(&mut self, next: Next) {
        match next {
            Next::Resume => return,
            Next::Relist => {}
            Next::Blind(why, pause) => {
                self.pause = Some(pause);
                if self.told.as_ref() != Some(&why) {
                    self.told = Some(why.clone());
                    let resource = self.target.resource;
                    self.out.push_back(Seen::Blind { resource, why });
                }
            }
        }
        // A fresh watcher begins with a list. kube's own would resume a failed watch without a
        // word, and nobody would learn that sight is back.
        self.listing = None;
        self.watcher = watcher(self.target.api.clone(), self.target.config.clone()).boxed();
    }
}

/// Drops what nobody reads: half of an object's bytes are bookkeeping of its writers.
fn slim<K: Resource>(mut object: K) -> K {
    let metadata = object.meta_mut();
    metadata.managed_fields = None;
    if let Some(annotations) = &mut metadata.annotations {
        annotations.remove(LAST_APPLIED);
    }
    object
}
