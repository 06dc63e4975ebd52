//! Decides whether the rollout of a Deployment is complete.

use crate::verdict::Pending;
use crate::workload::Counts;

pub(super) const fn complete(counts: &Counts) -> Result<(), Pending> {
    let Counts {
        desired,
        current,
        updated,
        available,
        ..
    } = *counts;
    if updated < desired {
        return Err(Pending::Updating { updated, desired });
    }
    let old = current.saturating_sub(updated);
    if old > 0 {
        return Err(Pending::OldReplicas { old });
    }
    if available < updated {
        return Err(Pending::Unavailable { available, updated });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::progress::complete;
    use crate::snapshot::ExcusedNodes;
    use crate::testing::deployment;
    use crate::verdict::Pending;

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
            let workload = deployment.build();
            assert_eq!(
                complete(&workload, &ExcusedNodes::default()),
                expected,
                "{says}"
            );
        }
    }
}
