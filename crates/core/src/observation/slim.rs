//! Drops what nothing reads, as soon as an object is decoded: it is most of an object's bytes, and there may be ten
//! thousand pods.

use k8s_openapi::api::apps::v1::{ControllerRevision, ReplicaSet};
use k8s_openapi::api::core::v1::{Container, ContainerStatus, Event, Node, NodeStatus, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::http::DEFAULT_CONTAINER_ANNOTATION;

/// An annotation that repeats the whole object, secrets of the author included.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

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
        if let Some(spec) = &mut self.spec {
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
        }
        if let Some(status) = &mut self.status {
            let init = status.init_container_statuses.iter_mut().flatten();
            let statuses = status.container_statuses.iter_mut().flatten();
            statuses.chain(init).for_each(slim_status);
            status.host_ip = None;
            status.host_ips = None;
            status.qos_class = None;
        }
    }
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
