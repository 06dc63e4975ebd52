//! A pod of the new revision, with the questions that diagnoses ask of it.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    Container, ContainerStateTerminated, ContainerStateWaiting, ContainerStatus, Event, Pod,
    PodCondition, Volume,
};

use crate::duration::elapsed;
use crate::workload::TEMPLATE_HASH_LABEL;

use super::container_status::{BACK_OFF_MEMORY, last_end, run_of, status};
use super::{
    Snapshot, StartFailure, StartFailureFamily, Terminations, controller_of, event_count, name_of,
    uid_of,
};

/// Within this time of a pod's start the kubelet has reported its first status. (estimated)
const FIRST_STATUS: Duration = Duration::from_secs(2);

/// A pod of the new revision.
#[derive(Debug, Clone, Copy)]
pub struct PodView<'a> {
    pub(super) pod: &'a Pod,
    pub(super) snapshot: &'a Snapshot,
}

impl<'a> PodView<'a> {
    /// The pod itself.
    #[must_use]
    pub const fn object(&self) -> &'a Pod {
        self.pod
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        name_of(&self.pod.metadata)
    }

    /// Its uid.
    #[must_use]
    pub fn uid(&self) -> &'a str {
        uid_of(&self.pod.metadata)
    }

    /// When it was created.
    #[must_use]
    pub fn created(&self) -> Option<Timestamp> {
        super::created(&self.pod.metadata)
    }

    /// One of its conditions.
    #[must_use]
    pub fn condition(&self, kind: &str) -> Option<&'a PodCondition> {
        condition(self.pod, kind)
    }

    /// Since when it is Ready; `None` when it is not.
    #[must_use]
    pub fn ready_since(&self) -> Option<Timestamp> {
        ready_since(self.pod)
    }

    /// When it was last seen not ready: by our clock, as the node's own may be behind.
    #[must_use]
    pub fn seen_unready(&self) -> Option<Timestamp> {
        self.snapshot.unready_at.get(self.uid()).copied()
    }

    /// All that is known.
    #[must_use]
    pub const fn snapshot(&self) -> &'a Snapshot {
        self.snapshot
    }

    /// Since when it is not Ready; `None` when it is.
    #[must_use]
    pub fn unready_since(&self) -> Option<Timestamp> {
        let ready = self
            .condition("Ready")
            .filter(|condition| condition.status != "True")?;
        ready.last_transition_time.as_ref().map(|time| time.0)
    }

    /// Returns whether it has been Ready before and is not now. The kubelet sets `Ready=False` with its
    /// first status, so a later transition tells of a time between.
    #[must_use]
    pub fn was_ready(&self) -> bool {
        let status = self.pod.status.as_ref();
        let started = status
            .and_then(|status| status.start_time.as_ref())
            .map(|time| time.0);
        let (Some(started), Some(unready)) = (started, self.unready_since()) else {
            return false;
        };
        elapsed(started, unready) > FIRST_STATUS
    }

    /// Events about it.
    pub fn events(&self) -> impl Iterator<Item = &'a Event> + use<'a> {
        let snapshot = self.snapshot;
        snapshot.events_about(uid_of(&self.pod.metadata))
    }

    /// The node it is placed on.
    #[must_use]
    pub fn node(&self) -> Option<&'a str> {
        self.pod.spec.as_ref()?.node_name.as_deref()
    }

    /// Why it ended as a whole, in one word.
    #[must_use]
    pub fn reason(&self) -> Option<&'a str> {
        self.pod.status.as_ref()?.reason.as_deref()
    }

    /// Why it ended as a whole, in the kubelet's words.
    #[must_use]
    pub fn message(&self) -> Option<&'a str> {
        self.pod.status.as_ref()?.message.as_deref()
    }

    /// The names of the PersistentVolumeClaims it uses, those of generic ephemeral volumes included
    /// (`<pod>-<volume>`).
    #[must_use]
    pub fn claims(&self) -> Vec<String> {
        claims_of(self.pod)
    }

    /// Events about one of its claims. Claims are not watched, so they are tied by name; what was
    /// said before the pod was created is left out, as it may be about another claim of that name.
    pub fn claim_events<'b>(
        &self,
        claim: &'b str,
    ) -> impl Iterator<Item = &'a Event> + use<'a, 'b> {
        let created = self.created();
        let all = self.snapshot.events.of_claim(claim);
        all.filter(move |event| super::event_time(event) >= created)
    }

    /// The pods of the same workload, itself included, of whatever revision.
    fn siblings(&self) -> impl Iterator<Item = &'a Pod> + use<'a> {
        let Snapshot {
            pods, replica_sets, ..
        } = self.snapshot;
        let owner = controller_of(&self.pod.metadata);
        let set = owner.and_then(|uid| replica_sets.get(uid));
        let deployment = set.and_then(|set| controller_of(&set.metadata));
        let sets = deployment.into_iter().flat_map(|it| replica_sets.of(it));
        let of_sets = sets.flat_map(|set| pods.of(uid_of(&set.metadata)));
        let own = owner.filter(|_| deployment.is_none());
        own.into_iter()
            .flat_map(|owner| pods.of(owner))
            .chain(of_sets)
    }

    /// Returns whether a pod of the workload with this name is there to stay.
    #[must_use]
    pub fn stays(&self, name: &str) -> bool {
        let mut all = self.siblings();
        all.any(|pod| name_of(&pod.metadata) == name && super::is_active(pod))
    }

    /// How long pods of another revision took to be ready, by the quickest of them: a pod that lost
    /// its readiness and found it again looks slower than it was.
    #[must_use]
    pub fn former_start(&self) -> Option<Duration> {
        let revision = |pod: &'a Pod| {
            let labels = pod.metadata.labels.as_ref()?;
            let label = labels.get(TEMPLATE_HASH_LABEL);
            label.or_else(|| labels.get("controller-revision-hash"))
        };
        let own = revision(self.pod);
        self.siblings()
            .filter(|pod| revision(pod).is_some() && revision(pod) != own)
            .filter_map(|pod| {
                let view = PodView { pod, ..*self };
                Some(elapsed(view.created()?, view.ready_since()?))
            })
            .min()
    }

    /// Its containers: the init containers first, as they run.
    pub fn containers(&self) -> impl Iterator<Item = ContainerView<'a>> + use<'a> {
        let this = *self;
        let spec = this.pod.spec.as_ref();
        let init = spec
            .and_then(|spec| spec.init_containers.as_deref())
            .unwrap_or_default();
        let main = spec
            .map(|spec| spec.containers.as_slice())
            .unwrap_or_default();
        let of = move |container: &'a Container, init| ContainerView {
            pod: this,
            spec: container,
            status: status(this.pod, &container.name),
            init,
        };
        init.iter()
            .map(move |it| of(it, true))
            .chain(main.iter().map(move |it| of(it, false)))
    }
}

/// One container of a pod.
#[derive(Debug, Clone, Copy)]
pub struct ContainerView<'a> {
    /// The pod it is in.
    pub pod: PodView<'a>,
    /// What the template says.
    pub spec: &'a Container,
    /// What the kubelet says, once it has said something.
    pub status: Option<&'a ContainerStatus>,
    /// Whether it is an init container (sidecars included).
    pub init: bool,
}

impl<'a> ContainerView<'a> {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        &self.spec.name
    }

    /// Returns whether it is an init container that keeps running beside the others
    /// (`IsRestartableInitContainer`, kubernetes `pkg/api/v1/pod/util.go`).
    #[must_use]
    pub fn sidecar(&self) -> bool {
        self.init && self.spec.restart_policy.as_deref() == Some("Always")
    }

    /// `container "app"`, `init container "app"` or `sidecar "app"`.
    #[must_use]
    pub fn title(&self) -> String {
        let kind = if self.sidecar() {
            "sidecar"
        } else if self.init {
            "init container"
        } else {
            "container"
        };
        format!("{kind} `{}`", self.name())
    }

    /// The image that the template names.
    #[must_use]
    pub fn image(&self) -> &'a str {
        self.spec.image.as_deref().unwrap_or_default()
    }

    /// Why it waits, if it does.
    #[must_use]
    pub fn waiting(&self) -> Option<&'a ContainerStateWaiting> {
        self.status?.state.as_ref()?.waiting.as_ref()
    }

    /// How its last instance ended: the present state if that is an end, else the former one.
    #[must_use]
    pub fn last_end(&self) -> Option<&'a ContainerStateTerminated> {
        last_end(self.status?)
    }

    /// Since when its present instance runs.
    #[must_use]
    pub fn running_since(&self) -> Option<Timestamp> {
        let running = self.status?.state.as_ref()?.running.as_ref()?;
        running.started_at.as_ref().map(|time| time.0)
    }

    /// How long its former instance ran before it ended, if that was in this series of crashes: the
    /// kubelet forgets earlier ones after a run of 10 minutes (`kuberuntime_manager.go`).
    #[must_use]
    pub fn last_run(&self) -> Option<Duration> {
        // An init container that is done will not fail any more, whatever it did before.
        let ended = self.status?.state.as_ref()?.terminated.as_ref();
        if self.init && !self.sidecar() && ended.is_some_and(|it| it.exit_code == 0) {
            return None;
        }
        let end = self.status?.last_state.as_ref()?.terminated.as_ref()?;
        let finished_init = self.init && end.exit_code == 0;
        run_of(end).filter(|ran| !finished_init && *ran <= BACK_OFF_MEMORY)
    }

    /// How many of its instances have ended since the session first saw it.
    #[must_use]
    pub fn ends_seen(&self) -> u32 {
        let known = self
            .pod
            .snapshot
            .restarts_at_first
            .get(&(self.pod.uid().to_owned(), self.name().to_owned()));
        self.ends()
            .saturating_sub(known.copied().unwrap_or_default())
    }

    /// When the session first saw it ready.
    #[must_use]
    pub fn first_ready(&self) -> Option<Timestamp> {
        let failures = &self.pod.snapshot.start_failures;
        let seen = failures.ready(self.pod.uid(), self.name())?;
        Some(seen.first)
    }

    /// How many of its instances have ended since it was first ready, as far as the session saw it;
    /// `None` for one that never was.
    #[must_use]
    pub fn ends_since_ready(&self) -> Option<u32> {
        let failures = &self.pod.snapshot.start_failures;
        match failures.ready(self.pod.uid(), self.name()) {
            Some(seen) => Some(self.ends().saturating_sub(seen.restarts)),
            // It was ready before the session began.
            None => self.pod.was_ready().then(|| self.ends_seen()),
        }
    }

    /// How many of its instances have ended.
    #[must_use]
    pub fn ends(&self) -> u32 {
        let Some(status) = self.status else { return 0 };
        let ended_now = status
            .state
            .as_ref()
            .is_some_and(|state| state.terminated.is_some());
        let restarts = u32::try_from(status.restart_count).unwrap_or_default();
        // In CrashLoopBackOff the instance has ended, but the count rises with the next start.
        let between = self
            .waiting()
            .is_some_and(|waiting| waiting.reason.as_deref() == Some("CrashLoopBackOff"));
        restarts + u32::from(ended_now || between)
    }

    /// Returns the terminations seen so far.
    #[must_use]
    pub fn terminations(&self) -> Option<&'a Terminations> {
        let failures = &self.pod.snapshot.start_failures;
        failures.terminations(self.pod.uid(), self.name())
    }

    /// The events about it: the field path says which container of the pod one is about.
    pub fn events(&self) -> impl Iterator<Item = &'a Event> + use<'a> {
        let own = format!("{{{}}}", self.name());
        self.pod.events().filter(move |event| {
            let path = event.involved_object.field_path.as_deref();
            path.is_none_or(|path| path.contains(&own))
        })
    }

    /// Returns the start failure, if the container fails at this step.
    #[must_use]
    pub fn start_failure(&self, family: StartFailureFamily) -> Option<&'a StartFailure> {
        let known = self
            .pod
            .snapshot
            .start_failures
            .get(self.pod.uid(), self.name())?;
        (known.family == family).then_some(known)
    }

    /// How often the kubelet killed it for a probe (`kuberuntime_manager.go`, "Container c failed
    /// liveness probe, will be restarted"; `kuberuntime_container.go`, "Init container c failed startup
    /// probe"), and the newest of those events.
    #[must_use]
    pub fn probe_kills(&self, probe: &str) -> (u32, Option<&'a Event>) {
        let kind = if self.init {
            "Init container"
        } else {
            "Container"
        };
        let wanted = format!("{kind} {} failed {probe} probe", self.name());
        let kills: Vec<&Event> = self
            .pod
            .events()
            .filter(|event| event.reason.as_deref() == Some("Killing"))
            .filter(|event| {
                event
                    .message
                    .as_deref()
                    .is_some_and(|text| text.contains(&wanted))
            })
            .collect();
        let counts = kills.iter().map(|event| event_count(event));
        let count = counts.fold(0, u32::saturating_add);
        (
            count,
            kills
                .into_iter()
                .max_by_key(|event| super::event_time(event)),
        )
    }
}

pub(super) fn claims_of(pod: &Pod) -> Vec<String> {
    let spec = pod.spec.as_ref();
    let volumes = spec.and_then(|spec| spec.volumes.as_deref());
    let of = |volume: &Volume| {
        let claim = volume.persistent_volume_claim.as_ref();
        let named = claim.map(|it| it.claim_name.clone());
        let own = || format!("{}-{}", name_of(&pod.metadata), volume.name);
        named.or_else(|| volume.ephemeral.is_some().then(own))
    };
    volumes.unwrap_or_default().iter().filter_map(of).collect()
}

fn condition<'a>(pod: &'a Pod, kind: &str) -> Option<&'a PodCondition> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == kind)
}

pub(crate) fn ready_since(pod: &Pod) -> Option<Timestamp> {
    let ready = condition(pod, "Ready").filter(|condition| condition.status == "True")?;
    let since = ready.last_transition_time.as_ref().map(|time| time.0);
    since.or_else(|| super::created(&pod.metadata))
}

pub(crate) fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|it| it.conditions.as_ref());
    conditions
        .into_iter()
        .flatten()
        .any(|it| it.type_ == "Ready" && it.status == "True")
}
