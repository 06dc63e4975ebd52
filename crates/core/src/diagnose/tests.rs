//! Every cause has a hit and a near miss.
#![expect(clippy::too_many_lines, reason = "tables of named rows")]

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::finding::FindingCode;
use crate::finding::{Lookup, Prognosis, Promise};
use crate::http::HttpCheck;
use crate::observation::{Observation, ResourceKind, Seen};
use crate::testing::{
    DeploymentBuilder, PodBuilder, at, deployment, pod, pod_of, refused_replica_set, replica_set,
    seen, seen_set, subject,
};

use FindingCode::*;

mod config;
mod crash;
mod creation;
mod fronts;
mod graces;
mod healing;
mod http;
mod image;
mod jobs;
mod node;
mod probe;
mod runtime;
mod sandbox;
mod scheduling;
mod sets;
mod standstill;
mod start;
mod traffic;
mod volume;
mod workload;

/// The expectation of a row about a code at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    /// The code is found and does not heal.
    Terminal(FindingCode),
    /// The code is found and may heal.
    Transient(FindingCode),
    /// The code is found and decides nothing.
    Noted(FindingCode),
    /// The code is not found.
    Absent(FindingCode),
}
use Expect::{Absent, Noted, Terminal, Transient};

#[derive(Clone)]
struct Row {
    says: &'static str,
    observations: Vec<Observation>,
    seconds: u64,
    expect: Expect,
    /// What is seen after that, and when it is judged again: the code must be gone.
    healing: Option<(u64, Vec<Observation>)>,
}

impl Row {
    /// Healed again: judged a second time after these observations, the code is gone.
    fn healed_by(mut self, seconds: u64, observations: Vec<Observation>) -> Self {
        self.healing = Some((seconds, observations));
        self
    }
}

/// A row about pods of an ordinary rollout: seen first at second 0, judged at `seconds`.
fn row(says: &'static str, pods: &[PodBuilder], seconds: u64, expect: Expect) -> Row {
    rollout(
        says,
        deployment("web").counts(3, 3, 1, 2),
        pods,
        (seconds, expect),
    )
}

fn rollout(
    says: &'static str,
    workload: DeploymentBuilder,
    pods: &[PodBuilder],
    judged: (u64, Expect),
) -> Row {
    let observations = vec![
        seen(0, workload),
        seen_set(0, replica_set("v1", 1, (2, 2))),
        seen_set(0, replica_set("v2", 2, (1, 0))),
    ];
    with_pods(says, observations, pods, judged)
}

/// A row about what is seen at first, and the pods beside it.
fn with_pods(
    says: &'static str,
    mut observations: Vec<Observation>,
    pods: &[PodBuilder],
    judged: (u64, Expect),
) -> Row {
    observations.extend(pods.iter().flat_map(|pod| pod.seen(0)));
    Row {
        says,
        observations,
        seconds: judged.0,
        expect: judged.1,
        healing: None,
    }
}

/// A row about a Deployment whose new ReplicaSet does not exist.
fn without_set(says: &'static str, workload: DeploymentBuilder, judged: (u64, Expect)) -> Row {
    let observations = vec![seen(0, workload), seen_set(0, replica_set("v1", 1, (1, 1)))];
    Row {
        says,
        observations,
        seconds: judged.0,
        expect: judged.1,
        healing: None,
    }
}

/// A row about the message with which pods are refused since second 0.
fn refused(says: &'static str, message: &str, seconds: u64, expect: Expect) -> Row {
    let observations = vec![
        seen(0, deployment("web").counts(3, 3, 0, 3)),
        seen_set(0, replica_set("v1", 1, (3, 3))),
        seen_set(0, refused_replica_set("v2", 2, message)),
    ];
    Row {
        says,
        observations,
        seconds,
        expect,
        healing: None,
    }
}

/// The pod is ready since a second.
fn well(since: u64) -> Vec<Observation> {
    pod("a").ready(since).seen(since)
}

/// A pod is deleted.
fn gone(seconds: u64, uid: &str) -> Vec<Observation> {
    let gone = Seen::Gone {
        resource: ResourceKind::Pod,
        uid: uid.to_owned(),
    };
    vec![Observation::new(at(seconds), gone)]
}

fn findings(row: &Row) -> Vec<Finding> {
    judged(&row.observations, row.seconds)
}

fn judged(observations: &[Observation], seconds: u64) -> Vec<Finding> {
    judged_by(&Policy::default(), observations, seconds)
}

fn judged_by(policy: &Policy, observations: &[Observation], seconds: u64) -> Vec<Finding> {
    diagnosed(policy, observations, seconds).findings
}

fn diagnosed(policy: &Policy, observations: &[Observation], seconds: u64) -> Diagnosis {
    let mut snapshot = Snapshot::default();
    for observation in observations {
        snapshot.apply(observation.clone());
    }
    let policy = Policy {
        http: ["/healthz", "service/web/healthz"]
            .map(|it| HttpCheck::parse(it).unwrap())
            .to_vec(),
        ..policy.clone()
    };
    let workload = observations.iter().find_map(subject);
    let rollout = snapshot.rollout(&workload.unwrap()).unwrap();
    let ways = traffic::Followed::by(observations, &rollout, &policy);
    let case = Case {
        snapshot: &snapshot,
        workload: rollout.workload(),
        rollout,
        pods: rollout.new_pods(),
        ended: rollout.ended_pods(),
        policy: &policy,
        started: at(0),
        deadline: after(at(0), policy.timeout),
        now: at(seconds),
        shows_at: Cell::default(),
        former_start: OnceCell::new(),
        ways: ways.as_ref().map(traffic::Followed::seen),
    };
    diagnose(&case)
}

fn rows() -> Vec<Row> {
    [
        config::rows(),
        crash::rows(),
        creation::rows(),
        http::rows(),
        image::rows(),
        jobs::rows(),
        node::rows(),
        probe::rows(),
        runtime::rows(),
        sandbox::rows(),
        scheduling::rows(),
        sets::rows(),
        standstill::rows(),
        start::rows(),
        traffic::rows(),
        fronts::rows(),
        volume::rows(),
        workload::rows(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

impl Expect {
    /// The code it is about, and the prognosis it asks for: none where the code must be absent.
    const fn parts(self) -> (FindingCode, Option<Prognosis>) {
        match self {
            Terminal(code) => (code, Some(Prognosis::Terminal)),
            Transient(code) => (code, Some(Prognosis::Transient)),
            Noted(code) => (code, Some(Prognosis::Informational)),
            Absent(code) => (code, None),
        }
    }
}

fn prognosis(found: &[Finding], code: FindingCode) -> Option<Prognosis> {
    let finding = found.iter().find(|it| it.code == code);
    finding.map(|it| it.prognosis)
}

#[test]
fn every_row_holds() {
    let mut wrong = Vec::new();
    for row in rows() {
        let (code, expected) = row.expect.parts();
        let found = findings(&row);
        if prognosis(&found, code) != expected {
            wrong.push(format!("{}: {found:#?}", row.says));
        }
        if let Some((seconds, healing)) = row.healing {
            let all = [row.observations, healing].concat();
            let found = judged(&all, seconds);
            if prognosis(&found, code).is_some() {
                wrong.push(format!("{}, healed: {found:#?}", row.says));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_code_has_a_hit_a_near_miss_and_heals_again() {
    let (mut hits, mut misses, mut healed) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for row in rows() {
        let (code, expected) = row.expect.parts();
        // What is only ever a suspect is transient at its worst.
        let suspect = Policy::default()
            .rule(code)
            .is_some_and(|rule| rule.only_suspect());
        match expected {
            Some(Prognosis::Terminal | Prognosis::Informational) => hits.insert(code),
            Some(Prognosis::Transient) if suspect => hits.insert(code),
            Some(Prognosis::Transient) | None => misses.insert(code),
        };
        if row.healing.is_some() && expected.is_some() {
            healed.insert(code);
        }
    }
    for (what, known) in [
        ("hit", hits),
        ("near miss", misses),
        ("healed-again row", healed),
    ] {
        let without: Vec<_> = FindingCode::ALL
            .iter()
            .filter(|it| !known.contains(it))
            .collect();
        assert_eq!(without, Vec::<&FindingCode>::new(), "no {what}");
    }
}

/// A cause that needs time to show is looked for when it has had it, not with the next reminder.
#[test]
fn a_diagnosis_says_when_the_next_finding_shows() {
    let policy = Policy::default();
    let silent = || pod("a").with("/status", json!({"phase": "Pending"}));
    let named = || silent().with("/spec/schedulerName", json!("volcano"));
    let late = policy.shown_after.scheduler.as_secs();
    let much_later = policy.shown_after.default_scheduler.as_secs();
    for (says, pod, seconds, expected) in [
        (
            "no scheduler of its own has reported",
            named(),
            late - 1,
            Some(late),
        ),
        ("that is told now", named(), late, None),
        (
            "the default scheduler has not",
            silent(),
            late,
            Some(much_later),
        ),
        ("nothing is awaited", pod("a").ready(0), late, None),
    ] {
        let row = row(says, &[pod], seconds, Absent(SchedulerMissing));
        let found = diagnosed(&policy, &row.observations, seconds);
        assert_eq!(found.shows_at, expected.map(at), "{says}");
    }
}

#[test]
fn pods_with_one_cause_read_as_one_finding() {
    let pods = [pod("a"), pod("b"), pod("c")].map(|it| it.waiting("InvalidImageName", ""));
    let found = findings(&row("three pods", &pods, 60, Terminal(InvalidImageName)));
    assert_eq!(found.len(), 1);
    assert_eq!(found.first().map(|it| it.pods), Some(3));
}

#[test]
fn sentences_name_what_matters() {
    let said = |row: Row| {
        findings(&row)
            .into_iter()
            .map(|it| format!("{} | {}", it.message, it.remedy))
            .collect::<Vec<_>>()
    };
    insta::assert_debug_snapshot!(
        rows()
            .into_iter()
            .filter(|row| matches!(row.expect, Terminal(_) | Noted(_)))
            .flat_map(said)
            .collect::<BTreeSet<_>>()
    );
}
