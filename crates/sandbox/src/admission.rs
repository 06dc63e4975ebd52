//! Admission of pods: service account, priority, limit ranges, quotas, and refusals that a test
//! injects.

mod limit_range;
mod priority;
mod quota;

use std::fmt;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use rollguard_core::quantity::Quantity;
use serde::Deserialize as _;
use serde_json::{Value, json};

use crate::object::{items, name, text};
use crate::resource::Resource;
use crate::status::ApiFailure;
use crate::store::{Key, Store};

pub(crate) use priority::SYSTEM as SYSTEM_PRIORITIES;
pub(crate) use quota::status as quota_status;

/// Why a pod is not let in, for the admission plug-ins that the sandbox does not have.
#[derive(Debug, Clone, PartialEq)]
pub enum PodRefusal {
    /// Behind `pods "web-…" is forbidden: `, for example
    /// `violates PodSecurity "restricted:latest": …`.
    Forbidden(String),
    /// `admission webhook "<name>" denied the request: <message>`.
    Webhook {
        /// The webhook's name.
        name: String,
        /// What it says.
        message: String,
    },
    /// Anything else.
    Other(ApiFailure),
}

/// A refusal and the pods it is for.
#[derive(Clone)]
pub(crate) struct PodRule {
    pub(crate) matches: Arc<dyn Fn(&Pod) -> bool + Send + Sync>,
    pub(crate) refusal: PodRefusal,
}

impl fmt::Debug for PodRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PodRule").field(&self.refusal).finish()
    }
}

/// The mutating half, before the pod has a generated name.
pub(crate) fn complete_pod(store: &Store, pod: &mut Value) -> Result<(), ApiFailure> {
    let namespace = text(pod, "/metadata/namespace").to_owned();
    if text(pod, "/spec/serviceAccountName").is_empty() {
        pod["spec"]["serviceAccountName"] = json!("default");
        pod["spec"]["serviceAccount"] = json!("default");
    }
    let account = text(pod, "/spec/serviceAccountName").to_owned();
    let key = Key::new(Resource::ServiceAccounts, &namespace, &account);
    if store.get(&key).is_none() {
        return Err(refuse_unnamed(
            pod,
            &format!(
                "error looking up service account {namespace}/{account}: \
                 serviceaccount \"{account}\" not found"
            ),
        ));
    }
    for (_, limits) in store.list(Resource::LimitRanges, Some(&namespace)) {
        limit_range::apply_defaults(&limits, pod);
    }
    priority::apply(store, pod).map_err(|because| refuse_unnamed(pod, &because))?;
    pod["status"] = json!({"phase": "Pending", "qosClass": qos_class(pod)});
    Ok(())
}

/// Name generation has not happened yet, so the message shows the prefix
/// (k8s.io/apiserver `pkg/admission/errors.go`, `extractResourceName`).
fn refuse_unnamed(pod: &Value, because: &str) -> ApiFailure {
    let shown = match name(pod) {
        "" => text(pod, "/metadata/generateName"),
        name => name,
    };
    ApiFailure::not_admitted(Resource::Pods, shown, because)
}

/// The validating half; quotas come last, as on a real API server.
pub(crate) fn admit_pod(store: &Store, rules: &[PodRule], pod: &Value) -> Result<(), ApiFailure> {
    let namespace = text(pod, "/metadata/namespace");
    let refuse = |because: &str| ApiFailure::not_admitted(Resource::Pods, name(pod), because);
    for (_, limits) in store.list(Resource::LimitRanges, Some(namespace)) {
        limit_range::check(&limits, pod).map_err(|because| refuse(&because))?;
    }
    if let Some(rule) = matching(rules, pod) {
        return Err(match &rule.refusal {
            PodRefusal::Forbidden(because) => refuse(because),
            PodRefusal::Webhook { name, message } => ApiFailure::forbidden(format!(
                "admission webhook \"{name}\" denied the request: {message}"
            )),
            PodRefusal::Other(failure) => failure.clone(),
        });
    }
    quota::check(store, pod).map_err(|because| refuse(&because))
}

fn matching<'a>(rules: &'a [PodRule], pod: &Value) -> Option<&'a PodRule> {
    let typed = Pod::deserialize(pod).ok()?;
    rules.iter().find(|rule| (rule.matches)(&typed))
}

/// A container's request or limit (`which`) of a resource.
fn amount(container: &Value, which: &str, resource: &str) -> Option<Quantity> {
    let value = container["resources"][which].get(resource)?;
    match value.as_str() {
        Some(text) => Quantity::parse(text),
        None => Quantity::parse(&value.to_string()),
    }
}

/// The class by requests and limits (kubernetes `pkg/apis/core/v1/helper/qos`).
fn qos_class(pod: &Value) -> &'static str {
    let containers = items(pod, "/spec/containers");
    let has = |container: &Value, which| {
        ["cpu", "memory"].map(|resource| amount(container, which, resource))
    };
    let none = |container: &Value| {
        has(container, "requests").iter().all(Option::is_none)
            && has(container, "limits").iter().all(Option::is_none)
    };
    let full = |container: &Value| {
        let (requests, limits) = (has(container, "requests"), has(container, "limits"));
        limits
            .iter()
            .zip(&requests)
            .all(|(limit, request)| limit.is_some() && (request.is_none() || request == limit))
    };
    if containers.iter().all(none) {
        "BestEffort"
    } else if containers.iter().all(full) {
        "Guaranteed"
    } else {
        "Burstable"
    }
}
