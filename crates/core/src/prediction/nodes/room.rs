//! The room that running pods leave on the nodes, and where a topology spread still allows a pod.

use k8s_openapi::api::core::v1::Node;
use serde_json::{Value, json};

use super::fits::Fits;
use crate::finding::FindingCode;
use crate::prediction::certainty::{Certainty, Prediction};
use crate::prediction::manifest::Manifest;
use crate::prediction::planned::Planned;
use crate::prediction::pod::{Amounts, amounts, has_ended, is_about_to_end, read};
use crate::prediction::question::Collection;
use crate::prediction::strategy::fences;
use crate::prediction::view::{Found, View};
use crate::quantity::Quantity;
use crate::workload::WorkloadKind;
use crate::workload::raw::text;

/// The number of pods is a resource of a node as well.
const PODS: &str = "pods";

/// More need no proof that they are many.
const MOST_PODS: i64 = 2_000;

/// The relation of a bound pod to the pods that look for a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stay {
    /// It is one of the same workload.
    Own,
    /// It is about to end, or its workload is part of the call.
    MayEnd,
    /// It has a lower priority: the scheduler evicts it for them.
    GivesWay,
    /// It runs on.
    Stays,
}

/// A pod that is bound to a node.
pub(super) struct Bound<'a> {
    pub(super) object: &'a Value,
    pub(super) stay: Stay,
    node: &'a str,
    takes: Amounts,
}

/// The pods that are bound to nodes.
pub(super) struct Occupants<'a> {
    pub(super) bound: Vec<Bound<'a>>,
    /// Whether those of all namespaces were seen.
    is_whole: bool,
}

/// So many new pods are needed, beside the old ones or after them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Demand {
    pub(super) wanted: i64,
    /// Whether the old pods stay until the new ones are ready.
    pub(super) old_stay: bool,
}

/// Returns the pods on the nodes; `None` where they are not seen.
pub(super) fn occupants<'a>(
    view: &View<'a>,
    plan: &Planned<'_>,
    fits: &Fits<'_>,
) -> Option<Occupants<'a>> {
    let pods = |namespace: Option<&str>, what: &str| {
        let collection = Collection {
            api: "v1",
            plural: PODS,
            namespace: namespace.map(str::to_owned),
        };
        view.list(collection, what)
    };
    let (listed, is_whole) = match pods(
        None,
        "whether pods of other namespaces leave room on the nodes",
    ) {
        Found::There(all) => (all, true),
        Found::Missing | Found::Pending => return None,
        Found::Unseen => {
            let own = pods(
                Some(plan.namespace()),
                "whether running pods leave room on the nodes",
            );
            (own.there()?, false)
        }
    };
    let is_bound = |pod: &&Value| !has_ended(pod) && !text(pod, "/spec/nodeName").is_empty();
    let bound = listed.iter().filter(is_bound).map(|object| Bound {
        object,
        node: text(object, "/spec/nodeName"),
        takes: with_itself(amounts(
            object.get("spec").unwrap_or(&Value::Null),
            "requests",
        )),
        stay: stay(view, plan, fits, object),
    });
    Some(Occupants {
        bound: bound.collect(),
        is_whole,
    })
}

fn with_itself(mut amounts: Amounts) -> Amounts {
    amounts.insert(PODS.to_owned(), Quantity::whole(1));
    amounts
}

fn stay(view: &View<'_>, plan: &Planned<'_>, fits: &Fits<'_>, pod: &Value) -> Stay {
    if selects(&plan.object, plan.namespace(), pod) {
        return Stay::Own;
    }
    let mut others = view.manifests.workloads();
    let is_of_call = |it: &Manifest| !it.stands && selects(&it.object, it.namespace(), pod);
    let priority = pod.pointer("/spec/priority").and_then(Value::as_i64);
    if fits.evicts && priority.unwrap_or_default() < fits.priority {
        Stay::GivesWay
    } else if is_about_to_end(pod) || others.any(|(_, it)| is_of_call(it)) {
        Stay::MayEnd
    } else {
        Stay::Stays
    }
}

/// Returns whether a pod is one of a workload by its labels. Without labels to compare, every pod may be one.
fn selects(workload: &Value, namespace: &str, pod: &Value) -> bool {
    let wanted = workload.pointer("/spec/selector/matchLabels");
    let labels = pod.pointer("/metadata/labels");
    let has = |(key, value): (&String, &Value)| labels.and_then(|it| it.get(key)) == Some(value);
    let by_labels = wanted.and_then(Value::as_object);
    text(pod, "/metadata/namespace") == namespace && by_labels.is_none_or(|it| it.iter().all(has))
}

impl Occupants<'_> {
    /// Returns what is free on a node once some of its pods are gone.
    fn free(&self, node: &Node, goes: &dyn Fn(&Bound<'_>) -> bool) -> Amounts {
        let name = node.metadata.name.as_deref().unwrap_or_default();
        let has = node.status.as_ref().and_then(|it| it.allocatable.as_ref());
        let mut free = read(&json!(has));
        let here = self.bound.iter().filter(|it| it.node == name);
        for pod in here.filter(|it| !goes(it)) {
            for (resource, amount) in &pod.takes {
                if let Some(left) = free.get_mut(resource) {
                    *left = left.minus(*amount);
                }
            }
        }
        free
    }

    /// Returns how many new pods each node takes, at the most.
    pub(super) fn slots<'n>(
        &self,
        fits: &Fits<'_>,
        nodes: &[&'n Node],
        (demand, stays): (Demand, fn(Stay) -> bool),
    ) -> Vec<(&'n Node, i64)> {
        let wanted = with_itself(fits.requests.clone());
        let goes = |it: &Bound<'_>| match it.stay {
            Stay::Own => !demand.old_stay,
            other @ (Stay::MayEnd | Stay::GivesWay | Stay::Stays) => !stays(other),
        };
        let each = nodes.iter().map(|node| {
            let free = self.free(node, &goes);
            let mut count = 0;
            while count < demand.wanted && holds(&free, &wanted, count + 1) {
                count += 1;
            }
            (*node, count)
        });
        each.collect()
    }
}

/// Returns whether so many pods find what they want. Of a resource that the node does not count nothing lacks: its size
/// was judged before.
fn holds(free: &Amounts, wanted: &Amounts, count: i64) -> bool {
    let mut each = wanted.iter();
    each.all(|(name, amount)| {
        free.get(name)
            .is_none_or(|free| amount.times(count) <= *free)
    })
}

/// Every pod that may leave has left.
pub(super) const fn only_what_stays(stay: Stay) -> bool {
    matches!(stay, Stay::Stays)
}

/// No pod leaves but those that the scheduler evicts.
const fn all_but_evicted(stay: Stay) -> bool {
    matches!(stay, Stay::Stays | Stay::MayEnd)
}

/// Returns the moments of a rollout at which pods need room: the first new pod beside the old ones where none of these
/// may go, and in the end all new ones.
pub(super) fn demands(plan: &Planned<'_>) -> Vec<Demand> {
    let fences = fences(plan);
    let has_old = plan.present() > 0 && !plan.manifest.stands;
    let beside = Demand {
        wanted: 1,
        old_stay: true,
    };
    let all = Demand {
        wanted: fences.updated.min(MOST_PODS),
        old_stay: false,
    };
    let first = (has_old && fences.unavailable == 0).then_some(beside);
    first.into_iter().chain([all]).collect()
}

/// Finds pods for which running ones leave no room on any node that could take them.
pub(super) fn judge(
    plan: &Planned<'_>,
    fits: &Fits<'_>,
    open: &[&Node],
    occupants: &Occupants<'_>,
) -> Option<Prediction> {
    if plan.workload.kind == WorkloadKind::DaemonSet {
        return of_daemon(plan, fits, open, occupants);
    }
    demands(plan).into_iter().find_map(|demand| {
        let placed = |stays| {
            let slots = occupants.slots(fits, open, (demand, stays));
            slots.iter().map(|(_, count)| *count).sum::<i64>()
        };
        let has_room = placed(all_but_evicted);
        if has_room >= demand.wanted {
            return None;
        }
        let title = plan.title();
        let what = match (demand.old_stay, has_room) {
            (true, _) => format!(
                "no node has room for the first new pod of {title} beside the old ones, of which none may go before (maxUnavailable 0)"
            ),
            (false, 0) => format!("no node has room for a pod of {title}"),
            (false, some) => {
                format!("the nodes have room for {some} of {} pods of {title}", demand.wanted)
            }
        };
        let why = why(fits, open, occupants, demand);
        let remedy = if demand.old_stay {
            "lower the requests, add a node, or set maxSurge 0 and maxUnavailable 1 so that an old pod makes room first"
        } else {
            "lower the requests or the replicas, remove pods, or add a node"
        };
        let certainty = occupants.certainty(placed(only_what_stays) >= demand.wanted);
        Some(
            Prediction::finding(FindingCode::Unschedulable, plan.index, format!("{what}: {why}"))
                .surely(certainty)
                .about(title)
                .at(super::resources_of(plan))
                .remedy(remedy),
        )
    })
}

impl Occupants<'_> {
    /// Returns how sure it is that there is no room: pods may end at any time, and other namespaces may be unseen.
    pub(super) const fn certainty(&self, may_get_room: bool) -> Certainty {
        if may_get_room || !self.is_whole {
            Certainty::Possible
        } else {
            Certainty::Likely
        }
    }
}

/// Finds a node on which running pods leave no room for the pod that a DaemonSet needs there.
fn of_daemon(
    plan: &Planned<'_>,
    fits: &Fits<'_>,
    open: &[&Node],
    occupants: &Occupants<'_>,
) -> Option<Prediction> {
    let demand = Demand {
        wanted: 1,
        old_stay: plan.present() > 0 && fences(plan).unavailable == 0 && !plan.manifest.stands,
    };
    let slots = |stays| occupants.slots(fits, open, (demand, stays));
    let (node, _) = slots(all_but_evicted)
        .into_iter()
        .find(|(_, it)| *it == 0)?;
    let stays_full = slots(only_what_stays).iter().any(|(_, it)| *it == 0);
    let name = node.metadata.name.as_deref().unwrap_or_default();
    let message = format!(
        "node `{name}` has no room for the pod of {} that it needs: {}",
        plan.title(),
        why(fits, &[node], occupants, demand)
    );
    Some(
        Prediction::finding(FindingCode::Unschedulable, plan.index, message)
            .surely(occupants.certainty(!stays_full))
            .about(plan.title())
            .at(super::resources_of(plan))
            .remedy("lower the requests, remove pods from the node, or give the DaemonSet a PriorityClass above theirs"),
    )
}

/// Says what lacks: the first resource of which no node has enough for one pod, or else all that a pod requests.
fn why(fits: &Fits<'_>, nodes: &[&Node], occupants: &Occupants<'_>, demand: Demand) -> String {
    let goes = |it: &Bound<'_>| match it.stay {
        Stay::Own => !demand.old_stay,
        other @ (Stay::MayEnd | Stay::GivesWay | Stay::Stays) => !all_but_evicted(other),
    };
    let free: Vec<Amounts> = nodes.iter().map(|it| occupants.free(it, &goes)).collect();
    let wanted = with_itself(fits.requests.clone());
    let short = wanted.iter().find_map(|(name, amount)| {
        let most = free.iter().filter_map(|it| it.get(name)).max()?;
        (most < amount).then_some((name.as_str(), amount, most))
    });
    let at_most = match nodes {
        [_] => "is free there".to_owned(),
        all => format!(
            "is free at most on each of {} nodes that could take it",
            all.len()
        ),
    };
    match short {
        Some((PODS, ..)) => "as many pods run there as a node takes".to_owned(),
        Some((name, amount, most)) => format!("it requests {name} {amount}, and {most} {at_most}"),
        None => {
            let each = fits
                .requests
                .iter()
                .map(|(name, it)| format!("{name} {it}"));
            format!("each requests {}", each.collect::<Vec<_>>().join(", "))
        }
    }
}
