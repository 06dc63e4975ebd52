//! Volumes that cannot be mounted.

use super::*;

pub(super) fn rows() -> Vec<Row> {
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
            "volume of a missing ConfigMap, last tried after 15 s: the next try may do",
            &[pod("a").mount_failure(15, "configmap \"web\" not found")],
            30,
            Transient(ConfigObjectMissing),
        ),
        row(
            "volume of a missing ConfigMap, 30 s",
            &[pod("a").mount_failure(31, "configmap \"web\" not found")],
            31,
            Terminal(ConfigObjectMissing),
        ),
        row(
            "volume cannot be attached for 7 min",
            &[pod("a").mount_failure(420, "Multi-Attach error for volume \"pvc-1\"")],
            420,
            Terminal(VolumeNotMounted),
        ),
        row(
            "volume cannot be attached for 3 min: Azure Disk takes its time",
            &[pod("a").event(
                "FailedAttachVolume",
                "Multi-Attach error for volume \"pvc-1\"",
                2,
            )],
            180,
            Transient(VolumeNotMounted),
        ),
    ]
}
