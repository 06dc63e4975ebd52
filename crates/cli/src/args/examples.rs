//! The end of every command's help: examples, and where more is written.

use clap::Command;

/// The folder of the documentation; the task and the extension name the same repository.
macro_rules! docs {
    ($page:literal) => {
        concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/", $page)
    };
}

/// The end of the help of one command.
struct Explained {
    /// Its words behind the name of the program.
    command: &'static str,
    /// Where more is written.
    docs: &'static str,
    /// What it does, and the command line that does it.
    examples: &'static [(&'static str, &'static str)],
}

const ALL: &[Explained] = &[
    Explained {
        command: "",
        docs: docs!("README.md"),
        examples: &[
            (
                "See it work, without a cluster",
                "rollguard drill --approve",
            ),
            (
                "Follow a rollout to a verdict",
                "rollguard check deployment/web -n shop",
            ),
            (
                "Undo it, after a look at the plan",
                "rollguard rollback deployment/web -n shop",
            ),
        ],
    },
    Explained {
        command: "check",
        docs: docs!("docs/findings.md"),
        examples: &[
            (
                "Follow a rollout for five minutes at most",
                "rollguard check deployment/web -n shop",
            ),
            (
                "Follow several together, as kubectl names them",
                "rollguard check deployment web api -n shop --timeout 10m",
            ),
            (
                "Follow whatever belongs to a release, and ask each new pod over HTTP",
                "rollguard check -l app.kubernetes.io/part-of=shop -n shop --http /healthz",
            ),
            (
                "Keep the report, for a rollback by its evidence",
                "rollguard check deployment/web -n shop -o json > report.json",
            ),
            (
                "Follow it with the permissions of someone else",
                "rollguard check deployment/web -n shop --as system:serviceaccount:shop:deployer",
            ),
        ],
    },
    Explained {
        command: "rollback",
        docs: docs!("docs/rollback.md"),
        examples: &[
            (
                "Show the plan, and ask before anything is changed",
                "rollguard rollback deployment/web -n shop",
            ),
            (
                "Only show the plan",
                "rollguard rollback deployment/web statefulset/db -n shop --dry-run",
            ),
            (
                "Undo exactly what a check found bad",
                "rollguard rollback -n shop --evidence report.json",
            ),
            (
                "Undo whatever fails of a release, and leave the rest alone",
                "rollguard rollback -l app.kubernetes.io/part-of=shop -n shop",
            ),
            (
                "Restore a revision of your choice",
                "rollguard rollback deployment/web -n shop --to-revision 3",
            ),
        ],
    },
    Explained {
        command: "doctor",
        docs: docs!("docs/rbac.md"),
        examples: &[
            (
                "Ask whether a check and a rollback would work",
                "rollguard doctor -n shop",
            ),
            (
                "Put it before the command line that is to be tried",
                "rollguard doctor check deployment/web -n shop --http /healthz",
            ),
            (
                "Ask for the permissions of a pipeline's account",
                "rollguard doctor rollback -n shop --as system:serviceaccount:shop:deployer",
            ),
        ],
    },
    Explained {
        command: "drill",
        docs: docs!("docs/newcomer.md"),
        examples: &[
            ("Rehearse the stage without a cluster", "rollguard drill"),
            (
                "Rehearse it on a test cluster, in a namespace of its own",
                "rollguard drill --context test --approve",
            ),
        ],
    },
    Explained {
        command: "replay",
        docs: docs!("docs/troubleshooting.md"),
        examples: &[
            (
                "Record a check",
                "rollguard check deployment/web -n shop --record rollout.jsonl",
            ),
            (
                "Judge it again, with more time",
                "rollguard replay rollout.jsonl --timeout 15m",
            ),
        ],
    },
    Explained {
        command: "history",
        docs: docs!("docs/rollback.md"),
        examples: &[(
            "Show the revisions, and which of them a check found healthy",
            "rollguard history deployment/web -n shop",
        )],
    },
    Explained {
        command: "lint",
        docs: docs!("docs/lint.md"),
        examples: &[
            ("Judge the manifests of a folder", "rollguard lint k8s/"),
            (
                "Judge by a Pod Security level as well, and write SARIF",
                "rollguard lint 'k8s/**/*.yaml' --level practices --level restricted -o sarif",
            ),
            (
                "Judge what helm or kustomize renders",
                "helm template . | rollguard lint -",
            ),
            (
                "Write what cannot break an application",
                "rollguard lint k8s/ --fix",
            ),
            (
                "Ask the cluster what the rollout will meet",
                "rollguard lint --live k8s/ -n shop",
            ),
        ],
    },
    Explained {
        command: "explain",
        docs: docs!("docs/findings.md"),
        examples: &[
            (
                "Explain a code of a report",
                "rollguard explain ImageNotFound",
            ),
            ("List every code", "rollguard explain"),
        ],
    },
    Explained {
        command: "templates",
        docs: docs!("templates/README.md"),
        examples: &[(
            "Write the templates to a folder",
            "rollguard templates export pipelines",
        )],
    },
    Explained {
        command: "templates list",
        docs: docs!("templates/README.md"),
        examples: &[("List the templates", "rollguard templates list")],
    },
    Explained {
        command: "templates export",
        docs: docs!("templates/README.md"),
        examples: &[(
            "Write the templates to a folder",
            "rollguard templates export pipelines",
        )],
    },
    Explained {
        command: "completions",
        docs: docs!("docs/command-line.md"),
        examples: &[
            (
                "Complete in this bash",
                "source <(rollguard completions bash)",
            ),
            (
                "Complete in every zsh",
                "rollguard completions zsh > ~/.zfunc/_rollguard",
            ),
            (
                "Complete in every fish",
                "rollguard completions fish > ~/.config/fish/completions/rollguard.fish",
            ),
            (
                "Complete in this PowerShell",
                "rollguard completions powershell | Out-String | Invoke-Expression",
            ),
        ],
    },
    Explained {
        command: "task",
        docs: docs!("docs/inputs.md"),
        examples: &[(
            "Only the task calls it, with inputs in its environment",
            "rollguard task",
        )],
    },
];

/// Adds to a command and to all below it how their help ends.
pub(super) fn explained(root: Command) -> Command {
    with_end(root, "")
}

fn with_end(command: Command, path: &str) -> Command {
    let names: Vec<String> = command
        .get_subcommands()
        .map(|it| it.get_name().to_owned())
        .collect();
    let command = names.into_iter().fold(command, |command, name| {
        let below = format!("{path} {name}").trim_start().to_owned();
        command.mut_subcommand(name, |it| with_end(it, &below))
    });
    match ALL.iter().find(|it| it.command == path) {
        Some(explained) => command.after_help(end(explained)),
        None => command,
    }
}

fn end(explained: &Explained) -> String {
    let example = |(says, line): &(&str, &str)| format!("  # {says}\n  {line}\n");
    let examples: Vec<String> = explained.examples.iter().map(example).collect();
    format!(
        "Examples:\n{}\nDocumentation: {}",
        examples.join("\n"),
        explained.docs
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::args::{command, parse};

    /// Every command, as the words behind the program's name.
    fn paths(command: &Command, path: &str) -> Vec<String> {
        let below = command.get_subcommands().flat_map(|it| {
            let name = it.get_name();
            paths(it, format!("{path} {name}").trim_start())
        });
        std::iter::once(path.to_owned()).chain(below).collect()
    }

    fn at(path: &str) -> Command {
        let words = path.split_whitespace();
        words.fold(command(), |command, word| {
            command.find_subcommand(word).unwrap().clone()
        })
    }

    /// The words of the program in a line of a shell.
    fn words(line: &str) -> Vec<std::ffi::OsString> {
        let own = line
            .split(['|', '(', ')'])
            .find(|it| it.trim().starts_with("rollguard"));
        let own = own.unwrap_or_else(|| panic!("{line}"));
        let own = own.split(" > ").next().unwrap();
        let words = own.split_whitespace();
        words.map(|it| it.trim_matches('\'').into()).collect()
    }

    #[test]
    fn the_help_of_every_command_ends_with_examples_and_an_address() {
        let mut seen = Vec::new();
        for path in paths(&command(), "") {
            let help = at(&path).render_help().to_string();
            let (_, end) = help
                .split_once("\nExamples:\n")
                .unwrap_or_else(|| panic!("{path}: {help}"));
            assert!(
                end.contains(&format!("  rollguard {path}")) || path == "lint",
                "{path}: {end}"
            );
            assert!(
                end.contains(&format!(
                    "\nDocumentation: {}/",
                    env!("CARGO_PKG_REPOSITORY")
                )),
                "{path}: {end}"
            );
            seen.push(path);
        }
        for path in ["lint", "templates export", "completions"] {
            assert!(seen.iter().any(|it| it == path), "{seen:?}");
        }
        let known: Vec<&str> = ALL.iter().map(|it| it.command).collect();
        assert_eq!(known.len(), seen.len(), "an end for no command: {known:?}");
    }

    #[test]
    fn every_example_is_understood() {
        for explained in ALL {
            for (says, line) in explained.examples {
                let words = words(line);
                let parsed = parse(&words);
                assert!(parsed.is_ok(), "{says}: {line}: {}", parsed.unwrap_err());
                let matches = parsed.unwrap();
                let (name, matches) = matches.subcommand().unwrap();
                let named = rollguard_agent::inputs::CommandName::parse(name);
                // Its options are its own.
                let named = named.filter(|_| name != "lint");
                let without_a_file = matches.try_get_raw("evidence").ok().flatten().is_none();
                if let Some(named) = named.filter(|_| without_a_file) {
                    let raw = crate::args::raw_inputs(named, matches, |_| Ok(String::new()));
                    let inputs = rollguard_agent::inputs::Inputs::parse(&raw.unwrap());
                    assert!(inputs.is_ok(), "{says}: {line}: {inputs:?}");
                }
            }
        }
    }

    #[test]
    fn the_addresses_lead_to_pages_of_the_repository_that_the_extension_names() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let repository = env!("CARGO_PKG_REPOSITORY");
        for explained in ALL {
            let page = explained.docs.strip_prefix(repository).unwrap();
            let page = page.strip_prefix("/blob/main/").unwrap();
            assert!(root.join(page).is_file(), "{page}");
        }
        for file in ["vss-extension.json", "task/task.json"] {
            let text = std::fs::read_to_string(root.join(file)).unwrap();
            assert!(text.contains(&format!("\"{repository}\"")), "{file}");
        }
    }
}
