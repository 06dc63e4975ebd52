//! Hints that name a missing permission. All permissions stand in `rollguard_core::permission`.

use rollguard_core::permission::Command;
use rollguard_core::workload::WorkloadKind;

use super::hint::Hint;

/// A permission that is missing; shown as the way to grant it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Permission<'a> {
    /// The command that needs it.
    pub(crate) command: Command,
    /// Verbs, separated by commas.
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
            Some(WorkloadKind::Job) => "jobs.batch,pods,pods/log,events",
            None => {
                "deployments.apps,statefulsets.apps,daemonsets.apps,jobs.batch,replicasets.apps,\
                 controllerrevisions.apps,pods,pods/log,events"
            }
        };
        Permission {
            command: Command::Check,
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
            WorkloadKind::Job => "jobs.batch",
        };
        Permission {
            command: Command::Rollback,
            verbs: "patch",
            resources,
            namespace,
        }
    }

    /// To mark a revision, or to take its mark away.
    pub(crate) const fn to_mark(namespace: &str, kind: WorkloadKind) -> Permission<'_> {
        let resources = match kind {
            WorkloadKind::Deployment => "replicasets.apps",
            WorkloadKind::StatefulSet | WorkloadKind::DaemonSet | WorkloadKind::Job => {
                CONTROLLER_REVISIONS
            }
        };
        Permission {
            command: Command::Check,
            verbs: "patch",
            resources,
            namespace,
        }
    }

    /// To delete a pod that keeps a StatefulSet stuck.
    pub(crate) const fn to_delete_pods(namespace: &str) -> Permission<'_> {
        Permission {
            command: Command::Rollback,
            verbs: "delete",
            resources: "pods",
            namespace,
        }
    }
}

impl Permission<'_> {
    /// Returns how to get it. `doctor` prints the whole Role: a part of one would replace the rest.
    pub(super) fn hint(&self) -> Hint {
        let Self {
            command,
            verbs,
            resources,
            namespace,
        } = self;
        let grant = format!(
            "grant {verbs} on {resources}: apply the Role that `rollguard doctor {command} -n {namespace}` prints"
        );
        let on_azure = match *verbs {
            // Of the built-in roles only `Cluster Admin` has it, which is far too much for a mark.
            _ if *resources == CONTROLLER_REVISIONS => {
                "it requires a custom role with \
                 `Microsoft.ContainerService/managedClusters/apps/controllerrevisions/write`"
            }
            "patch" | "delete" => "assign `Azure Kubernetes Service RBAC Writer`",
            _ => "assign `Azure Kubernetes Service RBAC Reader`",
        };
        Hint::Permission {
            grant,
            on_azure: on_azure.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use rollguard_core::permission::rules;

    use super::*;

    /// Returns whether the table has a verb on a resource as a hint writes it: `plural.group`.
    fn is_given(verb: &str, resource: &str) -> bool {
        let (plural, group) = resource.split_once('.').unwrap_or((resource, ""));
        rules().any(|rule| {
            rule.group == group && rule.resources.contains(&plural) && rule.verbs.contains(&verb)
        })
    }

    #[test]
    fn what_a_hint_asks_for_stands_in_the_rules() {
        let mut hints = vec![Permission::to_delete_pods("shop")];
        for kind in WorkloadKind::WITH_REVISIONS {
            hints.push(Permission::to_patch("shop", kind));
            hints.push(Permission::to_mark("shop", kind));
        }
        for hint in hints {
            for resource in hint.resources.split(',') {
                assert!(is_given(hint.verbs, resource), "{hint:?}");
            }
        }
        let look = Permission::to_look("shop", None);
        for resource in look.resources.split(',') {
            let verbs: &[&str] = match resource {
                "pods/log" => &["get"],
                _ => &["list", "watch"],
            };
            for verb in verbs {
                assert!(is_given(verb, resource), "{verb} {resource}");
            }
        }
        assert!(!is_given("delete", "deployments.apps"));
        assert!(!is_given("update", "pods"));
    }
}
