//! The step that one pod waits for.

use std::cmp::Reverse;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, PodCondition};

use super::{Moment, heard, quoted};
use crate::duration::{Human, elapsed};
use crate::finding::{Evidence, EvidenceKind, RollbackHelps, Subject};
use crate::snapshot::{ContainerView, PodView, event_time};
use crate::verdict::{Owner, OwnerKind, RolloutStep, Standstill};

/// A step before it is said of which pod.
struct Waits {
    step: RolloutStep,
    owner: Owner,
    since: Option<Timestamp>,
    message: String,
    heard: Option<Evidence>,
    container: Option<String>,
}

impl Waits {
    fn new(step: RolloutStep, owner: Owner, message: String) -> Self {
        Self {
            step,
            owner,
            since: None,
            message,
            heard: None,
            container: None,
        }
    }

    fn since(mut self, since: Option<Timestamp>) -> Self {
        self.since = since;
        self
    }

    fn heard(mut self, heard: Option<Evidence>) -> Self {
        self.heard = heard;
        self
    }

    fn of_container(mut self, container: &ContainerView<'_>) -> Self {
        self.container = Some(container.name().to_owned());
        self
    }
}

/// Returns the step that a pod which is not ready waits for.
pub(super) fn standstill(pod: &PodView<'_>, moment: &Moment<'_>) -> Standstill {
    let step = scheduled(pod)
        .or_else(|| reported_by_provider(pod))
        .or_else(|| sandbox(pod))
        .or_else(|| init_containers(pod))
        .or_else(|| containers(pod))
        .unwrap_or_else(|| ready(pod));
    let object = Subject {
        container: step.container,
        ..Subject::new("Pod", pod.name())
    };
    Standstill {
        step: step.step,
        object,
        owner: step.owner,
        since: step
            .since
            .or_else(|| pod.created())
            .unwrap_or(moment.started),
        until: None,
        message: step.message,
        heard: step.heard.or_else(|| newest_event(pod)),
        rollback_helps: RollbackHelps::Partly,
    }
}

fn newest_event(pod: &PodView<'_>) -> Option<Evidence> {
    let by_time = |it: &&Event| (event_time(it), Reverse(it.metadata.name.clone()));
    heard(pod.events().max_by_key(by_time)?)
}

fn kubelet(pod: &PodView<'_>) -> Owner {
    Owner::named(OwnerKind::Kubelet, pod.node().unwrap_or("unknown"))
}

fn changed(condition: &PodCondition) -> Option<Timestamp> {
    condition.last_transition_time.as_ref().map(|time| time.0)
}

fn words_of(condition: &PodCondition) -> Option<Evidence> {
    let message = condition.message.as_deref().filter(|it| !it.is_empty())?;
    Some(Evidence::new(EvidenceKind::Condition, message))
}

fn scheduled(pod: &PodView<'_>) -> Option<Waits> {
    if pod.has_node() {
        return None;
    }
    let name = pod.name();
    let scheduler = pod.scheduler();
    let owner = Owner::named(OwnerKind::Scheduler, scheduler);
    let of = |owner, message| Waits::new(RolloutStep::PodScheduled, owner, message);
    if let Some((claim, event)) = pod.awaited_claim() {
        let provisioner = pod.provisioner(event);
        return Some(
            of(
                Owner::named(OwnerKind::Provisioner, provisioner),
                format!("pod `{name}` is not scheduled: provisioner `{provisioner}` has not created a volume for PersistentVolumeClaim `{claim}`"),
            )
            .heard(heard(event)),
        );
    }
    let gates = pod
        .object()
        .spec
        .as_ref()
        .and_then(|it| it.scheduling_gates.as_ref());
    if let Some(gate) = gates.and_then(|it| it.first()) {
        return Some(of(
            Owner::named(OwnerKind::Other, gate.name.as_str()),
            format!(
                "pod `{name}` is not scheduled: its scheduling gate `{}` is closed",
                gate.name
            ),
        ));
    }
    let Some(condition) = pod.condition("PodScheduled") else {
        return Some(of(
            owner,
            format!(
                "pod `{name}` is not scheduled: scheduler `{scheduler}` has not reported on it"
            ),
        ));
    };
    let said = words_of(condition);
    let message = format!("pod `{name}` is not scheduled{}", quoted(said.as_ref()));
    Some(of(owner, message).since(changed(condition)).heard(said))
}

/// Finds a pod that a virtual node reports on: its provider writes the pod's status, and no container
/// shows anything.
fn reported_by_provider(pod: &PodView<'_>) -> Option<Waits> {
    let reason = pod.pending_reason()?;
    let said = pod.message().unwrap_or_default();
    let said = Evidence::new(EvidenceKind::ContainerStatus, format!("{reason}: {said}"));
    let message = format!(
        "the node does not start pod `{}`{}",
        pod.name(),
        quoted(Some(&said))
    );
    Some(Waits::new(RolloutStep::SandboxCreated, kubelet(pod), message).heard(Some(said)))
}

fn sandbox(pod: &PodView<'_>) -> Option<Waits> {
    if pod.is_started() {
        return None;
    }
    // The kubelet reports the condition only with its next sync, and Kubernetes before 1.29 not at all:
    // an image is pulled for a sandbox that exists.
    let made = pod.condition("PodReadyToStartContainers");
    if made.is_some_and(|it| it.status == "True") || pod.has_pulled() {
        return None;
    }
    let scheduled = pod.condition("PodScheduled").and_then(changed);
    let said = newest_event(pod);
    let message = format!(
        "pod `{}` waits for its sandbox, volumes and network on node `{}`{}",
        pod.name(),
        pod.node().unwrap_or("unknown"),
        quoted(said.as_ref())
    );
    let step = Waits::new(RolloutStep::SandboxCreated, kubelet(pod), message);
    Some(step.since(scheduled).heard(said))
}

fn init_containers(pod: &PodView<'_>) -> Option<Waits> {
    let waits = pod.containers().filter(|it| it.init).find(|container| {
        let status = container.status;
        if container.sidecar() {
            status.and_then(|it| it.started) != Some(true)
        } else {
            let state = status.and_then(|it| it.state.as_ref());
            let ended = state.and_then(|it| it.terminated.as_ref());
            ended.is_none_or(|it| it.exit_code != 0)
        }
    })?;
    Some(start_of(&waits, RolloutStep::InitContainersEnded))
}

fn containers(pod: &PodView<'_>) -> Option<Waits> {
    // A hook holds up the containers after its own, which show nothing themselves.
    if let Some((container, since)) = pod.running_hook() {
        let message = format!(
            "{} of pod `{}` waits for its postStart hook, which is still running",
            container.title(),
            pod.name()
        );
        let owner = Owner::named(OwnerKind::Application, container.name());
        let step = Waits::new(RolloutStep::ContainersStarted, owner, message);
        return Some(step.since(Some(since)).of_container(&container));
    }
    let waits = pod.containers().filter(|it| !it.init).find(|container| {
        container.running_since().is_none()
            || container.status.and_then(|it| it.started) == Some(false)
    })?;
    Some(start_of(&waits, RolloutStep::ContainersStarted))
}

/// Says what a container waits for before it has started.
fn start_of(container: &ContainerView<'_>, step: RolloutStep) -> Waits {
    let (title, pod) = (container.title(), container.pod.name());
    let application = || Owner::named(OwnerKind::Application, container.name());
    let status = container.status;
    if let Some(since) = container.running_since() {
        let what = match (
            container.init && !container.sidecar(),
            container.spec.startup_probe.is_some(),
        ) {
            (true, _) => "is still running",
            (false, true) => "runs, and its startup probe has not passed",
            (false, false) => "runs, and the kubelet has not reported its start",
        };
        let message = format!("{title} of pod `{pod}` {what}");
        return Waits::new(step, application(), message)
            .since(Some(since))
            .of_container(container);
    }
    let state = status.and_then(|it| it.state.as_ref());
    if let Some(end) = state.and_then(|it| it.terminated.as_ref()) {
        let message = format!(
            "{title} of pod `{pod}` has ended with exit code {}",
            end.exit_code
        );
        let at = end.finished_at.as_ref().map(|time| time.0);
        return Waits::new(step, application(), message)
            .since(at)
            .of_container(container);
    }
    let waiting = container.waiting();
    let reason = waiting
        .and_then(|it| it.reason.as_deref())
        .unwrap_or("no status yet");
    let said = waiting
        .and_then(|it| it.message.as_deref())
        .filter(|it| !it.is_empty())
        .map(|it| Evidence::new(EvidenceKind::ContainerStatus, it));
    let said = said.or_else(|| newest_event(&container.pod));
    let message = format!(
        "{title} of pod `{pod}` has not started: {reason}{}",
        quoted(said.as_ref())
    );
    Waits::new(step, kubelet(&container.pod), message)
        .heard(said)
        .of_container(container)
}

fn ready(pod: &PodView<'_>) -> Waits {
    let name = pod.name();
    let since = pod.unready_since();
    let unready = pod
        .containers()
        .filter(|it| !it.init || it.sidecar())
        .find(|it| it.status.is_none_or(|status| !status.ready));
    if let Some(container) = unready {
        let why = if container.spec.readiness_probe.is_some() {
            "its readiness probe has not passed"
        } else {
            "the kubelet has not reported it ready"
        };
        let failed = pod
            .events()
            .filter(|it| it.reason.as_deref() == Some("Unhealthy"))
            .max_by_key(|it| event_time(it))
            .and_then(heard);
        let message = format!(
            "{} of pod `{name}` runs, and {why}{}",
            container.title(),
            quoted(failed.as_ref())
        );
        let owner = Owner::named(OwnerKind::Application, container.name());
        return Waits::new(RolloutStep::PodReady, owner, message)
            .since(since)
            .heard(failed)
            .of_container(&container);
    }
    let gates = pod
        .object()
        .spec
        .as_ref()
        .and_then(|it| it.readiness_gates.as_ref());
    let closed = gates.into_iter().flatten().find(|gate| {
        let condition = pod.condition(&gate.condition_type);
        condition.is_none_or(|it| it.status != "True")
    });
    if let Some(gate) = closed {
        let gate = gate.condition_type.as_str();
        let message = format!("pod `{name}` is not ready: its readiness gate `{gate}` is closed");
        let owner = Owner::named(OwnerKind::Other, gate);
        return Waits::new(RolloutStep::PodReady, owner, message).since(since);
    }
    let message = format!(
        "the containers of pod `{name}` are ready, and the pod's condition Ready is not True"
    );
    let said = pod.condition("Ready").and_then(words_of);
    Waits::new(RolloutStep::PodReady, kubelet(pod), message)
        .since(since)
        .heard(said)
}

/// Returns the step of a pod that is being deleted.
pub(super) fn ending(pod: &PodView<'_>, moment: &Moment<'_>) -> Standstill {
    let metadata = &pod.object().metadata;
    let name = pod.name();
    let ends = metadata
        .deletion_timestamp
        .as_ref()
        .map_or(moment.now, |it| it.0);
    let grace = metadata.deletion_grace_period_seconds.unwrap_or_default();
    let finalizers = metadata.finalizers.clone().unwrap_or_default();
    let since = metadata
        .deletion_timestamp
        .as_ref()
        .and_then(|it| {
            it.0.checked_sub(jiff::SignedDuration::from_secs(grace))
                .ok()
        })
        .unwrap_or(moment.now);
    let (owner, message) = if pod.containers_ended() && !finalizers.is_empty() {
        let first = finalizers.first().map(String::as_str).unwrap_or_default();
        let message = format!(
            "pod `{name}` has ended, and its finalizers keep it: {}",
            finalizers.join(", ")
        );
        (Owner::named(OwnerKind::Other, first), message)
    } else if ends > moment.now {
        let message = format!(
            "pod `{name}` is being deleted; its grace period ends in {}",
            Human(elapsed(moment.now, ends))
        );
        (kubelet(pod), message)
    } else {
        let message = format!(
            "pod `{name}` is being deleted; its grace period ended {} ago",
            Human(elapsed(ends, moment.now))
        );
        (kubelet(pod), message)
    };
    Standstill {
        step: RolloutStep::OldPodEnded,
        object: Subject::new("Pod", name),
        owner,
        since,
        until: (ends > moment.now).then_some(ends),
        message,
        heard: newest_event(pod),
        rollback_helps: RollbackHelps::No,
    }
}
