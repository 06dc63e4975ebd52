//! The workload's own settings: paused, OnDelete, and how many pods it replaces at a time.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::Deserialize as _;
use serde_json::Value;

use super::certainty::Prediction;
use super::planned::Planned;
use crate::finding::FindingCode;
use crate::progress::scaled;
use crate::workload::WorkloadKind;
use crate::workload::raw::text;

/// Finds workloads whose rollout waits for a person, or for a pod of the former revision.
pub(super) fn judge(plan: &Planned<'_>) -> Vec<Prediction> {
    let found = [paused(plan), on_delete(plan), stuck(plan)];
    found.into_iter().flatten().collect()
}

/// Returns whether no pod is replaced before a person acts.
pub(super) fn waits_for_person(plan: &Planned<'_>) -> bool {
    !plan.manifest.stands && (is_paused(plan) || plan.current.is_some() && is_on_delete(plan))
}

fn is_paused(plan: &Planned<'_>) -> bool {
    let is_paused = plan.object.pointer("/spec/paused") == Some(&Value::Bool(true));
    is_paused && plan.workload.kind == WorkloadKind::Deployment
}

fn is_on_delete(plan: &Planned<'_>) -> bool {
    text(&plan.object, "/spec/updateStrategy/type") == "OnDelete"
}

fn paused(plan: &Planned<'_>) -> Option<Prediction> {
    (is_paused(plan) && plan.rolls).then(|| {
        let message = format!(
            "{} is paused: no pod of the new revision is created",
            plan.title()
        );
        Prediction::finding(FindingCode::Paused, plan.index, message)
            .about(plan.title())
            .at("/spec/paused")
    })
}

fn on_delete(plan: &Planned<'_>) -> Option<Prediction> {
    let waits = is_on_delete(plan) && plan.current.is_some() && !plan.manifest.stands;
    (waits && plan.rolls && fences(plan).updated > 0).then(|| {
        let message = format!(
            "{} replaces a pod only when somebody deletes it (updateStrategy OnDelete)",
            plan.title()
        );
        Prediction::finding(FindingCode::WaitsForDeletion, plan.index, message)
            .about(plan.title())
            .at("/spec/updateStrategy/type")
    })
}

/// Finds a broken pod that an ordered StatefulSet waits for before it replaces any (`stateful_set_control.go`).
fn stuck(plan: &Planned<'_>) -> Option<Prediction> {
    let is_ordered = plan.workload.kind == WorkloadKind::StatefulSet
        && text(&plan.object, "/spec/podManagementPolicy") != "Parallel";
    if !is_ordered || !plan.rolls || plan.manifest.stands || fences(plan).updated == 0 {
        return None;
    }
    let broken = plan.history?.pods().find(|pod| {
        let status = pod.status.as_ref();
        let statuses = status.and_then(|it| it.container_statuses.as_ref());
        statuses.into_iter().flatten().any(|it| {
            let waiting = it.state.as_ref().and_then(|it| it.waiting.as_ref());
            let reason = waiting.and_then(|it| it.reason.as_deref());
            let starts =
                reason.is_none_or(|it| ["ContainerCreating", "PodInitializing"].contains(&it));
            !it.ready && (it.restart_count > 0 || !starts)
        })
    })?;
    let name = broken.metadata.name.as_deref().unwrap_or_default();
    let message = format!(
        "pod `{name}` of the present revision is not ready, and the StatefulSet controller waits for it before it replaces any pod"
    );
    Some(
        Prediction::finding(FindingCode::StatefulSetStuck, plan.index, message)
            .about(format!("Pod `{name}`"))
            .remedy(format!(
                "delete pod `{name}` once the new template is applied (`kubectl delete pod {name}`)"
            )),
    )
}

/// How many pods a rollout may add and miss at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fences {
    pub(super) surge: i64,
    pub(super) unavailable: i64,
    /// How many pods get the new template.
    pub(super) updated: i64,
}

/// Returns them (`deployment_util.go`, `ResolveFenceposts`; `daemon/update.go`; `stateful_set_control.go`).
pub(super) fn fences(plan: &Planned<'_>) -> Fences {
    let all = plan.desired();
    let at = |pointer: &str| plan.object.pointer(pointer);
    match plan.workload.kind {
        WorkloadKind::Deployment => {
            if text(&plan.object, "/spec/strategy/type") == "Recreate" {
                return Fences {
                    surge: 0,
                    unavailable: all,
                    updated: all,
                };
            }
            let quarter = Value::from("25%");
            let rolling = "/spec/strategy/rollingUpdate";
            let surge = at(&format!("{rolling}/maxSurge")).unwrap_or(&quarter);
            let unavailable = at(&format!("{rolling}/maxUnavailable")).unwrap_or(&quarter);
            let surge = amount(surge, all, true);
            let unavailable = amount(unavailable, all, false);
            moving(surge, unavailable, all)
        }
        WorkloadKind::StatefulSet => {
            let rolling = "/spec/updateStrategy/rollingUpdate";
            // A new StatefulSet has no former revision to keep.
            let is_new = plan.current.is_none() && plan.is_known;
            let partition = at(&format!("{rolling}/partition"));
            let partition = partition.and_then(Value::as_i64).filter(|_| !is_new);
            let unavailable = at(&format!("{rolling}/maxUnavailable"));
            Fences {
                surge: 0,
                unavailable: unavailable.map_or(1, |it| amount(it, all, true)).max(1),
                updated: (all - partition.unwrap_or_default()).max(0),
            }
        }
        WorkloadKind::DaemonSet => {
            let rolling = "/spec/updateStrategy/rollingUpdate";
            let surge = at(&format!("{rolling}/maxSurge")).map_or(0, |it| amount(it, all, true));
            let unavailable = at(&format!("{rolling}/maxUnavailable"));
            let unavailable = unavailable.map_or(1, |it| amount(it, all, true));
            moving(surge, unavailable, all)
        }
        // It is not rolled out, and `Manifest::workload` leaves it out.
        WorkloadKind::Job => moving(0, all, all),
    }
}

/// Returns the fences of a rollout of all pods. If both were 0, nothing would move.
fn moving(surge: i64, unavailable: i64, all: i64) -> Fences {
    Fences {
        surge,
        unavailable: if surge == 0 {
            unavailable.max(1)
        } else {
            unavailable
        },
        updated: all,
    }
}

/// Returns a number, or a share of all in percent.
fn amount(value: &Value, all: i64, up: bool) -> i64 {
    let Ok(value) = IntOrString::deserialize(value) else {
        return 0;
    };
    scaled(&value, i32::try_from(all).unwrap_or(i32::MAX), up).into()
}
