//! Which workloads are meant: those that were named, and those that a selector finds besides.

use rollguard_agent::inputs::CheckInputs;
use rollguard_cluster::{Connection, access};
use rollguard_core::workload::{Workload, WorkloadRef};

use crate::failure::Failure;

/// The workloads to follow.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Each once; those that were named first.
    pub(super) workloads: Vec<Workload>,
    /// What could not be seen.
    pub(super) notes: Vec<String>,
}

impl Found {
    pub(super) fn references(&self) -> Vec<WorkloadRef> {
        self.workloads.iter().map(Workload::reference).collect()
    }
}

pub(super) async fn found(connection: &Connection, inputs: &CheckInputs) -> Result<Found, Failure> {
    let client = &connection.client;
    let mut found = Found {
        workloads: access::find_all(client, &inputs.workloads).await?,
        notes: Vec::new(),
    };
    if let Some(selector) = &inputs.selector {
        let selected = access::select(client, &inputs.namespace, selector).await?;
        let named = found.references();
        let others = selected.workloads.into_iter();
        let others = others.filter(|it| !named.contains(&it.reference()));
        found.workloads.extend(others);
        found.notes = selected.notes;
    }
    Ok(found)
}
