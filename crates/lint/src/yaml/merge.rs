//! Merge keys, and keys that stand twice.
//!
//! `go.yaml.in/yaml/v2` decodes a mapping entry by entry, and sets the merged keys when it comes to `<<`
//! (`decode.go`, `mapping` and `merge`): an explicit key that stands before `<<` is replaced. In a list of mappings
//! the earlier one wins.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::{Duplicate, Entry, Kind, Mark, Node, NodeId};

/// How many duplicate keys of a document are remembered.
const MOST_DUPLICATES: usize = 100;

/// The entries of a mapping with its merge keys resolved.
pub(super) struct Merged<'t> {
    pub(super) entries: Vec<Entry<'t>>,
    /// How many entries were merged into it.
    pub(super) taken: usize,
}

/// The reason why the merge keys of a mapping cannot be resolved.
pub(super) enum MergeError {
    /// A value that is neither a mapping nor a list of mappings.
    NoMapping(Mark),
    /// More entries than there is room for.
    TooMany,
}

/// Resolves the merge keys of a mapping; the mappings that it merges have been resolved before.
///
/// `room` is how many entries may be merged into it.
pub(super) fn merged<'t>(
    entries: Vec<Entry<'t>>,
    nodes: &[Node<'t>],
    room: usize,
    duplicates: &mut Vec<Duplicate>,
) -> Result<Merged<'t>, MergeError> {
    if is_simple(&entries) {
        return Ok(Merged { entries, taken: 0 });
    }
    let mut set = Set::default();
    let mut taken = 0;
    for entry in entries {
        if entry.merges {
            for source in sources(&entry, nodes)? {
                taken += source.len();
                if taken > room {
                    return Err(MergeError::TooMany);
                }
                for merged in source {
                    set.insert(merged.clone());
                }
            }
            continue;
        }
        let (key, mark) = (entry.key.clone(), entry.mark);
        let again = !set.explicit.insert(key.clone());
        set.insert(entry);
        if again && duplicates.len() < MOST_DUPLICATES {
            let key = key.into_owned();
            duplicates.push(Duplicate { key, mark });
        }
    }
    let entries = set.entries;
    Ok(Merged { entries, taken })
}

/// Returns whether a small mapping has neither a merge key nor a key that stands twice.
fn is_simple(entries: &[Entry<'_>]) -> bool {
    const SMALL: usize = 12;
    let once = |(at, entry): (usize, &Entry<'_>)| {
        let before = entries.iter().take(at);
        !entry.merges && before.into_iter().all(|it| it.key != entry.key)
    };
    entries.len() <= SMALL && entries.iter().enumerate().all(once)
}

/// Returns the entries that a merge key brings, the ones that win last.
fn sources<'n, 't>(
    entry: &Entry<'t>,
    nodes: &'n [Node<'t>],
) -> Result<Vec<&'n [Entry<'t>]>, MergeError> {
    let mapping = |id: NodeId| match nodes.get(id).map(|it| &it.kind) {
        Some(Kind::Mapping(entries)) => Ok(entries.all.as_slice()),
        Some(Kind::Scalar(_) | Kind::Sequence(_)) | None => Err(MergeError::NoMapping(entry.mark)),
    };
    match nodes.get(entry.value).map(|it| &it.kind) {
        Some(Kind::Sequence(items)) => items.iter().rev().map(|id| mapping(*id)).collect(),
        Some(Kind::Scalar(_) | Kind::Mapping(_)) | None => Ok(vec![mapping(entry.value)?]),
    }
}

/// Entries by their keys, in the order in which the keys came.
#[derive(Default)]
struct Set<'t> {
    entries: Vec<Entry<'t>>,
    places: HashMap<Cow<'t, str>, usize>,
    explicit: HashSet<Cow<'t, str>>,
}

impl<'t> Set<'t> {
    fn insert(&mut self, entry: Entry<'t>) {
        let place = self.places.get(&entry.key).copied();
        if let Some(present) = place.and_then(|place| self.entries.get_mut(place)) {
            *present = entry;
        } else {
            self.places.insert(entry.key.clone(), self.entries.len());
            self.entries.push(entry);
        }
    }
}
