//! The report for people: the source line with a caret, and the fix beneath.

use std::fmt::Write as _;

use rollguard_core::report::{Line, Style};

use crate::run::{LintedFile, Located, Report, Summary};
use crate::severity::Severity;
use crate::suggestion::suggestion;

/// Returns the lines of a file's findings. What is suppressed is shown as such, in one line.
#[must_use]
pub fn finding_lines(file: &LintedFile) -> Vec<Line> {
    file.findings
        .iter()
        .flat_map(|it| lines(&file.path, it))
        .collect()
}

/// Returns the lines of a file's findings, each with what it offers: a change that may break the application.
#[must_use]
pub fn finding_lines_with_suggestions(file: &LintedFile) -> Vec<Line> {
    let mut all = Vec::new();
    for located in &file.findings {
        all.extend(lines(&file.path, located));
        let finding = &located.finding;
        let offered = suggestion(finding).filter(|_| finding.suppression.is_none());
        if let Some(offered) = offered {
            let gutter = " ".repeat(finding.mark.line.to_string().len());
            let line = |it| Line::styled(Style::Dim, format!("  {gutter}     {it}"));
            all.extend(offered.lines().map(line));
        }
    }
    all
}

fn lines(path: &str, located: &Located) -> Vec<Line> {
    let finding = &located.finding;
    let mark = finding.mark;
    let place = format!("{path}:{}:{}: ", mark.line, mark.column);
    if let Some(suppression) = &finding.suppression {
        let text = format!(
            "{place}{}: {} ({suppression})",
            finding.code, finding.message
        );
        return vec![Line::styled(Style::Dim, text)];
    }
    let style = style_of(finding.severity);
    let head = Line::plain(place)
        .then(style, finding.severity.as_str())
        .then(Style::Plain, " ")
        .then(Style::Strong, finding.code.as_str())
        .then(Style::Plain, format!(": {}", finding.message));
    let number = mark.line.to_string();
    let gutter = " ".repeat(number.len());
    // The mark may go on beyond what is shown.
    let room = located
        .source
        .chars()
        .count()
        .saturating_sub(located.column - 1);
    let caret = "^".repeat(mark.length.min(room.max(1)));
    let before = " ".repeat(located.column - 1);
    let mut object = format!("  {gutter}   in {}: {}", finding.object, finding.path);
    // One level is what was asked for; of several, the reader wants to know.
    if finding.levels.len() > 1 {
        let levels: Vec<&str> = finding.levels.iter().map(|it| it.as_str()).collect();
        let _ = write!(object, " (levels {})", levels.join(" and "));
    }
    vec![
        head,
        Line::styled(Style::Dim, format!("  {number} | ")).then(Style::Plain, &located.source),
        Line::styled(Style::Dim, format!("  {gutter} | {before}")).then(style, caret),
        Line::styled(Style::Dim, object),
        Line::plain(format!("  {gutter}   fix: {}", finding.fix)),
    ]
}

pub(super) const fn style_of(severity: Severity) -> Style {
    match severity {
        Severity::Error => Style::Bad,
        Severity::Warning => Style::Warn,
        Severity::Info => Style::Dim,
    }
}

/// Returns the counts in one line.
#[must_use]
pub fn summary_line(report: &Report) -> Line {
    let Summary {
        files,
        judged,
        skipped,
        foreign,
        exempted,
        known,
        fixable,
        ..
    } = &report.summary;
    let heaviest = Severity::ALL.into_iter().rev();
    let counts: Vec<String> = heaviest
        .filter_map(|severity| {
            let count = report.summary.count(severity);
            (count > 0).then(|| plural(count, severity.as_str()))
        })
        .collect();
    let unread = report.problems.len();
    if unread > 0 && *judged == 0 && counts.is_empty() {
        // That nothing was found in nothing would read as if all were well.
        return Line::styled(Style::Bad, "nothing was judged");
    }
    let found = match (counts.is_empty(), unread) {
        (false, _) => counts.join(", "),
        (true, 0) => "nothing found".to_owned(),
        (true, _) => "nothing else found".to_owned(),
    };
    let style = match report.summary.counted.keys().next_back() {
        Some(severity) => style_of(*severity),
        None if unread > 0 => Style::Bad,
        None => Style::Good,
    };
    let mut rest = format!(
        " in {} of {}",
        plural(*judged, "pod template"),
        plural(*files, "file")
    );
    let mut more = |count: usize, what: &str| {
        if count > 0 {
            let _ = write!(rest, "; {count} {what}");
        }
    };
    more(*exempted, "exempted");
    more(*known, "in the baseline file");
    more(*fixable, "that --fix resolves");
    if !skipped.is_empty() {
        let kinds: Vec<String> = skipped
            .iter()
            .map(|(kind, it)| format!("{it} {kind}"))
            .collect();
        let _ = write!(rest, "; without a pod template: {}", kinds.join(", "));
    }
    if *foreign > 0 {
        let what = plural(*foreign, "document");
        let _ = write!(rest, "; {what} without apiVersion and kind");
    }
    Line::styled(style, found).then(Style::Plain, rest)
}

fn plural(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ if what == "info" => format!("{count} {what}"),
        _ => format!("{count} {what}s"),
    }
}
