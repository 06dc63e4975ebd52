//! Predictions against a cluster of answers.

mod admission;
mod creation;
mod ground;
mod nodes;
mod quotas;
mod quotas_of_call;
mod room;
mod routes;
mod spread;
mod templates;
mod timeouts;
mod way_back;

use serde_json::{Value, json};

use super::*;
use crate::finding::Promise;
use crate::history::History;
use crate::observation::Seen;
use crate::rollback::preflight::{DryRun, Lookup, ObjectState, ReferenceKind};
use crate::traffic::NetworkObjects;
use crate::workload::WorkloadKind;

/// The word of an API server for a pod; `None` where it does not depend on the pod.
type Judge = fn(&Value) -> Option<DryRun>;

/// The answers of a cluster in which everything is visible and accepted.
struct Cluster {
    current: Option<Value>,
    nodes: Vec<Value>,
    quotas: Lookup<Vec<Value>>,
    claim: Lookup<Value>,
    class: Lookup<Value>,
    autoscaler: Lookup<Value>,
    promises: Vec<Promise>,
    pod: DryRun,
    /// The answer to a pod, where it depends on the pod.
    judges_pod: Judge,
    /// The spec of the pod as it is stored.
    stored: Option<Value>,
    apply: DryRun,
    /// Whether pods may be listed in the namespace only.
    hides_other_namespaces: bool,
    /// More lists, by their plural.
    lists: Vec<(&'static str, Lookup<Vec<Value>>)>,
    /// The kinds of references that exist.
    exists: Vec<ReferenceKind>,
    services: Vec<Value>,
    /// The pods of the present revision.
    pods: Vec<Value>,
    /// Its ReplicaSets.
    revisions: Vec<Value>,
    /// The timeout of the check that follows.
    timeout: Option<std::time::Duration>,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            current: None,
            nodes: vec![node(&json!({}))],
            quotas: Lookup::Seen(Vec::new()),
            claim: Lookup::Missing,
            class: Lookup::Missing,
            autoscaler: Lookup::Missing,
            promises: Vec::new(),
            pod: DryRun::Accepted,
            judges_pod: |_| None,
            stored: None,
            apply: DryRun::Accepted,
            hides_other_namespaces: false,
            lists: Vec::new(),
            exists: Vec::new(),
            services: Vec::new(),
            pods: Vec::new(),
            revisions: Vec::new(),
            timeout: None,
        }
    }
}

impl Cluster {
    fn listed(&self, plural: &str) -> Lookup<Vec<Value>> {
        let mut lists = self.lists.iter();
        let named = lists.find(|(it, _)| *it == plural);
        named.map_or(Lookup::Missing, |(_, list)| list.clone())
    }

    fn answer(&self, question: &Question) -> Answer {
        let trial = |result: DryRun, written: Option<Value>| {
            Answer::Trial(Box::new(Trial {
                result,
                written,
                warnings: Vec::new(),
            }))
        };
        match question {
            Question::Object(place) => Answer::Object(match place.plural {
                "persistentvolumeclaims" => self.claim.clone(),
                "storageclasses" | "ingressclasses" => self.class.clone(),
                "configmaps" => self.autoscaler.clone(),
                _ => self.current.clone().map_or(Lookup::Missing, Lookup::Seen),
            }),
            Question::List(collection) => Answer::List(match collection.plural {
                "nodes" => Lookup::Seen(self.nodes.clone()),
                "resourcequotas" => self.quotas.clone(),
                "pods" if self.hides_other_namespaces && collection.namespace.is_none() => {
                    Lookup::Unseen("may not list pods".to_owned())
                }
                plural => self.listed(plural),
            }),
            Question::Reference { reference, .. } => {
                Answer::State(if self.exists.contains(&reference.kind) {
                    Lookup::Seen(ObjectState::default())
                } else {
                    Lookup::Missing
                })
            }
            Question::History(workload) => {
                let object = self.current.clone().unwrap_or_default();
                let pods = serde_json::from_value(json!(self.pods)).unwrap();
                let history = History::new(workload.clone(), object, self.revisions.clone(), pods);
                Answer::History(Lookup::Seen(Box::new(history)))
            }
            Question::LookUp { lookup, .. } if *lookup == crate::finding::Lookup::Traffic => {
                let objects = json!({"services": self.services, "endpointSlices": []});
                let objects: NetworkObjects = serde_json::from_value(objects).unwrap();
                let objects = Box::new(objects);
                Answer::LookedUp(Some(Box::new(Seen::Traffic { objects })))
            }
            Question::LookUp { lookup, .. } => Answer::LookedUp(Some(Box::new(Seen::LookedUp {
                lookup: lookup.clone(),
                promises: self.promises.clone(),
            }))),
            Question::Apply(_) => trial(self.apply.clone(), None),
            Question::CreatePod { pod, .. } => {
                let own = (self.judges_pod)(pod);
                let result = own.unwrap_or_else(|| self.pod.clone());
                let stored = self.stored.as_ref().map(|it| json!({"spec": it}));
                let stored = stored.unwrap_or_else(|| (**pod).clone());
                // No pod comes with a refusal.
                let is_stored = result == DryRun::Accepted;
                trial(result, is_stored.then_some(stored))
            }
        }
    }

    fn forecast(&self, manifests: &[Value]) -> Forecast {
        self.forecast_where(manifests, |_| false)
    }

    /// Predicts where the API server would store some changes as they are sent.
    fn forecast_where(&self, manifests: &[Value], stores: fn(&Change) -> bool) -> Forecast {
        let mut all = Manifests::default();
        all.timeout = self.timeout;
        for it in manifests {
            all.add(it.clone(), "shop");
        }
        let mut answers = Answers::default();
        for _ in 0..10 {
            match step(&all, &answers) {
                Step::Done(forecast) => return forecast,
                Step::Ask(questions) => {
                    let each = questions.into_iter().map(|it| {
                        let mut answer = self.answer(&it);
                        if let (Question::Apply(change), Answer::Trial(trial)) = (&it, &mut answer)
                            && stores(change)
                        {
                            trial.written = Some(change.body.clone());
                        }
                        (it, answer)
                    });
                    answers.extend(each.collect::<Vec<_>>());
                }
            }
        }
        panic!("it never stops to ask");
    }

    fn said(&self, manifests: &[Value]) -> Vec<(&'static str, Certainty)> {
        let forecast = self.forecast(manifests);
        let all = forecast.predictions.iter();
        all.map(|it| (it.code.as_str(), it.certainty)).collect()
    }
}

/// A node with more in it.
fn node(more: &Value) -> Value {
    let mut node = json!({
        "metadata": {"name": "one", "labels": {"kubernetes.io/hostname": "one", "disk": "ssd"}},
        "spec": {},
        "status": {
            "allocatable": {"cpu": "2", "memory": "4Gi"},
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    });
    merge(&mut node, more);
    node
}

fn merge(to: &mut Value, more: &Value) {
    match (to, more) {
        (Value::Object(to), Value::Object(more)) => {
            for (key, value) in more {
                merge(to.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (to, more) => *to = more.clone(),
    }
}

/// A workload whose pod has more in its spec.
fn workload(kind: WorkloadKind, pod: &Value) -> Value {
    let mut spec = json!({"containers": [{"name": "app", "image": "app:2"}]});
    merge(&mut spec, pod);
    json!({
        "apiVersion": "apps/v1", "kind": kind.as_str(),
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": spec},
        },
    })
}

fn deployment(pod: &Value) -> Value {
    workload(WorkloadKind::Deployment, pod)
}

use Certainty::{Certain, Likely, Possible};

/// A sentence, a part of the pod, a part of the node, and what is predicted.
type Row<'r> = (&'r str, Value, Value, &'r [(&'r str, Certainty)]);

#[test]
#[expect(clippy::too_many_lines, reason = "a table of named rows")]
fn whether_a_node_can_take_the_pods_is_read_from_the_nodes() {
    let nvme = json!({"nodeSelector": {"disk": "nvme"}});
    let term = |rule: Value| {
        json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
            {"nodeSelectorTerms": [{"matchExpressions": [rule]}]}}}})
    };
    let taint =
        json!({"spec": {"taints": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]}});
    let tolerated = json!({"tolerations": [{"key": "gpu", "operator": "Exists"}]});
    let memory = |amount: &str| json!({"containers": [{"name": "app", "image": "a", "resources": {"requests": {"memory": amount}}}]});
    let spread = |when: &str| {
        json!({"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "rack",
            "whenUnsatisfiable": when, "labelSelector": {"matchLabels": {"app": "web"}}}]})
    };
    let nothing: &[(&str, Certainty)] = &[];
    let rows: Vec<Row<'_>> = vec![
        (
            "a node has the label",
            json!({"nodeSelector": {"disk": "ssd"}}),
            json!({}),
            nothing,
        ),
        (
            "no node has it",
            nvme.clone(),
            json!({}),
            &[("NoNodeMatches", Certain)],
        ),
        (
            "affinity selects it",
            term(json!({"key": "disk", "operator": "In", "values": ["ssd", "nvme"]})),
            json!({}),
            nothing,
        ),
        (
            "affinity excludes it",
            term(json!({"key": "disk", "operator": "NotIn", "values": ["ssd"]})),
            json!({}),
            &[("NoNodeMatches", Certain)],
        ),
        (
            "a taint repels the pods",
            json!({}),
            taint.clone(),
            &[("NoNodeMatches", Likely)],
        ),
        ("a taint is tolerated", tolerated, taint, nothing),
        (
            "the node is cordoned, which passes",
            json!({}),
            json!({"spec": {"unschedulable": true, "taints": [{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}]}}),
            &[("Unschedulable", Possible)],
        ),
        (
            "the node is not ready, which passes",
            json!({}),
            json!({"metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"}, "status": {"conditions": [{"type": "Ready", "status": "False"}]}}),
            &[("Unschedulable", Possible)],
        ),
        (
            "more memory than the node has",
            memory("5Gi"),
            json!({}),
            &[("Unschedulable", Certain)],
        ),
        (
            "as much memory as it has",
            memory("4Gi"),
            json!({}),
            nothing,
        ),
        (
            "no node has the label to spread by",
            spread("DoNotSchedule"),
            json!({}),
            &[("NoNodeMatches", Certain)],
        ),
        (
            "the spread is only wished for",
            spread("ScheduleAnyway"),
            json!({}),
            nothing,
        ),
        (
            "a node that does not exist",
            json!({"nodeName": "two"}),
            json!({}),
            &[("NoNodeMatches", Likely)],
        ),
    ];
    for (says, pod, more, expected) in rows {
        let cluster = Cluster {
            nodes: vec![node(&more)],
            ..Cluster::default()
        };
        assert_eq!(cluster.said(&[deployment(&pod)]), expected, "{says}");
    }
    let status = json!({"data": {"status": "nodeGroups:\n- name: aks-np1-vmss\n  health: {}\n"}});
    for (says, autoscaler, certainty, words) in [
        (
            "an autoscaler",
            Lookup::Seen(status),
            Possible,
            "pool aks-np1-vmss",
        ),
        (
            "it may not be read",
            Lookup::Unseen("403".to_owned()),
            Likely,
            "1 node",
        ),
    ] {
        let cluster = Cluster {
            autoscaler,
            ..Cluster::default()
        };
        let forecast = cluster.forecast(&[deployment(&nvme)]);
        let found = &forecast.predictions[0];
        assert_eq!(found.certainty, certainty, "{says}");
        assert!(found.message.contains(words), "{says}: {}", found.message);
    }
}

#[test]
fn a_surge_pod_needs_a_node_of_its_own_where_each_takes_one() {
    let port = json!({"containers": [{"name": "app", "image": "a", "ports": [{"containerPort": 80, "hostPort": 80}]}]});
    let alone = json!({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "web"}}}]}}});
    for (says, pod, unavailable, replicas, expected) in [
        ("a host port", &port, 0, 1, vec![("Unschedulable", Likely)]),
        (
            "anti-affinity",
            &alone,
            0,
            1,
            vec![("Unschedulable", Likely)],
        ),
        ("an old pod may go first", &port, 1, 1, vec![]),
        ("a node is free", &port, 0, 0, vec![]),
    ] {
        let mut manifest = deployment(pod);
        manifest["spec"]["strategy"] =
            json!({"rollingUpdate": {"maxSurge": 1, "maxUnavailable": unavailable}});
        let mut current = manifest.clone();
        current["status"] = json!({"replicas": replicas});
        let cluster = Cluster {
            current: Some(current),
            ..Cluster::default()
        };
        assert_eq!(cluster.said(&[manifest]), expected, "{says}");
    }
}

#[test]
fn a_daemon_set_waits_for_nodes_that_are_down() {
    let down = json!({"metadata": {"name": "two", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}});
    for (says, unavailable, expected) in [
        (
            "as many as may be missing",
            1,
            vec![("NodeNotUpdated", Likely)],
        ),
        ("fewer than may be missing", 2, vec![]),
    ] {
        let mut manifest = workload(WorkloadKind::DaemonSet, &json!({}));
        manifest["spec"]["updateStrategy"] =
            json!({"rollingUpdate": {"maxUnavailable": unavailable}});
        let cluster = Cluster {
            nodes: vec![node(&json!({})), node(&down)],
            ..Cluster::default()
        };
        assert_eq!(cluster.said(&[manifest]), expected, "{says}");
    }
}

#[test]
fn fields_that_cannot_be_changed_are_named() {
    let template = |size: &str| json!([{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}}]);
    let mut stored = workload(WorkloadKind::StatefulSet, &json!({}));
    stored["spec"]["serviceName"] = json!("web");
    stored["spec"]["podManagementPolicy"] = json!("OrderedReady");
    stored["spec"]["volumeClaimTemplates"] = template("1Gi");
    stored["spec"]["volumeClaimTemplates"][0]["spec"]["volumeMode"] = json!("Filesystem");
    let refused = DryRun::Refused {
        code: 422,
        message: "StatefulSet.apps \"web\" is invalid: spec: Forbidden".to_owned(),
    };
    let rows = [
        ("nothing", json!({}), None),
        (
            "the same size in other words",
            json!({"volumeClaimTemplates": template("1024Mi")}),
            None,
        ),
        (
            "a size",
            json!({"volumeClaimTemplates": template("2Gi")}),
            Some("/spec/volumeClaimTemplates"),
        ),
        (
            "a label of the selector",
            json!({"selector": {"matchLabels": {"app": "api"}}}),
            Some("/spec/selector"),
        ),
        (
            "one more label",
            json!({"selector": {"matchLabels": {"tier": "db"}}}),
            Some("/spec/selector"),
        ),
        (
            "the Service",
            json!({"serviceName": "api"}),
            Some("/spec/serviceName"),
        ),
    ];
    for (says, change, pointer) in rows {
        let mut manifest = workload(WorkloadKind::StatefulSet, &json!({}));
        merge(&mut manifest["spec"], &change);
        let cluster = Cluster {
            current: Some(stored.clone()),
            apply: if pointer.is_some() {
                refused.clone()
            } else {
                DryRun::Accepted
            },
            ..Cluster::default()
        };
        let found = cluster.forecast(&[manifest]).predictions;
        let found = found
            .iter()
            .map(|it| it.pointer.as_str())
            .collect::<Vec<_>>();
        assert_eq!(found, Vec::from_iter(pointer), "{says}");
    }
    // The API server's word counts more than the comparison.
    let mut manifest = workload(WorkloadKind::StatefulSet, &json!({}));
    manifest["spec"]["serviceName"] = json!("api");
    let cluster = Cluster {
        current: Some(stored),
        ..Cluster::default()
    };
    assert_eq!(cluster.said(&[manifest]), []);
}

#[test]
fn claims_are_followed_to_their_storage_class() {
    let pod =
        json!({"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]});
    let claim = |phase: &str| {
        Lookup::Seen(
            json!({"metadata": {"name": "data"}, "spec": {"storageClassName": "premium", "accessModes": ["ReadWriteOnce"]}, "status": {"phase": phase}}),
        )
    };
    let class = || Lookup::Seen(json!({"metadata": {"name": "premium"}}));
    let rows = [
        (
            "it does not exist",
            Lookup::Missing,
            Lookup::Missing,
            vec![("ClaimMissing", Likely)],
        ),
        (
            "its class does not exist",
            claim("Pending"),
            Lookup::Missing,
            vec![("ClaimNotProvisioned", Likely)],
        ),
        ("its class exists", claim("Pending"), class(), vec![]),
        ("it is bound", claim("Bound"), Lookup::Missing, vec![]),
        (
            "it may not be read",
            Lookup::Unseen("403".to_owned()),
            Lookup::Missing,
            vec![],
        ),
    ];
    for (says, claim, class, expected) in rows {
        let cluster = Cluster {
            claim,
            class,
            ..Cluster::default()
        };
        assert_eq!(cluster.said(&[deployment(&pod)]), expected, "{says}");
    }
    let brought = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": {}});
    assert_eq!(Cluster::default().said(&[deployment(&pod), brought]), []);
}

#[test]
fn a_refusal_of_the_api_server_has_the_code_of_a_check() {
    let refused = |message: &str| DryRun::Refused {
        code: 403,
        message: message.to_owned(),
    };
    let rows = [
        (
            "a limit range",
            refused("pods \"web-\" is forbidden: maximum memory usage per Container is 64Mi, but limit is 256Mi"),
            vec![("LimitRangeViolated", Certain)],
        ),
        (
            "a missing class, which may still come",
            refused("pods \"web-\" is forbidden: no PriorityClass with name gold was found"),
            vec![("PriorityClassMissing", Likely)],
        ),
        (
            "a webhook that does not answer",
            DryRun::NotTried("Internal error occurred: failed calling webhook \"a.b\": failed to call webhook: timeout".to_owned()),
            vec![("WebhookUnavailable", Likely)],
        ),
        (
            "the identity may not create pods",
            refused("pods is forbidden: User \"x\" cannot create resource \"pods\" in API group \"\" in the namespace \"shop\""),
            vec![],
        ),
        ("it could not be tried", DryRun::NotTried("no answer".to_owned()), vec![]),
    ];
    for (says, pod, expected) in rows {
        let is_blind = expected.is_empty();
        let cluster = Cluster {
            pod,
            ..Cluster::default()
        };
        assert_eq!(cluster.said(&[deployment(&json!({}))]), expected, "{says}");
        let unseen = cluster.forecast(&[deployment(&json!({}))]).unseen;
        assert_eq!(!unseen.is_empty(), is_blind, "{says}: {unseen:?}");
    }
}

#[test]
fn a_namespace_that_does_not_exist_ends_the_prediction() {
    let cluster = Cluster {
        apply: DryRun::NotTried("namespaces \"shop\" not found (HTTP 404)".to_owned()),
        ..Cluster::default()
    };
    let update = deployment(&json!({"containers": [{"name": "app", "image": "A"}]}));
    assert_eq!(
        cluster.said(std::slice::from_ref(&update)),
        [("ApplyRefused", Likely)]
    );
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}});
    let forecast = cluster.forecast(&[update, namespace]);
    assert_eq!((forecast.predictions.len(), forecast.unseen.len()), (0, 1));
}
