//! 1: non-root user.
//!
//! The value of a container wins over that of its pod, field by field (kubelet,
//! `securitycontext.DetermineEffectiveSecurityContext`).

use crate::code::LintCode;
use crate::finding::Findings;
use crate::pod::{Container, Pod, inherited};
use crate::yaml::Value;

const USER: &str = "securityContext.runAsUser";
const NON_ROOT: &str = "securityContext.runAsNonRoot";
const WINDOWS_USER: &str = "securityContext.windowsOptions.runAsUserName";

pub(super) fn judge(pod: &Pod<'_>, findings: &mut Findings) {
    // Root of a user namespace is no one on the node.
    if pod.has_user_namespace {
        return;
    }
    for container in &pod.containers {
        if pod.is_windows {
            on_windows(pod, container, findings);
        } else {
            on_linux(pod, container, findings);
        }
    }
}

fn on_linux(pod: &Pod<'_>, container: &Container<'_>, findings: &mut Findings) {
    let user = inherited(pod, container, USER);
    let non_root = inherited(pod, container, NON_ROOT);
    let owner = non_root.owner();
    let (code, found, message) = match (user.field.int(), non_root.field.bool()) {
        (Some(0), _) => {
            let message = format!("{} runs as root: runAsUser is 0", user.owner());
            (LintCode::RunsAsRoot, &user, message)
        }
        // A user other than 0 is enough: the kubelet starts the process with it.
        (Some(_), _) | (None, Some(true)) => return,
        (None, Some(false)) => {
            let message =
                format!("{owner} may run as root: runAsNonRoot is false and no runAsUser is set");
            (LintCode::MayRunAsRoot, &non_root, message)
        }
        (None, None) if non_root.field.is_set() => {
            let is = non_root.field.value().map_or("null", Value::describe);
            let message =
                format!("{owner} may run as root: runAsNonRoot is {is}, and must be a boolean");
            (LintCode::MayRunAsRoot, &non_root, message)
        }
        (None, None) => {
            let message =
                format!("{owner} may run as root: neither runAsNonRoot nor runAsUser is set");
            (LintCode::MayRunAsRoot, &non_root, message)
        }
    };
    findings
        .add(code, &found.field, message)
        .of(found.container);
}

fn on_windows(pod: &Pod<'_>, container: &Container<'_>, findings: &mut Findings) {
    let user = inherited(pod, container, WINDOWS_USER);
    let administrator = |user: &str| {
        let account = user.rsplit('\\').next().unwrap_or(user);
        account.eq_ignore_ascii_case("ContainerAdministrator")
    };
    if user.field.text().is_some_and(administrator) {
        let message = format!("{} runs as ContainerAdministrator", user.owner());
        findings
            .add(LintCode::RunsAsRoot, &user.field, message)
            .of(user.container)
            .fixed_by("set windowsOptions.runAsUserName: ContainerUser");
        return;
    }
    let non_root = inherited(pod, container, NON_ROOT);
    if !user.field.is_set() && non_root.field.bool() != Some(true) {
        let message = format!(
            "{} may run as ContainerAdministrator: neither runAsNonRoot nor windowsOptions.runAsUserName is set",
            non_root.owner()
        );
        findings
            .add(LintCode::MayRunAsRoot, &non_root.field, message)
            .of(non_root.container)
            .fixed_by("set windowsOptions.runAsUserName: ContainerUser, or runAsNonRoot: true");
    }
}
