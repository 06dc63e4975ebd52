//! Sessions that follow a complete rollout on to the users.

use super::*;
use crate::finding::Lookup;
use crate::observation::Observation;
use crate::report::Report;
use crate::testing::{Ways, service, slice, ways};
use serde_json::json;

/// The session begins a minute after the pods became ready.
const BEGIN: u64 = 60;

/// How a session ended.
struct Ended {
    report: Report,
    verdict: Verdict,
    /// In seconds after its begin.
    after: u64,
    /// How often the objects were asked for.
    asked: usize,
}

/// Follows a complete rollout; `answer` says which objects are there some seconds after the begin, and a
/// lookup takes a second.
fn follow(policy: &Policy, target: Target, answer: impl Fn(u64) -> Option<Ways>) -> Ended {
    let begin = at(BEGIN);
    let mut session = Session::new([target], policy.clone(), begin);
    let shown = answer(0).unwrap_or_else(ways);
    let seen = shown.rollout().into_iter().map(|it| it.seen);
    let mut queue: Vec<Observation> = seen.map(|it| Observation::new(begin, it)).collect();
    let lists = listed(0, &ALL).into_iter().map(|it| it.seen);
    queue.extend(lists.map(|it| Observation::new(begin, it)));
    let mut asked = 0;
    let mut wake_at = begin;
    loop {
        let next = queue.iter().position(|it| it.at <= wake_at);
        let observation = match next {
            Some(next) => queue.remove(next),
            None => Session::tick(wake_at),
        };
        let now = observation.at;
        let step = session.observe(observation);
        if step.verdict.is_terminal() {
            return Ended {
                report: Report::new(&session, &step.verdict, now),
                verdict: step.verdict,
                after: elapsed_seconds(now) - BEGIN,
                asked,
            };
        }
        if step.lookups.contains(&Lookup::Traffic) {
            asked += 1;
            let second = elapsed_seconds(now) + 1;
            queue.extend(answer(second - BEGIN).map(|it| it.answer(second)));
        }
        wake_at = step.wake_at;
        assert!(now < at(3600), "it does not end: {:?}", step.verdict);
    }
}

fn with_traffic() -> Policy {
    Policy {
        traffic: true,
        ..policy(300)
    }
}

fn lost() -> Ways {
    ways()
        .new_has("/metadata/labels/tier", json!("back"))
        .with("endpointSlices", json!([slice("web", &[])]))
}

fn repaired() -> Ways {
    lost()
        .with("services", json!([service("web", json!({"tier": "back"}))]))
        .with("endpointSlices", json!([slice("web", &["a", "b"])]))
}

#[test]
fn a_complete_rollout_is_followed_on_to_the_users() {
    type Answer = fn(u64) -> Option<Ways>;
    type Row = (&'static str, Answer, bool, u64, usize);
    let rows: [Row; 7] = [
        (
            "a Service leads to the pods: one answer more",
            |_| Some(ways()),
            true,
            1,
            1,
        ),
        ("the API server does not answer", |_| None, true, 10, 1),
        (
            "no Service leads to the pods any more",
            |_| Some(lost()),
            false,
            31,
            6,
        ),
        (
            "the Service is applied at four fifths of the patience",
            |second| Some(if second < 24 { lost() } else { repaired() }),
            true,
            25,
            5,
        ),
        (
            "the Services may not be listed",
            |_| Some(lost().with("services", json!(null))),
            true,
            1,
            1,
        ),
        (
            "what is only noted does not hold up a success",
            |_| Some(ways().new_has("/spec/dnsPolicy", json!("Default"))),
            true,
            1,
            1,
        ),
        (
            "no Service was ever there",
            |_| Some(lost().with("services", json!([]))),
            true,
            1,
            1,
        ),
    ];
    for (says, answer, healthy, after, asked) in rows {
        let ended = follow(&with_traffic(), web().into(), answer);
        assert_eq!(
            ended.verdict == Verdict::Succeeded,
            healthy,
            "{says}: {:?}",
            ended.verdict
        );
        assert_eq!((ended.after, ended.asked), (after, asked), "{says}");
    }
}

#[test]
fn what_is_not_reachable_says_so_and_offers_a_rollback() {
    let ended = follow(&with_traffic(), web().into(), |_| Some(lost()));
    assert_eq!(
        ended.report.sentence,
        "Deployment \"web\" is rolled out, but not reachable: Service `web` selects `tier: front`, and the new pods have `tier: back` (ServiceSelectsNoPod)"
    );
    assert!(ended.verdict.offers_rollback());
    let headline = crate::report::headline(&ended.report);
    assert_eq!(
        headline.get(2).map(String::as_str),
        Some("2 of 2 replicas are available, but no Service leads to them: users are not served.")
    );
}

#[test]
fn what_is_reachable_says_by_what_way() {
    let served = |ended: &Ended| {
        let workload = ended.report.workloads.first()?;
        workload.serving.as_ref().map(ToString::to_string)
    };
    let ended = follow(&with_traffic(), web().into(), |_| Some(ways()));
    assert_eq!(
        served(&ended).as_deref(),
        Some("served: Service `web` → 2 of 2 new pods on port 8080")
    );
    assert_eq!(ended.report.blind_spots, Vec::<String>::new());
    let silent = follow(&with_traffic(), web().into(), |_| None);
    assert_eq!(served(&silent), None);
    assert_eq!(
        silent.report.blind_spots,
        ["whether Services lead to the new pods: the API server did not list them in time"]
    );
}

#[test]
fn without_the_option_nothing_is_asked_and_nothing_waits() {
    let ended = follow(&policy(300), web().into(), |_| Some(lost()));
    assert_eq!(
        (ended.verdict, ended.after, ended.asked),
        (Verdict::Succeeded, 0, 0)
    );
}

#[test]
fn a_rollout_that_loses_its_way_at_the_timeout_is_decided_all_the_same() {
    let policy = Policy {
        traffic: true,
        ..policy(20)
    };
    let ended = follow(&policy, web().into(), |_| Some(lost()));
    assert!(
        matches!(ended.verdict, Verdict::Failed { .. }),
        "{:?}",
        ended.verdict
    );
}
