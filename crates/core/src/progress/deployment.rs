//! Is the Deployment's rollout complete? kubectl's questions in kubectl's order
//! (`k8s.io/kubectl/pkg/polymorphichelpers/rollout_status.go`), less its
//! `ProgressDeadlineExceeded`: that condition is latched over a rollback to an existing ReplicaSet
//! and would fail a rollout that is doing well.

use k8s_openapi::api::apps::v1::Deployment;

use crate::verdict::Pending;

/// Whether every replica is of the newest template and available, and none other is left.
///
/// # Errors
/// The first of kubectl's questions to which the answer is no.
pub fn complete(deployment: &Deployment) -> Result<(), Pending> {
    let generation = deployment.metadata.generation.unwrap_or_default();
    let status = deployment.status.as_ref();
    let observed = status.and_then(|status| status.observed_generation);
    if observed.is_none_or(|observed| observed < generation) {
        return Err(Pending::NotObserved {
            generation,
            observed,
        });
    }
    let desired = desired(deployment);
    let count = |read: fn(&k8s_openapi::api::apps::v1::DeploymentStatus) -> Option<i32>| {
        status.and_then(read).unwrap_or_default()
    };
    let updated = count(|status| status.updated_replicas);
    if updated < desired {
        return Err(Pending::Updating { updated, desired });
    }
    let old = count(|status| status.replicas) - updated;
    if old > 0 {
        return Err(Pending::OldReplicas { old });
    }
    let available = count(|status| status.available_replicas);
    if available < updated {
        return Err(Pending::Unavailable { available, updated });
    }
    Ok(())
}

/// `spec.replicas`, which the API server defaults to 1.
pub(crate) fn desired(deployment: &Deployment) -> i32 {
    deployment
        .spec
        .as_ref()
        .and_then(|spec| spec.replicas)
        .unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::deployment;

    #[test]
    fn the_questions_are_asked_in_kubectls_order() {
        let rows = [
            (
                "a newer generation is not observed, although the old counts look complete",
                deployment("web").generation(7, 6).counts(3, 3, 3, 3),
                Err(Pending::NotObserved {
                    generation: 7,
                    observed: Some(6),
                }),
            ),
            (
                "nothing observed at all",
                deployment("web").unobserved(),
                Err(Pending::NotObserved {
                    generation: 1,
                    observed: None,
                }),
            ),
            (
                "one of three updated",
                deployment("web").counts(3, 4, 1, 3),
                Err(Pending::Updating {
                    updated: 1,
                    desired: 3,
                }),
            ),
            (
                "all updated, one old left",
                deployment("web").counts(3, 4, 3, 3),
                Err(Pending::OldReplicas { old: 1 }),
            ),
            (
                "all updated, two available",
                deployment("web").counts(3, 3, 3, 2),
                Err(Pending::Unavailable {
                    available: 2,
                    updated: 3,
                }),
            ),
            ("all there", deployment("web").counts(3, 3, 3, 3), Ok(())),
            (
                "scaled to zero",
                deployment("web").counts(0, 0, 0, 0),
                Ok(()),
            ),
            (
                "a stale ProgressDeadlineExceeded does not count",
                deployment("web").counts(1, 1, 1, 1).deadline_exceeded(),
                Ok(()),
            ),
        ];
        for (says, deployment, expected) in rows {
            assert_eq!(complete(&deployment.build()), expected, "{says}");
        }
    }
}
