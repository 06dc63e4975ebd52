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

/// A Secret is missing, and the lookup found objects that may write it.
fn promised(says: &'static str, found: &[(&str, bool)], judged: (u64, Expect)) -> Row {
    let missing = config("secret \"db\" not found");
    let mut row = row(says, &[missing], judged.0, judged.1);
    let promises = found.iter().map(|(by, read)| Promise {
        by: (*by).to_owned(),
        read: *read,
        since: None,
    });
    let seen = Seen::LookedUp {
        lookup: Lookup::Secret { name: "db".into() },
        promises: promises.collect(),
    };
    row.observations.push(Observation::new(at(1), seen));
    row
}

/// An object is missing, and a Job runs that began so many seconds before the check.
fn beside_a_job(
    says: &'static str,
    missing: &str,
    (lookup, began): (Lookup, i64),
    judged: (u64, Expect),
) -> Row {
    let mut row = row(says, &[config(missing)], judged.0, judged.1);
    let job = Promise {
        since: Some(at(0) - jiff::SignedDuration::from_secs(began)),
        ..Promise::read("Job `certs`".to_owned())
    };
    let seen = Seen::LookedUp {
        lookup,
        promises: vec![job],
    };
    row.observations.push(Observation::new(at(1), seen));
    row
}

/// A Secret is missing, and a Job that may create it was last seen to run at 126 s.
fn after_a_job(says: &'static str, judged: (u64, Expect)) -> Row {
    let lookup = Lookup::Secret { name: "db".into() };
    let missing = "secret \"db\" not found";
    let mut row = beside_a_job(says, missing, (lookup.clone(), 20), judged);
    let job = Promise {
        since: Some(at(0)),
        ..Promise::read("Job `certs`".to_owned())
    };
    for (second, promises) in [(126, vec![job]), (131, Vec::new())] {
        let lookup = lookup.clone();
        let seen = Seen::LookedUp { lookup, promises };
        row.observations.push(Observation::new(at(second), seen));
    }
    row
}

fn jobs() -> Vec<Row> {
    const SECRET: &str = "secret \"db\" not found";
    let secret = || Lookup::Secret { name: "db".into() };
    let map = |name: &str| Lookup::ConfigMap { name: name.into() };
    vec![
        beside_a_job(
            "Secret missing for 8 min, and a Job of the same release runs",
            SECRET,
            (secret(), 20),
            (480, Transient(ConfigObjectMissing)),
        )
        .healed_by(500, well(480)),
        after_a_job(
            "the Job that may have created the Secret has just ended: the kubelet tries again",
            (145, Transient(ConfigObjectMissing)),
        )
        .healed_by(150, well(148)),
        after_a_job(
            "the Job ended without the Secret, and the kubelet has tried since",
            (165, Terminal(ConfigObjectMissing)),
        ),
        beside_a_job(
            "Secret missing for 2 min, and a Job runs that began an hour ago",
            SECRET,
            (secret(), 3600),
            (120, Terminal(ConfigObjectMissing)),
        ),
        beside_a_job(
            "ConfigMap missing for 8 min, and a Job of the same release runs",
            "configmap \"web\" not found",
            (map("web"), 20),
            (480, Transient(ConfigObjectMissing)),
        ),
        beside_a_job(
            "ConfigMap lacks a key for 8 min, and a Job of the same release runs",
            KEY,
            (map("web"), 20),
            (480, Transient(ConfigKeyMissing)),
        ),
        beside_a_job(
            "ConfigMap missing for 2 min, and the Job was seen for another one",
            "configmap \"web\" not found",
            (map("other"), 20),
            (120, Terminal(ConfigObjectMissing)),
        ),
    ]
}

/// The kubelet's own trouble first, then the missing key.
fn key_after_sync(second: u64) -> Row {
    let mut row = row(
        "a key is missing for 90 s, after the kubelet's cache was late for a minute",
        &[config(SYNC)],
        second + 90,
        Transient(ConfigKeyMissing),
    );
    row.observations.extend(config(KEY).seen(second));
    row
}

pub(super) fn rows() -> Vec<Row> {
    [objects(), jobs(), containers()]
        .into_iter()
        .flatten()
        .collect()
}

fn objects() -> Vec<Row> {
    vec![
        row(
            "Secret missing for 2 min",
            &[config("secret \"db\" not found")],
            120,
            Terminal(ConfigObjectMissing),
        ),
        row(
            "Secret missing for 96 s: cert-manager took a minute",
            &[config("secret \"db\" not found")],
            96,
            Transient(ConfigObjectMissing),
        )
        .healed_by(130, well(96)),
        row(
            "the kubelet's cache is late: nothing is missing",
            &[config(SYNC)],
            60,
            Absent(ConfigObjectMissing),
        ),
        row(
            "ConfigMap lacks a key for 2 min",
            &[config(KEY)],
            120,
            Terminal(ConfigKeyMissing),
        ),
        row(
            "ConfigMap lacks a key for 96 s: an operator may add it",
            &[config(KEY)],
            96,
            Transient(ConfigKeyMissing),
        )
        .healed_by(130, well(96)),
        key_after_sync(60),
        promised(
            "Secret missing for 8 min, and a Certificate names it",
            &[("Certificate `web`", true)],
            (480, Transient(ConfigObjectMissing)),
        )
        .healed_by(500, well(480)),
        promised(
            "Secret missing for 10 min, and a Certificate names it",
            &[("Certificate `web`", true)],
            (600, Terminal(ConfigObjectMissing)),
        ),
        promised(
            "Secret missing for 8 min, and objects that may name it cannot be read",
            &[("external-secrets.io", false)],
            (480, Transient(ConfigObjectMissing)),
        ),
        promised(
            "Secret missing for 2 min, and nothing names it",
            &[],
            (120, Terminal(ConfigObjectMissing)),
        ),
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
