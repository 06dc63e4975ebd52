//! The workloads to roll back: those that were named, and those that a selector finds besides.

use rollguard_agent::inputs::RollbackInputs;
use rollguard_cluster::{Connection, access};
use rollguard_core::report::{Line, Style};
use rollguard_core::workload::{Workload, WorkloadRef};

use crate::failure::Failure;

/// The workloads of a rollback.
pub(super) struct Subjects {
    /// Each once; those that were named first.
    pub(super) workloads: Vec<Subject>,
    /// What could not be seen, for people.
    pub(super) notes: Vec<String>,
}

/// A workload of a rollback.
pub(super) struct Subject {
    /// Which.
    pub(super) workload: WorkloadRef,
    /// Whether a selector found it, so that no one has said that it fails.
    pub(super) selected: bool,
}

impl Subjects {
    /// The lines about what could not be seen.
    pub(super) fn lines(&self) -> Vec<Line> {
        let line =
            |note: &String| Line::styled(Style::Warn, "note: ").then(Style::Plain, note.clone());
        self.notes.iter().map(line).collect()
    }
}

/// Finds the workloads.
///
/// # Errors
/// When the selector finds nothing, or what it finds cannot be listed.
pub(super) async fn subjects(
    connection: &Connection,
    inputs: &RollbackInputs,
) -> Result<Subjects, Failure> {
    let named = inputs.workloads.iter().map(|it| Subject {
        workload: it.clone(),
        selected: false,
    });
    let mut subjects = Subjects {
        workloads: named.collect(),
        notes: Vec::new(),
    };
    if let Some(selector) = &inputs.selector {
        let found = access::select(&connection.client, &inputs.namespace, selector).await?;
        let others = found.workloads.iter().map(Workload::reference);
        let others = others.filter(|it| !inputs.workloads.contains(it));
        subjects.workloads.extend(others.map(|workload| Subject {
            workload,
            selected: true,
        }));
        subjects.notes = found.notes;
    }
    Ok(subjects)
}
