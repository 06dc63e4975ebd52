//! Conditions in the statuses of Deployments and ReplicaSets.

use serde_json::{Value, json};

use crate::object::{items, text};

/// The content of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) kind: &'static str,
    pub(super) status: &'static str,
    pub(super) reason: String,
    pub(super) message: String,
}

impl Condition {
    pub(super) fn new(
        kind: &'static str,
        status: &'static str,
        reason: &str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            status,
            reason: reason.to_owned(),
            message: message.into(),
        }
    }
}

/// The condition of a kind, in an object's status.
pub(super) fn find<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    items(object, "/status/conditions")
        .iter()
        .find(|it| it["type"] == kind)
}

/// The reason of the condition of a kind, empty without one.
pub(super) fn reason<'a>(object: &'a Value, kind: &str) -> &'a str {
    find(object, kind).map_or("", |it| text(it, "/reason"))
}

/// Sets a Deployment's condition unless it says the same status and reason already; the time of
/// the transition stays when the status does (kubernetes
/// `pkg/controller/deployment/util/deployment_util.go`, `SetDeploymentCondition`).
pub(super) fn set(conditions: &mut Vec<Value>, condition: &Condition, now: &str) {
    let current = conditions.iter().find(|it| it["type"] == condition.kind);
    if current.is_some_and(|it| {
        it["status"] == condition.status && it["reason"] == condition.reason.as_str()
    }) {
        return;
    }
    replace(conditions, condition, now);
}

/// As [`set`], also when status and reason are the same: the message and the time of the update
/// are new.
pub(super) fn replace(conditions: &mut Vec<Value>, condition: &Condition, now: &str) {
    let transition = conditions
        .iter()
        .find(|it| it["type"] == condition.kind && it["status"] == condition.status)
        .map_or_else(|| json!(now), |it| it["lastTransitionTime"].clone());
    remove(conditions, condition.kind);
    conditions.push(json!({
        "type": condition.kind, "status": condition.status, "reason": condition.reason,
        "message": condition.message, "lastUpdateTime": now, "lastTransitionTime": transition,
    }));
}

/// Removes the condition of a kind.
pub(super) fn remove(conditions: &mut Vec<Value>, kind: &str) {
    conditions.retain(|it| it["type"] != kind);
}
