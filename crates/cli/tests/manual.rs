//! Completions and man pages: both follow from the arguments, and both name every command.
#![expect(clippy::unwrap_used, reason = "a test's helper may fail the test")]

use std::process::{Command, Stdio};

use rollguard::{SHELLS, command_line, script};

fn commands() -> Vec<String> {
    let line = command_line();
    let names = line.get_subcommands().map(|it| it.get_name().to_owned());
    names.collect()
}

/// Runs a program of the machine on a file; `None` where there is none.
fn run(program: &str, arguments: &[&str], content: &str) -> Option<(bool, String)> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content).unwrap();
    let output = Command::new(program)
        .args(arguments)
        .arg(file.path())
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = [output.stdout, output.stderr].concat();
    Some((
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    ))
}

#[test]
fn the_completions_of_every_shell_name_every_command_and_no_other() {
    for (shell, _) in SHELLS {
        let script = script(shell);
        for command in commands() {
            assert!(script.contains(&command), "{shell}: {command}");
        }
        assert!(script.contains("selector"), "{shell}");
        assert!(!script.contains("Azure Pipelines task"), "{shell}");
        let output = Command::new(env!("CARGO_BIN_EXE_rollguard"))
            .args(["completions", shell])
            .env_clear()
            .output()
            .unwrap();
        assert!(output.status.success(), "{shell}");
        assert_eq!(
            String::from_utf8(output.stdout).unwrap().trim_end(),
            script,
            "{shell}"
        );
    }
    assert_eq!(script("tcsh"), "");
}

#[test]
fn the_shells_that_are_here_accept_their_completions() {
    for (shell, arguments) in [
        ("bash", ["-n"]),
        ("zsh", ["-n"]),
        ("fish", ["--no-execute"]),
    ] {
        if let Some((accepted, said)) = run(shell, &arguments, &script(shell)) {
            assert!(accepted, "{shell}: {said}");
        }
    }
}

#[test]
fn every_command_has_a_man_page_that_renders() {
    let folder = tempfile::tempdir().unwrap();
    clap_mangen::generate_to(command_line(), folder.path()).unwrap();
    let pages = ["rollguard".to_owned()].into_iter();
    let commands = commands();
    let pages = pages.chain(commands.iter().map(|it| format!("rollguard-{it}")));
    let pages = pages.chain(["rollguard-templates-export".to_owned()]);
    for page in pages {
        let text = std::fs::read_to_string(folder.path().join(format!("{page}.1"))).unwrap();
        for part in [
            ".TH ",
            ".SH NAME",
            ".SH SYNOPSIS",
            "Examples:",
            "Documentation:",
        ] {
            assert!(text.contains(part), "{page}: {part}");
        }
        if let Some((rendered, said)) = run("man", &["-P", "cat", "-l"], &text) {
            assert!(rendered && said.contains("SYNOPSIS"), "{page}: {said}");
        }
    }
    assert!(!folder.path().join("rollguard-task.1").exists());
}
