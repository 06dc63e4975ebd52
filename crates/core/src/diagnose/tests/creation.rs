//! Pods that the API server refuses.

use super::*;
use crate::diagnose::Cause;
use crate::diagnose::refusal::{Pauses, classify, quota_grace};
use crate::finding::RollbackHelps;
use crate::observation::{ResourceKind, Seen};
use crate::testing::{event_about, workload_event};

const QUOTA: &str = "pods \"web-v2-x\" is forbidden: exceeded quota: small, requested: limits.cpu=2,pods=1, \
                     used: limits.cpu=7,pods=10, limited: limits.cpu=8,pods=10";

const NO_ANSWER: &str = "Internal error occurred: failed calling webhook \"policy.test\": failed to call webhook: Post \"https://policy.guard.svc:443/validate?timeout=10s\": no endpoints available for service \"policy\"";

/// A cause with its hit, its near miss, and healed again: the ReplicaSet has created its pod.
struct Refusal {
    code: FindingCode,
    message: &'static str,
    /// What hits and what does not yet, with the seconds.
    hit: (&'static str, u64),
    miss: (&'static str, u64),
}

fn refusals() -> Vec<Refusal> {
    let of = |code, message, hit, miss| Refusal {
        code,
        message,
        hit,
        miss,
    };
    vec![
        of(
            QuotaExceeded,
            QUOTA,
            ("quota full for 30 s", 30),
            ("quota full for 10 s", 10),
        ),
        of(
            QuotaNeedsResources,
            "pods \"x\" is forbidden: failed quota: small: must specify limits.cpu for: app",
            ("quota demands limits, 5 s", 5),
            ("quota demands limits, just seen", 2),
        ),
        of(
            QuotaDoesNotCover,
            "pods \"x\" is forbidden: insufficient quota to match these scopes: [{PriorityClass In [system-node-critical]}]",
            ("no quota covers the priority class, 5 s", 5),
            ("no quota covers the priority class, just seen", 2),
        ),
        of(
            QuotaStatusUnknown,
            "pods \"x\" is forbidden: status unknown for quota: small, resources: pods",
            ("a quota has no usage for 1 min", 60),
            ("a new quota has no usage yet", 20),
        ),
        of(
            LimitRangeViolated,
            "pods \"x\" is forbidden: [maximum cpu usage per Container is 1, but limit is 2, maximum memory usage per Container is 1Gi, but limit is 2Gi]",
            ("limit range, 5 s", 5),
            ("limit range, just seen", 1),
        ),
        of(
            ServiceAccountMissing,
            "pods \"x\" is forbidden: error looking up service account shop/web: serviceaccount \"web\" not found",
            ("service account missing for 30 s", 30),
            (
                "service account missing for 10 s: it may be created next",
                10,
            ),
        ),
        of(
            SecretNotAllowed,
            "pods \"x\" is forbidden: volume with secret.secretName=\"db\" is not allowed because service account web does not reference that secret",
            ("a secret that the service account does not list, 5 s", 5),
            (
                "a secret that the service account does not list, just seen",
                2,
            ),
        ),
        of(
            PriorityClassMissing,
            "pods \"x\" is forbidden: no PriorityClass with name urgent was found",
            ("priority class missing for 20 s", 20),
            ("priority class missing for 10 s: it may come next", 10),
        ),
        of(
            RuntimeClassMissing,
            "pods \"x\" is forbidden: pod rejected: RuntimeClass \"gvisor\" not found",
            ("runtime class missing for 20 s", 20),
            ("runtime class missing for 10 s: it may come next", 10),
        ),
        of(
            PodSecurityViolated,
            "pods \"x\" is forbidden: violates PodSecurity \"restricted:latest\": runAsNonRoot != true (pod or container \"app\" must set securityContext.runAsNonRoot=true)",
            ("pod security, 25 s", 25),
            (
                "pod security, 20 s: its level may be changed in the same release",
                20,
            ),
        ),
        of(
            AdmissionDenied,
            "admission webhook \"validation.gatekeeper.sh\" denied the request: [azurepolicy-k8sazurev2noprivilege-1f2e] Privileged container is not allowed: app",
            ("a webhook denies, 25 s", 25),
            ("a webhook denies, 20 s: an exemption came after 8 s", 20),
        ),
        of(
            WebhookUnavailable,
            NO_ANSWER,
            ("a webhook is down for 3 min", 180),
            ("a webhook is down for 1 min", 60),
        ),
        of(
            NamespaceTerminating,
            "pods \"x\" is forbidden: unable to create new content in namespace shop because it is being terminated",
            ("the namespace is being deleted, 5 s", 5),
            ("the namespace is being deleted, just seen", 2),
        ),
        of(
            InvalidPod,
            "Pod \"x\" is invalid: spec.containers[0].env[3].name: Invalid value: \"1=2\"",
            ("an invalid pod, 5 s", 5),
            ("an invalid pod, just seen", 2),
        ),
        of(
            ApiOverloaded,
            "etcdserver: request timed out",
            ("etcd is late for 3 min", 180),
            ("etcd is late for 1 min", 60),
        ),
        of(
            ControllerNotPermitted,
            "pods is forbidden: User \"system:serviceaccount:kube-system:replicaset-controller\" cannot create resource \"pods\" in API group \"\" in the namespace \"shop\"",
            ("the controller may not create pods for 2 min", 120),
            ("the controller may not create pods for 1 min", 60),
        ),
        of(
            PodCreationRefused,
            "pods \"x\" is forbidden: for a reason of its own",
            ("refused for another reason, 3 min", 180),
            ("refused for another reason, 1 min", 60),
        ),
    ]
}

pub(super) fn rows() -> Vec<Row> {
    let mut all = Vec::new();
    for it in refusals() {
        let created = vec![seen_set(it.hit.1 + 1, replica_set("v2", 2, (1, 0)))];
        all.push(
            refused(it.hit.0, it.message, it.hit.1, Terminal(it.code))
                .healed_by(it.hit.1 + 1, created),
        );
        all.push(refused(
            it.miss.0,
            it.message,
            it.miss.1,
            Transient(it.code),
        ));
    }
    all.extend([quota_while_old_pods_go(), quota_freed_between_two_tries()]);
    all.extend(of_replica_set());
    all.extend(quota_that_never_suffices());
    all.extend(quota_and_siblings());
    all.extend(webhook_and_pauses());
    let policy = "pods \"x\" is forbidden: ValidatingAdmissionPolicy 'no-latest' with binding 'all' denied request: no latest tag";
    all.push(refused(
        "a policy denies, 25 s",
        policy,
        25,
        Terminal(AdmissionDenied),
    ));
    all
}

const SET_QUOTA: &str = "Failed to create new replica set \"web-v2\": replicasets.apps \"web-v2\" is forbidden: exceeded quota: objects, \
                         requested: count/replicasets.apps=1, used: count/replicasets.apps=1, limited: count/replicasets.apps=1";
const SET_POLICY: &str = "Failed to create new replica set \"web-v2\": admission webhook \"validate.kyverno.svc-fail\" denied the request: \
                          resource ReplicaSet/shop/web-v2 was blocked due to the following policies: team-label: required";

/// Deployment `web`, whose controller has not written its status since the ReplicaSet was refused.
fn refused_set(message: &str) -> DeploymentBuilder {
    let because = ("ReplicaSetCreateError", message);
    deployment("web")
        .counts(2, 2, 2, 2)
        .generation(2, 1)
        .condition("Progressing", "False", because)
}

fn set_event(second: u64, message: &str) -> Observation {
    let seen = workload_event(second, "d-1", "ReplicaSetCreateError", message);
    Observation { at: at(0), ..seen }
}

/// The API server refuses the ReplicaSet itself.
fn of_replica_set() -> Vec<Row> {
    let created = |second| vec![seen_set(second, replica_set("v2", 2, (2, 0)))];
    let mut without_condition = without_set(
        "only an event tells of the refusal: the Deployment has no progress deadline",
        deployment("web").counts(2, 2, 2, 2).generation(2, 1),
        (31, Terminal(QuotaExceeded)),
    );
    without_condition.observations.push(set_event(1, SET_QUOTA));
    let mut other_reason = without_set(
        "the condition keeps its first message, and the newest event has another",
        refused_set(SET_QUOTA),
        (28, Terminal(AdmissionDenied)),
    );
    other_reason.observations.push(set_event(3, SET_POLICY));
    vec![
        without_set(
            "a quota leaves no room for the ReplicaSet, 30 s",
            refused_set(SET_QUOTA),
            (30, Terminal(QuotaExceeded)),
        )
        .healed_by(31, created(31)),
        without_set(
            "a quota leaves no room for the ReplicaSet, just seen",
            refused_set(SET_QUOTA),
            (2, Transient(QuotaExceeded)),
        ),
        without_set(
            "a policy refuses the ReplicaSet, 25 s",
            refused_set(SET_POLICY),
            (25, Terminal(AdmissionDenied)),
        )
        .healed_by(26, created(26)),
        without_set(
            "a refused ReplicaSet is no lag of the controller",
            refused_set(SET_QUOTA),
            (120, Absent(ControllerLagging)),
        ),
        without_condition,
        other_reason,
    ]
}

/// A quota that two pods of three fill, while one new pod is ready.
fn quota_for_two(says: &'static str, message: &str, expect: Expect) -> Row {
    let mut row = refused(says, message, 31, expect);
    let mut set = serde_json::to_value(refused_replica_set("v2", 2, message)).unwrap();
    set["status"]["replicas"] = serde_json::json!(1);
    let set = serde_json::from_value(set).unwrap();
    row.observations.push(seen_set(1, set));
    row.observations.extend(pod("a").ready(1).seen(1));
    row
}

fn quota_that_never_suffices() -> Vec<Row> {
    vec![
        quota_for_two(
            "a quota of 20m for three pods of 10m, although one new pod is ready",
            "pods \"x\" is forbidden: exceeded quota: small, requested: requests.cpu=10m, used: requests.cpu=20m, limited: requests.cpu=20m",
            Terminal(QuotaExceeded),
        ),
        quota_for_two(
            "a quota of 30m for three pods of 10m: the old pods make room",
            "pods \"x\" is forbidden: exceeded quota: small, requested: requests.cpu=10m, used: requests.cpu=30m, limited: requests.cpu=30m",
            Transient(QuotaExceeded),
        ),
    ]
}

#[test]
fn a_quota_names_the_surge_only_where_old_pods_would_make_room() {
    let remedy = |row: &Row| {
        let found = findings(row);
        let of = |it: &&Finding| it.code == QuotaExceeded;
        found.iter().find(of).map(|it| it.remedy.clone()).unwrap()
    };
    let rows = quota_that_never_suffices();
    assert!(
        !remedy(&rows[0]).contains("maxSurge"),
        "{}",
        remedy(&rows[0])
    );
    assert!(
        remedy(&rows[1]).contains("maxSurge"),
        "{}",
        remedy(&rows[1])
    );
}

#[test]
fn a_refused_replica_set_needs_no_new_one_to_go_back() {
    for row in of_replica_set() {
        for found in findings(&row) {
            assert_eq!(found.rollback_helps, RollbackHelps::Yes, "{}", row.says);
            assert!(found.message.contains("the new ReplicaSet"), "{found:#?}");
            assert!(!found.remedy.contains("maxSurge"), "{found:#?}");
        }
    }
}

fn quota_while_old_pods_go() -> Row {
    let mut row = refused(
        "quota full while old pods go",
        QUOTA,
        60,
        Transient(QuotaExceeded),
    );
    let mut old = serde_json::to_value(replica_set("v1", 1, (3, 3))).unwrap();
    old["spec"]["replicas"] = serde_json::json!(2);
    row.observations
        .push(seen_set(1, replica_set("v0", 0, (0, 0))));
    row.observations
        .push(seen_set(1, serde_json::from_value(old).unwrap()));
    row
}

fn quota_freed_between_two_tries() -> Row {
    let mut row = refused(
        "an old pod is gone after 40 s, and the ReplicaSet tries again at 80 s only",
        QUOTA,
        79,
        Transient(QuotaExceeded),
    );
    row.observations.extend(pod_of("old", "v1").seen(0));
    row.observations.push(Observation::new(
        at(40),
        Seen::Gone {
            resource: ResourceKind::Pod,
            uid: "pod-old".into(),
        },
    ));
    row
}

/// The quota is full, and the lookup of other workloads answered so at these times.
fn siblings(says: &'static str, looks: &[(u64, &[(&str, bool)])], judged: (u64, Expect)) -> Row {
    let mut row = refused(says, QUOTA, judged.0, judged.1);
    for (second, found) in looks {
        let promises = found.iter().map(|(by, read)| Promise {
            by: (*by).to_owned(),
            read: *read,
            since: None,
        });
        let seen = Seen::LookedUp {
            lookup: Lookup::LeavingPods,
            promises: promises.collect(),
        };
        row.observations.push(Observation::new(at(*second), seen));
    }
    row
}

fn quota_and_siblings() -> Vec<Row> {
    let api = ("Deployment `api`", true);
    let created = |second| vec![seen_set(second, replica_set("v2", 2, (1, 0)))];
    vec![
        siblings(
            "quota full for 90 s, while a surge pod of another workload is about to leave",
            &[(1, &[api]), (90, &[api])],
            (90, Transient(QuotaExceeded)),
        )
        .healed_by(92, created(91)),
        siblings(
            "another workload's surge pod left at 66 s, and the ReplicaSet tries again at 132 s only",
            &[(1, &[api]), (66, &[api]), (71, &[])],
            (130, Transient(QuotaExceeded)),
        )
        .healed_by(134, created(133)),
        siblings(
            "another workload's surge pod left at 66 s, and the next try failed as well",
            &[(1, &[api]), (66, &[api]), (71, &[])],
            (140, Terminal(QuotaExceeded)),
        ),
        siblings(
            "no other workload has a pod that is about to leave",
            &[(1, &[])],
            (25, Terminal(QuotaExceeded)),
        ),
        siblings(
            "other workloads cannot be read: one of them may free quota",
            &[(1, &[("other workloads", false)])],
            (48, Transient(QuotaExceeded)),
        )
        .healed_by(52, created(49)),
    ]
}

/// A webhook does not answer: the times of the ReplicaSet's tries, and how many there were.
fn webhook(says: &'static str, tries: &[(u64, i32)], judged: (u64, Expect)) -> Row {
    let mut row = refused(says, NO_ANSWER, judged.0, judged.1);
    let event = |(second, count): &(u64, i32)| {
        let about = ("ReplicaSet", "rs-v2");
        let mut observation = event_about(*second, about, "FailedCreate", NO_ANSWER);
        if let Seen::Event { object } = &mut observation.seen {
            object.count = Some(*count);
        }
        observation
    };
    row.observations.extend(tries.iter().map(event));
    row
}

/// A change of the replicas adds a try, and doubles the pauses after it.
fn webhook_and_pauses() -> Vec<Row> {
    // After 41 s the pause is 41 s, after the change 82 s, and after 82 s 164 s.
    let scaled = |later: &[(u64, i32)]| [&[(1, 13), (41, 1), (58, 1)], later].concat();
    let created = vec![seen_set(246, replica_set("v2", 2, (1, 0)))];
    vec![
        webhook(
            "the last try was 100 s ago, and the next one comes 164 s after it",
            &scaled(&[(82, 1)]),
            (240, Transient(WebhookUnavailable)),
        )
        .healed_by(247, created),
        webhook(
            "the next try failed as well",
            &scaled(&[(82, 1), (246, 1)]),
            (247, Terminal(WebhookUnavailable)),
        ),
        webhook(
            "a try 16 s ago failed",
            &[(1, 13), (41, 1), (82, 1), (164, 1)],
            (181, Terminal(WebhookUnavailable)),
        ),
        webhook(
            "no try is seen where it was due",
            &scaled(&[(82, 1)]),
            (251, Terminal(WebhookUnavailable)),
        ),
    ]
}

#[test]
fn a_controller_waits_twice_as_long_after_each_try() {
    let rows = [
        (0, 5),
        (1, 5),
        (2, 10),
        (16, 163_840),
        (18, 655_360),
        (19, 1_000_000),
        (99, 1_000_000),
    ];
    for (tries, pause) in rows {
        let found = Pauses::ORDINARY.after(tries);
        assert_eq!(found, Duration::from_millis(pause), "{tries} tries");
    }
    for (tries, pause) in [(1, 1), (2, 2), (6, 32), (7, 60), (99, 60)] {
        let found = Pauses::OF_JOBS.after(tries);
        assert_eq!(found, Duration::from_secs(pause), "{tries} tries of a Job");
    }
}

#[test]
fn a_quota_that_was_freed_is_waited_for_until_the_next_try() {
    let secs = Duration::from_secs;
    let rows = [
        ("never freed", None, 30),
        ("freed at once", Some(1), 30),
        ("freed after a minute", Some(60), 125),
    ];
    for (says, freed, grace) in rows {
        let freed = freed.map(secs);
        let patience = Policy::default().patience;
        let waits = quota_grace(secs(30), freed, &patience);
        assert_eq!(waits, secs(grace), "{says}");
    }
}

#[test]
fn words_of_other_components_mean_what_they_quote() {
    let rows = [
        (
            "a StatefulSet's event, volume claim over quota",
            "create Claim data-web-0 for Pod web-0 in StatefulSet web failed error: persistentvolumeclaims \"data-web-0\" is forbidden: exceeded quota: disks, requested: requests.storage=8Gi, used: requests.storage=60Gi, limited: requests.storage=64Gi",
            QuotaExceeded,
        ),
        (
            "a claim outside a LimitRange",
            "persistentvolumeclaims \"data-web-0\" is forbidden: minimum storage usage per PersistentVolumeClaim is 2Gi, but request is 1Gi",
            LimitRangeViolated,
        ),
        (
            "a webhook that speaks of quotas",
            "admission webhook \"w.test\" denied the request: exceeded quota: mine, ask me",
            AdmissionDenied,
        ),
        (
            "a webhook that is late",
            "Internal error occurred: failed calling webhook \"w.test\": failed to call webhook: Post \"https://w.a.svc:443/\": context deadline exceeded",
            WebhookUnavailable,
        ),
        (
            "two pods that changed a quota at once",
            "Operation cannot be fulfilled on resourcequotas \"small\": the object has been modified; please apply your changes to the latest version and try again",
            ApiOverloaded,
        ),
        (
            "an imagePullSecret that is not listed",
            "pods \"x\" is forbidden: imagePullSecrets[0].name=\"acr\" is not allowed because service account web does not reference that imagePullSecret",
            SecretNotAllowed,
        ),
        (
            // It says no of its own, but perhaps for what it could not ask: patience wins.
            "a webhook that asks to try again",
            "admission webhook \"w.test\" denied the request: too many requests",
            WebhookUnavailable,
        ),
        (
            "a policy that does not reach the registry",
            "admission webhook \"mutate.kyverno.svc-fail\" denied the request: verify-image: failed to verify image a.test/app:v2: Get \"https://a.test/v2/\": context deadline exceeded",
            WebhookUnavailable,
        ),
        (
            "a policy that names a registry it did reach",
            "admission webhook \"mutate.kyverno.svc-fail\" denied the request: verify-image: failed to verify image a.test/app:v2: no signatures found",
            AdmissionDenied,
        ),
        (
            "a request above the default limit of a LimitRange",
            "Pod \"web-1\" is invalid: spec.containers[0].resources.requests: Invalid value: \"200m\": must be less than or equal to cpu limit of 100m",
            LimitRangeViolated,
        ),
        (
            "a ReplicaSet that is invalid",
            "Failed to create new replica set \"web-1\": ReplicaSet.apps \"web-1\" is invalid: spec.template.spec.containers[0].resources.requests: Invalid value: \"200m\": must be less than or equal to cpu limit of 100m",
            InvalidPod,
        ),
        ("nothing at all", "", PodCreationRefused),
    ];
    let mut said = Vec::new();
    for (says, message, code) in rows {
        let Cause {
            code: found,
            what,
            remedy,
        } = classify(message);
        assert_eq!(found, code, "{says}");
        said.push(format!("{says}: {what} | {remedy}"));
    }
    insta::assert_debug_snapshot!(said);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]

    /// Whatever a webhook or a node says, it is read and bounded.
    #[test]
    fn hostile_words_are_read_and_kept_short(
        words in proptest::collection::vec(proptest::sample::select(WORDS), 0..12),
        rest in ".{0,40}",
    ) {
        let message = words.concat() + &rest;
        let what = classify(&message).what;
        proptest::prop_assert!(what.chars().count() < 1000);
        for pod in [pod("a").unschedulable(&message), pod("a").failed("Evicted", &message),
            pod("a").event("FailedMount", &message, i32::MAX).event("FailedAttachVolume", &message, i32::MAX),
            pod("a").event("FailedCreatePodSandBox", &message, i32::MAX)] {
            let _ = findings(&row("hostile", &[pod], 600, Absent(Paused)));
        }
    }
}

/// The parts between which the readers look for names.
const WORDS: &[&str] = &[
    "exceeded quota: ",
    "requested: ",
    "=",
    ",",
    ", used: ",
    "limited: ",
    "\"",
    "\" : ",
    " desc = ",
    "0/4294967295 nodes are available: ",
    "4294967295 Insufficient cpu, ",
    ". ",
    "ж",
    "{",
    "https://",
    "persistentvolumeclaim \"",
    "\" not found",
    "Container ",
    " exceeded its local",
    "objectName:",
    "failed calling webhook \"",
    "secrets store objects",
    "already used by pod(s) ",
    "%!s(MISSING)",
];
