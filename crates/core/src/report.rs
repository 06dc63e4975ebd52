//! Renders events while they happen and one report at the end.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::finding::{Evidence, Finding};
use crate::foreign_text::visible;
use crate::observation::Blindness;
use crate::rollback::{Helps, RollbackHealth, RollbackPlan, Templates, helps};
use crate::session::{Session, Suspect, TimelineEntry, TrackedWorkload};
use crate::traffic::TrafficKind;
use crate::verdict::{Pending, Supersession, Undetermined, Verdict, VerdictKind};
use crate::workload::ClusterName;
use crate::workload::WorkloadRef;

mod deciding_line;
pub mod document;
mod event_log;
mod explanation;
mod headline;
mod history_document;
mod json;
mod junit;
mod line;
mod log_sources;
mod many;
mod markdown;
mod new_lines;
mod not_checked;
mod proposal;
mod rollback_document;
mod rollback_health;
mod sentence;
mod summary;
#[cfg(test)]
mod tests;
mod text;
mod text_execution;
mod text_history;
mod text_preparation;
mod text_rollback;
mod words;
mod workload;
mod xml;

pub use event_log::EventLog;
pub use explanation::{
    EXPLANATION_SCHEMA_VERSION, ExplainedCode, Explanation, ExplanationDocument, happened, lasted,
};
pub use headline::headline;
pub use history_document::{
    HISTORY_SCHEMA_VERSION, HistoryDocument, KnownGoodEntry, RevisionEntry, RollbackEntry,
};
pub use json::{parse_approval, to_json, without_markers};
pub use junit::{
    TestCase, TestProblem, TestResult, TestSuite, check_junit, not_checked_junit, rollback_junit,
};
pub use line::{Line, Span, Style};
pub use log_sources::{EarlyLog, LogSource, early_line, early_logs, log_sources};
use log_sources::{log_tail, quoted};
pub use markdown::{
    RollbackPage, cell as markdown_cell, markdown, not_checked_markdown, rollback_markdown,
};
pub(crate) use markdown::{code, fence, prose};
pub use new_lines::{COMPARED_PODS, ComparedLog, ErrorLines, NewLine, compared_logs};
pub use not_checked::{Aim, Purpose, not_checked_lines};
pub use proposal::{Proposal, Proposed};
#[cfg(feature = "schema")]
pub use rollback_document::rollback_schema;
pub use rollback_document::{
    Decision, ROLLBACK_SCHEMA_VERSION, RollbackDocument, RollbackOutput, RollbackRefusal,
    RollbackResult, RollbackWord, WorkloadRollback,
};
pub use rollback_health::{AfterRollback, OtherImage};
pub use sentence::sentence;
pub use summary::summary;
pub use text::{Section, event_lines, finding_lines, report_lines, report_sections, style_of};
pub use text_execution::{
    cancelled_line, conclusion_lines, execution_lines, failure_lines, hint_line,
};
pub use text_history::history_lines;
pub use text_preparation::preparation_lines;
pub use text_rollback::{batch_lines, dry_run_line, objection_lines};
pub use workload::{FormerRevision, HttpReport, WorkloadReport};
pub use xml::xml_attribute;

/// The version of the JSON report; it rises when a reader would have to change.
pub const SCHEMA_VERSION: u32 = 2;

/// What a rollback leaves as it is; an approver must know.
pub(crate) const NOT_RESTORED: &str = "ConfigMaps, Secrets, database schemas, replicas";

/// The whole outcome of a check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The word for the verdict.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub verdict: VerdictKind,
    /// The whole outcome in one sentence.
    pub sentence: String,
    /// The first lines that a person reads, six at most; written when the report is.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub headline: Vec<String>,
    /// The cluster; none in a replay.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cluster: Option<ClusterName>,
    /// When the check began.
    pub started: Timestamp,
    /// When the verdict was reached.
    pub ended: Timestamp,
    /// What was checked.
    pub workloads: Vec<WorkloadReport>,
    /// Causes or suspects first, then what else was noticed.
    pub findings: Vec<Finding>,
    /// Every cause that was seen and could decide, the first one first: also those that have gone.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub suspects: Vec<Suspect>,
    /// What was pending at the end, where something was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pending: Option<Pending>,
    /// What took the rollout's place, where that is the verdict.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub superseded: Option<Supersession>,
    /// Why nothing can be said, where that is the verdict.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub undetermined: Option<Undetermined>,
    /// What could not be seen.
    pub blind_spots: Vec<String>,
    /// What happened.
    pub timeline: Vec<TimelineEntry>,
    /// Whether the verdict offers a rollback; what is proposed then stands in `rollback`.
    pub offers_rollback: bool,
    /// What is proposed.
    pub rollback: Proposal,
    /// Where this was a check after a rollback: what became of that.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub after_rollback: Vec<AfterRollback>,
}

impl Report {
    /// The outcome of a session whose verdict was reached at `ended`.
    #[must_use]
    pub fn new(session: &Session, verdict: &Verdict, ended: Timestamp) -> Self {
        let decisive = verdict.findings();
        let others = session.findings().into_iter();
        let others = others.filter(|it| !decisive.iter().any(|known| known.code == it.code));
        let workloads: Vec<WorkloadReport> = session
            .workloads()
            .iter()
            .map(|tracked| WorkloadReport::of(session, tracked))
            .collect();
        Self {
            schema_version: SCHEMA_VERSION,
            verdict: verdict.kind(),
            sentence: workload::sentence_of(session, verdict),
            headline: Vec::new(),
            cluster: None,
            started: session.started(),
            ended,
            workloads,
            findings: with_nodes(session, decisive.iter().cloned().chain(others)),
            suspects: session.suspects(),
            pending: verdict.pending().cloned(),
            superseded: match verdict {
                Verdict::Superseded { by } => Some(by.clone()),
                Verdict::Progressing { .. }
                | Verdict::Succeeded
                | Verdict::Failed { .. }
                | Verdict::TimedOut { .. }
                | Verdict::Undetermined { .. } => None,
            },
            undetermined: match verdict {
                Verdict::Undetermined { why } => Some(why.clone()),
                Verdict::Progressing { .. }
                | Verdict::Succeeded
                | Verdict::Failed { .. }
                | Verdict::TimedOut { .. }
                | Verdict::Superseded { .. } => None,
            },
            blind_spots: blind_spots(session),
            timeline: timeline_of(session, verdict, ended),
            offers_rollback: verdict.offers_rollback()
                && session
                    .workloads()
                    .iter()
                    .any(TrackedWorkload::offers_rollback),
            rollback: Proposal::None,
            after_rollback: rollback_health::after_rollback(session),
        }
    }

    /// Returns what became of the rollback after which this was a check, the worst of all workloads.
    #[must_use]
    pub fn rollback_health(&self) -> Option<RollbackHealth> {
        self.after_rollback.iter().map(|it| it.health).max()
    }

    /// Adds to each finding whether the planned rollback helps with it: the plan knows what would
    /// change.
    pub fn weigh_rollback(&mut self, plans: &[RollbackPlan]) {
        for finding in &mut self.findings {
            let of = |plan: &&RollbackPlan| finding.workloads.contains(&plan.workload.to_string());
            let Some(plan) = plans.iter().find(of) else {
                continue;
            };
            let templates = Templates {
                bad: &plan.template_change.judged,
                target: plan.target_template(),
            };
            let Helps { helps, why } = helps(finding, templates);
            finding.rollback_helps = helps;
            finding.rollback_why = why;
        }
    }

    /// Returns whether nothing can be said because the API server was lost.
    #[must_use]
    pub const fn lost_connection(&self) -> bool {
        matches!(
            self.undetermined,
            Some(Undetermined::Blind {
                why: Blindness::Disconnected { .. },
                ..
            })
        )
    }

    /// Adds why the API server was lost, as it is known from outside of the cluster. The verdict stays the same.
    pub fn add_outage(&mut self, outage: &str) {
        let outage = visible(outage).replace('\n', " ");
        self.sentence = format!("{}; {outage}", self.sentence);
        if let Some(Undetermined::Blind {
            why: Blindness::Disconnected { message },
            ..
        }) = &mut self.undetermined
        {
            *message = format!("{message}; {outage}");
        }
    }

    /// Adds what the shell fetched for a finding after the verdict.
    pub fn add_evidence(&mut self, finding: usize, evidence: Vec<Evidence>) {
        if let Some(finding) = self.findings.get_mut(finding) {
            finding.evidence.extend(evidence);
        }
    }

    /// Adds the error-like lines that only the new pods of a workload logged. They decide nothing.
    pub fn add_new_lines(&mut self, workload: &WorkloadRef, lines: Vec<NewLine>) {
        let mut workloads = self.workloads.iter_mut();
        if let Some(of) = workloads.find(|it| it.workload == *workload) {
            of.new_lines = lines;
        }
    }

    /// Adds the log lines of a finding's container, and the one that says most to the finding's
    /// sentence and the report's.
    pub fn add_logs(&mut self, finding: usize, logs: &[Evidence]) {
        let Some(finding) = self.findings.get_mut(finding) else {
            return;
        };
        if let Some(line) = quoted(finding.code, logs) {
            let message = format!("{}; its log says \"{line}\"", finding.message);
            self.sentence = self.sentence.replacen(&finding.message, &message, 1);
            finding.message = message;
            finding.deciding_line = Some(line);
        }
        for log in logs {
            let tail = log_tail(&log.text);
            // While a container waits to be restarted, both instances are the same.
            if !finding.evidence.iter().any(|it| it.text == tail) {
                finding.evidence.push(Evidence::new(log.kind, tail));
            }
        }
    }
}

/// Adds the nodes of the pods that the findings name.
fn with_nodes(session: &Session, findings: impl Iterator<Item = Finding>) -> Vec<Finding> {
    let workloads = session.workloads().iter();
    let rollouts = workloads.filter_map(|it| session.snapshot().rollout(it.workload()));
    let pods = rollouts.flat_map(|it| [it.new_pods(), it.old_pods(), it.ended_pods()]);
    let nodes: BTreeMap<&str, &str> = pods
        .flatten()
        .filter_map(|pod| Some((pod.name(), pod.node()?)))
        .collect();
    findings
        .map(|finding| {
            let is_pod = finding.subject.kind == "Pod";
            let node = nodes.get(finding.subject.name.as_str());
            let node = node.filter(|_| is_pod).map(|it| (*it).to_owned());
            Finding { node, ..finding }
        })
        .collect()
}

/// Returns what could not be seen, liveness probes that a success did not wait for included.
fn blind_spots(session: &Session) -> Vec<String> {
    let resources = session.blind_spots().map(|(_, why)| why);
    let resources = resources.chain(traffic_unseen(session));
    let healthy = session.workloads().iter();
    let healthy = healthy.filter_map(|it| Some((it.workload(), it.stability()?)));
    let probes = healthy.flat_map(|(workload, stability)| {
        let unproven = stability.unproven.iter();
        unproven.map(move |probe| format!("whether {workload} passes its liveness probe ({probe})"))
    });
    resources.chain(probes).collect()
}

/// Returns what is not known of the ways of users to complete rollouts.
fn traffic_unseen(session: &Session) -> Vec<String> {
    let rollouts = session.workloads().iter().filter(|it| it.has_revisions());
    let mut complete = rollouts.filter(|it| it.is_complete());
    if !session.policy().traffic || complete.clone().next().is_none() {
        return Vec::new();
    }
    if let Some((_, objects)) = session.snapshot().traffic() {
        let unseen = objects.unseen.iter();
        return unseen
            .map(|it| format!("{} ({})", it.without, it.why))
            .collect();
    }
    let green = |it: &TrackedWorkload| *it.verdict() == Verdict::Succeeded;
    let unanswered = complete.any(|it| green(it) && !it.is_traffic_known());
    let without = TrafficKind::Service.without();
    let line = format!("{without}: the API server did not list them in time");
    unanswered.then_some(line).into_iter().collect()
}

fn timeline_of(session: &Session, verdict: &Verdict, ended: Timestamp) -> Vec<TimelineEntry> {
    let last = TimelineEntry {
        at: ended,
        text: verdict.word().to_owned(),
    };
    session.timeline().iter().cloned().chain([last]).collect()
}
