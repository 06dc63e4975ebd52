//! The command line. What a command shares with the task is declared in `rollguard_agent::inputs`.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command};
use rollguard_agent::inputs::{
    AKS_CLUSTER, CliForm, CommandName, DOCTOR_COMMANDS, InputKind, InputSpec, RawInputs, WORKLOADS,
};
use rollguard_core::permission;

use crate::output_form::OutputForm;
use crate::run::lint;

/// Flags that say yes to something: never the answer to a slip.
const CONSENTS: &[&str] = &[
    "--force",
    "--allow",
    "--no-",
    "--yes",
    "--approve",
    "--use-cluster-admin",
];

/// Understands a command line.
pub(crate) fn parse(arguments: &[OsString]) -> Result<ArgMatches, clap::Error> {
    let parsed = command().try_get_matches_from(arguments);
    parsed.map_err(|mut error| {
        let tip = error.get(ContextKind::SuggestedArg);
        if let Some(ContextValue::String(tip)) = tip
            && CONSENTS.iter().any(|it| tip.starts_with(it))
        {
            error.remove(ContextKind::SuggestedArg);
            // It names the flag as well.
            error.remove(ContextKind::Usage);
        }
        error
    })
}

/// The whole command line.
pub(crate) fn command() -> Command {
    Command::new("rollguard")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Checks rollouts, explains failures early, rolls back safely, and checks again")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            with_inputs(CommandName::Check, Command::new("check"))
                .about("Follows a rollout to a verdict")
                .args(cluster_args())
                .arg(output(OutputForm::OF_REPORT))
                .arg(
                    Arg::new("record")
                        .long("record")
                        .value_name("FILE")
                        .help("Write a redacted trace of all observations"),
                ),
        )
        .subcommand(
            with_inputs(CommandName::Rollback, Command::new("rollback"))
                .about("Shows the plan of a rollback, and carries it out once confirmed")
                .args(cluster_args())
                .arg(flag(
                    "dry-run",
                    "Only show the plan and have the API server validate it",
                ))
                .arg(flag("yes", "Do not ask for confirmation").short('y'))
                .arg(output(OutputForm::OF_REPORT)),
        )
        .subcommand(doctor())
        .subcommand(drill())
        .subcommand(
            Command::new("replay")
                .about("Re-evaluates a recorded trace")
                .arg(
                    Arg::new("trace")
                        .value_name("TRACE")
                        .required(true)
                        .help("A file that `check --record` wrote"),
                )
                .arg(
                    input_arg(&rollguard_agent::inputs::TIMEOUT)
                        .help("A timeout to use instead of the recorded one"),
                )
                .arg(output(OutputForm::OF_REPORT)),
        )
        .subcommand(history())
        .subcommand(lint::command())
        .subcommand(explain())
        .subcommand(
            Command::new("templates")
                .about("Lists and exports the built-in stage templates")
                .subcommand_required(true)
                .subcommand(
                    Command::new("list")
                        .about("Lists the templates")
                        .arg(output(OutputForm::OF_ANSWER)),
                )
                .subcommand(
                    Command::new("export")
                        .about("Writes the templates to a folder")
                        .arg(
                            Arg::new("folder")
                                .value_name("FOLDER")
                                .required(true)
                                .help("The folder to write to; it is created if necessary"),
                        )
                        .arg(output(OutputForm::OF_ANSWER)),
                ),
        )
        .subcommand(
            Command::new("task")
                .hide(true)
                .about("The entry of the Azure Pipelines task"),
        )
}

fn history() -> Command {
    Command::new("history")
        .about("Shows the revisions of a workload, and which are known to be good")
        .arg(
            Arg::new("workload")
                .value_name("WORKLOAD")
                .required(true)
                .help("The workload, written as in kubectl: deployment/web"),
        )
        .arg(
            Arg::new("namespace")
                .long("namespace")
                .short('n')
                .value_name("NAMESPACE")
                .help("The namespace of the workload [default: the context's]"),
        )
        .args(cluster_args())
        .arg(output(OutputForm::OF_ANSWER))
}

fn explain() -> Command {
    Command::new("explain")
        .about("Explains a code of a report: what it means and what to do")
        .arg(
            Arg::new("code")
                .value_name("CODE")
                .help("The code, such as ImageNotFound; without one, all are listed"),
        )
        .arg(output(OutputForm::OF_ANSWER))
}

fn doctor() -> Command {
    with_inputs(CommandName::Doctor, Command::new("doctor"))
        .about("Tells whether a check and a rollback would work here, and which permissions are missing")
        .mut_arg(WORKLOADS.name, |arg| {
            arg.value_name("COMMAND|WORKLOAD").help(
                "The commands `check`, `rollback` or `drill`, and the workloads; their kinds decide which \
                 permissions are needed [default: check rollback, and all kinds]",
            )
        })
        .args(cluster_args())
        .arg(output(OutputForm::OF_REPORT))
}

fn drill() -> Command {
    Command::new("drill")
        .about("Rehearses the shipped stage on an embedded cluster, or with --context on yours")
        .args(cluster_args().map(|arg| match arg.get_id().as_str() {
            "kubeconfig" | "allow-insecure-server" => arg.requires("context"),
            _ => arg,
        }))
        .arg(flag("approve", "Approve the rollback when the stage asks"))
        .arg(flag("reject", "Reject the rollback when the stage asks"))
        .group(ArgGroup::new("answer").args(["approve", "reject"]))
        .arg(
            Arg::new("pages")
                .long("pages")
                .value_name("DIR")
                .help("Keep the pages that a run would show, as Markdown, in this folder"),
        )
        .arg(
            Arg::new("image")
                .long("image")
                .value_name("IMAGE")
                .requires("context")
                .help("With --context: the image of the healthy version [default: registry.k8s.io/pause:3.10]"),
        )
        .arg(output(OutputForm::OF_DRILL))
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .action(ArgAction::SetTrue)
        .help(help)
}

fn output(forms: &'static [OutputForm]) -> Arg {
    Arg::new("output")
        .long("output")
        .short('o')
        .value_name("FORM")
        .value_parser(OutputForm::parser(forms))
        .default_value("human")
        .help("Output format")
}

fn cluster_args() -> [Arg; 3] {
    [
        Arg::new("context")
            .long("context")
            .value_name("NAME")
            .help("The context of the kubeconfig"),
        Arg::new("kubeconfig")
            .long("kubeconfig")
            .value_name("FILE")
            .help("The kubeconfig [default: as for kubectl]"),
        flag(
            "allow-insecure-server",
            "Send credentials even where others can read them: over http, or with \
             insecure-skip-tls-verify",
        ),
    ]
}

fn with_inputs(name: CommandName, command: Command) -> Command {
    command
        .args(InputSpec::on_command_line(name).map(input_arg))
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
        .mut_arg(AKS_CLUSTER.name, |arg| {
            arg.conflicts_with_all(["context", "kubeconfig", "allow-insecure-server"])
        })
}

/// The argument of an input; its value is only understood by `Inputs::parse`, which tells all bad
/// inputs at once.
fn input_arg(spec: &InputSpec) -> Arg {
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

/// Returns what was said for a command's inputs. A file's content takes the place of its name.
pub(crate) fn raw_inputs(
    name: CommandName,
    matches: &ArgMatches,
    read: impl Fn(&str) -> Result<String, crate::failure::Failure>,
) -> Result<RawInputs, crate::failure::Failure> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn inputs_are_taken_by_their_declared_names() {
        let matches = command().try_get_matches_from([
            "rollguard",
            "check",
            "deployment/web",
            "-n",
            "shop",
            "--timeout",
            "-5m",
        ]);
        let matches = matches.unwrap();
        let raw = raw_inputs(CommandName::Check, matches.subcommand().unwrap().1, |_| {
            Ok(String::new())
        })
        .unwrap();
        let said = |spec| raw.get(spec).map(str::to_owned);
        assert_eq!(
            said(&rollguard_agent::inputs::WORKLOADS).as_deref(),
            Some("deployment/web")
        );
        assert_eq!(
            said(&rollguard_agent::inputs::NAMESPACE).as_deref(),
            Some("shop")
        );
        assert_eq!(
            said(&rollguard_agent::inputs::TIMEOUT).as_deref(),
            Some("-5m")
        );
    }

    #[test]
    fn what_takes_several_values_may_be_given_several_times() {
        let matches = command().try_get_matches_from([
            "rollguard",
            "check",
            "deployment/web",
            "--http",
            "/healthz:8080",
            "sts/db",
            "-l",
            "app=web",
            "--http",
            "/ready~ok",
            "--grace",
            "ImageNotFound=2m",
            "--grace=Unschedulable=5m",
        ]);
        let matches = matches.unwrap();
        let raw = raw_inputs(CommandName::Check, matches.subcommand().unwrap().1, |_| {
            Ok(String::new())
        })
        .unwrap();
        let rows = [
            (
                &rollguard_agent::inputs::WORKLOADS,
                "deployment/web\nsts/db",
            ),
            (&rollguard_agent::inputs::SELECTOR, "app=web"),
            (&rollguard_agent::inputs::HTTP, "/healthz:8080\n/ready~ok"),
            (
                &rollguard_agent::inputs::GRACES,
                "ImageNotFound=2m\nUnschedulable=5m",
            ),
        ];
        for (spec, said) in rows {
            assert_eq!(raw.get(spec), Some(said), "{}", spec.name);
        }
    }

    #[test]
    fn a_doctor_stands_before_the_command_line_that_is_tried() {
        let line = "rollguard doctor check deploy/web rollback sts/db -n shop --http /healthz";
        let matches = command().try_get_matches_from(line.split(' ')).unwrap();
        let matches = matches.subcommand().unwrap().1;
        let raw = raw_inputs(CommandName::Doctor, matches, |_| Ok(String::new())).unwrap();
        assert_eq!(raw.get(&DOCTOR_COMMANDS), Some("check\nrollback"));
        assert_eq!(raw.get(&WORKLOADS), Some("deploy/web\nsts/db"));
        assert_eq!(raw.get(&rollguard_agent::inputs::HTTP), Some("/healthz"));
    }

    #[test]
    fn a_slip_is_never_answered_with_a_flag_that_says_yes() {
        let rows = [
            (["rollback", "web", "--foo"], None),
            (["rollback", "web", "--force"], None),
            (["rollback", "web", "--no-mark"], None),
            (["check", "web", "--allow-delete"], None),
            (["check", "web", "--timeot=5m"], Some("--timeout")),
        ];
        for (line, tip) in rows {
            let line = ["rollguard"].iter().chain(&line).map(OsString::from);
            let said = parse(&line.collect::<Vec<_>>()).unwrap_err().to_string();
            assert!(said.contains("unexpected argument"), "{said}");
            assert_eq!(said.contains("tip: a similar"), tip.is_some(), "{said}");
            assert!(tip.is_none_or(|tip| said.contains(tip)), "{said}");
            let yes = ["force-owner", "no-wait", "allow-on-delete"];
            assert!(!yes.iter().any(|it| said.contains(it)), "{said}");
        }
    }

    #[test]
    fn a_switch_says_what_it_gives_and_is_silent_where_it_is_not_given() {
        use rollguard_agent::inputs::{ALLOW_ON_DELETE, FORCE_OWNER, MARK, WAIT};
        let said = |arguments: &[&str], name| {
            let line = ["rollguard"].iter().chain(arguments);
            let matches = command().try_get_matches_from(line).unwrap();
            raw_inputs(name, matches.subcommand().unwrap().1, |_| Ok(String::new())).unwrap()
        };
        let check = said(
            &["check", "--no-mark", "deployment/web", "--force-owner"],
            CommandName::Check,
        );
        assert_eq!(check.get(&MARK), Some("false"));
        assert_eq!(check.get(&FORCE_OWNER), Some("true"));
        assert_eq!(check.get(&ALLOW_ON_DELETE), None);
        let rollback = said(
            &["rollback", "deployment/web", "--no-wait"],
            CommandName::Rollback,
        );
        assert_eq!(rollback.get(&WAIT), Some("false"));
        assert_eq!(rollback.get(&FORCE_OWNER), None);
    }
}
