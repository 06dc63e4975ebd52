//! `docs/benchmarks.md`: what was measured, as tables.

use anyhow::{Result, ensure};
use serde::Deserialize;

use crate::generate::table;

/// What the test program `real` measured.
#[derive(Debug, Deserialize)]
pub(super) struct Measured {
    kubernetes: String,
    scenarios: usize,
    rows: Vec<Row>,
}

/// One update.
#[derive(Debug, Deserialize)]
struct Row {
    scenario: String,
    /// The code of the cause; none for an update that heals.
    expected: Option<String>,
    rollguard: Judgement,
    kubectl: Option<Judgement>,
}

/// What a tool made of an update.
#[derive(Debug, Deserialize)]
struct Judgement {
    verdict: String,
    named: bool,
    seconds: f64,
}

/// When and on what it was measured.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) date: String,
    pub(super) cores: usize,
    pub(super) version: &'static str,
}

impl Measured {
    /// A page that leaves out what went wrong would be no comparison.
    pub(super) fn ensure_complete(&self) -> Result<()> {
        let compared = self.rows.iter().filter(|row| row.kubectl.is_some()).count();
        ensure!(
            compared == self.scenarios,
            "only {compared} of {} scenarios were measured, so no page is written",
            self.scenarios
        );
        Ok(())
    }

    fn failing(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.expected.is_some())
    }

    fn healing(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.expected.is_none())
    }
}

/// The whole page.
pub(super) fn render(measured: &Measured, setting: &Setting) -> String {
    let (failing, healing) = (measured.failing().count(), measured.healing().count());
    let Setting {
        date,
        cores,
        version,
    } = setting;
    let head = format!(
        "# Benchmarks\n\n\
         <!-- Written by `cargo xtask bench-verdict`. -->\n\n\
         Time to verdict beside `kubectl rollout status`: both follow the same update at the same \
         time, with the same timeout, 60 s where the update fails and 120 s where it heals. The \
         updates are those of `tests/scenarios`, on a real cluster with a real node.\n\n\
         {date}, rollguard {version} (debug build), Kubernetes {}, {cores} cores that run cluster, \
         pods and six updates at a time. One run.\n\n\
         ## Verdicts\n\n",
        measured.kubernetes,
    );
    let explained = format!(
        "\n*Right*: not green where the update fails, green where it heals. *False green*: \
         succeeded where it fails. *False alarm*: failed or timed out where it heals. *Named*: \
         rollguard's first finding has the code; kubectl's output has the text in which the \
         cluster itself shows the cause.\n\n\
         ## {failing} updates that fail\n\n"
    );
    let of_failing = times(measured.failing());
    let between = format!(
        "\n## {healing} updates that heal\n\n\
         rollguard calls a rollout good once it has been complete for 10 s; kubectl does at once.\n\n"
    );
    let of_healing = times(measured.healing());
    [
        head,
        verdicts(measured),
        explained,
        of_failing,
        between,
        of_healing,
    ]
    .concat()
}

const COLUMNS: [&str; 6] = [
    "scenario",
    "cause",
    "rollguard",
    "kubectl",
    "rollguard, s",
    "kubectl, s",
];

/// A tool's name, and what it made of an update.
type Tool = (&'static str, fn(&Row) -> Option<&Judgement>);

/// The counts for both tools.
fn verdicts(measured: &Measured) -> String {
    let (failing, healing) = (measured.failing().count(), measured.healing().count());
    let tools: [Tool; 2] = [
        ("rollguard", |row| Some(&row.rollguard)),
        ("kubectl rollout status", |row| row.kubectl.as_ref()),
    ];
    let rows = tools.map(|(tool, judgement)| {
        let count = |holds: fn(&Row, &Judgement) -> bool| {
            let judged = measured
                .rows
                .iter()
                .filter_map(|row| Some((row, judgement(row)?)));
            judged.filter(|(row, it)| holds(row, it)).count()
        };
        [
            tool.to_owned(),
            format!("{} of {}", count(is_right), failing + healing),
            format!("{} of {failing}", count(|_, it| it.named)),
            format!("{} of {failing}", count(is_false_green)),
            format!("{} of {healing}", count(is_false_alarm)),
        ]
    });
    table(
        [
            "tool",
            "right",
            "causes named",
            "false greens",
            "false alarms",
        ],
        rows,
    )
}

fn is_alarm(verdict: &str) -> bool {
    ["failed", "timedOut"].contains(&verdict)
}

fn is_right(row: &Row, judgement: &Judgement) -> bool {
    if row.expected.is_some() {
        is_alarm(&judgement.verdict)
    } else {
        judgement.verdict == "succeeded"
    }
}

fn is_false_green(row: &Row, judgement: &Judgement) -> bool {
    row.expected.is_some() && judgement.verdict == "succeeded"
}

fn is_false_alarm(row: &Row, judgement: &Judgement) -> bool {
    row.expected.is_none() && is_alarm(&judgement.verdict)
}

/// The rows with their times, and the medians.
fn times<'a>(rows: impl Iterator<Item = &'a Row>) -> String {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let mut lines: Vec<[String; 6]> = Vec::new();
    for row in rows {
        ours.push(row.rollguard.seconds);
        theirs.extend(row.kubectl.as_ref().map(|it| it.seconds));
        let cause = match &row.expected {
            Some(code) if row.rollguard.named => format!("`{code}`"),
            Some(code) => format!("`{code}`, not named"),
            None => String::new(),
        };
        let (verdict, seconds) = row.kubectl.as_ref().map_or_else(Default::default, |it| {
            (it.verdict.clone(), tenths(it.seconds))
        });
        lines.push([
            row.scenario.clone(),
            cause,
            row.rollguard.verdict.clone(),
            verdict,
            tenths(row.rollguard.seconds),
            seconds,
        ]);
    }
    let strong = |times| format!("**{}**", tenths(median(times)));
    let nothing = String::new;
    lines.push([
        "**median**".to_owned(),
        nothing(),
        nothing(),
        nothing(),
        strong(ours),
        strong(theirs),
    ]);
    table(COLUMNS, lines)
}

fn tenths(seconds: f64) -> String {
    format!("{seconds:.1}")
}

/// The middle one, or the mean of the two in the middle.
fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    let upper = times.get(times.len() / 2).copied().unwrap_or_default();
    let lower = times.get(times.len().saturating_sub(1) / 2).copied();
    f64::midpoint(lower.unwrap_or_default(), upper)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTING: Setting = Setting {
        date: String::new(),
        cores: 2,
        version: "0.1.0",
    };

    fn judgement(verdict: &str, named: bool, seconds: f64) -> Judgement {
        Judgement {
            verdict: verdict.to_owned(),
            named,
            seconds,
        }
    }

    fn measured(rows: &[(Option<&str>, &str, &str)]) -> Measured {
        let rows = rows.iter().map(|(expected, ours, theirs)| Row {
            scenario: "one".to_owned(),
            expected: expected.map(str::to_owned),
            rollguard: judgement(ours, *ours == "failed", 2.0),
            kubectl: Some(judgement(theirs, false, 60.04)),
        });
        let rows: Vec<Row> = rows.collect();
        Measured {
            kubernetes: "v1.35.4".to_owned(),
            scenarios: rows.len(),
            rows,
        }
    }

    #[test]
    fn every_kind_of_wrong_verdict_is_counted_for_both_tools() {
        let measured = measured(&[
            (Some("ImageNotFound"), "failed", "timedOut"),
            (Some("CrashAtStart"), "undetermined", "succeeded"),
            (None, "succeeded", "timedOut"),
            (None, "timedOut", "succeeded"),
        ]);
        let text = verdicts(&measured);
        assert!(
            text.contains("| rollguard | 2 of 4 | 1 of 2 | 0 of 2 | 1 of 2 |"),
            "{text}"
        );
        assert!(
            text.contains("| kubectl rollout status | 2 of 4 | 0 of 2 | 1 of 2 | 1 of 2 |"),
            "{text}"
        );
    }

    #[test]
    fn a_cause_that_was_not_named_is_shown_as_such() {
        let measured = measured(&[
            (Some("ImageNotFound"), "failed", "timedOut"),
            (Some("CrashAtStart"), "timedOut", "timedOut"),
            (None, "succeeded", "succeeded"),
        ]);
        let text = render(&measured, &SETTING);
        for line in [
            "| one | `ImageNotFound` | failed | timedOut | 2.0 | 60.0 |",
            "| one | `CrashAtStart`, not named | timedOut | timedOut | 2.0 | 60.0 |",
            "| one |  | succeeded | succeeded | 2.0 | 60.0 |",
            "| **median** |  |  |  | **2.0** | **60.0** |",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }

    #[test]
    fn a_run_that_left_a_scenario_out_is_no_comparison() {
        let mut measured = measured(&[(None, "succeeded", "succeeded")]);
        assert!(measured.ensure_complete().is_ok());
        measured.scenarios = 2;
        assert!(measured.ensure_complete().is_err());
        measured.scenarios = 1;
        measured.rows[0].kubectl = None;
        assert!(measured.ensure_complete().is_err());
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_the_two_in_the_middle() {
        for (times, expected) in [
            (vec![], "0.0"),
            (vec![3.0, 1.0, 2.0], "2.0"),
            (vec![4.0, 1.0, 3.0, 2.0], "2.5"),
        ] {
            assert_eq!(tenths(median(times)), expected);
        }
    }
}
