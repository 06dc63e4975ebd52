//! How far a pod has got before its containers show it.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;

use super::{ContainerView, PodView, event_time};

/// The scheduler of a pod whose template names none (`core/v1`, `DefaultSchedulerName`).
pub(crate) const DEFAULT_SCHEDULER: &str = "default-scheduler";

impl<'a> PodView<'a> {
    /// The scheduler that its template names.
    #[must_use]
    pub fn scheduler(&self) -> &'a str {
        let spec = self.pod.spec.as_ref();
        spec.and_then(|it| it.scheduler_name.as_deref())
            .unwrap_or(DEFAULT_SCHEDULER)
    }

    /// Returns whether it has a node: its kubelet reports containers only then.
    #[must_use]
    pub fn has_node(&self) -> bool {
        self.node().is_some() || self.containers().any(|it| it.status.is_some())
    }

    /// Returns whether one of its containers has run.
    #[must_use]
    pub fn is_started(&self) -> bool {
        self.containers().any(|container| {
            let state = container.status.and_then(|it| it.state.as_ref());
            let now = state.is_some_and(|it| it.running.is_some() || it.terminated.is_some());
            now || container.last_end().is_some()
        })
    }

    /// Returns whether all of its containers have ended; true as well of a pod that never got a node.
    #[must_use]
    pub fn containers_ended(&self) -> bool {
        let ended = |container: ContainerView<'_>| {
            let state = container.status.and_then(|it| it.state.as_ref());
            state.is_some_and(|it| it.terminated.is_some())
        };
        self.node().is_none() || super::has_ended(self.pod) || self.containers().all(ended)
    }

    /// Returns whether its node has begun to pull or to create a container, which comes after the
    /// sandbox.
    #[must_use]
    pub fn has_pulled(&self) -> bool {
        let begun = [
            "Pulling", "Pulled", "Created", "Started", "BackOff", "Failed",
        ];
        self.events()
            .filter_map(|event| event.reason.as_deref())
            .any(|it| begun.contains(&it))
    }

    /// Why it has not started, in the one word of its node: the kubelet names none while a pod is
    /// Pending, the provider of a virtual node does (virtual-kubelet, `node/pod.go`).
    #[must_use]
    pub fn pending_reason(&self) -> Option<&'a str> {
        let phase = self.pod.status.as_ref()?.phase.as_deref();
        let reason = self.reason().filter(|it| !it.is_empty());
        reason.filter(|_| phase == Some("Pending") && self.node().is_some())
    }

    /// The container whose postStart hook is running, and since when its process runs.
    ///
    /// The kubelet runs the hook before it reports the container, and before it starts the next one
    /// (`kuberuntime_container.go`, `startContainer`): until then only the event `Started` shows it.
    #[must_use]
    pub fn running_hook(&self) -> Option<(ContainerView<'a>, Timestamp)> {
        self.containers().find_map(|container| {
            let lifecycle = container.spec.lifecycle.as_ref()?;
            lifecycle.post_start.as_ref()?;
            let waiting = container.waiting()?.reason.as_deref();
            if !matches!(waiting, Some("ContainerCreating" | "PodInitializing")) {
                return None;
            }
            let newest = |reason: &str| {
                let path = format!("{{{}}}", container.name());
                let own = container.events().filter(|event: &&Event| {
                    let about = event.involved_object.field_path.as_deref();
                    event.reason.as_deref() == Some(reason)
                        && (about.is_some_and(|it| it.contains(&path)) || self.has_one_container())
                });
                own.filter_map(event_time).max()
            };
            let started = newest("Started")?;
            let over = ["FailedPostStartHook", "Killing"]
                .into_iter()
                .filter_map(newest);
            (!over.into_iter().any(|it| it >= started)).then_some((container, started))
        })
    }

    fn has_one_container(&self) -> bool {
        self.containers().count() == 1
    }

    /// The provisioner that an event `ExternalProvisioning` names (`persistentvolume/pv_controller.go`:
    /// `Waiting for a volume to be created either by the external provisioner '…' or manually …`).
    #[must_use]
    pub fn provisioner<'b>(&self, event: &'b Event) -> &'b str {
        let message = event.message.as_deref().unwrap_or_default();
        let rest = message.split_once("provisioner '");
        let rest = rest.or_else(|| message.split_once("provisioner \""));
        let name = rest.and_then(|(_, rest)| rest.split_once(['\'', '"']));
        name.map_or("unknown", |(name, _)| name)
    }
}
