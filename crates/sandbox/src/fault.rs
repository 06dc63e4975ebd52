//! Faults on top of a cluster that otherwise works.

use std::collections::BTreeMap;

use crate::http::{Call, Verb};
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

/// The fault of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// It is answered with a failure and not carried out.
    Answer(ApiFailure),
    /// It is refused for lack of permission, in the words of the real server.
    Forbid,
    /// Something in between answers with a page of its own, and it is not carried out.
    Page(u16),
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
    refused: BTreeMap<String, ApiFailure>,
    watches: BTreeMap<u64, Watch>,
    next_watch: u64,
}

#[derive(Debug)]
struct Watch {
    call: Call,
    dropped: bool,
}

impl FaultTable {
    /// Adds a fault for the next `left` matching requests; `None`: until cleared.
    pub(crate) fn add(&mut self, requests: Requests, fault: Fault, left: Option<u32>) {
        self.rules.push(Rule {
            requests,
            fault,
            left,
        });
    }

    /// Ends the matching watches that are open now.
    pub(crate) fn drop_watches(&mut self, requests: &Requests) {
        for watch in self.watches.values_mut() {
            watch.dropped |= requests.matches(&watch.call);
        }
    }

    /// Silences the matching watches, open ones and later ones, until cleared.
    pub(crate) fn stall_watches(&mut self, requests: Requests) {
        self.silent.push(requests);
    }

    /// Refuses the creation of objects of a resource, until cleared.
    pub(crate) fn refuse_creation(&mut self, plural: &str, failure: ApiFailure) {
        self.refused.insert(plural.to_owned(), failure);
    }

    /// The failure that answers the creation of an object of a resource.
    pub(crate) fn creation_failure(&self, plural: &str) -> Option<&ApiFailure> {
        self.refused.get(plural)
    }

    /// Lets objects of a resource be created again.
    pub(crate) fn allow_creation(&mut self, plural: &str) {
        self.refused.remove(plural);
    }

    /// Lifts the faults of exactly these requests.
    pub(crate) fn lift(&mut self, requests: &Requests) {
        self.rules.retain(|rule| rule.requests != *requests);
        self.silent.retain(|it| it != requests);
    }

    /// Lifts every fault. Watches that were dropped stay so.
    pub(crate) fn clear(&mut self) {
        self.rules.clear();
        self.silent.clear();
        self.refused.clear();
    }

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

    /// Returns whether a request would be refused for lack of permission.
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
