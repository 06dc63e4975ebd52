//! Reads the error texts of the container runtime: containerd's and CRI-O's, which wrap runc's
//! (`libcontainer/process_linux.go`, `rootfs_linux.go`).

use k8s_openapi::api::core::v1::Container;

use super::{Cause, between, clipped, has_any};
use crate::finding::FindingCode;
use crate::quantity::Quantity;
use crate::snapshot::ContainerView;

/// Below this limit runc itself does not fit into the container's memory (moby/moby#41167).
const LEAST_MEMORY: &str = "6Mi";

/// From this limit on, the runtime's process has room enough: what kills it is the node's own want of
/// memory, which the kernel counts for the container as well (`oom_kill` in `memory.events`).
const AMPLE_MEMORY: &str = "64Mi";

/// Classifies an error that the template, or the template and the image, cause.
pub(super) fn classify(container: &ContainerView<'_>, message: &str) -> Option<Cause> {
    too_little_memory(container, message)
        .or_else(|| misplaced_mount(container, message))
        .or_else(|| profile(container, message))
        .or_else(|| too_long(container, message))
}

/// Returns the part of an error that says what failed: after the last layer that passes it on.
pub(super) fn clause(message: &str) -> String {
    const LAYERS: [&str; 10] = [
        " desc = ",
        "failed to create containerd task: ",
        "failed to create containerd container: ",
        "failed to start containerd task: ",
        "failed to create shim task: ",
        "OCI runtime create failed: ",
        "runc create failed: ",
        "unable to start container process: ",
        "error during container init: ",
        " spec: ",
    ];
    let inner = LAYERS.iter().fold(message, |rest, layer| {
        rest.rsplit_once(layer).map_or(rest, |(_, inner)| inner)
    });
    let inner = inner.trim().trim_end_matches(": unknown");
    clipped(inner, 200)
}

/// Finds a memory limit in which the container's first process does not fit.
fn too_little_memory(container: &ContainerView<'_>, message: &str) -> Option<Cause> {
    const KILLED: &[&str] = &[
        "oom-killed",
        "memory limit too low",
        "unable to set memory limit",
    ];
    // What the kernel does to a runc without memory, in the words of its parent.
    const BROKEN: &[&str] = &[
        "memory.max",
        "memory.limit_in_bytes",
        "signal: killed",
        "init-p: broken pipe",
        "init-p: connection reset",
        "did not terminate successfully",
        "cannot start a stopped process",
        "container init exited",
        "procready",
    ];
    let killed = has_any(message, KILLED).then(|| limit_below(container.spec, AMPLE_MEMORY));
    let broken = has_any(message, BROKEN).then(|| tiny_limit(container.spec));
    let limit = killed.flatten().or_else(|| broken.flatten())?;
    Some(needs_memory(
        &container.title(),
        &format!(" {limit}"),
        limit,
    ))
}

/// Describes a memory limit that is too low to start in, of a container or a pod.
fn needs_memory(title: &str, said: &str, limit: &str) -> Cause {
    let unit = limit.ends_with('m').then_some(limit);
    let unit = unit.map(|it| {
        format!(
            "; `{it}` means thousandths of a byte: `{}Mi` was probably meant",
            it.trim_end_matches('m')
        )
    });
    Cause::new(
        FindingCode::ContainerSpecInvalid,
        format!("{title}: its memory limit{said} is too low to start in"),
        format!(
            "raise limits.memory to what the application needs; no container starts in less than {LEAST_MEMORY}{}",
            unit.unwrap_or_default()
        ),
    )
}

/// Classifies the failure of a pod's sandbox whose containers all have a tiny memory limit: their sum
/// is the limit of the pod, in which the sandbox must fit as well.
pub(super) fn tiny_pod(containers: &[Container], message: &str) -> Option<Cause> {
    const BROKEN: &[&str] = &[
        "oom-killed",
        "memory",
        "signal: killed",
        "init-p",
        "runc",
        "cgroup",
    ];
    let limits: Option<Vec<&str>> = containers.iter().map(tiny_limit).collect();
    let limits = limits.filter(|it| !it.is_empty() && has_any(message, BROKEN))?;
    let first = *limits.first()?;
    let names: Vec<String> = containers
        .iter()
        .map(|it| format!("container `{}`", it.name))
        .collect();
    let said = format!(" {}", limits.join(", "));
    Some(needs_memory(&names.join(", "), &said, first))
}

fn memory_limit(container: &Container) -> Option<&str> {
    let limits = container.resources.as_ref()?.limits.as_ref()?;
    limits.get("memory").map(|it| it.0.as_str())
}

fn tiny_limit(container: &Container) -> Option<&str> {
    limit_below(container, LEAST_MEMORY)
}

fn limit_below<'a>(container: &'a Container, bound: &str) -> Option<&'a str> {
    let limit = memory_limit(container)?;
    (Quantity::parse(limit)? < Quantity::parse(bound)?).then_some(limit)
}

/// Finds a directory that is mounted onto a file, or the reverse (runc, `error mounting … to rootfs
/// at`).
fn misplaced_mount(container: &ContainerView<'_>, message: &str) -> Option<Cause> {
    const CONFLICT: &[&str] = &["not a directory", "is a directory", "file exists"];
    let path = between(message, "to rootfs at \"", "\"").filter(|_| message.contains("mount"))?;
    let (_, why) = message.split_once("to rootfs at")?;
    let mounts = container.spec.volume_mounts.iter().flatten();
    let is_it = |it: &&k8s_openapi::api::core::v1::VolumeMount| {
        it.mount_path.trim_end_matches('/') == path.trim_end_matches('/')
    };
    let mount = mounts.into_iter().find(is_it);
    let volume = mount.map_or_else(
        || "a volume".to_owned(),
        |it| format!("volume `{}`", it.name),
    );
    let title = container.title();
    if has_any(why, &["read-only file system"]) {
        return Some(Cause::new(
            FindingCode::ContainerSpecInvalid,
            format!(
                "{title}: {volume} cannot be mounted at `{path}`, which is in a read-only file system"
            ),
            "mount it elsewhere, or create the path in the image or in the volume above it",
        ));
    }
    if !has_any(why, CONFLICT) {
        return None;
    }
    let by_sub_path = mount.is_some_and(|it| it.sub_path.is_some() || it.sub_path_expr.is_some());
    let (what, remedy) = if by_sub_path {
        (
            "one of the two is a file and the other a directory",
            "let subPath and mountPath both name a file, or both a directory".to_owned(),
        )
    } else {
        (
            "which is a file and not a directory",
            format!(
                "to replace one file, mount a key of the volume there with subPath; else mount {volume} at a directory"
            ),
        )
    };
    Some(Cause::new(
        FindingCode::ContainerSpecInvalid,
        format!("{title}: {volume} cannot be mounted at `{path}`, {what}"),
        remedy,
    ))
}

/// Finds a seccomp or AppArmor profile that the node does not have (containerd
/// `pkg/seccomp`, `container_create_linux.go`).
fn profile(container: &ContainerView<'_>, message: &str) -> Option<Cause> {
    let seccomp = between(message, "seccomp profile \"", "\"");
    let apparmor =
        between(&format!("{message} "), "apparmor profile not found ", " ").map(str::to_owned);
    let (kind, name, add) = match (seccomp, apparmor) {
        (Some(path), _) => {
            // The kubelet looks below its own folder for what the template names.
            let name = path.split_once("/seccomp/").map_or(path, |(_, name)| name);
            (
                "seccomp",
                name.to_owned(),
                "put the file below /var/lib/kubelet/seccomp on every node (a DaemonSet, the Security Profiles Operator)",
            )
        }
        (None, Some(name)) => (
            "AppArmor",
            name,
            "load the profile on every node (apparmor_parser, a DaemonSet)",
        ),
        (None, None) => return None,
    };
    let node = super::image::node_of(container);
    Some(Cause::new(
        FindingCode::ContainerNotCreated,
        format!(
            "{}: {kind} profile `{name}` is not on {node}",
            container.title()
        ),
        format!("{add}, or use profile type RuntimeDefault"),
    ))
}

/// Finds arguments and an environment that the kernel does not take (`execve`, E2BIG).
pub(super) fn too_long(container: &ContainerView<'_>, message: &str) -> Option<Cause> {
    has_any(message, &["argument list too long"]).then(|| {
        Cause::new(
            FindingCode::ContainerSpecInvalid,
            format!(
                "{}: its arguments and environment variables are too long for the kernel (argument list too long)",
                container.title()
            ),
            "a single one may have 128 KiB, all of them together about 2 MiB: mount large ConfigMaps as files instead of env, and set enableServiceLinks: false in a namespace with many Services",
        )
    })
}
