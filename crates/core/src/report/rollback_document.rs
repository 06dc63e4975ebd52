//! The document of `rollback --output json`: what was decided about each workload, what became of it, and the report of the
//! check after it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::words::{self, time};
use super::{Report, RollbackPage, headline, markdown, rollback_markdown, without_markers};
use crate::report::document::NotChecked;
use crate::rollback::{
    BatchOutcome, Change, ChosenBy, Objection, PreflightFinding, RollbackHealth, RollbackPlan,
    Weight, WorkloadOutcome,
};
use crate::workload::{ClusterName, Revision, RevisionId, WorkloadRef, place};

/// The version of the document; it rises when a reader would have to change.
pub const ROLLBACK_SCHEMA_VERSION: u32 = 1;

/// The end of a rollback that came to a decision.
#[derive(Debug, Clone, Copy)]
pub struct RollbackResult<'a> {
    /// What was decided about each workload and what became of it.
    pub page: RollbackPage<'a>,
    /// How the batch ended; `None` for a dry run that nothing prevents.
    pub outcome: Option<BatchOutcome>,
    /// The health afterwards, if it was to be looked at.
    pub health: Option<RollbackHealth>,
    /// The exit code of the process.
    pub exit_code: u8,
    /// Whether the user or the agent asked to stop.
    pub cancelled: bool,
    /// Whether it was only to be tried.
    pub dry_run: bool,
    /// When it began.
    pub started: Timestamp,
    /// The report of the check afterwards.
    pub report: Option<&'a Report>,
}

/// One document on stdout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum RollbackOutput {
    /// The rollback came to a decision.
    Rollback(Box<RollbackDocument>),
    /// It did not.
    NotChecked(NotChecked),
}

/// The outcome of a rollback in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum RollbackWord {
    /// A dry run: nothing prevents it, and nothing was changed.
    Possible,
    /// Every target is in place, and this run restored at least one.
    RolledBack,
    /// Every target was already in place.
    AlreadyRolledBack,
    /// Some targets are in place and some are not, or stuck pods of the bad revision remain.
    PartlyRolledBack,
    /// Nothing was changed, because it would not have been safe.
    Refused,
    /// Nothing was changed, because a newer rollout began.
    Superseded,
    /// Nothing was changed, because the bad rollout became healthy.
    Healed,
    /// Nothing was changed, because the run was cancelled before the first patch.
    Cancelled,
    /// No target is in place, and at least one patch failed.
    Failed,
}

/// A rollback that came to a decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RollbackDocument {
    /// The version of this form; it rises when a reader would have to change.
    pub schema_version: u32,
    /// How it ended.
    pub outcome: RollbackWord,
    /// The exit code of the process; it also says whether what was restored is healthy.
    pub exit_code: u8,
    /// Whether it was only tried: nothing was changed then.
    pub dry_run: bool,
    /// Whether the user or the agent asked to stop; what had begun was brought to its end.
    pub cancelled: bool,
    /// The whole outcome in one sentence.
    pub sentence: String,
    /// The first lines that a person reads, six at most.
    pub headline: Vec<String>,
    /// The cluster.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cluster: Option<ClusterName>,
    /// When the rollback began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// What was to go back.
    pub workloads: Vec<WorkloadRollback>,
    /// The health afterwards, the worst of all workloads; absent if nothing was to be looked at.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub health: Option<RollbackHealth>,
    /// What went wrong, one entry each.
    pub errors: Vec<String>,
    /// The report of the check afterwards, as `check --output json` prints it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub report: Option<Box<Report>>,
}

/// The decision about a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum Decision {
    /// It may go back.
    RollBack,
    /// It is already back.
    InPlace,
    /// It may not go back, and with it none.
    Refused,
    /// It could go back, but another one may not.
    HeldUp,
}

/// One workload of a rollback.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WorkloadRollback {
    /// Which.
    #[serde(flatten)]
    pub workload: WorkloadRef,
    /// What was decided.
    pub decision: Decision,
    /// Why it may not go back; empty unless the decision is `refused`.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub refusals: Vec<RollbackRefusal>,
    /// The revision that goes, if it is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<RevisionId>,
    /// The revision that comes back, with the number that it had before.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub to: Option<RevisionId>,
    /// The number that the restored revision has now, where it was in place already.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub present: Option<Revision>,
    /// The run that had restored it, where it was in place already.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub restored_by: Option<String>,
    /// Which evidence chose the revision.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub chosen_by: Option<ChosenBy>,
    /// When a check last found it healthy.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub good_at: Option<Timestamp>,
    /// What changes for the pods.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub changes: Vec<Change>,
    /// The pods that have to be deleted, as far as known before.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub deletes: Vec<String>,
    /// What the preflight found besides what refuses it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub findings: Vec<PreflightFinding>,
    /// What became of it; absent if nothing was tried.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub outcome: Option<WorkloadOutcome>,
    /// How it is afterwards, if it was looked at.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub health: Option<RollbackHealth>,
}

/// Why a workload may not go back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RollbackRefusal {
    /// Its stable name.
    pub code: String,
    /// In one sentence.
    pub message: String,
    /// What the user can do.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub remedy: Option<String>,
}

impl RollbackResult<'_> {
    /// Returns the document.
    #[must_use]
    pub fn document(&self) -> RollbackDocument {
        let report = self.report.map(|report| {
            let headline = headline(report);
            Box::new(Report {
                headline,
                ..report.clone()
            })
        });
        let headline = self.headline();
        RollbackDocument {
            schema_version: ROLLBACK_SCHEMA_VERSION,
            outcome: self.word(),
            exit_code: self.exit_code,
            dry_run: self.dry_run,
            cancelled: self.cancelled,
            sentence: headline.first().cloned().unwrap_or_default(),
            headline,
            cluster: self.page.cluster.cloned(),
            started: self.started,
            ended: self.page.at,
            workloads: self.workloads(),
            health: self.health,
            errors: self.page.errors.to_vec(),
            report,
        }
    }

    /// Returns the document as JSON that no log parser can take for a command.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        let json = serde_json::to_string_pretty(&self.document())?;
        Ok(without_markers(&json))
    }

    /// Returns the page: the rollback, then the check after it.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let after = self.report.map(markdown);
        let pages = [rollback_markdown(&self.page)].into_iter().chain(after);
        pages.collect::<Vec<_>>().join("\n")
    }

    /// Returns the outcome in one word.
    #[must_use]
    pub fn word(&self) -> RollbackWord {
        match self.outcome {
            None if self.page.batch.plans.is_empty() => RollbackWord::AlreadyRolledBack,
            None => RollbackWord::Possible,
            Some(BatchOutcome::RolledBack) => RollbackWord::RolledBack,
            Some(BatchOutcome::AlreadyRolledBack) => RollbackWord::AlreadyRolledBack,
            Some(BatchOutcome::PartlyRolledBack) => RollbackWord::PartlyRolledBack,
            Some(BatchOutcome::Refused) => RollbackWord::Refused,
            Some(BatchOutcome::Superseded) => RollbackWord::Superseded,
            Some(BatchOutcome::Healed) => RollbackWord::Healed,
            Some(BatchOutcome::NotTried) => RollbackWord::Cancelled,
            Some(BatchOutcome::Failed) => RollbackWord::Failed,
        }
    }

    /// Returns each workload, in the order of their names.
    #[must_use]
    pub fn workloads(&self) -> Vec<WorkloadRollback> {
        let workloads = self.page.batch.workloads().into_iter();
        workloads.map(|it| self.workload(it)).collect()
    }

    fn workload(&self, workload: &WorkloadRef) -> WorkloadRollback {
        let batch = self.page.batch;
        let plan = batch.plans.iter().find(|it| it.workload == *workload);
        let already = batch.already.iter().find(|it| it.workload == *workload);
        let objections = batch.objections.iter();
        let objections = objections.filter(|(it, _)| it == workload);
        let refusals: Vec<RollbackRefusal> =
            objections.map(|(_, it)| RollbackRefusal::of(it)).collect();
        let after = self.report.and_then(|report| {
            let mut after = report.after_rollback.iter();
            after.find(|it| it.workload == *workload)
        });
        let ended = self.page.ended.iter().find(|(it, _)| it == workload);
        WorkloadRollback {
            workload: workload.clone(),
            decision: match (refusals.is_empty(), already) {
                (false, _) => Decision::Refused,
                (true, Some(_)) => Decision::InPlace,
                (true, None) if batch.is_refused() => Decision::HeldUp,
                (true, None) => Decision::RollBack,
            },
            refusals,
            from: plan.map(|it| it.from.clone()),
            to: plan.map(|it| &it.to).or(already.map(|it| &it.to)).cloned(),
            present: already.map(|it| it.present),
            restored_by: already.and_then(|it| it.run.clone()),
            chosen_by: plan.map(|it| it.chosen_by),
            good_at: plan.and_then(|it| it.good_at),
            changes: plan.map(|it| it.changes.clone()).unwrap_or_default(),
            deletes: plan.map(|it| it.stuck.clone()).unwrap_or_default(),
            findings: plan.map(beside_refusals).unwrap_or_default(),
            outcome: ended.map(|(_, ended)| *ended),
            health: after.map(|it| it.health),
        }
    }

    /// Returns the first lines that a person reads, six at most: what became of it and why, where, how it is afterwards,
    /// and what to do.
    #[must_use]
    pub fn headline(&self) -> Vec<String> {
        let mut lines = vec![self.sentence()];
        lines.extend(self.whereabouts());
        if self.cancelled && self.word() != RollbackWord::Cancelled {
            lines.push("The run was cancelled; what had begun was brought to its end.".to_owned());
        }
        match (self.report, self.health) {
            (Some(report), _) => lines.push(format!("Afterwards: {}.", report.sentence)),
            (None, Some(RollbackHealth::Undetermined)) => {
                lines.push("The result was not checked.".to_owned());
            }
            (None, _) => {}
        }
        let errors = self.page.errors.iter();
        let said = |it: &&String| !lines.iter().any(|line| line.contains(it.as_str()));
        let error = errors.filter(|_| !self.page.batch.is_refused()).find(said);
        let error = error.map(|it| format!("Error: {it}."));
        let mut objections = self.page.batch.objections.iter();
        let hint = objections.find_map(|(_, it)| it.hint());
        let hint = hint.map(|it| format!("Hint: {it}."));
        lines.extend(error.into_iter().chain(hint));
        lines.truncate(6);
        lines
    }

    fn sentence(&self) -> String {
        let batch = self.page.batch;
        let (what, revisions) = (self.what(), self.revisions());
        let is = if batch.workloads().len() == 1 {
            "is"
        } else {
            "are"
        };
        let unchanged = |why: &str| format!("not rolled back: {why}; nothing was changed");
        match self.word() {
            RollbackWord::Possible => {
                format!("dry run: {what} can be rolled back{revisions}; nothing was changed")
            }
            RollbackWord::RolledBack => format!("{what} {is} rolled back{revisions}"),
            RollbackWord::AlreadyRolledBack => {
                let places = batch.already.iter();
                let places = places.map(|it| {
                    let revision = words::restored(it.to.revision, Some(it.present));
                    format!("{} is already at {revision}", it.workload)
                });
                let places: Vec<String> = places.collect();
                if places.len() < batch.workloads().len() {
                    format!("{what} {is} already rolled back{revisions}")
                } else {
                    places.join("; ")
                }
            }
            RollbackWord::PartlyRolledBack => format!("{what} {is} only partly rolled back"),
            RollbackWord::Refused | RollbackWord::Superseded | RollbackWord::Healed => {
                // A plan that changed after a person agreed meets no objection.
                match self.page.errors.first() {
                    Some(error) if !batch.is_refused() => error.clone(),
                    _ => unchanged(&batch.why_not()),
                }
            }
            RollbackWord::Cancelled => unchanged("cancelled"),
            RollbackWord::Failed => format!("failed to roll back {what}{revisions}"),
        }
    }

    /// Returns the one workload, or how many there are.
    fn what(&self) -> String {
        let workloads = self.page.batch.workloads();
        match (workloads.len(), workloads.first()) {
            (1, Some(only)) => only.to_string(),
            (many, _) => format!("{many} workloads"),
        }
    }

    /// Returns the revisions of the one workload that has a plan; empty of several.
    fn revisions(&self) -> String {
        match self.page.batch.plans.as_slice() {
            [only] if self.page.batch.workloads().len() == 1 => {
                let (from, to) = (only.from.revision, only.to.revision);
                format!(" from revision {from} to revision {to}")
            }
            _ => String::new(),
        }
    }

    fn whereabouts(&self) -> Option<String> {
        let workloads = self.page.batch.workloads();
        let place = place(&workloads.first()?.namespace, self.page.cluster);
        Some(format!("{} {place}, {}.", self.what(), time(self.page.at)))
    }
}

impl RollbackRefusal {
    fn of(objection: &Objection) -> Self {
        Self {
            code: objection.code(),
            message: objection.message(),
            remedy: objection.hint().map(str::to_owned),
        }
    }
}

fn beside_refusals(plan: &RollbackPlan) -> Vec<PreflightFinding> {
    let findings = plan.findings.iter();
    let findings = findings.filter(|it| it.weight != Weight::Refusal);
    findings.cloned().collect()
}

/// The JSON schema of [`RollbackOutput`], draft 2020-12.
#[cfg(feature = "schema")]
#[must_use]
pub fn rollback_schema() -> serde_json::Value {
    use crate::report::document::{completed, insert};
    let schema = schemars::schema_for!(RollbackOutput).to_value();
    let name = ("rollback", "rollguard rollback --output json");
    let mut schema = completed(schema, name, ROLLBACK_SCHEMA_VERSION);
    let version = "/$defs/RollbackDocument/properties/schemaVersion";
    let known = ROLLBACK_SCHEMA_VERSION.into();
    insert(&mut schema, version, "const", known);
    schema
}
