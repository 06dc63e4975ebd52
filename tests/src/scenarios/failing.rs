//! Updates that do not come to a good end without a change.

use super::{Expect, HEALTHY, Scenario, before_v1, before_v2};

/// One row per cause.
pub const FAILING: &[Scenario] = &[
    Scenario {
        name: "image-tag-missing",
        says: "the image's tag was never pushed",
        v1: HEALTHY,
        v1_is_healthy: true,
        v2: include_str!("../../scenarios/image-tag-missing/v2.yaml"),
        extras: &[],
        expect: Expect::Fails {
            code: "ImageNotFound",
        },
        sign: "not found",
    },
    Scenario {
        name: "image-name-invalid",
        says: "a token in the image's name was not replaced",
        v1: HEALTHY,
        v1_is_healthy: true,
        v2: include_str!("../../scenarios/image-name-invalid/v2.yaml"),
        extras: &[],
        expect: Expect::Fails {
            code: "InvalidImageName",
        },
        sign: "InvalidImageName",
    },
    Scenario {
        name: "image-never-pulled",
        says: "the image is not on the node and must not be pulled",
        v1: HEALTHY,
        v1_is_healthy: true,
        v2: include_str!("../../scenarios/image-never-pulled/v2.yaml"),
        extras: &[],
        expect: Expect::Fails {
            code: "ImageNeverPulled",
        },
        sign: "ErrImageNeverPull",
    },
    Scenario {
        name: "registry-refuses",
        says: "the registry asks for credentials that nobody gave the node",
        v1: HEALTHY,
        v1_is_healthy: true,
        v2: include_str!("../../scenarios/registry-refuses/v2.yaml"),
        extras: &[],
        expect: Expect::Fails {
            code: "ImagePullDenied",
        },
        sign: "401 Unauthorized",
    },
    Scenario {
        name: "crash-at-start",
        says: "the program ends with an error right after its start",
        v1: HEALTHY,
        v1_is_healthy: true,
        v2: include_str!("../../scenarios/crash-at-start/v2.yaml"),
        extras: &[],
        expect: Expect::Fails {
            code: "CrashAtStart",
        },
        sign: "\"exitCode\":1",
    },
    Scenario {
        name: "crash-in-init",
        says: "the init container ends with an error",
        v1: HEALTHY,
        v1_is_healthy: true,
        v2: include_str!("../../scenarios/crash-in-init/v2.yaml"),
        extras: &[],
        expect: Expect::Fails {
            code: "CrashAtStart",
        },
        sign: "\"exitCode\":3",
    },
    Scenario {
        name: "ends-with-zero",
        says: "the program ends without an error, and a Deployment wants it to stay",
        v1: HEALTHY,
        v1_is_healthy: true,
        v2: include_str!("../../scenarios/ends-with-zero/v2.yaml"),
        extras: &[],
        expect: Expect::Fails {
            code: "ExitsAtOnce",
        },
        sign: "\"exitCode\":0",
    },
    Scenario {
        name: "command-missing",
        says: "the image does not have the command",
        v1: HEALTHY,
        v1_is_healthy: true,
        v2: include_str!("../../scenarios/command-missing/v2.yaml"),
        extras: &[],
        expect: Expect::Fails {
            code: "CommandNotRunnable",
        },
        sign: "/bin/web-server",
    },
    Scenario {
        name: "config-key-missing",
        says: "the ConfigMap lacks the key that the container wants",
        v1: HEALTHY,
        v1_is_healthy: true,
        v2: include_str!("../../scenarios/config-key-missing/v2.yaml"),
        extras: &[before_v1(include_str!(
            "../../scenarios/config-key-missing/before-v1.yaml"
        ))],
        expect: Expect::Fails {
            code: "ConfigKeyMissing",
        },
        sign: "couldn't find key level",
    },
    Scenario {
        name: "secret-missing",
        says: "the Secret that the container wants does not exist",
        v1: HEALTHY,
        v1_is_healthy: true,
        v2: include_str!("../../scenarios/secret-missing/v2.yaml"),
        extras: &[],
        expect: Expect::Fails {
            code: "ConfigObjectMissing",
        },
        sign: "secret \"web-token\" not found",
    },
    Scenario {
        name: "volume-source-missing",
        says: "the ConfigMap that a volume is made from does not exist",
        v1: HEALTHY,
        v1_is_healthy: true,
        v2: include_str!("../../scenarios/volume-source-missing/v2.yaml"),
        extras: &[],
        expect: Expect::Fails {
            code: "ConfigObjectMissing",
        },
        sign: "configmap \"web-pages\" not found",
    },
    Scenario {
        name: "root-refused",
        says: "the pod must not run as root and its image does",
        v1: HEALTHY,
        v1_is_healthy: true,
        v2: include_str!("../../scenarios/root-refused/v2.yaml"),
        extras: &[],
        expect: Expect::Fails {
            code: "RunAsNonRootRefused",
        },
        sign: "runAsNonRoot",
    },
    Scenario {
        name: "quota-exceeded",
        says: "the quota has no room for the surge pod, and no old pod may go first",
        v1: include_str!("../../scenarios/quota-exceeded/v1.yaml"),
        v1_is_healthy: true,
        v2: include_str!("../../scenarios/quota-exceeded/v2.yaml"),
        extras: &[before_v1(include_str!(
            "../../scenarios/quota-exceeded/before-v1.yaml"
        ))],
        expect: Expect::Fails {
            code: "QuotaExceeded",
        },
        sign: "exceeded quota",
    },
    Scenario {
        name: "quota-needs-resources",
        says: "the quota wants a memory limit, which v2 forgot",
        v1: include_str!("../../scenarios/quota-needs-resources/v1.yaml"),
        v1_is_healthy: true,
        v2: include_str!("../../scenarios/quota-needs-resources/v2.yaml"),
        extras: &[before_v1(include_str!(
            "../../scenarios/quota-needs-resources/before-v1.yaml"
        ))],
        expect: Expect::Fails {
            code: "QuotaNeedsResources",
        },
        sign: "must specify limits.memory",
    },
    Scenario {
        name: "limit-range-violated",
        says: "the memory limit is above what the namespace allows",
        v1: HEALTHY,
        v1_is_healthy: true,
        v2: include_str!("../../scenarios/limit-range-violated/v2.yaml"),
        extras: &[before_v1(include_str!(
            "../../scenarios/limit-range-violated/before-v1.yaml"
        ))],
        expect: Expect::Fails {
            code: "LimitRangeViolated",
        },
        sign: "maximum memory usage per Container is 64Mi",
    },
    Scenario {
        name: "service-account-missing",
        says: "the pod's ServiceAccount does not exist",
        v1: HEALTHY,
        v1_is_healthy: true,
        v2: include_str!("../../scenarios/service-account-missing/v2.yaml"),
        extras: &[],
        expect: Expect::Fails {
            code: "ServiceAccountMissing",
        },
        sign: "error looking up service account",
    },
    Scenario {
        name: "pod-security-violated",
        says: "the namespace has become restricted since v1 was deployed",
        v1: HEALTHY,
        v1_is_healthy: true,
        v2: include_str!("../../scenarios/pod-security-violated/v2.yaml"),
        extras: &[before_v2(include_str!(
            "../../scenarios/pod-security-violated/before-v2.yaml"
        ))],
        expect: Expect::Fails {
            code: "PodSecurityViolated",
        },
        sign: "violates PodSecurity",
    },
    Scenario {
        name: "policy-denies",
        says: "an admission policy refuses privileged containers",
        v1: HEALTHY,
        v1_is_healthy: true,
        v2: include_str!("../../scenarios/policy-denies/v2.yaml"),
        extras: &[before_v1(include_str!(
            "../../scenarios/policy-denies/before-v1.yaml"
        ))],
        expect: Expect::Fails {
            code: "AdmissionDenied",
        },
        sign: "privileged containers are not allowed here",
    },
    Scenario {
        name: "unschedulable",
        says: "no node has the label that the pod selects",
        v1: HEALTHY,
        v1_is_healthy: true,
        v2: include_str!("../../scenarios/unschedulable/v2.yaml"),
        extras: &[],
        expect: Expect::Fails {
            code: "Unschedulable",
        },
        sign: "didn't match Pod's node affinity/selector",
    },
    Scenario {
        name: "too-big-for-any-node",
        says: "the pod requests more memory than any node has",
        v1: HEALTHY,
        v1_is_healthy: true,
        v2: include_str!("../../scenarios/too-big-for-any-node/v2.yaml"),
        extras: &[],
        expect: Expect::Fails {
            code: "Unschedulable",
        },
        sign: "Insufficient memory",
    },
    Scenario {
        name: "readiness-never",
        says: "the readiness probe asks for a page that is not there",
        v1: HEALTHY,
        v1_is_healthy: true,
        v2: include_str!("../../scenarios/readiness-never/v2.yaml"),
        extras: &[],
        expect: Expect::Fails {
            code: "ReadinessFailing",
        },
        sign: "Readiness probe failed",
    },
    Scenario {
        name: "liveness-kills-start",
        says: "the liveness probe kills the container long before it has started",
        v1: HEALTHY,
        v1_is_healthy: true,
        v2: include_str!("../../scenarios/liveness-kills-start/v2.yaml"),
        extras: &[],
        expect: Expect::Fails {
            code: "LivenessKillsStart",
        },
        sign: "failed liveness probe",
    },
    Scenario {
        name: "startup-probe-exhausted",
        says: "the start takes longer than the startup probe allows",
        v1: HEALTHY,
        v1_is_healthy: true,
        v2: include_str!("../../scenarios/startup-probe-exhausted/v2.yaml"),
        extras: &[],
        expect: Expect::Fails {
            code: "StartupProbeExhausted",
        },
        sign: "failed startup probe",
    },
    Scenario {
        name: "out-of-memory",
        says: "the program wants more memory than its limit",
        v1: HEALTHY,
        v1_is_healthy: true,
        v2: include_str!("../../scenarios/out-of-memory/v2.yaml"),
        extras: &[],
        expect: Expect::Fails {
            code: "OutOfMemory",
        },
        sign: "OOMKilled",
    },
    Scenario {
        name: "crash-after-ready",
        says: "the program ends with an error some seconds after it became ready",
        v1: HEALTHY,
        v1_is_healthy: true,
        v2: include_str!("../../scenarios/crash-after-ready/v2.yaml"),
        extras: &[],
        expect: Expect::Fails {
            code: "CrashAtStart",
        },
        sign: "\"exitCode\":2",
    },
];
