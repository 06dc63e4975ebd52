//! Every command under every fault of the way to the API server, at every step, in virtual time.
//!
//! The results are the tables of `docs/faults.md`. Besides them laws hold for every cell: no verdict is
//! wrong, what passes within ten seconds leaves no trace in the result, "cannot tell" has a reason and comes
//! after the documented limit, a rollback changes the workload once, and no state asks more than
//! [`MOST_A_SECOND`] times a second.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use libtest_mimic::{Failed, Trial};
use rollguard_core::policy::BLIND_LIMIT;
use rollguard_tests::front::Broken;
use rollguard_tests::troubled::{Fault, Lasts, Step, Trouble, Troubled};
use tokio::time::Instant;

use crate::trial;
use command::{Command, Ended, Stand, Word};

mod command;
mod page;

/// The most requests that a command sends within any second, in any state.
const MOST_A_SECOND: usize = 60;
/// The most requests that it sends within ten seconds of trouble.
const MOST_IN_TEN_SECONDS: usize = 120;
/// Runs every cell, as `UPDATE_EXPECT` does; else each step tries every third fault, and others than the next step.
const WHOLE: &str = "ROLLGUARD_FAULTS";
const SHARE: usize = 3;
/// How long any command may take.
const LONGEST: Duration = Duration::from_secs(300);

/// One trial for each command.
pub(crate) fn trials() -> impl Iterator<Item = Trial> {
    let clock = trial(
        "a clock of the agent that is a day off changes no result",
        clock_is_a_day_off,
    );
    let tables = Command::ALL.into_iter().map(|command| {
        let name = format!("the table of faults: {}", command.as_str());
        Trial::test(name, move || {
            table(command).map_err(|error| Failed::from(format!("{error:#}")))
        })
    });
    tables.chain([clock])
}

async fn clock_is_a_day_off() -> Result<()> {
    for command in Command::ALL {
        for hours in [-24, 24] {
            let stand = Stand::new(command).await?;
            let gate = Arc::new(Troubled::new(None));
            let ended = stand.run_where_clock_is_off(&gate, hours).await?;
            ensure!(
                ended.word == Word::Right,
                "{command:?} at {hours} h: {ended:?}"
            );
        }
    }
    Ok(())
}

/// A fault and its time, and the words for both.
struct Row {
    fault: Fault,
    lasts: Lasts,
    says: String,
}

const ONCE: Lasts = Lasts::Once;
const PASSES: Lasts = Lasts::Seconds(10);
const STAYS: Lasts = Lasts::Always;

const BEFORE: Fault = Fault::Breaks(Broken::BeforeHeaders);
const WAIT: &str = "Thu, 01 Jan 2026 00:00:03 GMT";

/// The faults, and how long each lasts.
const FAULTS: [(Fault, &str, &[Lasts]); 24] = [
    (
        BEFORE,
        "connection reset before the headers",
        &[ONCE, PASSES, STAYS],
    ),
    (
        Fault::ResetInBody,
        "connection reset in the body",
        &[ONCE, PASSES, STAYS],
    ),
    (Fault::Answers(500), "500", &[ONCE, PASSES, STAYS]),
    (
        Fault::Answers(502),
        "502 of a gateway",
        &[ONCE, PASSES, STAYS],
    ),
    (Fault::Answers(503), "503", &[ONCE, PASSES, STAYS]),
    (
        Fault::Answers(504),
        "504 of a gateway",
        &[ONCE, PASSES, STAYS],
    ),
    (Fault::Answers(429), "429", &[ONCE, PASSES, STAYS]),
    (
        Fault::Belies(500),
        "500 although it is done",
        &[ONCE, PASSES, STAYS],
    ),
    (
        Fault::AsksToWait(429, "2"),
        "429, `Retry-After: 2`",
        &[PASSES],
    ),
    (
        Fault::AsksToWait(429, WAIT),
        "429, `Retry-After` as a date",
        &[PASSES],
    ),
    (
        Fault::AsksToWait(503, "86400"),
        "503, `Retry-After: 86400`",
        &[ONCE, PASSES, STAYS],
    ),
    (
        Fault::AsksToWait(429, "soon"),
        "429, `Retry-After: soon`",
        &[PASSES],
    ),
    (Fault::Answers(410), "410", &[ONCE, PASSES, STAYS]),
    (
        Fault::Answers(401),
        "401, the token has expired",
        &[ONCE, STAYS],
    ),
    (Fault::Stalls, "headers, then silence", &[ONCE, STAYS]),
    (
        Fault::Swallowed,
        "no answer, nothing done (half open)",
        &[ONCE, STAYS],
    ),
    (
        Fault::Unanswered,
        "no answer, although it is done",
        &[ONCE, STAYS],
    ),
    (Fault::Truncated, "half a body", &[ONCE, PASSES, STAYS]),
    (
        Fault::Page,
        "a page with status 200",
        &[ONCE, PASSES, STAYS],
    ),
    (Fault::BrokenGzip, "broken gzip", &[ONCE, STAYS]),
    (Fault::Endless, "a body without an end", &[ONCE, STAYS]),
    (Fault::Trickles, "one byte a second", &[ONCE, STAYS]),
    (
        Fault::Breaks(Broken::Certificate),
        "another certificate",
        &[PASSES, STAYS],
    ),
    (
        Fault::Breaks(Broken::Name),
        "the name is not resolved",
        &[PASSES, STAYS],
    ),
];

fn rows() -> Vec<Row> {
    FAULTS
        .into_iter()
        .flat_map(|(fault, says, lengths)| {
            lengths.iter().map(move |lasts| Row {
                fault,
                lasts: *lasts,
                says: match lasts {
                    Lasts::Once => format!("{says}, once"),
                    Lasts::Seconds(seconds) => format!("{says}, {seconds} s"),
                    Lasts::Always => format!("{says}, for ever"),
                },
            })
        })
        .collect()
}

impl Row {
    /// Returns whether the fault is a refusal that waiting does not change.
    const fn is_refusal(&self) -> bool {
        matches!(
            self.fault,
            Fault::Answers(401) | Fault::Breaks(Broken::Certificate)
        )
    }

    /// Returns whether it leaves time to ask again. One read may take as long as all its repetitions, and so
    /// may one dry run, whose webhooks have 30 s each.
    fn passes(&self, step: Step) -> bool {
        let slow = matches!(self.fault, Fault::Endless | Fault::Trickles);
        let dry =
            step == Step::DryRun && matches!(self.fault, Fault::Swallowed | Fault::Unanswered);
        self.lasts != Lasts::Always && !slow && !dry
    }

    /// Returns whether such a fault exists at a step: only what is read from a version on can be too old.
    fn is_for(&self, step: Step) -> bool {
        self.fault != Fault::Answers(410) || matches!(step, Step::List | Step::Watch)
    }
}

/// The result of one command under one fault at one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cell {
    /// The command never sent such a request.
    NotMet,
    /// It ended so.
    Ended(Word),
}

/// The results of one step, in the order of the rows, and the laws that were broken.
struct Column {
    step: Step,
    /// None where it was not tried.
    cells: Vec<Option<Cell>>,
    broken: Vec<String>,
}

fn table(command: Command) -> Result<()> {
    let rows = rows();
    let columns = thread::scope(|scope| {
        let rows = rows.as_slice();
        let threads = Step::ALL.map(|step| scope.spawn(move || column(command, step, rows)));
        let joined = threads
            .into_iter()
            .map(|it| it.join().map_err(|_| anyhow!("a step panicked"))?);
        joined.collect::<Result<Vec<Column>>>()
    })?;
    let broken: Vec<&str> = columns
        .iter()
        .flat_map(|it| it.broken.iter().map(String::as_str))
        .collect();
    ensure!(
        broken.is_empty(),
        "{} laws broken:\n{}",
        broken.len(),
        broken.join("\n")
    );
    let met = columns
        .iter()
        .filter(|it| it.cells.first() != Some(&Some(Cell::NotMet)))
        .map(|it| (it.step.as_str(), it.cells.as_slice()))
        .collect::<Vec<_>>();
    let says: Vec<&str> = rows.iter().map(|it| it.says.as_str()).collect();
    page::is_current(command.as_str(), &says, &met)
}

fn column(command: Command, step: Step, rows: &[Row]) -> Result<Column> {
    let mut column = Column {
        step,
        cells: Vec::new(),
        broken: Vec::new(),
    };
    let whole = page::is_written() || std::env::var_os(WHOLE).is_some();
    let turn = Step::ALL.iter().position(|it| *it == step).unwrap_or(0);
    for (line, row) in rows.iter().enumerate() {
        // A step that the command does not have is tried once.
        if column.cells.first() == Some(&Some(Cell::NotMet)) || !row.is_for(step) {
            column.cells.push(Some(Cell::NotMet));
            continue;
        }
        if !whole && line > 0 && line % SHARE != turn % SHARE {
            column.cells.push(None);
            continue;
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()?;
        let cell = runtime.block_on(cell(command, step, row));
        let (cell, broken) = cell.with_context(|| format!("{}: {}", step.as_str(), row.says))?;
        column.cells.push(Some(cell));
        let place = format!("{}, {}, {}", command.as_str(), step.as_str(), row.says);
        column
            .broken
            .extend(broken.into_iter().map(|it| format!("{place}: {it}")));
    }
    Ok(column)
}

async fn cell(command: Command, step: Step, row: &Row) -> Result<(Cell, Vec<String>)> {
    let stand = Stand::new(command).await?;
    let gate = Arc::new(Troubled::new(Some(Trouble {
        fault: row.fault,
        lasts: row.lasts,
        step,
    })));
    let begun = Instant::now();
    let ended = stand.run(&gate).await?;
    let over = Instant::now();
    let mut broken = Vec::new();
    if let Some(met) = gate.met() {
        let waited = over - met;
        broken.extend(wrong(row, step, &ended, waited));
    } else if ended.word != Word::Right {
        broken.push(format!("nothing went wrong, and yet: {ended:?}"));
    }
    if over - begun > LONGEST {
        broken.push(format!("it took {:?}", over - begun));
    }
    let (second, ten) = (Duration::from_secs(1), Duration::from_secs(10));
    for (most, length) in [(MOST_A_SECOND, second), (MOST_IN_TEN_SECONDS, ten)] {
        let count = gate.most_within(length);
        if count > most {
            broken.push(format!("{count} requests within {length:?}"));
        }
    }
    if matches!(command, Command::CheckHeals | Command::CheckFails) && row.lasts != Lasts::Always {
        let (lost, back) = stand.told_of_sight();
        if lost > 1 || (lost > back && ended.word == Word::Right) {
            broken.push(format!(
                "lost sight {lost} times, and again in sight {back} times"
            ));
        }
    }
    if command == Command::Rollback {
        broken.extend(stand.again(&gate, &ended).await?);
    }
    let cell = gate.met().map_or(Cell::NotMet, |_| Cell::Ended(ended.word));
    Ok((cell, broken))
}

/// Returns the laws that a result breaks.
fn wrong(row: &Row, step: Step, ended: &Ended, waited: Duration) -> Vec<String> {
    let mut broken = Vec::new();
    if ended.word == Word::Wrong {
        broken.push(format!("wrong: {}", ended.why));
    }
    if ended.word == Word::Right {
        return broken;
    }
    if ended.why.trim().is_empty() {
        broken.push("it does not say why".to_owned());
    }
    if step == Step::Logs || step == Step::Mark {
        broken.push(format!("no verdict depends on it: {}", ended.why));
    }
    if row.passes(step) && !row.is_refusal() {
        broken.push(format!("what passed changed the result: {}", ended.why));
    }
    // The last pause before a repetition is not begun if it would end after the limit.
    let shortest = BLIND_LIMIT.saturating_sub(Duration::from_secs(7));
    if !row.is_refusal() && waited < shortest {
        broken.push(format!("given up after {waited:?}: {}", ended.why));
    }
    broken
}
