//! Several workloads in one session, one revision that is meant, and HTTP checks.

use super::*;
use crate::http::{HttpAnswer, HttpCheck};
use crate::observation::Answer;
use crate::testing::{db, db_pod, listed_for, stateful_set};
use crate::workload::{Revision, WorkloadKind, WorkloadRef};

fn both() -> Vec<WorkloadRef> {
    vec![web(), db()]
}

/// Both workloads at once: the Deployment's pods and the StatefulSet's.
fn look(
    workload: DeploymentBuilder,
    web_pods: &[PodBuilder],
    db_pods: &[PodBuilder],
) -> Vec<Observation> {
    let uids = [
        "d-1", "rs-v1", "rs-v2", "s-1", "cr-db-v1", "cr-db-v2", "pod-a", "pod-db-0",
    ];
    let mut all = vec![seen(0, workload), seen_set(0, replica_set("v2", 2, (1, 0)))];
    all.extend(stateful_set().counts(1, 1, 1).seen(0));
    all.extend(web_pods.iter().chain(db_pods).flat_map(|pod| pod.seen(0)));
    all.extend(listed_for(WorkloadKind::Deployment, 0, &uids));
    all.extend(listed_for(WorkloadKind::StatefulSet, 0, &uids));
    all
}

fn sentence(session: &Session, verdict: &Verdict) -> String {
    crate::report::Report::new(session, verdict, at(60)).sentence
}

#[test]
fn a_success_needs_all_and_a_failure_one() {
    let good = [db_pod(0, "v2").ready(0)];
    let invalid = pod("a").waiting("InvalidImageName", "");
    let forbidden_sets = blind(0, ResourceKind::StatefulSet, forbidden());
    let rows = [
        (
            "both are healthy",
            look(complete(), &[pod("a").ready(0)], &good),
            ("succeeded", 10),
            "all 2 workloads are healthy: their rollouts are complete and stable for 10s (no restart, no failed probe)",
        ),
        (
            "one fails, and nobody waits for the other",
            look(rolling(), &[invalid], &[]),
            ("failed", 4),
            "1 of 2 workloads fail: Deployment \"web\" fails: container `app`: image name `registry.test/app:v2` is malformed (InvalidImageName)",
        ),
        (
            "one is not complete in time",
            look(rolling(), &[], &good),
            ("timedOut", 60),
            "1 of 2 workloads did not complete in time: Deployment \"web\" did not complete in time: 1 old replica is still there; the pods of former revisions that the status counts cannot be seen",
        ),
        (
            "one cannot be seen: the other's success is not enough",
            with(
                look(complete(), &[pod("a").ready(0)], &good),
                vec![forbidden_sets],
            ),
            ("undetermined", 10),
            "1 of 2 workloads are undetermined: StatefulSet \"db\" is undetermined: may not watch statefulsets: forbidden",
        ),
        (
            "one is superseded: the other's success is not enough",
            with(
                look(complete(), &[pod("a").ready(0)], &good),
                vec![seen(3, complete().version("v3"))],
            ),
            ("superseded", 10),
            "1 of 2 workloads are superseded: Deployment \"web\" is superseded: a newer rollout began in the meantime",
        ),
    ];
    for (says, observations, expected, told) in rows {
        let (session, verdict, second) = session_of_all(both(), 60, &observations);
        assert_eq!((verdict.word(), second), expected, "{says}: {verdict:?}");
        assert_eq!(sentence(&session, &verdict), told, "{says}");
    }
}

#[test]
fn one_cause_in_two_workloads_reads_as_one_finding() {
    let causes = [
        pod("a").waiting("InvalidImageName", ""),
        db_pod(0, "v2").waiting("InvalidImageName", ""),
    ];
    let [one, other] = causes;
    let observations = look(rolling(), &[one], &[other]);
    let (session, _, _) = session_of_all(both(), 60, &observations);
    let findings = session.findings();
    let named: Vec<_> = findings
        .iter()
        .map(|it| (it.code, it.pods, it.workloads.join(" ")))
        .collect();
    let both = "deployment/web statefulset/db".to_owned();
    assert_eq!(named, [(FindingCode::InvalidImageName, 2, both)]);
}

#[test]
fn a_reminder_names_one_and_counts_the_others() {
    let unready = look(rolling(), &[], &[]);
    let mut session = Session::new(both(), policy(120), start());
    for observation in unready {
        let _ = session.observe(observation);
    }
    let events = session.observe(Session::tick(at(30))).events;
    let lines: Vec<String> = events
        .iter()
        .flat_map(|it| crate::report::event_lines(it, start(), true))
        .map(|it| it.text())
        .collect();
    assert_eq!(
        lines,
        [
            "  +30s  deployment/web: still waiting: 1 old replica is still there; the pods of former revisions that the status counts cannot be seen, and for 1 more; 1m30s left"
        ]
    );
}

#[test]
fn a_revision_that_is_meant_is_judged_and_no_other() {
    let rows = [
        (
            2,
            "succeeded",
            10,
            "Deployment \"web\" is healthy: the rollout is complete and stable for 10s (no restart, no failed probe)",
        ),
        (
            1,
            "superseded",
            0,
            "Deployment \"web\" is superseded: revision 2 replaced revision 1",
        ),
        (
            3,
            "undetermined",
            60,
            "Deployment \"web\" is undetermined: revision 3 never came; the newest is 2",
        ),
    ];
    for (revision, word, second, told) in rows {
        let target = Target {
            workload: web(),
            revision: Some(Revision(revision)),
            restored: None,
            run: None,
        };
        let observations = first_look(complete(), &[pod("a").ready(0)]);
        let (session, verdict, at) =
            run(Session::new([target], policy(60), start()), &observations);
        assert_eq!((verdict.word(), at), (word, second), "revision {revision}");
        assert_eq!(sentence(&session, &verdict), told);
    }
}

fn answer(second: u64, status: u16) -> Observation {
    let answer = Answer::Came {
        answer: HttpAnswer::new(status, Duration::from_millis(12), "body"),
    };
    let seen = Seen::Answered {
        pod: "pod-a".into(),
        check: 0,
        answer,
    };
    Observation::new(at(second), seen)
}

fn asking() -> Session {
    let policy = Policy {
        http: vec![HttpCheck::parse("/healthz:8080").unwrap()],
        ..policy(60)
    };
    Session::new([web()], policy, start())
}

#[test]
fn a_rollout_is_healthy_once_each_new_pod_answers_as_expected() {
    let healthy = || first_look(complete(), &[pod("a").ready(0)]);
    let denied = |why| blind(3, ResourceKind::PodProxy, why);
    let rows = [
        (
            "200 after 15 s",
            vec![answer(1, 503), answer(15, 200)],
            "succeeded",
            15,
        ),
        (
            "200 at once: still stable for ten seconds",
            vec![answer(1, 200)],
            "succeeded",
            10,
        ),
        ("nobody answers the asks", vec![], "timedOut", 60),
        (
            "503 for half a minute",
            (0..=15).map(|it| answer(it * 2, 503)).collect(),
            "failed",
            25,
        ),
        (
            "the proxy may not be used: not a success that nobody looked at",
            vec![denied(forbidden())],
            "undetermined",
            3,
        ),
        (
            "the proxy is out of reach",
            vec![denied(disconnected())],
            "undetermined",
            33,
        ),
    ];
    for (says, more, word, second) in rows {
        let (_, verdict, at) = run(asking(), &with(healthy(), more));
        assert_eq!((verdict.word(), at), (word, second), "{says}: {verdict:?}");
    }
}

#[test]
fn what_pods_answer_while_the_objects_are_out_of_sight_does_not_count() {
    let healthy = || first_look(complete(), &[pod("a").ready(0)]);
    let lost = |second| blind(second, ResourceKind::Pod, disconnected());
    let back = |second| listed(second, &ALL);
    let wrong = |from: u64, to: u64| (from..=to).step_by(2).map(|it| answer(it, 502));
    let rows = [
        (
            "a gateway answers 502 to everything for 25 s",
            [
                wrong(1, 4).collect(),
                vec![lost(4)],
                wrong(5, 27).collect(),
                back(28),
                vec![answer(29, 200)],
            ]
            .concat(),
            ("succeeded", 29),
        ),
        (
            "the pod answers 502 before and after: one series of 25 s after",
            [
                wrong(1, 20).collect(),
                vec![lost(20)],
                wrong(21, 27).collect(),
                back(28),
                wrong(29, 60).collect(),
            ]
            .concat(),
            ("failed", 54),
        ),
        (
            "a right answer out of sight is none",
            [vec![lost(2), answer(3, 200)], back(12)].concat(),
            ("timedOut", 60),
        ),
        (
            "a right answer before is not enough: one newer is needed",
            [vec![answer(1, 200), lost(2)], back(12)].concat(),
            ("timedOut", 60),
        ),
        (
            "events alone are lost: answers count",
            [
                vec![
                    blind(2, ResourceKind::Event, disconnected()),
                    answer(3, 200),
                ],
                back(12),
            ]
            .concat(),
            ("succeeded", 12),
        ),
    ];
    for (says, more, expected) in rows {
        let (_, verdict, second) = run(asking(), &with(healthy(), more));
        assert_eq!((verdict.word(), second), expected, "{says}: {verdict:?}");
    }
}

#[test]
fn nothing_is_asked_while_the_objects_are_out_of_sight() {
    let mut session = asking();
    let mut asks = Vec::new();
    let mut observations = first_look(complete(), &[pod("a").ready(0)]);
    observations.push(answer(1, 503));
    observations.push(blind(2, ResourceKind::Pod, disconnected()));
    observations.extend((3..=8).map(|second| Session::tick(at(second))));
    observations.extend(listed(9, &ALL));
    for observation in observations {
        let second = elapsed_seconds(observation.at);
        let step = session.observe(observation);
        asks.extend(step.http_requests.into_iter().map(|_| second));
    }
    assert_eq!(asks, [0, 9]);
}

#[test]
fn a_pod_is_asked_when_it_is_ready_and_again_until_it_answers_as_expected() {
    let mut session = asking();
    let mut asks = Vec::new();
    let pause = pod("a").waiting("ContainerCreating", "");
    let mut observations = first_look(complete(), &[pause]);
    observations.extend(pod("a").ready(2).seen(2));
    observations.extend([
        answer(3, 503),
        Session::tick(at(4)),
        Session::tick(at(5)),
        answer(6, 200),
    ]);
    observations.extend(pod("a").ready(7).seen(7));
    for observation in observations {
        let second = elapsed_seconds(observation.at);
        let step = session.observe(observation);
        asks.extend(step.http_requests.into_iter().map(|ask| (second, ask.pod)));
    }
    let a = || "a".to_owned();
    assert_eq!(
        asks,
        [(2, a()), (5, a()), (7, a())],
        "ready, 2 s after 503, ready again"
    );
}

/// A first look at a rollout with HTTP checks and up to two pods.
fn asked_look(pods: &[PodBuilder]) -> Vec<Observation> {
    let mut all = vec![
        seen(0, rolling()),
        seen_set(0, replica_set("v2", 2, (2, 0))),
    ];
    all.extend(pods.iter().flat_map(|pod| pod.seen(1)));
    all.extend(listed_for(
        WorkloadKind::Deployment,
        1,
        &["d-1", "rs-v1", "rs-v2", "pod-a", "pod-b"],
    ));
    all
}

#[test]
fn the_way_to_the_pods_counts_only_while_one_is_to_be_asked() {
    let lost = |second| blind(second, ResourceKind::PodProxy, disconnected());
    let invalid = |name| pod(name).waiting("InvalidImageName", "");
    let healing = [
        asked_look(&[pod("a").ready(1)]),
        vec![lost(3)],
        pod("a").running(4, 1).seen(4),
        vec![seen(39, complete())],
        pod("a").ready(39).seen(39),
    ];
    let rows = [
        (
            "an ask breaks, and the pod ends with a cause of its own",
            with(
                with(asked_look(&[pod("a").ready(1)]), vec![lost(3)]),
                invalid("a").seen(4),
            ),
            ("failed", 8),
        ),
        (
            "an ask breaks, and the pod is ready again after 35 s",
            with(healing.concat(), vec![answer(40, 200)]),
            ("succeeded", 49),
        ),
        (
            "the way stays lost after that",
            healing.concat(),
            ("undetermined", 69),
        ),
        (
            "the way is lost all the time, and another pod shows a cause",
            with(
                asked_look(&[pod("a").ready(1), invalid("b")]),
                (1..=30).map(|it| lost(it * 2)).collect(),
            ),
            ("failed", 5),
        ),
        (
            "the way is forbidden, and another pod shows a cause",
            with(
                asked_look(&[pod("a").ready(1), invalid("b")]),
                vec![blind(2, ResourceKind::PodProxy, forbidden())],
            ),
            ("failed", 5),
        ),
        (
            "the way is forbidden, and the rollout is not complete in time",
            with(
                asked_look(&[pod("a").ready(1)]),
                vec![blind(2, ResourceKind::PodProxy, forbidden())],
            ),
            ("undetermined", 60),
        ),
    ];
    for (says, all, expected) in rows {
        let (_, verdict, second) = run(asking(), &all);
        assert_eq!((verdict.word(), second), expected, "{says}: {verdict:?}");
    }
}

#[test]
fn what_was_healthy_is_looked_at_until_all_are_decided() {
    let first = || {
        let mut all = look(complete(), &[pod("a").ready(0)], &[]);
        all.retain(
            |it| !matches!(&it.seen, Seen::Workload { object } if object.reference() == db()),
        );
        all.extend(stateful_set().counts(1, 0, 1).seen(0).into_iter().take(1));
        all
    };
    let unready = |second| seen(second, deployment("web").counts(1, 1, 1, 0));
    let crash = |times: u64| {
        let all = (0..times).flat_map(|time| {
            let ended = pod("a").crash_loop(i32::try_from(time).unwrap(), ("Error", 1, ""));
            let second = 30 + 20 * time;
            with(vec![unready(second)], ended.ready_once(30).seen(second))
        });
        all.collect::<Vec<_>>()
    };
    let well = |second| {
        with(
            db_pod(0, "v2").ready(second).seen(second),
            stateful_set()
                .counts(1, 1, 1)
                .seen(second)
                .into_iter()
                .take(1)
                .collect(),
        )
    };
    let scaled = vec![seen(
        100,
        deployment("web").generation(2, 2).counts(2, 2, 2, 1),
    )];
    let rows = [
        (
            "it crash-loops after that",
            with(first(), crash(6)),
            ("failed", 180),
        ),
        (
            "it has crashed once when the other is done, and nobody knows more in time",
            with(with(first(), crash(1)), well(140)),
            ("timedOut", 300),
        ),
        (
            "it crashed once and is ready again when the other is done",
            with(
                with(first(), crash(1)),
                with(
                    with(vec![seen(50, complete())], pod("a").ready(50).seen(50)),
                    well(140),
                ),
            ),
            ("succeeded", 150),
        ),
        (
            "an autoscaler adds a pod that is not ready yet",
            with(with(first(), scaled), well(140)),
            ("succeeded", 150),
        ),
    ];
    for (says, all, expected) in rows {
        let (_, verdict, second) = session_of_all(both(), 300, &all);
        assert_eq!((verdict.word(), second), expected, "{says}: {verdict:?}");
    }
}

#[test]
fn a_session_of_nothing_says_so() {
    let mut session = Session::new(Vec::<WorkloadRef>::new(), policy(60), start());
    let verdict = session.observe(Session::tick(start())).verdict;
    let why = Undetermined::NoWorkload;
    assert_eq!(verdict, Verdict::Undetermined { why });
}

#[test]
fn a_quota_may_be_freed_by_another_workload_of_the_session() {
    let full = "pods \"web-2\" is forbidden: exceeded quota: small, requested: pods=1, used: pods=4, limited: pods=4";
    let leaving = |until: u64| {
        let deleted = serde_json::json!(at(until));
        db_pod(0, "v1")
            .ready(0)
            .with("/metadata/deletionTimestamp", deleted)
    };
    for (says, pods, word) in [
        (
            "one of its pods is on its way out",
            vec![leaving(250)],
            "timedOut",
        ),
        ("nothing is", vec![], "failed"),
    ] {
        let mut all = look(rolling(), &[], &pods);
        all.push(seen_set(
            0,
            crate::testing::refused_replica_set("v2", 2, full),
        ));
        let (_, verdict, _) = session_of_all(both(), 300, &all);
        assert_eq!(verdict.word(), word, "{says}");
    }
}

#[test]
fn how_long_another_workload_s_pods_took_is_no_measure_of_a_start() {
    let killed = "Container app failed liveness probe, will be restarted";
    let web_pod = pod("a").running(1, 0).event("Killing", killed, 2);
    let mut all = look(rolling(), &[web_pod], &[db_pod(0, "v2").ready(240)]);
    all.extend(listed_for(
        WorkloadKind::Deployment,
        0,
        &["d-1", "rs-v2", "pod-a", "pod-db-0", "event-pod-a-0"],
    ));
    let (session, _, _) = session_of_all(both(), 60, &all);
    let findings = session.findings();
    let remedy = &findings.first().unwrap().remedy;
    assert!(!remedy.contains("the former revision's pods"), "{remedy}");
}
