//! The defaults that the API server writes into an object, so that templates compare as they do
//! on a real cluster (kubernetes `pkg/apis/{apps,core}/v1/defaults.go`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rollguard_core::quantity::Quantity;
use serde_json::{Value, json};

use crate::object::{set, text, texts, unset};
use crate::resource::Resource;

/// Completes an object that is about to be stored.
pub(crate) fn complete(resource: Resource, object: &mut Value) {
    object["apiVersion"] = json!(resource.api_version());
    object["kind"] = json!(resource.kind());
    match resource {
        Resource::Deployments => deployment(&mut object["spec"]),
        Resource::ReplicaSets => {
            default(&mut object["spec"], "replicas", json!(1));
            template(&mut object["spec"]["template"]);
        }
        Resource::Pods => {
            pod_spec(&mut object["spec"]);
            containers(&mut object["spec"]).for_each(request_what_is_limited);
        }
        Resource::Namespaces => {
            object["spec"] = json!({"finalizers": ["kubernetes"]});
            object["status"] = json!({"phase": "Active"});
        }
        Resource::StatefulSets => stateful_set(&mut object["spec"]),
        Resource::DaemonSets => daemon_set(&mut object["spec"]),
        Resource::Jobs => job(&mut object["spec"]),
        Resource::Secrets => secret(object),
        Resource::Claims => {
            default(&mut object["spec"], "volumeMode", json!("Filesystem"));
            default(&mut object["status"], "phase", json!("Pending"));
        }
        Resource::PriorityClasses => {
            default(object, "preemptionPolicy", json!("PreemptLowerPriority"));
        }
        Resource::Nodes
        | Resource::ControllerRevisions
        | Resource::Autoscalers
        | Resource::Services
        | Resource::EndpointSlices
        | Resource::Ingresses
        | Resource::HttpRoutes
        | Resource::NetworkPolicies
        | Resource::Events
        | Resource::ConfigMaps
        | Resource::ServiceAccounts
        | Resource::Quotas
        | Resource::LimitRanges
        | Resource::SelfSubjectAccessReviews
        | Resource::SelfSubjectReviews => {}
    }
}

fn default(object: &mut Value, field: &str, value: Value) {
    if let Some(map) = object.as_object_mut()
        && !map.contains_key(field)
    {
        map.insert(field.to_owned(), value);
    }
}

/// Keeps as data what is given as text, which wins over it (kubernetes
/// `pkg/apis/core/v1/conversion.go`, `Convert_v1_Secret_To_core_Secret`).
fn secret(object: &mut Value) {
    default(object, "type", json!("Opaque"));
    for (key, text) in texts(object, "/stringData") {
        set(object, &["data", &key], json!(STANDARD.encode(text)));
    }
    unset(object, "", "stringData");
}

fn deployment(spec: &mut Value) {
    default(spec, "replicas", json!(1));
    default(spec, "revisionHistoryLimit", json!(10));
    default(spec, "progressDeadlineSeconds", json!(600));
    default(spec, "strategy", json!({}));
    default(&mut spec["strategy"], "type", json!("RollingUpdate"));
    if spec["strategy"]["type"] == "RollingUpdate" {
        default(&mut spec["strategy"], "rollingUpdate", json!({}));
        let rolling = &mut spec["strategy"]["rollingUpdate"];
        default(rolling, "maxSurge", json!("25%"));
        default(rolling, "maxUnavailable", json!("25%"));
    }
    template(&mut spec["template"]);
}

/// `completions` has a default only where `parallelism` is not given either (`pkg/apis/batch/v1/defaults.go`).
fn job(spec: &mut Value) {
    if spec.get("parallelism").is_none() {
        default(spec, "completions", json!(1));
    }
    default(spec, "parallelism", json!(1));
    default(spec, "backoffLimit", json!(6));
    default(spec, "completionMode", json!("NonIndexed"));
    default(spec, "suspend", json!(false));
    default(spec, "podReplacementPolicy", json!("TerminatingOrFailed"));
    template(&mut spec["template"]);
}

/// Ties a Job to its pods by its uid (`pkg/registry/batch/job/strategy.go`, `generateSelector`).
pub(crate) fn select_by_uid(job: &mut Value) {
    let uid = text(job, "/metadata/uid").to_owned();
    let name = text(job, "/metadata/name").to_owned();
    let own = json!({"batch.kubernetes.io/controller-uid": uid});
    default(&mut job["spec"], "selector", json!({"matchLabels": own}));
    default(&mut job["spec"]["template"], "metadata", json!({}));
    let metadata = &mut job["spec"]["template"]["metadata"];
    default(metadata, "labels", json!({}));
    default(
        &mut metadata["labels"],
        "batch.kubernetes.io/controller-uid",
        json!(uid),
    );
    default(
        &mut metadata["labels"],
        "batch.kubernetes.io/job-name",
        json!(name),
    );
}

fn stateful_set(spec: &mut Value) {
    default(spec, "podManagementPolicy", json!("OrderedReady"));
    default(spec, "updateStrategy", json!({}));
    let strategy = &mut spec["updateStrategy"];
    if strategy.get("type").is_none() {
        default(strategy, "type", json!("RollingUpdate"));
        default(strategy, "rollingUpdate", json!({}));
    }
    if strategy["type"] == "RollingUpdate"
        && let Some(rolling) = strategy.get_mut("rollingUpdate")
    {
        default(rolling, "partition", json!(0));
    }
    let retention = "persistentVolumeClaimRetentionPolicy";
    default(spec, retention, json!({}));
    default(&mut spec[retention], "whenDeleted", json!("Retain"));
    default(&mut spec[retention], "whenScaled", json!("Retain"));
    default(spec, "replicas", json!(1));
    default(spec, "revisionHistoryLimit", json!(10));
    template(&mut spec["template"]);
}

fn daemon_set(spec: &mut Value) {
    default(spec, "updateStrategy", json!({}));
    default(&mut spec["updateStrategy"], "type", json!("RollingUpdate"));
    if spec["updateStrategy"]["type"] == "RollingUpdate" {
        default(&mut spec["updateStrategy"], "rollingUpdate", json!({}));
        let rolling = &mut spec["updateStrategy"]["rollingUpdate"];
        default(rolling, "maxUnavailable", json!(1));
        default(rolling, "maxSurge", json!(0));
    }
    default(spec, "revisionHistoryLimit", json!(10));
    template(&mut spec["template"]);
}

fn template(template: &mut Value) {
    default(template, "metadata", json!({}));
    if template["spec"].is_object() {
        pod_spec(&mut template["spec"]);
    }
}

fn pod_spec(spec: &mut Value) {
    default(spec, "restartPolicy", json!("Always"));
    default(spec, "terminationGracePeriodSeconds", json!(30));
    default(spec, "dnsPolicy", json!("ClusterFirst"));
    default(spec, "schedulerName", json!("default-scheduler"));
    default(spec, "securityContext", json!({}));
    if let Some(account) = spec.get("serviceAccountName").cloned() {
        default(spec, "serviceAccount", account);
    }
    containers(spec).for_each(complete_container);
}

fn containers(spec: &mut Value) -> impl Iterator<Item = &mut Value> {
    spec.as_object_mut()
        .into_iter()
        .flatten()
        .filter(|(field, _)| matches!(field.as_str(), "initContainers" | "containers"))
        .filter_map(|(_, list)| list.as_array_mut())
        .flatten()
}

/// A request that is not stated is the limit; pods only, not templates (`SetDefaults_Pod`).
fn request_what_is_limited(container: &mut Value) {
    let limits = container["resources"].get("limits").cloned();
    for (resource, limit) in limits
        .as_ref()
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        if container["resources"]["requests"].get(resource).is_none() {
            set(
                container,
                &["resources", "requests", resource],
                limit.clone(),
            );
        }
    }
}

fn complete_container(container: &mut Value) {
    let image = text(container, "/image");
    let tag = image
        .rsplit('/')
        .next()
        .and_then(|last| last.split_once(':'));
    let always = !image.contains('@') && tag.is_none_or(|(_, tag)| tag == "latest");
    let policy = if always { "Always" } else { "IfNotPresent" };
    default(container, "imagePullPolicy", json!(policy));
    default(container, "resources", json!({}));
    for which in ["limits", "requests"] {
        let amounts = container["resources"].get_mut(which);
        for amount in amounts.and_then(Value::as_object_mut).into_iter().flatten() {
            make_canonical(amount.1);
        }
    }
    default(
        container,
        "terminationMessagePath",
        json!("/dev/termination-log"),
    );
    default(container, "terminationMessagePolicy", json!("File"));
    for port in container
        .get_mut("ports")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        default(port, "protocol", json!("TCP"));
    }
    for name in ["startupProbe", "readinessProbe", "livenessProbe"] {
        if let Some(probe) = container.get_mut(name) {
            complete_probe(probe);
        }
    }
}

/// Quantities are stored in one form, so `0.5` and `500m` are the same template.
fn make_canonical(amount: &mut Value) {
    let text = amount
        .as_str()
        .map_or_else(|| amount.to_string(), str::to_owned);
    if let Some(quantity) = Quantity::parse(&text) {
        *amount = json!(quantity.to_string());
    }
}

fn complete_probe(probe: &mut Value) {
    default(probe, "timeoutSeconds", json!(1));
    default(probe, "periodSeconds", json!(10));
    default(probe, "successThreshold", json!(1));
    default(probe, "failureThreshold", json!(3));
    if let Some(http) = probe.get_mut("httpGet") {
        default(http, "path", json!("/"));
        default(http, "scheme", json!("HTTP"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployment_gets_the_servers_defaults_and_keeps_its_own() {
        let mut web = json!({"spec": {"replicas": 3, "template": {"spec": {"containers": [
            {"name": "app", "image": "registry.test:5000/app:v1", "readinessProbe": {"httpGet": {"port": 80}}},
            {"name": "other", "image": "registry.test:5000/other"},
        ]}}}});
        complete(Resource::Deployments, &mut web);
        assert_eq!(web["spec"]["replicas"], 3);
        assert_eq!(web["spec"]["progressDeadlineSeconds"], 600);
        assert_eq!(
            web["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"],
            "25%"
        );
        let containers = &web["spec"]["template"]["spec"]["containers"];
        assert_eq!(containers[0]["imagePullPolicy"], "IfNotPresent");
        assert_eq!(containers[0]["readinessProbe"]["failureThreshold"], 3);
        assert_eq!(containers[1]["imagePullPolicy"], "Always");
    }

    #[test]
    fn completing_twice_changes_nothing() {
        let mut web = json!({"spec": {"template": {"spec": {"containers": [{"name": "app"}]}}}});
        complete(Resource::Deployments, &mut web);
        let once = web.clone();
        complete(Resource::Deployments, &mut web);
        assert_eq!(web, once);
    }
}
