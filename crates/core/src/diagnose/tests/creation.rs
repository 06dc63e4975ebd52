//! Pods that the API server refuses.

use super::*;

const QUOTA: &str = "pods \"web-v2-x\" is forbidden: exceeded quota: small, requested: limits.cpu=2, \
                     used: limits.cpu=7, limited: limits.cpu=8";

pub(super) fn rows() -> Vec<Row> {
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
