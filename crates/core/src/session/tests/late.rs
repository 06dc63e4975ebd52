//! Late arrivals: a ready pod at the deadline, a revision, an answer, a clock.

use super::*;
use crate::http::{HttpAnswer, HttpCheck};
use crate::observation::Answer;
use crate::workload::Revision;
use serde_json::json;

const STATUS: &str = "/status/containerStatuses/0";

/// Ready since a second, after one instance that ran for half a minute and crashed.
fn ready_after(second: u64) -> PodBuilder {
    pod("a")
        .ready(second)
        .with(&format!("{STATUS}/restartCount"), json!(1))
        .with(
            &format!("{STATUS}/lastState"),
            json!({"terminated": {"exitCode": 1, "reason": "Error", "startedAt": at(1), "finishedAt": at(31)}}),
        )
}

/// An init container that failed after 40 s and then did its work.
fn after_init(second: u64) -> PodBuilder {
    let ended = |code: i32, from: u64, to: u64| json!({"terminated": {"exitCode": code, "reason": "x", "startedAt": at(from), "finishedAt": at(to)}});
    pod("a")
        .ready(second)
        .with(
            "/spec/initContainers",
            json!([{"name": "wait", "image": "w"}]),
        )
        .with(
            "/status/initContainerStatuses",
            json!([{"name": "wait", "image": "", "imageID": "", "ready": true, "restartCount": 1,
                "state": ended(0, 40, 42), "lastState": ended(1, 0, 40)}]),
        )
}

fn becomes(second: u64, pod: &PodBuilder) -> Vec<Observation> {
    let late = with(vec![seen(second, complete())], pod.seen(second));
    with(first_look(rolling(), &[self::pod("a")]), late)
}

#[test]
fn what_is_ready_before_the_deadline_may_show_that_it_stays_so() {
    let crashed = becomes(45, &ready_after(45));
    let rows = [
        (
            "it crashed once and must run longer than that, beyond the deadline",
            crashed.clone(),
            ("succeeded", 85),
        ),
        (
            "it does not run longer",
            with(
                crashed,
                with(
                    vec![seen(70, deployment("web").counts(1, 1, 1, 0))],
                    pod("a").running(70, 2).seen(70),
                ),
            ),
            ("timedOut", 70),
        ),
        (
            "an init container that is done will not fail again",
            becomes(50, &after_init(50)),
            ("succeeded", 60),
        ),
    ];
    for (says, all, expected) in rows {
        let (_, verdict, second) = session(60, &all);
        assert_eq!((verdict.word(), second), expected, "{says}");
    }
}

#[test]
fn a_node_whose_clock_is_behind_makes_no_pod_look_long_stable() {
    let late = |it: Observation| Observation::new(it.at.max(at(600)), it.seen);
    let mut all = first_look(rolling(), &[pod("a").made(600)]);
    all.extend(pod("a").made(600).ready(485).seen(605));
    all.push(seen(605, complete()));
    let mut session = Session::new([web()], policy(60), at(600));
    let verdicts: Vec<Verdict> = all
        .into_iter()
        .map(|it| session.observe(late(it)).verdict)
        .collect();
    assert_eq!(verdicts.last().map(Verdict::word), Some("progressing"));
    let word = |second| {
        session
            .clone()
            .observe(Session::tick(at(second)))
            .verdict
            .word()
    };
    assert_eq!((word(609), word(610)), ("progressing", "succeeded"));
}

#[test]
fn a_revision_that_comes_only_now_is_the_one_that_is_meant() {
    let target = Target {
        workload: web(),
        revision: Some(Revision(3)),
        restored: None,
        run: None,
    };
    let mut newer = complete().version("v3").generation(2, 2).json();
    newer["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = json!("3");
    let newer = Seen::Workload {
        object: serde_json::from_value(newer).unwrap(),
    };
    let mut all = first_look(complete(), &[pod("a").ready(0)]);
    all.push(seen_set(5, replica_set("v3", 3, (1, 1))));
    all.extend(crate::testing::pod_of("c", "v3").ready(6).seen(6));
    all.push(Observation::new(at(6), newer));
    let (_, verdict, second) = run(Session::new([target.clone()], policy(60), start()), &all);
    assert_eq!((verdict.word(), second), ("succeeded", 16));
    all.push(seen(7, complete().version("v4").generation(3, 3)));
    let (_, verdict, second) = run(Session::new([target], policy(60), start()), &all);
    assert_eq!(
        (verdict.word(), second),
        ("superseded", 7),
        "what follows it"
    );
}

#[test]
fn a_resource_that_becomes_forbidden_is_not_judged_by_what_was_seen_last() {
    let missing = pod("a").waiting("CreateContainerConfigError", "secret \"db\" not found");
    for (says, before) in [("failing", missing), ("just starting", pod("a"))] {
        let mut all = first_look(rolling(), &[before]);
        all.push(blind(5, ResourceKind::Pod, forbidden()));
        all.push(seen(20, complete()));
        let (_, verdict, second) = session(60, &all);
        assert_eq!((verdict.word(), second), ("succeeded", 30), "{says}");
    }
}

fn asking() -> Session {
    let http = vec![HttpCheck::parse("/healthz:8080").unwrap()];
    let policy = Policy { http, ..policy(60) };
    Session::new([web()], policy, start())
}

fn answered(second: u64, status: u16) -> Observation {
    let answer = HttpAnswer::new(status, Duration::from_secs(1), "");
    let seen = Seen::Answered {
        pod: "pod-a".into(),
        check: 0,
        answer: Answer::Came { answer },
    };
    Observation::new(at(second), seen)
}

#[test]
fn a_pod_that_is_ready_just_before_the_deadline_may_answer_after_it() {
    let ready = || becomes(57, &pod("a").ready(57));
    let rows = [
        (
            "4 s later",
            with(ready(), vec![answered(61, 200)]),
            ("succeeded", 67),
        ),
        ("never", ready(), ("timedOut", 89)),
        (
            "wrongly",
            with(ready(), vec![answered(58, 503)]),
            ("timedOut", 67),
        ),
        (
            "ready long before, and never",
            becomes(20, &pod("a").ready(20)),
            ("timedOut", 60),
        ),
    ];
    for (says, all, expected) in rows {
        let (_, verdict, second) = run(asking(), &all);
        assert_eq!((verdict.word(), second), expected, "{says}");
    }
}

#[test]
fn who_is_to_be_asked_must_be_seen() {
    let mut all = first_look(complete(), &[pod("a").ready(0)]);
    all.push(blind(0, ResourceKind::ReplicaSet, forbidden()));
    let (_, verdict, second) = run(asking(), &all);
    assert_eq!((verdict.word(), second), ("undetermined", 0));
}

/// A pod that was evicted at a second for writing too much, and was made another before.
fn evicted(name: &str, made: u64, until: u64) -> PodBuilder {
    let text = "Container app exceeded its local ephemeral storage limit \"1Gi\". ";
    let ended =
        json!({"terminated": {"exitCode": 137, "startedAt": at(made), "finishedAt": at(until)}});
    pod(name)
        .made(made)
        .failed("Evicted", text)
        .with(&format!("{STATUS}/state"), ended)
}

#[test]
fn a_pod_must_outlast_the_life_of_one_that_was_evicted_for_its_own_limit() {
    let mut all = first_look(rolling(), &[pod("a")]);
    all.extend(pod("a").ready(2).seen(2));
    all.extend(evicted("a", 0, 25).seen(25));
    all.extend(pod("b").made(26).ready(28).seen(28));
    all.push(seen(28, complete()));
    let (_, verdict, second) = session(120, &all);
    assert_eq!((verdict.word(), second), ("succeeded", 61), "26 + 25 + 10");
    all.extend(evicted("b", 26, 50).seen(50));
    let (_, verdict, second) = session(120, &all);
    assert_eq!((verdict.word(), second), ("failed", 50), "{verdict:?}");
}

#[test]
fn scaled_to_zero_after_a_crash_it_is_not_healthy() {
    let to_zero = |second: u64| {
        vec![
            seen(second, deployment("web").counts(0, 0, 0, 0)),
            Observation::new(
                at(second),
                Seen::Gone {
                    resource: ResourceKind::Pod,
                    uid: "pod-a".to_owned(),
                },
            ),
        ]
    };
    let crashed = || first_look(rolling(), &[pod("a").crash_loop(1, ("Error", 1, ""))]);
    let healed = || {
        let mut all = crashed();
        all.push(seen(20, complete()));
        all.extend(pod("a").ready(20).seen(20));
        all
    };
    let rows = [
        (
            "it crashed, and nothing runs any more",
            with(crashed(), to_zero(10)),
            ("undetermined", 10),
        ),
        (
            "it crashed, was ready, and is scaled to zero by an autoscaler",
            with(healed(), to_zero(25)),
            ("succeeded", 25),
        ),
        (
            "nothing was wrong",
            with(first_look(rolling(), &[pod("a")]), to_zero(10)),
            ("succeeded", 10),
        ),
    ];
    for (says, all, expected) in rows {
        let (session, verdict, second) = session(60, &all);
        assert_eq!((verdict.word(), second), expected, "{says}");
        if verdict.word() == "undetermined" {
            let report = crate::report::Report::new(&session, &verdict, at(second));
            let words = "nothing runs, because it was scaled to 0 replicas; before that ";
            assert!(report.sentence.contains(words), "{}", report.sentence);
        }
    }
}
