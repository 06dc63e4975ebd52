//! Variables, and the `$(…)` macros that name them.

use std::collections::BTreeMap;

use crate::expression::{Value, same};

/// How deep variables may name one another; the agent's own limit (`Variables`, recursion depth).
const MAX_DEPTH: usize = 50;

/// Variables by name, ignoring case.
#[derive(Debug, Clone, Default)]
pub(super) struct Variables {
    entries: Vec<(String, String)>,
}

impl Variables {
    /// Sets a variable, in place of one of the same name.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        match self.entries.iter_mut().find(|(known, _)| same(known, name)) {
            Some((_, known)) => value.clone_into(known),
            None => self.entries.push((name.to_owned(), value.to_owned())),
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.entries
            .iter()
            .find(|(known, _)| same(known, name))
            .map(|(_, value)| value.as_str())
    }

    /// Replaces `$(name)` where the variable exists; the rest stays as it is, as the agent does
    /// (`VarUtil.ExpandValues`). Macros inside a value that was put in are left alone.
    pub(super) fn fill(&self, text: &str) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some(start) = rest.find("$(") {
            let (before, macro_on) = rest.split_at(start);
            filled.push_str(before);
            let value = macro_on
                .find(')')
                .and_then(|end| Some((self.get(&macro_on[2..end])?, &macro_on[end + 1..])));
            if let Some((value, after)) = value {
                filled.push_str(value);
                rest = after;
            } else {
                filled.push_str("$(");
                rest = &macro_on[2..];
            }
        }
        filled.push_str(rest);
        filled
    }

    /// Fills in variables that name other variables; those that name themselves stay as they are.
    pub(super) fn expand_nested(&mut self) {
        for _ in 0..MAX_DEPTH {
            let expanded: Vec<_> = self
                .entries
                .iter()
                .map(|(name, value)| (name.clone(), self.without(name).fill(value)))
                .collect();
            if expanded == self.entries {
                return;
            }
            self.entries = expanded;
            // Variables that name each other in a circle would grow without end.
            if self.entries.iter().any(|(_, value)| value.len() > 1 << 16) {
                return;
            }
        }
    }

    fn without(&self, name: &str) -> Self {
        let others = self.entries.iter().filter(|(known, _)| !same(known, name));
        Self {
            entries: others.cloned().collect(),
        }
    }

    /// `variables` of the expression language.
    pub(super) fn to_value(&self) -> Value {
        let entries = self.entries.iter();
        Value::Object(
            entries
                .map(|(name, value)| (name.clone(), Value::text(value)))
                .collect(),
        )
    }

    /// All variables, by name.
    pub(super) fn to_map(&self) -> BTreeMap<String, String> {
        self.entries.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(entries: &[(&str, &str)]) -> Variables {
        let mut variables = Variables::default();
        for (name, value) in entries {
            variables.set(name, value);
        }
        variables
    }

    #[test]
    fn macros_are_filled_in_as_the_agent_does() {
        let known = variables(&[
            ("summary", "2 of 3"),
            ("empty", ""),
            ("inner", "$(summary)"),
        ]);
        let rows: &[(&str, &str, &str)] = &[
            ("a known variable", "is $(summary).", "is 2 of 3."),
            ("in another case", "$(SUMMARY)", "2 of 3"),
            ("twice", "$(summary)$(summary)", "2 of 32 of 3"),
            ("an empty variable", "[$(empty)]", "[]"),
            ("an unknown variable stays", "$(nobody)", "$(nobody)"),
            ("a shell command stays", "$(date +%s)", "$(date +%s)"),
            ("an open macro stays", "$(summary", "$(summary"),
            (
                "a macro inside an unknown one",
                "$(a $(summary))",
                "$(a 2 of 3)",
            ),
            ("a value is not expanded again", "$(inner)", "$(summary)"),
            (
                "other syntax stays",
                "${summary} $summary",
                "${summary} $summary",
            ),
        ];
        for (name, text, expected) in rows {
            assert_eq!(known.fill(text), *expected, "{name}");
        }
    }

    #[test]
    fn variables_may_name_one_another() {
        let mut known = variables(&[("a", "$(b)!"), ("b", "$(c)?"), ("c", "x")]);
        known.expand_nested();
        assert_eq!(known.fill("$(a)"), "x?!");
    }

    #[test]
    fn variables_in_a_circle_come_to_an_end() {
        let mut known = variables(&[("a", "$(b)$(b)"), ("b", "$(a)$(a)"), ("me", "$(me)")]);
        known.expand_nested();
        assert_eq!(known.fill("$(me)"), "$(me)");
    }
}
