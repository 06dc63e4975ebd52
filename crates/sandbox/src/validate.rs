//! The part of the API server's validation that a rollout can meet.

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{
    ConfigMap, Event, LimitRange, Namespace, Pod, ResourceQuota, Secret, ServiceAccount,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::object::{items, name, texts};
use crate::resource::Resource;
use crate::status::{ApiFailure, Invalid};

/// Whether an object can be read as what it says it is.
pub(crate) fn decodes(resource: Resource, object: &Value) -> Result<(), ApiFailure> {
    match resource {
        Resource::Namespaces => check::<Namespace>(resource, object),
        Resource::Pods => check::<Pod>(resource, object),
        Resource::Events => check::<Event>(resource, object),
        Resource::ConfigMaps => check::<ConfigMap>(resource, object),
        Resource::Secrets => check::<Secret>(resource, object),
        Resource::ServiceAccounts => check::<ServiceAccount>(resource, object),
        Resource::Quotas => check::<ResourceQuota>(resource, object),
        Resource::LimitRanges => check::<LimitRange>(resource, object),
        Resource::Deployments => check::<Deployment>(resource, object),
        Resource::ReplicaSets => check::<ReplicaSet>(resource, object),
        Resource::SelfSubjectAccessReviews => Ok(()),
    }
}

fn check<T: DeserializeOwned>(resource: Resource, object: &Value) -> Result<(), ApiFailure> {
    T::deserialize(object).map(drop).map_err(|error| {
        let kind = resource.kind();
        ApiFailure::bad_request(format!(
            "{kind} in version \"v1\" cannot be handled as a {kind}: {error}"
        ))
    })
}

/// Whether an object may be created, or take the place of an older one.
pub(crate) fn validate(
    resource: Resource,
    object: &Value,
    old: Option<&Value>,
) -> Result<(), ApiFailure> {
    let cause = match resource {
        Resource::Deployments | Resource::ReplicaSets => workload(object, old),
        Resource::Pods => containers(object, "/spec/containers", "spec.containers"),
        Resource::Namespaces
        | Resource::Events
        | Resource::ConfigMaps
        | Resource::Secrets
        | Resource::ServiceAccounts
        | Resource::Quotas
        | Resource::LimitRanges
        | Resource::SelfSubjectAccessReviews => Ok(()),
    };
    cause.map_err(|cause| ApiFailure::invalid(resource, name(object), &cause))
}

fn workload(object: &Value, old: Option<&Value>) -> Result<(), Invalid> {
    let labels = texts(object, "/spec/template/metadata/labels");
    let selector = texts(object, "/spec/selector/matchLabels");
    if selector.is_empty() && items(object, "/spec/selector/matchExpressions").is_empty() {
        return Err(Invalid::required("spec.selector", ""));
    }
    if selector
        .iter()
        .any(|(key, value)| labels.get(key) != Some(value))
    {
        return Err(Invalid::value(
            "spec.template.metadata.labels",
            &serde_json::json!(labels),
            "`selector` does not match template `labels`",
        ));
    }
    if let Some(old) = old
        && old["spec"]["selector"] != object["spec"]["selector"]
    {
        let selector = &object["spec"]["selector"];
        return Err(Invalid::value(
            "spec.selector",
            selector,
            "field is immutable",
        ));
    }
    containers(
        object,
        "/spec/template/spec/containers",
        "spec.template.spec.containers",
    )
}

fn containers(object: &Value, pointer: &str, field: &'static str) -> Result<(), Invalid> {
    if items(object, pointer).is_empty() {
        return Err(Invalid::required(field, ""));
    }
    Ok(())
}
