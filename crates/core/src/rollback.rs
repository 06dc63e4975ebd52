//! Decides by evidence what to restore, never by revision arithmetic; effects are plans first.

mod batch;
mod changes;
mod decide;
pub mod execution;
mod healed;
mod helps;
mod mark;
mod outcome;
mod patch;
mod patience;
mod plan;
pub mod preflight;
pub mod preparation;
mod prepared;
mod read_back;
mod refusal;
mod request;
mod stuck_pods;
#[cfg(test)]
mod tests;

pub use batch::{Objection, RollbackBatch};
pub use changes::{Change, changes};
pub use decide::decide;
pub use helps::{Helps, RESTART_ONLY, Templates, helps};
pub use mark::{LastKnownGoodUpdate, last_known_good_updates};
pub use outcome::{BatchOutcome, RollbackHealth, WorkloadOutcome};
pub use patch::TemplateChange;
pub use patience::Pause;
pub use plan::{Already, ChosenBy, PlanSummary, RollbackDecision, RollbackPlan};
pub use preflight::{
    PreflightCode, PreflightFinding, Reference, ReferenceKind, SCHEMA_COMPATIBLE_FROM,
    SCHEMA_VERSION, Weight, references,
};
pub use prepared::{PreparedRollback, PreparedWorkload};
pub use read_back::{ReadBack, is_own, read_back};
pub use refusal::Refusal;
pub use request::{Allowed, CheckContext, Request};
pub use stuck_pods::{MemberPod, RestoredSet, StuckPod, StuckPodStep, stuck_now, stuck_pod_step};
