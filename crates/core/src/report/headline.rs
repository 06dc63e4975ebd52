//! The first lines that a person reads, wherever the report is shown.

use super::{FormerRevision, Proposal, Proposed, Report, WorkloadReport};
use crate::duration::{Human, elapsed};
use crate::finding::{Finding, FindingCode, RollbackHelps};
use crate::rollback::PreflightCode;
use crate::verdict::VerdictKind;
use crate::workload::place;

/// How many lines tell of workloads at most.
const STANDINGS: usize = 2;

/// At most six lines: the outcome with its cause, where it is, what the users get, whether a rollback helps
/// and what it restores. Foreign text in them is not yet neutralised.
#[must_use]
pub fn headline(report: &Report) -> Vec<String> {
    first_block(report, "A rollback (Resume in the stage)")
}

/// The same, where `restorer` is what restores.
pub(super) fn first_block(report: &Report, restorer: &str) -> Vec<String> {
    let mut lines = vec![report.sentence.clone()];
    lines.extend(whereabouts(report));
    lines.extend(standings(report));
    lines.extend(helps(report).or_else(|| in_vain(report)));
    lines.extend(restores(report, restorer));
    lines
}

/// Returns what was checked, where, and for how long.
fn whereabouts(report: &Report) -> Option<String> {
    let first = report.workloads.first()?;
    let what = match report.workloads.as_slice() {
        [only] => only.workload.to_string(),
        many => format!("{} workloads", many.len()),
    };
    let place = place(&first.workload.namespace, report.cluster.as_ref());
    let took = Human(elapsed(report.started, report.ended));
    Some(format!("{what} {place}, checked for {took}."))
}

/// How the workloads stood, those first that went wrong; of many, the first one.
fn standings(report: &Report) -> Vec<String> {
    let workloads = sorted(report);
    let shown = match workloads.len() {
        few @ ..=STANDINGS => few,
        _ => STANDINGS - 1,
    };
    let mut lines: Vec<String> = match workloads.as_slice() {
        [only] => vec![capitalised(&stands(only, &report.findings))],
        many => many
            .iter()
            .take(shown)
            .map(|it| standing(it, &report.findings))
            .collect(),
    };
    let more = workloads.len() - lines.len();
    lines.extend((more > 0).then(|| format!("… and {more} more")));
    lines
}

/// The workloads, those first that went wrong.
pub(super) fn sorted(report: &Report) -> Vec<&WorkloadReport> {
    let mut workloads: Vec<&WorkloadReport> = report.workloads.iter().collect();
    workloads.sort_by_key(|it| it.verdict);
    workloads
}

/// How one of several workloads stood.
pub(super) fn standing(it: &WorkloadReport, findings: &[Finding]) -> String {
    format!("{} ({}): {}", it.workload, it.verdict, stands(it, findings))
}

fn capitalised(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().map(|it| it.to_uppercase().to_string());
    first.unwrap_or_default() + rest.as_str()
}

/// Returns what the users get, if the rollout did not succeed and it is known; else the counts.
fn stands(it: &WorkloadReport, findings: &[Finding]) -> String {
    if !it.workload.kind.has_revisions() {
        return format!("{} of {} completions.", it.available, it.desired);
    }
    let named = it.workload.to_string();
    let mut lost = findings.iter().filter(|it| it.code.keeps_users_away());
    let lost = lost.find(|it| it.workloads.contains(&named));
    if let Some(lost) = lost.filter(|_| it.verdict == VerdictKind::Failed) {
        let why = if lost.code == FindingCode::NoPodListens {
            "they refuse the connections of their Service"
        } else {
            "no Service leads to them"
        };
        return format!(
            "{} of {} replicas are available, but {why}: users are not served.",
            it.available, it.desired
        );
    }
    let known = match it.verdict {
        VerdictKind::Failed | VerdictKind::TimedOut | VerdictKind::Progressing => true,
        VerdictKind::Succeeded | VerdictKind::Undetermined | VerdictKind::Superseded => false,
    };
    // Pods that are ready and answer wrongly serve no one.
    let wrong = it.http.iter().any(|http| http.passed < http.pods);
    let desired = it.desired;
    if !known || wrong || desired == 0 {
        return format!("{} of {desired} replicas are available.", it.available);
    }
    // A Service leads to ready pods, whether or not `minReadySeconds` are over.
    let ready = it.ready.max(it.available);
    let served = match ready {
        ..=0 => return "no pod is ready: users are not served.".to_owned(),
        few if few < desired => "fewer pods than usual serve users",
        _ => "users are served",
    };
    let Some(FormerRevision {
        revision,
        available,
    }) = it.former
    else {
        return format!("{served}: {ready} of {desired} pods are ready.");
    };
    let number = revision.map_or_else(String::new, |it| format!(" {it}"));
    if i64::try_from(available).is_ok_and(|it| it >= i64::from(ready)) {
        return format!("{served}: the old revision{number} has {ready} of {desired} pods ready.");
    }
    format!(
        "{served}: {ready} of {desired} pods are ready, {available} of them of the old revision{number}."
    )
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

/// Returns what a rollback restores, or why there is none.
fn restores(report: &Report, restorer: &str) -> Option<String> {
    match &report.rollback {
        Proposal::None => None,
        Proposal::Refused { why, .. } => Some(format!("No rollback possible: {why}")),
        Proposal::Apply { workloads, .. } if owned_by_helm(workloads).is_some() => {
            let command = owned_by_helm(workloads).unwrap_or_default();
            let what = match workloads.as_slice() {
                [only] => format!(
                    "revision {} in place of {}",
                    only.target.revision, only.from.revision
                ),
                many => format!("all {} workloads that are named below", many.len()),
            };
            Some(format!(
                "Helm owns it: go back there with `{command}` instead, or {} forces {what} here, against Helm's record.",
                lower(restorer)
            ))
        }
        Proposal::Apply { workloads, .. } => Some(match workloads.as_slice() {
            [only] => {
                let (from, to) = (only.from.revision, only.target.revision);
                let why = only.evidence(report.ended);
                format!("{restorer} restores revision {to} in place of {from}: {why}.")
            }
            many => format!(
                "{restorer} restores all {} workloads that are named below, or none of them.",
                many.len()
            ),
        }),
    }
}

/// Returns Helm's own command, if Helm owns one of the workloads.
fn owned_by_helm(workloads: &[Proposed]) -> Option<String> {
    let findings = workloads.iter().flat_map(|it| &it.findings);
    let mut of_helm = findings.filter(|it| it.code == PreflightCode::OwnedByHelm);
    let command = of_helm.next()?.command.as_deref();
    Some(command.unwrap_or("helm rollback").to_owned())
}

/// `A rollback` within a sentence; a name such as `Resume` stays.
fn lower(text: &str) -> String {
    text.replacen("A rollback", "a rollback", 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::HttpReport;
    use crate::workload::{Revision, WorkloadKind, WorkloadRef};

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
            former: None,
            http: Vec::new(),
            serving: None,
            new_lines: Vec::new(),
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
        let former = |available, it: WorkloadReport| WorkloadReport {
            former: Some(FormerRevision {
                revision: Some(Revision(4)),
                available,
            }),
            ..it
        };
        let rows = [
            (
                "all are there",
                failed(3, 3),
                "users are served: 3 of 3 pods are ready.",
            ),
            (
                "the old revision serves alone",
                former(3, failed(3, 3)),
                "users are served: the old revision 4 has 3 of 3 pods ready.",
            ),
            (
                "both revisions serve",
                former(2, failed(3, 3)),
                "users are served: 3 of 3 pods are ready, 2 of them of the old revision 4.",
            ),
            (
                "some of the old one are left",
                former(2, failed(2, 2)),
                "fewer pods than usual serve users: the old revision 4 has 2 of 3 pods ready.",
            ),
            (
                "some are there",
                failed(2, 2),
                "fewer pods than usual serve users: 2 of 3 pods are ready.",
            ),
            (
                "none is there",
                failed(0, 0),
                "no pod is ready: users are not served.",
            ),
            (
                "ready, and minReadySeconds are not over",
                failed(3, 0),
                "users are served: 3 of 3 pods are ready.",
            ),
            (
                "ready, and the answers are wrong",
                wrong,
                "3 of 3 replicas are available.",
            ),
            (
                "lost from sight",
                workload(VerdictKind::Undetermined, 0, 0),
                "0 of 3 replicas are available.",
            ),
            (
                "healthy",
                workload(VerdictKind::Succeeded, 3, 3),
                "3 of 3 replicas are available.",
            ),
        ];
        for (name, it, expected) in rows {
            assert_eq!(stands(&it, &[]), expected, "{name}");
        }
    }
}
