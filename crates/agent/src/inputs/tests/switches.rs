//! Booleans, and defaults of inputs of another command.

use super::*;

/// A boolean input, a command that takes it, and what is read from the inputs.
type Switch = (&'static str, &'static str, fn(&CommandInputs) -> bool);

const fn allowed(inputs: &CommandInputs) -> Allowed {
    match inputs {
        CommandInputs::Check(check) => check.allowed,
        CommandInputs::Rollback(rollback) => rollback.allowed,
        CommandInputs::Doctor(_) | CommandInputs::Lint(_) => panic!("another command"),
    }
}

const SWITCHES: &[Switch] = &[
    ("forceOwner", "check", |it| allowed(it).force_owner),
    ("forceOwner", "rollback", |it| allowed(it).force_owner),
    ("allowSchemaDowngrade", "check", |it| {
        allowed(it).schema_downgrade
    }),
    ("allowSchemaDowngrade", "rollback", |it| {
        allowed(it).schema_downgrade
    }),
    ("approved", "rollback", |it| allowed(it).approved),
    ("allowOnDelete", "check", |it| allowed(it).on_delete),
    ("allowOnDelete", "rollback", |it| allowed(it).on_delete),
    ("mark", "check", |it| match it {
        CommandInputs::Check(check) => check.mark,
        CommandInputs::Rollback(_) | CommandInputs::Doctor(_) | CommandInputs::Lint(_) => {
            panic!("another command")
        }
    }),
    ("traffic", "check", |it| match it {
        CommandInputs::Check(check) => check.traffic,
        CommandInputs::Rollback(_) | CommandInputs::Doctor(_) | CommandInputs::Lint(_) => {
            panic!("another command")
        }
    }),
    ("traffic", "rollback", |it| match it {
        CommandInputs::Rollback(rollback) => rollback.traffic,
        CommandInputs::Check(_) | CommandInputs::Doctor(_) | CommandInputs::Lint(_) => {
            panic!("another command")
        }
    }),
    ("logs", "check", |it| match it {
        CommandInputs::Check(check) => check.logs,
        CommandInputs::Rollback(_) | CommandInputs::Doctor(_) | CommandInputs::Lint(_) => {
            panic!("another command")
        }
    }),
    ("logs", "rollback", |it| match it {
        CommandInputs::Rollback(rollback) => rollback.logs,
        CommandInputs::Check(_) | CommandInputs::Doctor(_) | CommandInputs::Lint(_) => {
            panic!("another command")
        }
    }),
    ("wait", "rollback", |it| match it {
        CommandInputs::Rollback(rollback) => rollback.wait,
        CommandInputs::Check(_) | CommandInputs::Doctor(_) | CommandInputs::Lint(_) => {
            panic!("another command")
        }
    }),
];

#[test]
fn a_boolean_is_read_as_azure_pipelines_writes_it() {
    for (name, command, read) in SWITCHES {
        let default = InputSpec::named(name).unwrap().default == Some("true");
        let rows = [
            ("", default),
            ("true", true),
            ("True", true),
            ("TRUE", true),
            ("false", false),
            ("False", false),
        ];
        for (value, expected) in rows {
            let inputs = Inputs::parse(&task(&[("command", command), (name, value)])).unwrap();
            assert_eq!(
                read(&inputs.command),
                expected,
                "{command}: {name}={value:?}"
            );
            let others = SWITCHES.iter().filter(|(other, it, _)| {
                it == command && other != name && value.eq_ignore_ascii_case("true")
            });
            for (other, _, read) in others {
                let theirs = InputSpec::named(other).unwrap().default == Some("true");
                assert_eq!(read(&inputs.command), theirs, "{name} is not {other}");
            }
        }
        for wrong in ["yes", "1", "truee", "$true"] {
            let told = complaints(&task(&[("command", command), (name, wrong)]));
            let says = format!("input `{name}`: `{wrong}` is neither `true` nor `false`");
            assert_eq!(told, [says]);
        }
    }
}

#[test]
fn the_default_of_another_commands_input_says_nothing_and_its_contrary_is_told() {
    for (name, command, other) in [("wait", "rollback", "check"), ("mark", "check", "rollback")] {
        for (value, told) in [("true", false), ("True", false), ("false", true)] {
            let raw = task(&[("command", other), (name, value)]);
            let says = format!(
                "input `{name}`: is for the command `{command}` or `doctor` only; leave it empty"
            );
            let expected: Vec<String> = told.then_some(says).into_iter().collect();
            let found = Inputs::parse(&raw).map_or_else(|_| complaints(&raw), |_| Vec::new());
            assert_eq!(found, expected, "{other}: {name}={value}");
        }
    }
}
