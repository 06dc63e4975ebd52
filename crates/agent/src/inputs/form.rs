//! The declaration of an input: its name and flag, its kind, its place in the form.

use super::{CommandName, ConnectionType};

/// On the command line the evidence is in a file.
const EVIDENCE_FILE: &str = "A file with the evidence of the check, or with its JSON report";

/// What the evidence is for on the command line.
const EVIDENCE_MEANS: &str = "A rollback undoes exactly the rollouts that were found bad; a \
                              check waits for the restored revision";

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
    /// The type of service connection that it belongs to; `None`: to any.
    pub connection: Option<ConnectionType>,
    /// The part of the task's form that it belongs to.
    pub group: Option<Group>,
    /// Whether the task has it.
    pub task: bool,
}

impl InputSpec {
    /// Returns what it is for on the command line, where it is written otherwise than in a pipeline.
    #[must_use]
    pub fn cli_help(&self) -> String {
        if let CliForm::Switch { help, .. } = self.cli {
            return help.to_owned();
        }
        match self.kind {
            InputKind::Namespace => "The namespace of the workloads".to_owned(),
            InputKind::Evidence => {
                format!("{EVIDENCE_FILE}, or `-` for stdin. {EVIDENCE_MEANS}")
            }
            InputKind::HttpChecks | InputKind::Graces => {
                self.help.replace(", one per line:", "; may be repeated:")
            }
            InputKind::Workloads => self.help.replace(", one per line:", ":"),
            InputKind::SubscriptionId => "The id of the subscription of the AKS cluster".to_owned(),
            InputKind::ResourceGroup => "The resource group of the AKS cluster".to_owned(),
            InputKind::Cluster => {
                "An AKS cluster to sign in to through Azure, as the Azure CLI (`az login`) or the \
                 Azure Developer CLI (`azd auth login`) is signed in, instead of with a kubeconfig"
                    .to_owned()
            }
            InputKind::Command
            | InputKind::ConnectionType
            | InputKind::ServiceConnection
            | InputKind::KubernetesConnection
            | InputKind::Commands
            | InputKind::Selector
            | InputKind::Duration
            | InputKind::Revision
            | InputKind::Boolean
            | InputKind::LateBoolean
            | InputKind::Paths
            | InputKind::Path
            | InputKind::Severity => self.help.to_owned(),
        }
    }

    /// Returns what holds on the command line when it is not given.
    #[must_use]
    pub fn cli_default(&self) -> Option<&'static str> {
        match self.cli {
            // A switch that is not given says nothing.
            CliForm::Switch { .. } => None,
            // There the kubeconfig's context has a namespace of its own.
            CliForm::Flag { .. } | CliForm::Positional { .. } | CliForm::None
                if self.kind == InputKind::Namespace =>
            {
                Some("the context's")
            }
            CliForm::Flag { .. } | CliForm::Positional { .. } | CliForm::None => self.default,
        }
    }

    /// Its long flag without the dashes.
    #[must_use]
    pub const fn flag(&self) -> Option<&'static str> {
        match self.cli {
            CliForm::Flag { long, .. } | CliForm::Switch { long, .. } => Some(long),
            CliForm::None | CliForm::Positional { .. } => None,
        }
    }

    /// The commands that take it, where not every command does.
    #[must_use]
    pub fn only_for(&self) -> Option<&'static [CommandName]> {
        (self.commands.len() < CommandName::ALL.len()).then_some(self.commands)
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
    /// `--long`, without a value.
    Switch {
        /// Without the dashes.
        long: &'static str,
        /// What the input is where the switch is given; the other one is its default.
        gives: bool,
        /// What it is for; the input's own help may say the contrary, as that of `mark` does.
        help: &'static str,
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
    /// One of the types of service connections.
    ConnectionType,
    /// The id of an Azure Resource Manager service connection.
    ServiceConnection,
    /// The id of a Kubernetes service connection.
    KubernetesConnection,
    /// The id of an Azure subscription, a UUID.
    SubscriptionId,
    /// The name of an Azure resource group.
    ResourceGroup,
    /// The name of an AKS cluster.
    Cluster,
    /// Commands whose permissions are asked for, separated by commas or white space.
    Commands,
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
    /// `true` or `false`, in any case: a boolean parameter of a template is written `True`.
    Boolean,
    /// The same, known only when the job runs: editors take nothing but `true` and `false` for a boolean, so
    /// that the task declares a text.
    LateBoolean,
    /// Files, folders and patterns, one in a line.
    Paths,
    /// A file.
    Path,
    /// A severity of a finding of `lint`, or `never`.
    Severity,
    /// The approval of a check, as JSON. On the command line it is a file that holds it, or `-`;
    /// the caller passes the content on.
    Evidence,
}

impl InputKind {
    /// Returns whether it takes several values: one in a line, or a flag that may be repeated.
    #[must_use]
    pub const fn is_list(self) -> bool {
        match self {
            Self::Workloads | Self::HttpChecks | Self::Graces | Self::Paths => true,
            Self::Command
            | Self::ConnectionType
            | Self::ServiceConnection
            | Self::KubernetesConnection
            | Self::SubscriptionId
            | Self::ResourceGroup
            | Self::Cluster
            | Self::Commands
            | Self::Namespace
            | Self::Selector
            | Self::Duration
            | Self::Revision
            | Self::Boolean
            | Self::LateBoolean
            | Self::Path
            | Self::Severity
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
    /// When a rollout counts as healthy; a rollback checks again with the same settings.
    Check,
    /// What is rolled back to, and what is allowed on the way; a check proposes by the same settings.
    Rollback,
    /// What is judged before it is applied.
    Lint,
}

impl Group {
    /// Every group, in the order of the form.
    pub const ALL: [Self; 5] = [
        Self::Cluster,
        Self::Workload,
        Self::Check,
        Self::Rollback,
        Self::Lint,
    ];

    /// Its name in task.json.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Workload => "workload",
            Self::Check => "check",
            Self::Rollback => "rollback",
            Self::Lint => "lint",
        }
    }

    /// Its heading.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Cluster => "Cluster",
            Self::Workload => "Workloads",
            Self::Check => "Check",
            Self::Rollback => "Rollback",
            Self::Lint => "Lint",
        }
    }
}
