//! Whole sessions in virtual time.
#![expect(clippy::too_many_lines, reason = "tables of named rows")]

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::finding::FindingCode;
use crate::observation::{Blindness, EndedRead, FreshRead};
use crate::testing::{
    DeploymentBuilder, PodBuilder, at, deployment, listed, pod, replica_set, seen, seen_set, start,
    web,
};
use crate::workload::{Workload, WorkloadRef};

mod concerns;
mod formers;
mod jobs;
mod kinds;
mod late;
mod many;
mod recheck;
mod release;
mod replay;
mod restored;
mod service_checks;
mod sight;
mod stale;
mod standstill;
mod storm;
mod suspects;
mod traffic;
mod unlisted;
mod waiting;

fn policy(timeout: u64) -> Policy {
    Policy {
        timeout: Duration::from_secs(timeout),
        ..Policy::default()
    }
}

/// Runs a session with a tick whenever it asks for one, up to an hour.
fn session(timeout: u64, observations: &[Observation]) -> (Session, Verdict, u64) {
    session_of(&web(), timeout, observations)
}

fn session_of(
    workload: &WorkloadRef,
    timeout: u64,
    observations: &[Observation],
) -> (Session, Verdict, u64) {
    session_of_all(vec![workload.clone()], timeout, observations)
}

fn session_of_all(
    workloads: Vec<WorkloadRef>,
    timeout: u64,
    observations: &[Observation],
) -> (Session, Verdict, u64) {
    run(
        Session::new(workloads, policy(timeout), start()),
        observations,
    )
}

fn run(mut session: Session, observations: &[Observation]) -> (Session, Verdict, u64) {
    let mut pending = observations.iter().cloned().peekable();
    let mut wake_at = start();
    loop {
        let observation = match pending.next_if(|next| next.at <= wake_at || wake_at == start()) {
            Some(next) => next,
            None if wake_at == Timestamp::MAX => match pending.next() {
                Some(next) => next,
                None => {
                    return (
                        session,
                        Verdict::Progressing {
                            pending: Pending::NotSeen,
                        },
                        3600,
                    );
                }
            },
            None => Session::tick(wake_at),
        };
        let now = observation.at;
        let step = session.observe(observation);
        if step.verdict.is_terminal() || now > at(3600) {
            return (session, step.verdict, elapsed_seconds(now));
        }
        assert!(
            step.wake_at > now,
            "a session that wakes at once would spin: {step:?}"
        );
        wake_at = step.wake_at;
    }
}

fn elapsed_seconds(now: Timestamp) -> u64 {
    crate::duration::elapsed(start(), now).as_secs()
}

const ALL: [&str; 6] = ["d-1", "rs-v1", "rs-v2", "pod-a", "pod-b", "event-pod-a-0"];

/// An ordinary first look: the Deployment, both ReplicaSets, the pods, all listed.
fn first_look(workload: DeploymentBuilder, pods: &[PodBuilder]) -> Vec<Observation> {
    let mut all = vec![
        seen(0, workload),
        seen_set(0, replica_set("v1", 1, (1, 1))),
        seen_set(0, replica_set("v2", 2, (1, 0))),
    ];
    all.extend(pods.iter().flat_map(|pod| pod.seen(0)));
    all.extend(listed(0, &ALL));
    all
}

fn complete() -> DeploymentBuilder {
    deployment("web").counts(1, 1, 1, 1)
}

fn rolling() -> DeploymentBuilder {
    deployment("web").counts(1, 2, 1, 1)
}

fn blind(seconds: u64, resource: ResourceKind, why: Blindness) -> Observation {
    Observation::new(at(seconds), Seen::Blind { resource, why })
}

fn disconnected() -> Blindness {
    Blindness::Disconnected {
        message: "connection reset".into(),
    }
}

fn forbidden() -> Blindness {
    Blindness::Forbidden {
        message: "forbidden".into(),
    }
}

fn crashing() -> PodBuilder {
    pod("a").crash_loop(3, ("Error", 1, ""))
}

struct Row {
    says: &'static str,
    observations: Vec<Observation>,
    verdict: &'static str,
    second: u64,
}

fn row(
    says: &'static str,
    observations: Vec<Observation>,
    verdict: &'static str,
    second: u64,
) -> Row {
    Row {
        says,
        observations,
        verdict,
        second,
    }
}

fn with(mut observations: Vec<Observation>, more: Vec<Observation>) -> Vec<Observation> {
    observations.extend(more);
    observations
}

fn sight_rows() -> Vec<Row> {
    let unready_list: Vec<Observation> = first_look(complete(), &[pod("a").ready(0)])
        .into_iter()
        .filter(|it| {
            !matches!(
                it.seen,
                Seen::Listed {
                    resource: ResourceKind::Pod,
                    ..
                }
            )
        })
        .collect();
    vec![
        row("pods were never listed", unready_list, "undetermined", 60),
        row(
            "the workload is forbidden",
            vec![blind(1, ResourceKind::Deployment, forbidden())],
            "undetermined",
            1,
        ),
        row(
            "the token is refused",
            with(
                first_look(rolling(), &[]),
                vec![blind(
                    5,
                    ResourceKind::Pod,
                    Blindness::Unauthorized {
                        message: String::new(),
                    },
                )],
            ),
            "undetermined",
            5,
        ),
        row(
            "events are forbidden: the pods tell enough, once a kill that is not announced would show",
            with(
                first_look(complete(), &[pod("a").ready(0)]),
                vec![blind(0, ResourceKind::Event, forbidden())],
            ),
            "succeeded",
            3 + 3 + 1 + 30 + 2,
        ),
        row(
            "events cannot be read for ever: the pods tell enough, once a kill that is not announced would show",
            with(
                first_look(complete(), &[pod("a").ready(0)]),
                vec![blind(0, ResourceKind::Event, disconnected())],
            ),
            "succeeded",
            3 + 3 + 1 + 30 + 2,
        ),
        row(
            "events come back: it is as if they had never been lost",
            with(
                first_look(complete(), &[pod("a").ready(0)]),
                [
                    vec![blind(3, ResourceKind::Event, disconnected())],
                    listed(12, &ALL),
                ]
                .concat(),
            ),
            "succeeded",
            12,
        ),
        row(
            "events are lost just before the deadline: timed out as without them",
            with(
                first_look(rolling(), &[]),
                vec![blind(50, ResourceKind::Event, disconnected())],
            ),
            "timedOut",
            60,
        ),
        row(
            "pods are forbidden: complete for ten seconds is enough",
            with(
                first_look(complete(), &[]),
                vec![blind(0, ResourceKind::Pod, forbidden())],
            ),
            "succeeded",
            10,
        ),
        row(
            "out of sight for 30 s",
            with(
                first_look(rolling(), &[]),
                vec![blind(5, ResourceKind::Deployment, disconnected())],
            ),
            "undetermined",
            35,
        ),
        row(
            "out of sight for 20 s, then back and complete",
            with(
                first_look(rolling(), &[pod("a").ready(0)]),
                vec![
                    blind(5, ResourceKind::Deployment, disconnected()),
                    seen(25, complete()),
                    Observation::new(
                        at(25),
                        Seen::Listed {
                            resource: ResourceKind::Deployment,
                            uids: ALL.iter().map(|it| (*it).to_owned()).collect(),
                        },
                    ),
                ],
            ),
            "succeeded",
            25,
        ),
        row(
            "a crash loop is not judged while the pods are out of sight",
            with(
                first_look(rolling(), &[]),
                [
                    vec![blind(5, ResourceKind::Deployment, disconnected())],
                    crashing().seen(6),
                ]
                .concat(),
            ),
            "undetermined",
            35,
        ),
        row(
            "out of sight at the deadline: not timed out",
            with(
                first_look(rolling(), &[]),
                vec![blind(50, ResourceKind::Pod, disconnected())],
            ),
            "undetermined",
            60,
        ),
    ]
}

fn rows() -> Vec<Row> {
    let late = |second| {
        vec![
            seen(second, complete()),
            Observation::new(
                at(second),
                Seen::Pod {
                    object: Box::new(pod("a").ready(second).build()),
                },
            ),
        ]
    };
    let mut replaced = complete().json();
    replaced["metadata"]["uid"] = "d-2".into();
    let replaced = Seen::Workload {
        object: serde_json::from_value(replaced).unwrap(),
    };
    vec![
        row(
            "complete, ready since the start: stable after ten seconds",
            first_look(complete(), &[pod("a").ready(0)]),
            "succeeded",
            10,
        ),
        row(
            "ready between two crashes: green only once it outlives the run before",
            first_look(complete(), &[pod("a").ready_after_crash(0, 15)]),
            "succeeded",
            25,
        ),
        row(
            "a node whose clock is two minutes ahead",
            first_look(complete(), &[pod("a").ready(120)]),
            "succeeded",
            10,
        ),
        row(
            "complete by counts, but no ready pod in sight",
            first_look(complete(), &[pod("a")]),
            "timedOut",
            60,
        ),
        row(
            "complete at 55 s gets its ten seconds beyond the deadline",
            with(first_look(rolling(), &[]), late(55)),
            "succeeded",
            65,
        ),
        row(
            "complete at 55 s and broken at 58 s",
            with(
                first_look(rolling(), &[]),
                with(
                    late(55),
                    with(
                        vec![seen(58, deployment("web").counts(1, 1, 1, 0))],
                        pod("a").running(58, 1).seen(58),
                    ),
                ),
            ),
            "timedOut",
            60,
        ),
        row(
            "crashed four times: a fifth start may find what it waits for",
            first_look(rolling(), &[crashing()]),
            "timedOut",
            60,
        ),
        row(
            "crashed three times, then nothing changes",
            first_look(rolling(), &[pod("a").crash_loop(2, ("Error", 1, ""))]),
            "timedOut",
            60,
        ),
        row(
            "a malformed name is confirmed after four seconds",
            first_look(rolling(), &[pod("a").waiting("InvalidImageName", "")]),
            "failed",
            4,
        ),
        row(
            "the old generation's counts are complete: not a success",
            first_look(complete().generation(2, 1), &[pod("a").ready(0)]),
            "timedOut",
            60,
        ),
        row(
            "a newer template",
            with(
                first_look(rolling(), &[crashing().ready(0)]),
                vec![seen(3, rolling().version("v3"))],
            ),
            "superseded",
            3,
        ),
        row(
            "an autoscaler changes the replicas: still the same rollout",
            with(
                first_look(rolling(), &[pod("a").ready(0)]),
                vec![seen(
                    3,
                    deployment("web").generation(2, 2).counts(1, 1, 1, 1),
                )],
            ),
            "succeeded",
            10,
        ),
        row(
            "deleted",
            with(
                first_look(rolling(), &[]),
                vec![Observation::new(
                    at(4),
                    Seen::Gone {
                        resource: ResourceKind::Deployment,
                        uid: "d-1".into(),
                    },
                )],
            ),
            "undetermined",
            4,
        ),
        row(
            "deleted and created again",
            with(
                first_look(rolling(), &[]),
                vec![Observation::new(at(4), replaced)],
            ),
            "superseded",
            4,
        ),
        row("nothing is ever seen", vec![], "undetermined", 60),
        row(
            "scaled to zero",
            first_look(deployment("web").counts(0, 0, 0, 0), &[]),
            "succeeded",
            0,
        ),
    ]
}

/// A pod with a liveness probe at the API's defaults (10 s × 3), of a port where nothing listens.
fn deaf(ready: u64) -> PodBuilder {
    let probe = serde_json::json!({"tcpSocket": {"port": 9999}});
    pod("a")
        .ready(ready)
        .with("/spec/containers/0/livenessProbe", probe)
        .with("/spec/containers/0/readinessProbe", serde_json::Value::Null)
}

fn liveness_rows() -> Vec<Row> {
    let refused = "Liveness probe failed: dial tcp 10.0.0.7:9999: connect: connection refused";
    let failing = |second| {
        let pod = deaf(2).event_until(second, ("Unhealthy", refused), 1);
        pod.seen(second)
    };
    let killed = |second: u64, kills: i32| {
        let run = serde_json::json!({"terminated": {"exitCode": 137, "reason": "Error",
            "startedAt": at(second - 28), "finishedAt": at(second)}});
        let text = "Container app failed liveness probe, will be restarted";
        let pod = deaf(2).crash_loop(kills, ("Error", 137, ""));
        let pod = pod
            .with("/status/containerStatuses/0/lastState", run)
            .ready_once(second)
            .event_until(second, ("Killing", text), kills);
        with(pod.seen(second), vec![seen(second, rolling())])
    };
    let beside_an_old_one = {
        let mut older = pod("b")
            .ready(0)
            .with(
                "/status/containerStatuses/0/state/running/startedAt",
                "1969-12-31T23:59:40Z".into(),
            )
            .with(
                "/spec/containers/0/livenessProbe",
                serde_json::json!({"tcpSocket": {"port": 9999}}),
            )
            .seen(0);
        older.extend(first_look(complete(), &[deaf(2)]));
        older
    };
    vec![
        row(
            "a liveness probe that was not heard to fail: green once it would have killed",
            first_look(complete(), &[deaf(2)]),
            "succeeded",
            33,
        ),
        row(
            "another pod has outlived the same probe since 13 s",
            beside_an_old_one,
            "succeeded",
            13,
        ),
        row(
            "it fails at 11 s and at 21 s and passes at 31 s",
            [first_look(complete(), &[deaf(2)]), failing(11), failing(21)].concat(),
            "succeeded",
            21 + 23,
        ),
        row(
            "it fails from 11 s on, and kills at 28 s and 58 s: never green",
            [
                first_look(complete(), &[deaf(2)]),
                failing(11),
                failing(21),
                killed(28, 1),
                killed(58, 2),
            ]
            .concat(),
            "timedOut",
            60,
        ),
    ]
}

#[test]
fn every_session_ends_as_its_row_says() {
    let all = [rows(), sight_rows(), liveness_rows()];
    for row in all.into_iter().flatten() {
        let (session, verdict, second) = session(60, &row.observations);
        assert_eq!(
            (verdict.word(), second),
            (row.verdict, row.second),
            "{}: {verdict:#?}\n{:#?}",
            row.says,
            session.timeline()
        );
    }
}

#[test]
fn a_rollout_that_is_long_stable_passes_at_once() {
    let observations: Vec<Observation> = first_look(complete(), &[pod("a").ready(0)])
        .into_iter()
        .map(|it| Observation::new(at(600), it.seen))
        .collect();
    let mut session = Session::new([web()], policy(60), at(600));
    let verdicts: Vec<&str> = observations
        .into_iter()
        .map(|it| session.observe(it).verdict.word())
        .collect();
    assert_eq!(verdicts.last(), Some(&"succeeded"));
}

/// Returns what holds instead of the verdict after a fresh look.
fn confirmed(session: &Session, fresh: &Workload) -> Result<(), String> {
    let confirmed = session.workloads()[0].confirm(session.snapshot(), fresh, at(61));
    confirmed.map_err(|instead| match instead {
        Verdict::Undetermined { why } => why.to_string(),
        Verdict::Superseded { by } => by.to_string(),
        Verdict::Progressing { .. }
        | Verdict::Succeeded
        | Verdict::Failed { .. }
        | Verdict::TimedOut { .. } => unreachable!("no verdict that a look can take away"),
    })
}

#[test]
fn a_success_is_confirmed_by_a_fresh_look() {
    let (session, verdict, _) = session(60, &first_look(complete(), &[pod("a").ready(0)]));
    assert_eq!(verdict, Verdict::Succeeded);
    let mut replaced = complete().json();
    replaced["metadata"]["uid"] = "d-2".into();
    let rows = [
        ("still so", complete().build(), Ok(())),
        (
            "scaled meanwhile, complete",
            deployment("web")
                .generation(2, 2)
                .counts(2, 2, 2, 2)
                .build(),
            Ok(()),
        ),
        (
            "a newer template",
            complete().version("v3").build(),
            Err("a newer rollout began in the meantime"),
        ),
        (
            "another object",
            serde_json::from_value(replaced).unwrap(),
            Err("the workload was deleted and created again in the meantime"),
        ),
        (
            "not complete any more",
            deployment("web").counts(1, 1, 1, 0).build(),
            Err(
                "lost sight of deployments: the watches lag behind the cluster, where 0 of 1 updated replicas available",
            ),
        ),
    ];
    for (says, fresh, expected) in rows {
        let confirmed = confirmed(&session, &fresh);
        assert_eq!(confirmed, expected.map_err(str::to_owned), "{says}");
    }
}

#[test]
fn what_timed_out_must_not_have_completed() {
    let (session, verdict, _) = session(60, &first_look(rolling(), &[]));
    let why = |fresh: DeploymentBuilder| confirmed(&session, &fresh.build());
    assert_eq!(verdict.word(), "timedOut");
    assert_eq!(why(rolling()), Ok(()));
    assert!(why(complete()).is_err_and(|it| it.contains("the rollout is complete")));
    assert!(why(rolling().version("v3")).is_err_and(|it| it.contains("a newer rollout")));
}

#[test]
fn what_is_told_is_told_once_with_a_reminder_each_thirty_seconds() {
    let (session, _, _) = session(
        120,
        &with(
            first_look(rolling(), &[pod("a").waiting("InvalidImageName", "")]),
            pod("a").seen(3),
        ),
    );
    let told: Vec<String> = session
        .timeline()
        .iter()
        .map(|it| format!("{} {}", elapsed_seconds(it.at), it.text))
        .collect();
    assert_eq!(
        told,
        [
            "0 container `app`: image name `registry.test/app:v2` is malformed (InvalidImageName)",
            "0 1 old replica is still there",
            "3 InvalidImageName has gone",
        ]
    );
    let mut session = Session::new([web()], policy(300), start());
    for observation in first_look(rolling(), &[]) {
        let _ = session.observe(observation);
    }
    let reminders = |second| {
        session
            .clone()
            .observe(Session::tick(at(second)))
            .events
            .len()
    };
    assert_eq!((reminders(29), reminders(30)), (0, 1));
}

/// Observations of two pods in any order and number.
fn any_observations() -> impl Strategy<Value = Vec<Observation>> {
    let pods = || {
        prop_oneof![
            Just(pod("a")),
            Just(pod("a").ready(1)),
            Just(crashing()),
            Just(pod("b").waiting("ErrImagePull", "not found")),
            Just(pod("b").unschedulable("no nodes")),
        ]
    };
    let one = prop_oneof![
        (0_i32..3, 0_i32..3, 0_i32..3).prop_map(|(current, updated, available)| {
            vec![seen(
                0,
                deployment("web").counts(1, current, updated, available),
            )]
        }),
        pods().prop_map(|pod| pod.seen(0)),
        Just(listed(0, &ALL)),
        Just(listed(0, &["d-1"])),
        Just(vec![blind(0, ResourceKind::Pod, disconnected())]),
        Just(vec![blind(0, ResourceKind::Event, forbidden())]),
        Just(vec![seen_set(0, replica_set("v2", 2, (1, 0)))]),
        Just(vec![Session::tick(start())]),
    ];
    let groups = prop::collection::vec((one, 0_u64..20), 1..25);
    groups.prop_map(|groups| {
        let mut second = 0;
        let timed = groups.into_iter().flat_map(|(group, pause)| {
            second += pause;
            let now = at(second);
            group
                .into_iter()
                .map(move |it| Observation::new(now, it.seen))
                .collect::<Vec<_>>()
        });
        timed.collect()
    })
}

fn replay(timeout: u64, observations: &[Observation]) -> Vec<Verdict> {
    let mut session = Session::new([web()], policy(timeout), start());
    observations
        .iter()
        .map(|it| session.observe(it.clone()).verdict)
        .collect()
}

proptest! {
    #[test]
    fn a_terminal_verdict_never_changes(observations in any_observations()) {
        let verdicts = replay(60, &observations);
        if let Some(first) = verdicts.iter().position(Verdict::is_terminal) {
            prop_assert!(verdicts.iter().skip(first).all(|it| Some(it) == verdicts.get(first)));
        }
    }

    #[test]
    fn seeing_everything_twice_changes_nothing(observations in any_observations()) {
        let doubled: Vec<Observation> = observations.iter().flat_map(|it| [it.clone(), it.clone()]).collect();
        prop_assert_eq!(replay(60, &observations).last().cloned(), replay(60, &doubled).last().cloned());
    }

    #[test]
    fn more_time_never_turns_a_success_into_a_failure(observations in any_observations()) {
        let last = |timeout| replay(timeout, &observations).pop();
        if last(60) == Some(Verdict::Succeeded) {
            prop_assert_eq!(last(600), Some(Verdict::Succeeded));
        }
    }

    #[test]
    fn blindness_never_offers_a_rollback(observations in any_observations()) {
        let mut all = observations.clone();
        all.push(blind(0, ResourceKind::Deployment, forbidden()));
        if !replay(60, &observations).iter().any(Verdict::is_terminal) {
            prop_assert!(!replay(60, &all).iter().any(Verdict::offers_rollback));
        }
    }
}
