//! The report of a check after a rollback.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::approval::{ApprovedRollback, HealthCriteria};
use crate::observation::{Blindness, ResourceKind, Seen};
use crate::session::Target;
use crate::testing::pod_of;
use crate::verdict::Verdict;
use crate::workload::{Revision, RevisionId, WorkloadRef};

fn id(version: &str, revision: u64) -> RevisionId {
    RevisionId {
        revision: Revision(revision),
        name: format!("web-{version}"),
        uid: format!("rs-{version}"),
    }
}

fn target(name: &str) -> Target {
    let workload = WorkloadRef {
        name: name.to_owned(),
        ..web()
    };
    let good = format!("sha256:{}", "a".repeat(64));
    Target {
        workload: workload.clone(),
        revision: None,
        restored: Some(ApprovedRollback {
            workload,
            uid: "d-1".to_owned(),
            bad: id("v2", 2),
            target: id("v1", 1),
            complete: false,
            standard: HealthCriteria::default(),
            images: [("app".to_owned(), [good].into())].into(),
            force_helm: false,
        }),
        run: None,
    }
}

fn checked(targets: Vec<Target>, observations: Vec<Observation>) -> Report {
    let policy = Policy {
        timeout: Duration::from_secs(60),
        stable_for: Duration::from_secs(5),
        graces: [(FindingCode::CrashAtStart, Duration::from_secs(30))].into(),
        ..Policy::default()
    };
    let mut session = Session::new(targets, policy, start());
    let mut last = None;
    for observation in observations {
        last = Some(session.observe(observation));
    }
    let mut now = start();
    while let Some(before) = last.take_if(|it| !it.verdict.is_terminal()) {
        now = before.wake_at;
        last = Some(session.observe(Session::tick(now)));
    }
    let verdict = last.map_or(
        Verdict::Progressing {
            pending: Pending::NotSeen,
        },
        |it| it.verdict,
    );
    Report::new(&session, &verdict, now)
}

/// v1 is in place again, as revision 3, with two pods of this image.
fn in_place(replicas: i32, image: char) -> Vec<Observation> {
    let workload = deployment("web").version("v1");
    let mut observations = vec![
        seen(0, workload.counts(replicas, replicas, replicas, replicas)),
        seen_set(0, replica_set("v1", 3, (replicas, replicas))),
        seen_set(0, replica_set("v2", 2, (0, 0))),
    ];
    let mut uids = vec!["d-1".to_owned(), "rs-v1".into(), "rs-v2".into()];
    for n in 0..replicas {
        let id = format!("app@sha256:{}", String::from(image).repeat(64));
        let name = format!("p{n}");
        let pod = pod_of(&name, "v1").ready(0);
        let pod = pod.with("/status/containerStatuses/0/imageID", json!(id));
        observations.extend(pod.seen(0));
        uids.push(format!("pod-{name}"));
    }
    let uids: Vec<&str> = uids.iter().map(String::as_str).collect();
    observations.extend(listed(0, &uids));
    observations
}

fn healthy() -> Report {
    checked(vec![target("web")], in_place(2, 'a'))
}

fn other_image() -> Report {
    checked(vec![target("web")], in_place(2, 'b'))
}

fn unhealthy() -> Report {
    let mut observations = vec![
        seen(0, deployment("web").version("v1").counts(2, 3, 1, 1)),
        seen_set(0, replica_set("v1", 3, (1, 0))),
        seen_set(0, replica_set("v2", 2, (2, 1))),
    ];
    let pod = pod_of("a", "v1").crash_loop(9, ("Error", 1, ""));
    observations.extend(pod.seen(0));
    observations.extend(listed(0, &["d-1", "rs-v1", "rs-v2", "pod-a"]));
    checked(vec![target("web")], observations)
}

fn undetermined() -> Report {
    let why = Blindness::Forbidden {
        message: "deployments.apps is forbidden".to_owned(),
    };
    let resource = ResourceKind::Deployment;
    let blind = Observation::new(start(), Seen::Blind { resource, why });
    checked(vec![target("web")], vec![blind])
}

fn not_rolled_back() -> Report {
    let mut observations = vec![
        seen(0, deployment("web").counts(2, 2, 2, 2)),
        seen_set(0, replica_set("v1", 1, (0, 0))),
        seen_set(0, replica_set("v2", 2, (2, 2))),
    ];
    observations.extend(pod("a").ready(0).seen(0));
    observations.extend(listed(0, &["d-1", "rs-v1", "rs-v2", "pod-a"]));
    checked(vec![target("web")], observations)
}

#[test]
fn what_became_of_a_rollback_in_every_form() {
    for (name, report, health) in [
        ("after_healthy", healthy(), RollbackHealth::Healthy),
        ("after_other_image", other_image(), RollbackHealth::Healthy),
        ("after_unhealthy", unhealthy(), RollbackHealth::Unhealthy),
        (
            "after_undetermined",
            undetermined(),
            RollbackHealth::Undetermined,
        ),
        (
            "after_not_rolled_back",
            not_rolled_back(),
            RollbackHealth::NotRolledBack,
        ),
    ] {
        assert_eq!(report.rollback_health(), Some(health), "{name}");
        insta::assert_snapshot!(name, told(&report));
    }
}

#[test]
fn the_sentence_says_first_what_became_of_the_rollback() {
    let second = |mut observations: Vec<Observation>| {
        // The other one is not in sight.
        let api = target("api");
        observations.extend(listed(1, &["d-1", "rs-v1", "rs-v2", "pod-p0", "pod-p1"]));
        checked(vec![target("web"), api], observations)
    };
    let rows = [
        (
            healthy(),
            "rolled back to revision 3, with the template of revision 1, and healthy: Deployment \"web\" is complete and stable",
        ),
        (
            checked(vec![target("web")], in_place(0, 'a')),
            "rolled back to revision 3, with the template of revision 1: Deployment \"web\" has 0 replicas: the rollout is complete, but nothing was verified",
        ),
        (
            unhealthy(),
            "rolled back to revision 3, with the template of revision 1, but not healthy: Deployment \"web\" fails: ",
        ),
        (
            undetermined(),
            "rolled back to revision 1; its health is undetermined: Deployment \"web\" is undetermined: ",
        ),
        (
            not_rolled_back(),
            "not rolled back: Deployment \"web\" is not at revision 1; revision 2 is in place",
        ),
        (
            second(in_place(2, 'a')),
            "rolled back 2 workloads; their health is undetermined: ",
        ),
        (
            checked(vec![web().into()], in_place(2, 'a')),
            "Deployment \"web\" is healthy: ",
        ),
    ];
    for (report, expected) in rows {
        assert!(report.sentence.starts_with(expected), "{}", report.sentence);
    }
}

#[test]
fn another_image_than_before_is_a_warning_and_the_same_is_none() {
    let (same, other) = (told(&healthy()), told(&other_image()));
    assert!(!same.contains("warning"), "{same}");
    let words = "container `app` of deployment/web runs image sha256:bbbbbbbbbbbb…, not sha256:aaaaaaaaaaaa…";
    assert_eq!(other.matches(words).count(), 3, "{other}");
}
