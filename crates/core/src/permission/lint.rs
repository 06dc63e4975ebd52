//! The permissions that `lint --live` uses, which writes nothing.

use super::table::{CHECK, PROMISED, REVISED, SETS};
use super::{Command, Condition, Need, Rule, Scope};
use crate::workload::WorkloadKind::{DaemonSet, Deployment, StatefulSet};

const PREDICTED_HISTORY: &str =
    "to see the revisions of the workload, without which no start is measured";

const LINT: Rule = Rule {
    command: Command::Lint,
    kinds: REVISED,
    ..CHECK
};

const PRESENT: Rule = Rule {
    group: "apps",
    verbs: &["get"],
    why: "to compare the manifest with the present workload",
    ..LINT
};

const TRIED: Rule = Rule {
    group: "apps",
    verbs: &["create", "patch"],
    why: "to send the workload as a dry run, which is never stored; without it what the API server refuses or changes is not \
          predicted",
    ..LINT
};

const PREDICTED_TRAFFIC: Rule = Rule {
    verbs: &["list"],
    why: "to see whether Services would lose the pods, and what else leads to them",
    ..LINT
};

/// All of them.
pub(super) const RULES: &[Rule] = &[
    Rule {
        kinds: &[Deployment],
        resources: &["deployments"],
        ..PRESENT
    },
    Rule {
        kinds: &[StatefulSet],
        resources: &["statefulsets"],
        ..PRESENT
    },
    Rule {
        kinds: &[DaemonSet],
        resources: &["daemonsets"],
        ..PRESENT
    },
    Rule {
        kinds: &[Deployment],
        resources: &["deployments"],
        ..TRIED
    },
    Rule {
        kinds: &[StatefulSet],
        resources: &["statefulsets"],
        ..TRIED
    },
    Rule {
        kinds: &[DaemonSet],
        resources: &["daemonsets"],
        ..TRIED
    },
    Rule {
        resources: &["pods"],
        verbs: &["create"],
        why: "to send a pod of the template as a dry run, which is never stored; without it limit ranges, Pod Security and \
              policies are not predicted",
        ..LINT
    },
    Rule {
        kinds: &[Deployment],
        group: "apps",
        resources: &["replicasets"],
        verbs: &["list"],
        why: PREDICTED_HISTORY,
        ..LINT
    },
    Rule {
        kinds: SETS,
        group: "apps",
        resources: &["controllerrevisions"],
        verbs: &["list"],
        why: PREDICTED_HISTORY,
        ..LINT
    },
    Rule {
        resources: &["pods"],
        verbs: &["list"],
        why: "to measure how long the present pods took to start, and to see which host ports are taken and which pods are \
              about to free quota",
        ..LINT
    },
    Rule {
        resources: &[
            "configmaps",
            "secrets",
            "serviceaccounts",
            "persistentvolumeclaims",
        ],
        verbs: &["get"],
        why: "to see whether everything that the template references exists; of a Secret only the keys are kept",
        ..LINT
    },
    Rule {
        resources: &["resourcequotas", "limitranges"],
        verbs: &["list"],
        why: "to add up what the whole rollout takes from the quotas, and to see which requests and limits containers have \
              by default",
        ..LINT
    },
    Rule {
        group: "apps",
        resources: &["deployments", "statefulsets", "daemonsets"],
        verbs: &["list"],
        why: "to see whether other workloads are about to free quota, and to select workloads by label",
        ..LINT
    },
    Rule {
        resources: &["services"],
        ..PREDICTED_TRAFFIC
    },
    Rule {
        group: "discovery.k8s.io",
        resources: &["endpointslices"],
        ..PREDICTED_TRAFFIC
    },
    Rule {
        group: "networking.k8s.io",
        resources: &["ingresses", "networkpolicies"],
        ..PREDICTED_TRAFFIC
    },
    Rule {
        group: "autoscaling",
        resources: &["horizontalpodautoscalers"],
        ..PREDICTED_TRAFFIC
    },
    Rule {
        group: "gateway.networking.k8s.io",
        resources: &["httproutes"],
        ..PREDICTED_TRAFFIC
    },
    Rule {
        command: Command::Lint,
        group: "cert-manager.io",
        resources: &["certificates"],
        ..PROMISED
    },
    Rule {
        command: Command::Lint,
        group: "external-secrets.io",
        resources: &["externalsecrets"],
        ..PROMISED
    },
    Rule {
        command: Command::Lint,
        group: "bitnami.com",
        resources: &["sealedsecrets"],
        ..PROMISED
    },
    Rule {
        command: Command::Lint,
        group: "secrets-store.csi.x-k8s.io",
        resources: &["secretproviderclasses"],
        ..PROMISED
    },
    Rule {
        group: "batch",
        resources: &["jobs"],
        verbs: &["list"],
        why: "to see whether a Job runs that may create a missing object",
        ..LINT
    },
    Rule {
        scope: Scope::Cluster,
        resources: &["nodes"],
        verbs: &["list"],
        why: "to see whether a node can take the pods; without it that is not predicted",
        ..LINT
    },
    Rule {
        scope: Scope::Cluster,
        resources: &["pods"],
        verbs: &["list"],
        why: "to see whether the pods of all namespaces leave room on the nodes; without it those of the workload's own \
              namespace count alone, and that there is no room is possible at most",
        ..LINT
    },
    Rule {
        scope: Scope::Cluster,
        group: "storage.k8s.io",
        resources: &["storageclasses"],
        verbs: &["get"],
        why: "to see whether the StorageClass of a claim without a volume exists",
        ..LINT
    },
    Rule {
        scope: Scope::Cluster,
        group: "networking.k8s.io",
        resources: &["ingressclasses"],
        verbs: &["get"],
        why: "to see whether the class that an Ingress names exists",
        ..LINT
    },
    Rule {
        group: "keda.sh",
        resources: &["scaledobjects"],
        verbs: &["list"],
        why: "to see whether a workload without replicas may be scaled up, as by a HorizontalPodAutoscaler",
        ..LINT
    },
    Rule {
        scope: Scope::Cluster,
        group: "karpenter.sh",
        resources: &["nodepools"],
        verbs: &["list"],
        why: "to name the pools that may grow, where no node can take the pods",
        ..LINT
    },
    Rule {
        condition: Condition::Autoscaler,
        resources: &["configmaps"],
        verbs: &["get"],
        need: Need::Optional,
        why: "to read `cluster-autoscaler-status` in namespace `kube-system`, where no node can take the pods: it names the \
              pools that may grow. No Role here has it, because it is about another namespace; without it such a \
              prediction is likely at most",
        ..LINT
    },
];
