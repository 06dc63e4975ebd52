//! The inputs of a doctor.

use super::*;

/// The doctor's inputs of a task, with some of them set otherwise.
fn examined(changes: &[(&str, &str)]) -> DoctorInputs {
    let doctor = [("command", "doctor"), ("workloads", "")];
    let all: Vec<_> = doctor
        .into_iter()
        .filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name))
        .chain(changes.iter().copied())
        .collect();
    match Inputs::parse(&task(&all)).unwrap().command {
        CommandInputs::Doctor(inputs) => inputs,
        CommandInputs::Check(_) | CommandInputs::Rollback(_) | CommandInputs::Lint(_) => {
            panic!("another command")
        }
    }
}

#[test]
fn a_doctor_asks_for_what_the_commands_would_use() {
    use rollguard_core::permission::Command::{Check, Drill, Rollback};
    let all = Usage::of([Check, Rollback]);
    let rows = [
        ("nothing said", vec![], all.clone()),
        (
            "one command",
            vec![("doctorCommands", "check")],
            Usage::of([Check]),
        ),
        (
            "commands, however they are separated",
            vec![("doctorCommands", "drill, check\nrollback")],
            Usage::of([Check, Rollback, Drill]),
        ),
        (
            "the kinds of the workloads",
            vec![("workloads", "deployment/web\nsts/db deploy/api")],
            all.clone()
                .with_kinds([WorkloadKind::Deployment, WorkloadKind::StatefulSet]),
        ),
        (
            "a selector, which may find any kind",
            vec![("workloads", "deployment/web"), ("selector", "app=web")],
            Usage {
                selector: true,
                ..all.clone()
            },
        ),
        (
            "options",
            vec![
                ("http", "/healthz"),
                ("mark", "False"),
                ("logs", "false"),
                ("traffic", "false"),
                ("wait", "false"),
            ],
            Usage {
                http: true,
                mark: false,
                logs: false,
                traffic: false,
                wait: false,
                ..all
            },
        ),
    ];
    for (says, changes, usage) in rows {
        assert_eq!(examined(&changes).usage, usage, "{says}");
    }
    let named = examined(&[("workloads", "deployment/web deployment/web")]);
    assert_eq!(named.workloads, [web()]);
}

#[test]
fn a_doctor_refuses_what_it_would_ignore() {
    let rows = [
        (
            ("doctorCommands", "undo"),
            "input `doctorCommands`: `undo` is not a command that needs permissions; write `check`, `rollback`, \
             `drill` or `lint`",
        ),
        (
            ("doctorCommands", ","),
            "input `doctorCommands`: `,` is not a command that needs permissions; write `check`, `rollback`, `drill` or `lint`",
        ),
        (
            ("toRevision", "3"),
            "input `toRevision`: is for the command `rollback` only; leave it empty",
        ),
        (
            ("graces", "ImageNotFound=2m"),
            "input `graces`: is for the command `check` or `rollback` only; leave it empty",
        ),
    ];
    for (change, says) in rows {
        assert_eq!(complaints(&task(&[("command", "doctor"), change])), [says]);
    }
    let check = complaints(&task(&[("doctorCommands", "drill")]));
    assert_eq!(
        check,
        ["input `doctorCommands`: is for the command `doctor` only; leave it empty"]
    );
}
