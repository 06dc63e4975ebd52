//! `rollguard history`: the revisions of a workload, and which are known to be good.

use rollguard_agent::Outcome;
use rollguard_cluster::Connection;
use rollguard_cluster::history::history;
use rollguard_core::report::history_lines;
use rollguard_core::workload::WorkloadRef;

use crate::cancel::Cancel;
use crate::console::Console;
use crate::failure::Failure;

/// Shows the revisions of `workload`.
pub(crate) async fn show(
    connection: &Connection,
    workload: &WorkloadRef,
    cancel: &Cancel,
    console: &mut Console,
) -> Result<Outcome, Failure> {
    let history = cancel
        .unless(history(&connection.client, workload))
        .await??;
    console.lines(&history_lines(&history, connection.clock.now()));
    Ok(Outcome::Succeeded)
}
