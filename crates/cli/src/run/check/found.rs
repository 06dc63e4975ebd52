//! Which workloads are meant: those that were named, and those that a selector finds besides.

use jiff::Timestamp;
use rollguard_agent::inputs::CheckInputs;
use rollguard_cluster::{Connection, access};
use rollguard_core::observation::{Blindness, ResourceKind};
use rollguard_core::verdict::{Undetermined, Verdict};
use rollguard_core::workload::{Workload, WorkloadKind, WorkloadRef};

use crate::failure::Failure;

/// The workloads to follow.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Each once; those that were named first.
    pub(super) workloads: Vec<Workload>,
    /// What could not be seen.
    pub(super) notes: Vec<String>,
    /// The kinds of which nothing could be seen.
    unseen: Vec<WorkloadKind>,
}

impl Found {
    pub(super) fn references(&self) -> Vec<WorkloadRef> {
        self.workloads.iter().map(Workload::reference).collect()
    }

    /// A success of all that could be seen is none of what a selector may have left out.
    pub(super) fn doubt(&self, verdict: Verdict, now: Timestamp) -> Verdict {
        let (Verdict::Succeeded, Some(kind)) = (&verdict, self.unseen.first()) else {
            return verdict;
        };
        let message =
            "workloads of this kind may match the selector; grant `list`, or name the workloads";
        let why = Undetermined::Blind {
            resource: ResourceKind::of(*kind),
            since: now,
            why: Blindness::Forbidden {
                message: message.to_owned(),
            },
        };
        Verdict::Undetermined { why }
    }
}

pub(super) async fn found(connection: &Connection, inputs: &CheckInputs) -> Result<Found, Failure> {
    let client = &connection.client;
    let mut found = Found {
        workloads: access::find_all(client, &inputs.workloads).await?,
        ..Found::default()
    };
    if let Some(selector) = &inputs.selector {
        let selected = access::select(client, &inputs.namespace, selector).await?;
        let named = found.references();
        let others = selected.workloads.into_iter();
        let others = others.filter(|it| !named.contains(&it.reference()));
        found.workloads.extend(others);
        found.notes = selected.notes;
        found.unseen = selected.unseen;
    }
    Ok(found)
}
