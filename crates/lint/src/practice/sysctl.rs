//! 4: no kernel parameters.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::code::LintCode;
use crate::edit::Edit;
use crate::field::Scope;
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

/// A kernel parameter that a pod sets.
pub(crate) struct Sysctl<'d> {
    scope: Scope<'d>,
    pub(crate) written: &'d str,
    /// Its name with dots.
    name: Cow<'d, str>,
    /// Whether the pod sets it under its name with dots as well: the API server refuses the same name twice.
    is_repeated: bool,
}

/// Returns the kernel parameters of a pod.
pub(crate) fn sysctls_of<'d>(pod: &Pod<'d>) -> Vec<Sysctl<'d>> {
    let items = pod.spec.items("securityContext.sysctls");
    let name = |it: &Scope<'d>| it.at("name").written().unwrap_or_default();
    let all: HashSet<&str> = items.iter().map(name).collect();
    let sysctl = |scope: Scope<'d>| {
        let written = name(&scope);
        let name = dotted(written);
        let is_repeated = name != written && all.contains(&*name);
        Sysctl {
            scope,
            written,
            name,
            is_repeated,
        }
    };
    items.into_iter().map(sysctl).collect()
}

/// Returns a name with dots (`kubelet/sysctl/util.go`, `NormalizeName`: the first separator decides).
fn dotted(written: &str) -> Cow<'_, str> {
    let first = written.find(['.', '/']).and_then(|at| written.get(at..=at));
    if first == Some("/") {
        written.replace('/', ".").into()
    } else {
        written.into()
    }
}

impl Sysctl<'_> {
    pub(crate) fn judge(&self, version: KubernetesVersion, findings: &mut Findings) {
        let (name, written) = (&self.name, self.written);
        let field = self.scope.at("name");
        if !is_safe(name, version) {
            let message = format!(
                "the pod sets the kernel parameter {name}, which is not safe in Kubernetes {version}: the kubelet refuses \
                 the pod unless the node allows it"
            );
            findings.add(LintCode::UnsafeSysctl, &field, message);
        } else if name != written {
            let message =
                format!("Pod Security does not recognise the kernel parameter \"{written}\"");
            let edit = (!self.is_repeated).then(|| Edit::scalar(&field, name));
            findings
                .add(LintCode::SysctlName, &field, message)
                .fixed_by(format!("write {name}"))
                .with_edit(edit.flatten());
        }
    }
}

pub(super) fn judge(pod: &Pod<'_>, version: KubernetesVersion, findings: &mut Findings) {
    if pod.is_windows {
        return;
    }
    for sysctl in sysctls_of(pod) {
        sysctl.judge(version, findings);
    }
}
