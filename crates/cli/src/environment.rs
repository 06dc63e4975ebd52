//! All that is read from the process's surroundings, once: variables, terminals, the time.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use jiff::Timestamp;
use rollguard_agent::env::{CA_INFO, CLIENT_CERTIFICATE, CLIENT_KEY, SKIP_VERIFICATION};
use rollguard_agent::{Outcome, is_secret_of_the_job};
use rollguard_cluster::{Login, Programs};
use rollguard_network::{Listener, Network, Proxies, ProxySettings, Trust};
use terminal_size::{Height, Width, terminal_size_of};

use crate::console::Console;
use crate::failure::Failure;
use crate::run::doctor::NetworkSettings;
use crate::run::drill::Screen;
use crate::status_area::{Size, SizeOf};

/// The folder into which the kubelet writes a pod's credentials (client-go `rest/config.go`).
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

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

    /// Returns whether a variable has a value.
    #[cfg(debug_assertions)]
    pub(crate) fn is_set(&self, name: &str) -> bool {
        self.get(name).is_some()
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

    /// Returns whether a kubeconfig is named, whether it exists or not.
    pub(crate) fn names_kubeconfig(&self) -> bool {
        self.get("KUBECONFIG").is_some()
    }

    /// The login of the pod in which this runs, as the kubelet sets it up.
    pub(crate) fn in_cluster(
        &self,
        network: impl FnOnce() -> Result<Network, Failure>,
    ) -> Result<Option<Login>, Failure> {
        let host = self.text(&["KUBERNETES_SERVICE_HOST"]);
        let Some((host, port)) = host.zip(self.text(&["KUBERNETES_SERVICE_PORT"])) else {
            return Ok(None);
        };
        Ok(Some(Login::InCluster {
            server: in_cluster_server(&host, &port),
            folder: PathBuf::from(SERVICE_ACCOUNT),
            network: network()?,
        }))
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
            listener: Listener::default(),
        })
    }

    /// The same, with the names of the settings for a doctor.
    pub(crate) fn network_settings(&self) -> NetworkSettings {
        NetworkSettings::new(self.network(), |name| self.get(name).is_some())
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

    /// Where the log of requests goes.
    #[expect(clippy::disallowed_methods, reason = "the one place that opens them")]
    #[expect(clippy::unused_self, reason = "the stream belongs to the surroundings")]
    pub(crate) fn request_log(&self) -> Box<dyn Write + Send> {
        Box::new(io::stderr())
    }

    /// A console as the agent reads it: no colours, nothing drawn over.
    #[expect(clippy::disallowed_methods, reason = "the one place that opens them")]
    pub(crate) fn agent_console() -> Console {
        Console::new(Box::new(io::stdout()), Box::new(io::sink())).with_agent()
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

/// An IPv6 address stands in brackets.
fn in_cluster_server(host: &str, port: &str) -> String {
    if host.contains(':') {
        format!("https://[{host}]:{port}")
    } else {
        format!("https://{host}:{port}")
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Variables, and the API server that they name.
    type Row<'a> = (&'a [(&'a str, &'a str)], Option<&'a str>);

    fn environment(variables: &[(&str, &str)]) -> Environment {
        let pairs = variables.iter();
        Environment {
            variables: pairs.map(|(name, it)| (name.into(), it.into())).collect(),
            can_ask: false,
        }
    }

    #[test]
    fn a_pod_is_known_by_both_of_its_variables() {
        let host = ("KUBERNETES_SERVICE_HOST", "10.0.0.1");
        let port = ("KUBERNETES_SERVICE_PORT", "443");
        let rows: [Row<'_>; 5] = [
            (&[host, port], Some("https://10.0.0.1:443")),
            (
                &[("KUBERNETES_SERVICE_HOST", "fd00::1"), port],
                Some("https://[fd00::1]:443"),
            ),
            (&[host], None),
            (&[("KUBERNETES_SERVICE_HOST", ""), port], None),
            (&[], None),
        ];
        for (variables, expected) in rows {
            let login = environment(variables)
                .in_cluster(|| Ok(Network::default()))
                .unwrap();
            let server = login.map(|login| {
                let Login::InCluster { server, .. } = login else {
                    panic!("another login");
                };
                server
            });
            assert_eq!(server.as_deref(), expected, "{variables:?}");
        }
    }
}
