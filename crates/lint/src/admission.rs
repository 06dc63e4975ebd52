//! Pod Security admission: the checks of `k8s.io/pod-security-admission`, `policy/check_*.go`, for each version.

mod baseline;
mod profiles;
mod restricted;

use crate::finding::Findings;
use crate::level::{KubernetesVersion, Level};
use crate::pod::Pod;

/// A check of Pod Security admission.
pub(crate) struct Check {
    /// Its name there.
    pub(crate) id: &'static str,
    /// The lowest level that has it.
    pub(crate) level: Level,
    /// The minor version from which it exists.
    pub(crate) since: u32,
    /// The check of `baseline` that it replaces at level `restricted`.
    replaces: Option<&'static str>,
    judge: fn(&Pod<'_>, KubernetesVersion, &mut Findings),
}

/// Every check, in the order of its name within its level.
pub(crate) const CHECKS: &[Check] = &[
    baseline("appArmorProfile", 0, profiles::app_armor),
    baseline("capabilities_baseline", 0, baseline::capabilities),
    baseline("hostNamespaces", 0, baseline::host_namespaces),
    baseline("hostPathVolumes", 0, baseline::host_path_volumes),
    baseline("hostPorts", 0, baseline::host_ports),
    baseline("hostProbesAndHostLifecycle", 34, baseline::probe_hosts),
    baseline("privileged", 0, baseline::privileged),
    baseline("procMount", 0, baseline::proc_mount),
    baseline("seLinuxOptions", 0, profiles::selinux),
    baseline("seccompProfile_baseline", 0, profiles::seccomp_baseline),
    baseline("sysctls", 0, baseline::sysctls),
    baseline("windowsHostProcess", 0, baseline::host_process),
    restricted("allowPrivilegeEscalation", 8, None, restricted::escalation),
    restricted(
        "capabilities_restricted",
        22,
        Some("capabilities_baseline"),
        restricted::capabilities,
    ),
    restricted(
        "procMount_restricted",
        35,
        Some("procMount"),
        restricted::proc_mount,
    ),
    restricted(
        "restrictedVolumes",
        0,
        Some("hostPathVolumes"),
        restricted::volumes,
    ),
    restricted("runAsNonRoot", 0, None, restricted::run_as_non_root),
    restricted("runAsUser", 23, None, restricted::run_as_user),
    restricted(
        "seccompProfile_restricted",
        19,
        Some("seccompProfile_baseline"),
        profiles::seccomp_restricted,
    ),
];

type Judge = fn(&Pod<'_>, KubernetesVersion, &mut Findings);

const fn baseline(id: &'static str, since: u32, judge: Judge) -> Check {
    Check {
        id,
        level: Level::Baseline,
        since,
        replaces: None,
        judge,
    }
}

const fn restricted(
    id: &'static str,
    since: u32,
    replaces: Option<&'static str>,
    judge: Judge,
) -> Check {
    Check {
        id,
        level: Level::Restricted,
        since,
        replaces,
        judge,
    }
}

/// Applies the checks of a level in a version; no findings mean that the pod is admitted.
pub(crate) fn judge(
    pod: &Pod<'_>,
    level: Level,
    version: KubernetesVersion,
    findings: &mut Findings,
) {
    let applies = |check: &&Check| check.level <= level && version.at_least(check.since);
    let checks: Vec<&Check> = CHECKS.iter().filter(applies).collect();
    for check in &checks {
        let replaced = checks.iter().any(|it| it.replaces == Some(check.id));
        if !replaced {
            (check.judge)(pod, version, findings);
        }
    }
}
