//! Each input, declared once: the arguments of the command line, the inputs in task.json and the
//! documentation all come from here.

use super::CommandName;
use CommandName::{Check, Rollback};

/// An input of the task and of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputSpec {
    /// Its name in task.json and in pipelines; `INPUT_<NAME>` in the task's environment.
    pub name: &'static str,
    /// How it is written on the command line.
    pub cli: CliForm,
    /// What the editor of Azure Pipelines shows above it.
    pub label: &'static str,
    /// What it is for, in Markdown.
    pub help: &'static str,
    /// Which values it takes.
    pub kind: InputKind,
    /// What holds when it is not given.
    pub default: Option<&'static str>,
    /// Whether it must be given; an input with a default need not be.
    pub required: bool,
    /// The commands that take it.
    pub commands: &'static [CommandName],
    /// The part of the task's form that it belongs to.
    pub group: Option<Group>,
    /// Whether the task has it.
    pub task: bool,
}

impl InputSpec {
    /// What it is for on the command line, where it is written otherwise than in a pipeline.
    #[must_use]
    pub fn cli_help(&self) -> String {
        match self.kind {
            InputKind::Namespace => "The namespace of the workload".to_owned(),
            InputKind::Evidence => {
                "A file with what the check handed over, or `-` for stdin".to_owned()
            }
            InputKind::HttpChecks | InputKind::Graces => self
                .help
                .replace(", one in a line:", "; may be given several times:"),
            InputKind::Workloads => self.help.replace(", one in a line:", ":"),
            InputKind::Command
            | InputKind::ServiceConnection
            | InputKind::SubscriptionId
            | InputKind::ResourceGroup
            | InputKind::Cluster
            | InputKind::Selector
            | InputKind::Duration
            | InputKind::Revision => self.help.to_owned(),
        }
    }

    /// What holds on the command line when it is not given.
    #[must_use]
    pub fn cli_default(&self) -> Option<&'static str> {
        // There the kubeconfig's context has a namespace of its own.
        if self.kind == InputKind::Namespace {
            Some("the context's")
        } else {
            self.default
        }
    }
}

/// How an input is written on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CliForm {
    /// Not at all.
    None,
    /// `--long VALUE`, `-s VALUE`.
    Flag {
        /// Without the dashes.
        long: &'static str,
        /// Without the dash.
        short: Option<char>,
        /// The placeholder of the value.
        value: &'static str,
    },
    /// Without a flag.
    Positional {
        /// The placeholder of the value.
        value: &'static str,
    },
}

/// Which values an input takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputKind {
    /// One of the commands.
    Command,
    /// The id of an Azure Resource Manager service connection.
    ServiceConnection,
    /// The id of an Azure subscription, a UUID.
    SubscriptionId,
    /// The name of an Azure resource group.
    ResourceGroup,
    /// The name of an AKS cluster.
    Cluster,
    /// The name of a Kubernetes namespace.
    Namespace,
    /// Workloads, one in a line.
    Workloads,
    /// A label selector.
    Selector,
    /// Checks over HTTP, one in a line.
    HttpChecks,
    /// Graces of causes, one in a line.
    Graces,
    /// A duration with its unit.
    Duration,
    /// The number of a revision.
    Revision,
    /// What a check handed over, as JSON. On the command line it is a file that holds it, or `-`;
    /// the caller passes the content on.
    Evidence,
}

impl InputKind {
    /// Whether it takes several values: one in a line, or a flag that may be repeated.
    #[must_use]
    pub const fn is_list(self) -> bool {
        match self {
            Self::Workloads | Self::HttpChecks | Self::Graces => true,
            Self::Command
            | Self::ServiceConnection
            | Self::SubscriptionId
            | Self::ResourceGroup
            | Self::Cluster
            | Self::Namespace
            | Self::Selector
            | Self::Duration
            | Self::Revision
            | Self::Evidence => false,
        }
    }
}

/// A part of the task's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Where the workload runs.
    Cluster,
    /// What the command is about.
    Workload,
    /// Settings of the check.
    Check,
    /// Settings of the rollback.
    Rollback,
}

impl Group {
    /// Every group, in the order of the form.
    pub const ALL: [Self; 4] = [Self::Cluster, Self::Workload, Self::Check, Self::Rollback];

    /// Its name in task.json.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Workload => "workload",
            Self::Check => "check",
            Self::Rollback => "rollback",
        }
    }

    /// Its heading.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Cluster => "AKS cluster",
            Self::Workload => "Workloads",
            Self::Check => "Check",
            Self::Rollback => "Rollback",
        }
    }

    /// The command it belongs to; `None`: to all.
    #[must_use]
    pub const fn command(self) -> Option<CommandName> {
        match self {
            Self::Cluster | Self::Workload => None,
            Self::Check => Some(Check),
            Self::Rollback => Some(Rollback),
        }
    }
}

impl InputSpec {
    /// The input with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        INPUTS.iter().find(|spec| spec.name == name)
    }

    /// The inputs that a command takes on the command line, in the order of its help.
    pub fn on_command_line(command: CommandName) -> impl Iterator<Item = &'static Self> {
        INPUTS
            .iter()
            .filter(move |spec| spec.cli != CliForm::None && spec.commands.contains(&command))
    }

    /// Its long flag without the dashes.
    #[must_use]
    pub const fn flag(&self) -> Option<&'static str> {
        match self.cli {
            CliForm::Flag { long, .. } => Some(long),
            CliForm::None | CliForm::Positional { .. } => None,
        }
    }
}

const ALL_COMMANDS: &[CommandName] = &[Check, Rollback];

/// What to do. On the command line it is the subcommand.
pub const COMMAND: InputSpec = InputSpec {
    name: "command",
    cli: CliForm::None,
    label: "Command",
    help: "`check` follows a rollout to a verdict; `rollback` restores the former revision.",
    kind: InputKind::Command,
    default: Some("check"),
    required: true,
    commands: ALL_COMMANDS,
    group: None,
    task: true,
};

/// Who signs in to Azure.
pub const AZURE_SERVICE_CONNECTION: InputSpec = InputSpec {
    name: "azureServiceConnection",
    cli: CliForm::None,
    label: "Azure service connection",
    help: "An Azure Resource Manager service connection with workload identity federation or with \
           a service principal and secret. Its identity needs the role *Azure Kubernetes Service \
           Cluster User Role* on the cluster, and rights in the namespace.",
    kind: InputKind::ServiceConnection,
    default: None,
    required: true,
    commands: ALL_COMMANDS,
    group: Some(Group::Cluster),
    task: true,
};

/// Where the cluster is, when not in the connection's own subscription.
pub const AZURE_SUBSCRIPTION_ID: InputSpec = InputSpec {
    name: "azureSubscriptionId",
    cli: CliForm::None,
    label: "Azure subscription id",
    help: "The subscription of the cluster. Left empty: the one of the service connection.",
    kind: InputKind::SubscriptionId,
    default: None,
    required: false,
    commands: ALL_COMMANDS,
    group: Some(Group::Cluster),
    task: true,
};

/// Where the cluster is.
pub const AZURE_RESOURCE_GROUP: InputSpec = InputSpec {
    name: "azureResourceGroup",
    cli: CliForm::None,
    label: "Resource group",
    help: "The resource group of the cluster.",
    kind: InputKind::ResourceGroup,
    default: None,
    required: true,
    commands: ALL_COMMANDS,
    group: Some(Group::Cluster),
    task: true,
};

/// Which cluster.
pub const AKS_CLUSTER: InputSpec = InputSpec {
    name: "aksCluster",
    cli: CliForm::None,
    label: "AKS cluster",
    help: "The name of the cluster.",
    kind: InputKind::Cluster,
    default: None,
    required: true,
    commands: ALL_COMMANDS,
    group: Some(Group::Cluster),
    task: true,
};

/// Where the workload is in the cluster.
pub const NAMESPACE: InputSpec = InputSpec {
    name: "namespace",
    cli: CliForm::Flag {
        long: "namespace",
        short: Some('n'),
        value: "NAMESPACE",
    },
    label: "Namespace",
    help: "The Kubernetes namespace of the workload.",
    kind: InputKind::Namespace,
    default: Some("default"),
    required: false,
    commands: ALL_COMMANDS,
    group: Some(Group::Workload),
    task: true,
};

/// What the command is about.
pub const WORKLOADS: InputSpec = InputSpec {
    name: "workloads",
    cli: CliForm::Positional { value: "WORKLOAD" },
    label: "Workloads",
    help: "The workloads, written as kubectl does, one in a line: `deployment/web`, \
           `statefulset/db`, `daemonset/agent`. A check takes any number of them, or a selector; \
           a rollback takes exactly one.",
    kind: InputKind::Workloads,
    default: None,
    // A selector may stand for it.
    required: false,
    commands: ALL_COMMANDS,
    group: Some(Group::Workload),
    task: true,
};

/// What else a check is about.
pub const SELECTOR: InputSpec = InputSpec {
    name: "selector",
    cli: CliForm::Flag {
        long: "selector",
        short: Some('l'),
        value: "SELECTOR",
    },
    label: "Selector",
    help: "Checks every workload of the namespace whose own labels match, such as `app=web` or \
           `tier in (web, api)`; those named in `workloads` as well.",
    kind: InputKind::Selector,
    default: None,
    required: false,
    commands: &[Check],
    group: Some(Group::Check),
    task: true,
};

/// How long a check may take.
pub const TIMEOUT: InputSpec = InputSpec {
    name: "timeout",
    cli: CliForm::Flag {
        long: "timeout",
        short: None,
        value: "DURATION",
    },
    label: "Timeout",
    help: "How long the rollout may take, such as `90s`, `5m` or `1h30m`. A rollout that cannot \
           recover is reported earlier.",
    kind: InputKind::Duration,
    default: Some("5m"),
    required: false,
    commands: &[Check],
    group: Some(Group::Check),
    task: true,
};

/// How long a complete rollout must stay complete.
pub const STABLE_FOR: InputSpec = InputSpec {
    name: "stableFor",
    cli: CliForm::Flag {
        long: "stable-for",
        short: None,
        value: "DURATION",
    },
    label: "Stable for",
    help: "How long the complete rollout must stay complete before it counts as succeeded; \
           shorter than the timeout.",
    kind: InputKind::Duration,
    default: Some("10s"),
    required: false,
    commands: &[Check],
    group: Some(Group::Check),
    task: true,
};

/// What a healthy pod answers.
pub const HTTP: InputSpec = InputSpec {
    name: "http",
    cli: CliForm::Flag {
        long: "http",
        short: None,
        value: "CHECK",
    },
    label: "Health over HTTP",
    help: "What each new pod must answer besides its probes, one in a line: \
           `PATH[:PORT][=STATUS|~REGEX]`, such as `/healthz`, `/ready:8080=204` or \
           `/health:http~ok|up`. Without a port the one of the readiness probe is asked, else the \
           container's first; without a status any from 200 to 399 is expected; a pattern must be \
           found in the body as well. Asked through the API server, so the agent needs no way \
           to the pods. A path writes `%7E` for `~`, `%3D` for `=`, `%3A` for `:`.",
    kind: InputKind::HttpChecks,
    default: None,
    required: false,
    commands: &[Check],
    group: Some(Group::Check),
    task: true,
};

/// How long causes may last.
pub const GRACES: InputSpec = InputSpec {
    name: "graces",
    cli: CliForm::Flag {
        long: "grace",
        short: None,
        value: "CODE=DURATION",
    },
    label: "Graces",
    help: "How long a cause may last before it counts as one that does not heal, one in a line: \
           `CODE=DURATION`, such as `ImageNotFound=2m`. Codes and defaults: docs/findings.md.",
    kind: InputKind::Graces,
    default: None,
    required: false,
    commands: &[Check],
    group: Some(Group::Check),
    task: true,
};

/// Which revision to check.
pub const REVISION: InputSpec = InputSpec {
    name: "revision",
    cli: CliForm::Flag {
        long: "revision",
        short: None,
        value: "REVISION",
    },
    label: "Revision",
    help: "The revision to check, a number of `kubectl rollout history`; for one workload only. \
           Left empty: the newest one when the check begins.",
    kind: InputKind::Revision,
    default: None,
    required: false,
    commands: &[Check],
    group: Some(Group::Check),
    task: true,
};

/// Which revision to restore.
pub const TO_REVISION: InputSpec = InputSpec {
    name: "toRevision",
    cli: CliForm::Flag {
        long: "to-revision",
        short: None,
        value: "REVISION",
    },
    label: "To revision",
    help: "The revision to restore, a number of `kubectl rollout history`. Left empty: the one \
           handed over by the check, or the one whose pods still serve.",
    kind: InputKind::Revision,
    default: None,
    required: false,
    commands: &[Rollback],
    group: Some(Group::Rollback),
    task: true,
};

/// What binds the rollback to the rollout that was checked.
pub const EVIDENCE: InputSpec = InputSpec {
    name: "evidence",
    cli: CliForm::Flag {
        long: "evidence",
        short: None,
        value: "FILE",
    },
    label: "Evidence of the check",
    help: "The output variable `evidence` of the check. With it exactly the rollout that was \
           found bad is undone; when a newer one began meanwhile, nothing is changed.",
    kind: InputKind::Evidence,
    default: None,
    required: false,
    commands: &[Rollback],
    group: Some(Group::Rollback),
    task: true,
};

/// Every input, in the order of the task's form.
pub const INPUTS: &[InputSpec] = &[
    COMMAND,
    AZURE_SERVICE_CONNECTION,
    AZURE_SUBSCRIPTION_ID,
    AZURE_RESOURCE_GROUP,
    AKS_CLUSTER,
    WORKLOADS,
    NAMESPACE,
    SELECTOR,
    TIMEOUT,
    STABLE_FOR,
    HTTP,
    GRACES,
    REVISION,
    TO_REVISION,
    EVIDENCE,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_task_json_allows_and_unique() {
        for spec in INPUTS {
            let mut letters = spec.name.chars();
            assert!(
                letters.next().is_some_and(|c| c.is_ascii_lowercase()),
                "{}",
                spec.name
            );
            assert!(letters.all(|c| c.is_ascii_alphanumeric()), "{}", spec.name);
            assert_eq!(InputSpec::named(spec.name), Some(spec));
        }
    }

    #[test]
    fn flags_are_the_names_in_kebab_case_and_those_of_lists_may_be_singular() {
        for spec in INPUTS {
            let Some(flag) = spec.flag() else { continue };
            let kebab: String = spec
                .name
                .chars()
                .flat_map(|c| {
                    if c.is_ascii_uppercase() {
                        vec!['-', c.to_ascii_lowercase()]
                    } else {
                        vec![c]
                    }
                })
                .collect();
            let singular = kebab.strip_suffix('s').filter(|_| spec.kind.is_list());
            assert!(flag == kebab || Some(flag) == singular, "{flag}");
        }
    }

    #[test]
    fn an_input_belongs_to_the_commands_of_its_group() {
        for spec in INPUTS {
            if let Some(command) = spec.group.and_then(Group::command) {
                assert_eq!(spec.commands, [command], "{}", spec.name);
            }
        }
    }

    #[test]
    fn the_command_line_offers_what_a_command_takes() {
        let names = |command| -> Vec<&str> {
            InputSpec::on_command_line(command)
                .map(|spec| spec.name)
                .collect()
        };
        assert_eq!(
            names(Check),
            [
                "workloads",
                "namespace",
                "selector",
                "timeout",
                "stableFor",
                "http",
                "graces",
                "revision"
            ]
        );
        assert_eq!(
            names(Rollback),
            ["workloads", "namespace", "toRevision", "evidence"]
        );
    }
}
