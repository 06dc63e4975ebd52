//! Label and field selectors as they stand in a request's query.

use rollguard_core::label_selector::{Requirement, split};
use serde_json::Value;

use crate::http::Call;
use crate::object::{labels, text};
use crate::resource::Resource;
use crate::status::ApiFailure;

/// Which objects of a list or a watch are meant.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    labels: Vec<Requirement>,
    fields: Vec<Field>,
}

#[derive(Debug, Clone)]
struct Field {
    path: String,
    equal: bool,
    value: String,
}

impl Filter {
    /// The selectors of a list or a watch.
    pub(crate) fn of(call: &Call) -> Result<Self, ApiFailure> {
        let filter = Self::parse(call.query("labelSelector"), call.query("fieldSelector"))?;
        let Some(resource) = call.resource() else {
            return Ok(filter);
        };
        match filter.fields.iter().find(|it| !known(resource, &it.path)) {
            Some(unknown) => Err(unsupported(resource, &unknown.path)),
            None => Ok(filter),
        }
    }

    /// Reads both selectors; empty texts select everything.
    fn parse(labels: &str, fields: &str) -> Result<Self, ApiFailure> {
        let unparsable = |text: String| ApiFailure::bad_request(text);
        Ok(Self {
            labels: parts(labels)
                .map(|part| {
                    Requirement::parse(part).ok_or_else(|| {
                        unparsable(format!("unable to parse requirement: \"{part}\""))
                    })
                })
                .collect::<Result<_, _>>()?,
            fields: parts(fields)
                .map(|part| {
                    field(part).ok_or_else(|| {
                        unparsable(format!(
                            "invalid selector: '{fields}'; can't understand '{part}'"
                        ))
                    })
                })
                .collect::<Result<_, _>>()?,
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    pub(crate) fn matches(&self, object: &Value) -> bool {
        let labels = labels(object);
        self.labels.iter().all(|it| it.matches(&labels))
            && self.fields.iter().all(|field| {
                let pointer = format!("/{}", field.path.replace('.', "/"));
                let shown = match object.pointer(&pointer) {
                    Some(Value::Bool(it)) => it.to_string(),
                    None if field.path == "spec.unschedulable" => "false".to_owned(),
                    Some(_) | None => text(object, &pointer).to_owned(),
                };
                (shown == field.value) == field.equal
            })
    }
}

/// The parts of a selector; an empty text has none.
fn parts(selector: &str) -> impl Iterator<Item = &str> {
    split(selector).into_iter().filter(|part| !part.is_empty())
}

fn field(part: &str) -> Option<Field> {
    let (path, value, equal) = if let Some((path, value)) = part.split_once("!=") {
        (path, value, false)
    } else {
        let (path, value) = part.split_once("==").or_else(|| part.split_once('='))?;
        (path, value, true)
    };
    Some(Field {
        path: path.trim().to_owned(),
        equal,
        value: value.trim().to_owned(),
    })
}

/// The fields that a resource can be selected by (kubernetes `pkg/apis/core/v1/conversion.go`,
/// `AddFieldLabelConversionsForPod` and its neighbours); all others are refused.
fn known(resource: Resource, path: &str) -> bool {
    if matches!(path, "metadata.name" | "metadata.namespace") {
        return true;
    }
    match resource {
        Resource::Pods => matches!(
            path,
            "spec.nodeName"
                | "spec.restartPolicy"
                | "spec.schedulerName"
                | "spec.serviceAccountName"
                | "status.phase"
                | "status.podIP"
        ),
        Resource::Events => matches!(
            path,
            "involvedObject.kind"
                | "involvedObject.namespace"
                | "involvedObject.name"
                | "involvedObject.uid"
                | "involvedObject.apiVersion"
                | "involvedObject.resourceVersion"
                | "involvedObject.fieldPath"
                | "reason"
                | "reportingComponent"
                | "type"
        ),
        Resource::Namespaces => path == "status.phase",
        Resource::Secrets => path == "type",
        Resource::Nodes => path == "spec.unschedulable",
        Resource::ConfigMaps
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
        | Resource::Deployments
        | Resource::ReplicaSets
        | Resource::StatefulSets
        | Resource::DaemonSets
        | Resource::ControllerRevisions
        | Resource::SelfSubjectAccessReviews
        | Resource::SelfSubjectReviews => false,
    }
}

fn unsupported(resource: Resource, path: &str) -> ApiFailure {
    let converted = matches!(
        resource,
        Resource::Pods
            | Resource::Nodes
            | Resource::Events
            | Resource::Namespaces
            | Resource::Secrets
    );
    ApiFailure::bad_request(if converted {
        format!("field label not supported: {path}")
    } else {
        format!(
            "\"{path}\" is not a known field selector: only \"metadata.name\", \
             \"metadata.namespace\""
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn selectors_choose_as_the_api_server_does() {
        let pod = json!({
            "metadata": {"name": "web-1", "labels": {"app": "web", "version": "v2"}},
            "involvedObject": {"uid": "u1"},
        });
        let rows = [
            ("", "", true),
            ("app=web", "", true),
            ("app==web,version!=v1", "", true),
            ("app in (api, web)", "", true),
            ("app notin (api,web)", "", false),
            ("app", "", true),
            ("!app", "", false),
            ("!canary", "", true),
            ("", "metadata.name=web-1", true),
            ("", "metadata.name!=web-1", false),
            ("app=web", "involvedObject.uid=u2", false),
        ];
        for (labels, fields, expected) in rows {
            let filter = Filter::parse(labels, fields).unwrap();
            assert_eq!(filter.matches(&pod), expected, "{labels} {fields}");
        }
    }

    #[test]
    fn what_is_no_selector_is_a_bad_request() {
        for (labels, fields) in [("app in web", ""), ("=web", ""), ("", "metadata.name")] {
            assert_eq!(Filter::parse(labels, fields).unwrap_err().code(), 400);
        }
    }
}
