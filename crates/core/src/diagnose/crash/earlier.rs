//! Judges whether terminations from before the session still describe the container.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{PodSpec, Volume};

use crate::diagnose::Case;
use crate::duration::elapsed;
use crate::observation::TOKEN_VOLUME;
use crate::snapshot::ContainerView;

/// The kubelet's longest back-off (`kubelet.go`, `MaxCrashLoopBackOff`).
const LONGEST_BACK_OFF: Duration = Duration::from_secs(300);

/// Returns whether a series of terminations that began before the session goes on: the kubelet backs
/// off after the last one, the next start is still to come, and nothing that the pod reads can have
/// been repaired since.
///
/// A check may be run again because the cause was repaired. A changed template makes new pods, a running
/// instance may be the one that works, and a ConfigMap or Secret may have changed unseen, so that all of
/// these need one more crash. A container that was ready may wait for a dependency.
pub(super) fn goes_on(
    case: &Case<'_>,
    container: &ContainerView<'_>,
    ended: Option<Timestamp>,
) -> bool {
    let waiting = container.waiting().and_then(|it| it.reason.as_deref());
    let backs_off = waiting == Some("CrashLoopBackOff") && container.running_since().is_none();
    let recent = ended.is_some_and(|it| elapsed(it, case.started) <= LONGEST_BACK_OFF);
    let spec = container.pod.object().spec.as_ref();
    backs_off && recent && !container.pod.was_ready() && !spec.is_none_or(reads_configuration)
}

/// Returns whether a pod reads a ConfigMap or a Secret, whose content may change.
fn reads_configuration(spec: &PodSpec) -> bool {
    let init = spec.init_containers.iter().flatten();
    let mut containers = spec.containers.iter().chain(init);
    let by_environment = containers.any(|it| {
        let mut sources = it
            .env
            .iter()
            .flatten()
            .filter_map(|it| it.value_from.as_ref());
        it.env_from.as_ref().is_some_and(|it| !it.is_empty())
            || sources.any(|it| it.config_map_key_ref.is_some() || it.secret_key_ref.is_some())
    });
    by_environment || spec.volumes.iter().flatten().any(is_configuration)
}

fn is_configuration(volume: &Volume) -> bool {
    if volume.name.starts_with(TOKEN_VOLUME) {
        return false;
    }
    let projected = volume.projected.as_ref();
    let mut sources = projected
        .and_then(|it| it.sources.as_ref())
        .into_iter()
        .flatten();
    volume.config_map.is_some()
        || volume.secret.is_some()
        || volume.csi.is_some()
        || sources.any(|it| it.config_map.is_some() || it.secret.is_some())
}
