//! Containers that cannot be configured or created.

use super::*;

pub(super) fn rows() -> Vec<Row> {
    let waiting = |message: &str| [pod("a").waiting("CreateContainerConfigError", message)];
    vec![
        row(
            "Secret missing for 30 s",
            &waiting("secret \"db\" not found"),
            30,
            Terminal(ConfigObjectMissing),
        ),
        row(
            "Secret missing for 20 s: the pipeline may create it",
            &waiting("secret \"db\" not found"),
            20,
            Transient(ConfigObjectMissing),
        ),
        row(
            "the kubelet's cache is late: nothing is missing",
            &waiting("failed to sync secret cache: timed out waiting for the condition"),
            60,
            Absent(ConfigObjectMissing),
        ),
        row(
            "ConfigMap lacks a key for 20 s",
            &waiting("couldn't find key URL in ConfigMap shop/web"),
            20,
            Terminal(ConfigKeyMissing),
        ),
        row(
            "ConfigMap lacks a key for 10 s: the kubelet has looked once",
            &waiting("couldn't find key URL in ConfigMap shop/web"),
            10,
            Transient(ConfigKeyMissing),
        ),
        row(
            "root image under runAsNonRoot, 5 s",
            &waiting("container has runAsNonRoot and image will run as root (pod: \"a\")"),
            5,
            Terminal(RunAsNonRootRefused),
        ),
        row(
            "root image under runAsNonRoot, just seen",
            &waiting("container has runAsNonRoot and image will run as root"),
            1,
            Transient(RunAsNonRootRefused),
        ),
        row(
            "runtime cannot create for 2 min",
            &[pod("a").waiting("CreateContainerError", "context deadline exceeded")],
            120,
            Terminal(ContainerNotCreated),
        ),
        row(
            "runtime cannot create for 1 min: overload passes",
            &[pod("a").waiting("CreateContainerError", "name is reserved")],
            60,
            Transient(ContainerNotCreated),
        ),
    ]
}
