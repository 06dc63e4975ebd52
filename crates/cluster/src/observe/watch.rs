//! Selects the objects that may belong to the watched workloads.
//!
//! The server filters by name where a kind has one workload, and by labels where all selectors are
//! equal. Otherwise the objects are filtered here, a few too many rather than too few: the core ties
//! everything by uid.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use k8s_openapi::api::core::v1::Event;
use kube::core::{Expression, Selector, SelectorExt};
use rollguard_core::observation::ResourceKind;
use rollguard_core::workload::{Workload, WorkloadKind};

use crate::Result;
use crate::error::{Cause, ClusterError, ClusterErrorKind};

/// Generated names keep this much of their base (apiserver `storage/names/generate.go`,
/// `MaxGeneratedNameLength`).
const GENERATED_BASE: usize = 58;

/// The workloads of one namespace to watch.
#[derive(Debug, Clone, PartialEq)]
pub struct Watch {
    namespace: String,
    subjects: Vec<Subject>,
}

impl Watch {
    /// The watch of workloads that [`crate::access`] found. Their selectors never change (`apps/v1`
    /// makes them immutable).
    ///
    /// # Errors
    /// When a selector is not one that can be asked for, or the workloads are not all of one
    /// namespace.
    pub fn new(found: &[Workload]) -> Result<Self> {
        let subjects: Vec<Subject> = found.iter().map(Subject::of).collect::<Result<_>>()?;
        let namespace = |it: &Workload| it.metadata().namespace.clone().unwrap_or_default();
        let first = found.first().map(namespace).unwrap_or_default();
        if found.iter().any(|it| namespace(it) != first) {
            return Err(ClusterError::plain(
                ClusterErrorKind::BadInput,
                "watch workloads of several namespaces at once",
            ));
        }
        Ok(Self {
            namespace: first,
            subjects,
        })
    }

    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The kinds of the workloads; may repeat.
    pub(super) fn kinds(&self) -> impl Iterator<Item = WorkloadKind> {
        self.subjects.iter().map(|it| it.kind)
    }

    /// The names of the workloads of a kind.
    pub(super) fn names(&self, resource: ResourceKind) -> BTreeSet<String> {
        let of_kind = self.of(resource);
        of_kind.map(|it| it.name.clone()).collect()
    }

    /// Returns the selectors of the workloads that need a resource.
    pub(super) fn labels(&self, resource: ResourceKind) -> Labels {
        let selectors = self.of(resource).map(|it| &it.selector);
        Labels::of(selectors)
    }

    /// The workloads that need a resource.
    fn of(&self, resource: ResourceKind) -> impl Iterator<Item = &Subject> {
        let needs = move |it: &&Subject| ResourceKind::needed_for(it.kind).contains(&resource);
        self.subjects.iter().filter(needs)
    }

    /// Returns the workloads by the names that events about them carry.
    pub(super) fn subjects(&self) -> Subjects {
        let mut subjects = Subjects::default();
        for it in &self.subjects {
            subjects.names.insert((it.kind, it.name.clone()));
            subjects.prefixes.insert(it.prefix.clone());
            if it.kind == WorkloadKind::Deployment {
                subjects.of_sets.insert(it.prefix.clone());
            }
        }
        subjects
    }
}

/// The names that tell which events are about the workloads. A namespace has ten times more events than
/// other objects, so that none is compared with each workload.
#[derive(Debug, Default)]
pub(super) struct Subjects {
    names: HashSet<(WorkloadKind, String)>,
    /// How the names begin of what the controllers make.
    prefixes: HashSet<String>,
    /// The same of Deployments.
    of_sets: HashSet<String>,
}

impl Subjects {
    /// Returns whether an event may be about any of the workloads. Events have no labels and no owner, so
    /// they are picked by kind and name.
    pub(super) fn concern(&self, event: &Event) -> bool {
        let about = &event.involved_object;
        let name = about.name.as_deref().unwrap_or_default();
        match about.kind.as_deref().unwrap_or_default() {
            "Pod" => begins_with_one(name, &self.prefixes),
            // Only a pod names its claims, and it may not exist yet.
            "PersistentVolumeClaim" => true,
            "ReplicaSet" => begins_with_one(name, &self.of_sets),
            kind => {
                let kind = WorkloadKind::ALL.into_iter().find(|it| it.as_str() == kind);
                kind.is_some_and(|kind| self.names.contains(&(kind, name.to_owned())))
            }
        }
    }
}

/// Returns whether a name begins with one of these: they end at a dash, or are as long as a generated name keeps.
fn begins_with_one(name: &str, prefixes: &HashSet<String>) -> bool {
    let dashes = name.match_indices('-').map(|(at, _)| at + 1);
    let cut = name.char_indices().nth(GENERATED_BASE).map(|(at, _)| at);
    let whole = (name.chars().count() == GENERATED_BASE).then_some(name.len());
    let mut ends = dashes.chain(cut).chain(whole);
    ends.any(|end| name.get(..end).is_some_and(|it| prefixes.contains(it)))
}

/// One workload.
#[derive(Debug, Clone, PartialEq)]
struct Subject {
    kind: WorkloadKind,
    name: String,
    /// How the names begin of what its controller makes.
    prefix: String,
    selector: Selector,
}

impl Subject {
    fn of(workload: &Workload) -> Result<Self> {
        let selector = workload.selector().cloned().unwrap_or_default();
        let selector = Selector::try_from(selector).map_err(|source| {
            let doing = format!("read the selector of {}", workload.reference());
            ClusterError::new(doing, Cause::Malformed(source.to_string()))
        })?;
        let name = workload.name().to_owned();
        Ok(Self {
            kind: workload.kind(),
            prefix: prefix(&name),
            name,
            selector,
        })
    }
}

fn prefix(name: &str) -> String {
    let base: String = name.chars().take(GENERATED_BASE).collect();
    // A base that was cut has no room for the dash.
    if base.len() < GENERATED_BASE {
        base + "-"
    } else {
        base
    }
}

/// Which labels may belong to some workloads.
#[derive(Debug, Default)]
pub(super) struct Labels {
    /// The selectors by a label that they demand: its name, then its value.
    by_label: HashMap<String, HashMap<String, Vec<Selector>>>,
    /// Those that demand no value.
    others: Vec<Selector>,
}

impl Labels {
    /// Each selector once, under the label that the fewest of the others demand: all may have some in common.
    fn of<'a>(selectors: impl Iterator<Item = &'a Selector>) -> Self {
        let mut each: Vec<(Selector, Vec<(String, String)>)> = Vec::new();
        let mut seen: HashSet<String> = HashSet::new();
        for selector in selectors.filter(|it| seen.insert(it.to_string())) {
            each.push((selector.clone(), demanded(selector)));
        }
        let mut counts: HashMap<(String, String), usize> = HashMap::new();
        for label in each.iter().flat_map(|(_, labels)| labels) {
            *counts.entry(label.clone()).or_default() += 1;
        }
        let mut all = Self::default();
        for (selector, labels) in each {
            let rarest = labels.into_iter().min_by_key(|it| counts.get(it).copied());
            match rarest {
                Some((name, value)) => {
                    let values = all.by_label.entry(name).or_default();
                    values.entry(value).or_default().push(selector);
                }
                None => all.others.push(selector),
            }
        }
        all
    }

    fn selectors(&self) -> impl Iterator<Item = &Selector> {
        let demanding = self.by_label.values().flat_map(HashMap::values).flatten();
        demanding.chain(&self.others)
    }

    /// Returns the selector for the server; `None` where only [`Self::fit`] can decide.
    pub(super) fn selector(&self) -> Option<String> {
        let mut all = self.selectors();
        let first = all.next()?;
        all.next().is_none().then(|| first.to_string())
    }

    /// Returns whether any of the workloads' selectors matches.
    pub(super) fn fit(&self, labels: &BTreeMap<String, String>) -> bool {
        let by_label = |(name, value): (&String, &String)| self.by_label.get(name)?.get(value);
        let candidates = labels.iter().filter_map(by_label).flatten();
        let mut candidates = candidates.chain(&self.others);
        candidates.any(|selector| selector.matches(labels))
    }
}

/// Returns the labels that a selector demands.
fn demanded(selector: &Selector) -> Vec<(String, String)> {
    let demanded = selector.clone().into_iter().filter_map(|it| {
        if let Expression::Equal(name, value) = it {
            Some((name, value))
        } else {
            None
        }
    });
    demanded.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn workload(kind: &str, name: &str, app: &str) -> Workload {
        serde_json::from_value(json!({
            "kind": kind, "apiVersion": "apps/v1", "metadata": {"name": name, "namespace": "shop"},
            "spec": {"selector": {"matchLabels": {"app": app}}, "serviceName": "", "template": {}},
        }))
        .unwrap()
    }

    #[test]
    fn events_are_picked_by_kind_and_name() {
        let long = "a".repeat(60);
        let cut = format!("{}x7k2p", "a".repeat(58));
        let web = ("Deployment", "web");
        let rows = [
            ("a pod of a Deployment", web, "Pod", "web-5d4f-x7k2p", true),
            ("its ReplicaSet", web, "ReplicaSet", "web-5d4f", true),
            ("the Deployment", web, "Deployment", "web", true),
            ("one with a longer name", web, "Deployment", "web-2", false),
            ("another's pod", web, "Pod", "webshop-5d4f-x7k2p", false),
            ("a node of the same name", web, "Node", "web-1", false),
            ("another kind, same name", web, "StatefulSet", "web", false),
            ("a cut name", ("Deployment", &long), "Pod", &cut, true),
            (
                "a StatefulSet",
                ("StatefulSet", "db"),
                "StatefulSet",
                "db",
                true,
            ),
            ("its pod", ("StatefulSet", "db"), "Pod", "db-0", true),
            (
                "a DaemonSet",
                ("DaemonSet", "agent"),
                "DaemonSet",
                "agent",
                true,
            ),
            (
                "its pod",
                ("DaemonSet", "agent"),
                "Pod",
                "agent-x7k2p",
                true,
            ),
            (
                "any claim: its name tells nothing",
                ("StatefulSet", "db"),
                "PersistentVolumeClaim",
                "backup",
                true,
            ),
            (
                "no set of a DaemonSet",
                ("DaemonSet", "agent"),
                "ReplicaSet",
                "agent-1",
                false,
            ),
        ];
        for (says, (kind, name), about, subject, expected) in rows {
            let watch = Watch::new(&[workload(kind, name, "x"), workload(kind, "zzz", "x")]);
            let event = json!({"metadata": {}, "involvedObject": {"kind": about, "name": subject}});
            let event: Event = serde_json::from_value(event).unwrap();
            assert_eq!(
                watch.unwrap().subjects().concern(&event),
                expected,
                "{says}"
            );
        }
    }

    #[test]
    fn equal_selectors_are_left_to_the_server_and_others_sorted_out_here() {
        let labels = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
            pairs.iter().map(own).collect()
        };
        let same = [
            workload("Deployment", "a", "x"),
            workload("StatefulSet", "b", "x"),
        ];
        let watch = Watch::new(&same).unwrap();
        let pods = watch.labels(ResourceKind::Pod);
        assert_eq!(pods.selector().as_deref(), Some("app=x"));
        let different = [
            workload("Deployment", "a", "x"),
            workload("StatefulSet", "b", "y"),
        ];
        let watch = Watch::new(&different).unwrap();
        let pods = watch.labels(ResourceKind::Pod);
        assert_eq!(pods.selector(), None);
        for (app, fits) in [("x", true), ("y", true), ("z", false)] {
            assert_eq!(pods.fit(&labels(&[("app", app)])), fits, "{app}");
        }
        let sets = watch.labels(ResourceKind::ReplicaSet);
        assert_eq!(sets.selector().as_deref(), Some("app=x"));
        let revisions = watch.labels(ResourceKind::ControllerRevision);
        assert_eq!(revisions.selector().as_deref(), Some("app=y"));
    }

    #[test]
    fn selectors_that_share_labels_are_told_apart() {
        let selector = |labels: serde_json::Value, expressions: serde_json::Value| {
            let mut object = serde_json::to_value(workload("Deployment", "a", "x")).unwrap();
            object["spec"]["selector"] =
                json!({"matchLabels": labels, "matchExpressions": expressions});
            serde_json::from_value::<Workload>(object).unwrap()
        };
        let all = [
            selector(json!({"part-of": "shop", "app": "web"}), json!([])),
            selector(json!({"part-of": "shop", "app": "api"}), json!([])),
            selector(
                json!({}),
                json!([{"key": "tier", "operator": "In", "values": ["back"]}]),
            ),
        ];
        let labels = Watch::new(&all).unwrap().labels(ResourceKind::Pod);
        let rows = [
            (
                "one of them",
                json!({"part-of": "shop", "app": "api"}),
                true,
            ),
            (
                "what they have in common alone",
                json!({"part-of": "shop"}),
                false,
            ),
            ("another's", json!({"part-of": "shop", "app": "db"}), false),
            (
                "the same without the common one",
                json!({"app": "web"}),
                false,
            ),
            (
                "one that demands no single value",
                json!({"tier": "back"}),
                true,
            ),
            ("nothing", json!({}), false),
        ];
        for (says, own, fits) in rows {
            let own = serde_json::from_value(own).unwrap();
            assert_eq!(labels.fit(&own), fits, "{says}");
        }
    }

    #[test]
    fn workloads_of_two_namespaces_are_refused() {
        let mut other = serde_json::to_value(workload("Deployment", "a", "x")).unwrap();
        other["metadata"]["namespace"] = "store".into();
        let other = serde_json::from_value(other).unwrap();
        assert!(Watch::new(&[workload("Deployment", "a", "x"), other]).is_err());
    }
}
