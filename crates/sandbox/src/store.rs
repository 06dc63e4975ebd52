//! The objects, their resourceVersions and what changed: the embedded cluster's etcd.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::resource::Resource;

/// How many changes are kept before the oldest are forgotten.
const HISTORY: usize = 50_000;
/// How many changes stay when the history is forgotten.
const KEPT: usize = 1000;

/// Names one object. Cluster-scoped objects have an empty namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) resource: Resource,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Key {
    pub(crate) fn new(resource: Resource, namespace: &str, name: &str) -> Self {
        Self {
            resource,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }
}

/// One write. Creations have no `old`, deletions no `new`.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) revision: u64,
    pub(crate) key: Key,
    pub(crate) old: Option<Arc<Value>>,
    pub(crate) new: Option<Arc<Value>>,
}

/// The resourceVersion asked for is older than what is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Compacted;

/// All objects at the newest revision, and the way there.
#[derive(Debug, Default)]
pub(crate) struct Store {
    objects: BTreeMap<Key, Arc<Value>>,
    history: VecDeque<Change>,
    revision: u64,
    compacted: u64,
}

impl Store {
    /// The newest resourceVersion.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// The newest resourceVersion that is too old to list or watch from.
    pub(crate) fn compacted(&self) -> u64 {
        self.compacted
    }

    pub(crate) fn get(&self, key: &Key) -> Option<&Arc<Value>> {
        self.objects.get(key)
    }

    /// The objects of a resource, in one namespace or in all, by namespace and name.
    pub(crate) fn list(
        &self,
        resource: Resource,
        namespace: Option<&str>,
    ) -> Vec<(Key, Arc<Value>)> {
        let from = Key::new(resource, namespace.unwrap_or_default(), "");
        self.objects
            .range(from..)
            .take_while(|(key, _)| {
                key.resource == resource && namespace.is_none_or(|it| key.namespace == it)
            })
            .map(|(key, object)| (key.clone(), Arc::clone(object)))
            .collect()
    }

    /// The same list as it was at an older revision.
    pub(crate) fn list_at(
        &self,
        resource: Resource,
        namespace: Option<&str>,
        revision: u64,
    ) -> Result<Vec<(Key, Arc<Value>)>, Compacted> {
        if revision < self.compacted {
            return Err(Compacted);
        }
        let mut objects: BTreeMap<_, _> = self.list(resource, namespace).into_iter().collect();
        for change in self.changes_since(revision).rev() {
            if change.key.resource != resource
                || namespace.is_some_and(|it| change.key.namespace != it)
            {
                continue;
            }
            match &change.old {
                Some(old) => objects.insert(change.key.clone(), Arc::clone(old)),
                None => objects.remove(&change.key),
            };
        }
        Ok(objects.into_iter().collect())
    }

    /// Every object of every resource.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&Key, &Arc<Value>)> {
        self.objects.iter()
    }

    /// The changes after a revision, oldest first.
    pub(crate) fn changes_since(
        &self,
        revision: u64,
    ) -> impl DoubleEndedIterator<Item = &Change> + use<'_> {
        let first = self
            .history
            .partition_point(|change| change.revision <= revision);
        self.history.range(first..)
    }

    /// Writes an object under a new resourceVersion.
    pub(crate) fn put(&mut self, key: Key, mut object: Value) -> Arc<Value> {
        self.revision += 1;
        object["metadata"]["resourceVersion"] = json!(self.revision.to_string());
        let object = Arc::new(object);
        let old = self.objects.insert(key.clone(), Arc::clone(&object));
        self.record(key, old, Some(Arc::clone(&object)));
        object
    }

    /// Deletes an object.
    pub(crate) fn remove(&mut self, key: &Key) -> Option<Arc<Value>> {
        let old = self.objects.remove(key)?;
        self.revision += 1;
        self.record(key.clone(), Some(Arc::clone(&old)), None);
        Some(old)
    }

    /// Makes every resourceVersion before the newest too old to list or watch from.
    pub(crate) fn compact(&mut self) {
        // A write that no one sees, so that a client that is up to date is too old as well.
        self.revision += 1;
        self.compacted = self.revision;
        // The newest changes stay for those who are about to read them.
        let forgotten = self.history.len().saturating_sub(KEPT);
        self.history.drain(..forgotten);
    }

    fn record(&mut self, key: Key, old: Option<Arc<Value>>, new: Option<Arc<Value>>) {
        self.history.push_back(Change {
            revision: self.revision,
            key,
            old,
            new,
        });
        if self.history.len() > HISTORY
            && let Some(forgotten) = self.history.pop_front()
        {
            self.compacted = self.compacted.max(forgotten.revision);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str) -> Key {
        Key::new(Resource::Pods, "shop", name)
    }

    fn names(listed: &[(Key, Arc<Value>)]) -> Vec<&str> {
        listed.iter().map(|(key, _)| key.name.as_str()).collect()
    }

    #[test]
    fn a_list_at_an_older_revision_shows_what_was_there() {
        let mut store = Store::default();
        store.put(pod("a"), json!({"metadata": {}}));
        store.put(pod("b"), json!({"metadata": {}}));
        let then = store.revision();
        store.remove(&pod("a"));
        store.put(pod("c"), json!({"metadata": {}}));
        let now = store.list(Resource::Pods, Some("shop"));
        assert_eq!(names(&now), ["b", "c"]);
        let before = store.list_at(Resource::Pods, None, then).unwrap();
        assert_eq!(names(&before), ["a", "b"]);
    }

    #[test]
    fn compaction_makes_older_revisions_unavailable() {
        let mut store = Store::default();
        store.put(pod("a"), json!({"metadata": {}}));
        let then = store.revision();
        store.compact();
        assert_eq!(store.list_at(Resource::Pods, None, then), Err(Compacted));
        assert!(
            store
                .list_at(Resource::Pods, None, store.revision())
                .is_ok()
        );
    }

    #[test]
    fn lists_keep_to_their_namespace() {
        let mut store = Store::default();
        store.put(pod("a"), json!({"metadata": {}}));
        store.put(
            Key::new(Resource::Pods, "shop-2", "b"),
            json!({"metadata": {}}),
        );
        assert_eq!(names(&store.list(Resource::Pods, Some("shop"))), ["a"]);
        assert_eq!(store.list(Resource::Pods, None).len(), 2);
    }
}
