//! All that is read from the process's surroundings, once: variables, terminals, the time.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use jiff::Timestamp;
use rollguard_cluster::Proxies;
use terminal_size::{Height, Width, terminal_size_of};

use crate::console::Console;
use crate::run::drill::Screen;
use crate::status_area::{Size, SizeOf};

/// The process's surroundings.
pub(crate) struct Environment {
    variables: Vec<(OsString, OsString)>,
    /// Whether a person can answer.
    pub(crate) can_ask: bool,
}

impl Environment {
    /// Reads them.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads it")]
    pub(crate) fn of_process() -> Self {
        let can_ask = io::stdin().is_terminal() && io::stderr().is_terminal();
        Self {
            variables: std::env::vars_os().collect(),
            can_ask,
        }
    }

    /// The command line, the program's name first.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads it")]
    pub(crate) fn arguments() -> impl Iterator<Item = OsString> {
        std::env::args_os()
    }

    /// The variables, for the agent's contract.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (OsString, OsString)> + '_ {
        self.variables.iter().cloned()
    }

    fn get(&self, name: &str) -> Option<&OsString> {
        let found = self.variables.iter().find(|(known, _)| known == name);
        found
            .map(|(_, value)| value)
            .filter(|value| !value.is_empty())
    }

    fn text(&self, names: &[&str]) -> Option<String> {
        names
            .iter()
            .find_map(|name| self.get(name))
            .and_then(|value| value.to_str())
            .map(str::to_owned)
    }

    /// The local time; sessions run on the API server's.
    #[expect(clippy::unused_self, reason = "the time belongs to the surroundings")]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads it")]
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    /// The kubeconfig files, as kubectl finds them.
    pub(crate) fn kubeconfig_paths(&self) -> Vec<PathBuf> {
        if let Some(list) = self.get("KUBECONFIG") {
            return std::env::split_paths(list)
                .filter(|path| !path.as_os_str().is_empty())
                .collect();
        }
        let home = self.get("HOME").or_else(|| self.get("USERPROFILE"));
        home.map(|home| PathBuf::from(home).join(".kube").join("config"))
            .into_iter()
            .collect()
    }

    /// The proxies, as curl finds them.
    pub(crate) fn proxies(&self) -> Proxies {
        Proxies {
            https: self.text(&["HTTPS_PROXY", "https_proxy"]),
            no_proxy: self.text(&["NO_PROXY", "no_proxy"]),
        }
    }

    /// Whether the terminal understands more than text.
    fn is_capable(&self) -> bool {
        self.get("TERM").is_none_or(|term| term != "dumb")
    }

    /// A console for a person on stdout, or on stderr where stdout is for programs.
    #[expect(clippy::disallowed_methods, reason = "the one place that opens them")]
    pub(crate) fn console(&self, data_on_stdout: bool) -> Console {
        let screen = self.screen(data_on_stdout);
        Console::new((screen.open)(), Box::new(io::stdout()))
            .with_terminal(screen.colour, screen.size_of)
    }

    /// A console as the agent reads it: no colours, nothing drawn over.
    #[expect(clippy::disallowed_methods, reason = "the one place that opens them")]
    pub(crate) fn agent_console() -> Console {
        Console::new(Box::new(io::stdout()), Box::new(io::sink()))
    }

    /// Where people read.
    #[expect(clippy::disallowed_methods, reason = "the one place that opens them")]
    pub(crate) fn screen(&self, data_on_stdout: bool) -> Screen {
        let is_terminal = if data_on_stdout {
            io::stderr().is_terminal()
        } else {
            io::stdout().is_terminal()
        };
        let has_status_area = is_terminal && self.is_capable();
        let size_of: SizeOf = if data_on_stdout {
            || size(terminal_size_of(io::stderr()))
        } else {
            || size(terminal_size_of(io::stdout()))
        };
        let open = move || -> Box<dyn Write + Send> {
            if data_on_stdout {
                Box::new(io::stderr())
            } else {
                Box::new(io::stdout())
            }
        };
        Screen {
            open: Box::new(open),
            colour: has_status_area && self.get("NO_COLOR").is_none(),
            size_of: has_status_area.then_some(size_of),
        }
    }
}

/// A terminal that tells none, or nothing sensible, has the usual size.
fn size(told: Option<(Width, Height)>) -> Size {
    match told {
        Some((Width(columns @ 1..), Height(rows @ 1..))) => Size {
            columns: columns.into(),
            rows: rows.into(),
        },
        Some(_) | None => Size::default(),
    }
}
