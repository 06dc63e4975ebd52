//! Stores events by the object that they are about.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Event;

/// The events of a namespace. They outnumber all other objects, so that none is found by a scan.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Events {
    /// By the uid of the object they are about, then by their own.
    about: BTreeMap<String, BTreeMap<String, Box<Event>>>,
    /// The uid of the object by the event's own.
    subjects: BTreeMap<String, String>,
    /// The uids of the claims of a name that events are about: only a pod ties a claim to a workload, by name.
    claims: BTreeMap<String, Vec<String>>,
}

impl Events {
    /// Inserts or replaces an event; one without a uid, or about nothing, is none.
    pub(super) fn insert(&mut self, event: Box<Event>) {
        let about = event.involved_object.uid.clone();
        let (Some(uid), Some(about)) = (event.metadata.uid.clone(), about) else {
            return;
        };
        if let Some(claim) = about_claim(&event) {
            let uids = self.claims.entry(claim.to_owned()).or_default();
            if !uids.contains(&about) {
                uids.push(about.clone());
            }
        }
        self.subjects.insert(uid.clone(), about.clone());
        self.about.entry(about).or_default().insert(uid, event);
    }

    /// Removes an event.
    pub(super) fn remove(&mut self, uid: &str) {
        let Some(about) = self.subjects.remove(uid) else {
            return;
        };
        let Some(events) = self.about.get_mut(&about) else {
            return;
        };
        let removed = events.remove(uid);
        if !events.is_empty() {
            return;
        }
        self.about.remove(&about);
        if let Some(claim) = removed.as_deref().and_then(about_claim)
            && let Some(uids) = self.claims.get_mut(claim)
        {
            uids.retain(|it| *it != about);
            if uids.is_empty() {
                self.claims.remove(claim);
            }
        }
    }

    pub(super) fn get(&self, uid: &str) -> Option<&Event> {
        let about = self.subjects.get(uid)?;
        self.about.get(about)?.get(uid).map(|it| &**it)
    }

    /// The uids of all events.
    pub(super) fn uids(&self) -> impl Iterator<Item = &String> {
        self.subjects.keys()
    }

    /// The events about an object, in the order of their uids.
    pub(super) fn of<'a>(&'a self, uid: &str) -> impl Iterator<Item = &'a Event> + use<'a> {
        let events = self.about.get(uid).into_iter();
        events.flat_map(BTreeMap::values).map(|it| &**it)
    }

    /// The events about claims of this name.
    pub(super) fn of_claim<'a, 'b>(
        &'a self,
        name: &'b str,
    ) -> impl Iterator<Item = &'a Event> + use<'a, 'b> {
        let uids = self.claims.get(name).into_iter().flatten();
        let events = uids.flat_map(|uid| self.of(uid));
        events.filter(move |it| about_claim(it) == Some(name))
    }
}

/// Returns the name of the claim that an event is about.
pub(super) fn about_claim(event: &Event) -> Option<&str> {
    let about = &event.involved_object;
    let is_claim = about.kind.as_deref() == Some("PersistentVolumeClaim");
    about.name.as_deref().filter(|_| is_claim)
}
