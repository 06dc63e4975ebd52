//! Thresholds that can be set, those that are fixed, and where patience was chosen.

use rollguard_core::finding::FindingCode;
use rollguard_core::policy::{Policy, Rule};

use super::{circumstances, code, happened, lasted, table, time};

/// The thresholds that are not of one code. A new field of [`Policy`] must be named here, or this
/// does not compile.
pub(super) fn render(policy: &Policy) -> String {
    let Policy {
        timeout,
        stable_for,
        blind_limit,
        reminder,
        readiness_grace,
        graces,
        http,
        traffic,
        http_interval,
        patience,
        shown_after,
    } = policy;
    let rows = [
        row("timeout", "--timeout", time(*timeout), TIMEOUT),
        row("stable for", "--stable-for", time(*stable_for), STABLE),
        row("blind limit", "", time(*blind_limit), BLIND),
        row("reminder", "", time(*reminder), REMINDER),
        row(
            "readiness grace",
            "--grace ReadinessFailing=…",
            time(*readiness_grace),
            READINESS,
        ),
        row("graces", "--grace CODE=…", count(graces.len()), GRACES),
        row("HTTP checks", "--http", count(http.len()), HTTP),
        row("traffic", "--no-traffic", followed(*traffic), TRAFFIC),
        row("HTTP interval", "", time(*http_interval), HTTP_INTERVAL),
    ];
    let head = ["threshold", "set by", "default", "why"];
    [
        "## Thresholds\n\n",
        &table(head, rows),
        CIRCUMSTANCES,
        &circumstances::render(patience, shown_after),
    ]
    .concat()
}

const CIRCUMSTANCES: &str = "
Some circumstances have thresholds of their own, and a finding that decides nothing is shown only once it has lasted:

";

const TIMEOUT: &str = "the latest time of a verdict";
const STABLE: &str = "how long a rollout must have been complete, counted from its pods' own Ready times: a process that crashes at its first real request has crashed by then; longer where no pod has yet outlived the time in which its liveness probe would have killed it";
const BLIND: &str = "how long the API server may be unreachable before the verdict is undetermined: an AKS control plane fails over in a few seconds";
const REMINDER: &str = "a line is printed after this long without news";
const READINESS: &str = "raised to three times the probe's own budget, and to twice the time that the former revision's pods took: a warm-up without a startupProbe looks the same";
const GRACES: &str = "how long one cause must have lasted, instead of the value below for its code";
const HTTP: &str = "HTTP checks of each new pod; without one, a pod only has to be ready";
const TRAFFIC: &str = "whether a complete rollout is followed on to the users: a check does so, and a look at a single moment does not";
const HTTP_INTERVAL: &str = "a pod that did not answer as expected is asked again";

/// A check follows the traffic unless an option says not to.
fn followed(by_default: bool) -> String {
    if by_default { "always" } else { "in a check" }.to_owned()
}

fn count(entries: usize) -> String {
    if entries == 0 {
        "none".to_owned()
    } else {
        entries.to_string()
    }
}

fn row(name: &str, flag: &str, default: String, why: &str) -> [String; 4] {
    [name.to_owned(), code(flag), default, why.to_owned()]
}

/// Where a verdict cannot be both early and right.
pub(super) fn patience(policy: &Policy) -> String {
    let rows = PATIENT.iter().map(|&(finding, heals)| {
        [
            code(finding.as_str()),
            policy.rule(finding).map_or_else(String::new, waits),
            heals.to_owned(),
            policy.why(finding).to_owned(),
        ]
    });
    let head = [
        "code",
        "waits",
        "what heals and looks the same",
        "why so long",
    ];
    [PATIENCE, &table(head, rows), &circumstances::moves(policy)].concat()
}

const PATIENCE: &str = "\n## Patience instead of seconds

These causes could be reported seconds or minutes earlier, and the report would sometimes be wrong. A false alarm may undo a release that was about to become healthy, so each value is at least twice the longest healing known, whose source is in the table of all codes. If you know that it does not heal in your cluster, set `--grace`.

";

/// How long, and how often where once is not enough: `30s, 4 times`.
fn waits(rule: Rule) -> String {
    if rule.attempts > 1 {
        format!("{}, {}", lasted(rule), happened(rule))
    } else {
        lasted(rule)
    }
}

/// The causes for which being right costs time.
const PATIENT: &[(FindingCode, &str)] = &[
    (
        FindingCode::ReadinessFailing,
        "an application that loads its caches, or waits for a dependency, before it reports ready",
    ),
    (
        FindingCode::ConfigKeyMissing,
        "a key that the same pipeline adds right after the workload",
    ),
    (
        FindingCode::ConfigObjectMissing,
        "an object that the same pipeline, External Secrets or a CSI volume creates right after the workload",
    ),
    (
        FindingCode::ServiceAccountMissing,
        "a ServiceAccount that is applied after the workload, or `default` in a new namespace",
    ),
    (
        FindingCode::CrashAtStart,
        "an application that exits until its database is up",
    ),
    (
        FindingCode::CrashAfterReady,
        "an application that lost a connection and exits until it is restored",
    ),
    (
        FindingCode::LivenessKillsAgain,
        "an application whose liveness probe tests a dependency that is down for a while",
    ),
    (
        FindingCode::ImagePullDenied,
        "a role assignment or token that the registry does not know yet",
    ),
    (
        FindingCode::ImageNotFound,
        "a tag that another region of the registry does not have yet",
    ),
    (
        FindingCode::Unschedulable,
        "resources that old pods are about to free, or a node that is about to join",
    ),
    (
        FindingCode::NoNodeMatches,
        "a node pool that an autoscaler has to grow from zero, which it announces within its next scan",
    ),
    (
        FindingCode::ClaimMissing,
        "a claim that the same pipeline creates right after the workload",
    ),
    (
        FindingCode::PriorityClassMissing,
        "a class that the same pipeline creates right after the workload",
    ),
    (
        FindingCode::HttpCheckFailing,
        "an application that reports ready, and then fills its caches or looks for its peers",
    ),
    (
        FindingCode::StatefulSetStuck,
        "a pod of the former revision that becomes ready after all, so that the rollout continues",
    ),
    (
        FindingCode::QuotaExceeded,
        "a quota that terminating old pods free, which the controller notices only at its next try",
    ),
    (
        FindingCode::VolumeNotMounted,
        "a disk that another node still holds",
    ),
];

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rollguard_core::http::HttpCheck;

    use super::*;

    #[test]
    fn every_threshold_is_in_the_table_with_its_value() {
        let check = HttpCheck::parse("/health").unwrap();
        let policy = Policy {
            timeout: Duration::from_secs(101),
            stable_for: Duration::from_secs(102),
            blind_limit: Duration::from_secs(103),
            reminder: Duration::from_secs(104),
            readiness_grace: Duration::from_secs(105),
            graces: [(FindingCode::Paused, Duration::from_secs(1))].into(),
            http: vec![check.clone(), check],
            http_interval: Duration::from_secs(106),
            ..Policy::default()
        };
        let text = render(&policy);
        let rows = [
            "timeout` | 1m41s",
            "stable-for` | 1m42s",
            "blind limit |  | 1m43s",
            "reminder |  | 1m44s",
            "ReadinessFailing=…` | 1m45s",
            "CODE=…` | 1 |",
            "http` | 2 |",
            "HTTP interval |  | 1m46s",
        ];
        for row in rows {
            assert!(text.contains(row), "{row} in {text}");
        }
    }

    #[test]
    fn who_waits_says_for_how_long_and_why() {
        let policy = Policy::default();
        for &(finding, heals) in PATIENT {
            assert!(
                policy.rule(finding).is_some(),
                "{finding} waits for nothing"
            );
            assert!(!heals.is_empty() && !policy.why(finding).is_empty());
        }
    }
}
