//! `rollguard history`: the revisions of a workload, and which are known to be good.

use rollguard_agent::Outcome;
use rollguard_cluster::Connection;
use rollguard_cluster::history::history;
use rollguard_core::report::{HistoryDocument, history_lines};
use rollguard_core::workload::WorkloadRef;

use crate::cancel::Cancel;
use crate::console::Console;
use crate::failure::Failure;
use crate::output_form::OutputForm;

/// Shows the revisions of `workload`.
pub(crate) async fn show(
    connection: &Connection,
    workload: &WorkloadRef,
    cancel: &Cancel,
    (form, console): (OutputForm, &mut Console),
) -> Result<Outcome, Failure> {
    let history = cancel
        .unless(history(&connection.client, workload))
        .await??;
    let now = connection.clock.now();
    if form.is_for_programs() {
        let document = HistoryDocument::new(&history, &connection.cluster, now);
        console.document(&document.to_json().map_err(anyhow::Error::from)?);
    } else {
        console.lines(&history_lines(&history, now));
    }
    Ok(Outcome::Succeeded)
}
