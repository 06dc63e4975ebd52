//! What circumstances change about a cause's time, in a table and in words.

use rollguard_core::finding::FindingCode;
use rollguard_core::policy::{Patience, Policy, ShownAfter};

use super::table;
use super::time;

/// The thresholds of circumstances. A new field of [`Patience`] or [`ShownAfter`] must be named
/// here, or this does not compile.
pub(super) fn render(patience: &Patience, shown_after: &ShownAfter) -> String {
    let head = ["threshold", "default", "why"];
    let rows = decisive(patience).into_iter().chain(told(shown_after));
    table(
        head,
        rows.map(|(name, value, why)| [name, &value, why].map(str::to_owned)),
    )
}

/// A threshold's name, its value, and why it is no other.
type Threshold = (&'static str, String, &'static str);

fn decisive(patience: &Patience) -> [Threshold; 16] {
    let Patience {
        scale_up,
        no_scale_up,
        cordoned,
        tainted,
        ending,
        path_not_there,
        longest_start,
        later_look,
        template_alone,
        quota_margin,
        controller_lag,
        clock_skew,
        startup_after_ready,
        runtime_failures,
        check_under_way,
        http_lost,
    } = patience;
    [
        ("the autoscaler adds a node", time(*scale_up), SCALE_UP),
        (
            "the autoscaler adds none, at most",
            time(*no_scale_up),
            NO_SCALE_UP,
        ),
        (
            "nodes are cordoned or not ready, at least",
            time(*cordoned),
            CORDONED,
        ),
        ("taints exclude nodes, at least", time(*tainted), TAINTED),
        (
            "a pod that should have ended is stuck",
            time(*ending),
            ENDING,
        ),
        (
            "the readiness probe is answered 404",
            time(*path_not_there),
            NOT_THERE,
        ),
        (
            "the longest time that counts as a start",
            time(*longest_start),
            LONGEST_START,
        ),
        ("a later sync of the kubelet", time(*later_look), LATER_LOOK),
        (
            "a variable that the template alone could set",
            time(*template_alone),
            TEMPLATE_ALONE,
        ),
        (
            "after the next try once quota was freed",
            time(*quota_margin),
            QUOTA_MARGIN,
        ),
        ("a controller reads a new spec", time(*controller_lag), LAG),
        ("clocks apart", time(*clock_skew), SKEW),
        (
            "the startup probe kills a container that was ready",
            time(*startup_after_ready),
            STARTUP,
        ),
        (
            "the runtime fails to start a container",
            format!("{runtime_failures} times"),
            RUNTIME,
        ),
        (
            "an HTTP check fails while the rollout is in progress",
            format!("{check_under_way} times its grace"),
            UNDER_WAY,
        ),
        (
            "an HTTP request without an answer",
            time(*http_lost),
            HTTP_LOST,
        ),
    ]
}

const SCALE_UP: &str = "once the cluster autoscaler said that it adds a node: an AKS node takes 2 to 5 minutes to join";
const NO_SCALE_UP: &str =
    "a rolling update may free resources as its old pods end, 30s each by default";
const CORDONED: &str = "a node of an AKS upgrade is back by then, or its surge node is ready";
const TAINTED: &str = "a node that joins has the taint `not-ready` for about a minute, and the scheduler does not say which taint it is";
const ENDING: &str = "after the end of its grace period: the kubelet kills at that end, then unmounts volumes and reports (estimated)";
const NOT_THERE: &str =
    "the application is up and the path does not exist, but some register their paths late";
const LONGEST_START: &str = "a pod of the former revision that became ready again after an interruption only looks as if its start had taken that long";
const LATER_LOOK: &str = "this long after the first sync: pipelines apply objects that belong together within a few seconds";
const TEMPLATE_ALONE: &str = "seen once more, like every cause that the pod template alone decides";
const QUOTA_MARGIN: &str = "the controller's retry and its event take a moment";
const LAG: &str =
    "it takes well under a second, and some more while a control plane fails over (estimated)";
const SKEW: &str = "nodes and controllers have their own clocks (estimated)";
const STARTUP: &str =
    "and one more kill than at a first start: it may be waiting for a lost dependency";
const RUNTIME: &str = "with an unknown message: an overloaded runtime fails once or twice";
const UNDER_WAY: &str = "the pods that it depends on may come with the next steps of the rollout";
const HTTP_LOST: &str = "then it is sent again: three times the limit for an answer";

fn told(shown_after: &ShownAfter) -> [Threshold; 5] {
    let ShownAfter {
        pull,
        start,
        init,
        sidecar,
        silence,
    } = shown_after;
    [
        (
            "an image pull is shown",
            time(*pull),
            "most take some seconds",
        ),
        (
            "a start under a startup probe is shown",
            time(*start),
            "for the reader to compare the probe's budget with the timeout",
        ),
        (
            "a running init container is shown",
            time(*init),
            "it may migrate data for as long as it needs",
        ),
        (
            "a sidecar that has not started is shown",
            time(*sidecar),
            "the containers after it wait",
        ),
        (
            "a node's silence about its pod is shown",
            time(*silence),
            "pulls and mounts have caused their first event by then",
        ),
    ]
}

/// What a snapshot shows beside a cause, and what that changes.
pub(super) fn moves(policy: &Policy) -> String {
    let patience = &policy.patience;
    let [scale_up, no_scale_up, cordoned, tainted] = [
        patience.scale_up,
        patience.no_scale_up,
        patience.cordoned,
        patience.tainted,
    ]
    .map(time);
    let [not_there, later_look, alone, margin, startup] = [
        patience.path_not_there,
        patience.later_look,
        patience.template_alone,
        patience.quota_margin,
        patience.startup_after_ready,
    ]
    .map(time);
    let under_way = patience.check_under_way;
    let kills = policy
        .rule(FindingCode::StartupProbeExhausted)
        .map_or(0, |rule| rule.attempts.saturating_add(1));
    format!(
        "
Other facts in the cluster change these times, unless `--grace` sets them:

- `ReadinessFailing`: an application that answers 404 is up, but its path does not exist: {not_there}, or three times the probe's own budget if that is longer.
- `ConfigKeyMissing`: as soon as a sync of the kubelet at least {later_look} after the first has failed as well, {later_look} are enough.
- `SubPathNotPrepared`: {alone} if a subPathExpr names a variable that only the pod template could set, but does not.
- `CrashAtStart`, `CrashAfterReady`, `LivenessKillsAgain`: never while a new instance runs; its end is awaited.
- `Unschedulable`, `VolumeExcludesNodes`, `NoNodeMatches`: {scale_up} once an autoscaler has announced a node or retries after a failure, or if events may not be read; at least {cordoned} while nodes are cordoned or \
not ready, and at least {tainted} while taints exclude nodes; at most {no_scale_up} once the autoscaler has said that it adds none. Except for `NoNodeMatches`, never while an old pod is about to end.
- `QuotaExceeded`: never while this rollout may still free some, or a pod seen in this session is terminating. Once a pod is gone, until twice the age that the refusal then had, plus {margin}: that is when the controller retries.
- Signs from before the session (a pull, a crash, a refusal, an eviction) may be of a cause that was fixed since: one more must come. If events may not be read, a refusal and an eviction count after twice their time.
- Pulls, mounts and `ClaimNotProvisioned`: the newest failure of the same cause counts, not the time since the first one, so that a fix in between is not held against the pod.
- `EvictedForOwnLimit`: even if other pods are ready, once a pod that was created after an eviction was evicted as well.
- `HttpCheckFailing`: {under_way} times as long while the rollout is not complete; never while none of its pods has answered at all, not even with a refused connection.
- `LivenessKillsStart`: for a container that was ready the cause is `LivenessKillsAgain`, unless it has neither a readiness nor a startup probe and never outlived its liveness probe.
- `StartupProbeExhausted`: for a container that was ready, {kills} kills and {startup}.
"
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn patience() -> Patience {
        Patience {
            scale_up: secs(301),
            no_scale_up: secs(302),
            cordoned: secs(303),
            tainted: secs(304),
            ending: secs(305),
            path_not_there: secs(306),
            longest_start: secs(307),
            later_look: secs(308),
            template_alone: secs(309),
            quota_margin: secs(310),
            controller_lag: secs(311),
            clock_skew: secs(312),
            startup_after_ready: secs(313),
            runtime_failures: 314,
            check_under_way: 321,
            http_lost: secs(315),
        }
    }

    #[test]
    fn every_threshold_of_a_circumstance_is_in_the_table_with_its_value() {
        let shown_after = ShownAfter {
            pull: secs(316),
            start: secs(317),
            init: secs(318),
            sidecar: secs(319),
            silence: secs(320),
        };
        let text = render(&patience(), &shown_after);
        for seconds in (301..=320).filter(|it| *it != 314) {
            let value = format!("| {} |", time(secs(seconds)));
            assert_eq!(text.matches(&value).count(), 1, "{value} in {text}");
        }
        assert!(text.contains("| 314 times |"), "{text}");
        assert!(text.contains("| 321 times its grace |"), "{text}");
    }

    #[test]
    fn words_about_circumstances_take_their_numbers_from_the_policy() {
        let policy = Policy {
            patience: patience(),
            ..Policy::default()
        };
        let text = moves(&policy);
        for seconds in [301, 302, 303, 304, 306, 308, 309, 310, 313] {
            let value = time(secs(seconds));
            assert!(text.contains(&value), "{value} in {text}");
        }
        assert!(text.contains("321 times"), "{text}");
    }
}
