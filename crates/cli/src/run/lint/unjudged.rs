//! Calls that judged nothing by mistake: a green step would hide that.

use rollguard_lint::Report;

/// Kinds with a pod template whose names are long enough that a slip can be told from another kind.
const KINDS: [&str; 7] = [
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "ReplicationController",
    "PodTemplate",
    "CronJob",
];

/// Returns the reason why nothing was judged; `None` where something was, where the problems say it already, and where all
/// that was given are other kinds, such as `ConfigMaps`.
pub(super) fn reason(report: &Report) -> Option<String> {
    let summary = &report.summary;
    if summary.judged > 0 || !report.problems.is_empty() {
        return None;
    }
    let mut slips = summary
        .skipped
        .keys()
        .filter_map(|kind| Some((kind, meant(kind)?)));
    if let Some((kind, meant)) = slips.next() {
        let what = format!("there is no kind `{kind}`; did you mean `{meant}`?");
        return Some(what);
    }
    match (summary.skipped.is_empty(), summary.foreign) {
        (false, _) => None,
        (true, 0) => Some("it holds no Kubernetes object".to_owned()),
        (true, _) => {
            Some("it holds no Kubernetes object: no document has apiVersion and kind".to_owned())
        }
    }
}

/// Returns the kind that a word differs from by a slip.
fn meant(kind: &str) -> Option<&'static str> {
    const LONG: usize = 9;
    KINDS.into_iter().find(|known| {
        // `CronTab` is a kind of its own in many examples.
        let slips = if known.len() < LONG { 1 } else { 2 };
        (1..=slips).contains(&strsim::osa_distance(kind, known))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_in_a_kind_is_told_from_another_kind() {
        let rows = [
            ("Deployement", Some("Deployment")),
            ("deployment", Some("Deployment")),
            ("Statefulset", Some("StatefulSet")),
            ("CronJobs", Some("CronJob")),
            ("Deployment", None),
            ("CronTab", None),
            ("CloneSet", None),
            ("Rollout", None),
            ("ConfigMap", None),
            ("Node", None),
        ];
        for (kind, expected) in rows {
            assert_eq!(meant(kind), expected, "{kind}");
        }
    }
}
