//! The check after a rollback: bound to what was restored, and to nothing else.

use serde_json::json;

use super::*;
use crate::annotation::{ROLLBACK_RECORD, RollbackRecord};
use crate::approval::{ApprovedRollback, HealthCriteria};
use crate::report::Report;
use crate::rollback::RollbackHealth;
use crate::testing::{db, db_pod, listed_for, pod_of, stateful_set, workload_event};
use crate::workload::{Revision, RevisionId, Workload, WorkloadKind, WorkloadRef};

fn id(uid: &str, revision: u64) -> RevisionId {
    RevisionId {
        revision: Revision(revision),
        name: uid.to_owned(),
        uid: uid.to_owned(),
    }
}

pub(super) fn after_rollback(
    workload: WorkloadRef,
    uid: &str,
    (bad, target): (&str, &str),
) -> Target {
    Target {
        workload: workload.clone(),
        revision: None,
        restored: Some(ApprovedRollback {
            workload,
            uid: uid.to_owned(),
            bad: id(bad, 2),
            target: id(target, 1),
            complete: false,
            standard: HealthCriteria::default(),
            images: [("app".to_owned(), ["sha256:good".to_owned()].into())].into(),
            force_helm: false,
        }),
        run: None,
    }
}

fn of_web() -> Target {
    after_rollback(web(), "d-1", ("rs-v2", "rs-v1"))
}

/// Two pods of a version, ready since the beginning, running an image.
fn two(version: &str, image: &str) -> Vec<Observation> {
    let image = json!(format!("registry.test/app@{image}"));
    let pods = ["a", "b"].map(|name| {
        let pod = pod_of(name, version).ready(0);
        pod.with("/status/containerStatuses/0/imageID", image.clone())
            .seen(1)
    });
    pods.into_iter().flatten().collect()
}

fn sets(back: u64, bad: u64) -> Vec<Observation> {
    vec![
        seen_set(1, replica_set("v1", back, (2, 2))),
        seen_set(1, replica_set("v2", bad, (0, 0))),
    ]
}

/// The session until its end.
fn ended(target: Target, observations: Vec<Observation>) -> (Verdict, Report) {
    let policy = Policy {
        timeout: Duration::from_secs(60),
        stable_for: Duration::from_secs(5),
        ..Policy::default()
    };
    let mut session = Session::new([target], policy, at(0));
    let mut step = None;
    for observation in observations {
        // The session wakes up in between.
        while let Some(before) = step.take_if(|it: &mut Step| it.wake_at < observation.at) {
            step = Some(session.observe(Session::tick(before.wake_at)));
        }
        step = Some(session.observe(observation));
    }
    while let Some(before) = step.take_if(|it| !it.verdict.is_terminal()) {
        step = Some(session.observe(Session::tick(before.wake_at)));
    }
    let verdict = step.unwrap().verdict;
    let report = Report::new(&session, &verdict, at(60));
    (verdict, report)
}

fn web_at(version: &str) -> Observation {
    seen(1, deployment("web").version(version).counts(2, 2, 2, 2))
}

fn all(first: Observation, others: [Vec<Observation>; 2]) -> Vec<Observation> {
    let uids = [
        "d-1",
        "d-2",
        "rs-v1",
        "rs-v2",
        "pod-a",
        "pod-b",
        "pod-left",
        "pod-going",
    ];
    std::iter::once(first)
        .chain(others.into_iter().flatten())
        .chain(listed(1, &uids))
        .collect()
}

#[test]
fn what_was_restored_is_looked_at_and_nothing_else() {
    let good = || two("v1", "sha256:good");
    let with = |pod: PodBuilder| [good(), pod.seen(1)].concat();
    let left = || pod_of("left", "v2").running(0, 0);
    let going = pod_of("going", "v2")
        .running(0, 0)
        .with("/metadata/deletionTimestamp", json!(at(1)));
    let deleted = deployment("web").version("v1").counts(2, 2, 2, 2);
    let mut recreated = deleted.json();
    recreated["metadata"]["uid"] = json!("d-2");
    let recreated = Observation::new(
        at(1),
        Seen::Workload {
            object: serde_json::from_value(recreated).unwrap(),
        },
    );
    let stale = deployment("web").version("v1").counts(2, 2, 2, 2);
    let stale = seen(1, stale.deadline_exceeded());
    let unseen = deployment("web").version("v3").generation(3, 2);
    let unseen = seen(1, unseen.counts(2, 2, 2, 2));
    let rows = [
        (
            "healthy, whatever its number is by now",
            all(web_at("v1"), [sets(3, 2), good()]),
            "succeeded",
            RollbackHealth::Healthy,
        ),
        (
            "healthy under a deadline condition of the bad rollout",
            all(stale, [sets(3, 2), good()]),
            "succeeded",
            RollbackHealth::Healthy,
        ),
        (
            "a pod of the bad revision is left although the counts are complete",
            all(web_at("v1"), [sets(3, 2), with(left())]),
            "timedOut",
            RollbackHealth::Undetermined,
        ),
        (
            "a pod of the bad revision is on its way out",
            all(web_at("v1"), [sets(3, 2), with(going)]),
            "succeeded",
            RollbackHealth::Healthy,
        ),
        (
            "the bad revision is in place, and healthy by now",
            all(web_at("v2"), [sets(1, 2), two("v2", "sha256:bad")]),
            "superseded",
            RollbackHealth::NotRolledBack,
        ),
        (
            "the workload was created again",
            all(recreated, [sets(3, 2), good()]),
            "superseded",
            RollbackHealth::NotRolledBack,
        ),
        (
            "its revision is nowhere to be seen",
            all(unseen, [sets(3, 2), good()]),
            "undetermined",
            RollbackHealth::Undetermined,
        ),
    ];
    for (says, observations, word, health) in rows {
        let (verdict, report) = ended(of_web(), observations);
        assert_eq!(verdict.word(), word, "{says}");
        assert_eq!(report.rollback_health(), Some(health), "{says}");
    }
}

/// The restored Deployment, whose pods count as available only after this many seconds.
fn slow(seconds: u64) -> Observation {
    let restored = deployment("web").version("v1").counts(2, 2, 2, 0);
    seen(1, restored.spec("minReadySeconds", json!(seconds)))
}

#[test]
fn a_timeout_alone_does_not_make_what_was_restored_unhealthy() {
    let available = |second: u64| {
        let restored = deployment("web").version("v1").counts(2, 2, 2, 2);
        seen(second, restored.spec("minReadySeconds", json!(120)))
    };
    let pod = |name| pod_of(name, "v1");
    let pods = |pods: [PodBuilder; 2]| pods.into_iter().flat_map(|it| it.seen(1)).collect();
    let ready = || pods([pod("a").ready(1), pod("b").ready(1)]);
    let crash = || pod("b").crash_loop(2, ("Error", 1, ""));
    let rows = [
        (
            "its pods are ready for minReadySeconds after the timeout",
            [all(slow(120), [sets(3, 2), ready()]), vec![available(121)]].concat(),
            "succeeded",
            RollbackHealth::Healthy,
        ),
        (
            "its pods are ready, and do not count as available even after minReadySeconds",
            all(slow(120), [sets(3, 2), ready()]),
            "timedOut",
            RollbackHealth::Undetermined,
        ),
        (
            "a pod has not become ready by the timeout, and nothing says why",
            all(slow(120), [sets(3, 2), pods([pod("a").ready(1), pod("b")])]),
            "timedOut",
            RollbackHealth::Undetermined,
        ),
        (
            "a pod crashes",
            all(slow(120), [sets(3, 2), pods([pod("a").ready(1), crash()])]),
            "timedOut",
            RollbackHealth::Unhealthy,
        ),
    ];
    for (says, observations, word, health) in rows {
        let (verdict, report) = ended(of_web(), observations);
        assert_eq!(verdict.word(), word, "{says}: {}", report.sentence);
        assert_eq!(
            report.rollback_health(),
            Some(health),
            "{says}: {}",
            report.sentence
        );
    }
}

#[test]
fn a_newer_rollout_meanwhile_leaves_open_what_became_of_it() {
    let mut observations = all(web_at("v1"), [sets(3, 2), Vec::new()]);
    observations.push(seen(3, deployment("web").version("v3").counts(2, 2, 0, 2)));
    let (verdict, report) = ended(of_web(), observations);
    assert_eq!(verdict.word(), "superseded");
    assert_eq!(report.rollback_health(), Some(RollbackHealth::Undetermined));
}

#[test]
fn another_image_under_the_same_name_is_told() {
    for (image, other) in [("sha256:good", false), ("sha256:pushed-again", true)] {
        let observations = all(web_at("v1"), [sets(3, 2), two("v1", image)]);
        let (_, report) = ended(of_web(), observations);
        let found = &report.after_rollback.first().unwrap().other_images;
        assert_eq!(!found.is_empty(), other, "{image}");
    }
}

#[test]
fn a_check_without_a_rollback_says_nothing_of_one() {
    let observations = all(web_at("v1"), [sets(3, 2), two("v1", "sha256:good")]);
    let (_, report) = ended(Target::from(web()), observations);
    assert_eq!(report.rollback_health(), None);
}

#[test]
fn a_check_that_is_run_again_after_its_own_run_rolled_back_is_no_success() {
    let record = |run: &str| {
        RollbackRecord::new(&id("rs-v1", 1), &id("rs-v2", 2), Timestamp::UNIX_EPOCH, run)
    };
    let seen = |record: RollbackRecord, version: &str| {
        let mut object = deployment("web").version(version).counts(2, 2, 2, 2).json();
        object["metadata"]["annotations"][ROLLBACK_RECORD] = json!(record.to_text());
        object["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = json!("3");
        let object = serde_json::from_value(object).unwrap();
        Observation::new(at(1), Seen::Workload { object })
    };
    let by = |run: &str, version: &str| seen(record(run), version);
    let asked = || record("run 5").asked(Some(Revision(1)));
    let checks = |run: &str, restored| Target {
        run: Some(run.to_owned()),
        restored,
        ..Target::from(web())
    };
    let evidence = || of_web().restored;
    let rows = [
        (
            "its own",
            checks("run 5", None),
            by("run 5", "v1"),
            "superseded",
        ),
        (
            "with the evidence",
            checks("run 5", evidence()),
            by("run 5", "v1"),
            "succeeded",
        ),
        (
            "another's",
            checks("run 6", None),
            by("run 5", "v1"),
            "succeeded",
        ),
        (
            "its own, to a revision that a person named",
            checks("run 5", None),
            seen(asked(), "v1"),
            "succeeded",
        ),
        (
            "its own, and what was restored is named",
            Target {
                revision: Some(Revision(3)),
                ..checks("run 5", None)
            },
            by("run 5", "v1"),
            "succeeded",
        ),
        (
            "its own, and deployed again",
            checks("run 5", None),
            by("run 5", "v2"),
            "succeeded",
        ),
    ];
    for (says, target, workload, word) in rows {
        let version = if says.ends_with("again") { "v2" } else { "v1" };
        let observations = all(workload, [sets(3, 2), two(version, "sha256:good")]);
        let (verdict, report) = ended(target, observations);
        assert_eq!(verdict.word(), word, "{says}");
        let told = report
            .sentence
            .contains("this run has rolled it back; revision 3");
        assert_eq!(told, word == "superseded", "{says}: {}", report.sentence);
        assert!(!report.offers_rollback, "{says}");
    }
}

#[test]
fn a_stateful_set_is_waited_for_until_its_controller_has_seen_the_change() {
    let target = || after_rollback(db(), "s-1", ("cr-db-v2", "cr-db-v1"));
    let back = |observed| {
        let set = stateful_set()
            .version("v1")
            .counts(3, 3, 3)
            .generation(3, observed);
        let mut object = set.json();
        object["status"]["updateRevision"] = json!("db-v1");
        object["status"]["currentRevision"] = json!("db-v1");
        object
    };
    let seen = |second, observed| {
        let object = serde_json::from_value(back(observed)).unwrap();
        Observation::new(at(second), Seen::Workload { object })
    };
    let mut observations = stateful_set().seen(1);
    observations.push(seen(1, 2));
    for ordinal in 0..3 {
        observations.extend(db_pod(ordinal, "v1").ready(0).seen(1));
    }
    let uids = [
        "s-1", "cr-db-v1", "cr-db-v2", "pod-db-0", "pod-db-1", "pod-db-2",
    ];
    observations.extend(listed_for(WorkloadKind::StatefulSet, 1, &uids));
    let mut seen_late = observations.clone();
    seen_late.push(seen(4, 3));
    // The first object of the session is the one before the rollback: a lagging cache shows it.
    seen_late.remove(0);
    observations.remove(0);
    let (verdict, report) = ended(target(), seen_late);
    assert_eq!(verdict.word(), "succeeded", "{verdict:?}");
    assert_eq!(report.rollback_health(), Some(RollbackHealth::Healthy));
    let (verdict, _) = ended(target(), observations);
    assert_eq!(
        verdict.word(),
        "undetermined",
        "never observed: {verdict:?}"
    );
}

#[test]
fn a_set_that_waits_for_its_pausing_controller_says_so() {
    let object = |said: &str| {
        let mut object = stateful_set().version("v1").counts(2, 2, 1).json();
        object["status"]["updateRevision"] = json!("db-v2");
        let object = Workload::read(&db(), &object).unwrap();
        let refused = workload_event(10, "s-1", said, "exceeded quota: q");
        let mut all = vec![Observation::new(at(1), Seen::Workload { object })];
        all.extend(listed_for(WorkloadKind::StatefulSet, 1, &["s-1"]));
        all.push(refused);
        all
    };
    let rows = [
        (
            "FailedCreate",
            "the StatefulSet controller could not create a pod 30s ago (FailedCreate) and tries again after its back-off, up to 16m40s",
        ),
        ("SuccessfulDelete", ""),
    ];
    for (said, expected) in rows {
        let target = after_rollback(db(), "s-1", ("cr-db-v2", "cr-db-v1"));
        let mut session = Session::new([target], Policy::default(), start());
        for observation in object(said) {
            let _ = session.observe(observation);
        }
        let waiting = session.waiting(&session.workloads()[0], at(40));
        assert_eq!(
            waiting.suspects.concat(),
            expected,
            "{said}: {:?}",
            session.workloads()[0].verdict()
        );
    }
}
