//! Updates of a StatefulSet.

use super::{Scenario, When, await_before, before_v1, before_v2};

/// Those that do not come to a good end without a change.
pub(super) const FAILING: &[Scenario] = &[
    update!(
        StatefulSet,
        "db-image-tag-missing",
        "the image's tag was never pushed, so the last pod does not come back"
    )
    .fails("ImageNotFound")
    .naming(&["`app`", "/app:missing`"])
    .shows("not found"),
    update!(
        StatefulSet,
        "db-crash-at-start",
        "the program ends with an error right after its start"
    )
    .times_out("CrashAtStart")
    .naming(&["`app`", "exit code 1"])
    .shows("\"exitCode\":1"),
    update!(
        StatefulSet,
        "db-first-crashes",
        "all new pods but the first are ready"
    )
    .from(yaml!("db-first-crashes", "v1"))
    .times_out("CrashAtStart")
    .naming(&["`app`", "exit code 1"])
    .shows("\"exitCode\":1"),
    update!(
        StatefulSet,
        "db-partition-fails",
        "the one pod that v2 is tried on does not have the command"
    )
    .fails("CommandNotRunnable")
    .by_template()
    .naming(&["`app`", "`/bin/database`"])
    .shows("/bin/database"),
    update!(
        StatefulSet,
        "db-readiness-never",
        "the readiness probe asks for a page that is not there"
    )
    .times_out("ReadinessFailing")
    .naming(&["`app`", "/healthz", "8080"])
    .shows("Readiness probe failed"),
    update!(
        StatefulSet,
        "db-liveness-kills-start",
        "the liveness probe kills the container long before it has started"
    )
    .fails("LivenessKillsStart")
    .shown_later("the first kill comes after failureThreshold × periodSeconds")
    .naming(&["`app`", "liveness"])
    .shows("failed liveness probe"),
    update!(
        StatefulSet,
        "db-secret-missing",
        "the Secret that the container wants does not exist"
    )
    .times_out("ConfigObjectMissing")
    .naming(&["`app`", "Secret `db-password`"])
    .shows("secret \"db-password\" not found"),
    update!(
        StatefulSet,
        "db-claim-missing",
        "the claim that a volume is made from does not exist"
    )
    .fails("ClaimMissing")
    .naming(&["`db-backup`"])
    .shows("persistentvolumeclaim \"db-backup\" not found"),
    update!(
        StatefulSet,
        "db-claim-unbound",
        "the claim's storage class does not exist"
    )
    .with(&[before_v2(yaml!("db-claim-unbound", "before-v2"))])
    .times_out("ClaimNotProvisioned")
    .shown_later("the storage controller reports a missing class at its next sync")
    .naming(&["`db-backup`"])
    .shows("\"managed-premium\" not found"),
    update!(
        StatefulSet,
        "db-quota-exceeded",
        "the quota has no room for the bigger pod, and the old one is gone"
    )
    .from(yaml!("db-quota-exceeded", "v1"))
    .with(&[before_v1(yaml!("db-quota-exceeded", "before-v1"))])
    .fails("QuotaExceeded")
    .naming(&[
        "`memory`",
        "limits.memory 48Mi requested, 32Mi of 64Mi used",
    ])
    .shows("exceeded quota"),
    update!(
        StatefulSet,
        "db-limit-range-violated",
        "the memory limit is above what the namespace allows"
    )
    .with(&[before_v1(yaml!("db-limit-range-violated", "before-v1"))])
    .fails("LimitRangeViolated")
    .by_template()
    .naming(&["64Mi", "256Mi"])
    .shows("maximum memory usage per Container is 64Mi"),
    update!(
        StatefulSet,
        "db-on-delete",
        "pods are replaced when somebody deletes them, and nobody does"
    )
    .from(yaml!("db-on-delete", "v1"))
    .times_out("WaitsForDeletion")
    .naming(&["OnDelete"]),
    update!(
        StatefulSet,
        "db-broken-stays",
        "v1 crashes all the time, and v2 does not get a pod before v1 is ready"
    )
    .from(yaml!("db-broken-stays", "v1"))
    .which_is_broken()
    .with(&[await_before(When::BeforeV2, "BackOff")])
    .fails("StatefulSetStuck")
    .naming(&["db-0"])
    .shows("BackOff"),
];

/// Those that complete, whatever they look like at first.
pub(super) const HEALING: &[Scenario] = &[
    update!(
        StatefulSet,
        "db-slow-pods",
        "each pod takes 8 s to start, one after the other"
    )
    .shows("Startup probe failed"),
    update!(
        StatefulSet,
        "db-partition",
        "only one of the two pods is to be updated"
    ),
    update!(
        StatefulSet,
        "db-crashes-twice",
        "each pod ends twice while another is away, then stays"
    )
    .from(yaml!("db-crashes-twice", "v1"))
    .shows("BackOff"),
];
