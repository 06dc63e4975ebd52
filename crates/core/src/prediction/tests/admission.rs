//! The API server's word now, and what the call itself changes about it.

use super::*;

fn refused(message: &str) -> DryRun {
    DryRun::Refused {
        code: 403,
        message: message.to_owned(),
    }
}

const POD_SECURITY: &str = "pods \"web-\" is forbidden: violates PodSecurity \"restricted:latest\": privileged (container \"app\" must not set securityContext.privileged=true)";
const POLICY: &str = "admission webhook \"validation.gatekeeper.sh\" denied the request: [labels] you must provide labels: {\"team\"}";
const INVALID: &str = "Pod \"web-\" is invalid: spec.containers[0].ports[0].containerPort: Invalid value: 0: must be between 1 and 65535, inclusive";

fn namespace(name: &str, labels: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
}

fn object(api: &str, kind: &str) -> Value {
    json!({"apiVersion": api, "kind": kind, "metadata": {"name": "x"}})
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of named rows")]
fn what_the_call_changes_about_admission_is_not_certain() {
    let level = |level: &str| json!({"pod-security.kubernetes.io/enforce": level});
    let rows = [
        ("nothing else is applied", POD_SECURITY, None, Certain),
        (
            "the namespace is applied without a level",
            POD_SECURITY,
            Some(namespace("shop", &json!({}))),
            Possible,
        ),
        (
            "the namespace gets another level",
            POD_SECURITY,
            Some(namespace("shop", &level("baseline"))),
            Possible,
        ),
        (
            "the namespace keeps the level that refuses",
            POD_SECURITY,
            Some(namespace("shop", &level("restricted"))),
            Certain,
        ),
        (
            "the namespace gets the level of another version",
            POD_SECURITY,
            Some(namespace(
                "shop",
                &json!({"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/enforce-version": "v1.25"}),
            )),
            Possible,
        ),
        (
            "another namespace is applied",
            POD_SECURITY,
            Some(namespace("other", &level("baseline"))),
            Certain,
        ),
        ("a policy refuses", POLICY, None, Certain),
        (
            "the namespace may be exempted by its labels",
            POLICY,
            Some(namespace("shop", &level("restricted"))),
            Possible,
        ),
        (
            "a binding of policies is applied",
            POLICY,
            Some(object(
                "admissionregistration.k8s.io/v1",
                "ValidatingAdmissionPolicyBinding",
            )),
            Possible,
        ),
        (
            "a configuration of webhooks is applied",
            POLICY,
            Some(object(
                "admissionregistration.k8s.io/v1",
                "ValidatingWebhookConfiguration",
            )),
            Possible,
        ),
        (
            "a constraint of Gatekeeper is applied",
            POLICY,
            Some(object(
                "constraints.gatekeeper.sh/v1beta1",
                "K8sRequiredLabels",
            )),
            Possible,
        ),
        (
            "an exception of Kyverno is applied",
            POLICY,
            Some(object("kyverno.io/v2", "PolicyException")),
            Possible,
        ),
        (
            "a policy is applied that changes pods",
            "pods \"web-\" is forbidden: maximum memory usage per Container is 64Mi, but limit is 256Mi",
            Some(object(
                "admissionregistration.k8s.io/v1",
                "MutatingAdmissionPolicyBinding",
            )),
            Possible,
        ),
        (
            "an object that is no policy is applied",
            POLICY,
            Some(object("example.test/v1", "Policyholder")),
            Certain,
        ),
        (
            "what is invalid stays so",
            INVALID,
            Some(namespace("shop", &json!({}))),
            Certain,
        ),
    ];
    for (says, message, brought, certainty) in rows {
        let code = match message {
            POD_SECURITY => "PodSecurityViolated",
            POLICY => "AdmissionDenied",
            INVALID => "InvalidPod",
            _ => "LimitRangeViolated",
        };
        let cluster = Cluster {
            pod: refused(message),
            ..Cluster::default()
        };
        let call: Vec<Value> = [deployment(&json!({}))]
            .into_iter()
            .chain(brought)
            .collect();
        assert_eq!(cluster.said(&call), [(code, certainty)], "{says}");
    }
}

#[test]
fn the_workload_itself_may_be_refused_by_what_the_call_changes() {
    let binding = object(
        "admissionregistration.k8s.io/v1",
        "ValidatingAdmissionPolicyBinding",
    );
    let quota =
        json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {}});
    let invalid = "Deployment.apps \"web\" is invalid: spec.replicas: Invalid value: -1";
    let full = "deployments.apps \"web\" is forbidden: exceeded quota: q, requested: count/deployments.apps=1, used: count/deployments.apps=2, limited: count/deployments.apps=2";
    let rows = [
        (
            "a policy refuses it",
            POLICY,
            None,
            ("AdmissionDenied", Certain),
        ),
        (
            "a policy refuses it, whose binding is applied",
            POLICY,
            Some(binding.clone()),
            ("AdmissionDenied", Possible),
        ),
        (
            "it is invalid, whatever is applied",
            invalid,
            Some(binding),
            ("ApplyRefused", Certain),
        ),
        (
            "the quota of objects is full, and is applied as well",
            full,
            Some(quota),
            ("QuotaExceeded", Possible),
        ),
    ];
    for (says, message, brought, expected) in rows {
        let cluster = Cluster {
            apply: refused(message),
            ..Cluster::default()
        };
        let call: Vec<Value> = [deployment(&json!({}))]
            .into_iter()
            .chain(brought)
            .collect();
        assert_eq!(cluster.said(&call), [expected], "{says}");
    }
}

#[test]
fn a_quota_of_the_call_may_change_what_it_asks_of_pods() {
    let message =
        "pods \"web-\" is forbidden: failed quota: q: must specify limits.memory for: app";
    let quota = |name: &str| json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": name}, "spec": {}});
    for (says, brought, certainty) in [
        ("no quota is applied", None, Certain),
        ("the quota is applied", Some(quota("q")), Possible),
    ] {
        let cluster = Cluster {
            pod: refused(message),
            ..Cluster::default()
        };
        let call: Vec<Value> = [deployment(&json!({}))]
            .into_iter()
            .chain(brought)
            .collect();
        assert_eq!(
            cluster.said(&call),
            [("QuotaNeedsResources", certainty)],
            "{says}"
        );
    }
}

#[test]
fn what_a_quota_covers_and_an_account_allows_may_come_with_the_call() {
    let scopes = "pods \"web-\" is forbidden: insufficient quota to match these scopes: [{PriorityClass In [gold]}]";
    let secret = "pods \"web-\" is forbidden: volume with secret.secretName=\"db\" is not allowed because service account default does not reference that secret";
    let core = |kind: &str| object("v1", kind);
    let rows = [
        (
            "no quota covers it",
            scopes,
            "Service",
            ("QuotaDoesNotCover", Certain),
        ),
        (
            "a quota comes",
            scopes,
            "ResourceQuota",
            ("QuotaDoesNotCover", Possible),
        ),
        (
            "the account does not name it",
            secret,
            "Service",
            ("SecretNotAllowed", Certain),
        ),
        (
            "the account comes",
            secret,
            "ServiceAccount",
            ("SecretNotAllowed", Possible),
        ),
    ];
    for (says, message, kind, expected) in rows {
        let cluster = Cluster {
            pod: refused(message),
            ..Cluster::default()
        };
        let call = [deployment(&json!({})), core(kind)];
        assert_eq!(cluster.said(&call), [expected], "{says}");
    }
}

/// An API server that misses the account of a pod.
fn misses_account(pod: &Value) -> Option<DryRun> {
    let account = pod.pointer("/spec/serviceAccountName");
    account.map(|_| refused("pods \"web-\" is forbidden: error looking up service account shop/robot: serviceaccount \"robot\" not found"))
}

/// The same with two classes, each of which it misses.
fn misses_classes(pod: &Value) -> Option<DryRun> {
    let messages = [
        (
            "priorityClassName",
            "pods \"web-\" is forbidden: no PriorityClass with name gold was found",
        ),
        (
            "runtimeClassName",
            "pods \"web-\" is forbidden: pod rejected: RuntimeClass \"kata\" not found",
        ),
    ];
    let mut messages = messages.into_iter();
    let missed = messages.find(|(field, _)| pod["spec"].get(field).is_some());
    missed.map(|(_, message)| refused(message))
}

#[test]
fn a_pod_that_was_tried_without_what_the_call_brings_is_not_certain() {
    let brought = |kind: &str, name: &str| json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}});
    let account = json!({"serviceAccountName": "robot"});
    let classes = json!({"priorityClassName": "gold", "runtimeClassName": "kata"});
    let rows: Vec<(&str, Value, Vec<Value>, Judge, _)> = vec![
        (
            "the account is brought, and exists already",
            account.clone(),
            vec![brought("ServiceAccount", "robot")],
            |_| None,
            ("PodSecurityViolated", Certain),
        ),
        (
            "the account is brought, and the pod was tried without it",
            account,
            vec![brought("ServiceAccount", "robot")],
            misses_account,
            ("PodSecurityViolated", Possible),
        ),
        (
            "both classes are brought",
            classes.clone(),
            vec![
                brought("PriorityClass", "gold"),
                brought("RuntimeClass", "kata"),
            ],
            misses_classes,
            ("PodSecurityViolated", Possible),
        ),
        (
            "one class is not brought",
            classes,
            vec![brought("PriorityClass", "gold")],
            misses_classes,
            ("RuntimeClassMissing", Possible),
        ),
    ];
    for (says, pod, brought, judges_pod, expected) in rows {
        let cluster = Cluster {
            pod: refused(POD_SECURITY),
            judges_pod,
            exists: vec![ReferenceKind::ServiceAccount],
            ..Cluster::default()
        };
        let call: Vec<Value> = [deployment(&pod)].into_iter().chain(brought).collect();
        assert_eq!(cluster.said(&call), [expected], "{says}");
    }
}
