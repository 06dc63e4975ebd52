//! `rollguard check`: follows rollouts to a verdict and gathers what a person needs to decide.

use std::time::Duration;

use futures::{Stream, StreamExt as _, stream};
use rollguard_agent::Outcome;
use rollguard_agent::inputs::CheckInputs;
use rollguard_cluster::{Connection, Watch, observe};
use rollguard_core::approval::Approval;
use rollguard_core::duration::{Human, after};
use rollguard_core::observation::{Observation, Seen};
use rollguard_core::report::{Line, Proposal, Report, Style, headline, report_sections};
use rollguard_core::rollback::{RollbackBatch, last_known_good_updates};
use rollguard_core::session::{Decided, Session, Target};
use rollguard_core::trace::Header;
use rollguard_core::verdict::Verdict;
use rollguard_core::workload::{JobView, Workload, WorkloadRef, place};

use super::tools::Tools;
use crate::console::Console;
use crate::drive::{self, BackgroundLines, Feed, drive};
use crate::failure::Failure;

mod enrich;
mod marks;
mod recheck;
mod resolve_targets;

use enrich::{Enriched, Subject, enrich};
use marks::mark;
use recheck::recheck;
use resolve_targets::{ResolvedTargets, resolve_targets};

/// How many workloads are named in one line at most.
const NAMED: usize = 5;

/// The result of a check.
pub struct Checked {
    /// How it ended.
    pub outcome: Outcome,
    /// All that was found.
    pub report: Report,
    /// What would be rolled back, and what speaks against it, where the verdict offers a rollback and
    /// the revisions could be read.
    pub batch: Option<RollbackBatch>,
}

impl Checked {
    /// Returns what an approval would refer to; none where nothing can be rolled back.
    #[must_use]
    pub const fn approval(&self) -> Option<&Approval> {
        match &self.report.rollback {
            Proposal::Apply { evidence, .. } => Some(evidence),
            Proposal::None | Proposal::Refused { .. } => None,
        }
    }
}

/// The context of a check besides its inputs.
pub(crate) struct Aside<'a> {
    /// Who checks, for what is written into the cluster.
    pub(crate) run: &'a str,
    /// The work that goes on beside it.
    pub(crate) background: BackgroundLines<'a>,
}

/// Follows the rollouts to their verdict, prints the report, and marks what was found healthy in the
/// name of `run`.
///
/// # Errors
/// When a workload cannot be found or seen at the start, or stopping was asked for.
pub async fn check(
    connection: &Connection,
    inputs: &CheckInputs,
    run: &str,
    tools: &mut Tools<'_>,
) -> Result<Checked, Failure> {
    let background = drive::no_background();
    check_with(connection, inputs, Aside { run, background }, tools).await
}

/// The same, with other work beside it.
pub(crate) async fn check_with(
    connection: &Connection,
    inputs: &CheckInputs,
    aside: Aside<'_>,
    tools: &mut Tools<'_>,
) -> Result<Checked, Failure> {
    let Aside { run, background } = aside;
    let resolving = resolve_targets(connection, inputs);
    let resolved = tools.cancel.unless(resolving).await??;
    let workloads = resolved.references();
    tools
        .recorder
        .begin(&header(connection, inputs, &workloads))?;
    announce(inputs, &resolved, connection, tools.console);
    // Boxed: it would make every future around it large.
    let mut session = Box::new(
        Session::new(
            targets(inputs, &workloads, run),
            inputs.policy(),
            connection.clock.now(),
        )
        .with_unlisted_kinds(resolved.unlisted),
    );
    let watch = Watch::new(&resolved.workloads)?;
    let watched = observe(&connection.client, &watch, connection.clock);
    let observations = stream::iter(ended_jobs(connection, &resolved.workloads)).chain(watched);
    let mut feed = Feed::new(observations, connection)
        .with_background(background)
        .with_early_logs(inputs.logs, connection)
        .with_new_lines(inputs.logs, connection);
    let followed = followed(connection, &mut feed, &mut session, tools);
    let Decided { verdict, at } = Box::pin(followed).await?;
    let mut report = Report::new(&session, &verdict, at);
    report.cluster = Some(connection.cluster.clone());
    report.blind_spots.extend(resolved.notes);
    if verdict == Verdict::Succeeded {
        feed.tell_new_lines(&mut report);
    }
    let explaining = explain_outage(connection, &mut report);
    // A verdict that was reached is reported, even if there is no time to explain it.
    let _ = tools.cancel.unless(explaining).await;
    let subject = Subject {
        session: &session,
        allowed: inputs.allowed,
        run,
        logs: inputs.logs,
    };
    let enriching = enrich(connection, report.clone(), subject);
    let enriched = tools.cancel.unless(enriching).await;
    // A verdict that was reached is reported, even if there is no time to explain it.
    let Enriched { mut report, batch } = enriched.unwrap_or(Enriched {
        report,
        batch: None,
    });
    report.headline = headline(&report);
    tools.console.sections(&report_sections(&report));
    if inputs.mark && verdict == Verdict::Succeeded {
        let updates = last_known_good_updates(&session, report.ended, run);
        mark(connection, &updates, &report, tools).await;
    }
    Ok(Checked {
        outcome: Outcome::of_verdict(&verdict).unwrap_or(Outcome::Unexpected),
        report,
        batch,
    })
}

/// How long others may take to say why the API server was lost.
const OUTAGE_LIMIT: Duration = Duration::from_secs(5);

/// Asks once why the API server was lost. No answer changes the verdict.
async fn explain_outage(connection: &Connection, report: &mut Report) {
    let Some(outage) = connection
        .way_in
        .outage
        .as_ref()
        .filter(|_| report.lost_connection())
    else {
        return;
    };
    // Only the pause matters.
    let limit = after(connection.clock.now(), OUTAGE_LIMIT);
    let why = tokio::select! {
        biased;
        why = outage.why() => why,
        () = connection.clock.sleep_until(limit) => None,
    };
    if let Some(why) = why {
        report.add_outage(&why);
    }
}

/// Follows until a verdict that a recheck leaves standing. Where the recheck takes away the only reason
/// to end, the session goes on.
async fn followed<S>(
    connection: &Connection,
    feed: &mut Feed<'_, S>,
    session: &mut Session,
    tools: &mut Tools<'_>,
) -> Result<Decided, Failure>
where
    S: Stream<Item = Observation> + Unpin,
{
    loop {
        let drive::Outcome::Decided(decided) = drive(session, feed, tools).await else {
            let message = "cancelled before a verdict";
            return Err(Failure::new(Outcome::Cancelled, message).unchanged());
        };
        let at = decided.at;
        let cancel = tools.cancel;
        let rechecking = recheck(connection, session, decided, tools);
        let verdict = cancel.unless(rechecking).await?;
        if verdict.is_terminal() {
            return Ok(Decided { verdict, at });
        }
    }
}

/// Returns the Jobs that have ended before the check: they may be deleted before they can be listed again.
fn ended_jobs(connection: &Connection, workloads: &[Workload]) -> Vec<Observation> {
    let ended = |it: &&Workload| it.job().and_then(JobView::end).is_some();
    let ended = workloads.iter().filter(ended);
    let seen = ended.map(|object| Seen::Workload {
        object: object.clone(),
    });
    seen.map(|seen| Observation::new(connection.clock.now(), seen))
        .collect()
}

fn targets(inputs: &CheckInputs, workloads: &[WorkloadRef], run: &str) -> Vec<Target> {
    let evidence = inputs.evidence.as_ref();
    let target = |workload: &WorkloadRef| Target {
        workload: workload.clone(),
        revision: inputs.revision,
        restored: evidence.and_then(|it| it.of(workload)).cloned(),
        run: Some(run.to_owned()),
    };
    workloads.iter().map(target).collect()
}

fn header(connection: &Connection, inputs: &CheckInputs, workloads: &[WorkloadRef]) -> Header {
    Header {
        workloads: workloads.to_vec(),
        kubernetes: connection.version.clone(),
        revision: inputs.revision,
        provenance: "cluster".to_owned(),
        ..Header::of(&inputs.policy())
    }
}

fn announce(
    inputs: &CheckInputs,
    targets: &ResolvedTargets,
    connection: &Connection,
    console: &mut Console,
) {
    let names: Vec<String> = targets
        .references()
        .iter()
        .map(ToString::to_string)
        .collect();
    let what = match names.as_slice() {
        [only] => only.clone(),
        many => {
            let first = many.get(..NAMED).unwrap_or(many);
            let more = match many.len() - first.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!("{} workloads ({}{more})", many.len(), first.join(", "))
        }
    };
    let place = place(&inputs.namespace, Some(&connection.cluster));
    let place = format!("checking {what} {place}");
    let timeout = format!(" (timeout {})", Human(inputs.timeout));
    console.line(&Line::plain(place).then(Style::Dim, timeout));
    for note in targets.choices.iter().chain(&targets.notes) {
        console.line(&Line::styled(Style::Warn, "note: ").then(Style::Plain, note.clone()));
    }
}
