//! The way to ask for permissions, in the words of the user: hints name it.

/// How the user runs `doctor` for the same cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DoctorCommand {
    /// On the command line.
    CommandLine {
        /// The options that name the cluster, such as ` --context test`; empty where there are none.
        options: String,
    },
    /// As a command of the task.
    Task,
}

/// How every hint begins to name it.
const OPENING: &str = "`rollguard doctor";

impl Default for DoctorCommand {
    fn default() -> Self {
        Self::CommandLine {
            options: String::new(),
        }
    }
}

impl DoctorCommand {
    /// Returns a hint that names `rollguard doctor` as the user would run it. A hint that is complete stays as it is.
    #[must_use]
    pub fn named_in(&self, hint: &str) -> String {
        let parts = hint.split_once(OPENING).and_then(|(before, rest)| {
            let (arguments, after) = rest.split_once('`')?;
            Some([before, arguments, after])
        });
        let Some([before, arguments, after]) = parts else {
            return hint.to_owned();
        };
        match self {
            Self::Task => format!("{before}this task with `command: doctor`{after}"),
            Self::CommandLine { options } if arguments.starts_with(options) => hint.to_owned(),
            Self::CommandLine { options } => {
                format!("{before}{OPENING}{options}{arguments}`{after}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_names_doctor_as_the_user_runs_it() {
        let hint = "apply the Role that `rollguard doctor check -n shop` prints; or `x`";
        let with = |options: &str| DoctorCommand::CommandLine {
            options: options.to_owned(),
        };
        let rows = [
            ("without options", with(""), hint.to_owned()),
            (
                "with options",
                with(" --context test"),
                "apply the Role that `rollguard doctor --context test check -n shop` prints; or `x`".to_owned(),
            ),
            (
                "in a task",
                DoctorCommand::Task,
                "apply the Role that this task with `command: doctor` prints; or `x`".to_owned(),
            ),
        ];
        for (says, command, expected) in rows {
            let named = command.named_in(hint);
            assert_eq!(named, expected, "{says}");
            assert_eq!(command.named_in(&named), expected, "{says}, once more");
            assert_eq!(command.named_in("try again"), "try again", "{says}");
        }
    }
}
