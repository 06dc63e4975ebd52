//! The forms of a small report.

use jiff::civil::date;
use rollguard_core::report::document::{Ending, NotChecked};
use serde_json::Value;

use super::*;
use crate::config::FailOn;
use crate::judge::{Rules, judge};
use crate::run::{Report, Run, Source};

/// A pod with a finding, and with one that is exempted.
const POD: &str = "\
apiVersion: v1
kind: Pod
metadata:
  name: x
  annotations:
    rollguard.dev/exempt-HostNamespace: a \"reason\" & more
spec:
  hostPID: true
  hostNetwork: true
  containers: []
";

/// A report with a finding, an exempted one, and a file that cannot be read.
fn small() -> Report {
    report(&[("a b/x.yaml", POD), ("broken.yaml", "a: [")])
}

fn report(files: &[(&str, &str)]) -> Report {
    let mut run = Run::default();
    let rules = Rules::new(date(2026, 11, 30));
    for (path, text) in files {
        let fail_on = FailOn::default();
        let source = Source {
            path,
            text,
            fail_on,
        };
        run.add(source, judge(text, &rules));
    }
    run.finish()
}

#[test]
fn json_has_every_finding_and_problem() {
    let document: Value = serde_json::from_str(&json(&small()).unwrap()).unwrap();
    let codes: Vec<_> = document["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["code"].clone())
        .collect();
    assert_eq!(codes, ["HostNamespace", "HostNetwork"]);
    assert_eq!(document["summary"]["errors"], 1);
    assert_eq!(document["summary"]["exempted"], 1);
    assert_eq!(
        document["findings"][0]["suppression"]["reason"],
        "a \"reason\" & more"
    );
    assert_eq!(document["problems"][0]["file"], "broken.yaml");
}

#[test]
fn sarif_has_rules_results_places_and_suppressions() {
    let document: Value = serde_json::from_str(&sarif(&small(), "0.1.0").unwrap()).unwrap();
    let run = &document["runs"][0];
    let result = &run["results"][1];
    assert_eq!(result["ruleId"], "HostNetwork");
    let rule = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
    assert_eq!(run["tool"]["driver"]["rules"][rule]["id"], "HostNetwork");
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "a%20b/x.yaml");
    assert_eq!(place["region"]["startLine"], 9);
    assert_eq!(run["results"][0]["suppressions"][0]["kind"], "inSource");
    assert_eq!(run["invocations"][0]["executionSuccessful"], false);
}

/// A report with findings in two files.
fn two() -> Report {
    report(&[("a.yaml", POD), ("broken.yaml", "a: ["), ("b.yaml", POD)])
}

/// Writes a report as while files are judged: each but the last one before the end.
fn in_pieces(mut writer: DocumentWriter) -> String {
    let mut report = two();
    let mut pieces = Vec::new();
    let last = report.files.split_off(report.files.len() - 1);
    for file in std::mem::replace(&mut report.files, last) {
        pieces.extend(writer.file(&file).unwrap());
    }
    pieces.push(writer.end(&report).unwrap());
    pieces.join("\n")
}

#[test]
fn a_document_that_is_written_file_by_file_is_the_same() {
    assert_eq!(two().files.len(), 2);
    assert_eq!(in_pieces(DocumentWriter::json()), json(&two()).unwrap());
    let whole = sarif(&two(), "0.1.0").unwrap();
    assert_eq!(in_pieces(DocumentWriter::sarif("0.1.0")), whole);
    let value: Value = serde_json::from_str(&json(&two()).unwrap()).unwrap();
    assert_eq!(
        json(&two()).unwrap(),
        serde_json::to_string_pretty(&value).unwrap(),
        "it is indented like any other"
    );
    let empty = json(&Run::default().finish()).unwrap();
    let empty: Value = serde_json::from_str(&empty).unwrap();
    assert_eq!(empty["findings"], Value::Array(Vec::new()));
}

#[test]
fn a_call_without_a_result_ends_its_document() {
    let failure = NotChecked::new(Ending::Cancelled, 130, &["cancelled".to_owned()]);
    let file = &small().files[0];
    for writes in [false, true] {
        let [mut json, mut sarif] = [DocumentWriter::json(), DocumentWriter::sarif("0.1.0")];
        let mut texts = Vec::new();
        for writer in [&mut json, &mut sarif] {
            let piece = writes.then(|| writer.file(file).unwrap().unwrap());
            assert_eq!(writer.has_begun(), writes);
            texts.push(piece.unwrap_or_default());
        }
        let read = |text: &str, end: String| -> Value {
            serde_json::from_str(&format!("{text}\n{end}")).unwrap()
        };
        let json = read(&texts[0], json.fail(&failure).unwrap());
        assert_eq!(json["outcome"], "cancelled");
        let found = json["findings"].as_array().unwrap().len();
        assert_eq!(found, if writes { file.findings.len() } else { 0 });
        let sarif = read(&texts[1], sarif.fail(&failure).unwrap());
        let run = &sarif["runs"][0];
        assert_eq!(run["results"].as_array().unwrap().len(), found);
        let invocation = &run["invocations"][0];
        assert_eq!(invocation["executionSuccessful"], false);
        let told = &invocation["toolExecutionNotifications"][0]["message"]["text"];
        assert_eq!(told, "cancelled");
    }
}

#[test]
fn junit_counts_failures_and_skips_what_is_exempted() {
    let xml = junit(&small());
    assert!(
        xml.contains("tests=\"3\" failures=\"1\" errors=\"1\""),
        "{xml}"
    );
    assert!(
        xml.contains("<skipped message=\"exempted: a &quot;reason&quot; &amp; more\"/>"),
        "{xml}"
    );
    assert_eq!(xml.matches("<failure ").count(), 1);
}

#[test]
fn markdown_is_a_table() {
    let page = markdown(&small());
    assert!(
        page.starts_with("# rollguard lint\n\n1 error in 1 pod template of 2 files; 1 exempted"),
        "{page}"
    );
    assert!(page.contains("| error | HostNetwork |"), "{page}");
}
