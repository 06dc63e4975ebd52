//! The output of `--output json` keeps the published schema, and the schema lets nothing else
//! through.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's helper may fail the test"
)]

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jsonschema::Validator;
use rollguard::console::Console;
use rollguard::failure::Failure;
use rollguard::run::replay::replay;
use rollguard_agent::Outcome;
use rollguard_core::annotation::RollbackRecord;
use rollguard_core::approval::{Approval, ApprovedRollback, HealthCriteria};
use rollguard_core::finding::FindingCode;
use rollguard_core::observation::{Blindness, Observation, ResourceKind, Seen};
use rollguard_core::report::{
    AfterRollback, OtherImage, Proposal, Proposed, Report, RollbackPage, RollbackResult, to_json,
};
use rollguard_core::rollback::{
    Already, BatchOutcome, Change, ChosenBy, Objection, PreflightCode, PreflightFinding, Refusal,
    RollbackBatch, RollbackHealth, RollbackPlan, WorkloadOutcome,
};
use rollguard_core::trace::Trace;
use rollguard_core::verdict::VerdictKind;
use rollguard_core::workload::{
    ClusterName, Images, Revision, RevisionId, WorkloadKind, WorkloadRef,
};
use serde_json::{Value, json};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn schema() -> Value {
    schema_of("report")
}

fn schema_of(document: &str) -> Value {
    let path = format!("docs/{document}.schema.json");
    let text = std::fs::read_to_string(root().join(path)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The schema as published, which lets a reader see new keys without a new version.
fn published() -> Validator {
    jsonschema::draft202012::new(&schema()).unwrap()
}

/// The same without keys that it does not name: no key goes undocumented.
fn strict() -> Validator {
    strict_of("report")
}

fn strict_of(document: &str) -> Validator {
    let mut schema = schema_of(document);
    close(&mut schema);
    jsonschema::draft202012::new(&schema).unwrap()
}

fn close(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if members.get("properties").is_some_and(Value::is_object) {
                members.insert("unevaluatedProperties".to_owned(), json!(false));
            }
            members.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn breaches(validator: &Validator, document: &Value) -> Vec<String> {
    let errors = validator.iter_errors(document);
    errors
        .map(|error| format!("{error} at {}", error.instance_path()))
        .collect()
}

fn replayed(path: &Path) -> Report {
    let mut console = Console::new(Box::new(std::io::sink()), Box::new(std::io::sink()));
    let (_, report) = replay(path, None, &mut console)
        .unwrap_or_else(|failure| panic!("{}: {failure:?}", path.display()));
    report
}

fn traces() -> Vec<PathBuf> {
    let files = std::fs::read_dir(root().join("tests/traces")).unwrap();
    let mut paths: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|it| it == "jsonl"));
    paths.sort();
    paths
}

/// The first trace, as it would have been had the API server refused from the second look on.
fn refused() -> Report {
    let text = std::fs::read_to_string(traces().first().unwrap()).unwrap();
    let first = Trace::parse(&text).unwrap().observations.remove(0);
    let why = Blindness::Forbidden {
        message: "no".to_owned(),
    };
    let resource = ResourceKind::Deployment;
    let blind = Observation::new(first.at, Seen::Blind { resource, why });
    let head: Vec<&str> = text.lines().take(2).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("refused.jsonl");
    let blind = serde_json::to_string(&blind).unwrap();
    std::fs::write(&path, format!("{}\n{blind}\n", head.join("\n"))).unwrap();
    replayed(&path)
}

/// A recorded failure, as it would have been with a second workload beside it that is still under way.
fn one_of_two_fails() -> Report {
    let trace = root().join("tests/traces/image-tag-missing.jsonl");
    let text = std::fs::read_to_string(trace).unwrap();
    let mut lines: Vec<Value> = Vec::new();
    for line in text.lines() {
        let mut line: Value = serde_json::from_str(line).unwrap();
        if let Some(workloads) = line.get_mut("workloads").and_then(Value::as_array_mut) {
            let mut second = workloads[0].clone();
            second["name"] = json!("api");
            workloads.push(second);
        }
        if line["seen"]["kind"] == "workload" {
            let mut second = line.clone();
            second["seen"]["object"]["metadata"]["name"] = json!("api");
            second["seen"]["object"]["metadata"]["uid"] = json!("second");
            lines.push(second);
        }
        if line["seen"]["resource"] == "deployment" {
            let uids = line.pointer_mut("/seen/uids").and_then(Value::as_array_mut);
            uids.unwrap().push(json!("second"));
        }
        lines.push(line);
    }
    let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one-of-two.jsonl");
    std::fs::write(&path, lines.join("\n")).unwrap();
    replayed(&path)
}

#[test]
fn the_report_of_two_workloads_one_of_which_is_under_way_keeps_the_schema() {
    let document: Value = serde_json::from_str(&to_json(&one_of_two_fails()).unwrap()).unwrap();
    assert_eq!(document["verdict"], "failed");
    let each = document["workloads"].as_array().unwrap().iter();
    let each: Vec<&str> = each.filter_map(|it| it["verdict"].as_str()).collect();
    assert_eq!(each, ["failed", "progressing"]);
    for validator in [published(), strict()] {
        assert_eq!(breaches(&validator, &document), [""; 0], "{document:#}");
    }
}

fn id(number: u64) -> RevisionId {
    RevisionId {
        revision: Revision(number),
        name: format!("web-{number}"),
        uid: format!("u{number}"),
    }
}

fn web() -> WorkloadRef {
    WorkloadRef {
        kind: WorkloadKind::Deployment,
        namespace: "shop".to_owned(),
        name: "web".to_owned(),
    }
}

fn images() -> Images {
    [("app".to_owned(), ["sha256:a".to_owned()].into())].into()
}

/// A workload with every key, or with those only that are always there.
fn proposed(full: bool) -> Proposed {
    let change = |from: Option<&str>| Change {
        what: "container `web`: image".to_owned(),
        from: from.map(str::to_owned),
        to: None,
    };
    let at = Some(Timestamp::UNIX_EPOCH).filter(|_| full);
    let finding = PreflightFinding::warning(PreflightCode::ConfigChanged, "changed");
    let findings = [finding.clone().hint("look"), finding];
    Proposed {
        workload: web(),
        from: id(2),
        bad_since: at,
        target: id(1),
        chosen_by: ChosenBy::KnownGood,
        good_at: at,
        changes: vec![change(None), change(Some("web:2"))],
        findings: findings.into_iter().filter(|_| full).collect(),
        deletes: vec!["db-0".to_owned(); usize::from(full)],
    }
}

fn approved(full: bool) -> ApprovedRollback {
    ApprovedRollback {
        workload: web(),
        uid: "d-1".to_owned(),
        bad: id(2),
        target: id(1),
        complete: full,
        standard: HealthCriteria {
            http: full,
            stable_for_seconds: 10,
        },
        images: images().into_iter().filter(|_| full).collect(),
        force_helm: full,
    }
}

fn proposals() -> Vec<Proposal> {
    let refused = |hint: Option<&str>| Proposal::Refused {
        why: "only one revision".to_owned(),
        hint: hint.map(str::to_owned),
    };
    let apply = |full: bool| Proposal::Apply {
        workloads: vec![proposed(full)],
        left_alone: vec![web(); usize::from(full)],
        evidence: Approval::new(
            VerdictKind::Failed,
            Timestamp::UNIX_EPOCH,
            [FindingCode::CrashAtStart],
            vec![approved(full)],
        ),
    };
    vec![
        Proposal::None,
        refused(None),
        refused(Some("name one")),
        apply(true),
        apply(false),
    ]
}

/// Every way in which a rollback can have ended.
fn after_rollback() -> Vec<AfterRollback> {
    let image = OtherImage {
        container: "app".to_owned(),
        recorded: ["sha256:a".to_owned()].into(),
        running: ["sha256:b".to_owned()].into(),
    };
    let each = RollbackHealth::ALL.into_iter().map(|health| AfterRollback {
        workload: web(),
        bad: id(2),
        target: id(1),
        present: Some(Revision(3)),
        health,
        other_images: vec![image.clone(); usize::from(health == RollbackHealth::Healthy)],
    });
    each.collect()
}

#[test]
fn the_report_of_a_check_after_a_rollback_keeps_the_schema() {
    let trace = root().join("tests/traces/image-tag-missing.jsonl");
    let mut report = replayed(&trace);
    report.after_rollback = after_rollback();
    let document: Value = serde_json::from_str(&to_json(&report).unwrap()).unwrap();
    let words = document["afterRollback"].as_array().unwrap().iter();
    let words: Vec<&str> = words.filter_map(|it| it["health"].as_str()).collect();
    assert_eq!(words, RollbackHealth::ALL.map(RollbackHealth::as_str));
    for validator in [published(), strict()] {
        assert_eq!(breaches(&validator, &document), [""; 0], "{document:#}");
    }
}

#[test]
fn the_report_of_every_recorded_rollout_keeps_the_schema_with_every_proposal() {
    let (published, strict) = (published(), strict());
    let mut verdicts: Vec<String> = Vec::new();
    let reports = traces().into_iter().map(|path| replayed(&path));
    for mut report in reports.chain([refused()]) {
        for proposal in proposals() {
            report.rollback = proposal;
            let document: Value = serde_json::from_str(&to_json(&report).unwrap()).unwrap();
            for validator in [&published, &strict] {
                let breaches = breaches(validator, &document);
                assert!(breaches.is_empty(), "{breaches:#?}\n{document:#}");
            }
        }
        verdicts.push(report.verdict.to_string());
    }
    for verdict in [
        "succeeded",
        "failed",
        "timedOut",
        "undetermined",
        "superseded",
    ] {
        assert!(
            verdicts.iter().any(|it| it == verdict),
            "no report says {verdict}"
        );
    }
}

#[test]
fn what_came_to_no_report_keeps_the_schema_and_agrees_with_the_exit_code() {
    let (published, strict) = (published(), strict());
    for (outcome, word) in [
        (Outcome::Unexpected, "unexpected"),
        (Outcome::BadInput, "badInput"),
        (Outcome::Credentials, "credentials"),
        (Outcome::Unreachable, "unreachable"),
        (Outcome::Undetermined, "undetermined"),
        (Outcome::Cancelled, "cancelled"),
    ] {
        for failure in [
            Failure::new(outcome, "a"),
            Failure::new(outcome, "a").hint("b"),
        ] {
            let document: Value = serde_json::from_str(&failure.to_json().unwrap()).unwrap();
            for validator in [&published, &strict] {
                assert_eq!(breaches(validator, &document), [""; 0], "{document:#}");
            }
            assert_eq!(document["outcome"], word);
            assert_eq!(document["exitCode"], outcome.exit_code());
            let is_verdict = outcome == Outcome::Undetermined;
            assert_eq!(document.get("verdict").is_some(), is_verdict, "{word}");
        }
    }
}

#[test]
fn what_rollguard_never_prints_is_refused() {
    let trace = root().join("tests/traces/image-tag-missing.jsonl");
    let report = serde_json::to_value(replayed(&trace)).unwrap();
    let none: Value =
        serde_json::from_str(&Failure::new(Outcome::Credentials, "a").to_json().unwrap()).unwrap();
    let mut proposing = replayed(&trace);
    proposing.rollback = proposals().swap_remove(3);
    proposing.after_rollback = after_rollback();
    let proposing = serde_json::to_value(proposing).unwrap();
    let first = "/rollback/workloads/0";
    let (weight, code) = (
        format!("{first}/concerns/0/weight"),
        format!("{first}/concerns/0/code"),
    );
    let rows: [(&str, &Value, &str, Value); 12] = [
        ("another version", &report, "/schemaVersion", json!(1)),
        ("another weight", &proposing, &weight, json!("heavy")),
        (
            "an unknown preflight finding",
            &proposing,
            &code,
            json!("Banana"),
        ),
        (
            "another version of the evidence",
            &proposing,
            "/rollback/evidence/version",
            json!(1),
        ),
        (
            "foreign text in the evidence",
            &proposing,
            "/rollback/evidence/codes/0",
            json!("it crashed"),
        ),
        (
            "another word for the health",
            &proposing,
            "/afterRollback/0/health",
            json!("fine"),
        ),
        (
            "another word for the verdict",
            &report,
            "/verdict",
            json!("ok"),
        ),
        ("no time", &report, "/started", json!("yesterday")),
        (
            "an unknown code",
            &report,
            "/findings/0/code",
            json!("Banana"),
        ),
        (
            "an unknown decision",
            &report,
            "/rollback/decision",
            json!("maybe"),
        ),
        ("another outcome", &none, "/outcome", json!("fine")),
        ("an exit code in words", &none, "/exitCode", json!("3")),
    ];
    let schema = schema();
    let options = jsonschema::draft202012::options().should_validate_formats(true);
    let validator = options.build(&schema).unwrap();
    for (says, document, pointer, wrong) in rows {
        assert!(validator.is_valid(document), "{says}: wrong to begin with");
        let mut document = document.clone();
        *document.pointer_mut(pointer).unwrap() = wrong;
        assert!(!validator.is_valid(&document), "{says}");
    }
    assert!(!validator.is_valid(&json!({})), "an empty document");
}

/// A plan with every key, as it is kept.
fn plan() -> RollbackPlan {
    let plan = json!({
        "workload": web(), "uid": "d-1", "from": id(2), "to": id(1), "chosenBy": "knownGood",
        "goodAt": "2026-01-01T00:00:00Z", "targetCreated": null, "badSince": null,
        "changes": [{"what": "container `web`: image", "from": "web:2", "to": "web:1"}],
        "concerns": [PreflightFinding::warning(PreflightCode::ConfigChanged, "changed")],
        "images": {}, "stuck": ["db-0"], "withdrawsMark": false, "proposed": false, "complete": false, "run": "a test",
        "patch": {
            "judged": {}, "target": {}, "createsAnnotations": false, "removedAnnotation": null, "changeCause": "x",
            "record": RollbackRecord::new(&id(1), &id(2), Timestamp::UNIX_EPOCH, "a test"),
        },
    });
    serde_json::from_value(plan).unwrap()
}

fn batch(plans: Vec<RollbackPlan>, objections: Vec<Objection>) -> RollbackBatch {
    let objections = objections.into_iter().map(|it| (web(), it)).collect();
    RollbackBatch {
        plans,
        already: Vec::new(),
        objections,
    }
}

/// A batch, what became of it, and the word that the document has for it.
type Row = (
    &'static str,
    RollbackBatch,
    Option<BatchOutcome>,
    Vec<WorkloadOutcome>,
);

fn rollbacks() -> Vec<Row> {
    let refused = |it| batch(Vec::new(), vec![Objection::Refusal(it)]);
    let known = || String::from("1 (web:1)");
    let already = RollbackBatch {
        already: vec![Already {
            workload: web(),
            uid: "d-1".to_owned(),
            to: id(1),
            present: Revision(3),
            run: Some("another run".to_owned()),
            unmark: None,
        }],
        ..RollbackBatch::default()
    };
    let finding = PreflightFinding::refusal(PreflightCode::OwnedByFlux, "Flux owns it");
    let plan_of = || batch(vec![plan()], Vec::new());
    vec![
        ("possible", plan_of(), None, vec![]),
        ("alreadyRolledBack", already, None, vec![]),
        (
            "refused",
            refused(Refusal::OneRevision { known: known() }),
            Some(BatchOutcome::Refused),
            vec![],
        ),
        (
            "refused",
            batch(vec![plan()], vec![Objection::Finding(finding)]),
            Some(BatchOutcome::Refused),
            vec![],
        ),
        (
            "superseded",
            refused(Refusal::Superseded),
            Some(BatchOutcome::Superseded),
            vec![],
        ),
        (
            "superseded",
            plan_of(),
            Some(BatchOutcome::Superseded),
            vec![],
        ),
        (
            "healed",
            refused(Refusal::Healed),
            Some(BatchOutcome::Healed),
            vec![],
        ),
        (
            "rolledBack",
            plan_of(),
            Some(BatchOutcome::RolledBack),
            vec![WorkloadOutcome::RolledBack],
        ),
        (
            "partlyRolledBack",
            plan_of(),
            Some(BatchOutcome::PartlyRolledBack),
            vec![WorkloadOutcome::HeldUp],
        ),
        (
            "failed",
            plan_of(),
            Some(BatchOutcome::Failed),
            vec![WorkloadOutcome::Failed],
        ),
        (
            "cancelled",
            plan_of(),
            Some(BatchOutcome::NotTried),
            vec![WorkloadOutcome::NotTried],
        ),
    ]
}

#[test]
fn the_document_of_a_rollback_keeps_the_schema_for_every_outcome() {
    let published = jsonschema::draft202012::new(&schema_of("rollback")).unwrap();
    let strict = strict_of("rollback");
    let trace = root().join("tests/traces/image-tag-missing.jsonl");
    let mut report = replayed(&trace);
    report.after_rollback = after_rollback();
    let cluster = ClusterName::new("aks-prod");
    for (word, batch, outcome, ended) in rollbacks() {
        let ended: Vec<_> = ended.into_iter().map(|it| (web(), it)).collect();
        let errors = ["failed to patch: ##vso[x]".to_owned()];
        for report in [None, Some(&report)] {
            let done = RollbackResult {
                page: RollbackPage {
                    batch: &batch,
                    ended: &ended,
                    errors: &errors,
                    cluster: Some(&cluster),
                    at: Timestamp::UNIX_EPOCH,
                },
                outcome,
                health: report.map(|_| RollbackHealth::Unhealthy),
                exit_code: 21,
                cancelled: word == "cancelled",
                dry_run: outcome.is_none(),
                started: Timestamp::UNIX_EPOCH,
                report,
            };
            let json = done.to_json().unwrap();
            assert!(!json.contains('#'), "{word}: {json}");
            let document: Value = serde_json::from_str(&json).unwrap();
            for validator in [&published, &strict] {
                assert_eq!(
                    breaches(validator, &document),
                    [""; 0],
                    "{word}: {document:#}"
                );
            }
            assert_eq!(document["outcome"], word);
            assert_eq!(document["sentence"], document["headline"][0], "{word}");
            assert!(
                document["headline"].as_array().unwrap().len() <= 6,
                "{document:#}"
            );
            let refusal = document["workloads"][0]["refusals"][0]["code"].as_str();
            let is_refused = batch.is_refused();
            assert_eq!(refusal.is_some(), is_refused, "{word}: {document:#}");
        }
    }
    let none = Failure::new(Outcome::Cancelled, "not confirmed")
        .to_json()
        .unwrap();
    let none: Value = serde_json::from_str(&none).unwrap();
    assert_eq!(breaches(&strict, &none), [""; 0], "{none:#}");
    let options = jsonschema::draft202012::options();
    let validator = options.build(&schema_of("rollback")).unwrap();
    for wrong in [json!({}), json!({"outcome": "fine", "exitCode": 0})] {
        assert!(!validator.is_valid(&wrong), "{wrong}");
    }
}
