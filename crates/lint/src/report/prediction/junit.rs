//! Predictions in the XML of `JUnit`.

use std::fmt::Write as _;

use rollguard_core::report::xml_attribute as attribute;

use super::Predicted;

/// Adds the predictions to the XML of `JUnit`, as a suite of their own: what is sure enough to fail the call has failed.
#[must_use]
pub fn add_to_junit(document: &str, predicted: &Predicted) -> String {
    let failed = predicted.placed.iter();
    let failed = failed.filter(|it| predicted.is_failure(it)).count();
    let all = predicted.placed.len();
    let mut suite = format!(
        "  <testsuite name=\"predictions\" tests=\"{all}\" failures=\"{failed}\" skipped=\"{}\">\n",
        all - failed
    );
    for placed in &predicted.placed {
        let it = &placed.prediction;
        let name = attribute(&format!("{} {}", it.code, placed.path));
        let class = attribute(&placed.object);
        let message = attribute(&it.message);
        let place = format!(
            "{}:{}:{}",
            placed.file, placed.mark.line, placed.mark.column
        );
        let _ = writeln!(
            suite,
            "    <testcase classname=\"{class}\" name=\"{name}\">"
        );
        if predicted.is_failure(placed) {
            let certainty = it.certainty;
            let _ = writeln!(
                suite,
                "      <failure type=\"{certainty}\" message=\"{message}\">{}&#10;fix: {}</failure>",
                attribute(&place),
                attribute(&it.remedy)
            );
        } else {
            let _ = writeln!(
                suite,
                "      <skipped message=\"{}: {message}\"/>",
                it.certainty
            );
        }
        suite += "    </testcase>\n";
    }
    suite += "  </testsuite>\n";
    let document = raised(&raised(document, "tests", all), "failures", failed);
    match document.rsplit_once("</testsuites>") {
        Some((before, after)) => format!("{before}{suite}</testsuites>{after}"),
        None => document,
    }
}

/// Raises a count of the document's own element.
fn raised(document: &str, name: &str, more: usize) -> String {
    let mark = format!(" {name}=\"");
    let raised = || {
        let begin = document.find("<testsuites ")?;
        let at = begin + document.get(begin..)?.find(&mark)? + mark.len();
        let end = at + document.get(at..)?.find('"')?;
        let count: usize = document.get(at..end)?.parse().ok()?;
        let (before, after) = (document.get(..at)?, document.get(end..)?);
        Some(format!("{before}{}{after}", count + more))
    };
    raised().unwrap_or_else(|| document.to_owned())
}
