//! Containers that cannot be configured or created.

use super::*;

fn config(message: &str) -> PodBuilder {
    pod("a").waiting("CreateContainerConfigError", message)
}

fn runtime(message: &str) -> PodBuilder {
    pod("a").waiting("CreateContainerError", message)
}

const KEY: &str = "couldn't find key URL in ConfigMap shop/web";
const NO_COMMAND: &str =
    "failed to generate container \"1\" spec: failed to generate spec: no command specified";
const SUB_PATH: &str = "failed to prepare subPath for volumeMount \"data\" of container \"app\"";
const SYNC: &str = "failed to sync secret cache: timed out waiting for the condition";

/// The kubelet's second look, at a second.
fn looked(second: u64) -> PodBuilder {
    config(KEY).later_event(second, "Failed", &format!("Error: {KEY}"))
}

/// The kubelet's own trouble first, then the missing key.
fn key_after_sync(second: u64) -> Row {
    let mut row = row(
        "a key is missing for 10 s, after the kubelet's cache was late for a minute",
        &[config(SYNC)],
        second + 10,
        Transient(ConfigKeyMissing),
    );
    row.observations.extend(config(KEY).seen(second));
    row
}

pub(super) fn rows() -> Vec<Row> {
    [objects(), containers()].into_iter().flatten().collect()
}

fn objects() -> Vec<Row> {
    vec![
        row(
            "Secret missing for 30 s",
            &[config("secret \"db\" not found")],
            30,
            Terminal(ConfigObjectMissing),
        ),
        row(
            "Secret missing for 20 s: the pipeline may create it",
            &[config("secret \"db\" not found")],
            20,
            Transient(ConfigObjectMissing),
        )
        .healed_by(50, well(40)),
        row(
            "the kubelet's cache is late: nothing is missing",
            &[config(SYNC)],
            60,
            Absent(ConfigObjectMissing),
        ),
        row(
            "ConfigMap lacks a key for 20 s",
            &[config(KEY)],
            20,
            Terminal(ConfigKeyMissing),
        ),
        row(
            "ConfigMap lacks a key for 10 s: the kubelet has looked once",
            &[config(KEY)],
            10,
            Transient(ConfigKeyMissing),
        )
        .healed_by(40, well(30)),
        row(
            "ConfigMap lacks a key, and the kubelet has looked again after 13 s",
            &[looked(13)],
            13,
            Terminal(ConfigKeyMissing),
        ),
        row(
            "ConfigMap lacks a key, and the kubelet has looked again at once",
            &[looked(1)],
            15,
            Transient(ConfigKeyMissing),
        ),
        key_after_sync(60),
    ]
}

fn containers() -> Vec<Row> {
    let root = "container has runAsNonRoot and image will run as root (pod: \"a\")";
    let name = "container has runAsNonRoot and image has non-numeric user (app), cannot verify user is non-root";
    let mounted = || {
        config(SUB_PATH).with(
            "/spec/containers/0/volumeMounts",
            json!([{"name": "data", "mountPath": "/data", "subPath": "web/v2"}]),
        )
    };
    let expanded = || {
        config("missing value for TENANT").with(
            "/spec/containers/0/volumeMounts",
            json!([{"name": "data", "mountPath": "/data", "subPathExpr": "$(TENANT)"}]),
        )
    };
    let from_object = || {
        expanded().with(
            "/spec/containers/0/envFrom",
            json!([{"configMapRef": {"name": "tenant"}}]),
        )
    };
    let full = || runtime("mkdir /var/lib/x: no space left on device");
    vec![
        row(
            "root image under runAsNonRoot, 5 s",
            &[config(root)],
            5,
            Terminal(RunAsNonRootRefused),
        ),
        row(
            "an image whose user has a name, 5 s",
            &[config(name)],
            5,
            Terminal(RunAsNonRootRefused),
        ),
        row(
            "runAsUser 0 under runAsNonRoot, 5 s",
            &[config("container's runAsUser breaks non-root policy")],
            5,
            Terminal(RunAsNonRootRefused),
        ),
        row(
            "root image under runAsNonRoot, just seen",
            &[config(root)],
            1,
            Transient(RunAsNonRootRefused),
        )
        .healed_by(
            30,
            pod("b")
                .ready(20)
                .seen(20)
                .into_iter()
                .chain(gone(20, "pod-a"))
                .collect(),
        ),
        row(
            "a subPath that cannot be prepared for 30 s",
            &[mounted()],
            30,
            Terminal(SubPathNotPrepared),
        ),
        row(
            "a subPath that cannot be prepared for 10 s: the share may not be mounted yet",
            &[mounted()],
            10,
            Transient(SubPathNotPrepared),
        )
        .healed_by(40, well(30)),
        row(
            "a subPathExpr that names a variable which the template does not set, 5 s",
            &[expanded()],
            5,
            Terminal(SubPathNotPrepared),
        ),
        row(
            "a subPathExpr that names a variable which a ConfigMap may still set, 20 s",
            &[from_object()],
            20,
            Transient(SubPathNotPrepared),
        )
        .healed_by(40, well(30)),
        row(
            "no command, neither in template nor in image, 5 s",
            &[runtime(NO_COMMAND)],
            5,
            Terminal(ContainerSpecInvalid),
        ),
        row(
            "no command, just seen",
            &[runtime(NO_COMMAND)],
            2,
            Transient(ContainerSpecInvalid),
        )
        .healed_by(
            30,
            pod("b")
                .ready(20)
                .seen(20)
                .into_iter()
                .chain(gone(20, "pod-a"))
                .collect(),
        ),
        row(
            "an overloaded runtime says nothing against the template",
            &[runtime(
                "failed to generate container spec: context deadline exceeded",
            )],
            60,
            Absent(ContainerSpecInvalid),
        ),
        row(
            "runtime cannot create for 2 min",
            &[runtime("context deadline exceeded")],
            120,
            Terminal(ContainerNotCreated),
        ),
        row(
            "runtime cannot create for 1 min: overload passes",
            &[runtime("name is reserved")],
            60,
            Transient(ContainerNotCreated),
        )
        .healed_by(90, well(80)),
        row(
            "the kubelet cannot set processors apart for 2 min",
            &[pod("a").waiting("PreStartHookError", "cpuset is full")],
            120,
            Terminal(ContainerNotCreated),
        ),
        row(
            "the kubelet cannot set memory apart for 1 min",
            &[pod("a").waiting("PreCreateHookError", "no such NUMA node")],
            60,
            Transient(ContainerNotCreated),
        ),
        row(
            "the kubelet has not read its Secrets for 1 min",
            &[config(SYNC)],
            60,
            Transient(ContainerNotCreated),
        ),
        row(
            "the disk is full as the container is created, 3 min",
            &[full()],
            180,
            Terminal(NodeDiskFull),
        ),
    ]
}
