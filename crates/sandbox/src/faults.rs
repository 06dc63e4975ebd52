//! The handle on the faults of a cluster.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;

use crate::admission::{PodRefusal, PodRule};
use crate::fault::{Fault, Requests};
use crate::http::Verb;
use crate::node::{self, NodeState};
use crate::shared::Shared;
use crate::status::ApiFailure;

/// The handle with which a test or a drill breaks things.
#[derive(Debug, Clone)]
pub struct Faults(pub(crate) Arc<Shared>);

impl Faults {
    /// Every matching request meets the fault, until [`Faults::clear`].
    pub fn inject(&self, requests: Requests, fault: Fault) {
        self.add(requests, fault, None);
    }

    /// The next `count` matching requests meet the fault.
    pub fn inject_next(&self, count: u32, requests: Requests, fault: Fault) {
        self.add(requests, fault, Some(count));
    }

    /// Takes a permission away: such requests get 403, and access reviews say so beforehand.
    pub fn forbid(&self, verb: Verb, resource: &str) {
        let requests = Requests::all().verb(verb).resource(resource);
        self.add(requests, Fault::Forbid, None);
    }

    /// Ends the matching watches that are open now, as a closed connection does.
    pub fn drop_watches(&self, requests: &Requests) {
        self.0.change(|cluster| {
            cluster.faults.drop_watches(requests);
        });
    }

    /// Makes the matching watches, open ones and later ones, say nothing until [`Faults::clear`].
    pub fn stall_watches(&self, requests: Requests) {
        self.0
            .change(|cluster| cluster.faults.stall_watches(requests));
    }

    /// Forgets the history: a watch or a paged list that goes on from before gets 410.
    pub fn compact_history(&self) {
        self.0.change(|cluster| cluster.store.compact());
    }

    /// Refuses the matching pods, from clients and controllers alike, until [`Faults::clear`].
    pub fn refuse_pods(
        &self,
        matches: impl Fn(&Pod) -> bool + Send + Sync + 'static,
        refusal: PodRefusal,
    ) {
        let matches = Arc::new(matches);
        self.0
            .change(|cluster| cluster.pod_rules.push(PodRule { matches, refusal }));
    }

    /// A node's kubelet is not heard of any more: what runs there stands still and is not ready,
    /// and no new pod comes, until [`Faults::find_node`]. The node controller acts at once here;
    /// a real one waits 50 seconds, and would evict pods after another five minutes.
    pub fn lose_node(&self, name: &str) {
        self.set_node(name, NodeState::Lost);
    }

    /// A node's kubelet says that it is not ready; else as [`Faults::lose_node`].
    pub fn break_node(&self, name: &str) {
        self.set_node(name, NodeState::NotReady);
    }

    /// A node is ready again, and its pods go on.
    pub fn find_node(&self, name: &str) {
        self.set_node(name, NodeState::Ready);
    }

    fn set_node(&self, name: &str, state: NodeState) {
        self.0.change(|cluster| {
            let condition = node::ready_condition(cluster.now(), state);
            cluster.modify(&node::key(name), |node| {
                node["status"]["conditions"] = serde_json::json!([condition]);
            });
        });
    }

    /// Does not let objects of a resource be created, by clients or controllers, until
    /// [`Faults::clear`]: `replicasets`, `controllerrevisions`. For pods there is
    /// [`Faults::refuse_pods`].
    pub fn refuse_creation(&self, plural: &str, failure: ApiFailure) {
        self.0.change(|cluster| {
            cluster.faults.refuse_creation(plural, failure);
        });
    }

    /// Lets objects of a resource be created again.
    pub fn allow_creation(&self, plural: &str) {
        self.0
            .change(|cluster| cluster.faults.allow_creation(plural));
    }

    /// Lifts the faults that were injected for exactly these requests, and lets their watches speak again.
    pub fn lift(&self, requests: &Requests) {
        self.0.change(|cluster| cluster.faults.lift(requests));
    }

    /// Lifts every fault, lost nodes apart. Watches that were dropped stay so.
    pub fn clear(&self) {
        self.0.change(|cluster| {
            cluster.faults.clear();
            cluster.pod_rules.clear();
        });
    }

    fn add(&self, requests: Requests, fault: Fault, left: Option<u32>) {
        self.0
            .change(|cluster| cluster.faults.add(requests, fault, left));
    }
}
