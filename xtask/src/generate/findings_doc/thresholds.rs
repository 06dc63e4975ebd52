//! What can be set, what is fixed, and where patience was chosen.

use std::time::Duration;

use rollguard_core::duration::Human;
use rollguard_core::finding::FindingCode;
use rollguard_core::policy::{Policy, Rule};

use super::{code, happened, lasted, table};

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
        http_interval,
        scale_up_grace,
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
        row(
            "scale-up grace",
            "--grace Unschedulable=…",
            time(*scale_up_grace),
            SCALE_UP,
        ),
        row("graces", "--grace CODE=…", count(graces.len()), GRACES),
        row("HTTP checks", "--http", count(http.len()), HTTP),
        row("HTTP interval", "", time(*http_interval), HTTP_INTERVAL),
    ];
    let head = ["threshold", "set by", "default", "why"];
    "## Thresholds\n\n".to_owned() + &table(head, rows)
}

const TIMEOUT: &str = "a verdict is reached by then; the stage's default is 1m";
const STABLE: &str = "a complete rollout must have been so for this long, counted from its pods' own Ready times: a process that dies of its first real request has done so by then";
const BLIND: &str = "how long the API server may be out of reach before the verdict is undetermined: an AKS control plane fails over in a few seconds";
const REMINDER: &str = "a word after so long without news";
const READINESS: &str = "raised to three times the probe's own budget, and to twice the time that the former revision's pods took: a warm-up without a startupProbe looks just the same";
const SCALE_UP: &str = "once the cluster autoscaler said that it adds a node: an AKS node takes 2 to 5 minutes to join";
const GRACES: &str =
    "how long one cause must have lasted, instead of what stands below for its code";
const HTTP: &str =
    "what each new pod must answer; without a check, being ready is all that is asked of a pod";
const HTTP_INTERVAL: &str = "a pod that did not answer as expected is asked again";

fn time(value: Duration) -> String {
    Human(value).to_string()
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
    [PATIENCE, &table(head, rows), MOVES].concat()
}

const PATIENCE: &str = "\n## Patience instead of seconds

These could be told seconds or minutes earlier, and would then be wrong now and then. A false alarm may \
undo a release that was about to be well, so the longest time in which the cause heals in practice was \
chosen. Whoever knows that it does not heal in their cluster says so with `--grace`.

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
        "an application that loads its caches, or waits for a dependency, before it says that it is ready",
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
        "an application that waits for its database by ending until it is there",
    ),
    (
        FindingCode::CrashAfterReady,
        "an application that lost a connection and ends until it has it back",
    ),
    (
        FindingCode::ImagePullDenied,
        "a role assignment or a token that the registry does not know yet",
    ),
    (
        FindingCode::ImageNotFound,
        "a tag that another region of the registry does not have yet",
    ),
    (
        FindingCode::Unschedulable,
        "room that old pods are about to free, or a node that is about to join",
    ),
    (
        FindingCode::QuotaExceeded,
        "a quota that the old pods' end frees, which the controller notices only with its next try",
    ),
    (
        FindingCode::VolumeNotMounted,
        "a disk that another node still holds",
    ),
];

const MOVES: &str = "
What a snapshot shows beside the cause moves the time:

- `ReadinessFailing`: an application that answers 404 is up, and its path is not there: 2m, or three times \
the probe's own budget where that is longer.
- `ConfigKeyMissing`: as soon as a look of the kubelet at least 10s after the first has failed as well, \
10s are enough.
- `CrashAtStart`, `CrashAfterReady`: never while a new instance runs, which deserves to be seen to its end.
- `Unschedulable`, `VolumeExcludesNodes`, `NoNodeMatches`: the scale-up grace once an autoscaler promised a \
node or tries again after a failure, or where events may not be read; at least 5m while nodes are cordoned \
or not ready, and at least 2m while taints exclude nodes; at most 1m once the autoscaler said that it adds \
none. But for `NoNodeMatches`, never while an old pod is about to end.
- `QuotaExceeded`: never while this rollout may still free some; once a pod has gone, until twice the time \
has passed that the refusal was old by then, and 5s, for that is when the controller tries again.
- `VolumeNotMounted` and its like: the newest failure counts, not the time since the first one, so that \
what was mended in between is not held against the pod.
- `LivenessKillsStart`, `StartupProbeExhausted`: never for a pod that had been ready.
";

#[cfg(test)]
mod tests {
    use super::*;
    use rollguard_core::http::HttpCheck;

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
            scale_up_grace: Duration::from_secs(107),
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
            "Unschedulable=…` | 1m47s",
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
