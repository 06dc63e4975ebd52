//! The words of the container runtime, and what they mean.

use super::*;

const CREATE: &str = "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: ";

/// A container that the runtime does not start, with a memory limit and a volume at `/bin/busybox`.
fn started(says: &str, limit: &str) -> PodBuilder {
    pod("a")
        .never_started(3, &format!("{CREATE}{says}: unknown"))
        .with(
            "/spec/containers/0/volumeMounts",
            json!([{"name": "cfg", "mountPath": "/bin/busybox"}]),
        )
        .with(
            "/spec/containers/0/resources",
            json!({"limits": {"memory": limit}}),
        )
        .with("/spec/nodeName", json!("node-1"))
}

fn created(says: &str) -> PodBuilder {
    pod("a")
        .waiting("CreateContainerError", says)
        .with("/spec/nodeName", json!("node-1"))
}

const MOUNT: &str = "error during container init: error mounting \"/var/lib/kubelet/pods/1/volumes/kubernetes.io~configmap/cfg\" to rootfs at \"/bin/busybox\": mount src=/var/lib/kubelet/pods/1/volumes/kubernetes.io~configmap/cfg, dst=/bin/busybox, dstFd=/proc/thread-self/fd/11, flags=MS_BIND|MS_REC: not a directory";
const OOM: &str = "container init was OOM-killed (memory limit too low?)";
const SECCOMP: &str = "failed to create containerd container: cannot load seccomp profile \"/var/lib/kubelet/seccomp/profiles/web.json\": open /var/lib/kubelet/seccomp/profiles/web.json: no such file or directory";
const APPARMOR: &str = "failed to get container spec opts: failed to generate apparmor spec opts: apparmor profile not found web";

pub(super) fn rows() -> Vec<Row> {
    let sandbox = |limit: Option<&str>| {
        let says = "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to start sandbox \"1\": failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: container init was OOM-killed (memory limit too low?): unknown";
        let pod = pod("a").waiting("ContainerCreating", "").event_until(
            10,
            ("FailedCreatePodSandBox", says),
            3,
        );
        match limit {
            Some(limit) => pod.with(
                "/spec/containers/0/resources",
                json!({"limits": {"memory": limit}}),
            ),
            None => pod,
        }
    };
    vec![
        row(
            "a memory limit of 512Ki: the runtime's own process is killed",
            &[started(OOM, "512Ki")],
            30,
            Terminal(ContainerSpecInvalid),
        ),
        row(
            "a limit that is a little above what the runtime uses",
            &[started(OOM, "12Mi")],
            30,
            Terminal(ContainerSpecInvalid),
        ),
        row(
            "the runtime's own process is killed within an ample limit: the node has no memory",
            &[started(OOM, "512Mi")],
            30,
            Transient(ContainerNotCreated),
        )
        .healed_by(60, pod("a").ready(50).seen(60)),
        row(
            "a memory limit of 128m, which is less than a byte",
            &[started(
                "failed to write 1: write memory.max: device or resource busy",
                "128m",
            )],
            30,
            Terminal(ContainerSpecInvalid),
        ),
        row(
            "a memory limit below what the runtime's own process uses",
            &[started(
                "error setting cgroup config for procHooks process: unable to set memory limit to 524288 (current usage: 2408448, peak usage: 2519040)",
                "512Ki",
            )],
            30,
            Terminal(ContainerSpecInvalid),
        ),
        row(
            "another setting of the control group fails: the node's matter",
            &[started(
                "error setting cgroup config for procHooks process: unable to set pids limit",
                "64Mi",
            )],
            30,
            Transient(ContainerNotCreated),
        ),
        row(
            "a tiny memory limit that kills the sandbox of the pod",
            &[sandbox(Some("512Ki"))],
            30,
            Terminal(ContainerSpecInvalid),
        ),
        row(
            "a sandbox that fails without a memory limit is the node's matter",
            &[sandbox(None)],
            30,
            Transient(SandboxNotCreated),
        ),
        row(
            "a broken pipe with an ordinary limit is the node's matter",
            &[started("write init-p: broken pipe", "128Mi")],
            30,
            Transient(ContainerNotCreated),
        ),
        row(
            "a volume mounted onto a file of the image",
            &[started(MOUNT, "64Mi")],
            30,
            Terminal(ContainerSpecInvalid),
        )
        .healed_by(31, well(31)),
        row(
            "a script whose interpreter is a folder, which no mount explains",
            &[started("exec: \"/app\": not a directory", "64Mi")],
            30,
            Terminal(CommandNotRunnable),
        ),
        row(
            "arguments that are too long",
            &[started("exec /bin/sh: argument list too long", "64Mi")],
            30,
            Terminal(ContainerSpecInvalid),
        ),
        row(
            "a seccomp profile that the node lacks, for 2 min",
            &[created(SECCOMP)],
            120,
            Terminal(ContainerNotCreated),
        ),
        row(
            "a seccomp profile that may be on its way to the node",
            &[created(SECCOMP)],
            10,
            Transient(ContainerNotCreated),
        ),
        row(
            "an AppArmor profile that the node lacks, for 2 min",
            &[created(APPARMOR)],
            120,
            Terminal(ContainerNotCreated),
        ),
        row(
            "other words of the runtime",
            &[created(
                "failed to create containerd task: failed to create shim task: context deadline exceeded: unknown",
            )],
            120,
            Terminal(ContainerNotCreated),
        ),
    ]
}

#[test]
fn the_sentence_holds_the_deciding_words() {
    let rows = [
        (
            "the limit",
            started(OOM, "512Ki"),
            "its memory limit 512Ki is too low to start in",
        ),
        (
            "the limit of the sandbox",
            pod("a")
                .waiting("ContainerCreating", "")
                .event("FailedCreatePodSandBox", OOM, 3)
                .with(
                    "/spec/containers/0/resources",
                    json!({"limits": {"memory": "1Mi"}}),
                ),
            "its memory limit 1Mi is too low to start in",
        ),
        (
            "the volume and the path",
            started(MOUNT, "64Mi"),
            "volume `cfg` cannot be mounted at `/bin/busybox`, which is a file and not a directory",
        ),
        (
            "the profile and the node",
            created(SECCOMP),
            "seccomp profile `profiles/web.json` is not on node `node-1`",
        ),
        (
            "the other profile",
            created(APPARMOR),
            "AppArmor profile `web` is not on node `node-1`",
        ),
        (
            "words that nobody knows",
            created(
                "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: error setting rlimit type 7: operation not permitted: unknown",
            ),
            "by the container runtime of node `node-1`: error setting rlimit type 7: operation not permitted",
        ),
    ];
    for (says, pod, words) in rows {
        let found = findings(&row("", &[pod], 30, Absent(Paused)));
        let first = found
            .first()
            .map(|it| it.message.clone())
            .unwrap_or_default();
        assert!(first.contains(words), "{says}: {first}");
    }
}
