//! Requests for a rollback: of a person, or of a check that proposes one.

use jiff::Timestamp;

use crate::approval::{ApprovedRollback, HealthCriteria};
use crate::permission::DoctorCommand;
use crate::session::{Session, TrackedWorkload};
use crate::workload::{Revision, WorkloadRef};

/// Permissions of a person for what is refused otherwise.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a permission of its own"
)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Allowed {
    /// To change what Argo CD, Flux, Helm or another controller owns.
    pub force_owner: bool,
    /// To go back to code that is not known to run beside the present schema.
    pub schema_downgrade: bool,
    /// To change a template whose pods are replaced only once they are deleted.
    pub on_delete: bool,
    /// What a check offered to force, after a person approved that.
    pub approved: bool,
}

/// The user's request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// A revision named by a person.
    pub to_revision: Option<Revision>,
    /// Whether a selector found the workload, so that no person and no check has said that it fails: then
    /// its present state has to show it.
    pub selected: bool,
    /// The approval's part about this workload.
    pub approval: Option<ApprovedRollback>,
    /// The uid of the revision that a check saw serving when it began.
    pub served: Option<String>,
    /// The uid of the revision that a check has just judged, or the fingerprint of its template while
    /// it has no object; empty where it had none. The proposal is about that one and no other.
    pub judged: Option<String>,
    /// Whether the counts were complete all the same when it was judged.
    pub judged_complete: bool,
    /// What that check wants to see.
    pub standard: HealthCriteria,
    /// When the evidence was gathered; what was found healthy since is not undone.
    pub evidence_at: Option<Timestamp>,
    /// What is not refused.
    pub allowed: Allowed,
    /// The time, by the cluster's clock.
    pub now: Timestamp,
    /// Who rolls back and in which run.
    pub run: String,
    /// How the user asks for permissions.
    pub doctor: DoctorCommand,
}

/// Under what a check asks for a rollback.
#[derive(Debug, Clone, Copy)]
pub struct CheckContext<'a> {
    /// What is not refused.
    pub allowed: Allowed,
    /// The run that checks.
    pub run: &'a str,
    /// The time, by the cluster's clock.
    pub now: Timestamp,
    /// How the user asks for permissions.
    pub doctor: &'a DoctorCommand,
}

impl Request {
    /// Returns what a check asks for: the rollback of each workload whose verdict offers one.
    #[must_use]
    pub fn after_check(session: &Session, context: CheckContext<'_>) -> Vec<(WorkloadRef, Self)> {
        let offered = session.workloads().iter();
        let offered = offered.filter(|it| it.offers_rollback());
        let standard = HealthCriteria::of(session.policy());
        let request = |tracked: &TrackedWorkload| Self {
            served: tracked.served().map(str::to_owned),
            judged: Some(tracked.judged().unwrap_or_default().to_owned()),
            judged_complete: tracked.is_complete(),
            standard,
            now: context.now,
            allowed: context.allowed,
            run: context.run.to_owned(),
            doctor: context.doctor.clone(),
            ..Self::default()
        };
        offered
            .map(|tracked| (tracked.workload().clone(), request(tracked)))
            .collect()
    }
}
