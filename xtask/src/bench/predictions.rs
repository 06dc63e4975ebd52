//! The part of `docs/benchmarks.md` about the predictions of `lint --live`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::{Result, ensure};
use rollguard_measured::predictions::{Measured, Predicted, Row};

use super::page::Setting;

/// The heading at which the part begins.
const HEADING: &str = "\n## Predictions before the update\n";

/// A prediction that is not about the rollout itself.
const BESIDE: &str = "RollbackImpossible";

/// Returns the part in a page; empty where there is none.
pub(super) fn section_of(page: &str) -> &str {
    page.find(HEADING)
        .and_then(|at| page.get(at..))
        .unwrap_or_default()
}

/// Returns a page with a new part.
pub(super) fn replaced(page: &str, section: &str) -> String {
    let before = page.strip_suffix(section_of(page)).unwrap_or(page);
    format!("{before}{section}")
}

/// Checks that every scenario was looked at.
///
/// # Errors
/// When one is missing.
pub(super) fn ensure_complete(measured: &Measured) -> Result<()> {
    let (rows, all) = (measured.rows.len(), measured.scenarios);
    ensure!(rows == all, "only {rows} of {all} scenarios were looked at");
    Ok(())
}

/// The part.
pub(super) fn render(measured: &Measured, setting: &Setting) -> String {
    let Setting {
        date,
        cores,
        version,
    } = setting;
    let mut text = format!(
        "{HEADING}\n<!-- Written by `cargo xtask bench-prediction`. -->\n\n\
         `rollguard lint --live` reads the manifest of every update of `tests/scenarios` before it is applied, beside v1 in the cluster. \
         {date}, rollguard {version} (release build), Kubernetes {}, {cores} cores. One run.\n\n",
        measured.kubernetes
    );
    text += &summary(measured);
    text += "\n| code | happens | predicted | recall where it is determined | certain | likely | possible | predicted and does not happen | precision |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n";
    for code in codes(measured) {
        text += &line(measured, &code);
    }
    text + EXPLAINED
}

fn summary(measured: &Measured) -> String {
    let determined: Vec<&Row> = measured.rows.iter().filter(|it| it.determined).collect();
    let hit = determined.iter().filter(|it| it.hit().is_some()).count();
    let healing = measured.rows.iter().filter(|it| it.expected.is_none());
    let (calm, restless): (Vec<&Row>, Vec<&Row>) = healing.partition(|it| !has(it, "certain"));
    let certain = measured.rows.iter().flat_map(|row| {
        let all = about_rollout(row).filter(|it| it.certainty == "certain");
        all.map(move |it| row.expected.as_deref() == Some(it.code.as_str()))
    });
    let certain: Vec<bool> = certain.collect();
    let came_true = certain.iter().filter(|it| **it).count();
    let missed: Vec<&str> = determined
        .iter()
        .filter(|it| it.hit().is_none())
        .map(|it| it.scenario.as_str())
        .collect();
    let mut text = format!(
        "| goal | measured | met |\n| --- | --- | --- |\n\
         | no `certain` that does not happen | {came_true} of {} came true | {} |\n\
         | at least 90 % of what template, namespace and nodes determine | {hit} of {} | {} |\n\
         | no `certain` before an update that heals | {} of {} without | {} |\n",
        certain.len(),
        yes(came_true == certain.len()),
        determined.len(),
        yes(hit * 100 >= determined.len() * 90),
        calm.len(),
        calm.len() + restless.len(),
        yes(restless.is_empty()),
    );
    if !missed.is_empty() {
        let _ = writeln!(text, "\nNot predicted: {}.", missed.join(", "));
    }
    text
}

const fn yes(met: bool) -> &'static str {
    if met { "yes" } else { "no" }
}

fn about_rollout(row: &Row) -> impl Iterator<Item = &Predicted> {
    row.predicted.iter().filter(|it| it.code != BESIDE)
}

fn has(row: &Row, certainty: &str) -> bool {
    about_rollout(row).any(|it| it.certainty == certainty)
}

/// The codes that were predicted, or that are determined before the update.
fn codes(measured: &Measured) -> BTreeSet<String> {
    let predicted = measured
        .rows
        .iter()
        .flat_map(about_rollout)
        .map(|it| it.code.clone());
    let determined = measured.rows.iter().filter(|it| it.determined);
    predicted
        .chain(determined.filter_map(|it| it.expected.clone()))
        .collect()
}

fn line(measured: &Measured, code: &str) -> String {
    let of_code = |row: &&Row| row.expected.as_deref() == Some(code);
    let happens: Vec<&Row> = measured.rows.iter().filter(of_code).collect();
    let hits: Vec<&Predicted> = happens.iter().filter_map(|it| it.hit()).collect();
    let determined: Vec<&&Row> = happens.iter().filter(|it| it.determined).collect();
    let recalled = determined.iter().filter(|it| it.hit().is_some()).count();
    let with = |certainty: &str| hits.iter().filter(|it| it.certainty == certainty).count();
    let wrong: Vec<&Predicted> = measured
        .rows
        .iter()
        .filter(|it| !of_code(it))
        .flat_map(|row| row.predicted.iter().filter(|it| it.code == code))
        .collect();
    let mut named: Vec<String> = Vec::new();
    for certainty in ["certain", "likely", "possible"] {
        let count = wrong.iter().filter(|it| it.certainty == certainty).count();
        if count > 0 {
            named.push(format!("{count} {certainty}"));
        }
    }
    let named = if named.is_empty() {
        "0".to_owned()
    } else {
        named.join(", ")
    };
    format!(
        "| `{code}` | {} | {} | {recalled} of {} | {} | {} | {} | {named} | {} |\n",
        happens.len(),
        hits.len(),
        determined.len(),
        with("certain"),
        with("likely"),
        with("possible"),
        percent(hits.len(), hits.len() + wrong.len()),
    )
}

fn percent(part: usize, all: usize) -> String {
    match (part * 100 + all / 2).checked_div(all) {
        Some(percent) => format!("{percent} %"),
        None => "–".to_owned(),
    }
}

const EXPLAINED: &str = "
*Happens*: updates of which this is the cause. *Determined*: template, namespace and nodes decide it before the update; in the others an image, a program, a registry or a person does. *Predicted and does not happen*: an object that is missing before the update and arrives some seconds after it, a node that is cordoned for a moment, a Deployment that is resumed; none of it is `certain`. `RollbackImpossible` is about a rollback, and not counted.
";

#[cfg(test)]
mod tests {
    use super::*;

    fn row(scenario: &str, expected: Option<&str>, predicted: &[(&str, &str)]) -> Row {
        Row {
            scenario: scenario.to_owned(),
            expected: expected.map(str::to_owned),
            determined: expected.is_some(),
            predicted: predicted
                .iter()
                .map(|(code, certainty)| Predicted {
                    code: (*code).to_owned(),
                    certainty: (*certainty).to_owned(),
                })
                .collect(),
        }
    }

    fn measured() -> Measured {
        Measured {
            kubernetes: "v1.35.4".to_owned(),
            scenarios: 3,
            rows: vec![
                row(
                    "quota",
                    Some("QuotaExceeded"),
                    &[("QuotaExceeded", "certain")],
                ),
                row("paused", Some("Paused"), &[]),
                row(
                    "late",
                    None,
                    &[("Paused", "likely"), ("RollbackImpossible", "likely")],
                ),
            ],
        }
    }

    fn setting() -> Setting {
        Setting {
            date: "2026-11-30".to_owned(),
            cores: 2,
            version: "0.1.0",
        }
    }

    #[test]
    fn precision_and_recall_are_counted_by_code() {
        let text = render(&measured(), &setting());
        for line in [
            "| no `certain` that does not happen | 1 of 1 came true | yes |",
            "| at least 90 % of what template, namespace and nodes determine | 1 of 2 | no |",
            "| no `certain` before an update that heals | 1 of 1 without | yes |",
            "Not predicted: paused.",
            "| `QuotaExceeded` | 1 | 1 | 1 of 1 | 1 | 0 | 0 | 0 | 100 % |",
            "| `Paused` | 1 | 0 | 0 of 1 | 0 | 0 | 0 | 1 likely | 0 % |",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        assert!(!text.contains("| `RollbackImpossible`"));
    }

    #[test]
    fn the_part_replaces_the_former_one_and_leaves_the_page() {
        let section = render(&measured(), &setting());
        let page = replaced("# Benchmarks\n", &section);
        assert_eq!(section_of(&page), section);
        assert_eq!(replaced(&page, &section), page);
        assert_eq!(section_of("# Benchmarks\n"), "");
    }
}
