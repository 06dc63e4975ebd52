//! Writes down what was found healthy, so that a later rollback knows where to go.

use futures::FutureExt;
use futures::stream::{self, StreamExt};
use rollguard_cluster::{Connection, mark as marks};
use rollguard_core::report::{Line, Report, Style};
use rollguard_core::rollback::LastKnownGoodUpdate;

use crate::failure::Failure;
use crate::run::tools::Tools;

/// How many marks are written at once.
const AT_ONCE: usize = 8;
/// How many are named in one line at most.
const NAMED: usize = 5;

/// Marks the revisions that were found healthy. A mark that cannot be written is reported, and the
/// verdict stays.
pub(super) async fn mark(
    connection: &Connection,
    updates: &[LastKnownGoodUpdate],
    report: &Report,
    tools: &mut Tools<'_>,
) {
    let each: Vec<_> = updates
        .iter()
        .map(|marking| marks::write(&connection.client, marking).boxed())
        .collect();
    let written = stream::iter(each).buffered(AT_ONCE).collect::<Vec<_>>();
    // A verdict that was reached is not taken back by the wish to stop.
    let Ok(written) = tools.cancel.unless(written).await else {
        return;
    };
    let mut marked = Vec::new();
    let mut failures = Vec::new();
    for (marking, written) in updates.iter().zip(written) {
        match written {
            Ok(()) => marked.push(named(marking, report)),
            Err(error) => failures.push(Failure::from(error).for_user(&connection.way_in)),
        }
    }
    if !marked.is_empty() {
        let text = format!("marked {} as last known good", listed(&marked));
        tools.console.line(&Line::styled(Style::Dim, text));
    }
    // The others most likely have the same reason.
    if let Some(failure) = failures.first() {
        tools.console.lines(&not_marked(failure, failures.len()));
    }
}

fn named(marking: &LastKnownGoodUpdate, report: &Report) -> String {
    let workload = &marking.workload;
    let mut known = report.workloads.iter();
    let revision = known
        .find(|it| it.workload == *workload)
        .and_then(|it| it.revision);
    match revision {
        Some(revision) => format!("revision {revision} of {workload}"),
        None => format!("{} of {workload}", marking.name),
    }
}

fn listed(names: &[String]) -> String {
    let first = names.get(..NAMED).unwrap_or(names);
    match names.len() - first.len() {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

fn not_marked(failure: &Failure, how_many: usize) -> Vec<Line> {
    let why = failure.messages().join("; ");
    let more = match how_many {
        0 | 1 => String::new(),
        many => format!(" (and {} more)", many - 1),
    };
    let note = format!("note: not marked as last known good: {why}{more}");
    let hint = failure.hint.iter().map(|hint| format!("hint: {hint}"));
    let lines = [note].into_iter().chain(hint);
    lines.map(|text| Line::styled(Style::Dim, text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_names_are_cut_short() {
        let names =
            |count: usize| -> Vec<String> { (1..=count).map(|it| it.to_string()).collect() };
        assert_eq!(listed(&names(1)), "1");
        assert_eq!(listed(&names(5)), "1, 2, 3, 4, 5");
        assert_eq!(listed(&names(7)), "1, 2, 3, 4, 5 and 2 more");
    }
}
