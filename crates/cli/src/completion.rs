//! Says to the task's entry point that this process ran to its end: an exit code alone does not.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::PathBuf;

use rollguard_agent::AgentEnv;
use rollguard_agent::env::{COMPLETION_FILE, COMPLETION_TOKEN};

/// The file that the entry point (`task/completion.js`) reads afterwards, and what it expects there.
pub(crate) struct Completion {
    file: PathBuf,
    token: String,
}

impl Completion {
    /// Returns `None` for a process that no entry point started.
    pub(crate) fn expected(env: &AgentEnv) -> Option<Self> {
        Some(Self {
            file: env.get(&COMPLETION_FILE)?.into(),
            token: env.get(&COMPLETION_TOKEN)?.to_owned(),
        })
    }

    /// Says that the outputs are set and the process is about to end with `exit_code`.
    ///
    /// # Errors
    /// When the file cannot be created, or is there already. The entry point then fails the task.
    pub(crate) fn report(&self, exit_code: u8) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&self.file)?;
        write!(file, "{} {exit_code}", self.token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_reported_once_and_only_where_it_is_expected() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("completion");
        let path = file.to_str().unwrap();
        let named = ("ROLLGUARD_COMPLETION_FILE", path);
        let token = ("ROLLGUARD_COMPLETION_TOKEN", "5b1c");
        for incomplete in [vec![], vec![named], vec![token]] {
            assert!(Completion::expected(&AgentEnv::from_pairs(incomplete)).is_none());
        }
        let expected = Completion::expected(&AgentEnv::from_pairs([named, token])).unwrap();
        expected.report(10).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "5b1c 10");
        assert!(expected.report(0).is_err());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "5b1c 10");
    }
}
