//! 4: no kernel parameters.

use crate::code::LintCode;
use crate::finding::Findings;
use crate::level::KubernetesVersion;
use crate::pod::Pod;

/// The safe kernel parameters with the minor version from which they are safe (`check_sysctls.go`; the kubelet's list is
/// the same).
const SAFE: [(&str, u32); 14] = [
    ("kernel.shm_rmid_forced", 0),
    ("net.ipv4.ip_local_port_range", 0),
    ("net.ipv4.tcp_syncookies", 0),
    ("net.ipv4.ping_group_range", 0),
    ("net.ipv4.ip_unprivileged_port_start", 0),
    ("net.ipv4.ip_local_reserved_ports", 27),
    ("net.ipv4.tcp_keepalive_time", 29),
    ("net.ipv4.tcp_fin_timeout", 29),
    ("net.ipv4.tcp_keepalive_intvl", 29),
    ("net.ipv4.tcp_keepalive_probes", 29),
    ("net.ipv4.tcp_rmem", 32),
    ("net.ipv4.tcp_wmem", 32),
    ("net.ipv4.tcp_slow_start_after_idle", 37),
    ("net.ipv4.tcp_notsent_lowat", 37),
];

/// Returns whether a kernel parameter, written with dots, is safe in a version.
pub(crate) fn is_safe(name: &str, version: KubernetesVersion) -> bool {
    let mut safe = SAFE.iter();
    safe.any(|(known, since)| *known == name && version.at_least(*since))
}

pub(super) fn judge(pod: &Pod<'_>, version: KubernetesVersion, findings: &mut Findings) {
    if pod.is_windows() {
        return;
    }
    for item in pod.spec.items("securityContext.sysctls") {
        let spot = item.at("name");
        let written = spot.written().unwrap_or_default();
        // `kubelet/sysctl/util.go`, NormalizeName: the first separator decides.
        let first = written.find(['.', '/']).and_then(|at| written.get(at..=at));
        let slashes = first == Some("/");
        let name = if slashes {
            written.replace('/', ".")
        } else {
            written.to_owned()
        };
        if !is_safe(&name, version) {
            let message = format!(
                "the pod sets the kernel parameter {name}, which is not safe in Kubernetes {version}: the kubelet refuses \
                 the pod unless the node allows it"
            );
            findings.add(LintCode::UnsafeSysctl, &spot, message);
        } else if slashes {
            let message =
                format!("Pod Security does not recognise the kernel parameter \"{written}\"");
            findings
                .add(LintCode::SysctlName, &spot, message)
                .fixed_by(format!("write {name}"));
        }
    }
}
