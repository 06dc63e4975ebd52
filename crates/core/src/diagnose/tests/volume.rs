//! Volumes that cannot be mounted.

use super::*;

pub(super) fn rows() -> Vec<Row> {
    [objects(), disks(), stores()].concat()
}

/// The kubelet went on to the image: what failed before has been repaired.
fn mounted(pod: PodBuilder, second: u64) -> Vec<Observation> {
    pod.later_event(second, "Pulling", "Pulling image")
        .seen(second)
}

fn objects() -> Vec<Row> {
    let missing = |last| pod("a").mount_failure(last, "configmap \"web\" not found");
    let no_key = |last| {
        pod("a").mount_failure(
            last,
            "configmap references non-existent config key: app.yaml",
        )
    };
    vec![
        row(
            "the Secret of a volume arrived and its image is pulled since",
            &[pod("a")
                .event(
                    "FailedMount",
                    "MountVolume.SetUp failed for volume \"s\" : secret \"db\" not found",
                    4,
                )
                .later_event(8, "Pulling", "Pulling image")],
            60,
            Absent(ConfigObjectMissing),
        ),
        row(
            "the kubelet's cache is late: nothing is missing",
            &[pod("a").mount_failure(
                31,
                "failed to sync configmap cache: timed out waiting for the condition",
            )],
            31,
            Absent(ConfigObjectMissing),
        ),
        row(
            "volume of a missing ConfigMap, last tried after 15 s: the next try may do",
            &[missing(15)],
            30,
            Transient(ConfigObjectMissing),
        ),
        row(
            "the storage driver came at 63 s, and only then was the Secret looked for",
            &[pod("a")
                .mount_failure(
                    63,
                    "driver name disk.csi.azure.com not found in the list of registered CSI drivers",
                )
                .later_event(
                    64,
                    "FailedMount",
                    "MountVolume.SetUp failed for volume \"db\" : secret \"db\" not found",
                )],
            64,
            Transient(ConfigObjectMissing),
        )
        .healed_by(90, mounted(pod("a"), 80)),
        row(
            "volume of a missing ConfigMap, 2 min",
            &[missing(127)],
            127,
            Terminal(ConfigObjectMissing),
        )
        .healed_by(140, mounted(missing(127), 140)),
        row(
            "volume of a ConfigMap without the key, 2 min",
            &[no_key(127)],
            127,
            Terminal(ConfigKeyMissing),
        )
        .healed_by(140, mounted(no_key(127), 140)),
    ]
}

fn disks() -> Vec<Row> {
    let attached = "Multi-Attach error for volume \"pvc-1\" Volume is already exclusively attached to one node and can't be attached to another";
    let held = "Multi-Attach error for volume \"pvc-1\" Volume is already used by pod(s) old";
    let multi = || pod("a").event("FailedAttachVolume", held, 1);
    let late = "Unable to attach or mount volumes: unmounted volumes=[data], unattached volumes=[], failed to process volumes=[]: timed out waiting for the condition";
    let going = pod_of("old", "v1").with("/metadata/deletionTimestamp", serde_json::json!(at(30)));
    let unmounted =
        |last| pod("a").mount_failure(last, "rpc error: code = Internal desc = no such device");
    vec![
        row(
            "volume cannot be mounted for 12 min",
            &[unmounted(720)],
            720,
            Terminal(VolumeNotMounted),
        )
        .healed_by(730, mounted(unmounted(720), 730)),
        row(
            "disk still attached elsewhere for 3 min: Azure Disk takes its time",
            &[pod("a").event("FailedAttachVolume", attached, 2)],
            180,
            Transient(VolumeNotMounted),
        ),
        row(
            "disk held by an old pod of the workload that stays, 2 min",
            &[multi(), pod_of("old", "v1").ready(0)],
            120,
            Terminal(VolumeHeldElsewhere),
        )
        .healed_by(130, mounted(multi(), 130)),
        row(
            "disk held by an old pod, and the kubelet gave up waiting",
            &[
                multi().later_event(123, "FailedMount", late),
                pod_of("old", "v1").ready(0),
            ],
            125,
            Terminal(VolumeHeldElsewhere),
        ),
        row(
            "disk held by an old pod of the workload for 1 min",
            &[multi(), pod_of("old", "v1").ready(0)],
            60,
            Transient(VolumeHeldElsewhere),
        ),
        row(
            "disk held by an old pod that ends",
            &[multi(), going],
            300,
            Absent(VolumeHeldElsewhere),
        ),
    ]
}

fn stores() -> Vec<Row> {
    let store = |last, why: &str| {
        let text = format!(
            "rpc error: code = Unknown desc = failed to mount secrets store objects for pod shop/a, err: rpc error: code = Unknown desc = failed to mount objects, error: {why}"
        );
        pod("a").mount_failure(last, &text)
    };
    let forbidden = "failed to get objectType:secret, objectName:db-password, objectVersion:: keyvault.BaseClient#GetSecret: Failure responding to request: StatusCode=403 -- Original Error: Code=\"Forbidden\"";
    let absent = "GET https://shop.vault.azure.net/secrets/db-password/ RESPONSE 404: 404 Not Found ERROR CODE: SecretNotFound";
    let class = "failed to get secretproviderclass shop/vault, error: secretproviderclasses.secrets-store.csi.x-k8s.io \"vault\" not found";
    let token = "failed to acquire token: AADSTS70021: No matching federated identity record found";
    let share = |last, count| {
        let text = "MountVolume.MountDevice failed for volume \"files\" : rpc error: code = Internal desc = mount failed: mount error(13): Permission denied";
        pod("a").event_until(last, ("FailedMount", text), count)
    };
    let rows = [
        ("Key Vault refuses for 10 min", forbidden),
        ("Key Vault lacks the secret for 10 min", absent),
        ("the SecretProviderClass is missing for 10 min", class),
        ("the identity gets no token for 10 min", token),
    ];
    let mut all: Vec<Row> = rows
        .into_iter()
        .map(|(says, why)| {
            row(says, &[store(610, why)], 610, Terminal(SecretStoreFailing))
                .healed_by(620, mounted(store(610, why), 620))
        })
        .collect();
    all.extend([
        row(
            "Key Vault refuses, last tried after 1 min: a role may be on its way",
            &[store(63, forbidden)],
            125,
            Transient(SecretStoreFailing),
        ),
        row(
            "a file share refuses for 1 min",
            &[share(63, 8)],
            63,
            Terminal(FileShareRefused),
        )
        .healed_by(70, mounted(share(63, 8), 70)),
        row(
            "a file share refuses for 15 s",
            &[share(15, 6)],
            15,
            Transient(FileShareRefused),
        ),
    ]);
    all
}
