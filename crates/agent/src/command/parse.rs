//! Reads logging commands as the agent does, for runs without one.

use std::collections::BTreeMap;

use super::escape::unescape;

/// A logging command found in a line of output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedCommand {
    /// The part before the dot: `task`.
    pub area: String,
    /// The part behind it: `setvariable`.
    pub event: String,
    properties: BTreeMap<String, String>,
    /// The text behind `]`.
    pub data: String,
}

impl ParsedCommand {
    /// A property; its name is found in any case.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&str> {
        self.properties
            .get(&name.to_ascii_lowercase())
            .map(String::as_str)
    }

    /// Returns whether a property says yes, as .NET's `Boolean.TryParse` reads it.
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        self.property(name)
            .is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
    }
}

/// Finds the command in one line, by the rules of azure-pipelines-agent, `Command.cs`: the first
/// `##vso[` anywhere begins it, the first `]` behind that ends its head, the head is `area.event`,
/// a space and `key=value` pairs between `;`. What stands before is dropped. `None`: the line is
/// ordinary output.
#[must_use]
pub fn parse_line(line: &str) -> Option<ParsedCommand> {
    let (_, command) = line.split_once("##vso[")?;
    let (head, data) = command.split_once(']')?;
    let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
    let mut names = name.split('.').filter(|part| !part.is_empty());
    let (Some(area), Some(event), None) = (names.next(), names.next(), names.next()) else {
        return None;
    };
    Some(ParsedCommand {
        area: area.to_owned(),
        event: event.to_owned(),
        properties: properties.split(';').filter_map(property).collect(),
        data: unescape(data),
    })
}

/// `key=value`, neither of them empty.
fn property(pair: &str) -> Option<(String, String)> {
    let (key, value) = pair.trim_start_matches('=').split_once('=')?;
    let value = value.trim_start_matches('=');
    (!value.is_empty()).then(|| (key.to_ascii_lowercase(), unescape(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Area, event and data.
    type Found = Option<(&'static str, &'static str, &'static str)>;

    #[test]
    fn commands_are_found_as_the_agent_finds_them() {
        let rows: &[(&str, &str, Found)] = &[
            (
                "at the start",
                "##vso[task.debug]x",
                Some(("task", "debug", "x")),
            ),
            (
                "behind other text",
                "2026-11-21 ##vso[task.debug]x",
                Some(("task", "debug", "x")),
            ),
            (
                "without data",
                "##vso[task.complete result=Failed]",
                Some(("task", "complete", "")),
            ),
            (
                "escapes are undone",
                "##vso[task.debug]a%0Ab%AZP253B",
                Some(("task", "debug", "a\nb%3B")),
            ),
            (
                "the data may hold another one",
                "##vso[a.b]##vso[c.d]",
                Some(("a", "b", "##vso[c.d]")),
            ),
            (
                "empty name parts are skipped",
                "##vso[.task..debug]x",
                Some(("task", "debug", "x")),
            ),
            ("no closing bracket", "##vso[task.debug x", None),
            ("no event", "##vso[task]x", None),
            ("three parts", "##vso[a.b.c]x", None),
            ("a marker is not a command", "##[error]x", None),
            ("the case matters", "##VSO[task.debug]x", None),
            ("ordinary text", "all is well", None),
            ("nothing", "", None),
        ];
        for (name, line, expected) in rows {
            let parsed = parse_line(line);
            let found = parsed.as_ref().map(|it| (&*it.area, &*it.event, &*it.data));
            assert_eq!(found, *expected, "{name}");
        }
    }

    #[test]
    fn properties_are_read_as_the_agent_reads_them() {
        let line = "##vso[task.setvariable variable=a%3Bb;isOutput=True;empty=;;x=1=2;bare]v";
        let parsed = parse_line(line).unwrap();
        assert_eq!(parsed.property("Variable"), Some("a;b"));
        assert!(parsed.flag("isoutput"));
        assert!(!parsed.flag("isSecret"));
        assert_eq!(parsed.property("empty"), None);
        assert_eq!(parsed.property("x"), Some("1=2"));
        assert_eq!(parsed.property("bare"), None);
    }
}
