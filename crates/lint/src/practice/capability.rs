//! 3: no added capabilities.

use std::borrow::Cow;

use crate::code::LintCode;
use crate::edit::Edit;
use crate::field::FieldRef;
use crate::finding::Findings;
use crate::pod::{Container, Pod};

/// The capabilities that Pod Security `baseline` lets a container add (`check_capabilities_baseline.go`). `NET_RAW` is
/// not among them, though runtimes grant it by default.
pub(crate) const BASELINE: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

const ADD: &str = "securityContext.capabilities.add";
const DROP: &str = "securityContext.capabilities.drop";

/// Returns a capability as Kubernetes writes it: in upper case and without `CAP_`.
pub(crate) fn normalised(name: &str) -> Cow<'_, str> {
    let upper: Cow<'_, str> = if name.bytes().any(|c| c.is_ascii_lowercase()) {
        name.to_ascii_uppercase().into()
    } else {
        name.into()
    };
    match upper.strip_prefix("CAP_") {
        Some(rest) => rest.to_owned().into(),
        None => upper,
    }
}

pub(super) fn judge(pod: &Pod<'_>, findings: &mut Findings) {
    if pod.is_windows {
        return;
    }
    for container in &pod.containers {
        added(container, findings);
        misspelt(container, findings);
    }
}

/// Returns the names in a list of capabilities.
fn names<'d>(container: &Container<'d>, list: &str) -> Vec<&'d str> {
    let items = container.scope.items(list);
    let names = items.iter().map(|it| it.itself().written());
    names.map(Option::unwrap_or_default).collect()
}

fn added(container: &Container<'_>, findings: &mut Findings) {
    let dropped = names(container, DROP);
    let drops_all = dropped.iter().any(|it| normalised(it) == "ALL");
    for item in container.scope.items(ADD) {
        let field = item.itself();
        let written = field.written().unwrap_or_default();
        let capability = normalised(written);
        if capability == "NET_BIND_SERVICE" && drops_all {
            continue;
        }
        let code = if BASELINE.contains(&&*capability) {
            LintCode::AddedCapability
        } else {
            LintCode::DangerousCapability
        };
        let name = container.name;
        let message = format!("container \"{name}\" adds the capability {capability}");
        findings.add(code, &field, message).of_container(name);
    }
}

fn misspelt(container: &Container<'_>, findings: &mut Findings) {
    for item in [ADD, DROP].iter().flat_map(|it| container.scope.items(it)) {
        let field = item.itself();
        let written = field.written().unwrap_or_default();
        if written != normalised(written) {
            spelling(&field, container, findings);
        }
    }
}

/// Adds that a capability is not written as Kubernetes writes it.
pub(crate) fn spelling(
    field: &FieldRef<'_, '_>,
    container: &Container<'_>,
    findings: &mut Findings,
) {
    let written = field.written().unwrap_or_default();
    let capability = normalised(written);
    let name = container.name;
    // containerd writes each name in upper case and puts CAP_ before it, so that it knows none that has CAP_ already
    // (`internal/cri/opts/spec_linux_opts.go` calls `WithAddedCapabilities`).
    let has_prefix = !written.eq_ignore_ascii_case(&capability);
    let (who, edit) = if has_prefix {
        ("Pod Security and containerd do", None)
    } else {
        ("Pod Security does", Edit::scalar(field, &capability))
    };
    let message = format!(
        "container \"{name}\" writes the capability {capability} as \"{written}\", which {who} not recognise"
    );
    findings
        .add(LintCode::CapabilityName, field, message)
        .of_container(name)
        .fixed_by(format!("write {capability}"))
        .with_edit(edit);
}
