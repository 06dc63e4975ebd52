//! Updates that look as if they failed, and then complete: each is a near miss of a failing one.

use super::{Expect, HEALTHY, Scenario, What, after_v2, before_v1};

/// Whoever calls one of these failed raises a false alarm.
pub const HEALING: &[Scenario] = &[
    Scenario {
        name: "slow-start",
        says: "the start takes 8 s, which the startup probe allows",
        v1: HEALTHY,
        v1_is_healthy: true,
        v2: include_str!("../../scenarios/slow-start/v2.yaml"),
        extras: &[],
        expect: Expect::Heals,
        sign: "Startup probe failed",
    },
    Scenario {
        name: "crashes-twice",
        says: "the program ends twice while its broker is away, then stays",
        v1: HEALTHY,
        v1_is_healthy: true,
        v2: include_str!("../../scenarios/crashes-twice/v2.yaml"),
        extras: &[],
        expect: Expect::Heals,
        sign: "BackOff",
    },
    Scenario {
        name: "secret-arrives-late",
        says: "the Secret that the container wants arrives 5 s after the Deployment",
        v1: HEALTHY,
        v1_is_healthy: true,
        v2: include_str!("../../scenarios/secret-arrives-late/v2.yaml"),
        extras: &[after_v2(
            5,
            What::Objects(include_str!(
                "../../scenarios/secret-arrives-late/after.yaml"
            )),
        )],
        expect: Expect::Heals,
        sign: "secret \"web-token\" not found",
    },
    Scenario {
        name: "volume-source-arrives-late",
        says: "the ConfigMap that a volume is made from arrives 5 s after the Deployment",
        v1: HEALTHY,
        v1_is_healthy: true,
        v2: include_str!("../../scenarios/volume-source-arrives-late/v2.yaml"),
        extras: &[after_v2(
            5,
            What::Objects(include_str!(
                "../../scenarios/volume-source-arrives-late/after.yaml"
            )),
        )],
        expect: Expect::Heals,
        sign: "configmap \"web-pages\" not found",
    },
    Scenario {
        name: "service-account-arrives-late",
        says: "the pod's ServiceAccount arrives 3 s after the Deployment",
        v1: HEALTHY,
        v1_is_healthy: true,
        v2: include_str!("../../scenarios/service-account-arrives-late/v2.yaml"),
        extras: &[after_v2(
            3,
            What::Objects(include_str!(
                "../../scenarios/service-account-arrives-late/after.yaml"
            )),
        )],
        expect: Expect::Heals,
        sign: "error looking up service account",
    },
    Scenario {
        name: "registry-comes-back",
        says: "the registry is down for 8 s",
        v1: HEALTHY,
        v1_is_healthy: true,
        v2: include_str!("../../scenarios/registry-comes-back/v2.yaml"),
        extras: &[after_v2(8, What::WakeRegistry)],
        expect: Expect::Heals,
        sign: "connection refused",
    },
    Scenario {
        name: "tag-pushed-late",
        says: "the image's tag is pushed 6 s after the Deployment",
        v1: HEALTHY,
        v1_is_healthy: true,
        v2: include_str!("../../scenarios/tag-pushed-late/v2.yaml"),
        extras: &[after_v2(6, What::PushLateTag)],
        expect: Expect::Heals,
        sign: "not found",
    },
    Scenario {
        name: "quota-frees-itself",
        says: "the quota has room once the first old pod is gone",
        v1: include_str!("../../scenarios/quota-frees-itself/v1.yaml"),
        v1_is_healthy: true,
        v2: include_str!("../../scenarios/quota-frees-itself/v2.yaml"),
        extras: &[before_v1(include_str!(
            "../../scenarios/quota-frees-itself/before-v1.yaml"
        ))],
        expect: Expect::Heals,
        sign: "exceeded quota",
    },
    Scenario {
        name: "readiness-blips",
        says: "each new pod is ready, then not for some seconds, then ready again",
        v1: HEALTHY,
        v1_is_healthy: true,
        v2: include_str!("../../scenarios/readiness-blips/v2.yaml"),
        extras: &[],
        expect: Expect::Heals,
        sign: "Readiness probe failed",
    },
    Scenario {
        name: "old-revision-broken",
        says: "v1 crashes all the time, v2 repairs it",
        v1: include_str!("../../scenarios/old-revision-broken/v1.yaml"),
        v1_is_healthy: false,
        v2: include_str!("../../scenarios/old-revision-broken/v2.yaml"),
        extras: &[],
        expect: Expect::Heals,
        sign: "BackOff",
    },
];
