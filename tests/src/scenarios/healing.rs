//! Updates of a Deployment that look as if they failed, and then complete: each is a near miss of a
//! failing one.

use super::{Scenario, What, When, after_v2, await_before, before_v1, before_v2};

/// To call one of these failed is a false alarm.
pub(super) const HEALING: &[Scenario] = &[
    update!(
        Deployment,
        "slow-start",
        "the start takes 8 s, which the startup probe allows"
    )
    .shows("Startup probe failed"),
    update!(
        Deployment,
        "readiness-exec-late",
        "the file that the readiness probe looks for is written after 8 s"
    )
    .shows("Readiness probe failed"),
    update!(
        Deployment,
        "readiness-tcp-late",
        "the port to which the readiness probe connects opens after 8 s"
    )
    .shows("Readiness probe failed"),
    update!(
        Deployment,
        "crashes-twice",
        "the program ends twice while its broker is away, then stays"
    )
    .shows("BackOff"),
    update!(
        Deployment,
        "secret-arrives-late",
        "the Secret that the container wants arrives 5 s after the Deployment"
    )
    .with(&[after_v2(
        5,
        What::Objects(yaml!("secret-arrives-late", "after")),
    )])
    .shows("secret \"web-token\" not found"),
    update!(
        Deployment,
        "volume-source-arrives-late",
        "the ConfigMap that a volume is made from arrives 5 s after the Deployment"
    )
    .with(&[after_v2(
        5,
        What::Objects(yaml!("volume-source-arrives-late", "after")),
    )])
    .shows("configmap \"web-pages\" not found"),
    update!(
        Deployment,
        "service-account-arrives-late",
        "the pod's ServiceAccount arrives 3 s after the Deployment"
    )
    .with(&[after_v2(
        3,
        What::Objects(yaml!("service-account-arrives-late", "after")),
    )])
    .shows("error looking up service account"),
    update!(
        Deployment,
        "registry-comes-back",
        "the registry is down for 8 s"
    )
    .with(&[after_v2(8, What::WakeRegistry)])
    .shows("connection refused"),
    update!(
        Deployment,
        "tag-pushed-late",
        "the image's tag is pushed 6 s after the Deployment"
    )
    .with(&[after_v2(6, What::PushLateTag)])
    .shows("not found"),
    update!(
        Deployment,
        "quota-frees-itself",
        "the quota has room once the first old pod is gone"
    )
    .from(yaml!("quota-frees-itself", "v1"))
    .with(&[before_v1(yaml!("quota-frees-itself", "before-v1"))])
    .shows("exceeded quota"),
    update!(
        Deployment,
        "readiness-blips",
        "each new pod is ready, then not for some seconds, then ready again"
    )
    .shows("Readiness probe failed"),
    update!(
        Deployment,
        "old-revision-broken",
        "v1 crashes all the time, v2 repairs it"
    )
    .from(yaml!("old-revision-broken", "v1"))
    .which_is_broken()
    .with(&[await_before(When::BeforeV2, "BackOff")])
    .shows("BackOff"),
    update!(
        Deployment,
        "node-cordoned",
        "the only node for the pods is cordoned for 8 s"
    )
    .from(yaml!("node-cordoned", "v1"))
    .with(&[
        before_v2(yaml!("node-cordoned", "before-v2")),
        after_v2(8, What::Objects(yaml!("node-cordoned", "after"))),
    ])
    .shows("were unschedulable"),
    update!(
        Deployment,
        "scaled-meanwhile",
        "an autoscaler wants four pods while the first new ones start"
    )
    .from(yaml!("scaled-meanwhile", "v1"))
    .with(&[after_v2(2, What::Scale(4))])
    .shows("Scaled up replica set"),
    update!(
        Deployment,
        "pod-evicted",
        "a new pod is evicted while the others start"
    )
    .with(&[after_v2(2, What::EvictNewPod)])
    .shows("EvictionByEvictionAPI"),
    update!(
        Deployment,
        "paused-then-resumed",
        "the Deployment is paused for 5 s"
    )
    .with(&[after_v2(
        5,
        What::Objects(yaml!("paused-then-resumed", "after")),
    )])
    .shows("the Deployment is paused"),
    update!(Deployment, "superseded", "v3 is deployed 5 s later")
        .with(&[after_v2(5, What::Objects(yaml!("superseded", "after")))])
        .is_superseded()
        .shows("Readiness probe failed"),
    update!(
        Deployment,
        "deadline-is-stale",
        "v2 was there before, and the Deployment still says that v1 missed its deadline"
    )
    .from(yaml!("deadline-is-stale", "v1"))
    .which_is_broken()
    .with(&[
        before_v1(yaml!("deadline-is-stale", "before-v1")),
        await_before(When::BeforeV1, "NewReplicaSetAvailable"),
        await_before(When::BeforeV2, "ProgressDeadlineExceeded"),
    ])
    .shows("ErrImagePull"),
    update!(
        Deployment,
        "deadline-too-short",
        "the start takes 12 s, and the Deployment allows 4 s without progress"
    )
    .from(yaml!("deadline-too-short", "v1"))
    .shows("ProgressDeadlineExceeded"),
];
