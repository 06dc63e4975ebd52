//! The steps before the first change: reading, asking, reading again.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::past::{Past, of_db, of_web};
use crate::annotation::ROLLBACK_RECORD;
use crate::approval::Approval;
use crate::rollback::execution::{FailedCall, FailureKind};
use crate::rollback::patch::record;
use crate::rollback::preflight::{Answers, DryRun, Lookup};
use crate::rollback::preparation::{
    Consent, Ended, Event, Observation, Preparation, PreparationRequest, Question, ReadAnswer,
    ReadRequest, Seen, Step,
};
use crate::rollback::{Request, RollbackDecision, RollbackHealth};
use crate::testing::{at, db_pod, pod_of};
use crate::verdict::VerdictKind;
use crate::workload::{ClusterName, Revision, RevisionId, WorkloadRef};

fn failing() -> Past {
    of_web().had("v1", 1, 2).had("v2", 2, 0)
}

fn newer() -> Past {
    failing().at_version("v3").had("v3", 3, 0)
}

/// Someone went back to `v1`, and deployed `v2` again.
fn again() -> Past {
    of_web().had("v1", 3, 2).had("v2", 4, 0)
}

/// A check found `v1` healthy.
fn known(past: Past) -> Past {
    past.marked("v1", 1)
}

fn healed() -> Past {
    of_web().complete().had("v1", 1, 0).had("v2", 2, 2)
}

/// Another run put `v1` back.
fn restored() -> Past {
    let restored = of_web().at_version("v1").had("v1", 3, 2).had("v2", 2, 0);
    restored.restored("v1", "v2")
}

fn accepted() -> Answers {
    Answers {
        references: Vec::new(),
        pod: DryRun::Accepted,
        patch: DryRun::Accepted,
        written: None,
        rights: Vec::new(),
        jobs: Lookup::Seen(Vec::new()),
        helm: None,
    }
}

fn refused_by_a_policy() -> Answers {
    Answers {
        patch: DryRun::Refused {
            code: 403,
            message: "denied by policy".to_owned(),
        },
        ..accepted()
    }
}

fn failure(message: &str) -> FailedCall {
    FailedCall {
        kind: FailureKind::Unreachable,
        messages: vec![message.to_owned()],
        hint: None,
    }
}

/// The cluster and the person of a row.
struct Scene {
    /// What each look finds; the last one is found again and again.
    pasts: Vec<Past>,
    answers: Answers,
    /// What the person types; after that the input ends.
    lines: Vec<&'static str>,
    consent: Consent,
    approved: bool,
}

fn scene(pasts: Vec<Past>, lines: Vec<&'static str>) -> Scene {
    Scene {
        pasts,
        answers: accepted(),
        lines,
        consent: Consent::Ask,
        approved: true,
    }
}

/// Follows a preparation to its end, and tells in few words what was shown, asked and read.
fn told(scene: Scene) -> Vec<String> {
    let approval = match scene.pasts[0].decide(&Request::default()) {
        RollbackDecision::Apply(plan) if scene.approved => Some(plan.approval()),
        RollbackDecision::Apply(_) | RollbackDecision::Already(_) | RollbackDecision::Refuse(_) => {
            None
        }
    };
    let workload = scene.pasts[0].history().workload().clone();
    let request = Request {
        approval: approval.clone(),
        ..Request::default()
    };
    let evidence = approval.map(|it| Approval::new(VerdictKind::Failed, at(0), [], vec![it]));
    let mut pasts = VecDeque::from(scene.pasts);
    let mut lines = VecDeque::from(scene.lines);
    let mut now = at(100);
    let wanted = vec![(workload, request)];
    let cluster = ClusterName::new("aks-prod").with_context(Some("aks-prod".to_owned()));
    let mut preparation = Preparation::new(wanted, evidence, scene.consent, now).on(cluster);
    let mut words = Vec::new();
    let mut seen = Seen::Tick;
    loop {
        let step = preparation.observe(Observation { at: now, seen });
        words.extend(step.events.iter().map(event));
        if let Some(ended) = step.ended {
            words.push(end(&ended));
            return words;
        }
        seen = match step.requests.into_iter().next() {
            Some(PreparationRequest::Read(ReadRequest::History(workload))) => {
                words.push("read".to_owned());
                let past = if pasts.len() > 1 {
                    pasts.pop_front().unwrap()
                } else {
                    pasts[0].clone()
                };
                let read = Ok(Box::new(past.history()));
                Seen::Read(ReadAnswer::History { workload, read })
            }
            Some(PreparationRequest::Read(ReadRequest::Preflight { plan, .. })) => {
                Seen::Read(ReadAnswer::Preflight {
                    workload: plan.workload,
                    answers: Box::new(scene.answers.clone()),
                })
            }
            Some(PreparationRequest::Ask(question)) => {
                words.push(question.to_string());
                Seen::Answered(lines.pop_front().map(str::to_owned))
            }
            None => {
                assert!(step.wake_at > now, "the same step again and again");
                now = step.wake_at;
                Seen::Tick
            }
        };
    }
}

fn event(event: &Event) -> String {
    match event {
        Event::LooksHealed(pause) => format!("wait {}s", pause.takes.as_secs()),
        Event::Planned(batch) if batch.is_refused() => "show why not".to_owned(),
        Event::Planned(batch) => match batch.plans.as_slice() {
            [] => "show what is in place".to_owned(),
            plans => format!("show the plan to revision {}", plans[0].to.revision),
        },
        Event::DryRun(_) => "say that it is a dry run".to_owned(),
        Event::LeftAlone(workloads) => format!("leave {} alone", workloads.len()),
        Event::NotUnderstood(answer) => Question::not_understood(answer),
        Event::PlanChanged => "say that the plan changed".to_owned(),
    }
}

fn end(ended: &Ended) -> String {
    match ended {
        Ended::Confirmed(prepared) => format!("carry out {}", prepared.batch.plans.len()),
        Ended::DryRun(_) => "dry run".to_owned(),
        Ended::Refused { conclusion, .. } => {
            assert_eq!(conclusion.health, Some(RollbackHealth::NotRolledBack));
            conclusion.outcome.as_str().to_owned()
        }
        Ended::NotConfirmed => "not confirmed".to_owned(),
        Ended::NoAnswer => "no answer".to_owned(),
        Ended::Cancelled => "cancelled".to_owned(),
        Ended::Failed(failure) => failure.text(),
    }
}

/// The steps up to the person's answer.
const ASKED: [&str; 3] = ["read", "show the plan to revision 1", ASK];
/// It names the workload and where it is.
const ASK: &str =
    "Roll back deployment/web in namespace shop on cluster aks-prod (context aks-prod)? (y/n)";

#[test]
#[expect(clippy::too_many_lines, reason = "a table of named rows")]
fn a_plan_is_carried_out_only_as_it_was_shown() {
    let rows: Vec<(&str, Scene, &[&str])> = vec![
        (
            "the person approves",
            scene(vec![failing()], vec!["y\n"]),
            &["read", "carry out 1"],
        ),
        (
            "the person rejects",
            scene(vec![failing()], vec!["no\n"]),
            &["not confirmed"],
        ),
        (
            "the answer is unclear, and given again",
            scene(vec![failing()], vec!["perhaps\n", " YES \n"]),
            &[
                "`perhaps` is neither yes nor no; write y or n",
                ASK,
                "read",
                "carry out 1",
            ],
        ),
        (
            "the input is closed",
            scene(vec![failing()], vec![]),
            &["no answer"],
        ),
        (
            "the input is closed after an unclear answer",
            scene(vec![failing()], vec!["\n"]),
            &["nothing was answered; write y or n", ASK, "no answer"],
        ),
        (
            "a newer rollout began while the person thought",
            scene(vec![failing(), newer()], vec!["y"]),
            &["read", "show why not", "superseded"],
        ),
        (
            "the rollout healed while the person thought",
            scene(vec![failing(), healed()], vec!["y"]),
            &["read", "show why not", "healed"],
        ),
        (
            "another run rolled back while the person thought",
            scene(vec![failing(), restored()], vec!["y"]),
            &["read", "show what is in place", "carry out 0"],
        ),
        (
            "without an approval, the plan changed while the person thought",
            Scene {
                approved: false,
                ..scene(vec![failing(), newer()], vec!["y"])
            },
            &["read", "say that the plan changed", "superseded"],
        ),
        (
            "without an approval, the rollout healed while the person thought",
            Scene {
                approved: false,
                ..scene(vec![known(failing()), known(healed())], vec!["y"])
            },
            &["read", "say that the plan changed", "superseded"],
        ),
        (
            "without an approval, it was complete all the time: the person knows why",
            Scene {
                approved: false,
                ..scene(vec![known(healed())], vec!["y"])
            },
            &["read", "carry out 1"],
        ),
        (
            "without an approval, the same template was deployed again while the person thought",
            Scene {
                approved: false,
                ..scene(vec![failing(), again()], vec!["y"])
            },
            &["read", "say that the plan changed", "superseded"],
        ),
    ];
    for (says, scene, after) in rows {
        let told = told(scene);
        let expected: Vec<&str> = ASKED.iter().chain(after).copied().collect();
        assert_eq!(told, expected, "{says}");
    }
}

#[test]
fn a_person_is_asked_only_about_a_change() {
    let stuck = || {
        let id = |version: &str, number| RevisionId {
            revision: Revision(number),
            name: format!("db-{version}"),
            uid: format!("cr-db-{version}"),
        };
        let record = record(&id("v1", 1), &id("v2", 2), &Request::default());
        let back = of_db().at_version("v1");
        let back = back.annotated(ROLLBACK_RECORD, &record.to_text());
        let mut back = back.with("/status/updateRevision", "db-v1".into());
        back.revision_object("v1")["revision"] = 3.into();
        back.pod(db_pod(0, "v2").running(0, 0))
    };
    let with = |consent, past| Scene {
        consent,
        ..scene(vec![past], vec!["y"])
    };
    let rows: Vec<(&str, Scene, &[&str])> = vec![
        (
            "an approval was given before",
            with(Consent::Given, failing()),
            &["read", "show the plan to revision 1", "carry out 1"],
        ),
        (
            "a dry run",
            with(Consent::DryRun, failing()),
            &[
                "read",
                "show the plan to revision 1",
                "say that it is a dry run",
                "dry run",
            ],
        ),
        (
            "a dry run of what is refused",
            Scene {
                answers: refused_by_a_policy(),
                ..with(Consent::DryRun, failing())
            },
            &["read", "show why not", "refused"],
        ),
        (
            "the preflight refuses",
            Scene {
                answers: refused_by_a_policy(),
                ..with(Consent::Ask, failing())
            },
            &["read", "show why not", "refused"],
        ),
        (
            "everything is in place",
            with(Consent::Ask, restored()),
            &["read", "show what is in place", "carry out 0"],
        ),
        (
            "stuck pods are left to delete",
            with(Consent::Ask, stuck()),
            &[
                "read",
                "show what is in place",
                "Delete the stuck pods of statefulset/db in namespace shop on cluster aks-prod (context aks-prod)? (y/n)",
                "read",
                "carry out 0",
            ],
        ),
    ];
    for (says, scene, expected) in rows {
        assert_eq!(told(scene), expected, "{says}");
    }
}

/// A preparation that is asked for these workloads, and its first step.
fn begun(workloads: Vec<WorkloadRef>, now: Timestamp) -> (Preparation, Step) {
    let wanted = workloads.into_iter().map(|it| (it, Request::default()));
    let mut preparation = Preparation::new(wanted.collect(), None, Consent::Ask, now);
    let seen = Seen::Tick;
    let step = preparation.observe(Observation { at: now, seen });
    (preparation, step)
}

fn named(name: &str) -> WorkloadRef {
    WorkloadRef {
        name: name.to_owned(),
        ..crate::testing::web()
    }
}

#[test]
fn a_cancellation_ends_it_at_once_whatever_is_under_way() {
    let asking = || {
        let (mut preparation, _) = begun(vec![named("web")], at(100));
        let read = |seen| Observation {
            at: at(101),
            seen: Seen::Read(seen),
        };
        let history = ReadAnswer::History {
            workload: named("web"),
            read: Ok(Box::new(failing().history())),
        };
        let _ = preparation.observe(read(history));
        let answers = Box::new(accepted());
        let workload = named("web");
        let step = preparation.observe(read(ReadAnswer::Preflight { workload, answers }));
        assert!(matches!(
            step.requests.as_slice(),
            [PreparationRequest::Ask(_)]
        ));
        preparation
    };
    let rows = [
        ("while it reads", begun(vec![named("web")], at(100)).0),
        ("while it asks", asking()),
    ];
    for (says, mut preparation) in rows {
        let mut see = |seen| preparation.observe(Observation { at: at(102), seen });
        assert_eq!(
            see(Seen::StopRequested).ended,
            Some(Ended::Cancelled),
            "{says}"
        );
        let late = see(Seen::Answered(Some("y".to_owned())));
        assert_eq!(late.ended, Some(Ended::Cancelled), "{says}: for a late yes");
        assert!(late.requests.is_empty(), "{says}");
    }
}

#[test]
fn of_several_workloads_that_cannot_be_read_the_first_that_was_named_counts() {
    let (mut preparation, step) = begun(vec![named("a"), named("b")], at(100));
    assert_eq!(step.requests.len(), 2);
    let mut fails = |name: &str| {
        let read = ReadAnswer::History {
            workload: named(name),
            read: Err(failure(&format!("{name} is out of reach"))),
        };
        let seen = Seen::Read(read);
        preparation.observe(Observation { at: at(101), seen }).ended
    };
    assert_eq!(fails("b"), None, "the answer about `a` is still to come");
    assert_eq!(
        fails("a"),
        Some(Ended::Failed(failure("a is out of reach")))
    );
}

#[test]
fn so_many_workloads_are_read_at_once() {
    let names: Vec<WorkloadRef> = (0..20).map(|it| named(&format!("w{it}"))).collect();
    let (mut preparation, step) = begun(names, at(100));
    assert_eq!(step.requests.len(), 8);
    let seen = Seen::Read(ReadAnswer::History {
        workload: named("w3"),
        read: Err(failure("lost")),
    });
    let step = preparation.observe(Observation { at: at(101), seen });
    assert_eq!(step.requests.len(), 1, "the next, once one has ended");
}

#[test]
fn a_workload_that_looks_healed_is_read_again_before_a_person_is_asked() {
    let up = |name| pod_of(name, "v2").ready(100);
    let told = told(scene(
        vec![failing(), healed().pod(up("a")).pod(up("b"))],
        vec!["y"],
    ));
    assert_eq!(told[..3], ASKED);
    assert_eq!(told[3], "read");
    assert!(told[4].starts_with("wait "), "{told:?}");
    assert_eq!(told[5..], ["read", "show why not", "healed"]);
}
