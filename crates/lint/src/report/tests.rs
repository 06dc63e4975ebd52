//! The forms of a small report.

use std::time::Duration;

use jiff::civil::date;
use rollguard_core::prediction::{
    Certainty, FailOnPrediction, Forecast, Needs, PredictedCode, Prediction,
};
use rollguard_core::report::document::{Ending, NotChecked};
use serde_json::Value;

use super::*;
use crate::config::FailOn;
use crate::judge::{Rules, judge};
use crate::parsed::parsed;
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

/// A report of a pod with this many containers, of which findings fail the call from a severity on.
fn of_containers(count: usize, fail_on: FailOn) -> Report {
    let containers: Vec<String> = (0..count)
        .map(|it| format!("{{name: c{it}, image: 'x:1'}}"))
        .collect();
    let text = format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: x}}, spec: {{containers: [{}]}}}}",
        containers.join(", ")
    );
    let mut run = Run::default();
    let source = Source {
        path: "pod.yaml",
        text: &text,
        fail_on,
    };
    run.add(source, judge(&text, &Rules::new(date(2026, 11, 30))));
    run.finish()
}

#[test]
fn what_does_not_fail_the_call_is_no_failure_in_junit() {
    let report = of_containers(1, FailOn::default());
    let all = report.findings().count();
    assert!(all > 3, "{report:?}");
    for (says, fail_on, failed) in [
        ("each is a warning", FailOn::default(), all),
        ("none is an error", FailOn::parse("error").unwrap(), 0),
        ("nothing fails", FailOn::parse("never").unwrap(), 0),
    ] {
        let report = of_containers(1, fail_on);
        assert_eq!(report.fails(), failed > 0, "{says}");
        let page = junit(&report);
        let count = |what: &str| page.matches(what).count();
        assert_eq!(count("<testcase "), all, "{says}: {page}");
        assert_eq!(count("<failure "), failed, "{says}: {page}");
        assert_eq!(
            count("<skipped message=\"warning: "),
            all - failed,
            "{says}: {page}"
        );
        let counts = format!("tests=\"{all}\" failures=\"{failed}\"");
        assert_eq!(count(&counts), 2, "{says}: {page}");
    }
}

/// A prediction of each certainty.
fn predicted(fail_on: FailOnPrediction) -> Predicted {
    let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {}\n";
    let all = parsed(text);
    let origins: Vec<Origin<'_>> = all
        .iter()
        .map(|parsed| Origin {
            file: "web.yaml",
            text,
            parsed,
        })
        .collect();
    let predictions = Certainty::ALL.map(|certainty| Prediction {
        code: PredictedCode::ApplyRefused,
        certainty,
        manifest: 0,
        subject: String::new(),
        pointer: "/spec".to_owned(),
        message: format!("it is {certainty}"),
        remedy: "correct it".to_owned(),
    });
    let forecast = Forecast {
        predictions: predictions.to_vec(),
        judged: 1,
        needs: vec![Needs {
            manifest: 0,
            least: Duration::from_secs(63),
            about: None,
            message: "the rollout needs at least 1m3s".to_owned(),
        }],
        ..Forecast::default()
    };
    Predicted::new(forecast, &origins, fail_on)
}

#[test]
fn every_finding_and_every_prediction_is_in_every_form() {
    let report = of_containers(200, FailOn::default());
    let all = report.findings().count();
    assert!(all > 1_000, "{all}");
    let predicted = predicted(FailOnPrediction::default());
    let xml = add_to_junit(&junit(&report), &predicted);
    assert_eq!(xml.matches("<testcase ").count(), all + 3);
    assert_eq!(xml.matches("<failure ").count(), all + 1);
    let head = format!("tests=\"{}\" failures=\"{}\"", all + 3, all + 1);
    assert!(
        xml.contains(&head),
        "{head}: {}",
        xml.lines().nth(1).unwrap()
    );
    let page = add_to_markdown(&markdown(&report), &predicted);
    let rows = |page: &str| page.lines().filter(|it| it.contains("yaml:")).count();
    assert_eq!(rows(&page), all + 3 + 1);
    assert!(page.contains("the rollout needs at least 1m3s"));
    let limited = add_to_markdown(&markdown_page(&report), &predicted);
    assert_eq!(rows(&limited), 500 + 3 + 1, "the page of a run");
    assert!(limited.contains(&format!("and {} more", all - 500)));
    let document: serde_json::Value =
        serde_json::from_str(&add_to_json(&json(&report).unwrap(), &predicted).unwrap()).unwrap();
    let count = |field: &str| document[field].as_array().map(Vec::len);
    assert_eq!(count("findings"), Some(all));
    assert_eq!(count("predictions"), Some(3));
    assert_eq!(document["needs"][0]["leastSeconds"], 63);
}

#[test]
fn a_prediction_that_does_not_fail_the_call_is_no_failure_in_junit() {
    let empty = Run::default().finish();
    for (fail_on, failed) in [("certain", 1), ("likely", 2), ("possible", 3), ("never", 0)] {
        let predicted = predicted(FailOnPrediction::parse(fail_on).unwrap());
        let xml = add_to_junit(&junit(&empty), &predicted);
        assert_eq!(xml.matches("<failure ").count(), failed, "{fail_on}: {xml}");
        assert_eq!(
            xml.matches("<skipped ").count(),
            3 - failed,
            "{fail_on}: {xml}"
        );
    }
}
