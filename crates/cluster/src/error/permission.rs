//! Hints that name a missing permission. All permissions stand in `rollguard_core::permission`.

use std::fmt;

use rollguard_core::workload::WorkloadKind;

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
    use rollguard_core::permission::RULES;

    use super::*;

    /// Returns whether the table has a verb on a resource as a hint writes it: `plural.group`.
    fn is_given(verb: &str, resource: &str) -> bool {
        let (plural, group) = resource.split_once('.').unwrap_or((resource, ""));
        RULES.iter().any(|rule| {
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
