//! The table itself. Each row follows from a request in `crates/cluster` or `crates/cli`; the tests compare it with
//! the requests that are sent.

use super::{Command, Condition, Need, Rule, Scope};
use crate::workload::WorkloadKind::{self, DaemonSet, Deployment, Job, StatefulSet};

/// Requests for which no rule is needed.
///
/// The first four are open to everyone who signs in (`system:basic-user`, `system:discovery`,
/// `system:public-info-viewer`). Without the last one, an error says that a workload does not exist and leaves open whether
/// its namespace does.
pub const WITHOUT_RULE: &[&str] = &[
    "create selfsubjectaccessreviews.authorization.k8s.io",
    "create selfsubjectreviews.authentication.k8s.io",
    "get /apis",
    "get /version",
    "get namespaces",
];

const ALL: &[WorkloadKind] = &WorkloadKind::ALL;
pub(super) const REVISED: &[WorkloadKind] = &WorkloadKind::WITH_REVISIONS;
const JOBS: &[WorkloadKind] = &[Job];
pub(super) const SETS: &[WorkloadKind] = &[StatefulSet, DaemonSet];

const FOLLOW: &str = "to find the workload and follow its rollout";
const RESTORE: &str = "to read the workload and restore a revision of it";
const REVISIONS: &str = "to tell the new revision from the old one; without it the check judges by the workload's \
                         counts alone, and proposes no rollback";
const HISTORY: &str = "to read the revisions that can be restored";
const ANSWERS: &str = "to know which pods to ask over HTTP";
const MARK: &str = "to mark a healthy revision as last known good; without it a later rollback can only choose a \
                    revision that still serves";
const CHANGE_CAUSE: &str = "to write the change cause on the restored revision, and to remove the mark of the bad one; \
                            without it both stay as they were";
const PROMISES: &str = "to see whether a missing Secret is about to be written; without it the resource's presence in \
                        the API counts as a promise";
const NODES: &str = "to tell a DaemonSet's pods on lost nodes from the others; without it such pods count as pending";

pub(super) const CHECK: Rule = Rule {
    command: Command::Check,
    kinds: ALL,
    condition: Condition::Always,
    scope: Scope::Namespace,
    group: "",
    resources: &[],
    verbs: &[],
    need: Need::Narrows,
    why: "",
};

const ROLLBACK: Rule = Rule {
    command: Command::Rollback,
    kinds: REVISED,
    ..CHECK
};

const FOLLOWED: Rule = Rule {
    group: "apps",
    verbs: &["get", "list", "watch"],
    need: Need::Needed,
    why: FOLLOW,
    ..CHECK
};

pub(super) const SELECTED: Rule = Rule {
    condition: Condition::Selector,
    group: "apps",
    resources: &["deployments", "statefulsets", "daemonsets"],
    verbs: &["list"],
    need: Need::Needed,
    ..CHECK
};

const TRAFFIC: Rule = Rule {
    kinds: REVISED,
    condition: Condition::Traffic,
    verbs: &["list"],
    why: "to see whether Services still lead to the new pods; without it a complete rollout succeeds although users may \
          not reach it; not used with --no-traffic",
    ..CHECK
};

pub(super) const PROMISED: Rule = Rule {
    verbs: &["list"],
    why: PROMISES,
    ..CHECK
};

const RESTORED: Rule = Rule {
    group: "apps",
    verbs: &["get", "patch"],
    need: Need::Needed,
    why: RESTORE,
    ..ROLLBACK
};

/// The permissions of every command but `lint`.
pub(super) const RULES: &[Rule] = &[
    Rule {
        kinds: &[Deployment],
        resources: &["deployments"],
        ..FOLLOWED
    },
    Rule {
        kinds: &[StatefulSet],
        resources: &["statefulsets"],
        ..FOLLOWED
    },
    Rule {
        kinds: &[DaemonSet],
        resources: &["daemonsets"],
        ..FOLLOWED
    },
    Rule {
        kinds: JOBS,
        group: "batch",
        resources: &["jobs"],
        why: "to find the Job and follow it until it ends",
        ..FOLLOWED
    },
    Rule {
        kinds: JOBS,
        group: "batch",
        resources: &["cronjobs"],
        verbs: &["get"],
        why: "to find the newest Job of a CronJob that is named (`check cronjob/NAME`), and for nothing else",
        ..CHECK
    },
    Rule {
        why: "to select workloads by label; if one kind cannot be listed, no check succeeds",
        ..SELECTED
    },
    Rule {
        group: "batch",
        resources: &["jobs"],
        why: "to select Jobs by label; if they cannot be listed, no check succeeds",
        ..SELECTED
    },
    Rule {
        command: Command::Rollback,
        kinds: REVISED,
        why: "to select workloads by label; a kind that cannot be listed is not rolled back",
        ..SELECTED
    },
    Rule {
        kinds: &[Deployment],
        group: "apps",
        resources: &["replicasets"],
        verbs: &["list", "watch"],
        why: REVISIONS,
        ..CHECK
    },
    Rule {
        kinds: SETS,
        group: "apps",
        resources: &["controllerrevisions"],
        verbs: &["list", "watch"],
        why: REVISIONS,
        ..CHECK
    },
    Rule {
        resources: &["pods", "events"],
        verbs: &["list", "watch"],
        why: "to name the cause when a rollout fails; without it the check judges by the workload's counts alone",
        ..CHECK
    },
    Rule {
        condition: Condition::Logs,
        resources: &["pods/log"],
        verbs: &["get"],
        why: "to quote the last log lines of a container that fails, and to note the errors that only the new pods of a healthy rollout \
              log; not used with --no-logs",
        ..CHECK
    },
    Rule {
        resources: &["pods/proxy"],
        verbs: &["get"],
        why: "to try the ports that Services lead to and that no probe asks; without it it is not noted that no pod listens",
        ..TRAFFIC
    },
    Rule {
        condition: Condition::Http,
        resources: &["pods/proxy"],
        verbs: &["get"],
        need: Need::Needed,
        why: "to send HTTP checks to pods through the API server",
        ..CHECK
    },
    Rule {
        condition: Condition::HttpService,
        resources: &["services/proxy"],
        verbs: &["get"],
        need: Need::Needed,
        why: "to send HTTP checks to Services through the API server",
        ..CHECK
    },
    Rule {
        condition: Condition::HttpService,
        resources: &["services"],
        verbs: &["list"],
        why: "to find the only port of a Service whose check names none; without it such a check must name the port",
        ..CHECK
    },
    Rule {
        condition: Condition::Http,
        resources: &["pods"],
        verbs: &["list", "watch"],
        need: Need::Needed,
        why: ANSWERS,
        ..CHECK
    },
    Rule {
        kinds: &[Deployment],
        condition: Condition::Http,
        group: "apps",
        resources: &["replicasets"],
        verbs: &["list", "watch"],
        need: Need::Needed,
        why: ANSWERS,
        ..CHECK
    },
    Rule {
        resources: &["services"],
        ..TRAFFIC
    },
    Rule {
        group: "discovery.k8s.io",
        resources: &["endpointslices"],
        ..TRAFFIC
    },
    Rule {
        group: "networking.k8s.io",
        resources: &["ingresses", "networkpolicies"],
        why: "to note Ingresses that lead nowhere and policies that shut the new pods off; without it that is not noted",
        ..TRAFFIC
    },
    Rule {
        condition: Condition::Ingress,
        scope: Scope::Cluster,
        group: "networking.k8s.io",
        resources: &["ingressclasses"],
        need: Need::Optional,
        why: "to note an Ingress whose class does not exist. No Role here has it, because classes are the cluster's; without it \
              that is not noted, and the report says so",
        ..TRAFFIC
    },
    Rule {
        condition: Condition::Ingress,
        resources: &["secrets"],
        verbs: &["get"],
        need: Need::Optional,
        why: "to note an Ingress whose Secret with the certificate does not exist; only the metadata is asked for. No Role here has it, \
              because it opens the Secrets themselves; without it that is not noted, and the report says so",
        ..TRAFFIC
    },
    Rule {
        group: "gateway.networking.k8s.io",
        resources: &["httproutes"],
        why: "to note HTTPRoutes that lead nowhere, where the cluster has the Gateway API; without it that is not noted",
        ..TRAFFIC
    },
    Rule {
        resources: &["events"],
        why: "to quote why a Service gets no load balancer; without it the reason is not known",
        ..TRAFFIC
    },
    Rule {
        group: "autoscaling",
        resources: &["horizontalpodautoscalers"],
        why: "to note an autoscaler that cannot act on the new pods; without it that is not noted",
        ..TRAFFIC
    },
    Rule {
        kinds: &[Deployment],
        condition: Condition::Mark,
        group: "apps",
        resources: &["replicasets"],
        verbs: &["patch"],
        need: Need::Optional,
        why: MARK,
        ..CHECK
    },
    Rule {
        kinds: SETS,
        condition: Condition::Mark,
        group: "apps",
        resources: &["controllerrevisions"],
        verbs: &["patch"],
        need: Need::Optional,
        why: MARK,
        ..CHECK
    },
    Rule {
        group: "cert-manager.io",
        resources: &["certificates"],
        ..PROMISED
    },
    Rule {
        group: "external-secrets.io",
        resources: &["externalsecrets"],
        ..PROMISED
    },
    Rule {
        group: "bitnami.com",
        resources: &["sealedsecrets"],
        ..PROMISED
    },
    Rule {
        group: "secrets-store.csi.x-k8s.io",
        resources: &["secretproviderclasses"],
        ..PROMISED
    },
    Rule {
        group: "batch",
        resources: &["jobs"],
        verbs: &["list"],
        why: "to see whether a Job runs that may create a missing object; without it no Job counts as a promise",
        ..CHECK
    },
    Rule {
        kinds: SETS,
        resources: &["resourcequotas"],
        verbs: &["list"],
        why: "to see whether a quota refuses a ControllerRevision, which no event reports",
        ..CHECK
    },
    Rule {
        group: "apps",
        resources: &["deployments", "statefulsets", "daemonsets"],
        verbs: &["list"],
        why: "to see whether other workloads are about to free quota or nodes; without it that counts as possible",
        ..CHECK
    },
    Rule {
        kinds: &[DaemonSet],
        scope: Scope::Cluster,
        resources: &["nodes"],
        verbs: &["list", "watch"],
        why: NODES,
        ..CHECK
    },
    Rule {
        kinds: &[Deployment],
        resources: &["deployments"],
        ..RESTORED
    },
    Rule {
        kinds: &[StatefulSet],
        resources: &["statefulsets"],
        ..RESTORED
    },
    Rule {
        kinds: &[DaemonSet],
        resources: &["daemonsets"],
        ..RESTORED
    },
    Rule {
        kinds: &[Deployment],
        resources: &["replicasets"],
        verbs: &["list"],
        why: HISTORY,
        ..RESTORED
    },
    Rule {
        kinds: SETS,
        resources: &["controllerrevisions"],
        verbs: &["list"],
        why: HISTORY,
        ..RESTORED
    },
    Rule {
        kinds: SETS,
        resources: &["pods"],
        verbs: &["list"],
        need: Need::Needed,
        why: "to see which revision the pods run",
        ..ROLLBACK
    },
    Rule {
        kinds: &[Deployment],
        resources: &["pods"],
        verbs: &["list"],
        why: "to see which revision the pods run; without it the counts of the ReplicaSets decide",
        ..ROLLBACK
    },
    Rule {
        kinds: &[StatefulSet],
        resources: &["pods"],
        verbs: &["delete"],
        need: Need::Needed,
        why: "to replace pods of the bad revision that block a StatefulSet; a rollback is refused without it if there \
              is one",
        ..ROLLBACK
    },
    Rule {
        resources: &["pods"],
        verbs: &["create"],
        why: "to create a pod of the target as a dry run, which is never stored; without it a quota or a policy that \
              refuses the target's pods shows only afterwards",
        ..ROLLBACK
    },
    Rule {
        resources: &[
            "configmaps",
            "secrets",
            "serviceaccounts",
            "persistentvolumeclaims",
        ],
        verbs: &["get"],
        why: "to check that everything the target references still exists; of a Secret only the keys are kept",
        ..ROLLBACK
    },
    Rule {
        condition: Condition::Helm,
        resources: &["secrets"],
        verbs: &["list"],
        need: Need::Optional,
        why: "to name the revision in `helm rollback RELEASE N`, by the labels of the release's Secrets; their values \
              are not sent. No Role here has it, because it allows reading every Secret; without it the report says \
              `helm history RELEASE`",
        ..ROLLBACK
    },
    Rule {
        group: "batch",
        resources: &["jobs"],
        verbs: &["list"],
        why: "to warn of a migration that ran since the target was last known to be good",
        ..ROLLBACK
    },
    Rule {
        kinds: &[Deployment],
        group: "apps",
        resources: &["replicasets"],
        verbs: &["patch"],
        need: Need::Optional,
        why: CHANGE_CAUSE,
        ..ROLLBACK
    },
    Rule {
        kinds: SETS,
        group: "apps",
        resources: &["controllerrevisions"],
        verbs: &["patch"],
        need: Need::Optional,
        why: CHANGE_CAUSE,
        ..ROLLBACK
    },
    Rule {
        kinds: &[DaemonSet],
        scope: Scope::Cluster,
        resources: &["nodes"],
        verbs: &["list"],
        why: NODES,
        ..ROLLBACK
    },
    Rule {
        scope: Scope::Cluster,
        group: "scheduling.k8s.io",
        resources: &["priorityclasses"],
        verbs: &["get"],
        why: "to check that the target's PriorityClass still exists, if its template names one",
        ..ROLLBACK
    },
    Rule {
        command: Command::Drill,
        kinds: &[Deployment],
        scope: Scope::Cluster,
        resources: &["namespaces"],
        verbs: &["create", "delete"],
        need: Need::Needed,
        why: "to create the namespace of the rehearsal, and to delete it",
        ..CHECK
    },
    Rule {
        command: Command::Drill,
        kinds: &[Deployment],
        scope: Scope::Cluster,
        group: "apps",
        resources: &["deployments"],
        verbs: &["create", "patch"],
        need: Need::Needed,
        why: "to deploy both versions of the rehearsal",
        ..CHECK
    },
];
