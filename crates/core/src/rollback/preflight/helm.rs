//! Finds the command with which Helm itself goes back, for a workload that Helm installed.
//!
//! Helm keeps each revision of a release in a Secret `sh.helm.release.v1.NAME.vN` with the labels `name`,
//! `owner`, `status` and `version` (helm `pkg/storage/driver/secrets.go`, `newSecretsObject`). Its labels
//! say all that is needed; its value, the whole chart, is never read.

use serde_json::Value;

use super::finding::PreflightCode;
use super::{Answers, Lookup, owner};
use crate::history::History;
use crate::rollback::RollbackPlan;
use crate::workload::raw::annotation;

/// A release of Helm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelmRelease {
    /// Its name.
    pub name: String,
    /// The namespace that it was installed in.
    pub namespace: String,
}

/// One revision of a release, as the labels of its Secret say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelmRevision {
    /// Its number.
    pub version: u32,
    /// `deployed`, `superseded`, `failed`, `pending-upgrade` …
    pub status: String,
}

impl HelmRelease {
    /// Returns the release that installed the workload; none where someone else owns it, or where the
    /// workload does not name one.
    pub(super) fn of(history: &History) -> Option<Self> {
        let object = history.object();
        if owner::code(object) != Some(PreflightCode::OwnedByHelm) {
            return None;
        }
        let name = annotation(object, "meta.helm.sh/release-name").filter(|it| is_name(it))?;
        let namespace = annotation(object, "meta.helm.sh/release-namespace");
        let namespace = namespace.filter(|it| is_name(it));
        Some(Self {
            name: name.to_owned(),
            namespace: namespace
                .unwrap_or(&history.workload().namespace)
                .to_owned(),
        })
    }
}

/// Returns whether a text may stand in a command line and in a label's selector (helm `pkg/chartutil/validate_name.go`).
fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    !text.is_empty() && text.len() <= 63 && !text.starts_with('-') && text.chars().all(allowed)
}

/// The revision to go back to: the newest before the present one that Helm did not record as failed.
struct Choice {
    from: u32,
    to: u32,
}

fn choice(revisions: &[HelmRevision]) -> Option<Choice> {
    let from = revisions.iter().map(|it| it.version).max()?;
    let worked = |it: &&HelmRevision| matches!(it.status.as_str(), "deployed" | "superseded");
    let former = revisions.iter().filter(|it| it.version < from);
    let to = former.filter(worked).map(|it| it.version).max()?;
    Some(Choice { from, to })
}

/// Adds to the finding about Helm the command that does the same with Helm's own record.
pub(crate) fn advise(plan: &mut RollbackPlan, answers: &Answers) {
    let Some((release, looked)) = &answers.helm else {
        return;
    };
    let HelmRelease { name, namespace } = release;
    let history = format!("helm history {name} -n {namespace}");
    let unknown = |why: String| {
        (
            history.clone(),
            format!("{why}: `{history}` shows its revisions"),
        )
    };
    let (command, advice) = match looked {
        Lookup::Seen(revisions) => match choice(revisions) {
            Some(Choice { from, to }) => {
                let command = format!("helm rollback {name} {to} -n {namespace}");
                let advice = format!(
                    "`{command}` goes back with Helm's own record: {to} is the newest revision before {from} that Helm did not record as failed"
                );
                (command, advice)
            }
            None if revisions.is_empty() => unknown(format!(
                "release {name} has no Secret in namespace {namespace}"
            )),
            None => unknown(format!(
                "release {name} has no earlier revision that Helm did not record as failed"
            )),
        },
        Lookup::Missing => unknown(format!("release {name} was not found")),
        Lookup::Unseen(why) => unknown(format!(
            "which revision of release {name} to go back to is not known, {why}"
        )),
    };
    let force = if plan.proposed {
        "to approve is to force it here: Helm's record then names the bad revision until the next `helm upgrade`"
    } else {
        "--force-owner, or input forceOwner, forces it here: Helm's record then names the bad revision until the next `helm upgrade`"
    };
    let mut findings = plan.findings.iter_mut();
    if let Some(finding) = findings.find(|it| it.code == PreflightCode::OwnedByHelm) {
        finding.hint = Some(format!("{advice}; {force}"));
        finding.command = Some(command);
    }
}

/// Returns the revision that the labels of a release's Secret name.
#[must_use]
pub fn helm_revision(secret: &Value) -> Option<HelmRevision> {
    let label = |name: &str| secret.pointer("/metadata/labels")?.get(name)?.as_str();
    Some(HelmRevision {
        version: label("version")?.parse().ok()?,
        status: label("status")?.to_owned(),
    })
}
