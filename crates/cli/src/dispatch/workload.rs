//! The one workload of a command that takes no more.

use rollguard_agent::Outcome;
use rollguard_agent::inputs::workload_words;
use rollguard_core::workload::WorkloadName;

use super::App;
use crate::failure::Failure;

impl App<'_> {
    /// Reads the workload, as kubectl takes it.
    pub(super) fn one_workload(&self) -> Result<WorkloadName, Failure> {
        let words = self.matches.get_many::<String>("workload");
        let words: Vec<&str> = words.into_iter().flatten().map(String::as_str).collect();
        one(&words.join(" "))
    }
}

fn one(words: &str) -> Result<WorkloadName, Failure> {
    let mut names = Vec::new();
    let mut problems = Vec::new();
    for said in workload_words(words) {
        match said {
            Ok(name) => names.push(name),
            Err(problem) => problems.push(problem.to_string()),
        }
    }
    names.dedup();
    if !problems.is_empty() {
        return Err(Failure::of(Outcome::BadInput, problems));
    }
    match names.pop() {
        Some(name) if names.is_empty() => Ok(name),
        Some(_) => Err(Failure::new(
            Outcome::BadInput,
            format!("`{words}` names several workloads; write one"),
        )),
        None => Err(Failure::new(Outcome::BadInput, "`WORKLOAD`: is empty")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_workload_is_taken_as_kubectl_takes_it() {
        for words in [
            "deployment/web",
            "deployment web",
            "deploy/web deployment/web",
        ] {
            let name = one(words).unwrap();
            assert_eq!(
                name.in_namespace("").to_string(),
                "deployment/web",
                "{words}"
            );
        }
        let rows = [
            (
                "deployment",
                "`deployment` has no name; write for example `deployment/web`",
            ),
            ("web", "`web` has no kind; write `deployment/web`"),
            (
                "deployment web api",
                "`deployment web api` names several workloads; write one",
            ),
        ];
        for (words, says) in rows {
            assert_eq!(one(words).unwrap_err().messages(), [says]);
        }
    }
}
