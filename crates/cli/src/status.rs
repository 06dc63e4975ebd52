//! The status while a check runs: one line for each workload.

use std::time::Duration;

use rollguard_core::duration::Human;
use rollguard_core::report::{Line, Style};

/// One workload's line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// For how long it has been followed.
    pub(crate) elapsed: Duration,
    /// As kubectl writes it: `deployment/web`.
    pub(crate) name: String,
    /// What is pending, or what came out.
    pub(crate) text: String,
    /// What `text` means.
    pub(crate) style: Style,
}

/// The rows in columns. What matters least stands last: a narrow terminal cuts there.
pub(crate) fn table(rows: &[Row]) -> Vec<Line> {
    let elapsed: Vec<String> = rows
        .iter()
        .map(|row| Human(row.elapsed).to_string())
        .collect();
    let widest = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or_default();
    let before = widest(&mut elapsed.iter().map(|it| it.chars().count()));
    let names = widest(&mut rows.iter().map(|row| row.name.chars().count()));
    let line = |(row, elapsed): (&Row, &String)| {
        Line::styled(Style::Dim, format!("  … {elapsed:>before$}  "))
            .then(Style::Strong, format!("{:<names$}  ", row.name))
            .then(row.style, row.text.clone())
    };
    rows.iter().zip(&elapsed).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_stand_below_each_other() {
        let row = |seconds, name: &str, text: &str| Row {
            elapsed: Duration::from_secs(seconds),
            name: name.to_owned(),
            text: text.to_owned(),
            style: Style::Plain,
        };
        let lines = table(&[
            row(72, "deployment/web", "2 of 3 updated replicas available"),
            row(5, "statefulset/database", "complete"),
        ]);
        let text: Vec<String> = lines.iter().map(Line::text).collect();
        assert_eq!(
            text,
            [
                "  … 1m12s  deployment/web        2 of 3 updated replicas available",
                "  …    5s  statefulset/database  complete",
            ]
        );
        assert!(table(&[]).is_empty());
    }
}
