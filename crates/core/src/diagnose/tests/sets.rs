//! Causes that only StatefulSets and DaemonSets have.

use super::*;
use crate::finding::RollbackHelps;
use crate::testing::{
    SetBuilder, agent_pod, daemon_set, db_pod, node, stateful_set, workload_event,
};

const QUOTA: &str = "create Pod db-2 in StatefulSet db failed error: pods \"db-2\" is forbidden: exceeded quota: \
                     small, requested: pods=1, used: pods=2, limited: pods=2";
const SECURITY: &str = "Error creating: pods \"agent-\" is forbidden: violates PodSecurity \"restricted:latest\": \
                        hostNetwork=true";

fn set(
    says: &'static str,
    workload: SetBuilder,
    pods: &[PodBuilder],
    judged: (u64, Expect),
) -> Row {
    with_pods(says, workload.seen(0), pods, judged)
}

fn with(mut row: Row, more: impl IntoIterator<Item = Observation>) -> Row {
    row.observations.extend(more);
    row
}

/// The controller has not observed a spec whose template no ControllerRevision holds.
fn without_revision(says: &'static str, seconds: u64, expect: Expect) -> Row {
    let behind = stateful_set().generation(3, 2).version("v3");
    let held = ["v1", "v2"].map(|version| {
        let object = serde_json::from_value(behind.revision_json(version, 1));
        let object = Box::new(object.unwrap());
        Observation::new(at(0), Seen::ControllerRevision { object })
    });
    let object = behind.build();
    let workload = Observation::new(at(0), Seen::Workload { object });
    Row {
        says,
        observations: [vec![workload], held.to_vec()].concat(),
        seconds,
        expect,
        healing: None,
    }
}

#[test]
fn a_revision_that_is_not_created_names_the_quota_that_may_refuse_it() {
    let full = "quota `objects` allows 12 count/controllerrevisions.apps, 12 are used";
    let rows: [(&str, Vec<Promise>, &str); 3] = [
        (
            "a quota counts them",
            vec![Promise::read(full.to_owned())],
            full,
        ),
        (
            "quotas may not be read",
            vec![Promise::unread("the quotas of the namespace".to_owned())],
            "; the quotas of the namespace cannot be read",
        ),
        (
            "no quota counts them",
            Vec::new(),
            "or the controller is behind",
        ),
    ];
    for (says, promises, expected) in rows {
        let mut row = without_revision(says, 30, Transient(ControllerLagging));
        let asked = findings(&row);
        let lagging = |it: &&Finding| it.code == ControllerLagging;
        let asked = asked.iter().find(lagging).and_then(|it| it.lookup.clone());
        assert_eq!(asked, Some(Lookup::RevisionQuota), "{says}");
        let lookup = Lookup::RevisionQuota;
        let helps = if promises.is_empty() {
            RollbackHelps::Partly
        } else {
            RollbackHelps::Yes
        };
        let seen = Seen::LookedUp { lookup, promises };
        row.observations.push(Observation::new(at(11), seen));
        let found = findings(&row);
        let found = found.iter().find(lagging).unwrap();
        assert!(
            found.message.ends_with(expected),
            "{says}: {}",
            found.message
        );
        assert!(found.remedy.contains("kubectl describe quota"), "{says}");
        assert_eq!(found.rollback_helps, helps, "{says}");
    }
}

fn refused(says: &'static str, judged: (u64, Expect)) -> Row {
    let missing = stateful_set().counts(3, 0, 2).existing(2);
    with(
        set(says, missing, &[], judged),
        [workload_event(1, "s-1", "FailedCreate", QUOTA)],
    )
}

fn nodes() -> Vec<Observation> {
    vec![node("one", true, 0), node("two", false, 0)]
}

pub(super) fn rows() -> Vec<Row> {
    let old = |ordinal| db_pod(ordinal, "v1").ready(0);
    let broken = db_pod(0, "v1").running(0, 0);
    vec![
        refused(
            "a StatefulSet's pod is refused for 31 s: only an event tells",
            (31, Terminal(QuotaExceeded)),
        )
        .healed_by(40, stateful_set().counts(3, 1, 3).seen(40)),
        without_revision(
            "no ControllerRevision for the new template after 10 s: no event tells of a refusal",
            10,
            Transient(ControllerLagging),
        )
        .healed_by(11, stateful_set().generation(3, 3).version("v3").seen(11)),
        without_revision(
            "no ControllerRevision for the new template yet",
            5,
            Absent(ControllerLagging),
        ),
        refused(
            "a StatefulSet's pod is refused for 10 s",
            (10, Transient(QuotaExceeded)),
        ),
        with(
            refused("the next attempt went well", (60, Absent(QuotaExceeded))),
            [workload_event(
                5,
                "s-1",
                "SuccessfulCreate",
                "create Pod db-2 in StatefulSet db successful",
            )],
        ),
        with(
            set(
                "no pod is missing: the event is of the past",
                stateful_set().counts(3, 1, 3),
                &[],
                (60, Absent(QuotaExceeded)),
            ),
            [workload_event(1, "s-1", "FailedCreate", QUOTA)],
        ),
        with(
            refused(
                "each attempt names another pod: the first of them counts",
                (32, Terminal(QuotaExceeded)),
            ),
            (2..30).map(|second| workload_event(second, "s-1", "FailedCreate", QUOTA)),
        ),
        with(
            refused(
                "the quota was mended, and now something else is wrong",
                (32, Transient(ServiceAccountMissing)),
            ),
            [workload_event(
                30,
                "s-1",
                "FailedCreate",
                "create Pod db-2 in StatefulSet db failed error: pods \"db-2\" is forbidden: error looking up \
                 service account shop/db: serviceaccount \"db\" not found",
            )],
        ),
        with(
            set(
                "a DaemonSet's pods violate pod security",
                daemon_set().counts(3, 0, 2).existing(2),
                &[],
                (26, Terminal(PodSecurityViolated)),
            ),
            [workload_event(1, "ds-1", "FailedCreate", SECURITY)],
        ),
        set(
            "OnDelete, and nobody deletes for ten minutes",
            stateful_set().on_delete().counts(3, 0, 3),
            &[old(0), old(1), old(2)],
            (600, Terminal(WaitsForDeletion)),
        )
        .healed_by(
            610,
            (0..3)
                .flat_map(|it| db_pod(it, "v2").ready(605).seen(605))
                .collect(),
        ),
        set(
            "OnDelete for a minute: an operator may be at it",
            stateful_set().on_delete().counts(3, 0, 3),
            &[old(0), old(1), old(2)],
            (60, Transient(WaitsForDeletion)),
        ),
        set(
            "RollingUpdate replaces the pods itself",
            stateful_set().counts(3, 0, 3),
            &[old(0), old(1), old(2)],
            (600, Absent(WaitsForDeletion)),
        ),
        set(
            "an ordered StatefulSet waits for a broken pod of the former revision",
            stateful_set().counts(1, 0, 0),
            std::slice::from_ref(&broken),
            (60, Terminal(StatefulSetStuck)),
        )
        .healed_by(70, db_pod(0, "v1").ready(65).seen(65)),
        set(
            "it waits for half a minute: the pod may become ready",
            stateful_set().counts(1, 0, 0),
            std::slice::from_ref(&broken),
            (30, Transient(StatefulSetStuck)),
        ),
        set(
            "it was scaled a moment ago: which revision is the newest is not known",
            stateful_set().counts(1, 0, 0).generation(3, 2),
            std::slice::from_ref(&broken),
            (60, Absent(StatefulSetStuck)),
        ),
        set(
            "it waits for a pod that takes long to leave",
            stateful_set().counts(3, 0, 1),
            &[
                db_pod(2, "v1").with("/metadata/deletionTimestamp", json!(at(180))),
                db_pod(1, "v1").running(0, 0),
            ],
            (120, Absent(StatefulSetStuck)),
        ),
        set(
            "a parallel StatefulSet does not wait",
            stateful_set().parallel().counts(1, 0, 0),
            &[broken],
            (60, Absent(StatefulSetStuck)),
        ),
        with(
            set(
                "a node is down since before: its pod is not updated",
                daemon_set().counts(2, 1, 1),
                &[agent_pod("one", "v2").ready(0), agent_pod("two", "v1")],
                (60, Transient(NodeNotUpdated)),
            ),
            nodes(),
        )
        .healed_by(70, vec![node("two", true, 65)]),
        with(
            set(
                "every node is ready",
                daemon_set().counts(2, 1, 1),
                &[
                    agent_pod("one", "v2").ready(0),
                    agent_pod("two", "v1").ready(0),
                ],
                (60, Absent(NodeNotUpdated)),
            ),
            [node("one", true, 0), node("two", true, 0)],
        ),
        with(
            set(
                "a node that goes down under its new pod is not excused",
                daemon_set().counts(2, 2, 1),
                &[agent_pod("one", "v2").ready(0), agent_pod("two", "v2")],
                (60, Absent(NodeNotUpdated)),
            ),
            [node("one", true, 0), node("two", false, 30)],
        ),
    ]
}
