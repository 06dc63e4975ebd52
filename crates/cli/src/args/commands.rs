//! The commands and their options.

use clap::{Arg, ArgGroup, Command};
use rollguard_agent::inputs::{
    ALLOW_ON_DELETE, ALLOW_SCHEMA_DOWNGRADE, CommandName, FORCE_OWNER, TIMEOUT, WORKLOADS,
};

use super::inputs::{input_arg, with_cluster_inputs, with_inputs};
use super::options::{cluster_args, flag, output};
use super::{completions, version};
use crate::output_form::OutputForm;
use crate::run::lint;

pub(super) fn root() -> Command {
    Command::new("rollguard")
        .version(version::SHORT)
        .about("Checks rollouts, explains failures early, rolls back safely, and checks again")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(check())
        .subcommand(rollback())
        .subcommand(doctor())
        .subcommand(drill())
        .subcommand(replay())
        .subcommand(history())
        .subcommand(with_cluster_inputs(lint::command().args(cluster_args())))
        .subcommand(explain())
        .subcommand(templates())
        .subcommand(completions::command())
        .subcommand(
            Command::new("task")
                .hide(true)
                .about("The entry of the Azure Pipelines task"),
        )
}

fn check() -> Command {
    // They are those of a rollback, and a check changes nothing.
    let later = |command: Command, name: &'static str, help: &'static str| {
        command.mut_arg(name, |arg| arg.help(help).help_heading(LATER))
    };
    let command = with_inputs(CommandName::Check, Command::new("check"))
        .about("Follows a rollout to a verdict")
        .args(cluster_args())
        .arg(output(OutputForm::OF_REPORT))
        .arg(
            Arg::new("record")
                .long("record")
                .value_name("FILE")
                .help("Write a redacted trace of all observations"),
        );
    let command = later(
        command,
        FORCE_OWNER.name,
        "Offer one even where Argo CD, Flux, Helm or another controller manages the workload",
    );
    let command = later(
        command,
        ALLOW_SCHEMA_DOWNGRADE.name,
        "Offer one even to a revision that cannot work with the present schema",
    );
    later(
        command,
        ALLOW_ON_DELETE.name,
        "Offer one even with the update strategy `OnDelete`",
    )
}

/// The heading of the options that only change what a check says.
const LATER: &str = "What the check says about a later rollback (it rolls nothing back)";

fn rollback() -> Command {
    with_inputs(CommandName::Rollback, Command::new("rollback"))
        .about("Shows the plan of a rollback, and carries it out once confirmed")
        .args(cluster_args())
        .arg(flag(
            "dry-run",
            "Only show the plan and have the API server validate it",
        ))
        .arg(flag("yes", "Do not ask for confirmation").short('y'))
        .arg(output(OutputForm::OF_REPORT))
}

fn doctor() -> Command {
    with_inputs(CommandName::Doctor, Command::new("doctor"))
        .about("Tells whether a check and a rollback would work here, and which permissions are missing")
        .mut_arg(WORKLOADS.name, |arg| {
            arg.value_name("COMMAND|WORKLOAD").help(
                "The commands `check`, `rollback`, `drill` or `lint`, and the workloads; their kinds decide which \
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
            "context" | "as-group" | "as-uid" => arg,
            _ => arg.requires("context"),
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

fn replay() -> Command {
    Command::new("replay")
        .about("Re-evaluates a recorded trace")
        .arg(
            Arg::new("trace")
                .value_name("TRACE")
                .required(true)
                .help("A file that `check --record` wrote"),
        )
        .arg(input_arg(&TIMEOUT).help("A timeout to use instead of the recorded one"))
        .arg(output(OutputForm::OF_REPORT))
}

fn history() -> Command {
    let command = Command::new("history")
        .about("Shows the revisions of a workload, and which are known to be good")
        .arg(
            Arg::new("workload")
                .value_name("WORKLOAD")
                .required(true)
                .num_args(1..)
                .help("The workload, written as in kubectl: deployment/web, or deployment web"),
        )
        .arg(
            Arg::new("namespace")
                .long("namespace")
                .short('n')
                .value_name("NAMESPACE")
                .help("The namespace of the workload [default: the context's]"),
        )
        .args(cluster_args())
        .arg(output(OutputForm::OF_ANSWER));
    with_cluster_inputs(command)
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

fn templates() -> Command {
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
        )
}
