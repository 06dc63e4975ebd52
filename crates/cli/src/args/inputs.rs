//! The arguments that are inputs of the task as well.

use clap::{Arg, ArgAction, ArgMatches, Command};
use rollguard_agent::inputs::{
    AKS_CLUSTER, CliForm, CommandName, ConnectionType, DOCTOR_COMMANDS, InputKind, InputSpec,
    RawInputs, WORKLOADS,
};
use rollguard_core::permission;

use super::CONNECTION;
use crate::failure::Failure;

/// Adds the inputs of a command.
pub(super) fn with_inputs(name: CommandName, command: Command) -> Command {
    with_azure(command.args(InputSpec::on_command_line(name).map(input_arg)))
}

/// Adds the inputs that lead to an AKS cluster, for a command that shares no others with the task.
pub(super) fn with_cluster_inputs(command: Command) -> Command {
    with_azure(command.args(of_cluster().map(input_arg)))
}

/// The inputs that lead to an AKS cluster. Every command that the task has with a cluster has them.
fn of_cluster() -> impl Iterator<Item = &'static InputSpec> {
    let all = InputSpec::on_command_line(CommandName::Doctor);
    all.filter(|it| it.connection == Some(ConnectionType::AzureResourceManager))
}

fn with_azure(command: Command) -> Command {
    command
        .arg(
            Arg::new("arm-endpoint")
                .long("arm-endpoint")
                .value_name("URL")
                .requires(AKS_CLUSTER.name)
                .help(
                    "With --aks-name: Azure Resource Manager of another cloud, such as \
                     https://management.usgovcloudapi.net [default: https://management.azure.com]",
                ),
        )
        // Two clusters cannot be meant.
        .mut_arg(AKS_CLUSTER.name, |arg| arg.conflicts_with_all(CONNECTION))
}

/// The argument of an input; its value is only understood by `Inputs::parse`, which tells all bad
/// inputs at once.
pub(super) fn input_arg(spec: &InputSpec) -> Arg {
    let help = spec.cli_help();
    let help = match spec.cli_default() {
        Some(default) => format!("{help} [default: {default}]"),
        None => help,
    };
    let arg = Arg::new(spec.name).help(help).allow_hyphen_values(true);
    match spec.cli {
        CliForm::Flag { long, short, value } => {
            let arg = arg.long(long).value_name(value);
            let arg = if spec.kind.is_list() {
                arg.action(ArgAction::Append)
            } else {
                arg
            };
            match short {
                Some(short) => arg.short(short),
                None => arg,
            }
        }
        CliForm::Switch { long, .. } => arg
            .long(long)
            .allow_hyphen_values(false)
            .action(ArgAction::SetTrue),
        CliForm::Positional { value } => arg
            .value_name(value)
            .num_args(0..)
            .allow_hyphen_values(false),
        CliForm::None => arg.hide(true),
    }
}

/// Returns what was said about the cluster; the command is one that needs nothing else.
pub(crate) fn raw_cluster(matches: &ArgMatches) -> RawInputs {
    let doctor = CommandName::Doctor.as_str().to_owned();
    let mut said = vec![("command".to_owned(), doctor)];
    for spec in of_cluster() {
        if let CliForm::Switch { gives, .. } = spec.cli {
            let given = matches.get_flag(spec.name);
            said.extend(given.then(|| (spec.name.to_owned(), gives.to_string())));
            continue;
        }
        let values = matches.get_many::<String>(spec.name).into_iter().flatten();
        said.extend(values.map(|it| (spec.name.to_owned(), it.clone())));
    }
    RawInputs::from_flags(said)
}

/// Returns what was said for a command's inputs. A file's content takes the place of its name.
pub(crate) fn raw_inputs(
    name: CommandName,
    matches: &ArgMatches,
    read: impl Fn(&str) -> Result<String, Failure>,
) -> Result<RawInputs, Failure> {
    let mut said = vec![("command".to_owned(), name.as_str().to_owned())];
    for spec in InputSpec::on_command_line(name) {
        if let CliForm::Switch { gives, .. } = spec.cli {
            if matches.get_flag(spec.name) {
                said.push((spec.name.to_owned(), gives.to_string()));
            }
            continue;
        }
        for value in matches.get_many::<String>(spec.name).into_iter().flatten() {
            let value = if spec.kind == InputKind::Evidence {
                read(value)?
            } else {
                value.clone()
            };
            // A doctor's arguments are commands as well.
            let of_doctor = name == CommandName::Doctor && *spec == WORKLOADS;
            let spec = if of_doctor && permission::Command::parse(&value).is_some() {
                &DOCTOR_COMMANDS
            } else {
                spec
            };
            said.push((spec.name.to_owned(), value));
        }
    }
    Ok(RawInputs::from_flags(said))
}
