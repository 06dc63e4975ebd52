//! Sessions that follow a complete rollout on to the users.

use std::collections::BTreeSet;

use super::restored::after_rollback;
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
    /// How often with ports to try.
    tried: usize,
}

/// Follows a complete rollout; `answer` says which objects are there some seconds after the begin, and a
/// lookup takes a second.
fn follow(policy: &Policy, target: Target, answer: impl Fn(u64) -> Option<Ways>) -> Ended {
    follow_from((BEGIN, 1), policy, target, answer)
}

/// The same with a session that begins so many seconds after the pods became ready, and with lookups
/// that take so many.
fn follow_from(
    (begins, takes): (u64, u64),
    policy: &Policy,
    target: Target,
    answer: impl Fn(u64) -> Option<Ways>,
) -> Ended {
    let begin = at(begins);
    let mut session = Session::new([target], policy.clone(), begin);
    let shown = answer(0).unwrap_or_else(ways);
    let seen = shown.rollout().into_iter().map(|it| it.seen);
    let mut queue: Vec<Observation> = seen.map(|it| Observation::new(begin, it)).collect();
    let all = ALL.iter().copied().chain(["rs-v0"]);
    let lists = listed(0, &all.collect::<Vec<_>>())
        .into_iter()
        .map(|it| it.seen);
    queue.extend(lists.map(|it| Observation::new(begin, it)));
    let (mut asked, mut tried) = (0, 0);
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
                after: elapsed_seconds(now) - begins,
                asked,
                tried,
            };
        }
        let traffic = step.lookups.iter().find_map(|it| {
            if let Lookup::TrafficAndPorts { ports } = it {
                Some(ports.clone())
            } else {
                (*it == Lookup::Traffic).then(BTreeSet::new)
            }
        });
        if let Some(ports) = traffic {
            asked += 1;
            tried += usize::from(!ports.is_empty());
            let second = elapsed_seconds(now) + takes;
            queue.extend(answer(second - begins).map(|it| it.tried(&ports).answer(second)));
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

/// Both templates had the labels that the Service does not select; the one before them had those.
fn second_bad() -> Ways {
    ways()
        .checked_before()
        .both_have("/metadata/labels/tier", json!("back"))
        .with("endpointSlices", json!([slice("web", &[])]))
}

#[test]
fn a_release_is_compared_with_the_one_that_was_served_last() {
    let code = "ServiceSelectsNoPod";
    let unmarked = lost().former_has("/metadata/labels/tier", json!("back"));
    let rows = [
        (
            "the second release that no Service selects",
            second_bad(),
            Some(code),
        ),
        ("no check found an older one healthy", unmarked, None),
        (
            "the former one was served, and the older one by a Service that has gone",
            ways()
                .both_have("/metadata/labels/tier", json!("back"))
                .checked_before()
                .both_have("/metadata/labels/tier", json!("front")),
            None,
        ),
    ];
    for (says, ways, expected) in rows {
        let ended = follow(&with_traffic(), web().into(), |_| Some(ways.clone()));
        let Verdict::Failed { causes } = &ended.verdict else {
            assert_eq!(expected, None, "{says}: {:?}", ended.verdict);
            continue;
        };
        let code = causes.first().map(|it| it.code.as_str());
        assert_eq!(code, expected, "{says}: {:?}", ended.verdict);
    }
}

#[test]
fn after_a_rollback_the_services_must_lead_to_what_was_restored() {
    let restored = || after_rollback(web(), "d-1", ("rs-v1", "rs-v2"));
    let created = |at: jiff::Timestamp| {
        let mut service = service("web", json!({"app": "web", "tier": "front"}));
        service["metadata"]["creationTimestamp"] = json!(at);
        json!([service])
    };
    let long_ago: jiff::Timestamp = "1969-01-01T00:00:00Z".parse().unwrap();
    let rows = [
        (
            "the Service has moved on to the release that was rolled back",
            lost().with("services", created(long_ago)),
            false,
        ),
        (
            "the Service came with that release, and none was there before",
            lost().with("services", created(at(0))),
            true,
        ),
        (
            "the Service selects what was restored",
            ways().former_has("/metadata/labels/tier", json!("back")),
            true,
        ),
    ];
    for (says, ways, healthy) in rows {
        let ended = follow(&with_traffic(), restored(), |_| Some(ways.clone()));
        let verdict = &ended.verdict;
        assert_eq!(
            *verdict == Verdict::Succeeded,
            healthy,
            "{says}: {verdict:?}"
        );
    }
}

#[test]
fn a_success_waits_for_an_answer_from_the_end_of_its_window() {
    type Answer = fn(u64) -> Option<Ways>;
    let gone = |second| {
        let before = lost()
            .with("services", json!([service("web", json!({"app": "web"}))]))
            .with("endpointSlices", json!([slice("web", &["a", "b"])]));
        Some(if second < 6 { before } else { lost() })
    };
    let rows: [(&str, Answer, bool, u64); 4] = [
        ("the Service leads to the pods", |_| Some(ways()), true, 11),
        (
            "the Service selects others six seconds later",
            gone,
            false,
            43,
        ),
        (
            "the last answer does not come",
            |second| (second < 6).then(ways),
            true,
            18,
        ),
        ("no answer comes", |_| None, true, 10),
    ];
    for (says, answer, healthy, after) in rows {
        // Both pods become ready as the session begins, and the API server is slow.
        let ended = follow_from((0, 3), &with_traffic(), web().into(), answer);
        let verdict = &ended.verdict;
        assert_eq!(
            *verdict == Verdict::Succeeded,
            healthy,
            "{says}: {verdict:?}"
        );
        assert_eq!(ended.after, after, "{says}");
    }
}

/// The application and its probe have moved to another port, and the Service has not.
fn moved() -> Ways {
    let mut service = service("web", json!({"app": "web"}));
    service["spec"]["ports"] = json!([{"port": 80, "targetPort": 8080}]);
    ways()
        .new_has(
            "/spec/containers/0/readinessProbe/httpGet/port",
            json!(9090),
        )
        .with("services", json!([service]))
}

#[test]
fn a_port_that_no_probe_asks_is_tried_once_more_after_the_first_answer() {
    type Answer = fn(u64) -> Option<Ways>;
    let rows: [(&str, Answer, bool, u64, usize); 7] = [
        (
            "the port refuses, and once the NetworkPolicies are not listed",
            |second| {
                let refusing = moved().refusing(&[8080]);
                let unseen = json!([{"without": "", "why": "no answer", "mayPass": true}]);
                let unclear = refusing
                    .clone()
                    .with("networkPolicies", json!(null))
                    .with("unseen", unseen);
                Some(if (10..14).contains(&second) {
                    unclear
                } else {
                    refusing
                })
            },
            false,
            32,
            7,
        ),
        ("the port answers", |_| Some(moved()), true, 2, 2),
        (
            "the port refuses, and for a while no try gets through",
            |second| {
                let cut = (10..20).contains(&second);
                let ways = moved().refusing(&[8080]);
                Some(if cut { ways.cut() } else { ways })
            },
            false,
            32,
            7,
        ),
        (
            "the port refuses, and no try gets through any more",
            |second| {
                let ways = moved().refusing(&[8080]);
                Some(if second < 10 { ways } else { ways.cut() })
            },
            true,
            62,
            12,
        ),
        (
            "the port is the probe's",
            |_| Some(ways().refusing(&[8080])),
            true,
            1,
            1,
        ),
        (
            "the port refuses",
            |_| Some(moved().refusing(&[8080])),
            false,
            32,
            7,
        ),
        (
            "the port refuses for ten seconds",
            |second| {
                Some(if second < 10 {
                    moved().refusing(&[8080])
                } else {
                    moved()
                })
            },
            true,
            14,
            4,
        ),
    ];
    for (says, answer, healthy, after, asked) in rows {
        let ended = follow(&with_traffic(), web().into(), answer);
        let verdict = &ended.verdict;
        assert_eq!(
            *verdict == Verdict::Succeeded,
            healthy,
            "{says}: {verdict:?}"
        );
        assert_eq!((ended.after, ended.asked), (after, asked), "{says}");
    }
}

/// The ways that an answer shows, by the second in which it comes.
type Answer = Box<dyn Fn(u64) -> Option<Ways>>;

#[test]
fn a_port_that_is_only_noted_is_not_tried_with_every_answer() {
    // No probe of the former revision asked it, so that a refusal decides nothing.
    let unproven = || {
        moved().former_has(
            "/spec/containers/0/readinessProbe/httpGet/port",
            json!(9090),
        )
    };
    let noted = || moved().new_has("/spec/dnsPolicy", json!("Default"));
    let rows: [(&str, Answer, usize); 2] = [
        (
            "a refusal that decides nothing",
            Box::new(move |_| Some(unproven().refusing(&[8080]))),
            2,
        ),
        (
            "another note is looked at again and again",
            Box::new(move |_| Some(noted())),
            2,
        ),
    ];
    let policy = Policy {
        stable_for: std::time::Duration::from_secs(120),
        ..with_traffic()
    };
    for (says, answer, expected) in rows {
        // The window begins with the session: the first answer tells which ports to try.
        let ended = follow_from((0, 1), &policy, web().into(), answer);
        assert_eq!(ended.verdict, Verdict::Succeeded, "{says}");
        assert!(ended.asked > 10, "{says}: {}", ended.asked);
        assert_eq!(ended.tried, expected, "{says}");
    }
}
