//! Watches some workloads of one namespace, with everything that belongs to them, as one stream.

use std::collections::BTreeSet;
use std::fmt::Debug;

use futures::stream::{self, BoxStream, Stream, StreamExt, select_all};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{ControllerRevision, ReplicaSet};
use k8s_openapi::api::core::v1::{Event, Node, Pod};
use kube::runtime::watcher::Config;
use kube::{Api, Client, Resource, ResourceExt as _};
use rollguard_core::observation::{Observation, ResourceKind, Seen, Slim};
use rollguard_core::workload::Workload;
use serde::de::DeserializeOwned;

use crate::clock::Clock;
use crate::request::PAGE;
use rate_limit::{WATCH_SECONDS, rate_limited};
use resource_watch::{Keep, ResourceWatch, Target, Wrap};

mod backoff;
mod rate_limit;
mod resource_watch;
mod watch;

pub use watch::Watch;

/// Watches workloads and everything that belongs to them, until the stream is dropped.
///
/// There is one watch for each resource that any of the workloads needs, however many they are.
/// Each resource is listed first, then watched. A resource that cannot be listed or watched is
/// reported as [`Seen::Blind`], once per reason; when it can be again it is listed again, so that
/// [`Seen::Listed`] always follows. No resource waits for another.
pub fn observe(
    client: &Client,
    watch: &Watch,
    clock: Clock,
) -> impl Stream<Item = Observation> + Send + Unpin + use<> {
    let needed: BTreeSet<ResourceKind> = watch
        .kinds()
        .flat_map(ResourceKind::needed_for)
        .copied()
        .collect();
    let all = needed.into_iter().map(|resource| {
        let stream = ResourceStream {
            client,
            watch,
            resource,
        };
        stream.open()
    });
    select_all(all).map(move |seen| Observation::new(clock.now(), seen))
}

/// A resource that can be watched in a namespace.
trait Watched:
    Resource<Scope = NamespaceResourceScope, DynamicType = ()>
    + Slim
    + Clone
    + DeserializeOwned
    + Debug
    + Send
    + Sync
    + 'static
{
}

impl<K> Watched for K where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Slim
        + Clone
        + DeserializeOwned
        + Debug
        + Send
        + Sync
        + 'static
{
}

/// Opens the stream of one resource.
struct ResourceStream<'a> {
    client: &'a Client,
    watch: &'a Watch,
    resource: ResourceKind,
}

impl ResourceStream<'_> {
    fn open(&self) -> BoxStream<'static, Seen> {
        match self.resource {
            ResourceKind::Deployment => self.workloads(Workload::Deployment),
            ResourceKind::StatefulSet => self.workloads(Workload::StatefulSet),
            ResourceKind::DaemonSet => self.workloads(Workload::DaemonSet),
            ResourceKind::Job => self.workloads(Workload::Job),
            ResourceKind::ReplicaSet => {
                self.labelled(|object: Box<ReplicaSet>| Seen::ReplicaSet { object })
            }
            ResourceKind::ControllerRevision => {
                self.labelled(|object: Box<ControllerRevision>| Seen::ControllerRevision { object })
            }
            ResourceKind::Pod => self.labelled(|object: Box<Pod>| Seen::Pod { object }),
            ResourceKind::Event => self.events(),
            ResourceKind::Node => self.nodes(),
            // Answers are not watched: they are requested.
            ResourceKind::PodProxy => stream::empty().boxed(),
        }
    }

    fn config() -> Config {
        Config::default().timeout(WATCH_SECONDS).page_size(PAGE)
    }

    fn workloads<K: Watched>(&self, wrap: fn(Box<K>) -> Workload) -> BoxStream<'static, Seen> {
        let names = self.watch.names(self.resource);
        let config = match names.first().filter(|_| names.len() == 1) {
            Some(only) => Self::config().fields(&format!("metadata.name={only}")),
            None => Self::config(),
        };
        let keep = Box::new(move |object: &K| {
            let name = object.meta().name.as_deref();
            name.is_some_and(|it| names.contains(it))
        });
        let seen = Box::new(move |object| Seen::Workload {
            object: wrap(object),
        });
        self.stream(config, keep, seen)
    }

    fn labelled<K: Watched>(&self, seen: fn(Box<K>) -> Seen) -> BoxStream<'static, Seen> {
        let labels = self.watch.labels(self.resource);
        let (config, keep): (Config, Keep<K>) = match labels.selector() {
            Some(selector) => (Self::config().labels(&selector), Box::new(|_| true)),
            None => (
                Self::config(),
                Box::new(move |object| labels.fit(object.labels())),
            ),
        };
        self.stream(config, keep, Box::new(seen))
    }

    fn events(&self) -> BoxStream<'static, Seen> {
        let subjects = self.watch.subjects();
        let keep = Box::new(move |event: &Event| subjects.concern(event));
        let seen = Box::new(|object| Seen::Event { object });
        self.stream(Self::config(), keep, seen)
    }

    fn nodes(&self) -> BoxStream<'static, Seen> {
        let target = Target {
            api: Api::all(rate_limited(self.client, true)),
            config: Self::config(),
            resource: self.resource,
            keep: Box::new(|_: &Node| true),
            seen: Box::new(|object| Seen::Node { object }),
        };
        ResourceWatch::new(target).stream().boxed()
    }

    fn stream<K: Watched>(
        &self,
        config: Config,
        keep: Keep<K>,
        seen: Wrap<K>,
    ) -> BoxStream<'static, Seen> {
        let target = Target {
            api: Api::namespaced(
                rate_limited(self.client, self.resource != ResourceKind::Event),
                self.watch.namespace(),
            ),
            config,
            resource: self.resource,
            keep,
            seen,
        };
        ResourceWatch::new(target).stream().boxed()
    }
}

#[cfg(test)]
mod tests;
