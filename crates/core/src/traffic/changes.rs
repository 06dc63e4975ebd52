//! Changes of the template that change what others make of its pods.

use k8s_openapi::api::core::v1::{Container, PodTemplateSpec};

use super::objects::Autoscaler;
use super::{Defect, Situation};
use crate::finding::{FindingCode, Subject};

/// Finds HorizontalPodAutoscalers that measure by requests which the new template does not make: one
/// container without them is enough (`podautoscaler/replica_calculator.go`, `calculatePodRequests`).
pub(super) fn autoscaler(situation: &Situation<'_>) -> Vec<Defect> {
    let (Some(autoscalers), Some(former)) = (&situation.objects.autoscalers, situation.former)
    else {
        return Vec::new();
    };
    let ours = autoscalers.iter().filter(|it| {
        let target = &it.spec.scale_target_ref;
        target.kind == situation.kind && target.name == situation.name
    });
    ours.filter_map(|it| {
        let resource = measured(it).find(|resource| {
            lacking(situation.new, resource).is_some() && lacking(former, resource).is_none()
        })?;
        let container = &lacking(situation.new, resource)?.name;
        let name = &it.metadata.name;
        Some(Defect::new(
            FindingCode::AutoscalerCannotAct,
            Subject::new("HorizontalPodAutoscaler", name),
            format!(
                "HorizontalPodAutoscaler `{name}` measures {resource} by the pods' requests, and container `{container}` of the new revision requests none"
            ),
        ))
    })
    .collect()
}

/// The resources that an autoscaler measures by requests.
fn measured(autoscaler: &Autoscaler) -> impl Iterator<Item = &str> {
    let metrics = autoscaler.spec.metrics.iter();
    let resources = metrics.filter_map(|it| it.resource.as_ref());
    let by_requests = resources.filter(|it| it.target.kind == "Utilization");
    by_requests.map(|it| it.name.as_str())
}

/// The first container without a request of a resource; a limit sets the request as well.
fn lacking<'a>(template: &'a PodTemplateSpec, resource: &str) -> Option<&'a Container> {
    let requests = |container: &Container| {
        let resources = container.resources.as_ref();
        let of = |list: Option<&std::collections::BTreeMap<String, _>>| {
            list.is_some_and(|it| it.contains_key(resource))
        };
        resources.is_some_and(|it| of(it.requests.as_ref()) || of(it.limits.as_ref()))
    };
    let mut containers = template.spec.iter().flat_map(|it| &it.containers);
    containers.find(|it| !requests(it))
}

/// Finds a change of how the pods look up names.
pub(super) fn dns(situation: &Situation<'_>) -> Vec<Defect> {
    let (Some(new), Some(former)) = (
        situation.new.spec.as_ref(),
        situation.former.and_then(|it| it.spec.as_ref()),
    ) else {
        return Vec::new();
    };
    let policy = |it: Option<&String>| it.map_or("ClusterFirst", |it| it.as_str()).to_owned();
    let (now, before) = (
        policy(new.dns_policy.as_ref()),
        policy(former.dns_policy.as_ref()),
    );
    let what = if now != before {
        format!("changes dnsPolicy from `{before}` to `{now}`")
    } else if new.dns_config != former.dns_config {
        "changes dnsConfig".to_owned()
    } else {
        return Vec::new();
    };
    vec![Defect::new(
        FindingCode::DnsChanged,
        Subject::new(situation.kind, situation.name),
        format!("the new revision {what}: its pods may look up names of Services differently"),
    )]
}
