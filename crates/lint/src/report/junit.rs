//! The report as the XML of `JUnit`, as the task `PublishTestResults` reads it: a file is a suite,
//! a finding a test, which failed if the finding is heavy enough to fail the call.

use std::fmt::Write as _;

use rollguard_core::report::xml_attribute as attribute;

use crate::finding::Finding;
use crate::run::{LintedFile, Report};

/// Returns the report as XML.
#[must_use]
pub fn junit(report: &Report) -> String {
    let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    let tests: usize = report.files.iter().map(|it| it.findings.len()).sum();
    let failed: usize = report.files.iter().map(failures).sum();
    let errors = report.problems.len();
    let _ = writeln!(
        out,
        "<testsuites name=\"rollguard lint\" tests=\"{}\" failures=\"{failed}\" errors=\"{errors}\">",
        tests + errors
    );
    for file in &report.files {
        suite(file, &mut out);
    }
    if !report.problems.is_empty() {
        let _ = writeln!(
            out,
            "  <testsuite name=\"input\" tests=\"{errors}\" errors=\"{errors}\">"
        );
        for problem in &report.problems {
            let (path, what) = (attribute(&problem.path), attribute(&problem.what));
            let _ = write!(
                out,
                "    <testcase classname=\"input\" name=\"{path}\">\n      <error message=\"{what}\"/>\n    </testcase>\n"
            );
        }
        out += "  </testsuite>\n";
    }
    out + "</testsuites>"
}

fn suite(file: &LintedFile, out: &mut String) {
    let (tests, failed) = (file.findings.len(), failures(file));
    let _ = writeln!(
        out,
        "  <testsuite name=\"{}\" tests=\"{tests}\" failures=\"{failed}\" skipped=\"{}\">",
        attribute(&file.path),
        tests - failed
    );
    for located in &file.findings {
        test(file, &located.finding, out);
    }
    *out += "  </testsuite>\n";
}

fn failures(file: &LintedFile) -> usize {
    let findings = file.findings.iter();
    findings.filter(|it| fails(file, &it.finding)).count()
}

fn fails(file: &LintedFile, finding: &Finding) -> bool {
    finding.suppression.is_none() && file.fail_on.fails(finding.severity)
}

fn test(file: &LintedFile, finding: &Finding, out: &mut String) {
    let (class, name) = (
        attribute(&finding.object.to_string()),
        attribute(&format!("{} {}", finding.code, finding.path)),
    );
    let _ = writeln!(out, "    <testcase classname=\"{class}\" name=\"{name}\">");
    if let Some(suppression) = &finding.suppression {
        let suppression = attribute(&suppression.to_string());
        let _ = writeln!(out, "      <skipped message=\"{suppression}\"/>");
    } else if !fails(file, finding) {
        let message = attribute(&finding.message);
        let severity = finding.severity;
        let _ = writeln!(out, "      <skipped message=\"{severity}: {message}\"/>");
    } else {
        let path = &file.path;
        let place = format!("{path}:{}:{}", finding.mark.line, finding.mark.column);
        let _ = writeln!(
            out,
            "      <failure type=\"{}\" message=\"{}\">{}&#10;fix: {}</failure>",
            finding.severity,
            attribute(&finding.message),
            attribute(&place),
            attribute(&finding.fix)
        );
    }
    *out += "    </testcase>\n";
}
