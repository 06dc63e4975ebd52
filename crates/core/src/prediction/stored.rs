//! How sure it is that pods are stored as they are seen now.

use serde_json::Value;

use super::admission::trial;
use super::certainty::Certainty;
use super::defaults::ranges;
use super::planned::Planned;
use super::pod::{requests_differ, with_defaults};
use super::policies;
use super::view::{Found, View};
use crate::history::Entry;

/// Returns how sure a prediction from the pod can be: webhooks may change one that was not seen as stored, and what the
/// call brings may change it as well.
pub(super) fn most(view: &View<'_>, plan: &Planned<'_>) -> Certainty {
    let tried = trial(view, plan, plan.template());
    if tried.is_some_and(|it| it.is_seen()) {
        most_of_call(view, plan)
    } else {
        Certainty::Likely
    }
}

/// Returns how sure a prediction from a pod can be that is known to the API server, by what the call brings.
fn most_of_call(view: &View<'_>, plan: &Planned<'_>) -> Certainty {
    if policies::changes_pods(view, plan.namespace()) {
        Certainty::Likely
    } else {
        Certainty::Certain
    }
}

/// Returns how sure a prediction from the requests and limits of the pod can be. `is_counted` says that the API server
/// has already counted them, in a refusal that holds no pod.
pub(super) fn most_of_resources(
    view: &View<'_>,
    plan: &Planned<'_>,
    is_counted: bool,
) -> Certainty {
    let brings = |kind: &str| {
        let mut brought = view.manifests.of(kind, plan.namespace());
        brought.next().is_some()
    };
    // Who cannot see the running pods does not know whether something resizes them.
    let is_blind = plan.current.is_some() && plan.history.is_none();
    if brings("LimitRange")
        || brings("VerticalPodAutoscaler")
        || is_blind
        || are_resized(view, plan)
    {
        Certainty::Likely
    } else if is_counted {
        most_of_call(view, plan)
    } else {
        most(view, plan)
    }
}

/// Returns whether running pods have other requests than their template gives them: a `VerticalPodAutoscaler` sets them,
/// and may set others until the rollout.
fn are_resized(view: &View<'_>, plan: &Planned<'_>) -> bool {
    let former = plan.former_template().and_then(|it| it.get("spec"));
    let (Some(former), Some(history)) = (former, plan.history) else {
        return false;
    };
    let of_current = history.current();
    let mut pods: Vec<_> = of_current.iter().flat_map(Entry::pods).collect();
    if pods.is_empty() {
        pods = history.pods().collect();
    }
    let specs = pods.iter().filter_map(|it| it.spec.as_ref());
    let specs = specs.filter_map(|it| serde_json::to_value(it).ok());
    let specs: Vec<Value> = specs.collect();
    let differ = |template: &Value| specs.iter().any(|it| requests_differ(template, it));
    if !differ(former) {
        return false;
    }
    match ranges(view, plan.namespace()) {
        Found::There(ranges) => differ(&with_defaults(former, ranges)),
        Found::Missing | Found::Unseen | Found::Pending => true,
    }
}
