//! The XML of `JUnit`, as the task `PublishTestResults` of Azure Pipelines reads it: a command is a suite, a workload a
//! test. The tab Tests of a run then shows what failed, with its evidence.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;

use super::xml::{xml_attribute, xml_content};

mod check;
mod not_checked;
mod rollback;

pub use check::check_junit;
pub use not_checked::not_checked_junit;
pub use rollback::rollback_junit;

/// A suite of tests: one command.
#[derive(Debug, Clone, PartialEq)]
pub struct TestSuite {
    /// The command, such as `rollguard check`.
    pub name: String,
    /// When it began, if that is known.
    pub began: Option<Timestamp>,
    /// Its tests.
    pub cases: Vec<TestCase>,
}

/// A test.
#[derive(Debug, Clone, PartialEq)]
pub struct TestCase {
    /// The class under which it is grouped: a namespace.
    pub class: String,
    /// Its name: a workload.
    pub name: String,
    /// How long it took.
    pub took: Duration,
    /// How it ended.
    pub result: TestResult,
    /// Further lines, shown as the output of the test; empty where there are none.
    pub output: String,
}

/// How a test ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TestResult {
    /// It is as it should be.
    Passed,
    /// It is not.
    Failed(TestProblem),
    /// Nothing can be said.
    Error(TestProblem),
    /// It was not judged, for this reason.
    Skipped(String),
}

/// Why a test did not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestProblem {
    /// A stable code.
    pub code: String,
    /// In one sentence.
    pub message: String,
    /// The evidence, with line breaks.
    pub text: String,
}

impl TestSuite {
    /// Returns the suite as XML that no log parser can take for a command.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let count = |is: fn(&TestResult) -> bool| {
            let results = self.cases.iter().map(|it| &it.result);
            results.filter(|it| is(it)).count()
        };
        let took = self.cases.iter().map(|it| it.took).max();
        let counts = format!(
            "name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\"",
            xml_attribute(&self.name),
            self.cases.len(),
            count(|it| matches!(it, TestResult::Failed(_))),
            count(|it| matches!(it, TestResult::Error(_))),
        );
        let skipped = count(|it| matches!(it, TestResult::Skipped(_)));
        let time = seconds(took.unwrap_or_default());
        // As other writers do: in UTC, without saying so.
        let began = self.began.map_or_else(String::new, |at| {
            format!(" timestamp=\"{}\"", at.strftime("%Y-%m-%dT%H:%M:%S"))
        });
        let mut out = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {counts} time=\"{time}\">\n  \
             <testsuite {counts} skipped=\"{skipped}\" time=\"{time}\"{began}>\n"
        );
        for case in &self.cases {
            case.write(&mut out);
        }
        out + "  </testsuite>\n</testsuites>"
    }
}

impl TestCase {
    fn write(&self, out: &mut String) {
        let Self {
            class,
            name,
            took,
            result,
            output,
        } = self;
        let (class, name) = (xml_attribute(class), xml_attribute(name));
        let time = seconds(*took);
        let _ = write!(
            out,
            "    <testcase classname=\"{class}\" name=\"{name}\" time=\"{time}\""
        );
        if *result == TestResult::Passed && output.is_empty() {
            *out += "/>\n";
            return;
        }
        *out += ">\n";
        match result {
            TestResult::Passed => {}
            TestResult::Failed(problem) => problem.write("failure", out),
            TestResult::Error(problem) => problem.write("error", out),
            TestResult::Skipped(why) => {
                let _ = writeln!(out, "      <skipped message=\"{}\"/>", xml_attribute(why));
            }
        }
        if !output.is_empty() {
            let output = xml_content(output);
            let _ = writeln!(out, "      <system-out>{output}</system-out>");
        }
        *out += "    </testcase>\n";
    }
}

impl TestProblem {
    fn write(&self, element: &str, out: &mut String) {
        let (code, message) = (xml_attribute(&self.code), xml_attribute(&self.message));
        let text = xml_content(&self.text);
        let _ = writeln!(
            out,
            "      <{element} type=\"{code}\" message=\"{message}\">{text}</{element}>"
        );
    }
}

fn seconds(took: Duration) -> String {
    format!("{:.3}", took.as_secs_f64())
}

#[cfg(test)]
mod tests;
