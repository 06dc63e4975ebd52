//! The ten practices, one file each.

mod capability;
mod host_access;
mod host_path;
mod privilege;
mod probes;
mod resources;
mod root_filesystem;
mod sysctl;
mod user;

pub(crate) use capability::{BASELINE as BASELINE_CAPABILITIES, normalised, spelling};
pub(crate) use probes::judge as judge_probes;
pub(crate) use sysctl::{is_safe, sysctls_of};

use rollguard_core::prediction::ContainerDefaults;

use crate::finding::Findings;
use crate::level::KubernetesVersion;
use crate::pod::Pod;

/// Applies the ten practices to a pod.
pub(crate) fn judge(
    pod: &Pod<'_>,
    version: KubernetesVersion,
    defaults: Option<&ContainerDefaults>,
    findings: &mut Findings,
) {
    user::judge(pod, findings);
    privilege::judge(pod, findings);
    capability::judge(pod, findings);
    sysctl::judge(pod, version, findings);
    host_path::judge(pod, findings);
    host_access::judge(pod, findings);
    root_filesystem::judge(pod, findings);
    resources::judge(pod, version, defaults, findings);
    probes::judge(pod, findings);
}
