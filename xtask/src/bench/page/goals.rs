//! Time to cause, and the goals that the measurement is held against.

use rollguard_core::verdict::VerdictKind;
use rollguard_measured::verdicts::{Measured, Row};

use super::measured::{Tool, failing, healing, is_false_alarm};
use super::tables::{median, tenths};
use crate::generate::table;

/// The most that a median time may be, to the cause and to `failed` where the pod template decides.
const MEDIAN: f64 = 6.0;
/// The most that the time to cause may be, unless Kubernetes shows the cause later.
const WORST: f64 = 20.0;

/// Seconds to cause by a tool over these updates, and how many of them it did not name.
pub(super) struct Causes {
    pub(super) median: f64,
    pub(super) worst: f64,
    pub(super) unnamed: usize,
}

impl Causes {
    pub(super) fn of<'a>(tool: Tool, rows: impl Iterator<Item = &'a Row>) -> Self {
        let times: Vec<Option<f64>> = rows
            .filter_map(|row| tool.of(row))
            .map(|it| it.cause_seconds)
            .collect();
        let named: Vec<f64> = times.iter().copied().flatten().collect();
        Self {
            median: median(&named),
            worst: named.iter().copied().fold(0.0, f64::max),
            unnamed: times.len() - named.len(),
        }
    }

    /// `–` where no cause was named.
    pub(super) fn cells(&self) -> [String; 2] {
        if self.worst > 0.0 {
            [tenths(self.median), tenths(self.worst)]
        } else {
            ["–".to_owned(), "–".to_owned()]
        }
    }
}

struct Goal {
    says: String,
    measured: String,
    met: bool,
}

/// The goals, beside what was measured; then the updates that are marked.
pub(super) fn goals(measured: &Measured) -> String {
    let rows = all(measured).map(|it| {
        let met = if it.met { "yes" } else { "**no**" };
        [it.says, it.measured, met.to_owned()]
    });
    let marked = |holds: fn(&Row) -> bool| failing(measured).filter(move |row| holds(row));
    let decided = marked(|row| row.template_decides).map(|row| {
        [
            row.scenario.clone(),
            row.rollguard.verdict.to_string(),
            tenths(row.rollguard.seconds),
        ]
    });
    let later = marked(|row| row.shown_later.is_some()).map(|row| {
        [
            row.scenario.clone(),
            cause(row),
            row.shown_later.clone().unwrap_or_default(),
        ]
    });
    [
        table(["goal", "measured", "met"], rows),
        "\nThe pod template decides that these fail:\n\n".to_owned(),
        table(["scenario", "verdict", "rollguard, s"], decided),
        "\nThese causes show later, and do not count for the worst time to cause:\n\n".to_owned(),
        table(["scenario", "to cause, s", "why"], later),
    ]
    .concat()
}

fn all(measured: &Measured) -> [Goal; 4] {
    let causes = Causes::of(Tool::Rollguard, failing(measured));
    let at_once = failing(measured).filter(|row| row.shown_later.is_none());
    let at_once = Causes::of(Tool::Rollguard, at_once);
    let unnamed = |it: &Causes| match it.unnamed {
        0 => String::new(),
        count => format!(", {count} not named"),
    };
    let alarms = healing(measured).filter(|row| is_false_alarm(row, &row.rollguard));
    let alarms = alarms.count();
    let decided = failing(measured).filter(|row| row.template_decides);
    let decided: Vec<&Row> = decided.collect();
    let failed = decided
        .iter()
        .filter(|row| row.rollguard.verdict == VerdictKind::Failed);
    let failed: Vec<f64> = failed.map(|row| row.rollguard.seconds).collect();
    [
        Goal {
            says: format!("median time to cause at most {MEDIAN:.0} s"),
            measured: format!("{} s{}", tenths(causes.median), unnamed(&causes)),
            met: causes.median <= MEDIAN && causes.unnamed == 0,
        },
        Goal {
            says: format!(
                "worst time to cause at most {WORST:.0} s, if Kubernetes shows it at once"
            ),
            measured: format!("{} s{}", tenths(at_once.worst), unnamed(&at_once)),
            met: at_once.worst <= WORST && at_once.unnamed == 0,
        },
        Goal {
            says: "no false alarm over all updates that heal".to_owned(),
            measured: format!("{alarms} of {}", healing(measured).count()),
            met: alarms == 0,
        },
        Goal {
            says: format!(
                "median time to `failed` at most {MEDIAN:.0} s where the pod template decides"
            ),
            measured: format!(
                "{} s, {} of {} failed",
                tenths(median(&failed)),
                failed.len(),
                decided.len()
            ),
            met: median(&failed) <= MEDIAN && failed.len() == decided.len(),
        },
    ]
}

/// Seconds to cause by rollguard; `–` if it was not named.
pub(super) fn cause(row: &Row) -> String {
    let seconds = row.rollguard.cause_seconds;
    seconds.map_or_else(|| "–".to_owned(), tenths)
}
