//! Container statuses of a pod.

use std::time::Duration;

use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod};

use crate::duration::elapsed;

/// After a run of this length the kubelet forgets earlier crashes.
pub(crate) const BACK_OFF_MEMORY: Duration = Duration::from_secs(600);

/// How long an instance ran. What could not be started never did: its `startedAt` is the epoch.
pub(crate) fn run_of(end: &ContainerStateTerminated) -> Option<Duration> {
    let never_ran = matches!(
        end.reason.as_deref(),
        Some("StartError" | "ContainerCannotRun")
    );
    let (from, to) = (end.started_at.as_ref()?, end.finished_at.as_ref()?);
    (!never_ran).then(|| elapsed(from.0, to.0))
}

/// The present state if that is an end, else the former one.
pub(super) fn last_end(status: &ContainerStatus) -> Option<&ContainerStateTerminated> {
    [&status.state, &status.last_state]
        .into_iter()
        .find_map(|state| state.as_ref()?.terminated.as_ref())
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

/// The status of one container, init containers included.
pub(crate) fn status<'a>(pod: &'a Pod, container: &str) -> Option<&'a ContainerStatus> {
    statuses(pod).find(|status| status.name == container)
}
