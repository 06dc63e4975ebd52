//! Describes a wait for the people who watch it: which cause is suspected, how long at most until it decides,
//! how often containers were restarted, and the time that is left.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::duration::{Human, after, elapsed, parse};
use crate::finding::{Finding, FindingCode, Prognosis};
use crate::policy::{Policy, Rule};
use crate::snapshot::{ContainerView, PodView, Snapshot, event_time};
use crate::verdict::Pending;
use crate::workload::Workload;

/// How many suspects are named.
const SUSPECTS: usize = 3;

/// A wait as it is at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// How often containers of the new pods were restarted.
    pub restarts: u32,
    /// The time until the timeout.
    pub left: Duration,
    /// The first suspects, one line each.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub suspects: Vec<String>,
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.restarts {
            0 => {}
            1 => f.write_str("1 restart, ")?,
            many => write!(f, "{many} restarts, ")?,
        }
        if self.left.is_zero() {
            return f.write_str("past the timeout");
        }
        write!(f, "{} left", Human(self.left))
    }
}

/// The circumstances of a wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment<'a> {
    pub(super) policy: &'a Policy,
    pub(super) started: Timestamp,
    pub(super) now: Timestamp,
}

/// Returns what is waited for, by the findings about these pods.
pub(super) fn waiting(findings: &[Finding], pods: &[PodView<'_>], at: Moment<'_>) -> Waiting {
    let containers: BTreeMap<(&str, &str), ContainerView<'_>> = pods
        .iter()
        .flat_map(PodView::containers)
        .map(|it| ((it.pod.name(), it.name()), it))
        .collect();
    let restarts = containers.values().filter_map(|it| it.status);
    let restarts = restarts.map(|it| u32::try_from(it.restart_count).unwrap_or_default());
    let suspects = findings
        .iter()
        .filter(|it| it.prognosis == Prognosis::Transient)
        .filter_map(|it| {
            let rule = at.policy.rule(it.code)?;
            let key = (
                it.subject.name.as_str(),
                it.subject.container.as_deref().unwrap_or_default(),
            );
            Some(suspect(it, rule, containers.get(&key), at))
        });
    Waiting {
        restarts: restarts.sum(),
        left: elapsed(at.now, after(at.started, at.policy.timeout)),
        suspects: suspects.take(SUSPECTS).collect(),
    }
}

/// Says how far a suspect is from deciding: one time, the latest, on the clock of the check. It only becomes earlier, once
/// it is known exactly. The message comes last and in short, because a narrow terminal cuts there.
fn suspect(
    finding: &Finding,
    rule: Rule,
    container: Option<&ContainerView<'_>>,
    at: Moment<'_>,
) -> String {
    let (code, message) = (finding.code, brief(&finding.message));
    let lasted = Human(elapsed(finding.since, at.now));
    let deadline = after(at.started, at.policy.timeout);
    let decides = finding.decides_at.unwrap_or(deadline);
    let decides = format!("decides by +{}", Human(elapsed(at.started, decides)));
    if rule.only_suspect() {
        return format!("{code} for {lasted}, {decides}, at the timeout only: {message}");
    }
    if finding.attempts < rule.attempts {
        let next = container.and_then(|it| next(it, at.now));
        let next = next.map_or_else(String::new, |it| format!(", {it}"));
        let (seen, wanted) = (finding.attempts, rule.attempts);
        let noun = noun(code);
        return format!("{code}: {seen} of {wanted} {noun}{next}, {decides}: {message}");
    }
    format!("{code} for {lasted}, {decides}: {message}")
}

/// The longest pause of a controller after an error: each one doubles it, from 5 ms on
/// (client-go `util/workqueue/default_rate_limiters.go`).
const LONGEST_PAUSE: Duration = Duration::from_secs(1000);

/// Says that a StatefulSet waits for its controller, which is pausing because it could not create a pod: nothing else
/// moves then, and a quota that was freed is not noticed before. Known from events only.
pub(super) fn pause(
    snapshot: &Snapshot,
    workload: &Workload,
    pending: &Pending,
    now: Timestamp,
) -> Option<String> {
    let (Workload::StatefulSet(_), Pending::Revision { .. } | Pending::NotObserved { .. }) =
        (workload, pending)
    else {
        return None;
    };
    let newest = |reason: &str| {
        let about = snapshot.events_about(workload.uid());
        let events = about.filter(|it| it.reason.as_deref() == Some(reason));
        events.filter_map(event_time).max()
    };
    let failed = newest("FailedCreate")?;
    (newest("SuccessfulCreate") < Some(failed)).then(|| {
        format!(
            "the StatefulSet controller could not create a pod {} ago (FailedCreate) and tries again after its back-off, up to {}",
            Human(elapsed(failed, now)),
            Human(LONGEST_PAUSE)
        )
    })
}

/// The longest name of an image, in characters, that is not shortened.
const IMAGE: usize = 24;

/// Shortens a message to its deciding part: without the container, which is on the line of the cause itself, and with the
/// last part of an image's path only.
fn brief(message: &str) -> String {
    let of_container = |rest: &&str| {
        let mut parts = rest.splitn(3, '`');
        let (_, name, after) = (parts.next(), parts.next(), parts.next());
        name.is_some() && after.is_some_and(|it| it.starts_with(": "))
    };
    let kept = ["container ", "init container ", "sidecar "]
        .iter()
        .filter_map(|title| message.strip_prefix(title))
        .find(of_container)
        .and_then(|rest| rest.split_once("`: "))
        .map_or(message, |(_, rest)| rest);
    let parts = kept.split('`').enumerate().map(|(at, part)| {
        let is_quoted = at % 2 == 1;
        match part.rsplit_once('/') {
            Some((_, last)) if is_quoted && is_image(part) && part.chars().count() > IMAGE => {
                format!("…/{last}")
            }
            Some(_) | None => part.to_owned(),
        }
    });
    parts.collect::<Vec<_>>().join("`")
}

/// Returns whether a quoted text has the form of an image: a path without spaces whose last part has a tag or a digest.
fn is_image(text: &str) -> bool {
    let last = text.rsplit('/').next().unwrap_or_default();
    !text.starts_with('/')
        && !text.contains(char::is_whitespace)
        && !text.contains("://")
        && last.contains(':')
}

/// Returns what comes next in a container that ends again and again.
fn next(container: &ContainerView<'_>, now: Timestamp) -> Option<String> {
    if container.running_since().is_some() {
        return Some("an instance is running".to_owned());
    }
    let starts = next_start(container)?;
    let left = elapsed(now, starts);
    Some(if left.as_secs() == 0 {
        "the next start is due".to_owned()
    } else {
        format!("next start in {}", Human(left))
    })
}

/// When the kubelet starts the container again: it says how long it waits from the last end on
/// (`kuberuntime_manager.go`, `doBackOff`: `back-off 20s restarting failed container=…`).
fn next_start(container: &ContainerView<'_>) -> Option<Timestamp> {
    let said = container.waiting()?.message.as_deref()?;
    let (_, rest) = said.split_once("back-off ")?;
    let (text, _) = rest.split_once(" restarting")?;
    let ended = container.last_end()?.finished_at.as_ref()?.0;
    Some(after(ended, parse(text).ok()?))
}

/// Returns the word for what is counted.
const fn noun(code: FindingCode) -> &'static str {
    if matches!(
        code,
        FindingCode::CrashAtStart | FindingCode::CrashAfterReady | FindingCode::ExitsAtOnce
    ) {
        "ends"
    } else if matches!(
        code,
        FindingCode::LivenessKillsAgain
            | FindingCode::LivenessKillsStart
            | FindingCode::StartupProbeExhausted
            | FindingCode::OutOfMemory
    ) {
        "kills"
    } else if matches!(
        code,
        FindingCode::ImageNotFound
            | FindingCode::ImagePullDenied
            | FindingCode::ImagePullFailing
            | FindingCode::RegistryNotTrusted
            | FindingCode::ImageWrongPlatform
            | FindingCode::ImageSignatureRefused
    ) {
        "pulls"
    } else if matches!(
        code,
        FindingCode::HttpCheckFailing | FindingCode::ServiceCheckFailing
    ) {
        "answers"
    } else if matches!(
        code,
        FindingCode::EvictedForOwnLimit
            | FindingCode::EvictedByNode
            | FindingCode::NodeTurnsPodAway
            | FindingCode::NodeForbidsPod
    ) {
        "pods"
    } else {
        "attempts"
    }
}
