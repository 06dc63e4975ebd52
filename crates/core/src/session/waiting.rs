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
use crate::snapshot::{ContainerView, PodView};

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

/// Says how far a suspect is from deciding. The message comes last: a narrow terminal cuts there.
fn suspect(
    finding: &Finding,
    rule: Rule,
    container: Option<&ContainerView<'_>>,
    at: Moment<'_>,
) -> String {
    let (code, message) = (finding.code, &finding.message);
    let lasted = elapsed(finding.since, at.now);
    let deadline = after(at.started, at.policy.timeout);
    if rule.only_suspect() {
        return format!(
            "{code} for {}, decides at the timeout only: {message}",
            Human(lasted)
        );
    }
    if finding.attempts < rule.attempts {
        let next = container.and_then(|it| next(it, at.now));
        let next = next.map_or_else(String::new, |it| format!(", {it}"));
        let not_before = if lasted < rule.grace {
            format!(", after {} at the earliest", Human(rule.grace))
        } else {
            String::new()
        };
        return format!(
            "{code}: {} of {} {}{next}; decides at the {}{not_before}: {message}",
            finding.attempts,
            rule.attempts,
            noun(code),
            ordinal(rule.attempts)
        );
    }
    let decides = match finding.decides_at {
        Some(decides) if decides < deadline => {
            format!("decides at {}", Human(elapsed(finding.since, decides)))
        }
        Some(_) | None => "decides at the timeout at the latest".to_owned(),
    };
    format!("{code} for {}, {decides}: {message}", Human(lasted))
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
    } else if matches!(code, FindingCode::HttpCheckFailing) {
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

fn ordinal(number: u32) -> String {
    const WORDS: [&str; 6] = ["first", "second", "third", "fourth", "fifth", "sixth"];
    let index = usize::try_from(number).unwrap_or_default().wrapping_sub(1);
    WORDS
        .get(index)
        .map_or_else(|| format!("{number}th"), |it| (*it).to_owned())
}
