//! Credential plugins: the programs that a kubeconfig names under `exec`, such as kubelogin.
//!
//! kube runs them too, but puts their arguments and environment into its errors, hands them every
//! variable of the job, and ends the process at a token that does not fit into a header.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::config::{ExecConfig, ExecInteractiveMode};
use rollguard_core::duration::Human;
use rollguard_core::foreign_text::{MASK, mask};
use serde::Deserialize;
use serde_json::json;
use tokio::process::Command;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::token::printable;
use crate::login::{BearerTokens, BoxError, Programs};

/// The longest that a plugin may take when no one answers its questions.
const RUN_LIMIT: Duration = Duration::from_secs(60);
/// A token is renewed when it has less than this left.
const RENEW_BEFORE: Duration = Duration::from_secs(60);
/// The longest part of a plugin's stderr that is shown: its end, where the error stands.
const STDERR_SHOWN: usize = 1024;
/// Shorter values are ordinary words: hiding them would say more than it hides.
const SHORTEST_SECRET: usize = 4;

/// A credential that a plugin returned.
pub(super) enum Credential {
    Token(Token),
    /// A client certificate and its key, as PEM.
    Certificate {
        certificate: String,
        key: String,
    },
}

pub(super) struct Token {
    value: String,
    /// `None`: good until the server rejects it.
    expires: Option<Instant>,
}

/// A plugin, and where the kubeconfig names it.
#[derive(Clone)]
pub(super) struct Plugin {
    exec: ExecConfig,
    context: Option<String>,
    programs: Programs,
    started: (Timestamp, Instant),
}

/// A failed plugin. Says its name and what it wrote to stderr; never its arguments, environment or
/// stdout, because these are where secrets are.
#[derive(Debug, thiserror::Error)]
#[error("the credential plugin {place} {what}")]
pub(super) struct PluginError {
    /// The program's name, and the context that needs it.
    place: String,
    what: String,
    hint: Option<String>,
}

impl PluginError {
    pub(super) fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

#[derive(Deserialize)]
struct Answer {
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    expiration_timestamp: Option<Timestamp>,
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

impl Plugin {
    /// `now` is the local time: a plugin's expiry is compared with it.
    pub(super) fn new(
        exec: ExecConfig,
        context: Option<String>,
        programs: Programs,
        now: Timestamp,
    ) -> Self {
        Self {
            exec,
            context,
            programs,
            started: (now, Instant::now()),
        }
    }

    /// Runs the program once.
    pub(super) async fn run(&self) -> Result<Credential, PluginError> {
        let mut command = self.command()?;
        let output = async {
            let child = command.spawn()?;
            child.wait_with_output().await
        };
        let output = if self.is_interactive() {
            output.await
        } else {
            timeout(RUN_LIMIT, output)
                .await
                .map_err(|_| self.failed(format!("did not end within {}", Human(RUN_LIMIT))))?
        };
        let output = output.map_err(|error| self.not_started(&error))?;
        if !output.status.success() {
            return Err(self.ended(output.status, &output.stderr));
        }
        self.read(&output.stdout)
    }

    fn command(&self) -> Result<Command, PluginError> {
        let program = self.exec.command.as_deref().unwrap_or_default();
        if program.is_empty() {
            return Err(self.failed("has no `command` in the kubeconfig".to_owned()));
        }
        if self.exec.interactive_mode == Some(ExecInteractiveMode::Always)
            && !self.programs.has_terminal
        {
            return Err(self.failed(
                "asks questions (interactiveMode: Always), and there is no terminal to answer them"
                    .to_owned(),
            ));
        }
        let mut command = Command::new(program);
        for name in &self.programs.withheld {
            command.env_remove(name);
        }
        command
            .args(self.exec.args.iter().flatten())
            .envs(self.variables())
            .env("KUBERNETES_EXEC_INFO", self.exec_info())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        if self.is_interactive() {
            command.stdin(Stdio::inherit()).stderr(Stdio::inherit());
        } else {
            command.stdin(Stdio::null()).stderr(Stdio::piped());
        }
        Ok(command)
    }

    fn is_interactive(&self) -> bool {
        self.programs.has_terminal && self.exec.interactive_mode != Some(ExecInteractiveMode::Never)
    }

    /// The variables that the kubeconfig sets for the program.
    fn variables(&self) -> impl Iterator<Item = (&String, &String)> {
        let entries = self.exec.env.iter().flatten();
        entries.filter_map(|entry| Some((entry.get("name")?, entry.get("value")?)))
    }

    /// `KUBERNETES_EXEC_INFO` (client-go `tools/auth/exec`).
    fn exec_info(&self) -> String {
        let cluster = self.exec.cluster.as_ref();
        let cluster = cluster.filter(|_| self.exec.provide_cluster_info);
        let mut spec = json!({"interactive": self.is_interactive()});
        if let (Some(cluster), Some(spec)) = (cluster, spec.as_object_mut()) {
            spec.insert("cluster".to_owned(), json!(cluster));
        }
        json!({"kind": "ExecCredential", "apiVersion": self.exec.api_version, "spec": spec})
            .to_string()
    }

    fn read(&self, stdout: &[u8]) -> Result<Credential, PluginError> {
        let unreadable = || self.failed("did not print an ExecCredential as JSON".to_owned());
        let answer: Answer = serde_json::from_slice(stdout).map_err(|_| unreadable())?;
        let status = answer.status.ok_or_else(unreadable)?;
        if let (Some(certificate), Some(key)) =
            (status.client_certificate_data, status.client_key_data)
        {
            return Ok(Credential::Certificate { certificate, key });
        }
        let value = status.token.filter(|it| !it.is_empty());
        let value = value.ok_or_else(|| self.failed("returned no token".to_owned()))?;
        let value = printable(&value)
            .map_err(|problem| self.failed(format!("returned a token that {problem}")))?;
        let (now, started) = self.started;
        let expires = status.expiration_timestamp.map(|at| {
            let left = Duration::try_from(at.duration_since(now)).unwrap_or_default();
            started + left
        });
        Ok(Credential::Token(Token { value, expires }))
    }

    fn failed(&self, what: String) -> PluginError {
        let name = self.exec.command.as_deref().unwrap_or_default();
        let context = self.context.as_deref();
        let place = context.map_or_else(
            || format!("`{name}`"),
            |context| format!("`{name}` (context `{context}`)"),
        );
        PluginError {
            place,
            what,
            hint: None,
        }
    }

    fn not_started(&self, error: &io::Error) -> PluginError {
        let name = self.exec.command.as_deref().unwrap_or_default();
        let own = self.exec.install_hint.as_deref().map(str::trim);
        let install = match own.filter(|hint| !hint.is_empty()) {
            Some(hint) => hint.to_owned(),
            None if name.ends_with("kubelogin") => {
                "install kubelogin (`az aks install-cli`), or put it on the PATH".to_owned()
            }
            None => format!("install `{name}`, or put it on the PATH"),
        };
        let missing = error.kind() == io::ErrorKind::NotFound;
        let what = if missing {
            "is not installed".to_owned()
        } else {
            format!("cannot be started: {}", error.kind())
        };
        PluginError {
            hint: missing.then_some(install),
            ..self.failed(what)
        }
    }

    fn ended(&self, status: ExitStatus, stderr: &[u8]) -> PluginError {
        let stderr = String::from_utf8_lossy(stderr);
        let said = self.without_secrets(stderr.trim());
        let said = end_of(&said, STDERR_SHOWN);
        self.failed(if said.is_empty() {
            format!("ended with {status}")
        } else {
            format!("ended with {status}: {said}")
        })
    }

    /// `text` without the values that the kubeconfig hands to the program, and without tokens.
    fn without_secrets(&self, text: &str) -> String {
        let values = self.variables().map(|(_, value)| value.as_str());
        let arguments = self.exec.args.iter().flatten().map(String::as_str);
        let arguments = arguments.flat_map(|it| [it, it.split_once('=').map_or(it, |(_, v)| v)]);
        // A flag's name and a subcommand are no secrets, and errors quote them.
        let secret = |it: &&str| !it.starts_with('-') && it.contains(|c: char| !c.is_alphabetic());
        let secrets = values
            .chain(arguments.filter(secret))
            .filter(|it| it.len() >= SHORTEST_SECRET);
        let hidden = mask(text, secrets);
        let ends = |c: char| c.is_whitespace() || "\"',:=".contains(c);
        let pieces = hidden.split_inclusive(ends).map(|piece| {
            let word = piece.trim_end_matches(ends);
            let after = piece.strip_prefix(word).filter(|_| is_jwt(word));
            after.map_or_else(|| piece.to_owned(), |after| format!("{MASK}{after}"))
        });
        pieces.collect()
    }
}

/// The base64 of `{"`, with which every JSON Web Token begins (RFC 7519).
fn is_jwt(word: &str) -> bool {
    word.starts_with("eyJ") && word.len() > 20
}

/// The last `limit` bytes, from a character's start.
fn end_of(text: &str, limit: usize) -> &str {
    let mut from = text.len().saturating_sub(limit);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text.get(from..).unwrap_or_default()
}

/// The tokens of a plugin: it runs again before one expires, and when one is rejected.
pub(super) struct PluginTokens {
    plugin: Plugin,
    held: Arc<Mutex<Token>>,
}

impl PluginTokens {
    pub(super) fn new(plugin: Plugin, first: Token) -> Self {
        Self {
            plugin,
            held: Arc::new(Mutex::new(first)),
        }
    }
}

impl Token {
    fn is_good(&self, rejected: Option<&str>) -> bool {
        let lasts = self
            .expires
            .is_none_or(|end| Instant::now() + RENEW_BEFORE < end);
        lasts && rejected != Some(&self.value)
    }
}

#[async_trait::async_trait]
impl BearerTokens for PluginTokens {
    async fn token(&self, rejected: Option<&str>) -> Result<String, BoxError> {
        let (plugin, held) = (self.plugin.clone(), Arc::clone(&self.held));
        let rejected = rejected.map(str::to_owned);
        // In a task of its own: a request that is not polled must not hold the lock for the others.
        let renewal = tokio::spawn(async move {
            let mut held = held.lock().await;
            if !held.is_good(rejected.as_deref()) {
                match plugin.run().await? {
                    Credential::Token(token) => *held = token,
                    Credential::Certificate { .. } => {
                        return Err(plugin.failed(
                            "returned a token at first, and a certificate now".to_owned(),
                        ));
                    }
                }
            }
            Ok(held.value.clone())
        });
        Ok(renewal.await??)
    }
}

#[cfg(test)]
mod tests;
