//! Completions for shells.

use clap::builder::PossibleValuesParser;
use clap::{Arg, Command};
use clap_complete::{Shell, generate};

use super::command as whole_command;

/// The shells, by the names that their users know, and the names of the files that they look for.
pub const SHELLS: [(&str, &str); 4] = [
    ("bash", "rollguard.bash"),
    ("zsh", "_rollguard"),
    ("fish", "rollguard.fish"),
    ("powershell", "rollguard.ps1"),
];

pub(super) fn command() -> Command {
    Command::new("completions")
        .about("Prints a script that completes commands and options in a shell")
        .arg(
            Arg::new("shell")
                .value_name("SHELL")
                .required(true)
                .value_parser(PossibleValuesParser::new(SHELLS.map(|(name, _)| name)))
                .help("The shell"),
        )
}

/// Returns the script for a shell; empty for one that is not known.
#[must_use]
pub fn script(shell: &str) -> String {
    let shell = match shell {
        "bash" => Shell::Bash,
        "zsh" => Shell::Zsh,
        "fish" => Shell::Fish,
        "powershell" => Shell::PowerShell,
        _ => return String::new(),
    };
    let mut script = Vec::new();
    generate(shell, &mut command_line(), "rollguard", &mut script);
    String::from_utf8_lossy(&script).trim_end().to_owned()
}

/// Returns the command line that people use, for man pages: without what only the task calls.
#[must_use]
pub fn command_line() -> Command {
    let whole = whole_command();
    let mut public = Command::new("rollguard").subcommands(
        whole
            .get_subcommands()
            .filter(|it| !it.is_hide_set())
            .cloned(),
    );
    if let Some(about) = whole.get_about() {
        public = public.about(about.clone());
    }
    if let Some(end) = whole.get_after_help() {
        public = public.after_help(end.clone());
    }
    public.version(super::version::SHORT)
}
