//! The forms of a small report.

use jiff::civil::date;
use serde_json::Value;

use super::*;
use crate::config::FailOn;
use crate::judge::{Rules, judge};
use crate::run::{Report, Run, Source};

/// A report with a finding, an exempted one, and a file that cannot be read.
fn small() -> Report {
    let text = "\
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
    let mut run = Run::default();
    let rules = Rules::new(date(2026, 11, 30));
    let mut add = |path, text| {
        let fail_on = FailOn::default();
        let source = Source {
            path,
            text,
            fail_on,
        };
        run.add(source, judge(text, &rules));
    };
    add("a b/x.yaml", text);
    add("broken.yaml", "a: [");
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
