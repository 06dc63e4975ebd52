//! Classifies the API server's message when it refuses to create a pod, a PersistentVolumeClaim or
//! a ReplicaSet.
//!
//! The same message is in the `ReplicaFailure` condition of a ReplicaSet and in the `FailedCreate`
//! events of ReplicaSets, StatefulSets and DaemonSets.

use std::time::Duration;

use super::{Cause, between, clipped, has_any};
use crate::finding::FindingCode;
use crate::policy::Patience;
use crate::quantity::Quantity;

/// Classifies a refusal.
pub(crate) fn classify(message: &str) -> Cause {
    // Messages that quote others come first: a webhook or a policy may quote any of them.
    of_webhook(message)
        .or_else(|| of_policy(message))
        .or_else(|| of_namespace(message))
        .or_else(|| of_overload(message))
        .or_else(|| of_quota(message))
        .or_else(|| of_limits(message))
        .or_else(|| of_service_account(message))
        .or_else(|| of_class(message))
        .or_else(|| of_permission(message))
        .or_else(|| of_validation(message))
        .unwrap_or_else(|| {
            Cause::new(
                FindingCode::PodCreationRefused,
                format!(
                    "the API server refuses to create {}: {}",
                    what(message),
                    clipped(rule_of(message), 300)
                ),
                "remove the reason that the message names, or change the pod template",
            )
        })
}

/// Classifies the refusal of a ReplicaSet: `Failed to create new replica set "x": …`
/// (`deployment/sync.go`).
pub(super) fn of_replica_set(message: &str) -> Cause {
    let cause = classify(message);
    if cause.code == FindingCode::PodCreationRefused {
        return Cause {
            code: FindingCode::ReplicaSetNotCreated,
            ..cause
        };
    }
    if cause.code != FindingCode::QuotaExceeded {
        return cause;
    }
    let quota = between(message, "exceeded quota: ", ",").unwrap_or("of the namespace");
    let remedy = format!(
        "raise quota `{quota}`, or delete old ReplicaSets that have 0 replicas and lower revisionHistoryLimit so that fewer are kept; then deploy again, because the controller stops trying after about 3 minutes"
    );
    Cause { remedy, ..cause }
}

/// Returns the grace for a full quota, some of which was freed `freed` after the first refusal.
///
/// The ReplicaSet tries again after 5 ms · 2ⁿ up to 1000 s (`DefaultTypedControllerRateLimiter`,
/// client-go), and a freed quota does not wake it: its next try comes after about twice `freed`.
pub(super) fn quota_grace(
    rule: Duration,
    freed: Option<Duration>,
    patience: &Patience,
) -> Duration {
    let margin = patience.retry_margin;
    let tried_again = freed.map(|freed| freed.saturating_mul(2).saturating_add(margin));
    tried_again.map_or(rule, |until| until.max(rule))
}

/// The pauses of a controller between tries that fail: the first, and the longest. Each is twice as long as the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pauses(Duration, Duration);

impl Pauses {
    /// Of most controllers (`DefaultTypedControllerRateLimiter`, client-go).
    pub(super) const ORDINARY: Self = Self(Duration::from_millis(5), Duration::from_secs(1000));
    /// Of the Job controller (`DefaultJobApiBackOff` and `MaxJobApiBackOff`, `job_controller.go`).
    pub(super) const OF_JOBS: Self = Self(Duration::from_secs(1), Duration::from_secs(60));

    /// Returns a time, or the longest pause if that is shorter.
    pub(super) fn at_most(self, time: Duration) -> Duration {
        time.min(self.1)
    }

    /// Returns the pause after so many tries.
    pub(super) fn after(self, tries: u32) -> Duration {
        let doubled = 1_u32.checked_shl(tries.saturating_sub(1));
        self.at_most(self.0.saturating_mul(doubled.unwrap_or(u32::MAX)))
    }
}

/// Names what is refused.
fn what(message: &str) -> &'static str {
    if message.contains("persistentvolumeclaims \"") || message.contains("Claim ") {
        "the volume claims"
    } else if message.contains("Failed to create new replica set")
        || message.contains("replicasets.apps \"")
    {
        "the new ReplicaSet"
    } else {
        "the new pods"
    }
}

/// Returns the message without the prefix `pods "x" is forbidden: `.
fn rule_of(message: &str) -> &str {
    message
        .split_once("is forbidden: ")
        .or_else(|| {
            let (_, rest) = message.split_once("Failed to create new replica set \"")?;
            rest.split_once("\": ")
        })
        .map_or(message, |(_, rule)| rule)
}

/// Classifies refusals by a resource quota (apiserver `resourcequota/controller.go`).
fn of_quota(message: &str) -> Option<Cause> {
    let what = what(message);
    if let Some(quota) = between(message, "exceeded quota: ", ",") {
        return Some(Cause::new(
            FindingCode::QuotaExceeded,
            format!(
                "quota `{quota}` does not allow {what}: {}",
                quota_numbers(message)
            ),
            format!(
                "raise quota `{quota}`, lower the pods' requests, or set maxSurge 0 and maxUnavailable 1 so that an old pod frees quota first"
            ),
        ));
    }
    if let Some(quota) = between(message, "failed quota: ", ": must specify") {
        let missing = message
            .split_once("must specify ")
            .map_or("", |(_, rest)| rest);
        let missing = clipped(missing, 300);
        return Some(Cause::new(
            FindingCode::QuotaNeedsResources,
            format!("quota `{quota}` requires resources that the pods do not set: {missing}"),
            format!("set {missing} in the pod template, or add a LimitRange with defaults"),
        ));
    }
    if let Some((_, rest)) = message.split_once("insufficient quota to ") {
        let scope = clipped(rest, 200);
        return Some(Cause::new(
            FindingCode::QuotaDoesNotCover,
            format!("no quota in this namespace allows {what}: insufficient quota to {scope}"),
            "add a ResourceQuota that covers it (a priority class such as system-cluster-critical needs one with its scope), or use another priority class",
        ));
    }
    let quota = between(message, "status unknown for quota: ", ",")?;
    Some(Cause::new(
        FindingCode::QuotaStatusUnknown,
        format!("quota `{quota}` does not know its usage yet, so it refuses {what}"),
        format!(
            "wait a moment; if that does not help, look at `kubectl describe quota {quota}` and at the kube-controller-manager"
        ),
    ))
}

/// Returns the resource that a quota can never give to so many pods, with what they all need and the
/// quota's limit: `requests.cpu 30m of 20m`.
///
/// Each pod requests what the refused one did. That old pods go frees nothing that helps.
pub(super) fn never_fits(message: &str, pods: i32) -> Option<NeverFits> {
    let requested = part_of(message, "requested: ", ", used: ");
    let limited = format!("{message}\n");
    let limited = part_of(&limited, "limited: ", "\n");
    let pods = u32::try_from(pods).ok().filter(|it| *it > 0)?;
    requested.into_iter().find_map(|(name, each)| {
        let (_, limit) = limited.iter().find(|(it, _)| *it == name)?;
        let one = Quantity::parse(each)?;
        let all = (1..pods.min(MOST_PODS)).fold(one, |sum, _| sum.plus(one));
        (all > Quantity::parse(limit)?).then(|| NeverFits {
            resource: name.to_owned(),
            needed: all.to_string(),
            limit: (*limit).to_owned(),
        })
    })
}

/// The most pods that are summed up: more need no proof that they are many.
const MOST_PODS: u32 = 10_000;

/// A request that a quota can never satisfy.
pub(super) struct NeverFits {
    /// The name of the resource in the quota.
    pub(super) resource: String,
    /// What all pods of the workload request.
    pub(super) needed: String,
    /// What the quota allows.
    pub(super) limit: String,
}

/// Returns the pairs `a=1,b=2` of a quota's message between two words.
fn part_of<'a>(message: &'a str, open: &str, close: &str) -> Vec<(&'a str, &'a str)> {
    let text = between(message, open, close).unwrap_or_default();
    text.split(',')
        .filter_map(|it| it.trim().split_once('='))
        .collect()
}

/// Renders `requested: a=1,b=2, used: a=7,b=3, limited: a=8,b=4` as `a 1 requested, 7 of 8 used;
/// …`.
fn quota_numbers(message: &str) -> String {
    let part = |open, close| {
        let text = between(message, open, close)?;
        Some(
            text.split(',')
                .filter_map(|it| it.trim().split_once('='))
                .collect::<Vec<_>>(),
        )
    };
    let all = format!("{message}\n");
    let limited = between(&all, "limited: ", "\n").unwrap_or_default();
    let limited: Vec<_> = limited
        .split(',')
        .filter_map(|it| it.trim().split_once('='))
        .collect();
    let used = part("used: ", ", limited: ").unwrap_or_default();
    let find = |of: &[(&str, &str)], name: &str| {
        of.iter()
            .find(|(it, _)| *it == name)
            .map(|(_, value)| (*value).to_owned())
    };
    let lines: Vec<String> = part("requested: ", ", used: ")
        .unwrap_or_default()
        .iter()
        .filter_map(|(name, requested)| {
            let (used, limit) = (find(&used, name)?, find(&limited, name)?);
            Some(format!(
                "{name} {requested} requested, {used} of {limit} used"
            ))
        })
        .collect();
    if lines.is_empty() {
        clipped(rule_of(message), 300)
    } else {
        lines.join("; ")
    }
}

/// Classifies a webhook that cannot be called (apiserver `webhook/errors`).
fn of_webhook(message: &str) -> Option<Cause> {
    if !has_any(message, &["failed calling webhook"]) {
        return None;
    }
    let name = between(message, "failed calling webhook \"", "\"").unwrap_or("unknown");
    let why = message
        .split_once("failed calling webhook \"")
        .and_then(|(_, rest)| rest.split_once("\": "))
        .map_or(message, |(_, why)| why);
    let service = between(why, "https://", "/")
        .map(|host| host.split(':').next().unwrap_or(host))
        .and_then(|host| host.strip_suffix(".svc"))
        .and_then(|host| host.split_once('.'));
    let look = service.map_or_else(
        || format!("look at the Service and the pods behind webhook `{name}`"),
        |(service, namespace)| {
            format!(
                "look at Service `{service}` in namespace `{namespace}` and the pods behind it: `kubectl get endpointslices -n {namespace} -l kubernetes.io/service-name={service}`"
            )
        },
    );
    Some(Cause::new(
        FindingCode::WebhookUnavailable,
        format!(
            "admission webhook `{name}` does not answer, so {} cannot be created: {}",
            what(message),
            clipped(why, 200)
        ),
        look,
    ))
}

/// Errors of a policy that calls a registry or another service and gets no answer: they pass,
/// whatever the rest of the message says.
const UNASKED: &[&str] = &[
    "context deadline exceeded",
    "i/o timeout",
    "connection refused",
    "connection reset",
    "no such host",
    "tls handshake timeout",
    "too many requests",
    "502 bad gateway",
    "503 service unavailable",
    "504 gateway timeout",
];

/// Classifies refusals by a policy: pod security (`pod-security-admission`), webhooks such as
/// Gatekeeper and Kyverno, and admission policies (`validating/plugin.go`).
fn of_policy(message: &str) -> Option<Cause> {
    let what = what(message);
    if let Some((_, words)) = message.split_once("violates PodSecurity ") {
        let level = between(message, "violates PodSecurity \"", "\"").unwrap_or("of the namespace");
        let broken = words.split_once("\": ").map_or(words, |(_, list)| list);
        return Some(Cause::new(
            FindingCode::PodSecurityViolated,
            format!(
                "pod security level `{level}` refuses {what}: {}",
                clipped(broken, 400)
            ),
            "set the securityContext fields that the message names; if the namespace's label pod-security.kubernetes.io/enforce was set after the former revision was deployed, it applies to a rollback as well",
        ));
    }
    let (_, said) = message
        .split_once("denied the request")
        .or_else(|| message.split_once("denied request"))?;
    let name = between(message, "admission webhook \"", "\"")
        .or_else(|| between(message, "AdmissionPolicy '", "'"))
        .unwrap_or("unknown");
    let unasked = has_any(said, UNASKED);
    let said = clipped(said.trim_start_matches([':', ' ']), 300);
    if unasked {
        return Some(Cause::new(
            FindingCode::WebhookUnavailable,
            format!(
                "admission policy `{name}` refuses {what}, because a service that it depends on did not answer: {said}"
            ),
            format!(
                "check the service that policy `{name}` calls (a registry, its own service) and the connection to it; deploy again once it answers"
            ),
        ));
    }
    let remedy = if message.contains("[azurepolicy-") {
        "change the pod template as the policy requires; Azure Policy assigned it (`kubectl get constraints` shows it), and exemptions are created there".to_owned()
    } else {
        format!("change the pod template as policy `{name}` requires, or have the policy changed")
    };
    Some(Cause::new(
        FindingCode::AdmissionDenied,
        format!("admission policy `{name}` refuses {what}: {said}"),
        remedy,
    ))
}

/// Classifies a refusal by a terminating namespace (apiserver `namespace/lifecycle/admission.go`).
fn of_namespace(message: &str) -> Option<Cause> {
    let name = between(
        message,
        "unable to create new content in namespace ",
        " because it is being terminated",
    )?;
    Some(Cause::new(
        FindingCode::NamespaceTerminating,
        format!("namespace `{name}` is being deleted, so nothing can be created in it"),
        format!(
            "wait until namespace `{name}` is gone, create it again and deploy again; if it hangs, `kubectl get namespace {name} -o yaml` names the finalizers"
        ),
    ))
}

/// Classifies an API server or etcd that is overloaded or not ready, by the messages of
/// apimachinery `api/errors` and of etcd, and by a conflict on a quota.
fn of_overload(message: &str) -> Option<Cause> {
    const PASSING: &[&str] = &[
        "etcdserver: ",
        "was unable to return a response in the time allotted",
        "could not be completed at this time, please try again",
        "too many requests",
        "the server is currently unable to handle the request",
        "resource quota evaluation timed out",
        "not yet ready to handle request",
        "operation cannot be fulfilled on resourcequotas",
        "client connection lost",
        "connection refused",
        "connection reset",
        "unexpected eof",
        "context deadline exceeded",
        "i/o timeout",
        "tls handshake timeout",
    ];
    has_any(message, PASSING).then(|| {
        Cause::new(
            FindingCode::ApiOverloaded,
            format!(
                "the API server is too busy to create {}: {}",
                what(message),
                clipped(message, 200)
            ),
            "wait; if it lasts, look at the control plane's metrics (AKS: the tier of the cluster, API server throttling under Diagnose and solve problems)",
        )
    })
}

/// Classifies refusals by a LimitRange (`limitranger/admission.go`).
fn of_limits(message: &str) -> Option<Cause> {
    const LIMIT_RANGE: &[&str] = &[" usage per ", "max limit to request ratio per "];
    (message.contains("forbidden") && has_any(message, LIMIT_RANGE)).then(|| {
        let rule = clipped(rule_of(message), 300);
        let remedy = if rule.contains("per PersistentVolumeClaim") {
            "set the claim's storage request inside the namespace's LimitRange"
        } else if rule.contains("No limit is specified") || rule.contains("No request is specified")
        {
            "set requests and limits in the pod template: the namespace's LimitRange requires them (`kubectl describe limitrange`)"
        } else {
            "set requests and limits inside the namespace's LimitRange (`kubectl describe limitrange`)"
        };
        Cause::new(
            FindingCode::LimitRangeViolated,
            format!("a LimitRange refuses {}: {rule}", what(message)),
            remedy,
        )
    })
}

/// Classifies refusals because of the ServiceAccount (`serviceaccount/admission.go`).
fn of_service_account(message: &str) -> Option<Cause> {
    if let Some(account) = between(
        message,
        "is not allowed because service account ",
        " does not reference that",
    ) {
        let secret = between(message, "secret.secretName=\"", "\"")
            .or_else(|| between(message, "].name=\"", "\""))
            .unwrap_or("unknown");
        return Some(Cause::new(
            FindingCode::SecretNotAllowed,
            format!(
                "ServiceAccount `{account}` may use listed secrets only, and Secret `{secret}` is not among them"
            ),
            format!(
                "add Secret `{secret}` to the secrets (or imagePullSecrets) of ServiceAccount `{account}`, or remove its annotation kubernetes.io/enforce-mountable-secrets"
            ),
        ));
    }
    let name = between(message, "serviceaccount \"", "\" not found")?;
    Some(Cause::new(
        FindingCode::ServiceAccountMissing,
        format!("ServiceAccount `{name}` does not exist, so no pod can be created"),
        format!("create ServiceAccount `{name}` in this namespace, or correct serviceAccountName"),
    ))
}

/// Classifies a missing PriorityClass or RuntimeClass (`priority/admission.go`,
/// `runtimeclass/admission.go`).
fn of_class(message: &str) -> Option<Cause> {
    if let Some(name) = between(message, "no PriorityClass with name ", " was found") {
        return Some(Cause::new(
            FindingCode::PriorityClassMissing,
            format!("PriorityClass `{name}` does not exist, so no pod can be created"),
            format!("create PriorityClass `{name}`, or correct priorityClassName"),
        ));
    }
    let name = between(message, "RuntimeClass \"", "\" not found")?;
    Some(Cause::new(
        FindingCode::RuntimeClassMissing,
        format!("RuntimeClass `{name}` does not exist, so no pod can be created"),
        format!(
            "create RuntimeClass `{name}`, or correct runtimeClassName (AKS provides kata-vm-isolation only with a node pool for it)"
        ),
    ))
}

/// Classifies a controller that may not create pods (`user/authorizer`).
fn of_permission(message: &str) -> Option<Cause> {
    const PATTERNS: &[&str] = &[
        "cannot create resource \"pods\"",
        "cannot create resource \"replicasets\"",
        "cannot create resource \"persistentvolumeclaims\"",
        "cannot set blockownerdeletion",
    ];
    has_any(message, PATTERNS).then(|| {
        let user = between(message, "User \"", "\"").unwrap_or("of the controller");
        Cause::new(
            FindingCode::ControllerNotPermitted,
            format!("user `{user}` may not create {}", what(message)),
            "restore the cluster's system:controller roles (`kubectl auth reconcile`), or the role the message names",
        )
    })
}

/// Classifies a request above the limit of a pod (`validation.go`, "must be less than or equal to cpu
/// limit of 100m").
///
/// A template with both would have been refused itself: the limit is the default of a LimitRange
/// (kubernetes/kubernetes#112835), seldom that of a mutating webhook.
fn above_default_limit(fields: &str) -> Option<Cause> {
    let (before, limit) = fields.split_once(" limit of ")?;
    let (_, resource) = before.rsplit_once("must be less than or equal to ")?;
    let request = between(before, "Invalid value: \"", "\"")?;
    let limit = limit.split([',', ']', ' ']).next().unwrap_or(limit);
    Some(Cause::new(
        FindingCode::LimitRangeViolated,
        format!(
            "the pods request {resource} {request}, above their {resource} limit {limit}, which is a LimitRange's default because the pod template sets no {resource} limit"
        ),
        format!(
            "set limits.{resource} in the pod template to at least {request}, or raise the default of the namespace's LimitRange (`kubectl describe limitrange`)"
        ),
    ))
}

/// Classifies an invalid pod (apimachinery `NewInvalid`): often a mutating webhook set the value,
/// so that the template does not show it.
fn of_validation(message: &str) -> Option<Cause> {
    let (_, fields) = message.split_once("\" is invalid: ")?;
    let of_pod = message.contains("Pod \"");
    if let Some(meaning) = above_default_limit(fields).filter(|_| of_pod) {
        return Some(meaning);
    }
    Some(Cause::new(
        FindingCode::InvalidPod,
        format!(
            "the API server rejects {} as invalid: {}",
            what(message),
            clipped(fields, 300)
        ),
        "correct the field that the message names; if the template does not set it, a mutating webhook does",
    ))
}
