//! The workloads to check: those that were named, and those that a selector finds besides.

use rollguard_agent::inputs::CheckInputs;
use rollguard_cluster::{Connection, access};
use rollguard_core::workload::{Workload, WorkloadKind, WorkloadRef};

use crate::failure::Failure;

/// The workloads to follow.
#[derive(Debug, Default)]
pub(super) struct ResolvedTargets {
    /// Each once; those that were named first.
    pub(super) workloads: Vec<Workload>,
    /// What could not be seen, for people.
    pub(super) notes: Vec<String>,
    /// The kinds that could not be listed for the selector.
    pub(super) unlisted: Vec<WorkloadKind>,
}

impl ResolvedTargets {
    pub(super) fn references(&self) -> Vec<WorkloadRef> {
        self.workloads.iter().map(Workload::reference).collect()
    }
}

pub(super) async fn resolve_targets(
    connection: &Connection,
    inputs: &CheckInputs,
) -> Result<ResolvedTargets, Failure> {
    let client = &connection.client;
    let mut targets = ResolvedTargets {
        workloads: access::find_all(client, &inputs.workloads).await?,
        ..ResolvedTargets::default()
    };
    if let Some(selector) = &inputs.selector {
        let selected = access::select(client, &inputs.namespace, selector).await?;
        let named = targets.references();
        let others = selected.workloads.into_iter();
        let others = others.filter(|it| !named.contains(&it.reference()));
        targets.workloads.extend(others);
        targets.notes = selected.notes;
        targets.unlisted = selected.unseen;
    }
    Ok(targets)
}
