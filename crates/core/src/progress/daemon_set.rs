//! Decides whether the rollout of a DaemonSet is complete.
//!
//! Unlike kubectl, it does not wait forever for a node that was down before: such nodes are
//! reported, and all others must be updated.

use crate::snapshot::ExcusedNodes;
use crate::verdict::Pending;
use crate::workload::Counts;

pub(super) fn complete(counts: &Counts, excused: &ExcusedNodes<'_>) -> Result<(), Pending> {
    let desired = desired(counts, excused);
    let updated = counts.updated.saturating_sub(excused.updated);
    if updated < desired {
        return Err(Pending::Updating { updated, desired });
    }
    let available = counts.available.saturating_sub(excused.available);
    if available < desired {
        return Err(Pending::Unavailable {
            available,
            updated: desired,
        });
    }
    Ok(())
}

pub(super) fn desired(counts: &Counts, excused: &ExcusedNodes<'_>) -> i32 {
    counts.desired.saturating_sub(excused.desired).max(0)
}

#[cfg(test)]
mod tests {
    use crate::progress::complete;
    use crate::snapshot::ExcusedNodes;
    use crate::testing::daemon_set;
    use crate::verdict::Pending;

    #[test]
    fn the_questions_are_asked_in_kubectls_order() {
        let rows = [
            (
                "a newer generation is not observed",
                daemon_set().generation(3, 2).counts(3, 3, 3),
                Err(Pending::NotObserved {
                    generation: 3,
                    observed: Some(2),
                }),
            ),
            (
                "one of three updated",
                daemon_set().counts(3, 1, 3),
                Err(Pending::Updating {
                    updated: 1,
                    desired: 3,
                }),
            ),
            (
                "all updated, two available",
                daemon_set().counts(3, 3, 2),
                Err(Pending::Unavailable {
                    available: 2,
                    updated: 3,
                }),
            ),
            ("all there", daemon_set().counts(3, 3, 3), Ok(())),
            ("no node wants it", daemon_set().counts(0, 0, 0), Ok(())),
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

    #[test]
    fn a_node_that_is_down_is_taken_out_of_every_count() {
        let down = |updated, available| ExcusedNodes {
            nodes: vec!["node-2"],
            desired: 1,
            updated,
            available,
        };
        let rows = [
            (
                "the others are updated",
                daemon_set().counts(3, 2, 2),
                down(0, 0),
                Ok(()),
            ),
            (
                "its new pod does not stand for another node's old one",
                daemon_set().counts(3, 2, 2),
                down(1, 0),
                Err(Pending::Updating {
                    updated: 1,
                    desired: 2,
                }),
            ),
            (
                "its old pod, still counted as available, does not stand for another's",
                daemon_set().counts(3, 2, 2),
                down(0, 1),
                Err(Pending::Unavailable {
                    available: 1,
                    updated: 2,
                }),
            ),
        ];
        for (says, set, excused, expected) in rows {
            assert_eq!(complete(&set.build(), &excused), expected, "{says}");
        }
    }
}
