//! Circumstances that change a cause's time, in a table and in words.

use std::time::Duration;

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

/// A threshold that is a length of time.
fn of(name: &'static str, value: &Duration, why: &'static str) -> Threshold {
    (name, time(*value), why)
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn decisive(patience: &Patience) -> Vec<Threshold> {
    let Patience {
        scale_up,
        no_scale_up,
        cordoned,
        tainted,
        ending,
        path_not_there,
        longest_start,
        template_alone,
        retry_margin,
        controller_lag,
        clock_skew,
        startup_after_ready,
        promised,
        replicated,
        quota_unseen,
        lookup_again,
        runtime_failures,
        check_under_way,
        http_lost,
        traffic_answer,
        traffic_again,
        endpoint_lag,
        unproven_probe,
    } = patience;
    let healing = healing([promised, replicated, quota_unseen, lookup_again]);
    let others = [
        of("the autoscaler adds a node", scale_up, SCALE_UP),
        of(
            "the autoscaler adds none, at most",
            no_scale_up,
            NO_SCALE_UP,
        ),
        of(
            "nodes are cordoned or not ready, at least",
            cordoned,
            CORDONED,
        ),
        of("taints exclude nodes, at least", tainted, TAINTED),
        of("a pod that should have ended is stuck", ending, ENDING),
        of(
            "the readiness probe is answered 404",
            path_not_there,
            NOT_THERE,
        ),
        of(
            "the longest time that counts as a start",
            longest_start,
            LONGEST_START,
        ),
        of(
            "a variable that the template alone could set",
            template_alone,
            TEMPLATE_ALONE,
        ),
        of(
            "after the next try of a controller",
            retry_margin,
            RETRY_MARGIN,
        ),
        of("a controller reads a new spec", controller_lag, LAG),
        of("clocks apart", clock_skew, SKEW),
        of(
            "the startup probe kills a container that was ready",
            startup_after_ready,
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
        of("an HTTP request without an answer", http_lost, HTTP_LOST),
        of(
            "a success waits for the first list of Services, at most",
            traffic_answer,
            TRAFFIC_ANSWER,
        ),
        of(
            "the way to the pods is lost, and no list has confirmed it after its time",
            traffic_again,
            TRAFFIC_AGAIN,
        ),
        of(
            "a ready pod is no endpoint of its Service",
            endpoint_lag,
            ENDPOINT_LAG,
        ),
        of(
            "a success waits for the liveness probe, at most",
            unproven_probe,
            UNPROVEN,
        ),
    ];
    others.into_iter().chain(healing).collect()
}

/// Returns what may still heal a cause, and what is looked up for it.
fn healing([promised, replicated, quota_unseen, lookup_again]: [&Duration; 4]) -> [Threshold; 4] {
    [
        of(
            "something is missing that an object in the cluster promises",
            promised,
            PROMISED,
        ),
        of(
            "a tag is missing in a registry that copies its tags",
            replicated,
            REPLICATED,
        ),
        of(
            "a quota is full, and other workloads cannot be read, at least",
            quota_unseen,
            QUOTA_UNSEEN,
        ),
        of(
            "what may heal a cause is looked up again",
            lookup_again,
            LOOKUP_AGAIN,
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
const PROMISED: &str = "a Secret that a Certificate, an ExternalSecret, a SealedSecret or a SecretProviderClass names, a program on a volume that another container may fill: twice the 5m that external-secrets/external-secrets#1076 saw";
const REPLICATED: &str = "an Azure registry may copy its tags to other regions: twice the 2m that Shopify/krane#819 names";
const QUOTA_UNSEEN: &str =
    "one of their pods may be about to leave: twice the default grace period of a pod";
const LOOKUP_AGAIN: &str = "one list of each resource in question, only while the cause lasts";
const TEMPLATE_ALONE: &str = "seen once more, like every cause that the pod template alone decides";
const RETRY_MARGIN: &str = "the controller's retry and its event take a moment";
const LAG: &str =
    "it takes well under a second, and some more while a control plane fails over (estimated)";
const SKEW: &str = "nodes and controllers have their own clocks (estimated)";
const STARTUP: &str =
    "and one more kill than at a first start: it may be waiting for a lost dependency";
const RUNTIME: &str = "with an unknown message: an overloaded runtime fails once or twice";
const UNDER_WAY: &str = "the pods that it depends on may come with the next steps of the rollout";
const UNPROVEN: &str = "from the start of the container to the first kill of a probe that never passes, with the API's defaults 31s: Kubernetes does not show that a liveness probe passes. One pod that has outlived it proves it for all, as does a readiness probe with the same request. Where a kill would take longer, the first try must be over and not be heard to fail; where even that would, the report says so";
const TRAFFIC_ANSWER: &str = "the lists come at once; without them the report says that it is not known whether Services lead to the pods";
const TRAFFIC_AGAIN: &str =
    "the last list must show it once more; until then it is neither a failure nor a success";
const ENDPOINT_LAG: &str =
    "an EndpointSlice is written within a second, and within some more under load (estimated)";
const HTTP_LOST: &str = "then it is sent again: three times the limit for an answer";

fn told(shown_after: &ShownAfter) -> [Threshold; 9] {
    let ShownAfter {
        pull,
        start,
        init,
        sidecar,
        hook,
        scheduler,
        default_scheduler,
        finalizers,
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
            "a running postStart hook is shown",
            time(*hook),
            "most end at once",
        ),
        (
            "the silence of a scheduler that the pod template names is shown",
            time(*scheduler),
            "a scheduler reports on a pod within a second",
        ),
        (
            "the silence of the default scheduler is shown",
            time(*default_scheduler),
            "on a busy cluster it may have a queue",
        ),
        (
            "a pod that has ended and that finalizers keep is shown",
            time(*finalizers),
            "most finalizers are removed at once",
        ),
        (
            "a node's silence about its pod is shown",
            time(*silence),
            "pulls and mounts have caused their first event by then",
        ),
    ]
}

/// Returns what a snapshot shows beside a cause, and what that changes.
pub(super) fn moves(policy: &Policy) -> String {
    let patience = &policy.patience;
    let [scale_up, no_scale_up, cordoned, tainted] = [
        patience.scale_up,
        patience.no_scale_up,
        patience.cordoned,
        patience.tainted,
    ]
    .map(time);
    let [
        not_there,
        promised,
        replicated,
        unseen,
        alone,
        margin,
        startup,
    ] = [
        patience.path_not_there,
        patience.promised,
        patience.replicated,
        patience.quota_unseen,
        patience.template_alone,
        patience.retry_margin,
        patience.startup_after_ready,
    ]
    .map(time);
    let under_way = patience.check_under_way;
    let kills = policy
        .rule(FindingCode::StartupProbeExhausted)
        .map_or(0, |rule| rule.attempts);
    format!(
        "
Other facts in the cluster change these times, unless `--grace` sets them:

- `ReadinessFailing`: an application that answers 404 is up, but its path does not exist: {not_there}, or three times the probe's own budget if that is longer.
- `ConfigObjectMissing`, `ConfigKeyMissing`: {promised} if an object of the namespace names the Secret and may still write it (Certificate, ExternalSecret, SealedSecret, SecretProviderClass), or if such objects exist in the API and may not be read.
- `CommandNotRunnable`, `ExecFormatError`: {promised} if the program is on a volume that another container may still fill (not a ConfigMap or a Secret).
- `ImageNotFound`: {replicated} if the registry is Azure's, which may copy a tag to other regions after the push has ended.
- `LivenessKillsStart`, `StartupProbeExhausted`: after the first kill twice as long as two more starts and the kubelet's back-off take, by the probe's own settings; never while an instance runs.
- `SubPathNotPrepared`: {alone} if a subPathExpr names a variable that only the pod template could set, but does not.
- `CrashAtStart`, `CrashAfterReady`, `LivenessKillsAgain`: never while a new instance runs; its end is awaited.
- `Unschedulable`, `VolumeExcludesNodes`, `NoNodeMatches`: {scale_up} once an autoscaler has announced a node or retries after a failure, or if events may not be read; at least {cordoned} while nodes are cordoned or \
not ready, and at least {tainted} while taints exclude nodes; at most {no_scale_up} once the autoscaler has said that it adds none. Except for `NoNodeMatches`, never while an old pod is about to end.
- `QuotaExceeded`: never while this rollout may still free some, a pod seen in this session is terminating, or any other workload of the namespace has more pods than it wants; at least {unseen} if other workloads may not be read. Once a pod is gone, until twice the age that the refusal then had, plus {margin}: that is when the controller retries.
- Pods that are refused for any other reason that may pass: the controller tries again at growing intervals of up to 16m40s, that of Jobs of up to 1m. If it has not tried in the latter half of the time, until its next try, plus {margin}.
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
            promised: secs(308),
            replicated: secs(322),
            quota_unseen: secs(323),
            lookup_again: secs(324),
            template_alone: secs(309),
            retry_margin: secs(310),
            controller_lag: secs(311),
            clock_skew: secs(312),
            startup_after_ready: secs(313),
            runtime_failures: 314,
            check_under_way: 321,
            http_lost: secs(315),
            traffic_answer: secs(330),
            traffic_again: secs(331),
            endpoint_lag: secs(332),
            unproven_probe: secs(325),
        }
    }

    #[test]
    fn every_threshold_of_a_circumstance_is_in_the_table_with_its_value() {
        let shown_after = ShownAfter {
            pull: secs(316),
            start: secs(317),
            init: secs(318),
            sidecar: secs(319),
            hook: secs(326),
            scheduler: secs(327),
            default_scheduler: secs(328),
            finalizers: secs(329),
            silence: secs(320),
        };
        let text = render(&patience(), &shown_after);
        for seconds in (301..=329).filter(|it| ![314, 321].contains(it)) {
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
        for seconds in [301, 302, 303, 304, 306, 308, 309, 310, 313, 322, 323] {
            let value = time(secs(seconds));
            assert!(text.contains(&value), "{value} in {text}");
        }
        assert!(text.contains("321 times"), "{text}");
    }
}
