//! Findings before anything is touched: obstacles that refuse, and warnings.

use super::super::case::Also::{Annotated, PodsStayed, Replicas};
use super::super::case::Step::{
    Changed, Deleted, Deploy, Fails, IsGood, Objects, Serves, Settles, Shows,
};
use super::super::case::{Case, already, back_to, refused, web};
use super::super::workload_version::{bad, good};
use super::{GOOD_THEN_BAD, RECREATE};

pub(super) const CASES: &[Case] = &[
    web(
        "quota-full",
        "the bad release's pod fills the quota, and no room is needed",
    )
    .story(&[
        Objects(POD_QUOTA),
        Deploy(good("v1")),
        Settles,
        IsGood,
        Deploy(bad("v2")),
        Fails("v2"),
    ])
    .ends(&[back_to("v1"), already("v1")])
    .also(&[PodsStayed]),
    web(
        "quota-cut",
        "the quota has been cut below what the good release needs",
    )
    .story(&[
        Deploy(good("v1").with(&[RECREATE]).inside(&[MEMORY_32])),
        Settles,
        IsGood,
        Deploy(bad("v2").with(&[RECREATE]).inside(&[MEMORY_8])),
        Fails("v2"),
        Objects(MEMORY_QUOTA),
    ])
    .ends(&[refused(
        "v2",
        &[
            "can never fit into the quota (limits.memory)",
            "raise the quota",
        ],
    )]),
    web(
        "config-gone",
        "the good release's ConfigMap has been deleted",
    )
    .story(&[
        Objects(COLOURS),
        Deploy(good("v1").with(&[RECREATE]).inside(&[FROM_COLOURS])),
        Settles,
        IsGood,
        Deploy(bad("v2").with(&[RECREATE])),
        Fails("v2"),
        Deleted("ConfigMap", "colours"),
    ])
    .ends(&[refused("v2", &["colours"])]),
    web(
        "key-gone",
        "a key that the good release reads has gone from its Secret",
    )
    .story(&[
        Objects(SECRET_WITH_KEY),
        Deploy(good("v1").with(&[RECREATE]).inside(&[FROM_SECRET])),
        Settles,
        IsGood,
        Deploy(bad("v2").with(&[RECREATE])),
        Fails("v2"),
        Deleted("Secret", "login"),
        Objects(OTHER_KEY),
    ])
    .ends(&[refused("v2", &["password", "login"])]),
    web("no-history", "`revisionHistoryLimit` is 0")
        .story(&[
            Deploy(good("v1").with(&[NO_HISTORY])),
            Settles,
            IsGood,
            Deploy(good("v2").with(&[NO_HISTORY])),
            Settles,
        ])
        .ends(&[refused("v2", &["only one revision"]).ready(2)]),
    web("paused", "the Deployment is paused")
        .story(&[
            Deploy(good("v1")),
            Settles,
            IsGood,
            Deploy(bad("v2")),
            Fails("v2"),
            Changed("spec: { paused: true }"),
        ])
        .ends(&[refused("v2", &["paused"])]),
    web("helm", "Helm owns the Deployment")
        .story(&[
            Deploy(good("v1").with(&[HELM])),
            Settles,
            IsGood,
            Deploy(bad("v2").with(&[HELM])),
            Fails("v2"),
        ])
        .ends(&[
            refused("v2", &["Helm", "force-owner"]),
            back_to("v1").with(&["--force-owner"]),
        ])
        .also(&[PodsStayed, Annotated]),
    web("argo-cd", "Argo CD owns the Deployment")
        .story(&[
            Deploy(good("v1")),
            Settles,
            Deploy(bad("v2").with(&[ARGO])),
            Fails("v2"),
        ])
        .ends(&[refused("v2", &["Argo CD", "force-owner"])]),
    web("flux", "Flux owns the Deployment")
        .story(&[
            Deploy(good("v1")),
            Settles,
            Deploy(bad("v2").with(&[FLUX])),
            Fails("v2"),
        ])
        .ends(&[refused("v2", &["Flux", "force-owner"])]),
    web("may-not-patch", "who asks may look and not patch")
        .story(GOOD_THEN_BAD)
        .by_a_looker()
        .ends(&[refused("v2", &["patch", "deployments"])]),
    web("policy", "a policy denies the change")
        .story(&[
            Objects(POLICY),
            Deploy(good("v1")),
            Settles,
            IsGood,
            Deploy(bad("v2")),
            Fails("v2"),
        ])
        .ends(&[refused("v2", &["nobody goes back to v1"])]),
    web("recreate", "no pod of two versions runs at once")
        .story(&[
            Deploy(good("v1").with(&[RECREATE])),
            Settles,
            IsGood,
            Deploy(bad("v2").with(&[RECREATE, SHORT_DEADLINE])),
            Shows("ProgressDeadlineExceeded"),
        ])
        .ends(&[back_to("v1"), already("v1")])
        .also(&[Annotated]),
    web("no-replicas", "the bad release has been scaled to 0")
        .story(&[
            Deploy(good("v1")),
            Settles,
            IsGood,
            Deploy(bad("v2")),
            Fails("v2"),
            Changed("spec: { replicas: 0 }"),
            Serves("v1", 0),
        ])
        .ends(&[back_to("v1").ready(0), already("v1").ready(0)])
        .also(&[Replicas(0), Annotated]),
    web("autoscaled", "an autoscaler says how many pods there are")
        .story(&[
            Deploy(good("v1").with(&["spec: { replicas: null }"])),
            Objects(AUTOSCALER),
            Serves("v1", 3),
            Settles,
            IsGood,
            Deploy(bad("v2").with(&["spec: { replicas: null }"])),
            Fails("v2"),
        ])
        .ends(&[back_to("v1").ready(3), already("v1").ready(3)])
        .also(&[PodsStayed, Replicas(3)]),
    web(
        "schema",
        "the bad release writes a schema that the good one does not know",
    )
    .story(&[
        Deploy(good("v1").with(&[SCHEMA_1])),
        Settles,
        IsGood,
        Deploy(bad("v2").with(&[SCHEMA_3_FROM_2])),
        Fails("v2"),
    ])
    .ends(&[
        refused("v2", &["schema", "allow-schema-downgrade"]),
        back_to("v1").with(&["--allow-schema-downgrade"]),
    ])
    .also(&[PodsStayed]),
    web(
        "schema-tolerated",
        "the bad release writes a schema that the good one tolerates",
    )
    .story(&[
        Deploy(good("v1").with(&[SCHEMA_1])),
        Settles,
        IsGood,
        Deploy(bad("v2").with(&[SCHEMA_2_FROM_1])),
        Fails("v2"),
    ])
    .ends(&[back_to("v1")])
    .also(&[PodsStayed]),
    web("migrated", "a migration Job ran with the bad release")
        .story(&[
            Deploy(good("v1")),
            Settles,
            IsGood,
            Objects(MIGRATION),
            Shows("Job completed"),
            Deploy(bad("v2")),
            Fails("v2"),
        ])
        .ends(&[back_to("v1").tells(&["migrate-orders"])])
        .also(&[PodsStayed]),
];

const POD_QUOTA: &str = "
apiVersion: v1
kind: ResourceQuota
metadata: { name: pods }
spec: { hard: { pods: '3' } }
";
const MEMORY_QUOTA: &str = "
apiVersion: v1
kind: ResourceQuota
metadata: { name: memory }
spec: { hard: { limits.memory: 16Mi } }
";
const COLOURS: &str = "
apiVersion: v1
kind: ConfigMap
metadata: { name: colours }
data: { front: blue }
";
const OTHER_KEY: &str = "
apiVersion: v1
kind: Secret
metadata: { name: login }
stringData: { other: never-show-this-either }
";
const MEMORY_32: &str = "resources: { limits: { memory: 32Mi } }";
const MEMORY_8: &str = "resources: { limits: { memory: 8Mi } }";
const FROM_COLOURS: &str = "envFrom: [{ configMapRef: { name: colours } }]";
const FROM_SECRET: &str =
    "env: [{ name: LOGIN, valueFrom: { secretKeyRef: { name: login, key: password } } }]";
const SECRET_WITH_KEY: &str = "
apiVersion: v1
kind: Secret
metadata: { name: login }
stringData: { password: never-show-this-password }
";
const NO_HISTORY: &str = "spec: { revisionHistoryLimit: 0 }";
const SHORT_DEADLINE: &str = "spec: { progressDeadlineSeconds: 2 }";
const HELM: &str = "
metadata:
  labels: { app.kubernetes.io/managed-by: Helm }
  annotations: { meta.helm.sh/release-name: shop, meta.helm.sh/release-namespace: shop }
";
const ARGO: &str = "
metadata:
  annotations: { argocd.argoproj.io/tracking-id: 'shop:apps/Deployment:shop/web' }
";
const FLUX: &str = "
metadata:
  labels: { kustomize.toolkit.fluxcd.io/name: shop, kustomize.toolkit.fluxcd.io/namespace: flux-system }
";
const SCHEMA_1: &str =
    "spec: { template: { metadata: { annotations: { rollguard.dev/schema-version: '1' } } } }";
const SCHEMA_3_FROM_2: &str = "spec: { template: { metadata: { annotations: \
    { rollguard.dev/schema-version: '3', rollguard.dev/schema-compatible-from: '2' } } } }";
const SCHEMA_2_FROM_1: &str = "spec: { template: { metadata: { annotations: \
    { rollguard.dev/schema-version: '2', rollguard.dev/schema-compatible-from: '1' } } } }";
const AUTOSCALER: &str = "
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: { name: web }
spec:
  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: web }
  minReplicas: 3
  maxReplicas: 5
  metrics: [{ type: Resource, resource: { name: cpu, target: { type: Utilization, averageUtilization: 80 } } }]
";
const MIGRATION: &str = "
apiVersion: batch/v1
kind: Job
metadata: { name: migrate-orders, labels: { app: web } }
spec:
  backoffLimit: 0
  template:
    metadata: { labels: { job: migrate-orders } }
    spec:
      restartPolicy: Never
      containers:
        - { name: migrate, image: 'rollguard.test/busybox:1', command: ['true'] }
";
/// There from the beginning, for it takes the API server a second to know it.
const POLICY: &str = "
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: { name: '${NAMESPACE}' }
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
      - { apiGroups: [apps], apiVersions: [v1], operations: [UPDATE], resources: [deployments] }
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
