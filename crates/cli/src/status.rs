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
    /// The causes that are suspected, and when each decides.
    pub(crate) suspects: Vec<String>,
}

/// The longest name that is shown whole: on 80 columns the status itself must have room.
const NAME: usize = 40;

/// The rows in columns. What matters least stands last: a narrow terminal cuts there.
pub(crate) fn table(rows: &[Row]) -> Vec<Line> {
    let elapsed: Vec<String> = rows
        .iter()
        .map(|row| format!("…{}", Human(row.elapsed)))
        .collect();
    let widest = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or_default();
    // As wide as the time before an event, at least.
    let before = widest(&mut elapsed.iter().map(|it| it.chars().count())).max(6);
    let names: Vec<String> = rows.iter().map(|row| shortened(&row.name)).collect();
    let width = widest(&mut names.iter().map(|name| name.chars().count()));
    let lines = |((row, elapsed), name): ((&Row, &String), &String)| {
        let line = Line::styled(Style::Dim, format!("{elapsed:>before$}  "))
            .then(Style::Strong, format!("{name:<width$}  "))
            .then(row.style, row.text.clone());
        let suspects = row.suspects.iter().map(|it| {
            let indent = " ".repeat(before + 2);
            Line::plain(indent).then(Style::Warn, it.clone())
        });
        std::iter::once(line).chain(suspects).collect::<Vec<_>>()
    };
    rows.iter()
        .zip(&elapsed)
        .zip(&names)
        .flat_map(lines)
        .collect()
}

/// A long name without its middle: names that resemble each other differ at their ends.
fn shortened(name: &str) -> String {
    let all: Vec<char> = name.chars().collect();
    if all.len() <= NAME {
        return name.to_owned();
    }
    let tail = (NAME - 1) / 2;
    let head = all.iter().take(NAME - 1 - tail);
    let end = all.iter().skip(all.len() - tail);
    head.chain(&['…']).chain(end).collect()
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
            suspects: Vec::new(),
        };
        let crashing = Row {
            suspects: vec!["CrashAtStart: 3 of 4 ends, next start in 20s".to_owned()],
            ..row(72, "deployment/web", "2 of 3 updated replicas available")
        };
        let lines = table(&[crashing, row(5, "statefulset/database", "complete")]);
        let text: Vec<String> = lines.iter().map(Line::text).collect();
        assert_eq!(
            text,
            [
                "…1m12s  deployment/web        2 of 3 updated replicas available",
                "        CrashAtStart: 3 of 4 ends, next start in 20s",
                "   …5s  statefulset/database  complete",
            ]
        );
        assert!(table(&[]).is_empty());
    }

    #[test]
    fn a_long_name_leaves_room_for_the_status() {
        let row = |name: String| Row {
            elapsed: Duration::from_secs(5),
            name,
            text: "complete".to_owned(),
            style: Style::Plain,
            suspects: Vec::new(),
        };
        let long = format!("deployment/{}-blue", "w".repeat(200));
        let lines = table(&[row("deployment/web".to_owned()), row(long)]);
        let ends: Vec<usize> = lines.iter().map(|it| it.text().chars().count()).collect();
        assert_eq!(ends, [8 + 40 + 2 + 8; 2]);
        let text = lines[1].text();
        assert!(
            text.contains("deployment/www") && text.contains("w-blue  complete"),
            "{text}"
        );
    }
}
