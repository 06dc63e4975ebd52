//! The first block of a run that came to no report: what failed, where, and that nothing was judged.

use super::document::{Ending, NotChecked};
use crate::workload::{ClusterName, place};

/// The purpose of a command that failed before it had a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Purpose {
    /// To follow a rollout, live or recorded.
    #[default]
    Check,
    /// To roll back.
    Rollback,
    /// To examine permissions and the connection.
    Doctor,
    /// To rehearse the stage.
    Drill,
    /// To judge manifests.
    Lint,
    /// To answer a question about a workload, a code or a template.
    Answer,
}

/// The aim of a command that failed before it could see a rollout, as its inputs name it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Aim {
    /// What was to be done.
    pub purpose: Purpose,
    /// The workloads, as the input names them; empty where it names none.
    pub workloads: String,
    /// The namespace; empty where the inputs name none.
    pub namespace: String,
    /// The cluster, where the inputs name one.
    pub cluster: Option<ClusterName>,
}

impl Aim {
    /// Returns the name of the command.
    pub(super) const fn command(&self) -> &'static str {
        match self.purpose {
            Purpose::Check => "rollguard check",
            Purpose::Rollback => "rollguard rollback",
            Purpose::Doctor => "rollguard doctor",
            Purpose::Drill => "rollguard drill",
            Purpose::Lint => "rollguard lint",
            Purpose::Answer => "rollguard",
        }
    }

    /// Returns the workloads and their place, as far as they are known.
    fn whereabouts(&self) -> Option<String> {
        let workloads: Vec<&str> = self.workloads.split_whitespace().collect();
        let what = match workloads.as_slice() {
            [] => "the workloads".to_owned(),
            [only] => (*only).to_owned(),
            many => format!("{} workloads", many.len()),
        };
        match (self.namespace.as_str(), &self.cluster) {
            ("", None) if workloads.is_empty() => None,
            ("", None) => Some(format!("{what}.")),
            ("", Some(cluster)) => Some(format!("{what} on {cluster}.")),
            (namespace, cluster) => Some(format!("{what} {}.", place(namespace, cluster.as_ref()))),
        }
    }
}

/// At most six lines: what failed, where, what that says about the rollout, and what to do. Foreign text in
/// them is not yet neutralised.
#[must_use]
pub fn not_checked_lines(failure: &NotChecked, aim: &Aim) -> Vec<String> {
    let mut lines = vec![failure.sentence.clone()];
    lines.extend(aim.whereabouts());
    lines.push(judged(failure.outcome, aim).to_owned());
    lines.extend(failure.hint.as_ref().map(|it| format!("Hint: {it}.")));
    lines
}

/// Returns what a failure says about the rollout: nothing.
const fn judged(outcome: Ending, aim: &Aim) -> &'static str {
    match (aim.purpose, outcome) {
        (Purpose::Rollback, _) => "Nothing was judged and nothing was changed.",
        (Purpose::Doctor, _) => "Nothing was examined and nothing was changed.",
        (Purpose::Drill, _) => "The rehearsal did not come to its end.",
        (Purpose::Lint, _) => "The manifests were not judged to the end.",
        (Purpose::Answer, _) => "Nothing was changed.",
        (Purpose::Check, Ending::Undetermined) => {
            "Nothing was judged, because the rollout could not be seen: it may be healthy or not. No rollback is offered."
        }
        (
            Purpose::Check,
            Ending::Unexpected
            | Ending::BadInput
            | Ending::Credentials
            | Ending::Unreachable
            | Ending::Cancelled,
        ) => "Nothing was judged: the rollout may be healthy or not. No rollback is offered.",
    }
}

/// Returns the heading of the page.
pub(super) fn heading(outcome: Ending, aim: &Aim) -> String {
    let not = match (aim.purpose, outcome) {
        (Purpose::Check, Ending::Undetermined) => {
            return "❔ The rollout's health is undetermined".to_owned();
        }
        (Purpose::Check, _) => "Not checked",
        (Purpose::Rollback, _) => "Not rolled back",
        (Purpose::Doctor, _) => "Not examined",
        (Purpose::Drill, _) => "Not rehearsed",
        (Purpose::Lint, _) => "Not judged",
        (Purpose::Answer, _) => "No answer",
    };
    let (sign, why) = match outcome {
        Ending::Undetermined => ("❌", "the workload cannot be seen"),
        Ending::BadInput => ("❌", "an input is wrong"),
        Ending::Credentials => ("❌", "signing in failed"),
        Ending::Unreachable => ("❌", "the cluster cannot be reached"),
        Ending::Cancelled => ("⏹️", "cancelled"),
        Ending::Unexpected => ("❌", "rollguard failed"),
    };
    format!("{sign} {not}: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::not_checked_markdown;

    fn aim() -> Aim {
        Aim {
            purpose: Purpose::Check,
            workloads: "deployment/web".to_owned(),
            namespace: "shop".to_owned(),
            cluster: Some(ClusterName::new("aks-prod")),
        }
    }

    #[test]
    fn a_run_that_saw_no_rollout_says_where_it_failed_and_that_nothing_was_judged() {
        let failed = |outcome| {
            let messages = ["failed to sign in: `x` *is* ##vso[gone]".to_owned()];
            NotChecked::new(outcome, 3, &messages).hint(Some("renew the secret".to_owned()))
        };
        let rows = [
            (
                "signing in failed",
                failed(Ending::Credentials),
                aim(),
                "❌ Not checked: signing in failed",
                "- deployment/web in namespace shop on cluster aks-prod.\n\
                 - Nothing was judged: the rollout may be healthy or not. No rollback is offered.\n\
                 - Hint: renew the secret.\n",
            ),
            (
                "the cluster does not answer a rollback",
                failed(Ending::Unreachable),
                Aim {
                    purpose: Purpose::Rollback,
                    workloads: "deploy/web\nsts/db".to_owned(),
                    cluster: None,
                    ..aim()
                },
                "❌ Not rolled back: the cluster cannot be reached",
                "- 2 workloads in namespace shop.\n\
                 - Nothing was judged and nothing was changed.\n\
                 - Hint: renew the secret.\n",
            ),
            (
                "the inputs name nothing",
                failed(Ending::BadInput),
                Aim::default(),
                "❌ Not checked: an input is wrong",
                "- Nothing was judged: the rollout may be healthy or not. No rollback is offered.\n\
                 - Hint: renew the secret.\n",
            ),
        ];
        let sentence = r"**Failed to sign in: `x` \*is\* \#\#vso\[gone\]**";
        for (says, failure, aim, heading, block) in rows {
            let page = not_checked_markdown(&failure, &aim);
            let expected = format!("## {heading}\n\n{sentence}\n\n{block}");
            assert_eq!(page, expected, "{says}");
            assert!(not_checked_lines(&failure, &aim).len() <= 6, "{says}");
        }
    }
}
