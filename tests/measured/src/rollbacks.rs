//! The state that a rollback leaves behind, by kubectl and by rollguard.

use serde::{Deserialize, Serialize};

/// All that was measured, in the order of the cases.
#[derive(Debug, Serialize, Deserialize)]
pub struct Measured {
    /// The API server's version.
    pub kubernetes: String,
    /// How many cases there are; a page of fewer would be no comparison.
    pub cases: usize,
    /// One for each case that was carried out.
    pub rows: Vec<Row>,
}

/// One case.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    /// The case's name.
    pub case: String,
    /// What it is about, as a sentence.
    pub says: String,
    /// What is rolled back.
    pub kind: String,
    /// None where nothing was compared.
    pub kubectl: Option<Side>,
    /// What rollguard made of it.
    pub rollguard: Side,
}

/// The results of a tool for a case, run by run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Side {
    /// The first one and those after it.
    pub runs: Vec<Run>,
}

/// One run of a tool.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Run {
    /// What a person decided before it.
    pub flags: Vec<String>,
    /// Each of its commands.
    pub told: Vec<Command>,
    /// What was left behind then.
    pub left: String,
    /// Whether that is as it should be, with no change too many.
    pub right: bool,
}

/// A command that ended. As JSON it is a list of three.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "Triple", into = "Triple")]
pub struct Command {
    /// Its short name.
    pub name: String,
    /// Its exit code; -1 for one that was killed.
    pub code: i32,
    /// Its last word.
    pub words: String,
}

type Triple = (String, i32, String);

impl From<Triple> for Command {
    fn from((name, code, words): Triple) -> Self {
        Self { name, code, words }
    }
}

impl From<Command> for Triple {
    fn from(Command { name, code, words }: Command) -> Self {
        (name, code, words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_a_list_in_json_both_ways() {
        let text = r#"{"flags":[],"told":[["undo",0,"rolled back"]],"left":"v1","right":true}"#;
        let run: Run = serde_json::from_str(text).unwrap();
        assert_eq!(run.told[0].name, "undo");
        assert_eq!(run.told[0].words, "rolled back");
        assert_eq!(serde_json::to_string(&run).unwrap(), text);
    }
}
