//! The findings as a suite of tests: each permission and each fact is one.

use std::time::Duration;

use super::{Answer, Fact, Findings, Reviewed, State};
use crate::report::{TestCase, TestProblem, TestResult, TestSuite};

/// Returns the findings as XML of `JUnit`.
#[must_use]
pub fn doctor_junit(findings: &Findings) -> String {
    let case = |class: &str, name: String, result| TestCase {
        class: class.to_owned(),
        name,
        took: Duration::ZERO,
        result,
        output: String::new(),
    };
    let problem = findings.problem.as_ref().map(|it| {
        let result = TestResult::Error(TestProblem {
            code: "NotConnected".to_owned(),
            message: it.messages.join("; "),
            text: it.hint.clone().unwrap_or_default(),
        });
        case("connection", "cluster".to_owned(), result)
    });
    let facts = findings.facts.iter();
    let facts = facts.map(|it| case("connection", it.about.as_str().to_owned(), of_fact(it)));
    let permissions = findings.permissions.iter();
    let role = findings.role().unwrap_or_default();
    let permissions = permissions.map(|it| {
        let name = it.used.permission.to_string();
        case("permissions", name, of_permission(it, &role))
    });
    let suite = TestSuite {
        name: "rollguard doctor".to_owned(),
        began: None,
        cases: problem
            .into_iter()
            .chain(facts)
            .chain(permissions)
            .collect(),
    };
    suite.to_xml()
}

/// A warning does not keep the stage from working; it is shown as a test that was left out.
fn of_fact(fact: &Fact) -> TestResult {
    let hint = fact.hint.as_ref().map(|it| format!("; hint: {it}"));
    match fact.state {
        State::Good => TestResult::Passed,
        State::Failed => TestResult::Failed(TestProblem {
            code: "Fact".to_owned(),
            message: fact.text.clone(),
            text: fact.hint.clone().unwrap_or_default(),
        }),
        State::Warning | State::Unseen => {
            TestResult::Skipped(format!("{}{}", fact.text, hint.unwrap_or_default()))
        }
    }
}

fn of_permission(it: &Reviewed, role: &str) -> TestResult {
    let problem = |code: &str, message: String, text: &str| TestProblem {
        code: code.to_owned(),
        message,
        text: text.to_owned(),
    };
    match &it.answer {
        Answer::Granted => TestResult::Passed,
        Answer::NotServed => {
            TestResult::Skipped("not needed: the cluster does not have this API".to_owned())
        }
        Answer::Missing if it.is_obstacle() => {
            let message = format!("missing, needed {}", it.used.why());
            TestResult::Failed(problem("PermissionMissing", message, role))
        }
        Answer::Missing => TestResult::Skipped(format!("missing, used {}", it.used.why())),
        Answer::Unseen { reason } if it.is_open() => {
            TestResult::Error(problem("Undetermined", format!("cannot see: {reason}"), ""))
        }
        Answer::Unseen { reason } => TestResult::Skipped(format!("cannot see: {reason}")),
    }
}
