//! Updates of a DaemonSet.

use super::{Scenario, What, When, after_v2, await_before, before_v1, before_v2};

/// Those that do not come to a good end without a change.
pub(super) const FAILING: &[Scenario] = &[
    update!(
        DaemonSet,
        "agent-image-tag-missing",
        "the image's tag was never pushed"
    )
    .fails("ImageNotFound")
    .naming(&["`app`", "/agent:missing`"])
    .shows("not found"),
    update!(
        DaemonSet,
        "agent-image-name-invalid",
        "the image's name has an upper-case letter"
    )
    .fails("InvalidImageName")
    .by_template()
    .naming(&["`app`", "/Agent:v2`"])
    .shows("InvalidImageName"),
    update!(
        DaemonSet,
        "agent-crash-at-start",
        "the program ends with an error right after its start"
    )
    .times_out("CrashAtStart")
    .naming(&["`app`", "exit code 1"])
    .shows("\"exitCode\":1"),
    update!(
        DaemonSet,
        "agent-one-node-crashes",
        "the program ends with an error on one of two nodes"
    )
    .from(yaml!("agent-one-node-crashes", "v1"))
    .times_out("CrashAtStart")
    .naming(&["`app`", "exit code 6"])
    .shows("\"exitCode\":6"),
    update!(
        DaemonSet,
        "agent-init-fails",
        "the init container ends with an error"
    )
    .times_out("CrashAtStart")
    .naming(&["`load-module`", "exit code 1"])
    .shows("\"exitCode\":1"),
    update!(
        DaemonSet,
        "agent-config-key-missing",
        "the ConfigMap lacks the key that the container wants"
    )
    .with(&[before_v1(yaml!("agent-config-key-missing", "before-v1"))])
    .times_out("ConfigKeyMissing")
    .naming(&["`app`", "`endpoint`", "`agent-settings`"])
    .shows("couldn't find key endpoint"),
    update!(
        DaemonSet,
        "agent-pod-security-violated",
        "the namespace no longer lets pods read the node's files"
    )
    .with(&[before_v2(yaml!("agent-pod-security-violated", "before-v2"))])
    .fails("PodSecurityViolated")
    .naming(&["baseline"])
    .shows("violates PodSecurity"),
    update!(
        DaemonSet,
        "agent-quota-exceeded",
        "the quota has no room for the bigger pod"
    )
    .from(yaml!("agent-quota-exceeded", "v1"))
    .with(&[before_v1(yaml!("agent-quota-exceeded", "before-v1"))])
    .fails("QuotaExceeded")
    .naming(&["`memory`", "requests.memory 64Mi requested"])
    .shows("exceeded quota"),
    update!(
        DaemonSet,
        "agent-readiness-never",
        "the readiness probe asks at a port where nobody listens"
    )
    .times_out("ReadinessFailing")
    .naming(&["`app`", "9090"])
    .shows("connection refused"),
    update!(
        DaemonSet,
        "agent-host-port-taken",
        "another pod has the node's port"
    )
    .with(&[before_v1(yaml!("agent-host-port-taken", "before-v1"))])
    .times_out("Unschedulable")
    .naming(&["free ports"])
    .shows("didn't have free ports"),
    update!(
        DaemonSet,
        "agent-on-delete",
        "pods are replaced when somebody deletes them, and nobody does"
    )
    .from(yaml!("agent-on-delete", "v1"))
    .times_out("WaitsForDeletion")
    .naming(&["OnDelete"]),
    update!(
        DaemonSet,
        "agent-lost-node-blocks",
        "one pod may be unavailable, and that is the one on a node that is lost"
    )
    .from(yaml!("agent-lost-node-blocks", "v1"))
    .with(&[
        before_v2(yaml!("agent-lost-node-blocks", "before-v2")),
        await_before(When::BeforeV2, "\"desiredNumberScheduled\":2"),
    ])
    .times_out("NodeNotUpdated")
    .naming(&["lost-"])
    .shows("\"desiredNumberScheduled\":2"),
];

/// Those that complete, whatever they look like at first.
pub(super) const HEALING: &[Scenario] = &[
    update!(
        DaemonSet,
        "agent-slow-start",
        "the start takes 8 s on each of two nodes, one after the other"
    )
    .from(yaml!("agent-slow-start", "v1"))
    .shows("Startup probe failed"),
    update!(
        DaemonSet,
        "agent-config-arrives-late",
        "the ConfigMap that the container wants arrives 5 s after the DaemonSet"
    )
    .with(&[after_v2(
        5,
        What::Objects(yaml!("agent-config-arrives-late", "after")),
    )])
    .shows("configmap \"agent-settings\" not found"),
    update!(
        DaemonSet,
        "agent-old-revision-broken",
        "v1 crashes all the time, v2 repairs it"
    )
    .from(yaml!("agent-old-revision-broken", "v1"))
    .which_is_broken()
    .with(&[await_before(When::BeforeV2, "BackOff")])
    .shows("BackOff"),
    update!(
        DaemonSet,
        "agent-node-lost",
        "one of two nodes is lost, and the other one gets v2"
    )
    .from(yaml!("agent-node-lost", "v1"))
    .with(&[
        before_v2(yaml!("agent-node-lost", "before-v2")),
        await_before(When::BeforeV2, "\"desiredNumberScheduled\":2"),
    ])
    .naming(&["node lost-"])
    .shows("\"desiredNumberScheduled\":2"),
];
