//! The cluster as far as it was seen, and what is still to be asked.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::Value;

use super::manifest::Manifests;
use super::question::{Answer, Answers, Change, Collection, Place, Question, Trial};
use crate::finding::{self, Promise};
use crate::history::History;
use crate::observation::Seen;
use crate::rollback::preflight::{DryRun, Lookup, ObjectState, Reference};
use crate::traffic::NetworkObjects;
use crate::workload::WorkloadRef;

/// The state of knowledge about something in the cluster.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Found<T> {
    /// It is there.
    There(T),
    /// It does not exist.
    Missing,
    /// It cannot be seen; the forecast says so.
    Unseen,
    /// The question was not asked before.
    Pending,
}

impl<T> Found<T> {
    pub(super) fn there(self) -> Option<T> {
        match self {
            Self::There(it) => Some(it),
            Self::Missing | Self::Unseen | Self::Pending => None,
        }
    }
}

/// The answers so far, and the questions that came up.
pub(super) struct View<'a> {
    pub(super) manifests: &'a Manifests,
    answers: &'a Answers,
    wanted: RefCell<Vec<Question>>,
    unseen: RefCell<BTreeSet<String>>,
    warnings: RefCell<Vec<(usize, String)>>,
}

impl<'a> View<'a> {
    pub(super) const fn new(manifests: &'a Manifests, answers: &'a Answers) -> Self {
        Self {
            manifests,
            answers,
            wanted: RefCell::new(Vec::new()),
            unseen: RefCell::new(BTreeSet::new()),
            warnings: RefCell::new(Vec::new()),
        }
    }

    pub(super) fn wanted(&self) -> Vec<Question> {
        self.wanted.borrow().clone()
    }

    pub(super) fn unseen(&self) -> Vec<String> {
        self.unseen.borrow().iter().cloned().collect()
    }

    pub(super) fn warnings(&self) -> Vec<(usize, String)> {
        self.warnings.borrow().clone()
    }

    /// Says what the predictions lack.
    pub(super) fn note(&self, sentence: String) {
        self.unseen.borrow_mut().insert(sentence);
    }

    /// Keeps the API server's warnings about a manifest, each once.
    pub(super) fn warn(&self, manifest: usize, warnings: &[String]) {
        let mut all = self.warnings.borrow_mut();
        for text in warnings {
            let known = all.iter().any(|(at, it)| *at == manifest && it == text);
            if !known {
                all.push((manifest, text.clone()));
            }
        }
    }

    fn ask(&self, question: Question) -> Option<&'a Answer> {
        let answer = self.answers.to(&question);
        let mut wanted = self.wanted.borrow_mut();
        if answer.is_none() && !wanted.contains(&question) {
            wanted.push(question);
        }
        answer
    }

    fn found<T>(&self, looked: &'a Lookup<T>, what: &str) -> Found<&'a T> {
        match looked {
            Lookup::Seen(it) => Found::There(it),
            Lookup::Missing => Found::Missing,
            Lookup::Unseen(why) => {
                self.note(format!("{what}: {why}"));
                Found::Unseen
            }
        }
    }

    /// Reads an object; `what` says what cannot be told without it.
    pub(super) fn object(&self, place: Place, what: &str) -> Found<&'a Value> {
        match self.ask(Question::Object(place)) {
            Some(Answer::Object(looked)) => self.found(looked, what),
            Some(_) => Found::Unseen,
            None => Found::Pending,
        }
    }

    /// Reads a list; `what` says what cannot be told without it.
    pub(super) fn list(&self, collection: Collection, what: &str) -> Found<&'a Vec<Value>> {
        match self.ask(Question::List(collection)) {
            Some(Answer::List(looked)) => self.found(looked, what),
            Some(_) => Found::Unseen,
            None => Found::Pending,
        }
    }

    /// Looks up a ConfigMap or Secret, as a preflight does.
    pub(super) fn reference(
        &self,
        namespace: &str,
        reference: &Reference,
    ) -> Option<&'a Lookup<ObjectState>> {
        let question = Question::Reference {
            namespace: namespace.to_owned(),
            reference: reference.clone(),
        };
        match self.ask(question) {
            Some(Answer::State(looked)) => Some(looked),
            Some(_) | None => None,
        }
    }

    /// Reads the revisions and pods of a workload.
    pub(super) fn history(&self, workload: &WorkloadRef) -> Found<&'a History> {
        let what = format!("the revisions and pods of {workload}");
        match self.ask(Question::History(workload.clone())) {
            Some(Answer::History(looked)) => match self.found(looked, &what) {
                Found::There(history) => Found::There(&**history),
                Found::Missing => Found::Missing,
                Found::Unseen => Found::Unseen,
                Found::Pending => Found::Pending,
            },
            Some(_) => Found::Unseen,
            None => Found::Pending,
        }
    }

    fn look_up(&self, namespace: &str, lookup: finding::Lookup) -> Found<&'a Seen> {
        let question = Question::LookUp {
            namespace: namespace.to_owned(),
            lookup,
        };
        match self.ask(question) {
            Some(Answer::LookedUp(Some(seen))) => Found::There(&**seen),
            Some(_) => Found::Unseen,
            None => Found::Pending,
        }
    }

    /// Returns what may heal a cause; `None` while it is not known.
    pub(super) fn promises(
        &self,
        namespace: &str,
        lookup: finding::Lookup,
    ) -> Option<Vec<Promise>> {
        let looked = self.look_up(namespace, lookup);
        if let Found::There(Seen::LookedUp { promises, .. }) = looked {
            return Some(promises.clone());
        }
        // Without a usable answer something may promise it.
        (looked != Found::Pending).then(|| vec![Promise::unread("the cluster".to_owned())])
    }

    /// Returns the objects between users and pods.
    pub(super) fn traffic(&self, namespace: &str) -> Option<&'a NetworkObjects> {
        let looked = self.look_up(namespace, finding::Lookup::Traffic);
        if let Found::There(Seen::Traffic { objects }) = looked {
            return Some(objects);
        }
        if looked != Found::Pending {
            let what = "whether Services lead to the new pods";
            self.note(format!("{what}: the API server gave no usable answer"));
        }
        None
    }

    /// Sends a change of a workload as a dry run.
    pub(super) fn apply(&self, change: Change) -> Option<&'a Trial> {
        self.trial(Question::Apply(Box::new(change)))
    }

    /// Sends a pod as a dry run.
    pub(super) fn create_pod(&self, namespace: &str, pod: Value) -> Option<&'a Trial> {
        self.trial(Question::CreatePod {
            namespace: namespace.to_owned(),
            pod: Box::new(pod),
        })
    }

    fn trial(&self, question: Question) -> Option<&'a Trial> {
        if let Answer::Trial(trial) = self.ask(question)? {
            Some(trial)
        } else {
            None
        }
    }
}

/// Returns why a dry run says nothing about the object: it was not possible, or the identity lacks the permission.
pub(super) fn not_tried(result: &DryRun) -> Option<&str> {
    match result {
        DryRun::NotTried(why) => Some(why)
            .filter(|it| !it.contains(NO_ANSWER))
            .map(String::as_str),
        DryRun::Refused { code: 403, message } if lacks_permission(message) => Some(message),
        DryRun::Refused { .. } | DryRun::Accepted => None,
    }
}

/// Returns the words with which the API server would refuse the object; `None` if it would not, or if that is not known.
pub(super) fn refusal(result: &DryRun) -> Option<&str> {
    match result {
        _ if not_tried(result).is_some() => None,
        // The controller's own request meets the same webhook.
        DryRun::Refused { message, .. } | DryRun::NotTried(message) => Some(message),
        DryRun::Accepted => None,
    }
}

/// A webhook that does not answer (apiserver `pkg/util/webhook/error.go`): what it would say is not known, and that it
/// is asked is.
const NO_ANSWER: &str = "failed calling webhook";

/// Returns whether the API server's authorizer speaks (apiserver `handlers/responsewriters/errors.go`).
fn lacks_permission(message: &str) -> bool {
    ["create", "patch", "update"]
        .iter()
        .any(|verb| message.contains(&format!("cannot {verb} resource \"")))
}
