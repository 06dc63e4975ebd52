//! Decides whether the rollout of a StatefulSet is complete.
//!
//! It is stricter than kubectl, which checks neither available replicas, and thus ignores
//! `minReadySeconds`, nor surplus replicas.

use k8s_openapi::api::apps::v1::StatefulSet;

use crate::verdict::Pending;
use crate::workload::{Counts, partition};

pub(super) fn complete(set: &StatefulSet, counts: &Counts) -> Result<(), Pending> {
    let Counts {
        desired,
        current,
        updated,
        ready,
        available,
    } = *counts;
    if ready < desired {
        return Err(Pending::Unready { ready, desired });
    }
    let wanted = self::desired(set, desired);
    if updated < wanted {
        return Err(Pending::Updating {
            updated,
            desired: wanted,
        });
    }
    if current > desired {
        return Err(Pending::OldReplicas {
            old: current.saturating_sub(desired),
        });
    }
    if available < desired {
        return Err(Pending::Unavailable {
            available,
            updated: desired,
        });
    }
    Ok(())
}

/// Returns the number of pods to update: those below the partition stay as they are.
pub(super) fn desired(set: &StatefulSet, replicas: i32) -> i32 {
    replicas.saturating_sub(partition(set)).max(0)
}

#[cfg(test)]
mod tests {
    use crate::progress::complete;
    use crate::snapshot::ExcusedNodes;
    use crate::testing::stateful_set;
    use crate::verdict::Pending;

    #[test]
    fn the_questions_are_asked_in_kubectls_order() {
        let rows = [
            (
                "a newer generation is not observed",
                stateful_set().generation(3, 2).counts(3, 3, 3),
                Err(Pending::NotObserved {
                    generation: 3,
                    observed: Some(2),
                }),
            ),
            (
                "one of three is not ready",
                stateful_set().counts(3, 1, 2),
                Err(Pending::Unready {
                    ready: 2,
                    desired: 3,
                }),
            ),
            (
                "all are ready, one is updated",
                stateful_set().counts(3, 1, 3),
                Err(Pending::Updating {
                    updated: 1,
                    desired: 3,
                }),
            ),
            (
                "only the ones at or above the partition are to be updated",
                stateful_set().counts(3, 1, 3).partition(2),
                Ok(()),
            ),
            (
                "a partition above the replicas lets nothing roll",
                stateful_set().counts(3, 0, 3).partition(7),
                Ok(()),
            ),
            (
                "ready, but not for minReadySeconds yet, which kubectl does not ask",
                stateful_set().counts(3, 3, 3).available(2),
                Err(Pending::Unavailable {
                    available: 2,
                    updated: 3,
                }),
            ),
            ("all there", stateful_set().counts(3, 3, 3), Ok(())),
        ];
        for (says, set, expected) in rows {
            let workload = set.build();
            assert_eq!(
                complete(&workload, &ExcusedNodes::default()),
                expected,
                "{says}"
            );
        }
    }
}
