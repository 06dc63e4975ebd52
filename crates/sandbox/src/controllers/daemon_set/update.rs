//! The rolling update of a DaemonSet (`update.go`, `rollingUpdate`): by taking old pods away
//! first, or with `maxSurge` by adding new ones beside them.

use jiff::Timestamp;
use serde_json::Value;

use super::nodes::{Daemon, Node, Nodes};
use crate::controllers::readiness::{is_available, ready_since};
use crate::object::text;
use crate::store::Key;

/// The next step of the update.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) delete: Vec<Key>,
    /// Nodes that get a new pod beside the old one.
    pub(super) create: Vec<String>,
}

/// Returns whether `maxSurge` is more than nothing.
pub(super) fn surges(set: &Value) -> bool {
    text(set, "/spec/updateStrategy/type") == "RollingUpdate" && scaled(set, "maxSurge", 100) > 0
}

/// A number, or a percentage of the nodes, rounded up.
fn scaled(set: &Value, field: &str, total: usize) -> usize {
    let value = &set["spec"]["updateStrategy"]["rollingUpdate"][field];
    match value.as_str() {
        None => value
            .as_u64()
            .and_then(|it| usize::try_from(it).ok())
            .unwrap_or(0),
        Some(text) => {
            let percent = text.strip_suffix('%').and_then(|it| it.parse().ok());
            (percent.unwrap_or(0_usize) * total).div_ceil(100)
        }
    }
}

/// The new and the old pod of one node.
type Pair<'n> = (Option<&'n Daemon>, Option<&'n Daemon>);

/// The update of a set to the template with a hash.
pub(super) struct Update<'a> {
    pub(super) set: &'a Value,
    pub(super) hash: &'a str,
    pub(super) now: Timestamp,
}

impl Update<'_> {
    /// The next step of a rolling update; none with `OnDelete`.
    pub(super) fn plan(&self, nodes: &Nodes) -> Option<Plan> {
        if text(self.set, "/spec/updateStrategy/type") != "RollingUpdate" {
            return None;
        }
        let desired = nodes.all().filter(|it| it.should_run).count();
        Some(if surges(self.set) {
            self.surge(nodes, scaled(self.set, "maxSurge", desired), desired)
        } else {
            self.replace(nodes, scaled(self.set, "maxUnavailable", desired))
        })
    }

    /// Pods on one node that are too many, of those that run.
    pub(super) fn surplus<'d>(&self, running: &[&'d Daemon]) -> Vec<&'d Key> {
        if running.len() < 2 {
            return Vec::new();
        }
        if !surges(self.set) {
            return running[1..].iter().map(|it| &it.key).collect();
        }
        let new = running.iter().find(|it| it.hash() == self.hash);
        let old = running.iter().find(|it| it.hash() != self.hash);
        let kept = |daemon: &Daemon| [new, old].iter().flatten().any(|it| it.key == daemon.key);
        let mut delete: Vec<&Key> = running
            .iter()
            .filter(|it| !kept(it))
            .map(|it| &it.key)
            .collect();
        if let (Some(new), Some(old)) = (new, old)
            && (ready_since(&old.pod).is_none() || self.is_available(new))
        {
            delete.push(&old.key);
        }
        delete
    }

    fn is_available(&self, daemon: &Daemon) -> bool {
        is_available(self.set, &daemon.pod, self.now)
    }

    /// `None` when the node has two of a kind (`findUpdatedPodsOnNode`).
    fn pair<'n>(&self, node: &'n Node) -> Option<Pair<'n>> {
        let here = || node.daemons.iter().filter(|it| !it.is_terminating());
        let mut new = here().filter(|it| it.hash() == self.hash);
        let mut old = here().filter(|it| it.hash() != self.hash);
        let pair = (new.next(), old.next());
        (new.next().is_none() && old.next().is_none()).then_some(pair)
    }

    /// Old pods that are not available go at once, available ones as far as `maxUnavailable`
    /// allows. Only nodes that count or have a pod are looked at.
    fn replace(&self, nodes: &Nodes, max_unavailable: usize) -> Plan {
        let mut unavailable = 0;
        let (mut delete, mut candidates) = (Vec::new(), Vec::new());
        for node in nodes
            .all()
            .filter(|it| it.should_run || !it.daemons.is_empty())
        {
            match self.pair(node) {
                None | Some((None, None) | (Some(_), Some(_))) => unavailable += 1,
                Some((Some(new), None)) => {
                    unavailable += usize::from(!self.is_available(new));
                }
                Some((None, Some(old))) if self.is_available(old) => {
                    candidates.push(old.key.clone());
                }
                Some((None, Some(old))) => {
                    delete.push(old.key.clone());
                    unavailable += 1;
                }
            }
        }
        candidates.truncate(max_unavailable.saturating_sub(unavailable));
        delete.extend(candidates);
        Plan {
            delete,
            create: Vec::new(),
        }
    }

    /// New pods beside old ones as far as `maxSurge` allows; an old pod goes when the new one is
    /// available.
    fn surge(&self, nodes: &Nodes, max_surge: usize, desired: usize) -> Plan {
        let (mut surged, mut available) = (0, 0);
        let mut plan = Plan::default();
        let (mut candidates, mut misplaced) = (Vec::new(), Vec::new());
        for node in nodes.all() {
            let Some((new, old)) = self.pair(node) else {
                surged += 1;
                continue;
            };
            available += usize::from(old.or(new).is_some_and(|it| self.is_available(it)));
            match (new, old) {
                (_, None) => {}
                (None, Some(old)) => match (node.should_run, self.is_available(old)) {
                    (false, false) => plan.delete.push(old.key.clone()),
                    (false, true) => misplaced.push(old.key.clone()),
                    (true, false) => plan.create.push(node.name.clone()),
                    (true, true) => candidates.push(node.name.clone()),
                },
                (Some(new), Some(old)) if self.is_available(new) => {
                    plan.delete.push(old.key.clone());
                }
                (Some(_), Some(_)) => surged += 1,
            }
        }
        misplaced.truncate(available.saturating_sub(desired));
        plan.delete.extend(misplaced);
        candidates.truncate(max_surge.saturating_sub(surged));
        plan.create.extend(candidates);
        plan
    }
}
