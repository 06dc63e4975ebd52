//! Every cause has a hit and a near miss.
#![expect(clippy::too_many_lines, reason = "tables of named rows")]

use std::collections::BTreeSet;

use super::*;
use crate::finding::FindingCode;
use crate::finding::Prognosis;
use crate::observation::Observation;
use crate::testing::web;
use crate::testing::{
    DeploymentBuilder, PodBuilder, at, deployment, pod, pod_of, refused_replica_set, replica_set,
    seen, seen_set,
};

use FindingCode::*;

/// What a row expects of a code at a time.
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

struct Row {
    says: &'static str,
    observations: Vec<Observation>,
    seconds: u64,
    expect: Expect,
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
    let mut observations = vec![
        seen(0, workload),
        seen_set(0, replica_set("v1", 1, (2, 2))),
        seen_set(0, replica_set("v2", 2, (1, 0))),
    ];
    observations.extend(pods.iter().flat_map(|pod| pod.seen(0)));
    Row {
        says,
        observations,
        seconds: judged.0,
        expect: judged.1,
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
    }
}

fn findings(row: &Row) -> Vec<Finding> {
    let mut snapshot = Snapshot::default();
    for observation in row.observations.clone() {
        snapshot.apply(observation);
    }
    let policy = Policy::default();
    let rollout = snapshot.rollout(&web()).unwrap();
    let case = Case {
        snapshot: &snapshot,
        workload: rollout.workload(),
        rollout,
        pods: rollout.new_pods(),
        ended: rollout.ended_pods(),
        policy: &policy,
        started: at(0),
        now: at(row.seconds),
    };
    diagnose(&case).findings
}

const NOT_FOUND: &str = "failed to pull and unpack image \"registry.test/app:v2\": failed to resolve reference \
                         \"registry.test/app:v2\": registry.test/app:v2: not found";
const QUOTA: &str = "pods \"web-v2-x\" is forbidden: exceeded quota: small, requested: limits.cpu=2, \
                     used: limits.cpu=7, limited: limits.cpu=8";

/// Pulls that failed so often, by the kubelet's own event.
fn pulls(reason: &str, message: &str, count: i32) -> PodBuilder {
    let event = format!("Failed to pull image \"registry.test/app:v2\": {message}");
    pod("a")
        .waiting(reason, message)
        .event("Failed", &event, count)
}

fn image_rows() -> Vec<Row> {
    let unauthorized = "failed to authorize: 401 Unauthorized";
    let platform = "no match for platform in manifest: not found";
    let outage = "dial tcp 10.0.0.1:443: i/o timeout";
    let never = "Container image \"app\" is not present with pull policy of Never";
    vec![
        row(
            "image missing, pulled twice in 10 s",
            &[pulls("ErrImagePull", NOT_FOUND, 2)],
            10,
            Terminal(ImageNotFound),
        ),
        row(
            "image missing, pulled once: a registry may still be copying it",
            &[pulls("ErrImagePull", NOT_FOUND, 1)],
            60,
            Transient(ImageNotFound),
        ),
        row(
            "back-off alone says nothing of a missing image",
            &[pod("a").waiting("ImagePullBackOff", "Back-off pulling image")],
            60,
            Absent(ImageNotFound),
        ),
        row(
            "a malformed image name, 5 s",
            &[pod("a").waiting("InvalidImageName", "couldn't parse image name")],
            5,
            Terminal(InvalidImageName),
        ),
        row(
            "a malformed image name, just seen",
            &[pod("a").waiting("InvalidImageName", "")],
            1,
            Transient(InvalidImageName),
        ),
        row(
            "a well-formed name that is being pulled",
            &[pod("a")],
            60,
            Absent(InvalidImageName),
        ),
        row(
            "registry refuses for 2 min",
            &[pulls("ErrImagePull", unauthorized, 4)],
            120,
            Terminal(ImagePullDenied),
        ),
        row(
            "registry refuses for 1 min: a role assignment may be on its way",
            &[pulls("ErrImagePull", unauthorized, 3)],
            60,
            Transient(ImagePullDenied),
        ),
        row(
            "no build for the platform, pulled twice",
            &[pulls("ErrImagePull", platform, 2)],
            10,
            Terminal(ImageWrongPlatform),
        ),
        row(
            "no build for the platform, pulled once",
            &[pulls("ErrImagePull", platform, 1)],
            60,
            Transient(ImageWrongPlatform),
        ),
        row(
            "registry out of reach for 5 min",
            &[pulls("ErrImagePull", outage, 5)],
            300,
            Terminal(ImagePullFailing),
        ),
        row(
            "registry out of reach for 2 min: it comes back",
            &[pulls("ErrImagePull", outage, 5)],
            120,
            Transient(ImagePullFailing),
        ),
        row(
            "pull policy Never, 5 s",
            &[pod("a").waiting("ErrImageNeverPull", never)],
            5,
            Terminal(ImageNeverPulled),
        ),
        row(
            "pull policy Never, just seen",
            &[pod("a").waiting("ErrImageNeverPull", never)],
            2,
            Transient(ImageNeverPulled),
        ),
    ]
}

fn config_rows() -> Vec<Row> {
    let waiting = |message: &str| [pod("a").waiting("CreateContainerConfigError", message)];
    vec![
        row(
            "Secret missing for 30 s",
            &waiting("secret \"db\" not found"),
            30,
            Terminal(ConfigObjectMissing),
        ),
        row(
            "Secret missing for 20 s: the pipeline may create it",
            &waiting("secret \"db\" not found"),
            20,
            Transient(ConfigObjectMissing),
        ),
        row(
            "the kubelet's cache is late: nothing is missing",
            &waiting("failed to sync secret cache: timed out waiting for the condition"),
            60,
            Absent(ConfigObjectMissing),
        ),
        row(
            "ConfigMap lacks a key for 20 s",
            &waiting("couldn't find key URL in ConfigMap shop/web"),
            20,
            Terminal(ConfigKeyMissing),
        ),
        row(
            "ConfigMap lacks a key for 10 s: the kubelet has looked once",
            &waiting("couldn't find key URL in ConfigMap shop/web"),
            10,
            Transient(ConfigKeyMissing),
        ),
        row(
            "root image under runAsNonRoot, 5 s",
            &waiting("container has runAsNonRoot and image will run as root (pod: \"a\")"),
            5,
            Terminal(RunAsNonRootRefused),
        ),
        row(
            "root image under runAsNonRoot, just seen",
            &waiting("container has runAsNonRoot and image will run as root"),
            1,
            Transient(RunAsNonRootRefused),
        ),
        row(
            "runtime cannot create for 2 min",
            &[pod("a").waiting("CreateContainerError", "context deadline exceeded")],
            120,
            Terminal(ContainerNotCreated),
        ),
        row(
            "runtime cannot create for 1 min: overload passes",
            &[pod("a").waiting("CreateContainerError", "name is reserved")],
            60,
            Transient(ContainerNotCreated),
        ),
        row(
            "the Secret of a volume arrived and its image is pulled since",
            &[pod("a")
                .event(
                    "FailedMount",
                    "MountVolume.SetUp failed for volume \"s\" : secret \"db\" not found",
                    4,
                )
                .later_event(8, "Pulling", "Pulling image")],
            60,
            Absent(ConfigObjectMissing),
        ),
        row(
            "volume of a missing ConfigMap, last tried after 15 s: the next try may do",
            &[pod("a").mount_failure(15, "configmap \"web\" not found")],
            30,
            Transient(ConfigObjectMissing),
        ),
        row(
            "volume of a missing ConfigMap, 30 s",
            &[pod("a").mount_failure(31, "configmap \"web\" not found")],
            31,
            Terminal(ConfigObjectMissing),
        ),
        row(
            "volume cannot be attached for 7 min",
            &[pod("a").mount_failure(420, "Multi-Attach error for volume \"pvc-1\"")],
            420,
            Terminal(VolumeNotMounted),
        ),
        row(
            "volume cannot be attached for 3 min: Azure Disk takes its time",
            &[pod("a").event(
                "FailedAttachVolume",
                "Multi-Attach error for volume \"pvc-1\"",
                2,
            )],
            180,
            Transient(VolumeNotMounted),
        ),
    ]
}

fn crash_rows() -> Vec<Row> {
    let crash = |restarts| pod("a").crash_loop(restarts, ("Error", 1, ""));
    let bad_command = "exec: \"/app\": executable file not found in $PATH";
    let killed = |count| {
        pod("a").crash_loop(count, ("Error", 137, "")).event(
            "Killing",
            "Container app failed liveness probe, will be restarted",
            count,
        )
    };
    let exhausted = |count| {
        pod("a").crash_loop(count, ("Error", 137, "")).event(
            "Killing",
            "Container app failed startup probe, will be restarted",
            count,
        )
    };
    vec![
        row(
            "crashed four times, never ready",
            &[crash(3)],
            35,
            Terminal(CrashAtStart),
        ),
        row(
            "crashed three times: it may wait for a dependency",
            &[crash(2)],
            35,
            Transient(CrashAtStart),
        ),
        row(
            "crashed four times, but another new pod is ready",
            &[crash(3), pod("b").ready(3)],
            35,
            Transient(CrashAtStart),
        ),
        row(
            "an old pod crashes: not the new revision's fault",
            &[pod_of("old", "v1").crash_loop(9, ("Error", 1, ""))],
            60,
            Absent(CrashAtStart),
        ),
        row(
            "crashed three times before it became ready",
            &[crash(3), pod("a").ready(40)],
            60,
            Absent(CrashAtStart),
        ),
        row(
            "crashed four times last week and runs since: a blip of readiness is no crash",
            &[pod("a").runs_after_crashes(4)],
            60,
            Transient(CrashAtStart),
        ),
        row(
            "one crash after an hour of work, though it had crashed before",
            &[pod("a").crashed_after_an_hour(6)],
            60,
            Transient(CrashAtStart),
        ),
        row(
            "ready between two crashes: not well before it outlives the run it crashed after",
            &[pod("a").ready_after_crash(20, 15)],
            30,
            Transient(CrashAtStart),
        ),
        row(
            "ready for longer than the run it crashed after",
            &[pod("a").ready_after_crash(20, 15)],
            60,
            Absent(CrashAtStart),
        ),
        row(
            "restarted six times before the session and crashed once in it",
            &[
                pod("a").crash_loop(5, ("Error", 1, "")).ready_once(30),
                pod("a").crash_loop(6, ("Error", 1, "")).ready_once(30),
            ],
            60,
            Transient(CrashAtStart),
        ),
        row(
            "ended three times with code 0",
            &[pod("a").crash_loop(2, ("Completed", 0, ""))],
            20,
            Terminal(ExitsAtOnce),
        ),
        row(
            "ended twice with code 0",
            &[pod("a").crash_loop(1, ("Completed", 0, ""))],
            20,
            Transient(ExitsAtOnce),
        ),
        row(
            "command not found, twice",
            &[pod("a").crash_loop(1, ("StartError", 128, bad_command))],
            3,
            Terminal(CommandNotRunnable),
        ),
        row(
            "command not found, twice, its start recorded as 1970",
            &[pod("a").never_started(1, bad_command)],
            3600,
            Terminal(CommandNotRunnable),
        ),
        row(
            "command not found, once",
            &[pod("a").crash_loop(0, ("StartError", 128, bad_command))],
            1,
            Transient(CommandNotRunnable),
        ),
        row(
            "a missing file of the runtime itself is no fault of the command",
            &[pod("a").crash_loop(
                1,
                (
                    "StartError",
                    128,
                    "mkdir /run/containerd: no such file or directory",
                ),
            )],
            30,
            Absent(CommandNotRunnable),
        ),
        row(
            "start error that is the node's fault",
            &[pod("a").crash_loop(3, ("StartError", 128, "cannot allocate memory"))],
            30,
            Absent(CommandNotRunnable),
        ),
        row(
            "out of memory three times",
            &[pod("a").crash_loop(2, ("OOMKilled", 137, ""))],
            20,
            Terminal(OutOfMemory),
        ),
        row(
            "out of memory twice",
            &[pod("a").crash_loop(1, ("OOMKilled", 137, ""))],
            20,
            Transient(OutOfMemory),
        ),
        row(
            "killed twice by its liveness probe",
            &[killed(2)],
            30,
            Terminal(LivenessKillsStart),
        ),
        row(
            "killed twice by its liveness probe, but long ready in between",
            &[killed(2).ready_once(30)],
            40,
            Transient(LivenessKillsStart),
        ),
        row(
            "killed once by its liveness probe",
            &[killed(1)],
            30,
            Transient(LivenessKillsStart),
        ),
        row(
            "a kill by the liveness probe is no crash",
            &[killed(4)],
            60,
            Absent(CrashAtStart),
        ),
        row(
            "killed twice by its startup probe",
            &[exhausted(2)],
            30,
            Terminal(StartupProbeExhausted),
        ),
        row(
            "killed once by its startup probe",
            &[exhausted(1)],
            30,
            Transient(StartupProbeExhausted),
        ),
    ]
}

fn creation_rows() -> Vec<Row> {
    let limit_range =
        "pods \"x\" is forbidden: maximum cpu usage per Container is 1, but limit is 2";
    let must_specify =
        "pods \"x\" is forbidden: failed quota: small: must specify limits.cpu for: app";
    let no_account = "pods \"x\" is forbidden: error looking up service account shop/web: serviceaccount \"web\" not found";
    let pod_security =
        "pods \"x\" is forbidden: violates PodSecurity \"restricted:latest\": runAsNonRoot != true";
    let denied = "admission webhook \"policy.test\" denied the request: no latest tag";
    let policy = "pods \"x\" is forbidden: ValidatingAdmissionPolicy 'no-latest' with binding 'all' denied request: no latest tag";
    let webhook_down =
        "Internal error occurred: failed calling webhook \"policy.test\": connection refused";
    let other = "pods \"x\" is forbidden: no PriorityClass with name urgent was found";
    let mut shrinking = refused(
        "quota full while old pods go",
        QUOTA,
        60,
        Transient(QuotaExceeded),
    );
    shrinking
        .observations
        .push(seen_set(1, replica_set("v0", 0, (0, 0))));
    let mut old = serde_json::to_value(replica_set("v1", 1, (3, 3))).unwrap();
    old["spec"]["replicas"] = serde_json::json!(2);
    shrinking
        .observations
        .push(seen_set(1, serde_json::from_value(old).unwrap()));
    vec![
        refused("quota full for 30 s", QUOTA, 30, Terminal(QuotaExceeded)),
        refused("quota full for 10 s", QUOTA, 10, Transient(QuotaExceeded)),
        shrinking,
        refused(
            "quota demands limits, 5 s",
            must_specify,
            5,
            Terminal(QuotaNeedsResources),
        ),
        refused(
            "a quota whose status is not known yet",
            "status unknown for quota: small",
            5,
            Absent(QuotaNeedsResources),
        ),
        refused(
            "limit range, 5 s",
            limit_range,
            5,
            Terminal(LimitRangeViolated),
        ),
        refused(
            "limit range, just seen",
            limit_range,
            1,
            Transient(LimitRangeViolated),
        ),
        refused(
            "service account missing for 30 s",
            no_account,
            30,
            Terminal(ServiceAccountMissing),
        ),
        refused(
            "service account missing for 10 s: it may be created next",
            no_account,
            10,
            Transient(ServiceAccountMissing),
        ),
        refused(
            "pod security, 5 s",
            pod_security,
            5,
            Terminal(PodSecurityViolated),
        ),
        refused(
            "pod security, just seen",
            pod_security,
            2,
            Transient(PodSecurityViolated),
        ),
        refused(
            "a webhook denies, 5 s",
            denied,
            5,
            Terminal(AdmissionDenied),
        ),
        refused("a policy denies, 5 s", policy, 5, Terminal(AdmissionDenied)),
        refused(
            "a webhook that is down denies nothing",
            webhook_down,
            60,
            Absent(AdmissionDenied),
        ),
        refused(
            "a webhook is down for 3 min",
            webhook_down,
            180,
            Terminal(WebhookUnavailable),
        ),
        refused(
            "a webhook is down for 1 min",
            webhook_down,
            60,
            Transient(WebhookUnavailable),
        ),
        refused(
            "refused for another reason, 3 min",
            other,
            180,
            Terminal(PodCreationRefused),
        ),
        refused(
            "refused for another reason, 1 min",
            other,
            60,
            Transient(PodCreationRefused),
        ),
    ]
}

fn workload_rows() -> Vec<Row> {
    let no_node =
        "0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available";
    let growing =
        pod("a")
            .unschedulable(no_node)
            .event("TriggeredScaleUp", "pod triggered scale-up", 1);
    let unready = |events: bool| {
        let pod = pod("a").running(0, 0);
        if events {
            pod.event(
                "Unhealthy",
                "Readiness probe failed: HTTP probe failed with statuscode: 503",
                9,
            )
        } else {
            pod
        }
    };
    let refused_set = deployment("web").counts(1, 1, 0, 1).condition(
        "Progressing",
        "False",
        ("ReplicaSetCreateError", "quota"),
    );
    vec![
        row(
            "no node for 2 min",
            &[pod("a").unschedulable(no_node)],
            120,
            Terminal(Unschedulable),
        ),
        row(
            "no node for 1 min",
            &[pod("a").unschedulable(no_node)],
            60,
            Transient(Unschedulable),
        ),
        row(
            "no node for 5 min, but one is on its way",
            &[growing],
            300,
            Transient(Unschedulable),
        ),
        row(
            "readiness fails for 5 min",
            &[unready(true)],
            300,
            Terminal(ReadinessFailing),
        ),
        row(
            "readiness fails since a second, after days of being ready",
            &[unready(true).ready_once(299)],
            300,
            Transient(ReadinessFailing),
        ),
        row(
            "readiness fails for 1 min",
            &[unready(true)],
            60,
            Transient(ReadinessFailing),
        ),
        row(
            "not ready within the probe's own budget",
            &[unready(false)],
            4,
            Absent(ReadinessFailing),
        ),
        row(
            "not ready beyond the probe's budget, events unseen",
            &[unready(false)],
            30,
            Transient(ReadinessFailing),
        ),
        without_set(
            "the ReplicaSet is refused for 1 min",
            refused_set.clone(),
            (60, Terminal(ReplicaSetNotCreated)),
        ),
        without_set(
            "the ReplicaSet is refused for 30 s",
            refused_set.clone(),
            (30, Transient(ReplicaSetNotCreated)),
        ),
        rollout(
            "the ReplicaSet was refused before, and exists now",
            refused_set,
            &[],
            (60, Absent(ReplicaSetNotCreated)),
        ),
        rollout(
            "paused in the middle, 10 s",
            deployment("web").counts(3, 3, 1, 3).paused(),
            &[],
            (10, Terminal(Paused)),
        ),
        rollout(
            "paused, but complete",
            deployment("web").counts(3, 3, 3, 3).paused(),
            &[],
            (60, Absent(Paused)),
        ),
        rollout(
            "no replicas",
            deployment("web").counts(0, 0, 0, 0),
            &[],
            (1, Noted(NothingToVerify)),
        ),
        rollout(
            "one replica",
            deployment("web").counts(1, 1, 1, 1),
            &[],
            (1, Absent(NothingToVerify)),
        ),
    ]
}

fn rows() -> Vec<Row> {
    [
        image_rows(),
        config_rows(),
        crash_rows(),
        creation_rows(),
        workload_rows(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
fn every_row_holds() {
    for row in rows() {
        let found = findings(&row);
        let prognosis = |code| {
            found
                .iter()
                .find(|it| it.code == code)
                .map(|it| it.prognosis)
        };
        let (code, expected) = match row.expect {
            Terminal(code) => (code, Some(Prognosis::Terminal)),
            Transient(code) => (code, Some(Prognosis::Transient)),
            Noted(code) => (code, Some(Prognosis::Informational)),
            Absent(code) => (code, None),
        };
        assert_eq!(prognosis(code), expected, "{}: {found:#?}", row.says);
    }
}

#[test]
fn every_code_has_a_hit_and_a_near_miss() {
    let (mut hits, mut misses) = (BTreeSet::new(), BTreeSet::new());
    for row in rows() {
        match row.expect {
            Terminal(code) | Noted(code) => hits.insert(code),
            Transient(code) | Absent(code) => misses.insert(code),
        };
    }
    let all: BTreeSet<FindingCode> = FindingCode::ALL.iter().copied().collect();
    assert_eq!(
        all.difference(&hits).collect::<Vec<_>>(),
        Vec::<&FindingCode>::new(),
        "no hit"
    );
    assert_eq!(
        all.difference(&misses).collect::<Vec<_>>(),
        Vec::<&FindingCode>::new(),
        "no near miss"
    );
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
            .filter(|row| matches!(row.expect, Terminal(_)))
            .flat_map(said)
            .collect::<BTreeSet<_>>()
    );
}
