//! `kubectl rollout status`, ported, as an oracle for "is this rollout complete?".
//!
//! The order of questions is that of `k8s.io/kubectl/pkg/polymorphichelpers/rollout_status.go`.
//! Where we differ on purpose, the law says so: a latched `ProgressDeadlineExceeded` is no answer,
//! and a StatefulSet is not complete before its pods are *available*.
#![expect(clippy::unwrap_used, reason = "the helper of a test")]

mod kubectl {
    use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};

    /// The answer of kubectl about a rollout, without its words.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) enum Answer {
        Done,
        NotObserved,
        /// So many of so many are of the new template.
        Updating(i32, i32),
        /// So many of the old template are left.
        OldReplicas(i32),
        /// So many of so many are available.
        Unavailable(i32, i32),
        /// So many pods of a StatefulSet are not ready.
        NotReady(i32),
        /// A StatefulSet's new revision is not its current one.
        OtherRevision,
        /// It gives up: the progress deadline has passed, once.
        DeadlineExceeded,
        /// It refuses to look: nothing rolls out by itself with this strategy.
        OnDelete,
    }

    pub(crate) fn deployment(it: &Deployment) -> Answer {
        let status = it.status.clone().unwrap_or_default();
        let generation = it.metadata.generation.unwrap_or_default();
        if generation > status.observed_generation.unwrap_or_default() {
            return Answer::NotObserved;
        }
        let conditions = status.conditions.unwrap_or_default();
        let progressing = conditions.iter().find(|it| it.type_ == "Progressing");
        if progressing.and_then(|it| it.reason.as_deref()) == Some("ProgressDeadlineExceeded") {
            return Answer::DeadlineExceeded;
        }
        let updated = status.updated_replicas.unwrap_or_default();
        let replicas = status.replicas.unwrap_or_default();
        let available = status.available_replicas.unwrap_or_default();
        match it.spec.as_ref().and_then(|spec| spec.replicas) {
            Some(desired) if updated < desired => Answer::Updating(updated, desired),
            _ if replicas > updated => Answer::OldReplicas(replicas - updated),
            _ if available < updated => Answer::Unavailable(available, updated),
            _ => Answer::Done,
        }
    }

    pub(crate) fn daemon_set(it: &DaemonSet) -> Answer {
        let strategy = it
            .spec
            .as_ref()
            .and_then(|spec| spec.update_strategy.as_ref());
        if strategy.and_then(|it| it.type_.as_deref()) != Some("RollingUpdate") {
            return Answer::OnDelete;
        }
        let status = it.status.clone().unwrap_or_default();
        let generation = it.metadata.generation.unwrap_or_default();
        let desired = status.desired_number_scheduled;
        let updated = status.updated_number_scheduled.unwrap_or_default();
        let available = status.number_available.unwrap_or_default();
        if generation > status.observed_generation.unwrap_or_default() {
            Answer::NotObserved
        } else if updated < desired {
            Answer::Updating(updated, desired)
        } else if available < desired {
            Answer::Unavailable(available, desired)
        } else {
            Answer::Done
        }
    }

    pub(crate) fn stateful_set(it: &StatefulSet) -> Answer {
        let spec = it.spec.clone().unwrap_or_default();
        let strategy = spec.update_strategy.unwrap_or_default();
        if strategy.type_.as_deref() != Some("RollingUpdate") {
            return Answer::OnDelete;
        }
        let status = it.status.clone().unwrap_or_default();
        let observed = status.observed_generation.unwrap_or_default();
        if observed == 0 || it.metadata.generation.unwrap_or_default() > observed {
            return Answer::NotObserved;
        }
        let ready = status.ready_replicas.unwrap_or_default();
        let updated = status.updated_replicas.unwrap_or_default();
        if let Some(desired) = spec.replicas.filter(|desired| ready < *desired) {
            return Answer::NotReady(desired - ready);
        }
        if let Some(rolling) = strategy.rolling_update {
            return match (spec.replicas, rolling.partition) {
                (Some(desired), Some(partition)) if updated < desired - partition => {
                    Answer::Updating(updated, desired - partition)
                }
                // It looks at no revision then.
                _ => Answer::Done,
            };
        }
        if status.update_revision != status.current_revision {
            return Answer::OtherRevision;
        }
        Answer::Done
    }
}

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use kubectl::Answer;
use proptest::prelude::*;
use rollguard_core::progress;
use rollguard_core::snapshot::ExcusedNodes;
use rollguard_core::verdict::Pending;
use rollguard_core::workload::Workload;
use serde_json::{Value, json};

/// A count as a controller may write it; absent is zero to Go.
fn count() -> impl Strategy<Value = Option<i32>> {
    prop_oneof![1 => Just(None), 4 => (0_i32..4).prop_map(Some)]
}

fn generation() -> impl Strategy<Value = Option<i64>> {
    prop_oneof![1 => Just(None), 4 => (1_i64..4).prop_map(Some)]
}

fn object<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn deployments() -> impl Strategy<Value = Deployment> {
    let numbers = (0_i32..4, count(), count(), count());
    (1_i64..4, generation(), numbers, any::<bool>()).prop_map(
        |(generation, observed, (desired, current, updated, available), late)| {
            let reason = if late {
                "ProgressDeadlineExceeded"
            } else {
                "ReplicaSetUpdated"
            };
            object(json!({
                "metadata": {"name": "web", "generation": generation},
                // The API server always fills `replicas` in.
                "spec": {"replicas": desired, "selector": {}, "template": {}},
                "status": {
                    "observedGeneration": observed, "replicas": current,
                    "updatedReplicas": updated, "availableReplicas": available,
                    "conditions": [{"type": "Progressing", "status": "False", "reason": reason}],
                },
            }))
        },
    )
}

fn without_deadline(mut deployment: Deployment) -> Deployment {
    if let Some(status) = &mut deployment.status {
        status.conditions = None;
    }
    deployment
}

/// Our answer, with no node excused.
fn complete<T>(object: &T, kind: fn(Box<T>) -> Workload) -> Result<(), Pending>
where
    T: Clone,
{
    progress::complete(&kind(Box::new(object.clone())), &ExcusedNodes::default())
}

/// Our reason in kubectl's words.
fn answer(complete: &Result<(), Pending>) -> Option<Answer> {
    match *complete {
        Ok(()) => Some(Answer::Done),
        Err(Pending::NotObserved { .. }) => Some(Answer::NotObserved),
        Err(Pending::Updating { updated, desired }) => Some(Answer::Updating(updated, desired)),
        Err(Pending::OldReplicas { old }) => Some(Answer::OldReplicas(old)),
        Err(Pending::Unavailable { available, updated }) => {
            Some(Answer::Unavailable(available, updated))
        }
        Err(Pending::Unready { ready, desired }) => Some(Answer::NotReady(desired - ready)),
        // None is about counts.
        Err(
            Pending::NotSeen
            | Pending::Revision { .. }
            | Pending::Completions { .. }
            | Pending::Suspended
            | Pending::HttpChecks { .. }
            | Pending::Traffic
            | Pending::Stabilising { .. },
        ) => None,
    }
}

fn stateful_set(spec: &Value, status: &Value) -> StatefulSet {
    let mut value = json!({
        "metadata": {"name": "db", "generation": 2},
        "spec": {
            "replicas": 3, "selector": {}, "serviceName": "db", "template": {},
            "updateStrategy": {"type": "RollingUpdate"},
        },
        "status": {
            "observedGeneration": 2, "replicas": 3, "readyReplicas": 3, "updatedReplicas": 3,
            "currentRevision": "db-2", "updateRevision": "db-2",
        },
    });
    merge(&mut value["spec"], spec);
    merge(&mut value["status"], status);
    object(value)
}

fn daemon_set(spec: &Value, status: &Value) -> DaemonSet {
    let mut value = json!({
        "metadata": {"name": "agent", "generation": 2},
        "spec": {"selector": {}, "template": {}, "updateStrategy": {"type": "RollingUpdate"}},
        "status": {
            "observedGeneration": 2, "desiredNumberScheduled": 3, "currentNumberScheduled": 3,
            "numberMisscheduled": 0, "numberReady": 3, "updatedNumberScheduled": 3,
            "numberAvailable": 3,
        },
    });
    merge(&mut value["spec"], spec);
    merge(&mut value["status"], status);
    object(value)
}

fn merge(into: &mut Value, fields: &Value) {
    for (name, value) in fields.as_object().into_iter().flatten() {
        into[name] = value.clone();
    }
}

/// The answers of kubectl v1.35 to these objects, read from its source.
#[test]
fn the_oracle_says_of_stateful_sets_what_kubectl_says() {
    let rows = [
        ("all there", json!({}), json!({}), Answer::Done),
        (
            "nothing observed",
            json!({}),
            json!({"observedGeneration": 0}),
            Answer::NotObserved,
        ),
        (
            "an older one observed",
            json!({}),
            json!({"observedGeneration": 1}),
            Answer::NotObserved,
        ),
        (
            "one not ready",
            json!({}),
            json!({"readyReplicas": 2}),
            Answer::NotReady(1),
        ),
        (
            "another revision",
            json!({}),
            json!({"currentRevision": "db-1"}),
            Answer::OtherRevision,
        ),
        (
            "with a partition the revision does not matter",
            json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}}),
            json!({"currentRevision": "db-1", "updatedReplicas": 1}),
            Answer::Done,
        ),
        (
            "too few above the partition",
            json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}}),
            json!({"currentRevision": "db-1", "updatedReplicas": 1}),
            Answer::Updating(1, 2),
        ),
        (
            "ready, but not available",
            json!({"minReadySeconds": 60}),
            json!({"availableReplicas": 0}),
            Answer::Done,
        ),
        (
            "pods are replaced by hand",
            json!({"updateStrategy": {"type": "OnDelete"}}),
            json!({}),
            Answer::OnDelete,
        ),
    ];
    for (says, spec, status, expected) in rows {
        assert_eq!(
            kubectl::stateful_set(&stateful_set(&spec, &status)),
            expected,
            "{says}"
        );
    }
}

#[test]
fn the_oracle_says_of_daemon_sets_what_kubectl_says() {
    let rows = [
        ("all there", json!({}), json!({}), Answer::Done),
        (
            "an older one observed",
            json!({}),
            json!({"observedGeneration": 1}),
            Answer::NotObserved,
        ),
        (
            "one updated",
            json!({}),
            json!({"updatedNumberScheduled": 1}),
            Answer::Updating(1, 3),
        ),
        (
            "two available",
            json!({}),
            json!({"numberAvailable": 2}),
            Answer::Unavailable(2, 3),
        ),
        (
            "no node fits",
            json!({}),
            json!({"desiredNumberScheduled": 0}),
            Answer::Done,
        ),
        (
            "pods are replaced by hand",
            json!({"updateStrategy": {"type": "OnDelete"}}),
            json!({}),
            Answer::OnDelete,
        ),
    ];
    for (says, spec, status, expected) in rows {
        assert_eq!(
            kubectl::daemon_set(&daemon_set(&spec, &status)),
            expected,
            "{says}"
        );
    }
}

#[test]
fn the_oracle_gives_up_at_the_deadline_and_we_do_not() {
    let late: Deployment = object(json!({
        "metadata": {"generation": 1},
        "spec": {"replicas": 1, "selector": {}, "template": {}},
        "status": {
            "observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1,
            "conditions": [
                {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"},
            ],
        },
    }));
    assert_eq!(kubectl::deployment(&late), Answer::DeadlineExceeded);
    assert_eq!(
        answer(&complete(&late, Workload::Deployment)),
        Some(Answer::Done)
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

    #[test]
    fn a_deployment_is_pending_for_kubectls_reason(deployment in deployments()) {
        let theirs = kubectl::deployment(&without_deadline(deployment.clone()));
        prop_assert_eq!(answer(&complete(&deployment, Workload::Deployment)), Some(theirs));
    }

    #[test]
    fn a_deployment_that_kubectl_calls_done_is_complete(deployment in deployments()) {
        // Whatever the deadline says: it can only make kubectl refuse.
        if kubectl::deployment(&deployment) == Answer::Done {
            prop_assert_eq!(complete(&deployment, Workload::Deployment), Ok(()));
        }
    }

    #[test]
    fn a_daemon_set_is_pending_for_kubectls_reason(
        observed in 1_i64..4,
        numbers in (0_i32..4, count(), count()),
    ) {
        let (desired, updated, available) = numbers;
        let set = daemon_set(&json!({}), &json!({
            "observedGeneration": observed, "desiredNumberScheduled": desired,
            "updatedNumberScheduled": updated, "numberAvailable": available,
        }));
        let ours = answer(&complete(&set, Workload::DaemonSet));
        prop_assert_eq!(ours, Some(kubectl::daemon_set(&set)));
    }

    /// Stricter than kubectl, which does not ask for available replicas, nor for surplus ones.
    #[test]
    fn a_stateful_set_is_complete_when_kubectl_says_so_and_all_are_available(
        observed in 0_i64..4,
        numbers in (0_i32..4, 0_i32..5, count(), 0_i32..4, count()),
        partition in prop::option::of(0_i32..5),
    ) {
        let (desired, current, ready, updated, available) = numbers;
        let (current, ready) = (current, ready.map(|it| it.min(current)));
        let updated = updated.min(current);
        // As the controller writes it: one revision as soon as all are of it (`completeRollingUpdate`).
        let through = updated == current && ready.unwrap_or_default() == current;
        let rolling = partition.map(|it| json!({"partition": it}));
        let set = stateful_set(
            &json!({
                "replicas": desired,
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": rolling},
            }),
            &json!({
                "observedGeneration": observed, "replicas": current, "readyReplicas": ready,
                "updatedReplicas": updated, "availableReplicas": available,
                "currentRevision": if through { "db-2" } else { "db-1" },
            }),
        );
        let theirs = kubectl::stateful_set(&set);
        let strict = available.unwrap_or_default() >= desired && current <= desired;
        let ours = complete(&set, Workload::StatefulSet);
        prop_assert_eq!(ours.is_ok(), theirs == Answer::Done && strict, "{:?} {:?}", ours, theirs);
    }

    /// No server writes such counts, but a trace may be edited by hand.
    #[test]
    fn no_counts_make_the_question_panic(counts in any::<[i32; 5]>(), partition in any::<i32>()) {
        let [desired, current, updated, ready, available] = counts;
        let status = json!({
            "observedGeneration": 2, "replicas": current, "updatedReplicas": updated,
            "readyReplicas": ready, "availableReplicas": available,
        });
        let rolling = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": partition}});
        let set = json!({"replicas": desired, "updateStrategy": rolling});
        let _ = complete(&stateful_set(&set, &status), Workload::StatefulSet);
        let deployment: Deployment = object(json!({
            "metadata": {"generation": 2}, "status": status,
            "spec": {"replicas": desired, "selector": {}, "template": {}},
        }));
        let _ = complete(&deployment, Workload::Deployment);
        let nodes = json!({
            "desiredNumberScheduled": desired, "updatedNumberScheduled": updated,
            "numberAvailable": available,
        });
        let _ = complete(&daemon_set(&json!({}), &nodes), Workload::DaemonSet);
    }
}
