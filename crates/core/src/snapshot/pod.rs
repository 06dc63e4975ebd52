//! A pod of the new revision, with the questions that diagnoses ask of it.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    Container, ContainerStateTerminated, ContainerStateWaiting, ContainerStatus, Event, Pod,
    PodCondition,
};

use crate::duration::elapsed;

use super::{Snapshot, Trouble, event_count, name_of, uid_of};

/// After a run of this length the kubelet forgets earlier crashes.
pub(crate) const BACK_OFF_MEMORY: Duration = Duration::from_secs(600);

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

    /// Whether it has been Ready before and is not now. The kubelet sets `Ready=False` with its
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

    /// `container "app"` or `init container "app"`.
    #[must_use]
    pub fn title(&self) -> String {
        let kind = if self.init {
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
        let status = self.status?;
        let now = status
            .state
            .as_ref()
            .and_then(|state| state.terminated.as_ref());
        now.or_else(|| {
            status
                .last_state
                .as_ref()
                .and_then(|state| state.terminated.as_ref())
        })
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

    /// What is remembered of its failing to start.
    #[must_use]
    pub fn trouble(&self, family: &str) -> Option<&'a Trouble> {
        let known = self
            .pod
            .snapshot
            .troubles
            .get(self.pod.uid(), self.name())?;
        (known.family == family).then_some(known)
    }

    /// How often the kubelet killed it for a probe (`kuberuntime_manager.go`, "Container c failed
    /// liveness probe, will be restarted"), and the newest of those events.
    #[must_use]
    pub fn probe_kills(&self, probe: &str) -> (u32, Option<&'a Event>) {
        let wanted = format!("Container {} failed {probe} probe", self.name());
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
        let count = kills.iter().map(|event| event_count(event)).sum();
        (
            count,
            kills
                .into_iter()
                .max_by_key(|event| super::event_time(event)),
        )
    }
}

/// How long an instance ran. What could not be started never did: its `startedAt` is the epoch.
pub(crate) fn run_of(end: &ContainerStateTerminated) -> Option<Duration> {
    let never_ran = matches!(
        end.reason.as_deref(),
        Some("StartError" | "ContainerCannotRun")
    );
    let (from, to) = (end.started_at.as_ref()?, end.finished_at.as_ref()?);
    (!never_ran).then(|| elapsed(from.0, to.0))
}

fn condition<'a>(pod: &'a Pod, kind: &str) -> Option<&'a PodCondition> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == kind)
}

pub(super) fn ready_since(pod: &Pod) -> Option<Timestamp> {
    let ready = condition(pod, "Ready").filter(|condition| condition.status == "True")?;
    let since = ready.last_transition_time.as_ref().map(|time| time.0);
    since.or_else(|| super::created(&pod.metadata))
}

pub(super) fn statuses(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    let status = pod.status.as_ref();
    let init = status
        .and_then(|it| it.init_container_statuses.as_deref())
        .unwrap_or_default();
    let main = status
        .and_then(|it| it.container_statuses.as_deref())
        .unwrap_or_default();
    init.iter().chain(main)
}

pub(super) fn status<'a>(pod: &'a Pod, container: &str) -> Option<&'a ContainerStatus> {
    statuses(pod).find(|status| status.name == container)
}
