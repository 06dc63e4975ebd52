//! A session of many workloads judges only those that an observation concerns.

use super::*;

fn api() -> WorkloadRef {
    WorkloadRef {
        name: "api".into(),
        ..web()
    }
}

/// The same of a second Deployment with objects of its own.
fn of_api(observation: &Observation) -> Observation {
    let mut text = serde_json::to_string(observation).unwrap();
    for (own, other) in [
        ("\"d-1\"", "\"api-d-1\""),
        ("\"rs-v", "\"api-rs-v"),
        ("\"pod-a\"", "\"api-pod-a\""),
        ("\"pod-b\"", "\"api-pod-b\""),
        ("\"web", "\"api"),
    ] {
        text = text.replace(own, other);
    }
    serde_json::from_str(&text).unwrap()
}

/// Observations of two Deployments, in the order of their times.
fn of_both() -> impl Strategy<Value = Vec<Observation>> {
    (any_observations(), any_observations()).prop_map(|(mut all, others)| {
        all.extend(others.iter().map(of_api));
        all.sort_by_key(|it| it.at);
        all
    })
}

fn both() -> Session {
    Session::new([web(), api()], policy(60), start())
}

proptest! {
    #[test]
    fn the_verdict_is_as_if_each_were_judged_every_time(all in of_both()) {
        let (mut session, mut thorough) = (both(), both());
        let mut wake_at = start();
        for observation in all {
            // As in a live session, time passes up to what is seen next.
            let mut now = vec![observation.clone()];
            if wake_at > start() && wake_at < observation.at {
                now.insert(0, Session::tick(wake_at));
            }
            for observation in now {
                thorough.look_at_all_next_time();
                let expected = thorough.observe(observation.clone());
                let step = session.observe(observation);
                prop_assert_eq!(step.verdict.word(), expected.verdict.word());
                prop_assert!(step.wake_at <= expected.wake_at);
                wake_at = step.wake_at;
            }
        }
        let causes = |session: &Session| -> Vec<_> {
            let suspects = session.suspects().into_iter();
            suspects.map(|it| (it.workload, it.code, it.first_seen)).collect()
        };
        prop_assert_eq!(causes(&session), causes(&thorough));
    }
}

#[test]
fn an_observation_concerns_the_workload_that_owns_its_object() {
    let mut session = both();
    let mut first = vec![
        seen(0, rolling()),
        seen_set(0, replica_set("v2", 2, (1, 0))),
    ];
    first.extend(pod("a").ready(1).seen(1));
    first.extend(first.clone().iter().map(of_api));
    let uids = ["d-1", "rs-v2", "pod-a", "api-d-1", "api-rs-v2", "api-pod-a"];
    first.extend(listed(1, &uids));
    for observation in first {
        let _ = session.observe(observation);
    }
    let snapshot = session.snapshot();
    let concerns = |seen: &Observation| {
        let touched = snapshot.clone().apply(seen.clone());
        let of = |workload: &WorkloadRef| {
            touched.concerns_all() || touched.workloads().any(|it| it == workload)
        };
        (of(&web()), of(&api()))
    };
    let change = |observations: Vec<Observation>| observations.into_iter().next().unwrap();
    let pod_a = change(pod("a").waiting("ErrImagePull", "not found").seen(3));
    let rows = [
        ("a pod", pod_a.clone(), (true, false)),
        ("a pod of the other one", of_api(&pod_a), (false, true)),
        ("the workload", seen(3, rolling()), (true, false)),
        (
            "its ReplicaSet",
            seen_set(3, replica_set("v2", 2, (1, 0))),
            (true, false),
        ),
        ("time", Session::tick(at(3)), (false, false)),
        ("a list", change(listed(3, &ALL)), (true, true)),
        (
            "blindness",
            blind(3, ResourceKind::Pod, disconnected()),
            (true, true),
        ),
    ];
    for (says, observation, expected) in rows {
        assert_eq!(concerns(&observation), expected, "{says}");
    }
}

#[test]
fn a_workload_of_many_pods_rests_between_looks() {
    let names: Vec<String> = (0..300).map(|it| format!("p{it:03}")).collect();
    let mut first = vec![
        seen(0, rolling()),
        seen_set(0, replica_set("v2", 2, (1, 0))),
    ];
    first.extend(names.iter().flat_map(|it| pod(it).seen(0)));
    let uids: Vec<String> = names.iter().map(|it| format!("pod-{it}")).collect();
    let mut uids: Vec<&str> = uids.iter().map(String::as_str).collect();
    uids.extend(["d-1", "rs-v2"]);
    first.extend(listed(0, &uids));
    let mut session = Session::new([web()], policy(60), start());
    for observation in first {
        let _ = session.observe(observation);
    }
    let change = |milliseconds: u64| {
        let seen = pod("p001")
            .waiting("InvalidImageName", "")
            .seen(0)
            .remove(0)
            .seen;
        Observation::new(after(start(), Duration::from_millis(milliseconds)), seen)
    };
    let step = session.observe(change(1));
    assert_eq!(
        session.judged().count(),
        0,
        "it was judged a millisecond ago"
    );
    assert!(
        step.wake_at <= after(start(), Duration::from_millis(3)),
        "{}",
        step.wake_at
    );
    let _ = session.observe(Session::tick(step.wake_at));
    assert_eq!(
        session.judged().count(),
        1,
        "and is as soon as it has rested"
    );
    assert_eq!(
        session.workloads()[0].findings()[0].code,
        FindingCode::InvalidImageName
    );
}
