//! The part of the API server's validation that a rollout can meet.

use k8s_openapi::api::apps::v1::{
    ControllerRevision, DaemonSet, Deployment, ReplicaSet, StatefulSet,
};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{
    ConfigMap, Event, LimitRange, Namespace, Node, PersistentVolumeClaim, Pod, ResourceQuota,
    Secret, Service, ServiceAccount,
};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::api::scheduling::v1::PriorityClass;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::object::{items, name, texts};
use crate::resource::Resource;
use crate::status::{ApiFailure, Invalid};

/// Checks whether an object can be read as what it says it is.
pub(crate) fn decodes(resource: Resource, object: &Value) -> Result<(), ApiFailure> {
    match resource {
        Resource::Namespaces => check::<Namespace>(resource, object),
        Resource::Nodes => check::<Node>(resource, object),
        Resource::Pods => check::<Pod>(resource, object),
        Resource::Events => check::<Event>(resource, object),
        Resource::ConfigMaps => check::<ConfigMap>(resource, object),
        Resource::Secrets => check::<Secret>(resource, object),
        Resource::ServiceAccounts => check::<ServiceAccount>(resource, object),
        Resource::Quotas => check::<ResourceQuota>(resource, object),
        Resource::LimitRanges => check::<LimitRange>(resource, object),
        Resource::Claims => check::<PersistentVolumeClaim>(resource, object),
        Resource::Deployments => check::<Deployment>(resource, object),
        Resource::ReplicaSets => check::<ReplicaSet>(resource, object),
        Resource::StatefulSets => check::<StatefulSet>(resource, object),
        Resource::DaemonSets => check::<DaemonSet>(resource, object),
        Resource::ControllerRevisions => check::<ControllerRevision>(resource, object),
        Resource::Jobs => check::<Job>(resource, object),
        Resource::Autoscalers => check::<HorizontalPodAutoscaler>(resource, object),
        Resource::Services => check::<Service>(resource, object),
        Resource::EndpointSlices => check::<EndpointSlice>(resource, object),
        Resource::Ingresses => check::<Ingress>(resource, object),
        Resource::NetworkPolicies => check::<NetworkPolicy>(resource, object),
        Resource::PriorityClasses => check::<PriorityClass>(resource, object),
        Resource::HttpRoutes
        | Resource::SelfSubjectAccessReviews
        | Resource::SelfSubjectReviews => Ok(()),
    }
}

fn check<T: DeserializeOwned>(resource: Resource, object: &Value) -> Result<(), ApiFailure> {
    T::deserialize(object).map(drop).map_err(|error| {
        let kind = resource.kind();
        ApiFailure::bad_request(format!(
            "{kind} in version \"{}\" cannot be handled as a {kind}: {error}",
            resource.version()
        ))
    })
}

/// Checks whether an object may be created, or take the place of an older one.
pub(crate) fn validate(
    resource: Resource,
    object: &Value,
    old: Option<&Value>,
) -> Result<(), ApiFailure> {
    let cause = match resource {
        Resource::Deployments | Resource::ReplicaSets | Resource::DaemonSets => {
            workload(object, old)
        }
        Resource::StatefulSets => stateful_set(object, old).and_then(|()| workload(object, None)),
        Resource::ControllerRevisions => revision(object, old),
        Resource::Pods => containers(object, "/spec/containers", "spec.containers"),
        Resource::Namespaces
        | Resource::Nodes
        | Resource::Events
        | Resource::ConfigMaps
        | Resource::Secrets
        | Resource::ServiceAccounts
        | Resource::Quotas
        | Resource::LimitRanges
        | Resource::Claims
        | Resource::Jobs
        | Resource::Autoscalers
        | Resource::Services
        | Resource::EndpointSlices
        | Resource::Ingresses
        | Resource::HttpRoutes
        | Resource::NetworkPolicies
        | Resource::PriorityClasses
        | Resource::SelfSubjectAccessReviews
        | Resource::SelfSubjectReviews => Ok(()),
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

/// Checks that a StatefulSet's update changes only what it may (kubernetes
/// `pkg/apis/apps/validation/validation.go`, `ValidateStatefulSetUpdate`).
fn stateful_set(object: &Value, old: Option<&Value>) -> Result<(), Invalid> {
    const MUTABLE: [&str; 7] = [
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    ];
    let Some(old) = old else {
        return Ok(());
    };
    let fixed = |object: &Value| {
        let mut spec = object["spec"].clone();
        for field in MUTABLE {
            spec[field] = Value::Null;
        }
        spec
    };
    if fixed(object) == fixed(old) {
        return Ok(());
    }
    Err(Invalid::forbidden(
        "spec",
        "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', \
         'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and \
         'minReadySeconds' are forbidden",
    ))
}

/// The data of a revision never changes (`ValidateControllerRevisionUpdate`).
fn revision(object: &Value, old: Option<&Value>) -> Result<(), Invalid> {
    match old {
        Some(old) if old["data"] != object["data"] => Err(Invalid::value(
            "data",
            &object["data"],
            "field is immutable",
        )),
        Some(_) | None => Ok(()),
    }
}

fn containers(object: &Value, pointer: &str, field: &'static str) -> Result<(), Invalid> {
    if items(object, pointer).is_empty() {
        return Err(Invalid::required(field, ""));
    }
    Ok(())
}
