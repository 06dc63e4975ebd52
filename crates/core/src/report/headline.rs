//! The first lines that a person reads, wherever the report is shown.

use super::{Proposal, Report, WorkloadReport};
use crate::duration::{Human, elapsed};
use crate::finding::RollbackHelps;
use crate::verdict::VerdictKind;

/// How many workloads are told of at most.
const STANDINGS: usize = 2;

/// At most six lines: the outcome with its cause, what the users get, whether a rollback helps and what
/// it restores. Foreign text in them is not yet neutralised.
#[must_use]
pub fn headline(report: &Report) -> Vec<String> {
    let mut lines = vec![report.sentence.clone()];
    lines.extend(standings(report, STANDINGS));
    lines.extend(helps(report));
    lines.extend(restores(report));
    lines
}

/// How the workloads stood, those first that went wrong; of many, the first few.
pub(super) fn standings(report: &Report, most: usize) -> Vec<String> {
    let mut workloads: Vec<&WorkloadReport> = report.workloads.iter().collect();
    workloads.sort_by_key(|it| it.verdict);
    let took = Human(elapsed(report.started, report.ended));
    let mut lines: Vec<String> = workloads
        .iter()
        .take(most)
        .map(|it| {
            let verdict = match workloads.as_slice() {
                [_] => String::new(),
                _ => format!("{}, ", it.verdict),
            };
            format!(
                "{} in namespace {}: {verdict}{} of {} replicas available{}; checked for {took}.",
                it.workload,
                it.workload.namespace,
                it.available,
                it.desired,
                served(it)
            )
        })
        .collect();
    let more = workloads.len() - lines.len();
    lines.extend((more > 0).then(|| format!("… and {more} more")));
    lines
}

/// Returns what that means for the users, if the rollout did not succeed and it is known.
fn served(it: &WorkloadReport) -> &'static str {
    let known = match it.verdict {
        VerdictKind::Failed | VerdictKind::TimedOut | VerdictKind::Progressing => true,
        VerdictKind::Succeeded | VerdictKind::Undetermined | VerdictKind::Superseded => false,
    };
    // Pods that are ready and answer wrongly serve no one.
    let wrong = it.http.iter().any(|http| http.passed < http.pods);
    if !known || wrong || it.desired == 0 {
        return "";
    }
    // A Service leads to ready pods, whether or not `minReadySeconds` are over.
    match it.ready.max(it.available) {
        ..=0 => ", so users are not served",
        ready if ready < it.desired => ", so fewer pods than usual serve users",
        _ => ", so users are still served",
    }
}

/// Returns whether a rollback helps with the first cause.
pub(super) fn helps(report: &Report) -> Option<String> {
    // What came back fails as well: whatever helps now is not another rollback.
    let offers = report.offers_rollback && report.after_rollback.is_empty();
    if let Some(cause) = report.findings.first() {
        let words = cause.rollback_helps.words();
        return offers.then(|| {
            format!(
                "A rollback {words} with this cause: {}.",
                cause.rollback_why
            )
        });
    }
    let waits = report
        .workloads
        .iter()
        .find_map(|it| it.standstill.as_ref());
    match report.rollback {
        Proposal::None | Proposal::Refused { .. } => None,
        Proposal::Apply { .. } => {
            let why = waits.map_or("no cause was found", |it| it.message.as_str());
            Some(format!("A rollback may help: {why}."))
        }
    }
}

/// The step at which the time ran out, if a rollback does not take it either.
pub(super) fn in_vain(report: &Report) -> Option<String> {
    let waits = report
        .workloads
        .iter()
        .find_map(|it| it.standstill.as_ref());
    waits
        .filter(|_| report.verdict == VerdictKind::TimedOut)
        .filter(|it| !report.offers_rollback && it.rollback_helps == RollbackHelps::No)
        .map(|it| format!("A rollback does not help: {}.", it.message))
}

/// Returns what a rollback would restore, or why there is none.
fn restores(report: &Report) -> Option<String> {
    match &report.rollback {
        Proposal::None => None,
        Proposal::Refused { why, .. } => Some(format!("No rollback possible: {why}")),
        Proposal::Apply { workloads, .. } => Some(match workloads.as_slice() {
            [only] => {
                let (from, to) = (only.from.revision, only.target.revision);
                let why = only.evidence(report.ended);
                format!("It would restore revision {to} in place of {from}: {why}.")
            }
            many => format!("It would restore {} workloads, named below.", many.len()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::HttpReport;
    use crate::workload::{WorkloadKind, WorkloadRef};

    fn workload(verdict: VerdictKind, ready: i32, available: i32) -> WorkloadReport {
        WorkloadReport {
            workload: WorkloadRef {
                kind: WorkloadKind::Deployment,
                namespace: "shop".to_owned(),
                name: "web".to_owned(),
            },
            verdict,
            revision: None,
            pending: None,
            pending_since: None,
            standstill: None,
            desired: 3,
            updated: 1,
            ready,
            available,
            http: Vec::new(),
            followed: Vec::new(),
        }
    }

    #[test]
    fn users_are_spoken_of_only_where_it_is_known() {
        let failed = |ready, available| workload(VerdictKind::Failed, ready, available);
        let mut wrong = failed(3, 3);
        wrong.http = vec![HttpReport {
            check: "/healthz".to_owned(),
            port: None,
            passed: 0,
            pods: 3,
            slowest_milliseconds: None,
        }];
        let rows = [
            ("all are there", failed(3, 3), ", so users are still served"),
            (
                "some are there",
                failed(2, 2),
                ", so fewer pods than usual serve users",
            ),
            ("none is there", failed(0, 0), ", so users are not served"),
            (
                "ready, and minReadySeconds are not over",
                failed(3, 0),
                ", so users are still served",
            ),
            ("ready, and the answers are wrong", wrong, ""),
            (
                "lost from sight",
                workload(VerdictKind::Undetermined, 0, 0),
                "",
            ),
            ("healthy", workload(VerdictKind::Succeeded, 3, 3), ""),
        ];
        for (name, it, expected) in rows {
            assert_eq!(served(&it), expected, "{name}");
        }
    }
}
