//! The modes of the shipped stage: a person decides, the check decides, no one does.

use super::*;

/// Name, what the check found, what the rollback says, the jobs whose steps run.
type Row = (
    &'static str,
    StepOutcome,
    &'static str,
    &'static [&'static str],
);

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one table")]
async fn without_a_person_the_check_decides() {
    let failed = || checked("failed");
    let rows: Vec<Row> = vec![
        (
            "failed: rolled back at once and checked again",
            failed(),
            "rolledBack",
            &[CHECK, ROLLBACK, RECHECK],
        ),
        (
            "a rollback that may help is tried",
            failed().output("rollbackHelps", "perhaps"),
            "rolledBack",
            &[CHECK, ROLLBACK, RECHECK],
        ),
        (
            "rolled back in part: checked again",
            failed(),
            "partlyRolledBack",
            &[CHECK, ROLLBACK, RECHECK],
        ),
        (
            "a rollback that cannot help is not tried",
            failed().output("rollbackHelps", "no"),
            "rolledBack",
            &[CHECK],
        ),
        (
            "nothing to return to: nothing is tried",
            failed()
                .output("rollbackTo", "")
                .output("rollbackHelps", ""),
            "rolledBack",
            &[CHECK],
        ),
        (
            "succeeded: nothing to do",
            checked("succeeded"),
            "rolledBack",
            &[CHECK],
        ),
        (
            "undetermined: nothing is undone that nobody saw",
            checked("undetermined"),
            "rolledBack",
            &[CHECK],
        ),
        (
            "superseded: the newer rollout is left alone",
            checked("superseded"),
            "rolledBack",
            &[CHECK],
        ),
        (
            "a lost agent: nothing is known",
            StepOutcome::of(Failed),
            "rolledBack",
            &[CHECK],
        ),
        (
            "refused: no check after it",
            failed(),
            "refused",
            &[CHECK, ROLLBACK],
        ),
        (
            "canceled during the check: nothing is tried",
            StepOutcome {
                result: Canceled,
                ..failed()
            },
            "rolledBack",
            &[CHECK],
        ),
    ];
    let automatic = ("rollback", json!("automatic"));
    for automatic_on in ["failed", "failedOrTimedOut"] {
        let stage = shipped_with(&[automatic.clone(), ("automaticOn", json!(automatic_on))]);
        for (name, found, outcome, ran) in &rows {
            let script = Script::default()
                .answer(CHECK, found.clone())
                .answer(ROLLBACK, rolled_back(outcome));
            let (_, script) = walked(&stage, script).await;
            assert_eq!(script.jobs(), *ran, "{automatic_on}: {name}");
        }
    }
}

/// A slow start looks like this, too: going back by itself would undo a healthy release.
#[tokio::test]
async fn about_a_timeout_a_person_decides_unless_the_parameters_say_otherwise() {
    let answers = |answer| {
        Script::default()
            .answer(CHECK, checked("timedOut"))
            .answer(APPROVAL, StepOutcome::of(answer))
            .answer(ROLLBACK, rolled_back("rolledBack"))
    };
    let rows: [(&str, &str, TaskResult, &[&str]); 4] = [
        (
            "automatic",
            "failed",
            Succeeded,
            &[CHECK, APPROVAL, ROLLBACK, RECHECK],
        ),
        ("automatic", "failed", Failed, &[CHECK, APPROVAL]),
        (
            "automatic",
            "failedOrTimedOut",
            Failed,
            &[CHECK, ROLLBACK, RECHECK],
        ),
        ("manual", "failedOrTimedOut", Failed, &[CHECK, APPROVAL]),
    ];
    for (mode, automatic_on, answer, ran) in rows {
        let stage = shipped_with(&[
            ("rollback", json!(mode)),
            ("automaticOn", json!(automatic_on)),
        ]);
        let (_, script) = walked(&stage, answers(answer)).await;
        assert_eq!(script.jobs(), ran, "{mode}, {automatic_on}, {answer}");
    }
}

/// The task refuses what overrules Helm unless its input says that a person approved.
#[tokio::test]
async fn about_a_workload_of_helm_a_person_decides_in_every_mode() {
    let rows: [(&str, &str, TaskResult, &[&str], &str); 4] = [
        (
            "manual",
            "failed",
            Succeeded,
            &[CHECK, APPROVAL, ROLLBACK, RECHECK],
            "True",
        ),
        (
            "automatic",
            "failed",
            Succeeded,
            &[CHECK, APPROVAL, ROLLBACK, RECHECK],
            "True",
        ),
        ("automatic", "failed", Failed, &[CHECK, APPROVAL], ""),
        (
            "automatic",
            "failedOrTimedOut",
            Failed,
            &[CHECK, ROLLBACK, RECHECK],
            "false",
        ),
    ];
    for (mode, automatic_on, answer, ran, approved) in rows {
        let stage = shipped_with(&[
            ("rollback", json!(mode)),
            ("automaticOn", json!(automatic_on)),
        ]);
        let script = Script::default()
            .answer(CHECK, checked("failed").output("rollbackForces", "Helm"))
            .answer(APPROVAL, StepOutcome::of(answer))
            .answer(ROLLBACK, rolled_back("rolledBack"));
        let (_, script) = walked(&stage, script).await;
        let says = format!("{mode}, {automatic_on}, {answer}");
        assert_eq!(script.jobs(), ran, "{says}");
        if ran.contains(&ROLLBACK) {
            assert_eq!(script.step(ROLLBACK).inputs["approved"], approved, "{says}");
        }
    }
    // What Helm does not own goes back by itself, and no one is said to have approved it.
    let stage = shipped_with(&[("rollback", json!("automatic"))]);
    let script = Script::default()
        .answer(CHECK, checked("failed"))
        .answer(ROLLBACK, rolled_back("rolledBack"));
    let (_, script) = walked(&stage, script).await;
    assert_eq!(script.jobs(), [CHECK, ROLLBACK, RECHECK]);
    assert_eq!(script.step(ROLLBACK).inputs["approved"], "False");
}

#[tokio::test]
async fn a_rollback_as_a_deployment_job_is_checked_again() {
    let stage = shipped_with(&[("azureDevOpsEnvironment", json!("shop-prod"))]);
    let rollback = stage.job(ROLLBACK).unwrap();
    assert_eq!(rollback.environment.as_deref(), Some("shop-prod"));
    for (outcome, ran) in [
        ("rolledBack", &[CHECK, APPROVAL, ROLLBACK, RECHECK][..]),
        ("refused", &[CHECK, APPROVAL, ROLLBACK]),
    ] {
        let script = Script::default()
            .answer(CHECK, checked("failed"))
            .answer(ROLLBACK, rolled_back(outcome));
        let (report, script) = walked(&stage, script).await;
        assert_eq!(script.jobs(), ran, "{outcome}");
        let outputs = &report.job(ROLLBACK).unwrap().outputs;
        assert_eq!(outputs["Rollback.rollback.rollbackOutcome"], outcome);
    }
}

#[tokio::test]
async fn a_task_that_fails_runs_again_as_often_as_the_parameters_say() {
    for (retries, runs) in [(0, 1), (2, 3)] {
        let stage = shipped_with(&[
            ("retryCountOnTaskFailure", json!(retries)),
            ("rollback", json!("never")),
        ]);
        let script = Script::default().answer(CHECK, checked("failed"));
        let (report, script) = walked(&stage, script).await;
        assert_eq!(script.jobs().len(), runs, "{retries} retries");
        let retried = script.events.iter();
        let retried = retried.filter(|event| matches!(event, StageEvent::StepRetried { .. }));
        assert_eq!(retried.count(), retries, "{retries} retries");
        assert_eq!(report.result, Failed);
    }
    let stage = shipped_with(&[("retryCountOnTaskFailure", json!(2))]);
    let script = Script::default().answer(CHECK, checked("succeeded"));
    let (_, script) = walked(&stage, script).await;
    assert_eq!(script.jobs(), [CHECK], "what succeeds does not run again");
}

#[tokio::test]
async fn with_rollback_never_only_the_check_is_there() {
    let stage = shipped_with(&[("rollback", json!("never"))]);
    let script = Script::default().answer(CHECK, checked("failed"));
    let (report, _) = walked(&stage, script).await;
    assert_eq!(results(&report), [(CHECK, Failed)]);
    assert_eq!(report.result, Failed);
}

#[tokio::test]
async fn what_is_allowed_reaches_the_check_and_the_rollback() {
    let names = ["forceOwner", "allowSchemaDowngrade", "allowOnDelete"];
    for allowed in names {
        let stage = shipped_with(&[(allowed, json!(true))]);
        let script = Script::default().answer(CHECK, checked("failed"));
        let (_, script) = walked(&stage, script).await;
        for job in [CHECK, ROLLBACK] {
            for name in names {
                let expected = if name == allowed { "True" } else { "False" };
                assert_eq!(script.step(job).inputs[name], expected, "{job}: {name}");
            }
        }
    }
}

#[tokio::test]
async fn several_workloads_are_checked_and_the_evidence_says_which_are_rolled_back() {
    let both = "deployment/web\nstatefulset/db";
    let rows = [
        ("web", "", "deployment/web", "web"),
        ("", both, both, "the workloads"),
        ("web", "statefulset/db", both, "web"),
    ];
    for (deployment, several, checked_ones, shown) in rows {
        let stage = shipped_with(&[
            ("deploymentName", json!(deployment)),
            ("workloads", json!(several)),
        ]);
        let found = checked("failed").output("rollbackTo", "deployment/web 1, statefulset/db 3");
        let script = Script::default()
            .answer(CHECK, found)
            .answer(ROLLBACK, rolled_back("rolledBack"));
        let (_, script) = walked(&stage, script).await;
        assert_eq!(script.jobs(), [CHECK, APPROVAL, ROLLBACK, RECHECK]);
        let found = script.step(CHECK).inputs["workloads"].trim_end();
        assert_eq!(found, checked_ones);
        assert_eq!(stage.display_name, format!("Rollout of {shown} in prod"));
        for job in [ROLLBACK, RECHECK] {
            let named = script.step(job).inputs.get("workloads");
            assert!(named.is_none_or(String::is_empty), "{job}: {named:?}");
        }
    }
}

#[tokio::test]
async fn silence_is_no_consent_to_a_rollback_that_cannot_help() {
    let rows: [(&str, &str, &[&str]); 4] = [
        ("reject", "no", &[CHECK, APPROVAL]),
        ("resume", "no", &[CHECK]),
        ("resume", "perhaps", &[CHECK, APPROVAL]),
        ("resume", "yes", &[CHECK, APPROVAL]),
    ];
    for (silence, helps, jobs) in rows {
        let stage = shipped_with(&[("onTimeout", json!(silence))]);
        let script = Script::default()
            .answer(CHECK, checked("failed").output("rollbackHelps", helps))
            .answer(APPROVAL, StepOutcome::of(Failed));
        let (_, script) = walked(&stage, script).await;
        assert_eq!(script.jobs(), jobs, "{silence}, {helps}");
    }
}

#[tokio::test]
async fn the_person_is_asked_as_the_parameters_say() {
    let stage = shipped_with(&[
        ("approvers", json!(["[org]\\nightly on-call", "a@b.c"])),
        ("notifyUsers", json!("oncall@b.c\nb@b.c\n")),
        ("allowApproversToApproveTheirOwnRuns", json!(false)),
        ("approvalTimeout", json!(90)),
        ("onTimeout", json!("resume")),
    ]);
    let script = Script::default().answer(CHECK, checked("failed"));
    let (_, script) = walked(&stage, script).await;
    let approval = script.step(APPROVAL);
    for (name, value) in [
        ("approvers", "[org]\\nightly on-call,a@b.c"),
        ("notifyUsers", "oncall@b.c,b@b.c"),
        ("allowApproversToApproveTheirOwnRuns", "False"),
        ("onTimeout", "resume"),
    ] {
        assert_eq!(approval.inputs[name], value, "{name}");
    }
    let limit = std::time::Duration::from_secs(90 * 60);
    assert_eq!(approval.timeout, Some(limit));
    let says = "No answer within 90 minutes counts as resume.";
    assert!(approval.inputs["instructions"].contains(says));
}
