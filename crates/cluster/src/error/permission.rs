//! The permissions that a check and a rollback need, in one place.

use std::fmt;

use rollguard_core::workload::WorkloadKind;

/// One rule of a Role: what is done with which resources, and what for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The API group; empty for the core group.
    pub group: &'static str,
    /// The plurals, with a subresource after a slash.
    pub resources: &'static [&'static str],
    /// The verbs.
    pub verbs: &'static [&'static str],
    /// What for, and what happens without it.
    pub why: &'static str,
}

const PROMISES: &str = "to see whether a missing Secret is about to be written; without it the \
                        resource's presence in the API counts as a promise";

const LOOK: &[&str] = &["get", "list", "watch"];

/// What a check needs.
pub const CHECK_RULES: &[Rule] = &[
    Rule {
        group: "apps",
        resources: &[
            "deployments",
            "statefulsets",
            "daemonsets",
            "replicasets",
            "controllerrevisions",
        ],
        verbs: LOOK,
        why: "to follow a rollout and to read its revisions",
    },
    Rule {
        group: "",
        resources: &["pods", "events"],
        verbs: LOOK,
        why: "to find the cause when a rollout fails",
    },
    Rule {
        group: "",
        resources: &["pods/log"],
        verbs: &["get"],
        why: "to quote the last log lines of a container that crashed",
    },
    Rule {
        group: "",
        resources: &["pods/proxy"],
        verbs: &["get"],
        why: "to send HTTP checks to pods",
    },
    Rule {
        group: "apps",
        resources: &["replicasets", "controllerrevisions"],
        verbs: &["patch"],
        why: "to mark a revision as last known good; without it a note says so",
    },
    Rule {
        group: "cert-manager.io",
        resources: &["certificates"],
        verbs: &["list"],
        why: PROMISES,
    },
    Rule {
        group: "external-secrets.io",
        resources: &["externalsecrets"],
        verbs: &["list"],
        why: PROMISES,
    },
    Rule {
        group: "bitnami.com",
        resources: &["sealedsecrets"],
        verbs: &["list"],
        why: PROMISES,
    },
    Rule {
        group: "secrets-store.csi.x-k8s.io",
        resources: &["secretproviderclasses"],
        verbs: &["list"],
        why: PROMISES,
    },
    Rule {
        group: "batch",
        resources: &["jobs"],
        verbs: &["list"],
        why: "to give a missing object more time while a Job runs that may create it",
    },
    Rule {
        group: "",
        resources: &["resourcequotas"],
        verbs: &["list"],
        why: "to name a quota that may refuse a ControllerRevision, which no event reports",
    },
];

/// What a rollback needs besides.
pub const ROLLBACK_RULES: &[Rule] = &[
    Rule {
        group: "apps",
        resources: &["deployments", "statefulsets", "daemonsets"],
        verbs: &["patch"],
        why: "to restore a revision; nothing can be done without it",
    },
    Rule {
        group: "",
        resources: &["pods"],
        verbs: &["delete"],
        why: "to replace the pods that block a StatefulSet; nothing else is deleted",
    },
    Rule {
        group: "",
        resources: &["pods"],
        verbs: &["create"],
        why: "to create a pod of the target as a dry run; none is ever stored",
    },
    Rule {
        group: "",
        resources: &[
            "configmaps",
            "secrets",
            "serviceaccounts",
            "persistentvolumeclaims",
        ],
        verbs: &["get"],
        why: "to check that everything the target references still exists; of a Secret only the \
              keys are kept",
    },
    Rule {
        group: "batch",
        resources: &["jobs"],
        verbs: &["list"],
        why: "to warn of a migration that ran since",
    },
];

/// What a Role cannot give, because it is of the whole cluster; without it a note says so.
pub const CLUSTER_RULES: &[Rule] = &[
    Rule {
        group: "",
        resources: &["nodes"],
        verbs: &["list", "watch"],
        why: "to tell a DaemonSet's pods on lost nodes from the others",
    },
    Rule {
        group: "scheduling.k8s.io",
        resources: &["priorityclasses"],
        verbs: &["get"],
        why: "to check that the target's PriorityClass still exists",
    },
];

/// A permission that is missing; shown as the way to grant it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Permission<'a> {
    /// Verbs, separated by commas, as `kubectl create role` takes them.
    pub(crate) verbs: &'a str,
    /// Resources, separated by commas.
    pub(crate) resources: &'a str,
    /// The namespace.
    pub(crate) namespace: &'a str,
}

const CONTROLLER_REVISIONS: &str = "controllerrevisions.apps";

impl Permission<'_> {
    /// Returns what a check of workloads of one kind needs, or of all kinds.
    pub(crate) const fn to_look(namespace: &str, kind: Option<WorkloadKind>) -> Permission<'_> {
        let resources = match kind {
            Some(WorkloadKind::Deployment) => {
                "deployments.apps,replicasets.apps,pods,pods/log,events"
            }
            Some(WorkloadKind::StatefulSet) => {
                "statefulsets.apps,controllerrevisions.apps,pods,pods/log,events"
            }
            Some(WorkloadKind::DaemonSet) => {
                "daemonsets.apps,controllerrevisions.apps,pods,pods/log,events"
            }
            None => {
                "deployments.apps,statefulsets.apps,daemonsets.apps,replicasets.apps,\
                 controllerrevisions.apps,pods,pods/log,events"
            }
        };
        Permission {
            verbs: "get,list,watch",
            resources,
            namespace,
        }
    }

    /// To restore a revision of a workload.
    pub(crate) const fn to_patch(namespace: &str, kind: WorkloadKind) -> Permission<'_> {
        let resources = match kind {
            WorkloadKind::Deployment => "deployments.apps",
            WorkloadKind::StatefulSet => "statefulsets.apps",
            WorkloadKind::DaemonSet => "daemonsets.apps",
        };
        Permission {
            verbs: "patch",
            resources,
            namespace,
        }
    }

    /// To mark a revision, or to take its mark away.
    pub(crate) const fn to_mark(namespace: &str, kind: WorkloadKind) -> Permission<'_> {
        let resources = match kind {
            WorkloadKind::Deployment => "replicasets.apps",
            WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => CONTROLLER_REVISIONS,
        };
        Permission {
            verbs: "patch",
            resources,
            namespace,
        }
    }

    /// To delete a pod that keeps a StatefulSet stuck.
    pub(crate) const fn to_delete_pods(namespace: &str) -> Permission<'_> {
        Permission {
            verbs: "delete",
            resources: "pods",
            namespace,
        }
    }
}

impl fmt::Display for Permission<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            verbs,
            resources,
            namespace,
        } = self;
        write!(
            f,
            "grant it: kubectl create role rollguard -n {namespace} --verb={verbs} \
             --resource={resources}, and bind the role"
        )?;
        if *resources == CONTROLLER_REVISIONS {
            // Of the built-in roles only `Cluster Admin` has it, which is far too much for a mark.
            return f.write_str(
                "; on AKS with Azure RBAC it requires a custom role with \
                 `Microsoft.ContainerService/managedClusters/apps/controllerrevisions/write`",
            );
        }
        let role = match *verbs {
            "patch" | "delete" => "Writer",
            _ => "Reader",
        };
        write!(
            f,
            "; on AKS with Azure RBAC assign `Azure Kubernetes Service RBAC {role}`"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns whether the rules give a verb on a resource as a hint writes it: `plural.group`.
    fn is_given(verb: &str, resource: &str) -> bool {
        let (plural, group) = resource.split_once('.').unwrap_or((resource, ""));
        let mut rules = CHECK_RULES.iter().chain(ROLLBACK_RULES);
        rules.any(|rule| {
            rule.group == group && rule.resources.contains(&plural) && rule.verbs.contains(&verb)
        })
    }

    #[test]
    fn what_a_hint_asks_for_stands_in_the_rules() {
        let mut hints = vec![Permission::to_delete_pods("shop")];
        for kind in WorkloadKind::ALL {
            hints.push(Permission::to_patch("shop", kind));
            hints.push(Permission::to_mark("shop", kind));
        }
        for hint in hints {
            for resource in hint.resources.split(',') {
                assert!(is_given(hint.verbs, resource), "{hint}");
            }
        }
        let look = Permission::to_look("shop", None);
        for resource in look.resources.split(',') {
            assert!(is_given("get", resource), "{resource}");
            let log = resource == "pods/log";
            assert!(log || is_given("list", resource), "{resource}");
            assert!(log || is_given("watch", resource), "{resource}");
        }
        assert!(!is_given("delete", "deployments.apps"));
        assert!(!is_given("update", "pods"));
    }
}
