//! Nodes: their conditions, and which pods fit on them (the scheduler's filters, as far as a rollout
//! meets them).

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::clock::seconds;
use crate::object::{items, labels, name, text, texts};
use crate::resource::Resource;
use crate::store::{Key, Store};

pub(crate) const NOT_READY: &str = "node.kubernetes.io/not-ready";
pub(crate) const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
pub(crate) const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";

pub(crate) fn key(node: &str) -> Key {
    Key::new(Resource::Nodes, "", node)
}

/// A node as a kubelet would register it. It is ready.
pub(crate) fn new(name: &str, now: Timestamp) -> Value {
    json!({
        "metadata": {"name": name, "labels": {
            "kubernetes.io/hostname": name, "kubernetes.io/os": "linux",
            "kubernetes.io/arch": "amd64",
        }},
        "status": {
            "capacity": {"cpu": "4", "memory": "16Gi", "pods": "250"},
            "allocatable": {"cpu": "4", "memory": "16Gi", "pods": "250"},
            "conditions": [ready_condition(now, NodeState::Ready)],
            "nodeInfo": {
                "machineID": "", "systemUUID": "", "bootID": "", "kernelVersion": "",
                "osImage": "", "containerRuntimeVersion": "containerd://2.0.0",
                "kubeletVersion": "v1.35.4", "kubeProxyVersion": "",
                "operatingSystem": "linux", "architecture": "amd64",
            },
        },
    })
}

/// The Ready condition of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NodeState {
    Ready,
    /// The kubelet reports that it is not ready.
    NotReady,
    /// The kubelet is not heard of any more.
    Lost,
}

pub(crate) fn ready_condition(now: Timestamp, state: NodeState) -> Value {
    let (status, reason, message) = match state {
        NodeState::Ready => ("True", "KubeletReady", "kubelet is posting ready status"),
        NodeState::NotReady => (
            "False",
            "KubeletNotReady",
            "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady \
             message:Network plugin returns error: cni plugin not initialized",
        ),
        NodeState::Lost => (
            "Unknown",
            "NodeStatusUnknown",
            "Kubelet stopped posting node status.",
        ),
    };
    let now = seconds(now);
    json!({
        "type": "Ready", "status": status, "reason": reason, "message": message,
        "lastHeartbeatTime": now, "lastTransitionTime": now,
    })
}

/// `True`, `False` or `Unknown`.
pub(crate) fn readiness(node: &Value) -> &str {
    items(node, "/status/conditions")
        .iter()
        .find(|it| it["type"] == "Ready")
        .map_or("Unknown", |it| text(it, "/status"))
}

/// Returns whether a kubelet runs what is bound to the node.
pub(crate) fn is_alive(store: &Store, node: &str) -> bool {
    // Pods on a node that was never registered play on: recordings name nodes of their own.
    store
        .get(&key(node))
        .is_none_or(|node| readiness(node) == "True")
}

/// The fit of a pod on a node, as the DaemonSet controller asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fit {
    pub(crate) selected: bool,
    /// No `NoSchedule` or `NoExecute` taint that the pod does not tolerate.
    pub(crate) tolerates: bool,
    /// No such `NoExecute` taint.
    pub(crate) may_stay: bool,
}

impl Fit {
    pub(crate) fn of(spec: &Value, node: &Value) -> Self {
        let untolerated = |effects: &[&str]| {
            items(node, "/spec/taints").iter().any(|taint| {
                effects.contains(&text(taint, "/effect"))
                    && !items(spec, "/tolerations")
                        .iter()
                        .any(|it| tolerates(it, taint))
            })
        };
        Self {
            selected: selects(spec, node),
            tolerates: !untolerated(&["NoSchedule", "NoExecute"]),
            may_stay: !untolerated(&["NoExecute"]),
        }
    }
}

fn tolerates(toleration: &Value, taint: &Value) -> bool {
    let effect = text(toleration, "/effect");
    if !effect.is_empty() && effect != text(taint, "/effect") {
        return false;
    }
    let key = text(toleration, "/key");
    if !key.is_empty() && key != text(taint, "/key") {
        return false;
    }
    match text(toleration, "/operator") {
        "Exists" => true,
        _ => !key.is_empty() && text(toleration, "/value") == text(taint, "/value"),
    }
}

/// `nodeName`, `nodeSelector` and the required node affinity.
fn selects(spec: &Value, node: &Value) -> bool {
    let bound = text(spec, "/nodeName");
    let present = labels(node);
    let by_label = texts(spec, "/nodeSelector")
        .iter()
        .all(|(key, value)| present.get(key) == Some(value));
    let required = "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution";
    let terms = spec
        .pointer(required)
        .map(|it| items(it, "/nodeSelectorTerms"));
    let by_affinity = terms.is_none_or(|terms| terms.iter().any(|term| meets(term, node)));
    (bound.is_empty() || bound == name(node)) && by_label && by_affinity
}

fn meets(term: &Value, node: &Value) -> bool {
    let present = labels(node);
    let label = |key: &str| present.get(key).map(String::as_str);
    let field = |key: &str| (key == "metadata.name").then(|| name(node));
    let expressions = items(term, "/matchExpressions");
    let fields = items(term, "/matchFields");
    !(expressions.is_empty() && fields.is_empty())
        && expressions
            .iter()
            .all(|it| holds(it, label(text(it, "/key"))))
        && fields.iter().all(|it| holds(it, field(text(it, "/key"))))
}

fn holds(requirement: &Value, value: Option<&str>) -> bool {
    let listed = value.is_some_and(|value| {
        items(requirement, "/values")
            .iter()
            .any(|it| it.as_str() == Some(value))
    });
    match text(requirement, "/operator") {
        "In" => listed,
        "NotIn" => !listed,
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        // `Gt` and `Lt` are not known here.
        _ => false,
    }
}

/// The node for a new pod: of those that fit the one with the least load. Else why there is none,
/// in the words of the scheduler.
pub(crate) fn choose(
    store: &Store,
    pod: &Value,
    load: impl Fn(&str) -> usize,
) -> Result<String, String> {
    let bound = text(pod, "/spec/nodeName");
    if !bound.is_empty() {
        return Ok(bound.to_owned());
    }
    let nodes = store.list(Resource::Nodes, None);
    let (mut cordoned, mut unselected, mut tainted) = (0, 0, 0);
    let mut fitting = Vec::new();
    for (_, node) in &nodes {
        let fit = Fit::of(&pod["spec"], node);
        if !fit.selected {
            unselected += 1;
        } else if fit.tolerates {
            fitting.push(name(node));
        } else if node["spec"]["unschedulable"] == true {
            cordoned += 1;
        } else {
            tainted += 1;
        }
    }
    if let Some(node) = fitting.into_iter().min_by_key(|node| load(node)) {
        return Ok(node.to_owned());
    }
    let mut reasons: Vec<String> = [
        (cordoned, "node(s) were unschedulable"),
        (tainted, "node(s) had untolerated taint(s)"),
        (
            unselected,
            "node(s) didn't match Pod's node affinity/selector",
        ),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, why)| format!("{count} {why}"))
    .collect();
    reasons.sort();
    let all = nodes.len();
    Err(format!(
        "0/{all} nodes are available: {}. no new claims to deallocate, preemption: 0/{all} nodes \
         are available: {all} Preemption is not helpful for scheduling.",
        reasons.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(spec: &Value) -> Value {
        json!({"metadata": {"name": "a", "labels": {"disk": "ssd"}}, "spec": spec})
    }

    #[test]
    fn a_pod_comes_to_nodes_that_it_selects_and_whose_taints_it_tolerates() {
        let lost = json!({"taints": [
            {"key": UNREACHABLE, "effect": "NoSchedule"},
            {"key": UNREACHABLE, "effect": "NoExecute"},
        ]});
        let in_a = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchFields": [
                {"key": "metadata.name", "operator": "In", "values": ["a"]},
            ]}],
        }}});
        let stays = json!([{"key": UNREACHABLE, "operator": "Exists", "effect": "NoExecute"}]);
        let rows = [
            ("anything", json!({}), json!({}), (true, true, true)),
            (
                "a label",
                json!({"nodeSelector": {"disk": "ssd"}}),
                json!({}),
                (true, true, true),
            ),
            (
                "another label",
                json!({"nodeSelector": {"disk": "hdd"}}),
                json!({}),
                (false, true, true),
            ),
            (
                "this node",
                json!({"affinity": in_a}),
                json!({}),
                (true, true, true),
            ),
            ("a lost node", json!({}), lost.clone(), (true, false, false)),
            (
                "a lost node, may stay",
                json!({"tolerations": stays}),
                lost.clone(),
                (true, false, true),
            ),
            (
                "a lost node, all tolerated",
                json!({"tolerations": [{"operator": "Exists"}]}),
                lost,
                (true, true, true),
            ),
        ];
        for (says, spec, on, expected) in rows {
            let fit = Fit::of(&spec, &node(&on));
            assert_eq!(
                (fit.selected, fit.tolerates, fit.may_stay),
                expected,
                "{says}"
            );
        }
    }
}
