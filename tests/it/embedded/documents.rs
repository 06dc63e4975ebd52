//! The documents of every check and every rollback of these tests: JSON that keeps the schema, XML that a reader
//! understands, and a page.

use std::path::Path;
use std::sync::LazyLock;

use anyhow::{Context, Result, ensure};
use jsonschema::Validator;
use rollguard::run::rollback::RolledBack;
use rollguard_core::report::{Report, check_junit, markdown, rollback_junit};
use serde_json::Value;

static SCHEMA: LazyLock<Option<Validator>> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/rollback.schema.json");
    let text = std::fs::read_to_string(path).ok()?;
    let mut schema: Value = serde_json::from_str(&text).ok()?;
    close(&mut schema);
    jsonschema::draft202012::new(&schema).ok()
});

/// Lets no key go undocumented.
fn close(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if members.get("properties").is_some_and(Value::is_object) {
                members.insert("unevaluatedProperties".to_owned(), Value::Bool(false));
            }
            members.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Checks the documents of a rollback.
pub(crate) fn of_rollback(done: &RolledBack) -> Result<()> {
    let result = done.result();
    let json = result.to_json()?;
    ensure!(!json.contains('#'), "{json}");
    let document: Value = serde_json::from_str(&json)?;
    let schema = SCHEMA.as_ref().context("no schema of a rollback")?;
    let breaches: Vec<String> = schema
        .iter_errors(&document)
        .map(|error| format!("{error} at {}", error.instance_path()))
        .collect();
    ensure!(breaches.is_empty(), "{breaches:#?}\n{document:#}");
    ensure!(
        document["exitCode"] == done.outcome.exit_code(),
        "{document:#}"
    );
    let headline = document["headline"].as_array().map_or(0, Vec::len);
    ensure!((1..=6).contains(&headline), "{document:#}");
    let workloads = document["workloads"].as_array().map_or(0, Vec::len);
    let tests = junit(&rollback_junit(&result))?;
    ensure!(tests == workloads, "{tests} tests of {workloads} workloads");
    let failed = rollback_junit(&result).contains("<failure ");
    ensure!(!failed || done.outcome.exit_code() != 0, "{document:#}");
    ensure!(result.to_markdown().starts_with("## "));
    Ok(())
}

/// Checks the documents of a check.
pub(crate) fn of_check(report: &Report) -> Result<()> {
    let tests = junit(&check_junit(report))?;
    ensure!(tests == report.workloads.len(), "{tests} tests");
    ensure!(markdown(report).starts_with("## "));
    Ok(())
}

/// Reads the XML as a task of Azure Pipelines does, and returns the number of tests; what is counted must be there.
fn junit(xml: &str) -> Result<usize> {
    ensure!(!xml.contains("##"), "{xml}");
    let document = roxmltree::Document::parse(xml).with_context(|| xml.to_owned())?;
    let suites: Vec<_> = document
        .root_element()
        .children()
        .filter(roxmltree::Node::is_element)
        .collect();
    ensure!(document.root_element().has_tag_name("testsuites"), "{xml}");
    let [suite] = suites.as_slice() else {
        anyhow::bail!("{} suites: {xml}", suites.len());
    };
    ensure!(
        suite.has_tag_name("testsuite") && suite.attribute("name").is_some(),
        "{xml}"
    );
    let cases: Vec<_> = suite
        .children()
        .filter(roxmltree::Node::is_element)
        .collect();
    for case in &cases {
        ensure!(case.has_tag_name("testcase"), "{xml}");
        for name in ["classname", "name", "time"] {
            ensure!(
                case.attribute(name).is_some_and(|it| !it.is_empty()),
                "{name}: {xml}"
            );
        }
        let results = case
            .children()
            .filter(|it| it.is_element() && !it.has_tag_name("system-out"));
        for result in results {
            let known = ["failure", "error", "skipped"]
                .iter()
                .any(|it| result.has_tag_name(*it));
            ensure!(
                known && result.attribute("message").is_some_and(|it| !it.is_empty()),
                "{xml}"
            );
        }
    }
    for (attribute, tag) in [
        ("failures", "failure"),
        ("errors", "error"),
        ("skipped", "skipped"),
    ] {
        let counted = cases
            .iter()
            .filter(|it| it.children().any(|it| it.has_tag_name(tag)))
            .count();
        ensure!(
            suite.attribute(attribute) == Some(counted.to_string().as_str()),
            "{attribute}: {xml}"
        );
    }
    ensure!(
        suite.attribute("tests") == Some(cases.len().to_string().as_str()),
        "{xml}"
    );
    Ok(cases.len())
}
