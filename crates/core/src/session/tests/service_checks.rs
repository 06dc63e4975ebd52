//! HTTP checks of a Service: old pods must not answer in the place of the new ones.

use serde_json::json;

use super::*;
use crate::http::{HttpAnswer, HttpCheck};
use crate::observation::Answer;
use crate::testing::pod_of;

/// When the old pod goes.
const ALONE_AT: u64 = 20;

/// The end of a session, and its requests by their second.
struct Asked {
    verdict: Verdict,
    after: u64,
    seconds: Vec<u64>,
}

/// Follows these observations; each request is answered after a second with the status of that time.
fn follow(begin: u64, mut queue: Vec<Observation>, status: impl Fn(u64) -> u16) -> Asked {
    let http = vec![HttpCheck::parse("service/web/healthz:80=200").unwrap()];
    let policy = Policy {
        http,
        ..policy(120)
    };
    let mut session = Session::new([web()], policy, at(begin));
    let mut seconds = Vec::new();
    let mut wake_at = at(begin);
    loop {
        let next = queue.iter().position(|it| it.at <= wake_at);
        let observation = match next {
            Some(next) => queue.remove(next),
            None => Session::tick(wake_at),
        };
        let now = observation.at;
        let step = session.observe(observation);
        if step.verdict.is_terminal() {
            return Asked {
                verdict: step.verdict,
                after: elapsed_seconds(now),
                seconds,
            };
        }
        for request in step.http_requests {
            let second = elapsed_seconds(now);
            seconds.push(second);
            let answer = HttpAnswer::new(status(second + 1), Duration::from_secs(1), "");
            let seen = Seen::Answered {
                pod: request.uid,
                check: request.check,
                answer: Answer::Came { answer },
            };
            queue.push(Observation::new(at(second + 1), seen));
        }
        wake_at = step.wake_at;
        assert!(now < at(3600), "it does not end: {:?}", step.verdict);
    }
}

/// The new pod is ready from the start, and the old one is there until [`ALONE_AT`]; it ends for so many seconds.
fn update(ends_for: Option<u64>) -> Vec<Observation> {
    let old = pod_of("z", "v1").ready(0);
    let gone = old
        .clone()
        .with("/metadata/deletionTimestamp", json!(at(ALONE_AT + 30)));
    let mut all = first_look(rolling(), &[pod("a").ready(0), old]);
    all.extend(gone.seen(ALONE_AT));
    all.push(seen(ALONE_AT, complete()));
    all.extend(ends_for.map(|seconds| {
        let resource = crate::observation::ResourceKind::Pod;
        let uid = "pod-z".to_owned();
        Observation::new(at(ALONE_AT + seconds), Seen::Gone { resource, uid })
    }));
    all
}

#[test]
fn a_service_is_asked_once_no_old_pod_can_answer() {
    type Status = fn(u64) -> u16;
    let rows: [(&str, Option<u64>, Status, &str); 6] = [
        ("it answers as expected", None, |_| 200, "succeeded"),
        (
            "it answers as expected, and the old pod has ended",
            Some(2),
            |_| 200,
            "succeeded",
        ),
        (
            "only the old pod answers as expected",
            None,
            |second| if second < ALONE_AT { 200 } else { 500 },
            "failed",
        ),
        (
            "the old pod answers as expected until it has ended",
            Some(2),
            |second| if second < ALONE_AT + 2 { 200 } else { 500 },
            "failed",
        ),
        (
            "the EndpointSlices name the old pod for five seconds more",
            None,
            |second| if second < ALONE_AT + 5 { 200 } else { 500 },
            "failed",
        ),
        (
            "it answers as expected ten seconds later",
            None,
            |second| if second < ALONE_AT + 10 { 500 } else { 200 },
            "succeeded",
        ),
    ];
    for (says, ends_for, status, expected) in rows {
        let asked = follow(0, update(ends_for), status);
        assert_eq!(asked.verdict.word(), expected, "{says}");
        let first = asked.seconds.first();
        assert!(first.is_some_and(|it| *it >= ALONE_AT), "{says}: {first:?}");
        assert!(asked.after < 60, "{says}: {}", asked.after);
    }
}

#[test]
fn a_service_of_pods_that_have_long_been_ready_is_asked_once() {
    let begin = 600;
    let seen = first_look(complete(), &[pod("a").ready(0)]);
    let late = seen
        .into_iter()
        .map(|it| Observation::new(at(begin), it.seen));
    let asked = follow(begin, late.collect(), |_| 200);
    assert_eq!(asked.verdict.word(), "succeeded");
    assert_eq!((asked.seconds.len(), asked.after), (1, begin + 1));
}
