//! Decides whether pods are created with the new template. Where none is, nothing about pods is predicted.

use serde_json::Value;

use super::certainty::Certainty;
use super::planned::Planned;
use super::question::Collection;
use super::strategy::{fences, waits_for_person};
use super::view::{Found, View};
use crate::workload::WorkloadKind;
use crate::workload::raw::text;

/// Returns how sure a prediction about the new pods can be; `None` where no pod is created.
pub(super) fn most(view: &View<'_>, plan: &Planned<'_>) -> Option<Certainty> {
    if !plan.rolls {
        return None;
    }
    let creates = match plan.workload.kind {
        WorkloadKind::DaemonSet => of_daemon_set(plan),
        WorkloadKind::Deployment | WorkloadKind::StatefulSet | WorkloadKind::Job => {
            of_replicas(view, plan)
        }
    };
    let own = if !plan.is_known || waits_for_person(plan) {
        Certainty::Likely
    } else {
        Certainty::Certain
    };
    creates.map(|it| it.min(own))
}

fn of_replicas(view: &View<'_>, plan: &Planned<'_>) -> Option<Certainty> {
    if plan.desired() > 0 {
        // The others keep the present template (partition).
        let some = plan.manifest.stands || fences(plan).updated > 0;
        return some.then_some(Certainty::Certain);
    }
    let may_grow = plan.manifest.stands || may_grow(view, plan);
    may_grow.then_some(Certainty::Likely)
}

fn of_daemon_set(plan: &Planned<'_>) -> Option<Certainty> {
    match plan.selected {
        Some(0) => None,
        Some(_) => Some(Certainty::Certain),
        None if plan.desired() > 0 => Some(Certainty::Certain),
        None => Some(Certainty::Likely),
    }
}

/// A kind of object that adds pods to a workload that has none.
struct Scaler {
    api: &'static str,
    plural: &'static str,
    kind: &'static str,
    /// Whether it leaves a workload without pods alone, unless its least number is 0 (`horizontal.go`).
    needs_zero: bool,
}

const SCALERS: [Scaler; 2] = [
    // KEDA `apis/keda/v1alpha1/scaledobject_types.go`.
    Scaler {
        api: "keda.sh/v1alpha1",
        plural: "scaledobjects",
        kind: "ScaledObject",
        needs_zero: false,
    },
    Scaler {
        api: "autoscaling/v2",
        plural: "horizontalpodautoscalers",
        kind: "HorizontalPodAutoscaler",
        needs_zero: true,
    },
];

/// Returns whether an autoscaler may add pods to a workload without replicas, as far as that is seen.
fn may_grow(view: &View<'_>, plan: &Planned<'_>) -> bool {
    let what = format!("whether an autoscaler adds pods to {}", plan.title());
    has_scaler(view, plan, &what, Scaler::grows)
}

/// Returns whether an autoscaler sets the number of pods of a workload, as far as that is seen.
pub(super) fn is_scaled(view: &View<'_>, plan: &Planned<'_>) -> bool {
    let what = format!("whether an autoscaler removes pods of {}", plan.title());
    has_scaler(view, plan, &what, |_, object, plan| targets(object, plan))
}

fn has_scaler(
    view: &View<'_>,
    plan: &Planned<'_>,
    what: &str,
    is_meant: fn(&Scaler, &Value, &Planned<'_>) -> bool,
) -> bool {
    SCALERS.iter().any(|scaler| {
        let mut brought = view.manifests.of(scaler.kind, plan.namespace());
        if brought.any(|it| is_meant(scaler, &it.object, plan)) {
            return true;
        }
        let collection = Collection {
            api: scaler.api,
            plural: scaler.plural,
            namespace: Some(plan.namespace().to_owned()),
        };
        match view.list(collection, what) {
            Found::There(all) => all.iter().any(|it| is_meant(scaler, it, plan)),
            Found::Unseen => true,
            Found::Missing | Found::Pending => false,
        }
    })
}

impl Scaler {
    fn grows(&self, object: &Value, plan: &Planned<'_>) -> bool {
        let least = object.pointer("/spec/minReplicas").and_then(Value::as_i64);
        targets(object, plan) && (!self.needs_zero || least == Some(0))
    }
}

/// Returns whether an autoscaler is for a workload.
fn targets(object: &Value, plan: &Planned<'_>) -> bool {
    let kind = match text(object, "/spec/scaleTargetRef/kind") {
        "" => WorkloadKind::Deployment.as_str(),
        kind => kind,
    };
    kind == plan.workload.kind.as_str()
        && text(object, "/spec/scaleTargetRef/name") == plan.workload.name
}
