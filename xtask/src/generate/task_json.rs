//! `task/task.json`: version, groups, inputs with their lists, output variables and restrictions are generated,
//! all else is written by hand and kept. The order of the keys is the order of the fields here.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use rollguard_agent::inputs::{CommandName, ConnectionType, Group, INPUTS, InputKind, InputSpec};
use rollguard_agent::outputs::OutputVariable;
use serde::{Deserialize, Serialize};

use super::VERSION;

mod data_sources;

use data_sources::DataSourceBinding;

pub(super) fn render(present: &str) -> Result<String> {
    let mut task: Task = serde_json::from_str(present)?;
    task.version = Version::of(VERSION)?;
    task.groups = Group::ALL.into_iter().map(group).collect();
    task.inputs = INPUTS.iter().filter(|spec| spec.task).map(input).collect();
    task.data_source_bindings = data_sources::bindings();
    task.output_variables = OutputVariable::ALL
        .into_iter()
        .map(output_variable)
        .collect();
    task.restrictions = restrictions();
    Ok(serde_json::to_string_pretty(&task)? + "\n")
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Task {
    #[serde(rename = "$schema")]
    schema: String,
    id: String,
    name: String,
    friendly_name: String,
    description: String,
    help_url: String,
    help_mark_down: String,
    author: String,
    category: String,
    visibility: Vec<String>,
    runs_on: Vec<String>,
    preview: bool,
    version: Version,
    minimum_agent_version: String,
    instance_name_format: String,
    #[serde(default)]
    groups: Vec<TaskGroup>,
    #[serde(default)]
    inputs: Vec<TaskInput>,
    #[serde(default)]
    data_source_bindings: Vec<DataSourceBinding>,
    #[serde(default)]
    output_variables: Vec<TaskOutputVariable>,
    #[serde(default)]
    restrictions: Restrictions,
    execution: BTreeMap<String, Handler>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Version {
    major: u32,
    minor: u32,
    patch: u32,
}

impl Version {
    fn of(version: &str) -> Result<Self> {
        let mut parts = version.split('.').map(str::parse);
        let mut next = || {
            parts
                .next()
                .context("the workspace's version has not three parts")
        };
        Ok(Self {
            major: next()??,
            minor: next()??,
            patch: next()??,
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TaskGroup {
    name: String,
    display_name: String,
    is_expanded: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TaskInput {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    label: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    default_value: Option<String>,
    required: bool,
    /// The editor shows the input only where this holds; the input keeps its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    visible_rule: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    options: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    properties: BTreeMap<String, String>,
    help_mark_down: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TaskOutputVariable {
    name: String,
    description: String,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Restrictions {
    commands: Commands,
    settable_variables: SettableVariables,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Commands {
    mode: String,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SettableVariables {
    allowed: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Handler {
    target: String,
}

fn group(group: Group) -> TaskGroup {
    TaskGroup {
        name: group.name().to_owned(),
        display_name: group.label().to_owned(),
        is_expanded: true,
    }
}

fn input(spec: &InputSpec) -> TaskInput {
    TaskInput {
        name: spec.name.to_owned(),
        kind: kind(spec.kind).to_owned(),
        label: spec.label.to_owned(),
        group_name: spec.group.map(|group| group.name().to_owned()),
        default_value: spec.default.map(str::to_owned),
        required: spec.required,
        visible_rule: spec.visible_rule(),
        options: options(spec.kind),
        properties: properties(spec.kind),
        help_mark_down: spec.help.to_owned(),
    }
}

const fn kind(kind: InputKind) -> &'static str {
    match kind {
        InputKind::Command
        | InputKind::ConnectionType
        | InputKind::SubscriptionId
        | InputKind::ResourceGroup
        | InputKind::Cluster => "pickList",
        InputKind::Boolean => "boolean",
        InputKind::ServiceConnection => "connectedService:AzureRM",
        InputKind::KubernetesConnection => "connectedService:kubernetes",
        InputKind::Workloads | InputKind::HttpChecks | InputKind::Graces | InputKind::Paths => {
            "multiLine"
        }
        InputKind::Commands
        | InputKind::Namespace
        | InputKind::Selector
        | InputKind::Duration
        | InputKind::Revision
        | InputKind::LateBoolean
        | InputKind::Path
        | InputKind::Severity
        | InputKind::Evidence => "string",
    }
}

fn options(kind: InputKind) -> BTreeMap<String, String> {
    let options: Vec<(&str, &str)> = if kind == InputKind::Command {
        CommandName::ALL.into_iter().map(command).collect()
    } else if kind == InputKind::ConnectionType {
        ConnectionType::ALL.into_iter().map(connection).collect()
    } else {
        Vec::new()
    };
    options
        .into_iter()
        .map(|(value, label)| (value.to_owned(), label.to_owned()))
        .collect()
}

/// A command, and its words in the editor.
const fn command(command: CommandName) -> (&'static str, &'static str) {
    let label = match command {
        CommandName::Check => "Check a rollout",
        CommandName::Rollback => "Roll back",
        CommandName::Doctor => "Tell whether a check and a rollback would work",
        CommandName::Lint => "Judge manifests",
    };
    (command.as_str(), label)
}

/// A type of connection, and its words in the editor.
const fn connection(connection: ConnectionType) -> (&'static str, &'static str) {
    let label = match connection {
        ConnectionType::AzureResourceManager => "Azure Resource Manager",
        ConnectionType::KubernetesServiceConnection => "Kubernetes Service Connection",
        ConnectionType::NoConnection => "None",
    };
    (connection.as_str(), label)
}

fn properties(kind: InputKind) -> BTreeMap<String, String> {
    if data_sources::has_list(kind) {
        return data_sources::properties();
    }
    if !kind.is_list() {
        return BTreeMap::new();
    }
    [("resizable", "true"), ("rows", "2")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

fn output_variable(variable: OutputVariable) -> TaskOutputVariable {
    TaskOutputVariable {
        name: variable.name().to_owned(),
        description: variable.description().to_owned(),
    }
}

/// Text that slips into the log must not set other variables. The mode `restricted` would also
/// forbid `task.uploadsummary` (azure-pipelines-agent, `CommandRestriction` attributes).
fn restrictions() -> Restrictions {
    let names = OutputVariable::ALL.map(|variable| variable.name().to_owned());
    Restrictions {
        commands: Commands {
            mode: "any".to_owned(),
        },
        settable_variables: SettableVariables {
            allowed: names.to_vec(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_has_three_numbers() {
        let version = Version::of("1.20.3").unwrap();
        assert_eq!((version.major, version.minor, version.patch), (1, 20, 3));
        assert!(Version::of("1.2").is_err());
        assert!(Version::of("1.2.x").is_err());
    }

    #[test]
    fn a_key_that_nobody_reads_is_an_error() {
        let error = render("{\"$schema\": \"x\", \"helpMarkdown\": \"x\"}").unwrap_err();
        assert!(
            error.to_string().contains("unknown field `helpMarkdown`"),
            "{error}"
        );
    }
}
