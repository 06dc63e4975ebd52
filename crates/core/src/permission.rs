//! The permissions that each command needs, in one table.
//!
//! `docs/rbac.md`, the Roles that `doctor` prints and the questions that it asks all come from it.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::workload::WorkloadKind;

mod doctor_command;
mod lint;
mod role;
mod table;
#[cfg(test)]
mod tests;

pub use doctor_command::DoctorCommand;
pub use role::{Binding, Subject, role};
pub use table::WITHOUT_RULE;

/// A command that talks to a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum Command {
    /// Follows a rollout to a verdict.
    Check,
    /// Restores a revision.
    Rollback,
    /// Rehearses the stage in a namespace that it creates.
    Drill,
    /// Predicts what a rollout will meet (`lint --live`).
    Lint,
}

impl Command {
    /// Every command.
    pub const ALL: [Self; 4] = [Self::Check, Self::Rollback, Self::Drill, Self::Lint];

    /// Returns the word for it on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Rollback => "rollback",
            Self::Drill => "drill",
            Self::Lint => "lint",
        }
    }

    /// Parses the word for it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How much a command depends on a permission; the strongest comes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum Need {
    /// The result stays the same without it.
    Optional,
    /// The command works without it, and sees or checks less.
    Narrows,
    /// The command cannot do its work without it.
    Needed,
}

/// Where a permission is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum Scope {
    /// By a Role in the namespace of the workloads.
    Namespace,
    /// By a `ClusterRole`.
    Cluster,
}

/// The option with which a command uses a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// With any options.
    Always,
    /// With `--selector`.
    Selector,
    /// With `--http`.
    Http,
    /// With `--http service/…`.
    HttpService,
    /// Without `--no-logs`.
    Logs,
    /// Without `--no-traffic`.
    Traffic,
    /// Without `--no-mark`.
    Mark,
    /// For workloads that Helm installed, if the identity has it anyway: who may list Secrets may read all
    /// of them, so that no Role grants it for this.
    Helm,
    /// Where the namespace has Ingresses, if the identity has it anyway: classes are the cluster's, and who may
    /// read a Secret may read its values.
    Ingress,
    /// Where no node can take the pods, if the identity has it anyway: it is about the namespace `kube-system`.
    Autoscaler,
}

/// One row of the table: the permissions that a command uses for one purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The command.
    pub command: Command,
    /// The kinds of workload for which it does so.
    pub kinds: &'static [WorkloadKind],
    /// The option with which it does so.
    pub condition: Condition,
    /// Where it is granted.
    pub scope: Scope,
    /// The API group; empty for the core group.
    pub group: &'static str,
    /// The plurals, with a subresource after a slash.
    pub resources: &'static [&'static str],
    /// The verbs.
    pub verbs: &'static [&'static str],
    /// How much depends on it.
    pub need: Need,
    /// The purpose, and the effect of a refusal.
    pub why: &'static str,
}

/// Returns every row of the table, in its order.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    table::RULES.iter().chain(lint::RULES)
}

/// One permission: a verb on a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Permission {
    /// Where it is granted.
    pub scope: Scope,
    /// The API group; empty for the core group.
    pub group: &'static str,
    /// The plural, with a subresource after a slash.
    pub resource: &'static str,
    /// The verb.
    pub verb: &'static str,
}

impl Permission {
    /// Returns the plural alone.
    #[must_use]
    pub fn plural(&self) -> &'static str {
        self.resource.split('/').next().unwrap_or(self.resource)
    }

    /// Returns the subresource, if it is one.
    #[must_use]
    pub fn subresource(&self) -> Option<&'static str> {
        self.resource.split_once('/').map(|(_, it)| it)
    }

    /// Returns the resource as kubectl takes it, with its group.
    #[must_use]
    pub fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.resource.to_owned()
        } else {
            format!("{}.{}", self.resource, self.group)
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.qualified())
    }
}

/// The commands and options whose permissions are in question.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of a command"
)]
pub struct Usage {
    /// The commands.
    pub commands: BTreeSet<Command>,
    /// The kinds of the workloads.
    pub kinds: BTreeSet<WorkloadKind>,
    /// Whether workloads are selected by label.
    pub selector: bool,
    /// Whether pods are asked over HTTP.
    pub http: bool,
    /// Whether Services are asked over HTTP.
    pub http_service: bool,
    /// Whether logs are read.
    pub logs: bool,
    /// Whether the way of users to the pods is judged.
    pub traffic: bool,
    /// Whether a healthy revision is marked.
    pub mark: bool,
    /// Whether a rollback checks again.
    pub wait: bool,
}

impl Usage {
    /// Returns the use of some commands with their default options, for all kinds of workload.
    #[must_use]
    pub fn of(commands: impl IntoIterator<Item = Command>) -> Self {
        Self {
            commands: commands.into_iter().collect(),
            kinds: WorkloadKind::ALL.into(),
            selector: false,
            http: false,
            http_service: false,
            logs: true,
            traffic: true,
            mark: true,
            wait: true,
        }
    }

    /// Returns the same use, for these kinds of workload.
    #[must_use]
    pub fn with_kinds(mut self, kinds: impl IntoIterator<Item = WorkloadKind>) -> Self {
        self.kinds = kinds.into_iter().collect();
        self
    }

    /// Returns the permissions in the order of the table, each once.
    #[must_use]
    pub fn permissions(&self) -> Vec<UsedPermission> {
        let mut used: Vec<UsedPermission> = Vec::new();
        for command in &self.commands {
            for rule in rules().filter(|rule| self.uses(*command, rule)) {
                for permission in rule.permissions(*command) {
                    let reason = Reason {
                        command: *command,
                        need: rule.need,
                        why: rule.why,
                    };
                    match used.iter_mut().find(|it| it.permission == permission) {
                        Some(known) => known.add(reason),
                        None => used.push(UsedPermission {
                            permission,
                            reasons: vec![reason],
                        }),
                    }
                }
            }
        }
        used
    }

    /// Returns whether `command` sends the requests of a rule: a rollback checks again, and a drill does
    /// both with a Deployment.
    fn uses(&self, command: Command, rule: &Rule) -> bool {
        let (runs, of_kind) = match command {
            Command::Check | Command::Lint => (rule.command == command, self.has_kind(rule)),
            Command::Rollback => {
                let checks = self.wait && rule.command == Command::Check;
                // The check after a rollback has its workloads by name, and always marks.
                let named = rule.condition != Condition::Selector;
                let runs = rule.command == command || (checks && named);
                (runs, self.has_kind(rule))
            }
            Command::Drill => (
                !matches!(
                    rule.condition,
                    Condition::Selector | Condition::Http | Condition::HttpService
                ),
                rule.kinds.contains(&WorkloadKind::Deployment),
            ),
        };
        let condition = match rule.condition {
            Condition::Always => true,
            Condition::Selector => self.selector,
            Condition::Http => self.http,
            Condition::HttpService => self.http_service,
            Condition::Logs => self.logs,
            Condition::Traffic => self.traffic,
            Condition::Mark => self.mark || command != Command::Check,
            Condition::Helm | Condition::Ingress | Condition::Autoscaler => false,
        };
        runs && of_kind && condition
    }

    fn has_kind(&self, rule: &Rule) -> bool {
        rule.kinds.iter().any(|it| self.kinds.contains(it))
    }
}

impl Rule {
    /// Returns its permissions one by one. A drill's namespace does not exist before, so that no Role in it can
    /// grant them.
    fn permissions(&self, command: Command) -> impl Iterator<Item = Permission> {
        let scope = match command {
            Command::Check | Command::Rollback | Command::Lint => self.scope,
            Command::Drill => Scope::Cluster,
        };
        let group = self.group;
        let verbs = self.verbs;
        self.resources.iter().flat_map(move |&resource| {
            verbs.iter().map(move |&verb| Permission {
                scope,
                group,
                resource,
                verb,
            })
        })
    }
}

/// A permission, with what it is used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedPermission {
    /// The permission.
    pub permission: Permission,
    /// The purposes, at least one.
    pub reasons: Vec<Reason>,
}

/// A purpose of a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reason {
    /// The command that uses it.
    pub command: Command,
    /// How much depends on it.
    pub need: Need,
    /// The purpose, and the effect of a refusal.
    pub why: &'static str,
}

impl UsedPermission {
    fn add(&mut self, reason: Reason) {
        if !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
    }

    /// Returns how much depends on it at most.
    #[must_use]
    pub fn need(&self) -> Need {
        let needs = self.reasons.iter().map(|it| it.need);
        needs.max().unwrap_or(Need::Optional)
    }

    /// Returns the purpose on which most depends.
    #[must_use]
    pub fn why(&self) -> &'static str {
        let most = self.need();
        let reason = self.reasons.iter().find(|it| it.need == most);
        reason.map_or("", |it| it.why)
    }

    /// Returns the commands on which it has this effect.
    #[must_use]
    pub fn commands(&self) -> Vec<Command> {
        let most = self.need();
        let of_most = self.reasons.iter().filter(|it| it.need == most);
        let commands: BTreeSet<Command> = of_most.map(|it| it.command).collect();
        commands.into_iter().collect()
    }
}
