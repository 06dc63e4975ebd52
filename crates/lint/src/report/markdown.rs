//! The report as Markdown, for the page of a run or a pull request.

use std::fmt::Write as _;

use rollguard_core::report::markdown_cell as cell;

use super::text::summary_line;
use crate::run::Report;

/// The most findings of the page of a run: Azure Pipelines shows a megabyte.
const MOST: usize = 500;

/// Returns the report as Markdown, with every finding. Nothing in foreign text is markup.
#[must_use]
pub fn markdown(report: &Report) -> String {
    limited(report, usize::MAX)
}

/// Returns the report for the page of a run, which has room for some findings only.
#[must_use]
pub fn markdown_page(report: &Report) -> String {
    limited(report, MOST)
}

fn limited(report: &Report, most: usize) -> String {
    let mut out = format!(
        "# rollguard lint\n\n{}\n",
        cell(&summary_line(report).text())
    );
    if !report.problems.is_empty() {
        out += "\n| file | cannot be read |\n| --- | --- |\n";
        for problem in &report.problems {
            let _ = writeln!(out, "| {} | {} |", cell(&problem.path), cell(&problem.what));
        }
    }
    let files = report.files.iter();
    let all: Vec<_> = files
        .flat_map(|file| file.findings.iter().map(move |it| (file, &it.finding)))
        .collect();
    if !all.is_empty() {
        out += "\n| severity | code | where | finding | fix |\n| --- | --- | --- | --- | --- |\n";
    }
    for (file, finding) in all.iter().take(most) {
        let mark = finding.mark;
        let severity = match &finding.suppression {
            Some(suppression) => suppression.to_string(),
            None => finding.severity.to_string(),
        };
        let place = format!("{}:{}:{}", file.path, mark.line, mark.column);
        let row = [
            severity.as_str(),
            finding.code.as_str(),
            &place,
            &finding.message,
            &finding.fix,
        ];
        let _ = writeln!(out, "| {} |", row.map(cell).join(" | "));
    }
    if all.len() > most {
        let _ = write!(out, "\nand {} more\n", all.len() - most);
    }
    // Within code a marker is not escaped.
    out.replace("##", "#&#35;")
}
