//! The approval that travels from the check to the rollback.

use serde_json::json;

use super::past::of_web;
use crate::approval::{Approval, ApprovedRollback, LIMIT};
use crate::finding::FindingCode;
use crate::report::parse_approval;
use crate::testing::at;
use crate::verdict::VerdictKind;

fn approved() -> ApprovedRollback {
    of_web()
        .had("v1", 1, 2)
        .had("v2", 2, 0)
        .marked("v1", 60)
        .plan()
        .approval()
}

fn of(workloads: Vec<ApprovedRollback>) -> Approval {
    let codes = [FindingCode::ImageNotFound; 3];
    Approval::new(VerdictKind::Failed, at(90), codes, workloads)
}

#[test]
fn it_survives_its_journey_alone_and_inside_a_report() {
    let approval = of(vec![approved()]);
    assert_eq!(approval.codes, [FindingCode::ImageNotFound]);
    let text = approval.to_json().unwrap().unwrap();
    assert_eq!(parse_approval(&text).unwrap(), approval);
    let report =
        json!({"schemaVersion": 2, "rollback": {"decision": "apply", "evidence": approval}});
    assert_eq!(parse_approval(&report.to_string()).unwrap(), approval);
}

#[test]
fn others_are_refused_with_what_is_wrong() {
    let text = of(vec![approved()]).to_json().unwrap().unwrap();
    let newer = text.replace("\"version\":2", "\"version\":3");
    let rows = [
        ("", "EOF while parsing"),
        ("{}", "missing field `version`"),
        ("$(evidence)", "expected value"),
        (newer.as_str(), "its version is 3, this build knows 2"),
        (
            &of(Vec::new()).to_json().unwrap().unwrap(),
            "names no workload",
        ),
        (
            r#"{"schemaVersion": 2, "verdict": "succeeded", "rollback": {"decision": "none"}}"#,
            "ended as `succeeded` and proposes no rollback",
        ),
        (
            r#"{"schemaVersion": 2, "outcome": "unreachable", "messages": ["gone"]}"#,
            "ended as `unreachable` and proposes no rollback",
        ),
        (
            r#"{"schemaVersion": 2, "rollback": {"decision": "none"}}"#,
            "ended as `unknown` and proposes no rollback",
        ),
    ];
    for (wrong, says) in rows {
        let error = parse_approval(wrong).unwrap_err().to_string();
        assert!(error.contains(says), "{wrong}: {error}");
    }
}

#[test]
fn any_word_for_the_verdict_is_read() {
    let written = of(vec![approved()]).to_json().unwrap().unwrap();
    for (name, word, read) in [
        (
            "a check's verdict",
            "\"timedOut\"",
            Ok(Some(VerdictKind::TimedOut)),
        ),
        ("none, as for a restored revision", "\"\"", Ok(None)),
        ("a newer version's word", "\"paused\"", Ok(None)),
        (
            "no word",
            "3",
            Err("invalid type: integer `3`, expected a string"),
        ),
        ("null", "null", Err("invalid type: null, expected a string")),
    ] {
        let text = written.replace("\"failed\"", word);
        match (parse_approval(&text), read) {
            (Ok(approval), Ok(read)) => assert_eq!(approval.verdict, read, "{name}"),
            (Err(error), Err(says)) => assert!(error.to_string().contains(says), "{name}: {error}"),
            (parsed, _) => panic!("{name}: {parsed:?}"),
        }
    }
    let absent = written.replace("\"verdict\":\"failed\",", "");
    let error = parse_approval(&absent).unwrap_err().to_string();
    assert!(error.contains("missing field `verdict`"), "{error}");
}

#[test]
fn its_size_is_bounded() {
    let mut large = approved();
    large.images = (0..100)
        .map(|it| {
            (
                format!("container-{it}"),
                [format!("sha256:{it:064}")].into(),
            )
        })
        .collect();
    let text = of(vec![large]).to_json().unwrap().unwrap();
    assert!(
        text.len() <= LIMIT && !text.contains("sha256:"),
        "without digests"
    );
    let several = of(vec![approved(); 10]).to_json().unwrap().unwrap();
    assert!(several.len() <= LIMIT);
    assert_eq!(of(vec![approved(); 100]).to_json().unwrap(), None);
}

#[test]
fn it_holds_no_text_of_the_cluster_but_names() {
    let text = of(vec![approved()]).to_json().unwrap().unwrap();
    for foreign in ["registry.test", "/app", "memory"] {
        assert!(!text.contains(foreign), "{foreign}: {text}");
    }
}
