//! The words that name workloads, as kubectl takes them.
//!
//! The forms are those of its resource builder (`k8s.io/cli-runtime/pkg/resource/builder.go`,
//! `ResourceTypeOrNameArgs`): `TYPE/NAME …`, `TYPE NAME …` and `TYPE,TYPE NAME …`, and never two of them at once.
//! One more is taken, because it can only mean one thing: `TYPE/NAME,TYPE/NAME`.

use rollguard_core::workload::{CRON_JOB, WorkloadError, WorkloadKind, WorkloadName, is_cron_job};

use super::error::InputProblem;
use super::values::lines;

/// The resources that a person may name by the habit of kubectl, and that have no rollouts of their own.
const OTHER_RESOURCES: &[&str] = &[
    "pod",
    "pods",
    "po",
    "replicaset",
    "replicasets",
    "rs",
    "service",
    "services",
    "svc",
    "ingress",
    "ing",
    "rollout",
    "rollouts",
];

/// Reads the words of a command line: all of them together name the workloads.
#[must_use]
pub fn workload_words(text: &str) -> Vec<Result<WorkloadName, InputProblem>> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let Some((first, others)) = words.split_first() else {
        return Vec::new();
    };
    if let Some(kinds) = kinds(first) {
        return apart(first, &kinds, others);
    }
    let has_slash = words.iter().any(|it| it.contains('/'));
    if !has_slash && !others.is_empty() && is_other_resource(first) {
        return others.iter().map(|name| Err(other(first, name))).collect();
    }
    joined(&words)
}

/// Reads the lines of a task's input: each is written like a command line of its own.
pub(super) fn workload_lines(text: &str) -> Vec<Result<WorkloadName, InputProblem>> {
    lines(text).flat_map(workload_words).collect()
}

/// `TYPE[,TYPE] NAME …`.
fn apart(types: &str, kinds: &[&str], names: &[&str]) -> Vec<Result<WorkloadName, InputProblem>> {
    if names.is_empty() {
        return vec![Err(InputProblem::KindAlone(first_of(types).to_owned()))];
    }
    let right: Vec<&&str> = names.iter().filter(|it| is_bare(it)).collect();
    let wrong = names.iter().filter(|it| !is_bare(it));
    let wrong = wrong.map(|name| Err(misplaced(types, name)));
    // As in kubectl: all names of the first type, then all of the next.
    let each = kinds.iter().flat_map(|kind| {
        let names = right.iter();
        names.map(move |name| {
            WorkloadName::parse(&format!("{kind}/{name}")).map_err(InputProblem::Workload)
        })
    });
    each.chain(wrong).collect()
}

/// Returns whether a word can only be a name.
fn is_bare(word: &str) -> bool {
    !word.contains(['/', ',']) && resource_of(word).is_none()
}

/// Says what is wrong with a word that stands where a name belongs.
fn misplaced(types: &str, word: &str) -> InputProblem {
    let (given, kind) = (format!("{types} {word}"), first_of(types));
    if word.contains('/') {
        return InputProblem::TwoForms {
            given,
            write: format!("{kind}/NAME {}", word.replace(',', " ")),
        };
    }
    if word.contains(',') {
        return InputProblem::NamesWithComma {
            write: format!("{types} {}", pieces(word).collect::<Vec<_>>().join(" ")),
            given,
        };
    }
    InputProblem::KindForName {
        kind: word.to_owned(),
        of: kind.to_owned(),
    }
}

/// `TYPE/NAME …`, separated by white space or commas.
fn joined(words: &[&str]) -> Vec<Result<WorkloadName, InputProblem>> {
    let mut names = Vec::new();
    let mut rest = words.iter().flat_map(|it| pieces(it)).peekable();
    while let Some(word) = rest.next() {
        let is_kind = |it: &str| resource_of(it).is_some();
        if !is_kind(word) {
            names.push(WorkloadName::parse(word).map_err(InputProblem::Workload));
            continue;
        }
        let behind: Vec<&str> =
            std::iter::from_fn(|| rest.next_if(|it| !it.contains('/') && !is_kind(it))).collect();
        names.push(Err(if behind.is_empty() {
            InputProblem::KindAlone(word.to_owned())
        } else {
            let right: Vec<String> = behind.iter().map(|it| format!("{word}/{it}")).collect();
            InputProblem::TwoForms {
                given: format!("{word} {}", behind.join(" ")),
                write: right.join(" "),
            }
        }));
    }
    names
}

/// Returns the kinds of `TYPE[,TYPE]`, each once; `None` if a part is no kind.
fn kinds(word: &str) -> Option<Vec<&'static str>> {
    let mut kinds = Vec::new();
    for piece in pieces(word) {
        let kind = resource_of(piece)?;
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    (!kinds.is_empty()).then_some(kinds)
}

/// Returns the resource that a word names: a kind of workload, or a `CronJob`.
fn resource_of(word: &str) -> Option<&'static str> {
    let kind = WorkloadKind::from_resource(word).map(WorkloadKind::resource);
    kind.or_else(|| is_cron_job(word).then_some(CRON_JOB))
}

fn is_other_resource(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    OTHER_RESOURCES.contains(&word.as_str())
}

fn other(kind: &str, name: &str) -> InputProblem {
    InputProblem::Workload(WorkloadError::UnknownKind {
        text: format!("{kind} {name}"),
        kind: kind.to_owned(),
        name: name.to_owned(),
    })
}

fn first_of(types: &str) -> &str {
    pieces(types).next().unwrap_or(types)
}

fn pieces(word: &str) -> impl Iterator<Item = &str> {
    word.split(',').filter(|it| !it.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let said = workload_words(text).into_iter();
        said.map(|it| match it {
            Ok(name) => name.in_namespace("shop").to_string(),
            Err(problem) => problem.to_string(),
        })
        .collect()
    }

    #[test]
    fn workloads_are_taken_as_kubectl_takes_them() {
        let rows: &[(&str, &[&str])] = &[
            ("deployment/web", &["deployment/web"]),
            ("deployment web", &["deployment/web"]),
            ("deploy web api", &["deployment/web", "deployment/api"]),
            ("Deployments.apps web", &["deployment/web"]),
            ("deployments.v1.apps web", &["deployment/web"]),
            ("statefulsets db", &["statefulset/db"]),
            ("ds agent", &["daemonset/agent"]),
            (
                "deployment/web sts/db",
                &["deployment/web", "statefulset/db"],
            ),
            (
                "deployment/web,statefulset/db",
                &["deployment/web", "statefulset/db"],
            ),
            (
                "deploy,sts web db",
                &[
                    "deployment/web",
                    "deployment/db",
                    "statefulset/web",
                    "statefulset/db",
                ],
            ),
            ("deploy,deployment web", &["deployment/web"]),
            ("deployment/deployment", &["deployment/deployment"]),
            ("job migrate seed", &["job/migrate", "job/seed"]),
            (
                "deploy/web jobs.batch/migrate",
                &["deployment/web", "job/migrate"],
            ),
            ("cj nightly", &["job/nightly"]),
            ("", &[]),
        ];
        for (text, expected) in rows {
            assert_eq!(read(text), *expected, "{text}");
        }
    }

    #[test]
    fn what_kubectl_refuses_is_refused_with_what_to_write_instead() {
        let rows: &[(&str, &[&str])] = &[
            (
                "deployment",
                &["`deployment` has no name; write for example `deployment/web`"],
            ),
            (
                "deployment/web statefulset",
                &[
                    "deployment/web",
                    "`statefulset` has no name; write for example `statefulset/web`",
                ],
            ),
            (
                "deployment/web statefulset db",
                &[
                    "deployment/web",
                    "`statefulset db` has a space where the other workloads have a slash; write `statefulset/db`",
                ],
            ),
            (
                "deployment web statefulset/db",
                &[
                    "deployment/web",
                    "`deployment statefulset/db` has a space where the other workloads have a slash; write \
                     `deployment/NAME statefulset/db`",
                ],
            ),
            (
                "deployment web,api",
                &["`deployment web,api` has a comma between names; write `deployment web api`"],
            ),
            (
                "deployment web statefulset db",
                &[
                    "deployment/web",
                    "deployment/db",
                    "`statefulset` is a kind where a name belongs; write `statefulset/NAME` and give every workload \
                     a slash, or `deployment/statefulset` for a workload of that name",
                ],
            ),
            (
                "pods nightly",
                &[
                    "`pods nightly`: kind `pods` is not supported; write `deployment/nightly`, \
                   `statefulset/nightly`, `daemonset/nightly` or `job/nightly`",
                ],
            ),
            ("web", &["`web` has no kind; write `deployment/web`"]),
            (
                "web api",
                &[
                    "`web` has no kind; write `deployment/web`",
                    "`api` has no kind; write `deployment/api`",
                ],
            ),
            (
                "deployment/web,api",
                &[
                    "deployment/web",
                    "`api` has no kind; write `deployment/api`",
                ],
            ),
        ];
        for (text, expected) in rows {
            assert_eq!(read(text), *expected, "{text}");
        }
    }

    #[test]
    fn each_line_of_a_task_stands_for_itself() {
        let read = |text| -> Vec<Result<String, String>> {
            let said = workload_lines(text).into_iter();
            said.map(|it| {
                it.map(|it| it.in_namespace("").to_string())
                    .map_err(|it| it.to_string())
            })
            .collect()
        };
        let ok = |it: &str| Ok(it.to_owned());
        assert_eq!(
            read("deployment web\nstatefulset/db ds/agent\n\nsts cache"),
            [
                ok("deployment/web"),
                ok("statefulset/db"),
                ok("daemonset/agent"),
                ok("statefulset/cache")
            ]
        );
        let split = read("deployment\nweb");
        assert!(split.iter().all(Result::is_err), "{split:?}");
    }
}
