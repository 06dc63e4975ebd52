//! 1: non-root user.
//!
//! The value of a container wins over that of its pod, field by field (kubelet,
//! `securitycontext.DetermineEffectiveSecurityContext`).

use crate::code::LintCode;
use crate::finding::Findings;
use crate::pod::{Container, Pod, inherited};

const USER: &str = "securityContext.runAsUser";
const NON_ROOT: &str = "securityContext.runAsNonRoot";
const WINDOWS_USER: &str = "securityContext.windowsOptions.runAsUserName";

pub(super) fn judge(pod: &Pod<'_>, findings: &mut Findings) {
    // Root of a user namespace is no one on the node, as Pod Security has it from 1.35.
    if pod.has_user_namespace() {
        return;
    }
    for container in &pod.containers {
        if pod.is_windows() {
            on_windows(pod, container, findings);
        } else {
            on_linux(pod, container, findings);
        }
    }
}

fn on_linux(pod: &Pod<'_>, container: &Container<'_>, findings: &mut Findings) {
    let name = container.name;
    let user = inherited(pod, container, USER);
    let non_root = inherited(pod, container, NON_ROOT);
    match (user.int(), non_root.bool()) {
        (Some(0), _) => {
            let message = format!("container \"{name}\" runs as root: runAsUser is 0");
            findings
                .add(LintCode::RunsAsRoot, &user, message)
                .of_container(name);
        }
        // A user other than 0 is enough: the kubelet starts the process with it.
        (Some(_), _) | (None, Some(true)) => {}
        (None, Some(false)) => {
            let message = format!(
                "container \"{name}\" may run as root: runAsNonRoot is false and no runAsUser is set"
            );
            findings
                .add(LintCode::MayRunAsRoot, &non_root, message)
                .of_container(name);
        }
        (None, None) => {
            let message = format!(
                "container \"{name}\" may run as root: neither runAsNonRoot nor runAsUser is set"
            );
            findings
                .add(LintCode::MayRunAsRoot, &non_root, message)
                .of_container(name);
        }
    }
}

fn on_windows(pod: &Pod<'_>, container: &Container<'_>, findings: &mut Findings) {
    let name = container.name;
    let user = inherited(pod, container, WINDOWS_USER);
    let administrator = |user: &str| {
        let account = user.rsplit('\\').next().unwrap_or(user);
        account.eq_ignore_ascii_case("ContainerAdministrator")
    };
    if user.text().is_some_and(administrator) {
        let message = format!("container \"{name}\" runs as ContainerAdministrator");
        findings
            .add(LintCode::RunsAsRoot, &user, message)
            .of_container(name)
            .fixed_by("set windowsOptions.runAsUserName: ContainerUser");
        return;
    }
    let non_root = inherited(pod, container, NON_ROOT);
    if !user.is_set() && non_root.bool() != Some(true) {
        let message = format!(
            "container \"{name}\" may run as ContainerAdministrator: neither runAsNonRoot nor \
             windowsOptions.runAsUserName is set"
        );
        findings
            .add(LintCode::MayRunAsRoot, &non_root, message)
            .of_container(name)
            .fixed_by("set windowsOptions.runAsUserName: ContainerUser, or runAsNonRoot: true");
    }
}
