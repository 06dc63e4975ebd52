//! Causes that the workload itself shows.

use super::*;

pub(super) fn rows() -> Vec<Row> {
    let refused_set = deployment("web").counts(1, 1, 0, 1).condition(
        "Progressing",
        "False",
        (
            "ReplicaSetCreateError",
            "Failed to create new replica set \"web-v2\": Unauthorized",
        ),
    );
    vec![
        without_set(
            "the ReplicaSet is refused for 1 min",
            refused_set.clone(),
            (60, Terminal(ReplicaSetNotCreated)),
        )
        .healed_by(70, vec![seen_set(65, replica_set("v2", 2, (1, 0)))]),
        without_set(
            "the ReplicaSet is refused for 30 s",
            refused_set.clone(),
            (30, Transient(ReplicaSetNotCreated)),
        )
        .healed_by(50, vec![seen_set(40, replica_set("v2", 2, (1, 0)))]),
        rollout(
            "the ReplicaSet was refused before, and exists now",
            refused_set,
            &[],
            (60, Absent(ReplicaSetNotCreated)),
        ),
        rollout(
            "paused in the middle, 10 s",
            deployment("web").counts(3, 3, 1, 3).paused(),
            &[],
            (10, Terminal(Paused)),
        )
        .healed_by(12, vec![seen(12, deployment("web").counts(3, 3, 1, 3))]),
        rollout(
            "the controller has not read the spec for two minutes",
            deployment("web").generation(2, 1),
            &[],
            (120, Transient(ControllerLagging)),
        )
        .healed_by(121, vec![seen(121, deployment("web").generation(2, 2))]),
        rollout(
            "the controller has not read the spec for half a minute",
            deployment("web").generation(2, 1),
            &[],
            (30, Absent(ControllerLagging)),
        ),
        rollout(
            "the new ReplicaSet's progress deadline has passed",
            deployment("web").counts(3, 3, 1, 3).deadline_of("web-v2"),
            &[],
            (60, Noted(ProgressDeadlineExceeded)),
        )
        .healed_by(
            61,
            vec![seen(
                61,
                deployment("web").counts(3, 3, 3, 3).deadline_of("web-v2"),
            )],
        ),
        rollout(
            "a former ReplicaSet's progress deadline had passed",
            deployment("web").counts(3, 3, 1, 3).deadline_of("web-v1"),
            &[],
            (60, Absent(ProgressDeadlineExceeded)),
        ),
        rollout(
            "paused for 5 s: a script may lift it",
            deployment("web").counts(3, 3, 1, 3).paused(),
            &[],
            (5, Transient(Paused)),
        )
        .healed_by(30, vec![seen(10, deployment("web").counts(3, 3, 1, 3))]),
        rollout(
            "paused, but complete",
            deployment("web").counts(3, 3, 3, 3).paused(),
            &[],
            (60, Absent(Paused)),
        ),
        rollout(
            "no replicas",
            deployment("web").counts(0, 0, 0, 0),
            &[],
            (1, Noted(NothingToVerify)),
        )
        .healed_by(9, vec![seen(9, deployment("web").counts(1, 1, 1, 1))]),
        rollout(
            "one replica",
            deployment("web").counts(1, 1, 1, 1),
            &[],
            (1, Absent(NothingToVerify)),
        ),
    ]
}
