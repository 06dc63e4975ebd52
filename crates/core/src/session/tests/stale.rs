//! Signs from before the session: the cause may have been repaired since.

use super::*;
use crate::snapshot::event_time;
use crate::testing::refused_replica_set;
use serde_json::json;

/// When the check is run again.
const AGAIN: u64 = 600;

const REFUSED: &str =
    "pods \"x\" is forbidden: violates PodSecurity \"restricted:latest\": hostNetwork=true";
const MISSING: &str = "failed to resolve reference: manifest unknown";

/// Everything that was there before is seen when the session begins.
fn first_seen(all: Vec<Observation>) -> Vec<Observation> {
    let later = |it: Observation| Observation::new(it.at.max(at(AGAIN)), it.seen);
    all.into_iter().map(later).collect()
}

/// A session that begins at [`AGAIN`], until five minutes later.
fn again(all: Vec<Observation>) -> (&'static str, u64) {
    let mut session = Session::new([web()], policy(300), at(AGAIN));
    let mut pending = first_seen(all).into_iter().peekable();
    let mut wake_at = at(AGAIN);
    loop {
        let next = pending.next_if(|next| next.at <= wake_at);
        let observation = next.unwrap_or_else(|| Session::tick(wake_at));
        let now = observation.at;
        let step = session.observe(observation);
        if step.verdict.is_terminal() {
            return (step.verdict.word(), elapsed_seconds(now));
        }
        wake_at = step.wake_at;
    }
}

fn missing(last: u64) -> PodBuilder {
    let event = format!("Failed to pull image \"registry.test/app:v2\": {MISSING}");
    pod("a")
        .waiting("ImagePullBackOff", &format!("Back-off: {MISSING}"))
        .event_until(last, ("Failed", &event), 8)
}

fn crashed(last: u64) -> PodBuilder {
    crash_loop(last, 7)
}

/// It reads what is not in its template.
fn configured(pod: PodBuilder) -> PodBuilder {
    let from = json!([{"configMapRef": {"name": "web"}}]);
    pod.with("/spec/containers/0/envFrom", from)
}

fn was_ready(pod: PodBuilder) -> PodBuilder {
    let ready = json!({"type": "Ready", "status": "False", "lastTransitionTime": at(580)});
    pod.with("/status/startTime", json!(start()))
        .with("/status/conditions", json!([ready]))
}

fn crash_loop(last: u64, times: i32) -> PodBuilder {
    let end = "/status/containerStatuses/0/lastState/terminated";
    pod("a")
        .crash_loop(times, ("Error", 1, ""))
        .with(&format!("{end}/startedAt"), json!(at(last - 5)))
        .with(&format!("{end}/finishedAt"), json!(at(last)))
}

fn ended(reason: &str, message: &str, made: [u64; 2]) -> Vec<Observation> {
    let [one, other] = made;
    let pods = [
        pod("b").made(one).failed(reason, message),
        pod("c").made(other).failed(reason, message),
        pod("a").made(other + 1),
    ];
    with(
        first_look(rolling(), &pods),
        listed(0, &[&ALL[..], &["pod-c"]].concat()),
    )
}

fn refused() -> Vec<Observation> {
    let mut all = vec![
        seen(0, rolling()),
        seen_set(0, refused_replica_set("v2", 2, REFUSED)),
    ];
    all.extend(listed(0, &ALL));
    all
}

fn blind_to_events(all: Vec<Observation>) -> Vec<Observation> {
    let heard = |it: &Observation| !matches!(it.seen, Seen::Event { .. });
    let mut all: Vec<Observation> = all.into_iter().filter(heard).collect();
    all.push(blind(0, ResourceKind::Event, forbidden()));
    all
}

#[test]
fn what_was_bad_before_the_session_must_be_bad_again() {
    let evicted = "Container app exceeded its local ephemeral storage limit \"1Gi\". ";
    let sysctl = "forbidden sysctl: net.core.somaxconn not allowlisted";
    let look = |pod| first_look(rolling(), &[pod]);
    let after = |all, second, pod: PodBuilder| with(all, pod.seen(second));
    let rows = [
        (
            "the image was pulled last before",
            look(missing(590)),
            ("timedOut", 900),
        ),
        (
            "the image is pulled in the session, and missing still",
            after(look(missing(590)), 620, missing(620)),
            ("failed", 620),
        ),
        (
            "it has crashed seven times, and the kubelet backs off",
            look(crashed(590)),
            ("failed", 600),
        ),
        (
            "its newest instance is running, and only stays unready",
            look(crashed(590).running(595, 7)),
            ("failed", 895),
        ),
        (
            "it has crashed twice",
            look(crash_loop(590, 2)),
            ("timedOut", 900),
        ),
        (
            "it was ready before",
            look(was_ready(crashed(590))),
            ("timedOut", 900),
        ),
        (
            "the longest back-off is over",
            look(crashed(250)),
            ("timedOut", 900),
        ),
        (
            "it reads a ConfigMap, which somebody may have mended",
            look(configured(crashed(590))),
            ("timedOut", 900),
        ),
        (
            "it reads a ConfigMap, and crashes once more",
            after(
                look(configured(crashed(590))),
                650,
                configured(crashed(650)),
            ),
            ("failed", 650),
        ),
        (
            "two pods of last week were evicted",
            ended("Evicted", evicted, [10, 20]),
            ("timedOut", 900),
        ),
        (
            "nodes turned two pods away, and have perhaps been mended",
            ended("SysctlForbidden", sysctl, [10, 20]),
            ("timedOut", 900),
        ),
        (
            "and turn a third one away",
            ended("SysctlForbidden", sysctl, [10, 605]),
            ("failed", 605),
        ),
        (
            "pods were refused before, and the controller backs off",
            refused(),
            ("timedOut", 900),
        ),
        (
            "events may not be seen: twice the grace stands in for one more refusal",
            blind_to_events(refused()),
            ("failed", 650),
        ),
    ];
    for (says, all, expected) in rows {
        // A pod that is made later is seen later.
        let made = |it: &Observation| match &it.seen {
            Seen::Pod { object } => crate::snapshot::created(&object.metadata),
            Seen::Event { object } => event_time(object).filter(|at| *at > self::at(AGAIN)),
            Seen::Workload { .. }
            | Seen::ReplicaSet { .. }
            | Seen::ControllerRevision { .. }
            | Seen::Node { .. }
            | Seen::Answered { .. }
            | Seen::Gone { .. }
            | Seen::Listed { .. }
            | Seen::LookedUp { .. }
            | Seen::Traffic { .. }
            | Seen::Reread(_)
            | Seen::Blind { .. }
            | Seen::Tick => None,
        };
        let mut all: Vec<Observation> = all
            .into_iter()
            .map(|it| Observation::new(it.at.max(made(&it).unwrap_or(it.at)), it.seen))
            .collect();
        all.sort_by_key(|it| it.at.max(at(AGAIN)));
        assert_eq!(again(all), expected, "{says}");
    }
}
