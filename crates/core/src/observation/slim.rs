//! Drops what nothing reads, as soon as an object is decoded: it is most of an object's bytes, and there may be ten
//! thousand pods.

use k8s_openapi::api::apps::v1::{ControllerRevision, ReplicaSet};
use k8s_openapi::api::core::v1::{
    Container, ContainerStatus, Event, Node, NodeStatus, Pod, PodSpec, PodStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::http::DEFAULT_CONTAINER_ANNOTATION;

/// An annotation that repeats the whole object, secrets of the author included.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// How the names of the volumes begin that the API server adds to every pod, with the token of its ServiceAccount
/// (`plugin/pkg/admission/serviceaccount/admission.go`).
pub(crate) const TOKEN_VOLUME: &str = "kube-api-access-";

/// An object that may be kept without the parts that nothing reads.
pub trait Slim {
    /// Drops the parts that nothing reads.
    fn slim(&mut self);
}

/// A template is kept whole: two of them are compared.
macro_rules! with_a_template {
    ($($kind:ty),+) => { $(impl Slim for $kind {
        fn slim(&mut self) {
            slim_metadata(&mut self.metadata);
        }
    })+ };
}

with_a_template!(
    k8s_openapi::api::apps::v1::Deployment,
    k8s_openapi::api::apps::v1::StatefulSet,
    k8s_openapi::api::apps::v1::DaemonSet,
    k8s_openapi::api::batch::v1::Job,
    ReplicaSet,
    ControllerRevision
);

fn slim_metadata(metadata: &mut ObjectMeta) {
    metadata.managed_fields = None;
    metadata.self_link = None;
    if let Some(annotations) = &mut metadata.annotations {
        annotations.remove(LAST_APPLIED);
    }
}

impl Slim for Pod {
    fn slim(&mut self) {
        slim_metadata(&mut self.metadata);
        if let Some(annotations) = &mut self.metadata.annotations {
            annotations.retain(|name, _| name == DEFAULT_CONTAINER_ANNOTATION);
        }
        let annotations = &mut self.metadata.annotations;
        *annotations = annotations.take().filter(|it| !it.is_empty());
        self.metadata.generate_name = None;
        self.spec.iter_mut().for_each(slim_spec);
        self.status.iter_mut().for_each(slim_pod_status);
        shrink(&mut self.metadata.owner_references);
    }
}

/// A list that was read from JSON has room for more than it holds, often for four times as much.
fn shrink<T>(list: &mut Option<Vec<T>>) {
    list.iter_mut().for_each(Vec::shrink_to_fit);
}

fn slim_spec(spec: &mut PodSpec) {
    let init = spec.init_containers.iter_mut().flatten();
    spec.containers
        .iter_mut()
        .chain(init)
        .for_each(slim_container);
    spec.dns_config = None;
    spec.dns_policy = None;
    spec.host_aliases = None;
    spec.image_pull_secrets = None;
    spec.preemption_policy = None;
    spec.security_context = None;
    spec.service_account = None;
    if let Some(volumes) = &mut spec.volumes {
        volumes.retain(|it| it.projected.is_none() || !it.name.starts_with(TOKEN_VOLUME));
    }
    spec.volumes = spec.volumes.take().filter(|it| !it.is_empty());
    shrink(&mut spec.volumes);
    shrink(&mut spec.tolerations);
}

fn slim_pod_status(status: &mut PodStatus) {
    let init = status.init_container_statuses.iter_mut().flatten();
    let statuses = status.container_statuses.iter_mut().flatten();
    statuses.chain(init).for_each(slim_status);
    status.host_ip = None;
    status.host_ips = None;
    status.qos_class = None;
    shrink(&mut status.conditions);
    shrink(&mut status.container_statuses);
    shrink(&mut status.init_container_statuses);
}

/// Of the variables, only where a value comes from is read.
fn slim_container(container: &mut Container) {
    if let Some(env) = &mut container.env {
        env.retain(|it| it.value_from.is_some());
    }
    container.env = container.env.take().filter(|it| !it.is_empty());
    container.image_pull_policy = None;
    container.resize_policy = None;
    container.security_context = None;
    container.termination_message_path = None;
    container.termination_message_policy = None;
    container.working_dir = None;
    if let Some(resources) = &mut container.resources {
        resources.requests = None;
    }
    shrink(&mut container.volume_mounts);
    shrink(&mut container.ports);
}

fn slim_status(status: &mut ContainerStatus) {
    status.allocated_resources = None;
    status.container_id = None;
    status.resources = None;
    status.user = None;
    status.volume_mounts = None;
}

impl Slim for Event {
    fn slim(&mut self) {
        slim_metadata(&mut self.metadata);
        self.metadata.annotations = None;
        self.metadata.labels = None;
        self.action = None;
        self.related = None;
        self.reporting_instance = None;
        self.involved_object.api_version = None;
        self.involved_object.resource_version = None;
    }
}

impl Slim for Node {
    /// The list of its images alone is longer than all the rest.
    fn slim(&mut self) {
        slim_metadata(&mut self.metadata);
        if let Some(status) = self.status.take() {
            self.status = Some(NodeStatus {
                conditions: status.conditions,
                ..NodeStatus::default()
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POD: &str = r#"{
        "metadata": {"name": "web-1", "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "1"}]},
        "spec": {
            "containers": [{"name": "app", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}],
            "volumes": [
                {"name": "data", "emptyDir": {}},
                {"name": "kube-api-access-x7k2p", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}},
                {"name": "kube-api-access-of-mine", "configMap": {"name": "mine"}}
            ]
        },
        "status": {
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "app", "ready": true, "restartCount": 0, "image": "", "imageID": ""}]
        }
    }"#;

    fn slimmed() -> Pod {
        let mut pod: Pod = serde_json::from_str(POD).unwrap();
        pod.slim();
        pod
    }

    #[test]
    fn the_volume_with_the_token_goes_and_the_pods_own_volumes_stay() {
        let volumes = slimmed().spec.unwrap().volumes.unwrap();
        let names: Vec<&str> = volumes.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["data", "kube-api-access-of-mine"]);
    }

    #[test]
    fn the_lists_of_a_pod_have_no_room_to_spare() {
        let pod = slimmed();
        let (spec, status) = (pod.spec.unwrap(), pod.status.unwrap());
        let room = [
            pod.metadata.owner_references.unwrap().capacity(),
            spec.containers[0]
                .volume_mounts
                .as_ref()
                .unwrap()
                .capacity(),
            status.conditions.unwrap().capacity(),
            status.container_statuses.unwrap().capacity(),
        ];
        assert_eq!(room, [1; 4]);
    }
}
