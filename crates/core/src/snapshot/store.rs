//! Stores objects of one kind by their controller.

use std::collections::BTreeMap;

use k8s_openapi::Metadata;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::controller_of;

/// The objects of one kind.
///
/// A namespace may have hundreds of workloads, and each is judged again with every observation: the
/// objects of one workload must be found without a scan of all.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Store<K> {
    /// Objects by the controller's uid, empty if there is none, then by their own uid.
    /// Boxed: the nodes of a map have room for eleven, and a pod is kilobytes long.
    owned: BTreeMap<String, BTreeMap<String, Box<K>>>,
    /// The controller's uid by the object's own.
    owners: BTreeMap<String, String>,
}

impl<K> Default for Store<K> {
    fn default() -> Self {
        Self {
            owned: BTreeMap::new(),
            owners: BTreeMap::new(),
        }
    }
}

impl<K: Metadata<Ty = ObjectMeta>> Store<K> {
    /// Inserts or replaces an object.
    pub(super) fn insert(&mut self, object: Box<K>) {
        let Some(uid) = object.metadata().uid.clone() else {
            return;
        };
        let owner = controller_of(object.metadata()).unwrap_or_default();
        let owner = owner.to_owned();
        // An object may be orphaned by one controller and adopted by another.
        let former = self.owners.insert(uid.clone(), owner.clone());
        if let Some(left) = former.filter(|it| *it != owner)
            && let Some(objects) = self.owned.get_mut(&left)
        {
            objects.remove(&uid);
        }
        self.owned.entry(owner).or_default().insert(uid, object);
    }

    /// Removes an object, and returns it.
    pub(super) fn remove(&mut self, uid: &str) -> Option<Box<K>> {
        let owner = self.owners.remove(uid)?;
        let objects = self.owned.get_mut(&owner)?;
        let removed = objects.remove(uid);
        if objects.is_empty() {
            self.owned.remove(&owner);
        }
        removed
    }

    /// The uids of all objects.
    pub(super) fn uids(&self) -> impl Iterator<Item = &String> {
        self.owners.keys()
    }

    pub(super) fn get(&self, uid: &str) -> Option<&K> {
        let owned = self.owned.get(self.owners.get(uid)?)?;
        owned.get(uid).map(|it| &**it)
    }

    /// Returns the uid of the object's controller.
    pub(super) fn owner(&self, uid: &str) -> Option<&str> {
        let owner = self.owners.get(uid)?;
        (!owner.is_empty()).then_some(owner)
    }

    pub(super) fn len(&self) -> usize {
        self.owners.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &K)> {
        let all = self.owned.values().flatten();
        all.map(|(uid, object)| (uid, &**object))
    }

    /// Returns the objects of a controller, in the order of their uids.
    pub(super) fn of<'a>(&'a self, owner: &str) -> impl Iterator<Item = &'a K> + use<'a, K> {
        let objects = self.owned.get(owner).into_iter();
        objects.flat_map(BTreeMap::values).map(|it| &**it)
    }
}

/// Removes what is kept of one object, from a map by its uid and something else.
pub(super) fn remove_of<P: Ord + Clone + Default, V>(
    map: &mut BTreeMap<(String, P), V>,
    uid: &str,
) {
    let first = (uid.to_owned(), P::default());
    let of = map.range(first..).map(|(key, _)| key);
    let keys: Vec<_> = of.take_while(|(it, _)| it == uid).cloned().collect();
    for key in keys {
        map.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Pod;
    use serde_json::json;

    use super::*;

    fn pod(uid: &str, owner: Option<&str>) -> Box<Pod> {
        let owners = owner.map(|uid| {
            json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": uid, "controller": true}])
        });
        let pod = json!({"metadata": {"uid": uid, "ownerReferences": owners}});
        serde_json::from_value(pod).unwrap()
    }

    fn uids(store: &Store<Pod>, owner: &str) -> Vec<String> {
        let uids = store.of(owner).filter_map(|it| it.metadata.uid.clone());
        uids.collect()
    }

    #[test]
    fn what_a_controller_owns_is_found_by_it_and_by_its_own_uid() {
        let mut store = Store::default();
        for (uid, owner) in [("b", "one"), ("a", "one"), ("c", "two")] {
            store.insert(pod(uid, Some(owner)));
        }
        assert_eq!(uids(&store, "one"), ["a", "b"]);
        assert_eq!(uids(&store, "two"), ["c"]);
        assert!(store.get("c").is_some() && store.get("d").is_none());
        assert_eq!((store.len(), store.iter().count()), (3, 3));
    }

    #[test]
    fn what_another_controller_adopts_is_the_other_s_alone() {
        let mut store = Store::default();
        for owner in [Some("one"), None, Some("two")] {
            store.insert(pod("a", owner));
        }
        assert_eq!(uids(&store, "one"), [""; 0]);
        assert_eq!(uids(&store, "two"), ["a"]);
        assert_eq!((store.len(), store.iter().count()), (1, 1));
    }

    #[test]
    fn what_was_removed_is_not_found_either_way() {
        let mut store = Store::default();
        store.insert(pod("a", Some("one")));
        store.insert(pod("b", Some("one")));
        assert!(store.remove("a").is_some() && store.remove("c").is_none());
        assert_eq!(uids(&store, "one"), ["b"]);
        assert!(store.get("a").is_none() && store.len() == 1);
    }
}
