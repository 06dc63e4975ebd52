//! Faults on top of a cluster that otherwise works.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;

use crate::admission::{PodRefusal, PodRule};
use crate::http::{Call, Verb};
use crate::node::{self, NodeState};
use crate::shared::Shared;
use crate::status::ApiFailure;

/// Which requests a fault is for; without conditions all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requests {
    verb: Option<Verb>,
    resource: Option<String>,
    name: Option<String>,
    dry_run: Option<bool>,
}

impl Requests {
    /// Every request.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Those with a verb.
    #[must_use]
    pub fn verb(mut self, verb: Verb) -> Self {
        self.verb = Some(verb);
        self
    }

    /// Those for a resource: `pods`, `deployments`, `pods/log`.
    #[must_use]
    pub fn resource(mut self, plural: &str) -> Self {
        self.resource = Some(plural.to_owned());
        self
    }

    /// Those for one object.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Dry runs only, or none of them; a deletion whose body asks for one does not count as one.
    #[must_use]
    pub fn dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = Some(dry_run);
        self
    }

    fn matches(&self, call: &Call) -> bool {
        self.verb.is_none_or(|verb| call.verb == verb)
            && self
                .resource
                .as_deref()
                .is_none_or(|resource| call.resource_path() == resource)
            && self
                .name
                .as_deref()
                .is_none_or(|name| call.name.as_deref() == Some(name))
            && self.dry_run.is_none_or(|dry_run| call.dry_run() == dry_run)
    }
}

/// What goes wrong with a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// It is answered with a failure and not carried out.
    Answer(ApiFailure),
    /// It is refused for lack of permission, in the words of the real server.
    Forbid,
    /// It is never answered and not carried out.
    NeverAnswer,
    /// The connection breaks before it is carried out.
    Disconnect,
    /// It is carried out, then the connection breaks: its outcome is unknown.
    LoseAnswer,
}

#[derive(Debug)]
struct Rule {
    requests: Requests,
    fault: Fault,
    /// How many more requests it is for; `None` until cleared.
    left: Option<u32>,
}

/// The faults in force, and the watches they can be about.
#[derive(Debug, Default)]
pub(crate) struct FaultTable {
    rules: Vec<Rule>,
    silent: Vec<Requests>,
    pub(crate) refused: BTreeMap<String, ApiFailure>,
    watches: BTreeMap<u64, Watch>,
    next_watch: u64,
}

#[derive(Debug)]
struct Watch {
    call: Call,
    dropped: bool,
}

impl FaultTable {
    /// The fault for a request, if any; uses it up.
    pub(crate) fn take(&mut self, call: &Call) -> Option<Fault> {
        let at = self
            .rules
            .iter()
            .position(|rule| rule.left != Some(0) && rule.requests.matches(call))?;
        let rule = self.rules.get_mut(at)?;
        if let Some(left) = &mut rule.left {
            *left -= 1;
        }
        Some(rule.fault.clone())
    }

    /// Whether a request would be refused for lack of permission.
    pub(crate) fn forbids(&self, call: &Call) -> bool {
        self.rules.iter().any(|rule| {
            rule.fault == Fault::Forbid && rule.left != Some(0) && rule.requests.matches(call)
        })
    }

    pub(crate) fn open_watch(&mut self, call: &Call) -> u64 {
        self.next_watch += 1;
        let watch = Watch {
            call: call.clone(),
            dropped: false,
        };
        self.watches.insert(self.next_watch, watch);
        self.next_watch
    }

    pub(crate) fn close_watch(&mut self, id: u64) {
        self.watches.remove(&id);
    }

    pub(crate) fn is_dropped(&self, id: u64) -> bool {
        self.watches.get(&id).is_some_and(|watch| watch.dropped)
    }

    pub(crate) fn is_silent(&self, id: u64) -> bool {
        self.watches.get(&id).is_some_and(|watch| {
            self.silent
                .iter()
                .any(|requests| requests.matches(&watch.call))
        })
    }
}

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
            for watch in cluster.faults.watches.values_mut() {
                watch.dropped |= requests.matches(&watch.call);
            }
        });
    }

    /// Makes the matching watches, open ones and later ones, say nothing until [`Faults::clear`].
    pub fn stall_watches(&self, requests: Requests) {
        self.0
            .change(|cluster| cluster.faults.silent.push(requests));
    }

    /// Forgets the history: a watch or a paged list that goes on from before gets 410.
    pub fn compact_history(&self) {
        self.0.change(|cluster| cluster.store.compact());
    }

    /// Does not let the matching pods in, whoever creates them, until [`Faults::clear`].
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
            cluster.faults.refused.insert(plural.to_owned(), failure);
        });
    }

    /// Lifts every fault, lost nodes apart. Watches that were dropped stay so.
    pub fn clear(&self) {
        self.0.change(|cluster| {
            cluster.faults.rules.clear();
            cluster.faults.silent.clear();
            cluster.faults.refused.clear();
            cluster.pod_rules.clear();
        });
    }

    fn add(&self, requests: Requests, fault: Fault, left: Option<u32>) {
        let rule = Rule {
            requests,
            fault,
            left,
        };
        self.0.change(|cluster| cluster.faults.rules.push(rule));
    }
}
