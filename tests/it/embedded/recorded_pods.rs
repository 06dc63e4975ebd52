//! The pods of the cluster: those of v2 as they were recorded, those of v1 healthy; and refusals by
//! admission plug-ins that the embedded cluster does not have.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Pod;
use rollguard_core::observation::{Answer, Seen};
use rollguard_core::trace::Trace;
use rollguard_sandbox::{Answer as PodAnswer, ApiFailure, PodRefusal, SandboxBuilder, Script};
use rollguard_tests::scenarios::Scenario;

use crate::traces::policy;

/// Returns whether a pod has the label of a version.
pub(crate) fn is_version(pod: &Pod, version: &str) -> bool {
    let labels = pod.metadata.labels.as_ref();
    labels.and_then(|it| it.get("version")).map(String::as_str) == Some(version)
}

/// Lets the n-th pod of v2 play the n-th recorded one; any further pod plays the last.
pub(crate) fn play_recorded_pods(
    mut builder: SandboxBuilder,
    (scenario, trace): (&Scenario, &str),
) -> Result<SandboxBuilder> {
    let recorded = recorded_v2_pods(&Trace::parse(trace)?);
    for (index, uid) in recorded.iter().enumerate() {
        let is_it = |pod: &Pod| pod.metadata.uid.as_deref() == Some(uid);
        let script = answering(Script::from_trace(trace, is_it)?, scenario, trace)?;
        let last = index + 1 == recorded.len();
        let taken = AtomicBool::new(false);
        let free = move |pod: &Pod| {
            is_version(pod, "v2") && (!taken.swap(true, Ordering::Relaxed) || last)
        };
        builder = builder.play(free, script);
    }
    Ok(builder.play(|pod| is_version(pod, "v1"), v1_script(scenario)))
}

/// With the recorded answer to the one HTTP check.
fn answering(script: Script, scenario: &Scenario, trace: &str) -> Result<Script> {
    let trace = Trace::parse(trace)?;
    let mut answers = trace.observations.iter().filter_map(|it| {
        let Seen::Answered { answer, .. } = &it.seen else {
            return None;
        };
        let Answer::Came { answer } = answer else {
            return None;
        };
        Some(PodAnswer::new(answer.status, answer.body.clone()))
    });
    let (checks, answer) = (policy(scenario).http, answers.next_back());
    Ok(match checks.first().zip(answer) {
        Some((check, answer)) => script.answering(check.path(), answer),
        None => script,
    })
}

fn v1_script(scenario: &Scenario) -> Script {
    match scenario.name {
        // Its program is older than its database.
        "old-revision-broken" | "agent-old-revision-broken" | "db-broken-stays" => {
            Script::crash_at_start(&["fatal: out of date"], 1)
        }
        "deadline-is-stale" => Script::image_not_found(),
        // Its shell ignores SIGTERM. Not quite its grace period of 5 s: the ReplicaSet's retries
        // double, one of them comes 5.1 s after the first refusal, and to miss it by a moment puts
        // the next one minutes away, on a real cluster as well.
        "quota-frees-itself" => Script::healthy().stopping_in(Duration::from_secs(4)),
        _ => Script::healthy(),
    }
}

/// The uids of the recorded pods of v2, in the order in which they were made.
fn recorded_v2_pods(trace: &Trace) -> Vec<String> {
    let mut uids: Vec<String> = Vec::new();
    for observation in &trace.observations {
        if let Seen::Pod { object } = &observation.seen
            && is_version(object, "v2")
            && let Some(uid) = &object.metadata.uid
            && !uids.contains(uid)
        {
            uids.push(uid.clone());
        }
    }
    uids
}

/// The refusal of v2's pods that was recorded, for admission plug-ins that only a real cluster has.
pub(crate) fn recorded_refusal(trace: &str) -> Result<PodRefusal> {
    let trace = Trace::parse(trace)?;
    let messages = trace.observations.iter().filter_map(|it| {
        let Seen::Event { object } = &it.seen else {
            return None;
        };
        let failed = object.reason.as_deref() == Some("FailedCreate");
        object.message.clone().filter(|_| failed)
    });
    let mut refusals = messages.filter_map(|message| {
        if let Some((_, because)) = message.split_once("is forbidden: ") {
            return Some(PodRefusal::Forbidden(because.to_owned()));
        }
        let (_, error) = message.split_once("Error creating: ")?;
        let failure = ApiFailure::new(500, "InternalError", error);
        Some(PodRefusal::Other(failure))
    });
    refusals.next().context("no refusal was recorded")
}

/// The image of the recorded update.
pub(crate) fn recorded_image(trace: &str) -> Result<String> {
    let trace = Trace::parse(trace)?;
    let mut images = trace.observations.iter().filter_map(|it| {
        let Seen::Workload { object } = &it.seen else {
            return None;
        };
        let spec = object.template()?.spec.as_ref()?;
        spec.containers.first()?.image.clone()
    });
    images.next_back().context("no update was recorded")
}
