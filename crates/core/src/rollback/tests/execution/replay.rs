//! A recorded execution leads to the same steps again.

use std::time::Duration;

use super::model::{Fate, ModelCluster};
use crate::duration::after;
use crate::rollback::execution::{
    ClusterRequest, DeleteResult, Execution, FORMAT, FailedCall, FailureKind, Look, Observation,
    PatchResult, Recording, RecordingError, Seen, Settings, Start, Step, Verification,
};
use crate::testing::{at, web};
use crate::trace::line;

/// A whole rollback of both workloads with an answer that is lost, as text, and its steps.
fn recorded() -> (String, Vec<Step>) {
    let mut cluster = ModelCluster::new(&[1]);
    let start = Start {
        rollguard_execution: FORMAT,
        settings: Settings {
            wait: true,
            timeout: Duration::from_secs(60),
        },
        prepared: cluster.prepared(),
    };
    let mut text = line(&start).unwrap();
    let mut execution = Execution::new(start.prepared, start.settings);
    let (mut steps, mut under_way, mut now) = (Vec::new(), Vec::new(), at(100));
    let mut seen = Seen::Tick;
    let mut lost = false;
    loop {
        let observation = Observation { at: now, seen };
        text.push_str(&line(&observation).unwrap());
        let step = execution.observe(observation);
        under_way.extend(step.requests.clone());
        steps.push(step.clone());
        if step.conclusion.is_some() {
            return (text, steps);
        }
        cluster.controllers();
        now = after(now, Duration::from_secs(1));
        let is_ready = |it: &ClusterRequest| {
            !matches!(it, ClusterRequest::Verify { .. }) || cluster.is_complete(it)
        };
        let ready = under_way.iter().position(is_ready);
        seen = ready.map_or(Seen::Tick, |index| {
            let request: ClusterRequest = under_way.remove(index);
            let deletes = matches!(request, ClusterRequest::DeletePod { .. });
            let fate = if deletes && !lost {
                lost = true;
                Fate::Lost
            } else {
                Fate::Answered
            };
            cluster.carry(&request, fate)
        });
    }
}

#[test]
fn a_recording_is_read_as_it_was_written_and_leads_to_the_same_steps() {
    let (text, steps) = recorded();
    let recording = Recording::parse(&text).unwrap();
    assert_eq!(recording.replay(), steps);
    let mut again = line(&recording.start).unwrap();
    for observation in &recording.observations {
        again.push_str(&line(observation).unwrap());
    }
    assert_eq!(again, text);
}

#[test]
fn every_failure_is_read_as_it_was_written() {
    let failed = || FailedCall {
        kind: FailureKind::Forbidden,
        messages: vec!["no".to_owned()],
        hint: Some("grant it".to_owned()),
    };
    let all = [
        Seen::Patched {
            workload: web(),
            result: PatchResult::Failed(failed()),
        },
        Seen::MarkWithdrawn {
            workload: web(),
            failure: Some(failed()),
        },
        Seen::Looked {
            workload: web(),
            look: Look::Failed(failed()),
        },
        Seen::Deleted {
            workload: web(),
            result: DeleteResult::Failed(failed()),
        },
        Seen::Verified {
            verification: Verification::Failed(failed()),
        },
    ];
    for seen in all {
        let observation = Observation { at: at(1), seen };
        let read: Observation = serde_json::from_str(&line(&observation).unwrap()).unwrap();
        assert_eq!(read, observation);
    }
}

#[test]
fn what_is_no_recording_is_refused_with_its_line() {
    let (text, _) = recorded();
    let newer = text.replacen("\"rollguardExecution\":1", "\"rollguardExecution\":2", 1);
    let broken = text.clone() + "\n{\"at\":1}\n";
    let last = text.lines().count() + 2;
    assert!(matches!(Recording::parse(" "), Err(RecordingError::Empty)));
    assert!(matches!(
        Recording::parse(&newer),
        Err(RecordingError::Format { found: 2 })
    ));
    assert!(
        matches!(Recording::parse(&broken), Err(RecordingError::Line { line, .. }) if line == last)
    );
}
