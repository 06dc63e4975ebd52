//! A verb of another program, or one that stands behind its options: which command was meant.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use rollguard_agent::Outcome;
use rollguard_agent::inputs::workload_words;

use super::command;
use crate::connection_options::quoted;
use crate::failure::Failure;

/// Verbs that people know from elsewhere, and the command that does it here.
const VERBS: &[(&[&str], Meant)] = &[
    (
        &[
            "status", "wait", "verify", "watch", "monitor", "follow", "get", "describe", "health",
            "inspect",
        ],
        Meant::Command("check"),
    ),
    (
        &["undo", "revert", "restore", "roll-back", "back"],
        Meant::Command("rollback"),
    ),
    (&["revisions", "log", "list"], Meant::Command("history")),
    (
        &[
            "auth",
            "can-i",
            "permissions",
            "preflight",
            "rbac",
            "access",
        ],
        Meant::Command("doctor"),
    ),
    (
        &["validate", "scan", "vet", "analyze", "analyse"],
        Meant::CheckOrLint,
    ),
    (&["diagnose", "debug", "troubleshoot"], Meant::CheckOrDoctor),
    (
        &["demo", "rehearse", "simulate", "try"],
        Meant::Command("drill"),
    ),
    (&["completion"], Meant::Command("completions")),
    (&["template", "export"], Meant::Command("templates")),
];

/// The command behind a verb.
#[derive(Clone, Copy)]
enum Meant {
    Command(&'static str),
    /// A workload is checked, a manifest is judged.
    CheckOrLint,
    /// A workload is checked; without one, the surroundings are.
    CheckOrDoctor,
}

/// Says which command was meant, where the first word is none or where an option stands before it; `None` for
/// every other mistake.
pub(crate) fn misplaced(error: &clap::Error, arguments: &[OsString]) -> Option<Failure> {
    let words: Vec<String> = arguments
        .iter()
        .skip(1)
        .map(|it| it.to_string_lossy().into_owned())
        .collect();
    if error.kind() == ErrorKind::InvalidSubcommand {
        of_unknown(&words)
    } else if error.kind() == ErrorKind::UnknownArgument {
        of_early_option(&words)
    } else {
        None
    }
}

fn of_unknown(words: &[String]) -> Option<Failure> {
    // Only that of the program itself: `templates show` is a mistake of its own.
    let (first, rest) = words.split_first()?;
    if command().find_subcommand(first).is_some() {
        return None;
    }
    if are_workloads(words) {
        // Of all commands, the one that people mean most with a workload, and that changes nothing.
        let message = format!("`{first}` is a workload, and a command comes before it");
        let failure = Failure::new(Outcome::BadInput, message);
        return Some(failure.hint(did_you_mean("check", words)));
    }
    let (verb, rest) = match (first.as_str(), rest.split_first()) {
        // `kubectl rollout VERB`.
        ("rollout" | "rollouts" | "kubectl", Some((verb, rest))) => (verb, rest),
        _ => (first, rest),
    };
    let said = if verb == first {
        first.clone()
    } else {
        format!("{first} {verb}")
    };
    let failure = Failure::new(Outcome::BadInput, format!("there is no command `{said}`"));
    if verb == "version" {
        return Some(failure.hint("did you mean `rollguard --version`?"));
    }
    if SHOWING.contains(&verb.as_str()) && names_others(rest) {
        return Some(failure.hint(
            "rollguard shows no objects, kubectl does; `rollguard check KIND/NAME` follows the rollout of a Deployment, \
             StatefulSet or DaemonSet, or a Job",
        ));
    }
    let meant = meant(verb, rest).or_else(|| similar(verb));
    Some(match meant {
        Some(command) => failure.hint(did_you_mean(command, rest)),
        None => failure.hint("`rollguard --help` lists the commands"),
    })
}

/// kubectl takes `-n shop` before its verb, too.
fn of_early_option(words: &[String]) -> Option<Failure> {
    let option = words.first().filter(|it| it.starts_with('-'))?;
    let is_verb = |it: &&String| {
        command().find_subcommand(it).is_some() || meant(it, &[]).is_some() || *it == "rollout"
    };
    let at = words.iter().position(|it| is_verb(&it))?;
    let (early, rest) = words.split_at(at);
    let (verb, rest) = rest.split_first()?;
    let (verb, rest) = match rest.split_first() {
        Some((next, rest)) if verb == "rollout" => (next, rest),
        _ => (verb, rest),
    };
    let name = match command().find_subcommand(verb) {
        Some(command) => command.get_name().to_owned(),
        None => meant(verb, rest)?.to_owned(),
    };
    let behind: Vec<String> = rest.iter().chain(early).cloned().collect();
    let failure = Failure::new(
        Outcome::BadInput,
        format!("`{option}` stands before the command; options come after it"),
    );
    Some(failure.hint(did_you_mean(&name, &behind)))
}

fn meant(verb: &str, rest: &[String]) -> Option<&'static str> {
    let verb = verb.to_ascii_lowercase();
    if let Some(known) = NAMES.iter().find(|it| **it == verb) {
        return Some(known);
    }
    let (_, meant) = VERBS
        .iter()
        .find(|(verbs, _)| verbs.contains(&verb.as_str()))?;
    Some(match meant {
        Meant::Command(name) => name,
        Meant::CheckOrLint | Meant::CheckOrDoctor if names_workloads(rest) => "check",
        Meant::CheckOrLint => "lint",
        Meant::CheckOrDoctor => "doctor",
    })
}

/// Reads the words before the first option as workloads.
fn named(rest: &[String]) -> Vec<bool> {
    let words: Vec<&str> = rest
        .iter()
        .map(String::as_str)
        .take_while(|it| !it.starts_with('-'))
        .collect();
    let named = workload_words(&words.join(" "));
    named.iter().map(Result::is_ok).collect()
}

fn are_workloads(words: &[String]) -> bool {
    let named = named(words);
    !named.is_empty() && named.iter().all(|it| *it)
}

fn names_workloads(rest: &[String]) -> bool {
    named(rest).contains(&true)
        || rest
            .iter()
            .any(|it| it == "-l" || it.starts_with("--selector"))
}

/// Verbs of kubectl that show objects of any kind.
const SHOWING: &[&str] = &["get", "describe", "list", "watch", "log", "inspect"];

/// Returns whether objects are named, and none of them is a workload.
fn names_others(rest: &[String]) -> bool {
    let named = named(rest);
    !named.is_empty() && !named.contains(&true)
}

/// Returns the command that differs by a slip. clap would go further, and take `status` for `templates`.
fn similar(verb: &str) -> Option<&'static str> {
    const SLIPS: usize = 2;
    let distance = |name: &&&str| strsim::osa_distance(verb, name);
    let nearest = NAMES.iter().min_by_key(distance)?;
    (distance(&nearest) <= SLIPS).then_some(*nearest)
}

const NAMES: &[&str] = &[
    "check",
    "rollback",
    "doctor",
    "drill",
    "replay",
    "history",
    "lint",
    "explain",
    "templates",
    "completions",
];

/// The corrected command line, as far as the command takes it.
fn did_you_mean(name: &str, rest: &[String]) -> String {
    let mut rest = rest.to_vec();
    // What the command does not know is dropped, one by one.
    for _ in 0..=rest.len() {
        let line = ["rollguard", name].into_iter().map(OsString::from);
        let line = line.chain(rest.iter().map(OsString::from));
        let Err(error) = command().try_get_matches_from(line) else {
            let words: Vec<String> = rest.iter().map(|it| quoted(it)).collect();
            let line = format!("rollguard {name} {}", words.join(" "));
            let line = line.trim_end();
            // It stands in backticks.
            if line.contains('`') || line.contains(char::is_control) {
                break;
            }
            return format!("did you mean `{line}`?");
        };
        let unknown = match error.get(ContextKind::InvalidArg) {
            Some(ContextValue::String(unknown)) if error.kind() == ErrorKind::UnknownArgument => {
                unknown.clone()
            }
            _ => break,
        };
        let before = rest.len();
        rest.retain(|it| *it != unknown && !it.starts_with(&format!("{unknown}=")));
        if rest.len() == before {
            break;
        }
    }
    format!("did you mean `rollguard {name}`? See `rollguard {name} --help`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::parse;

    fn said(line: &str) -> Option<String> {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let error = parse(&words).unwrap_err();
        let failure = misplaced(&error, &words)?;
        assert_eq!(failure.outcome.exit_code(), 2);
        Some(failure.hint.unwrap_or_default())
    }

    #[test]
    fn a_verb_of_another_program_leads_to_the_right_command() {
        let rows = [
            (
                "status deployment/web -n shop",
                "check deployment/web -n shop",
            ),
            ("status", "check"),
            ("rollout status deployment web", "check deployment web"),
            (
                "rollout status deploy/web --timeout=2m --watch",
                "check deploy/web --timeout=2m",
            ),
            (
                "rollout undo deployment/web --to-revision=3",
                "rollback deployment/web --to-revision=3",
            ),
            ("rollout history deployment/web", "history deployment/web"),
            ("undo deployment/web", "rollback deployment/web"),
            (
                "revert deployment/web -n shop --dry-run",
                "rollback deployment/web -n shop --dry-run",
            ),
            ("wait deployment/web", "check deployment/web"),
            ("verify -l app=web", "check -l app=web"),
            ("get deployment web", "check deployment web"),
            ("get deployment/web -w", "check deployment/web"),
            ("validate deployment/web", "check deployment/web"),
            ("validate k8s/web.yaml", "lint k8s/web.yaml"),
            ("diagnose deployment/web", "check deployment/web"),
            ("diagnose -n shop", "doctor -n shop"),
            ("can-i rollback -n shop", "doctor rollback -n shop"),
            ("template list", "templates list"),
            ("completion bash", "completions bash"),
            ("chek deployment/web", "check deployment/web"),
            ("rolback deployment/web", "rollback deployment/web"),
            (
                "-n shop check deployment/web",
                "check deployment/web -n shop",
            ),
            (
                "-n shop rollout undo deployment/web",
                "rollback deployment/web -n shop",
            ),
            ("status 'a$b'", "check ''\\''a$b'\\'''"),
            ("deployment/web", "check deployment/web"),
            ("deploy web", "check deploy web"),
            ("cronjob/web", "check cronjob/web"),
            ("sts/db ds/agent -n shop", "check sts/db ds/agent -n shop"),
            (
                "deployment/web --dry-run -n shop",
                "check deployment/web -n shop",
            ),
        ];
        for (line, meant) in rows {
            let hint = said(&format!("rollguard {line}")).unwrap();
            assert_eq!(hint, format!("did you mean `rollguard {meant}`?"), "{line}");
        }
    }

    #[test]
    fn what_no_command_takes_leads_to_its_help() {
        let rows = [
            ("status deployment/web --timeout", "check"),
            ("undo a`b", "rollback"),
        ];
        for (line, name) in rows {
            let hint = said(&format!("rollguard {line}")).unwrap();
            let expected =
                format!("did you mean `rollguard {name}`? See `rollguard {name} --help`");
            assert_eq!(hint, expected, "{line}");
        }
    }

    #[test]
    fn what_only_kubectl_shows_is_not_taken_for_a_check() {
        for line in [
            "get pods",
            "get pods -l app=web",
            "get deployments",
            "describe pod web-1",
            "get svc/web -n shop",
        ] {
            let hint = said(&format!("rollguard {line}")).unwrap();
            assert!(
                hint.starts_with("rollguard shows no objects"),
                "{line}: {hint}"
            );
        }
        for line in [
            "get deployment/web",
            "get -l app=web",
            "describe deploy web",
        ] {
            let hint = said(&format!("rollguard {line}")).unwrap();
            assert!(
                hint.starts_with("did you mean `rollguard check"),
                "{line}: {hint}"
            );
        }
        let hint = said("rollguard version").unwrap();
        assert_eq!(hint, "did you mean `rollguard --version`?");
    }

    #[test]
    fn a_word_that_means_nothing_is_taken_for_nothing() {
        for line in [
            "frobnicate",
            "rollout",
            "rollout pause deployment/web",
            "apply -f web.yaml",
            "ingress/web",
        ] {
            let hint = said(&format!("rollguard {line}")).unwrap();
            assert_eq!(hint, "`rollguard --help` lists the commands", "{line}");
        }
        let of_others = [
            "templates show",
            "check deployment/web --namspace shop",
            "--foo",
        ];
        for line in of_others {
            assert_eq!(said(&format!("rollguard {line}")), None, "{line}");
        }
    }

    #[test]
    fn every_command_that_is_offered_is_there() {
        let command = command();
        for name in NAMES {
            assert!(command.find_subcommand(name).is_some(), "{name}");
        }
        for (verbs, _) in VERBS {
            for verb in *verbs {
                assert!(command.find_subcommand(verb).is_none(), "{verb}");
            }
        }
    }
}
