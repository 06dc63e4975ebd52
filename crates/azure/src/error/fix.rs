//! The words that tell a reader what to do about a refusal.

/// The fix of one refusal, worded for where it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fix {
    in_task: &'static str,
    at_command_line: &'static str,
}

impl Fix {
    /// Reads the same everywhere.
    pub(crate) const fn everywhere(text: &'static str) -> Self {
        Self {
            in_task: text,
            at_command_line: text,
        }
    }

    /// Speaks of the service connection and the inputs in a task, of the kubeconfig and its sign-in
    /// program at the command line.
    pub(crate) const fn by_place(in_task: &'static str, at_command_line: &'static str) -> Self {
        Self {
            in_task,
            at_command_line,
        }
    }

    /// Returns the words for a task of Azure Pipelines.
    #[must_use]
    pub const fn in_task(self) -> &'static str {
        self.in_task
    }

    /// Returns the words for the command line.
    #[must_use]
    pub const fn at_command_line(self) -> &'static str {
        self.at_command_line
    }
}
