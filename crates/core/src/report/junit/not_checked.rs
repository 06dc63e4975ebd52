//! A command that came to no result, as a suite with one error.

use std::time::Duration;

use super::{TestCase, TestProblem, TestResult, TestSuite};
use crate::report::document::{Ending, NotChecked};
use crate::report::not_checked::{Aim, not_checked_lines};

/// Returns why there is no result, as XML of `JUnit`: an error, because neither "passed" nor "failed" is known.
#[must_use]
pub fn not_checked_junit(failure: &NotChecked, aim: &Aim) -> String {
    let problem = TestProblem {
        code: code(failure.outcome).to_owned(),
        message: failure.sentence.clone(),
        text: not_checked_lines(failure, aim).join("\n"),
    };
    let workloads: Vec<&str> = aim.workloads.split_whitespace().collect();
    let class = if aim.namespace.is_empty() {
        "rollguard".to_owned()
    } else {
        aim.namespace.clone()
    };
    let name = aim.command().to_owned();
    let suite = TestSuite {
        cases: vec![TestCase {
            class,
            name: if workloads.is_empty() {
                name.clone()
            } else {
                workloads.join(", ")
            },
            took: Duration::ZERO,
            result: TestResult::Error(problem),
            output: String::new(),
        }],
        began: None,
        name,
    };
    suite.to_xml()
}

const fn code(outcome: Ending) -> &'static str {
    match outcome {
        Ending::Unexpected => "Unexpected",
        Ending::BadInput => "BadInput",
        Ending::Credentials => "Credentials",
        Ending::Unreachable => "Unreachable",
        Ending::Undetermined => "Undetermined",
        Ending::Cancelled => "Cancelled",
    }
}
