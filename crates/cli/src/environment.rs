//! All that is read from the process's surroundings, once: variables, terminals, the time.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use jiff::Timestamp;
use rollguard_agent::env::{CA_INFO, CLIENT_CERTIFICATE, CLIENT_KEY, SKIP_VERIFICATION};
use rollguard_agent::{Outcome, is_secret_of_the_job};
use rollguard_cluster::Programs;
use rollguard_network::{Network, Proxies, ProxySettings, Trust};
use terminal_size::{Height, Width, terminal_size_of};

use crate::console::Console;
use crate::failure::Failure;
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

    /// Proxies and trusted certificates: the agent's settings, else the environment's.
    pub(crate) fn network(&self) -> Result<Network, Failure> {
        let settings = ProxySettings::from_variables(|name| self.text(&[name]));
        let proxies = Proxies::new(&settings)
            .map_err(|error| Failure::new(Outcome::BadInput, error.to_string()))?;
        let mut extra_roots_pem = Vec::new();
        for variable in [CA_INFO.name, "NODE_EXTRA_CA_CERTS"] {
            let pem = self.pem_of(variable)?;
            extra_roots_pem.extend(
                pem.filter(|it| !it.trim_ascii().is_empty())
                    .unwrap_or_default(),
            );
        }
        let mut client_identity_pem = self.pem_of(CLIENT_CERTIFICATE.name)?;
        if let Some(identity) = &mut client_identity_pem {
            identity.extend(self.pem_of(CLIENT_KEY.name)?.unwrap_or_default());
        }
        let skips = self.text(&[SKIP_VERIFICATION.name]);
        Ok(Network {
            proxies,
            trust: Trust {
                extra_roots_pem,
                client_identity_pem,
                skip_verification: skips.is_some_and(|it| it.eq_ignore_ascii_case("true")),
            },
        })
    }

    /// The content of the file that a variable names. It ends with a line break, so that another may follow.
    fn pem_of(&self, variable: &str) -> Result<Option<Vec<u8>>, Failure> {
        let Some(path) = self.get(variable) else {
            return Ok(None);
        };
        let mut pem = std::fs::read(path).map_err(|error| {
            let path = path.to_string_lossy();
            Failure::new(
                Outcome::BadInput,
                format!("cannot read the file `{path}` that `{variable}` names: {error}"),
            )
        })?;
        pem.push(b'\n');
        Ok(Some(pem))
    }

    /// Returns the surroundings of a kubeconfig's credential plugins.
    pub(crate) fn programs(&self) -> Programs {
        let names = self.variables.iter().map(|(name, _)| name);
        Programs {
            withheld: names
                .filter(|name| name.to_str().is_some_and(is_secret_of_the_job))
                .cloned()
                .collect(),
            has_terminal: self.can_ask,
        }
    }

    /// Returns whether the terminal understands more than text.
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
