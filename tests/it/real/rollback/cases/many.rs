//! The workloads of one release together.

use rollguard_tests::faulty::{Fault, Moment, Trap};

use super::super::case::Also::{Beside, PodsStayed};
use super::super::case::Step::{self, Deploy, Fails, IsGood, Objects, Settles};
use super::super::case::{Case, Interference, already, back_to, refused, web};
use super::super::workload_version::{bad, good};

const BOTH: &[Step] = &[
    Deploy(good("v1")),
    Deploy(good("v1").of("api")),
    Settles,
    IsGood,
    Deploy(bad("v2")),
    Deploy(bad("v2").of("api")),
    Fails("v2"),
];
const API: &str = "deployment/api";

pub(super) const CASES: &[Case] = &[
    web("both", "two workloads of one release are bad")
        .story(BOTH)
        .besides(&[API])
        .ends(&[back_to("v1"), already("v1")])
        .also(&[PodsStayed, Beside(API, "v1")]),
    web(
        "one-is-good",
        "one of two workloads is bad, and its rollback is approved",
    )
    .story(&[
        Deploy(good("v1")),
        Deploy(good("v1").of("api")),
        Settles,
        IsGood,
        Deploy(good("v2").of("api")),
        Deploy(bad("v2")),
        Fails("v2"),
    ])
    .besides(&[API])
    .approved_after(&[])
    .ends(&[back_to("v1"), already("v1")])
    .also(&[PodsStayed, Beside(API, "v2")]),
    web(
        "one-is-denied",
        "a policy denies the change of one of two workloads",
    )
    .story(&[
        Objects(POLICY),
        Deploy(good("v1")),
        Deploy(good("v1").of("api")),
        Settles,
        IsGood,
        Deploy(bad("v2")),
        Deploy(bad("v2").of("api")),
        Fails("v2"),
    ])
    .besides(&[API])
    .ends(&[refused("v2", &["nobody goes back to v1"])])
    .also(&[Beside(API, "v2")]),
    web(
        "one-fails",
        "the patch of one of two workloads is answered with 500, and it is run again",
    )
    .story(BOTH)
    .besides(&[API])
    .interference(Interference::ApiFault(Trap::always(
        Moment::Patch,
        Fault::Refused(500),
        "/api",
    )))
    .ends(&[
        back_to("v1").code(25).on_its_way().tells(&[API]),
        back_to("v1"),
    ])
    .also(&[Beside(API, "v1")]),
];

/// There from the beginning, for it takes the API server a second to know it.
const POLICY: &str = "
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: { name: '${NAMESPACE}' }
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
      - apiGroups: [apps]
        apiVersions: [v1]
        operations: [UPDATE]
        resources: [deployments]
        resourceNames: [api]
  validations:
    - expression: >-
        object.spec.template.metadata.labels.version != 'v1'
        || oldObject.spec.template.metadata.labels.version == 'v1'
      message: nobody goes back to v1
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: { name: '${NAMESPACE}' }
spec:
  policyName: '${NAMESPACE}'
  validationActions: [Deny]
  matchResources:
    namespaceSelector:
      matchLabels: { kubernetes.io/metadata.name: '${NAMESPACE}' }
";
