//! Writes as the API server handles them: defaults, validation, admission, system fields.

mod events;
mod kubelet;
mod managed;
mod precondition;
mod system;

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::admission::{self, PodRule};
use crate::clock::{Clock, later, seconds};
use crate::event::Recorder;
use crate::fake_kubelet::FakeKubelet;
use crate::fault::FaultTable;
use crate::http::Request;
use crate::log::Logs;
use crate::names::Names;
use crate::object::{being_deleted, int_or, name, prune_nulls, set, text, uid, unset};
use crate::resource::Resource;
use crate::status::{ApiFailure, Invalid};
use crate::store::{Key, Store};
use crate::{defaults, validate};
use precondition::{Preconditions, check_identity, check_preconditions};
use system::{count_generation, keep_system_fields};

pub(crate) use managed::Writer;
pub(crate) use system::TEMPLATE_GENERATION;

/// The whole state of the embedded cluster; guarded by one lock, changed without awaiting.
pub(crate) struct Cluster {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) names: Names,
    pub(crate) logs: Logs,
    pub(crate) recorder: Recorder,
    pub(crate) kubelet: FakeKubelet,
    pub(crate) pod_rules: Vec<PodRule>,
    pub(crate) faults: FaultTable,
    pub(crate) requests: Vec<Request>,
    /// The sandbox was dropped: connections are refused from now on.
    pub(crate) closed: bool,
}

/// Which part of an object a write is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Main,
    Status,
}

/// Where an object is created: a resource, in a namespace if it has any.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Collection<'a> {
    pub(crate) resource: Resource,
    pub(crate) namespace: &'a str,
}

/// The new state of a part of an object.
#[derive(Debug)]
pub(crate) struct Update {
    pub(crate) part: Part,
    pub(crate) object: Value,
}

/// How an object is to be deleted.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Deletion {
    pub(crate) grace_period_seconds: Option<i64>,
    pub(crate) propagation_policy: Option<String>,
    pub(crate) preconditions: Preconditions,
    pub(crate) dry_run: Vec<String>,
}

impl Cluster {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn find(&self, key: &Key) -> Result<Arc<Value>, ApiFailure> {
        self.store
            .get(key)
            .cloned()
            .ok_or_else(|| ApiFailure::not_found(key.resource, &key.name))
    }

    /// Creates an object for a client, or only says what would be created.
    pub(crate) fn create_as(
        &mut self,
        place: Collection<'_>,
        mut object: Value,
        writer: &Writer,
    ) -> Result<Value, ApiFailure> {
        if object.is_object() {
            object["apiVersion"] = json!(place.resource.api_version());
            writer
                .write(Part::Main, self.clock.now())
                .sign(&mut object, None);
        }
        let (key, object) = self.admit(place, object)?;
        Ok(if writer.dry_run {
            object
        } else {
            self.put_new(key, object)
        })
    }

    /// Creates an object for a controller.
    pub(crate) fn create(
        &mut self,
        resource: Resource,
        namespace: &str,
        object: Value,
    ) -> Result<Value, ApiFailure> {
        let place = Collection {
            resource,
            namespace,
        };
        let (key, object) = self.admit(place, object)?;
        Ok(self.put_new(key, object))
    }

    /// Completes a new object, or refuses it.
    fn admit(
        &mut self,
        place: Collection<'_>,
        mut object: Value,
    ) -> Result<(Key, Value), ApiFailure> {
        let Collection {
            resource,
            namespace,
        } = place;
        self.check_place(resource, namespace, &object)?;
        if let Some(failure) = self.faults.creation_failure(resource.plural()) {
            return Err(failure.clone());
        }
        prune_nulls(&mut object);
        if resource.namespaced() {
            object["metadata"]["namespace"] = json!(namespace);
        }
        if resource.has_status() {
            object["status"] = json!({});
        }
        defaults::complete(resource, &mut object);
        validate::decodes(resource, &object)?;
        if resource == Resource::Pods {
            admission::complete_pod(&self.store, &mut object)?;
        }
        self.name(resource, &mut object)?;
        let key = Key::new(resource, namespace, name(&object));
        if self.store.get(&key).is_some() {
            return Err(ApiFailure::already_exists(resource, &key.name));
        }
        self.stamp(resource, &mut object);
        if resource == Resource::Jobs {
            defaults::select_by_uid(&mut object);
        }
        validate::validate(resource, &object, None)?;
        if resource == Resource::Pods {
            admission::admit_pod(&self.store, &self.pod_rules, &object)?;
        }
        Ok((key, object))
    }

    fn put_new(&mut self, key: Key, object: Value) -> Value {
        let resource = key.resource;
        let stored = self.store.put(key, object);
        if resource == Resource::Namespaces {
            self.prepare_namespace(name(&stored));
        }
        (*stored).clone()
    }

    /// Puts an object in the place of the one that is there.
    pub(crate) fn update(
        &mut self,
        key: &Key,
        update: Update,
        writer: &Writer,
    ) -> Result<Value, ApiFailure> {
        let Update { part, mut object } = update;
        let old = self.find(key)?;
        check_identity(key, &old, &object)?;
        prune_nulls(&mut object);
        let mut new = match part {
            Part::Status => {
                let mut new = (*old).clone();
                new["status"] = object["status"].take();
                new
            }
            Part::Main => {
                if key.resource.has_status() {
                    object["status"] = old["status"].clone();
                }
                defaults::complete(key.resource, &mut object);
                object
            }
        };
        keep_system_fields(&mut new, &old);
        prune_nulls(&mut new);
        validate::decodes(key.resource, &new)?;
        validate::validate(key.resource, &new, Some(&old))?;
        // Of Deployments annotations count as well (kubernetes
        // `pkg/registry/apps/deployment/strategy.go`, `PrepareForUpdate`).
        let annotated = part == Part::Main
            && key.resource == Resource::Deployments
            && new["metadata"].get("annotations") != old["metadata"].get("annotations");
        writer
            .write(part, self.clock.now())
            .sign(&mut new, Some(&old));
        count_generation(key.resource, &mut new, &old, annotated);
        if writer.dry_run || new == *old {
            return Ok(new);
        }
        Ok((*self.store.put(key.clone(), new)).clone())
    }

    /// A write by a controller: no checks, no new resourceVersion when nothing changes.
    pub(crate) fn modify(&mut self, key: &Key, change: impl FnOnce(&mut Value)) -> bool {
        let Some(old) = self.store.get(key).cloned() else {
            return false;
        };
        let mut new = (*old).clone();
        change(&mut new);
        prune_nulls(&mut new);
        count_generation(key.resource, &mut new, &old, false);
        if new == *old {
            return false;
        }
        self.store.put(key.clone(), new);
        true
    }

    /// Deletes an object; a pod that runs stays until its containers have stopped.
    pub(crate) fn delete(&mut self, key: &Key, how: &Deletion) -> Result<Value, ApiFailure> {
        let object = self.find(key)?;
        check_preconditions(key, &object, &how.preconditions)?;
        if !how.dry_run.is_empty() {
            return Ok((*object).clone());
        }
        if how.propagation_policy.as_deref() == Some("Orphan") {
            self.orphan(uid(&object));
        }
        match key.resource {
            Resource::Pods => self.delete_pod(key, &object, how.grace_period_seconds),
            Resource::Namespaces => self.delete_namespace(key),
            Resource::Events
            | Resource::ConfigMaps
            | Resource::Secrets
            | Resource::ServiceAccounts
            | Resource::Quotas
            | Resource::LimitRanges
            | Resource::Claims
            | Resource::Nodes
            | Resource::Deployments
            | Resource::ReplicaSets
            | Resource::StatefulSets
            | Resource::DaemonSets
            | Resource::ControllerRevisions
            | Resource::Jobs
            | Resource::Autoscalers
            | Resource::Services
            | Resource::EndpointSlices
            | Resource::Ingresses
            | Resource::HttpRoutes
            | Resource::NetworkPolicies
            | Resource::PriorityClasses
            | Resource::SelfSubjectAccessReviews
            | Resource::SelfSubjectReviews => {
                self.store.remove(key);
            }
        }
        let left = self.store.get(key).cloned().unwrap_or(object);
        Ok((*left).clone())
    }

    fn delete_pod(&mut self, key: &Key, pod: &Value, grace: Option<i64>) {
        let runs = !text(pod, "/spec/nodeName").is_empty()
            && !matches!(text(pod, "/status/phase"), "Failed" | "Succeeded");
        let spec = int_or(pod, "/spec/terminationGracePeriodSeconds", 30);
        let grace = if runs { grace.unwrap_or(spec) } else { 0 };
        let Ok(grace @ 1..) = u64::try_from(grace) else {
            self.store.remove(key);
            return;
        };
        if being_deleted(pod) {
            return;
        }
        let end = later(self.now(), std::time::Duration::from_secs(grace));
        self.modify(key, |pod| {
            set(pod, &["metadata", "deletionTimestamp"], json!(seconds(end)));
            set(
                pod,
                &["metadata", "deletionGracePeriodSeconds"],
                json!(grace),
            );
            let generation = int_or(pod, "/metadata/generation", 1) + 1;
            set(pod, &["metadata", "generation"], json!(generation));
        });
    }

    fn delete_namespace(&mut self, key: &Key) {
        let inside: Vec<Key> = self
            .store
            .all()
            .map(|(inside, _)| inside)
            .filter(|inside| inside.namespace == key.name)
            .cloned()
            .collect();
        for inside in inside {
            self.store.remove(&inside);
        }
        self.store.remove(key);
    }

    /// Cuts the dependents of an owner loose.
    fn orphan(&mut self, owner: &str) {
        for key in self.dependents(owner) {
            self.modify(&key, |object| unset(object, "/metadata", "ownerReferences"));
        }
    }

    /// The objects that name `owner` in their ownerReferences.
    pub(crate) fn dependents(&self, owner: &str) -> Vec<Key> {
        self.store
            .all()
            .filter(|(_, object)| {
                crate::object::items(object, "/metadata/ownerReferences")
                    .iter()
                    .any(|it| it["uid"] == owner)
            })
            .map(|(key, _)| key.clone())
            .collect()
    }

    fn check_place(
        &self,
        resource: Resource,
        namespace: &str,
        object: &Value,
    ) -> Result<(), ApiFailure> {
        if !object.is_object() {
            return Err(ApiFailure::bad_request("the object provided is not one"));
        }
        if !text(object, "/metadata/resourceVersion").is_empty() {
            return Err(ApiFailure::new(
                500,
                "",
                "resourceVersion should not be set on objects to be created",
            ));
        }
        if !resource.namespaced() {
            return Ok(());
        }
        let stated = text(object, "/metadata/namespace");
        if !stated.is_empty() && stated != namespace {
            return Err(ApiFailure::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
        self.find(&Key::new(Resource::Namespaces, "", namespace))
            .map(drop)
    }

    fn name(&mut self, resource: Resource, object: &mut Value) -> Result<(), ApiFailure> {
        if !name(object).is_empty() {
            return Ok(());
        }
        let prefix = text(object, "/metadata/generateName").to_owned();
        if prefix.is_empty() {
            let cause = Invalid::required("metadata.name", "name or generateName is required");
            return Err(ApiFailure::invalid(resource, "", &cause));
        }
        object["metadata"]["name"] = json!(format!("{prefix}{}", self.names.suffix()));
        Ok(())
    }

    /// Fills in what only the server may say.
    fn stamp(&mut self, resource: Resource, object: &mut Value) {
        let uid = self.names.uid();
        let metadata = &mut object["metadata"];
        metadata["uid"] = json!(uid);
        metadata["creationTimestamp"] = json!(seconds(self.clock.now()));
        match resource {
            Resource::Deployments
            | Resource::ReplicaSets
            | Resource::StatefulSets
            | Resource::Jobs
            | Resource::PriorityClasses
            | Resource::Pods => {
                metadata["generation"] = json!(1);
            }
            Resource::DaemonSets => {
                metadata["generation"] = json!(1);
                set(metadata, &["annotations", TEMPLATE_GENERATION], json!("1"));
            }
            Resource::Namespaces => {
                let label = metadata["name"].clone();
                set(metadata, &["labels", "kubernetes.io/metadata.name"], label);
            }
            Resource::Nodes
            | Resource::Events
            | Resource::ConfigMaps
            | Resource::Secrets
            | Resource::ServiceAccounts
            | Resource::Quotas
            | Resource::LimitRanges
            | Resource::Claims
            | Resource::ControllerRevisions
            | Resource::Autoscalers
            | Resource::Services
            | Resource::EndpointSlices
            | Resource::Ingresses
            | Resource::HttpRoutes
            | Resource::NetworkPolicies
            | Resource::SelfSubjectAccessReviews
            | Resource::SelfSubjectReviews => {}
        }
    }

    /// The priority classes of every cluster; their uids are none of those that are handed out.
    pub(crate) fn put_system_priorities(&mut self) {
        for (class, value) in admission::SYSTEM_PRIORITIES {
            let mut object = json!({
                "metadata": {
                    "name": class, "generation": 1, "uid": format!("{value:08x}-0000-4000-a000-000000000000"),
                    "creationTimestamp": seconds(self.clock.now()),
                },
                "value": value,
            });
            defaults::complete(Resource::PriorityClasses, &mut object);
            let key = Key::new(Resource::PriorityClasses, "", class);
            self.store.put(key, object);
        }
    }

    /// Creates what the controllers of a real cluster put into every namespace.
    fn prepare_namespace(&mut self, namespace: &str) {
        let account = json!({"metadata": {"name": "default"}});
        // Cannot fail: the namespace is new and empty.
        let _ = self.create(Resource::ServiceAccounts, namespace, account);
    }
}
