//! Required topology spread: nodes without its label, and domains of which none may take a pod more.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Node, PodSpec, TopologySpreadConstraint};
use serde::Deserialize as _;
use serde_json::Value;

use super::fits::{Fits, is_initialised, is_selected};
use super::grown;
use super::room::{Occupants, Stay, demands, only_what_stays};
use crate::finding::FindingCode;
use crate::label_selector::selects;
use crate::prediction::autoscaler::growth;
use crate::prediction::certainty::{Certainty, Prediction};
use crate::prediction::planned::Planned;
use crate::prediction::view::View;
use crate::snapshot::tolerates;
use crate::workload::WorkloadKind;
use crate::workload::raw::text;

type Labels = BTreeMap<String, String>;

fn required(spec: &PodSpec) -> impl Iterator<Item = &TopologySpreadConstraint> {
    let constraints = spec.topology_spread_constraints.iter().flatten();
    constraints.filter(|it| it.when_unsatisfiable == "DoNotSchedule")
}

fn domain<'n>(node: &'n Node, key: &str) -> Option<&'n str> {
    node.metadata.labels.as_ref()?.get(key).map(String::as_str)
}

/// Finds a required topology spread whose label no node has.
pub(super) fn label(
    view: &View<'_>,
    plan: &Planned<'_>,
    spec: &PodSpec,
    nodes: &[Node],
) -> Option<Prediction> {
    let key = required(spec).find_map(|it| {
        let key = it.topology_key.as_str();
        let mut nodes = nodes.iter();
        nodes.all(|node| domain(node, key).is_none()).then_some(key)
    })?;
    let message = format!(
        "no node has label `{key}`, which a topologySpreadConstraint of {} requires (topologyKey)",
        plan.title()
    );
    let prediction = Prediction::finding(FindingCode::NoNodeMatches, plan.index, message)
        .surely(if nodes.iter().all(is_initialised) {
            Certainty::Certain
        } else {
            Certainty::Likely
        })
        .about(plan.title())
        .at(plan.named(&["topologyKey"], key))
        .remedy(format!(
            "correct topologyKey `{key}` (usual: topology.kubernetes.io/zone, kubernetes.io/hostname), label the nodes, or set whenUnsatisfiable: ScheduleAnyway"
        ));
    grown(prediction, growth(view, nodes))
}

/// A constraint, with the nodes and pods that it counts (`podtopologyspread/filtering.go`).
struct Spread<'a> {
    rule: &'a TopologySpreadConstraint,
    /// The pods that count, by domain.
    counts: BTreeMap<String, i64>,
    /// Whether a new pod counts itself.
    counts_itself: bool,
}

/// Finds a constraint by which no domain may take the next pod: those with the fewest have no node that can take it.
pub(super) fn skew(
    plan: &Planned<'_>,
    fits: &Fits<'_>,
    (nodes, open): (&[Node], &[&Node]),
    occupants: &Occupants<'_>,
) -> Option<Prediction> {
    if plan.workload.kind == WorkloadKind::DaemonSet {
        return None;
    }
    demands(plan).into_iter().find_map(|demand| {
        let slots = occupants.slots(fits, open, (demand, only_what_stays));
        required(fits.spec).find_map(|rule| {
            let old_stay = demand.old_stay;
            let spread = Spread::of(plan, fits, rule, (nodes, occupants, old_stay))?;
            let mut room: BTreeMap<String, i64> = BTreeMap::new();
            for (node, count) in &slots {
                if let Some(domain) = domain(node, &rule.topology_key) {
                    *room.entry(domain.to_owned()).or_default() += count;
                }
            }
            let placed = spread.placed(room, demand.wanted);
            (placed < demand.wanted).then(|| found(plan, &spread, (placed, demand.wanted)))
        })
    })
}

impl<'a> Spread<'a> {
    /// `None` where a pod cannot be compared with the constraint.
    fn of(
        plan: &Planned<'_>,
        fits: &Fits<'_>,
        rule: &'a TopologySpreadConstraint,
        (nodes, occupants, old_stay): (&[Node], &Occupants<'_>, bool),
    ) -> Option<Self> {
        let is_set = |policy: &Option<String>, word: &str| policy.as_deref() == Some(word);
        let counts_node = |node: &&Node| {
            (is_set(&rule.node_affinity_policy, "Ignore") || is_selected(fits.spec, node))
                && (!is_set(&rule.node_taints_policy, "Honor") || tolerates(fits.pod, node))
                && required(fits.spec).all(|it| domain(node, &it.topology_key).is_some())
        };
        let counted: Vec<&Node> = nodes.iter().filter(counts_node).collect();
        let mut counts: BTreeMap<String, i64> = BTreeMap::new();
        for node in &counted {
            counts
                .entry(domain(node, &rule.topology_key)?.to_owned())
                .or_default();
        }
        let own = labels(plan.template());
        let keys = rule.match_label_keys.iter().flatten();
        let alike: Vec<(&String, Option<&String>)> = keys.map(|it| (it, own.get(it))).collect();
        let selector = rule.label_selector.as_ref();
        for pod in &occupants.bound {
            let is_leaving = !text(pod.object, "/metadata/deletionTimestamp").is_empty();
            let is_near = text(pod.object, "/metadata/namespace") == plan.namespace();
            if is_leaving || !is_near || (pod.stay == Stay::Own && !old_stay) {
                continue;
            }
            let its = labels(pod.object);
            // A key that only the controller sets, such as `pod-template-hash`, is another one on an old pod.
            let is_alike = alike.iter().all(|(key, value)| its.get(*key) == *value);
            let name = text(pod.object, "/spec/nodeName");
            let node = counted
                .iter()
                .find(|it| it.metadata.name.as_deref() == Some(name));
            if let Some(node) = node
                && is_alike
                && selects(selector?, &its)?
                && let Some(count) =
                    domain(node, &rule.topology_key).and_then(|it| counts.get_mut(it))
            {
                *count += 1;
            }
        }
        Some(Self {
            rule,
            counts,
            counts_itself: selects(selector?, &own)?,
        })
    }

    /// Returns how many pods of those that are wanted find a domain: each goes where there are the fewest.
    fn placed(&self, mut room: BTreeMap<String, i64>, wanted: i64) -> i64 {
        let mut counts = self.counts.clone();
        let too_few = self
            .rule
            .min_domains
            .is_some_and(|it| i64::try_from(counts.len()).unwrap_or(i64::MAX) < i64::from(it));
        let own = i64::from(self.counts_itself);
        for placed in 0..wanted {
            let least = counts.values().copied().min().unwrap_or_default();
            let least = if too_few { 0 } else { least };
            let fits = |(name, count): &(&String, &mut i64)| {
                let skew = **count + own - least;
                skew <= i64::from(self.rule.max_skew) && room.get(*name).is_some_and(|it| *it > 0)
            };
            let next = counts.iter_mut().filter(fits).min_by_key(|(_, it)| **it);
            let Some((name, count)) = next else {
                return placed;
            };
            *count += own;
            if let Some(left) = room.get_mut(name) {
                *left -= 1;
            }
        }
        wanted
    }
}

fn found(plan: &Planned<'_>, spread: &Spread<'_>, (placed, wanted): (i64, i64)) -> Prediction {
    let TopologySpreadConstraint {
        topology_key,
        max_skew,
        ..
    } = spread.rule;
    let least = spread.counts.iter().min_by_key(|(_, count)| **count);
    let least = least.map_or("", |(name, _)| name.as_str());
    let message = format!(
        "only {placed} of {wanted} new pods of {} find a node: a topologySpreadConstraint (topologyKey {topology_key}, maxSkew {max_skew}) keeps the others away until domains with fewer pods, such as `{least}`, take some, and their nodes cannot",
        plan.title()
    );
    Prediction::finding(FindingCode::Unschedulable, plan.index, message)
        .surely(Certainty::Likely)
        .about(plan.title())
        .at(plan.named(&["topologyKey"], topology_key))
        .remedy("make room in the other domains, raise maxSkew, set nodeTaintsPolicy: Honor where their nodes are tainted, or whenUnsatisfiable: ScheduleAnyway")
}

fn labels(of: &Value) -> Labels {
    let labels = of.pointer("/metadata/labels").cloned();
    Labels::deserialize(labels.unwrap_or_default()).unwrap_or_default()
}
