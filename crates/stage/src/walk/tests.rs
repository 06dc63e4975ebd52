use std::collections::BTreeMap;

use async_trait::async_trait;
use serde_json::json;

use super::*;
use crate::template::Template;

/// Answers each step by `job/task` and writes down what it was asked and told.
#[derive(Default)]
struct Script {
    answers: Vec<(&'static str, StepOutcome)>,
    ran: Vec<ResolvedTask>,
    events: Vec<StageEvent>,
    /// After this job the run is canceled from outside.
    canceled_after: Option<&'static str>,
}

#[async_trait]
impl StepRunner for Script {
    async fn run(&mut self, step: &ResolvedTask) -> StepOutcome {
        self.ran.push(step.clone());
        let answer = self.answers.iter().find(|(job, _)| *job == step.job);
        answer.map_or_else(
            || StepOutcome::of(TaskResult::Succeeded),
            |(_, outcome)| outcome.clone(),
        )
    }

    fn event(&mut self, event: &StageEvent) {
        self.events.push(event.clone());
    }

    fn canceled(&self) -> bool {
        self.canceled_after
            .is_some_and(|job| self.jobs().contains(&job))
    }
}

impl Script {
    fn answer(mut self, job: &'static str, outcome: StepOutcome) -> Self {
        self.answers.push((job, outcome));
        self
    }

    /// The jobs whose steps ran, in order.
    fn jobs(&self) -> Vec<&str> {
        self.ran.iter().map(|step| step.job.as_str()).collect()
    }

    fn step(&self, job: &str) -> &ResolvedTask {
        self.ran.iter().find(|step| step.job == job).unwrap()
    }
}

/// The steps of the shipped stage.
const CHECK: &str = "AksDeploymentHealthCheck";
const APPROVAL: &str = "ManualApprovalOfRollBack";
const ROLLBACK: &str = "Rollback";
const RECHECK: &str = "AksRollbackHealthCheck";

fn shipped() -> Stage {
    shipped_with(&[])
}

/// The shipped stage with some parameters given otherwise.
fn shipped_with(extra: &[(&str, serde_json::Value)]) -> Stage {
    let parameters = json!({
        "environment": "prod", "azureServiceConnection": "azure", "aksName": "aks", "aksRg": "rg",
        "aksSubscription": "00000000-0000-0000-0000-000000000001", "namespace": "shop",
        "deploymentName": "web",
    });
    let mut parameters: BTreeMap<String, _> = serde_json::from_value(parameters).unwrap();
    let extra = extra.iter().cloned();
    parameters.extend(extra.map(|(name, value)| (name.to_owned(), value)));
    crate::shipped_stage()
        .unwrap()
        .expand(&parameters)
        .unwrap()
        .remove(0)
}

fn checked(verdict: &str) -> StepOutcome {
    let result = if verdict == "succeeded" {
        TaskResult::Succeeded
    } else {
        TaskResult::Failed
    };
    StepOutcome::of(result)
        .output("verdict", verdict)
        .output("rollbackTo", "4")
        .output("rollbackHelps", "yes")
        .output("evidence", r#"{"w":"deployment/web","from":5}"#)
        .output("summary", "ImageNotFound: $(evil) was not found")
}

fn rolled_back(outcome: &str) -> StepOutcome {
    let done = matches!(outcome, "rolledBack" | "alreadyRolledBack");
    let result = if done {
        TaskResult::Succeeded
    } else {
        TaskResult::Failed
    };
    StepOutcome::of(result).output("rollbackOutcome", outcome)
}

async fn walked(stage: &Stage, script: Script) -> (StageReport, Script) {
    let mut script = script;
    let report = run_stage(stage, &mut script).await;
    (report, script)
}

fn results(report: &StageReport) -> Vec<(&str, TaskResult)> {
    report
        .jobs
        .iter()
        .map(|job| (job.name.as_str(), job.result))
        .collect()
}

mod modes;
mod pipeline;

use TaskResult::{Canceled, Failed, Skipped, Succeeded, SucceededWithIssues};

/// Name, script, the jobs whose steps run, the results of all jobs, the stage's result.
type Row = (
    &'static str,
    Script,
    &'static [&'static str],
    [TaskResult; 4],
    TaskResult,
);

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one table")]
async fn the_shipped_stage_runs_what_the_verdict_asks_for() {
    let approve = || StepOutcome::of(Succeeded);
    let reject = || StepOutcome::of(Failed);
    let rows: Vec<Row> = vec![
        (
            "succeeded: nothing else runs",
            Script::default().answer(CHECK, checked("succeeded")),
            &[CHECK],
            [Succeeded, Skipped, Skipped, Skipped],
            Succeeded,
        ),
        (
            "failed and approved: rolled back and checked again",
            Script::default()
                .answer(CHECK, checked("failed"))
                .answer(APPROVAL, approve())
                .answer(ROLLBACK, rolled_back("rolledBack"))
                .answer(RECHECK, checked("succeeded")),
            &[CHECK, APPROVAL, ROLLBACK, RECHECK],
            [Failed, Succeeded, Succeeded, Succeeded],
            Failed,
        ),
        (
            "failed and approved, but someone was faster: checked again",
            Script::default()
                .answer(CHECK, checked("failed"))
                .answer(ROLLBACK, rolled_back("alreadyRolledBack"))
                .answer(RECHECK, checked("succeeded")),
            &[CHECK, APPROVAL, ROLLBACK, RECHECK],
            [Failed, Succeeded, Succeeded, Succeeded],
            Failed,
        ),
        (
            "failed and rejected: nothing is rolled back",
            Script::default()
                .answer(CHECK, checked("failed"))
                .answer(APPROVAL, reject()),
            &[CHECK, APPROVAL],
            [Failed, Failed, Skipped, Skipped],
            Failed,
        ),
        (
            "timed out: a person is asked as well",
            Script::default()
                .answer(CHECK, checked("timedOut"))
                .answer(ROLLBACK, rolled_back("rolledBack"))
                .answer(RECHECK, checked("failed")),
            &[CHECK, APPROVAL, ROLLBACK, RECHECK],
            [Failed, Succeeded, Succeeded, Failed],
            Failed,
        ),
        (
            "undetermined: nobody is asked",
            Script::default().answer(CHECK, checked("undetermined")),
            &[CHECK],
            [Failed, Skipped, Skipped, Skipped],
            Failed,
        ),
        (
            "failed without a verdict, as after a lost agent: nobody is asked",
            Script::default().answer(CHECK, StepOutcome::of(Failed)),
            &[CHECK],
            [Failed, Skipped, Skipped, Skipped],
            Failed,
        ),
        (
            "failed without a revision to return to: nobody is asked",
            Script::default().answer(CHECK, checked("failed").output("rollbackTo", "")),
            &[CHECK],
            [Failed, Skipped, Skipped, Skipped],
            Failed,
        ),
        (
            "rolled back in part: what is restored is checked again",
            Script::default()
                .answer(CHECK, checked("failed"))
                .answer(ROLLBACK, rolled_back("partlyRolledBack"))
                .answer(RECHECK, checked("failed")),
            &[CHECK, APPROVAL, ROLLBACK, RECHECK],
            [Failed, Succeeded, Failed, Failed],
            Failed,
        ),
        (
            "a rollback that cannot help: a person may know better",
            Script::default()
                .answer(CHECK, checked("failed").output("rollbackHelps", "no"))
                .answer(APPROVAL, reject()),
            &[CHECK, APPROVAL],
            [Failed, Failed, Skipped, Skipped],
            Failed,
        ),
        (
            "healed meanwhile: no check after it",
            Script::default()
                .answer(CHECK, checked("failed"))
                .answer(ROLLBACK, rolled_back("healed")),
            &[CHECK, APPROVAL, ROLLBACK],
            [Failed, Succeeded, Failed, Skipped],
            Failed,
        ),
        (
            "rollback refused: no check after it",
            Script::default()
                .answer(CHECK, checked("failed"))
                .answer(ROLLBACK, rolled_back("refused")),
            &[CHECK, APPROVAL, ROLLBACK],
            [Failed, Succeeded, Failed, Skipped],
            Failed,
        ),
        (
            "superseded by a newer rollout: no check after it",
            Script::default()
                .answer(CHECK, checked("failed"))
                .answer(ROLLBACK, rolled_back("superseded")),
            &[CHECK, APPROVAL, ROLLBACK],
            [Failed, Succeeded, Failed, Skipped],
            Failed,
        ),
        (
            "canceled during the check: nobody is asked, whatever the verdict was",
            Script::default().answer(
                CHECK,
                StepOutcome {
                    result: Canceled,
                    ..checked("failed")
                },
            ),
            &[CHECK],
            [Canceled, Skipped, Skipped, Skipped],
            Canceled,
        ),
        (
            "canceled while a person is asked: nothing is rolled back",
            Script::default()
                .answer(CHECK, checked("failed"))
                .answer(APPROVAL, StepOutcome::of(Canceled)),
            &[CHECK, APPROVAL],
            [Failed, Canceled, Skipped, Skipped],
            Canceled,
        ),
        (
            "canceled during the rollback: no check after it",
            Script::default().answer(CHECK, checked("failed")).answer(
                ROLLBACK,
                StepOutcome {
                    result: Canceled,
                    ..rolled_back("rolledBack")
                },
            ),
            &[CHECK, APPROVAL, ROLLBACK],
            [Failed, Succeeded, Canceled, Skipped],
            Canceled,
        ),
    ];
    let stage = shipped();
    for (name, script, ran, expected, whole) in rows {
        let (report, script) = walked(&stage, script).await;
        assert_eq!(script.jobs(), ran, "{name}");
        let names = [CHECK, APPROVAL, ROLLBACK, RECHECK];
        let expected: Vec<_> = names.into_iter().zip(expected).collect();
        assert_eq!(results(&report), expected, "{name}");
        assert_eq!(report.result, whole, "{name}");
    }
}

#[tokio::test]
async fn the_evidence_of_the_check_reaches_both_jobs_after_it_unchanged() {
    let script = Script::default()
        .answer(CHECK, checked("failed"))
        .answer(ROLLBACK, rolled_back("rolledBack"));
    let (report, script) = walked(&shipped(), script).await;
    for (job, command) in [(ROLLBACK, "rollback"), (RECHECK, "check")] {
        let inputs = &script.step(job).inputs;
        let evidence = r#"{"w":"deployment/web","from":5}"#;
        assert_eq!(inputs["evidence"], evidence, "{job}");
        assert_eq!(inputs["command"], command, "{job}");
        // With workloads beside it, a rollback without evidence would be bound to nothing.
        let named = inputs.get("workloads");
        assert!(named.is_none_or(String::is_empty), "{job}: {named:?}");
    }
    let rollback = script.step(ROLLBACK);
    assert_eq!(rollback.inputs["wait"], "False");
    assert_eq!(rollback.inputs["approved"], "True", "a person resumed");
    assert_eq!(rollback.variables["PROCESS_SIGINT_TIMEOUT"], "60000");
    let outputs = &report.job(ROLLBACK).unwrap().outputs;
    assert_eq!(outputs["rollback.rollbackOutcome"], "rolledBack");
}

/// The task cuts nothing: a text that is longer fails the approval.
#[tokio::test]
async fn the_longest_summary_fits_into_the_instructions_beside_the_longest_names() {
    const INSTRUCTIONS: usize = 4000;
    let limit = rollguard_agent::outputs::OutputVariable::Summary.limit();
    let name = |length: usize| json!("n".repeat(length));
    let parameters = [
        ("environment", name(128)),
        ("aksName", name(63)),
        ("namespace", name(63)),
        ("deploymentName", name(253)),
        ("toRevision", json!("4294967295")),
        ("approvalTimeout", json!(43199)),
    ];
    let summary = "s".repeat(limit);
    let answer = checked("failed").output("summary", &summary);
    let script = Script::default().answer(CHECK, answer);
    let (_, script) = walked(&shipped_with(&parameters), script).await;
    let instructions = &script.step(APPROVAL).inputs["instructions"];
    assert!(instructions.contains(&summary), "{instructions}");
    let length = instructions.chars().count();
    assert!(length <= INSTRUCTIONS, "{length}");
}

#[tokio::test]
async fn the_approver_reads_the_summary_and_it_is_not_expanded_again() {
    let script = Script::default()
        .answer(CHECK, checked("failed"))
        .answer("evil", checked("x"));
    let (_, script) = walked(&shipped(), script).await;
    let approval = script.step(APPROVAL);
    assert_eq!(approval.task, "ManualValidation@1");
    assert!(approval.inputs["instructions"].contains("ImageNotFound: $(evil) was not found"));
    assert_eq!(approval.inputs["onTimeout"], "reject");
    assert_eq!(
        approval.timeout,
        Some(std::time::Duration::from_secs(86_400))
    );
}

#[tokio::test]
async fn a_skipped_job_says_which_part_of_its_condition_was_false() {
    let script = Script::default().answer(CHECK, checked("undetermined"));
    let (report, script) = walked(&shipped(), script).await;
    let reason = report.job(APPROVAL).unwrap().reason.clone().unwrap();
    assert_eq!(
        reason.to_string(),
        "`in(dependencies.AksDeploymentHealthCheck.outputs['check.verdict'], 'failed', \
         'timedOut')` is false: `dependencies.AksDeploymentHealthCheck.outputs['check.verdict']` \
         is 'undetermined'"
    );
    assert!(reason.condition.starts_with("and( not(canceled()),"));
    let reason = report.job(ROLLBACK).unwrap().reason.clone().unwrap();
    assert_eq!(
        reason.to_string(),
        "`succeeded('ManualApprovalOfRollBack')` is false"
    );
    let skipped = script
        .events
        .iter()
        .filter(|e| matches!(e, StageEvent::JobSkipped { .. }));
    assert_eq!(skipped.count(), 3);
}

#[tokio::test]
async fn a_check_that_hands_nothing_over_leaves_the_rollback_nothing_to_do() {
    let mut silent = checked("failed");
    silent.outputs.remove("evidence");
    let (_, script) = walked(&shipped(), Script::default().answer(CHECK, silent)).await;
    let inputs = &script.step(ROLLBACK).inputs;
    assert_eq!(inputs["evidence"], "");
    assert_eq!(inputs.get("workloads"), None);
}

#[tokio::test]
async fn the_events_tell_the_run_in_order() {
    let script = Script::default()
        .answer(CHECK, checked("failed"))
        .answer(APPROVAL, StepOutcome::of(Failed));
    let (_, script) = walked(&shipped(), script).await;
    let told: Vec<String> = script
        .events
        .iter()
        .map(|event| {
            let event = serde_json::to_value(event).unwrap();
            let field = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
            format!(
                "{} {}{} {}",
                field("event"),
                field("stage"),
                field("job"),
                field("result")
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "stageStarted AksDeploymentHealthAndRollbackprod ",
            "jobStarted AksDeploymentHealthCheck ",
            "stepStarted AksDeploymentHealthCheck ",
            "stepFinished AksDeploymentHealthCheck failed",
            "jobFinished AksDeploymentHealthCheck failed",
            "jobStarted ManualApprovalOfRollBack ",
            "stepStarted ManualApprovalOfRollBack ",
            "stepFinished ManualApprovalOfRollBack failed",
            "jobFinished ManualApprovalOfRollBack failed",
            "jobSkipped Rollback ",
            "jobSkipped AksRollbackHealthCheck ",
            "stageFinished AksDeploymentHealthAndRollbackprod failed",
        ]
    );
}

#[tokio::test]
async fn an_approved_rollback_does_not_start_once_the_run_was_canceled() {
    let script = Script {
        canceled_after: Some(APPROVAL),
        ..Script::default().answer(CHECK, checked("failed"))
    };
    let (report, script) = walked(&shipped(), script).await;
    assert_eq!(script.jobs(), [CHECK, APPROVAL]);
    let reason = report.job(ROLLBACK).unwrap().reason.clone().unwrap();
    assert_eq!(reason.to_string(), "`canceled()` is true");
    assert_eq!(report.result, Canceled);
}

#[tokio::test]
async fn a_canceled_run_starts_no_independent_job() {
    let jobs = "- { job: A, steps: [{ task: T@1 }] }\n- { job: B, steps: [{ task: T@1 }] }";
    let script = Script::default().answer("A", StepOutcome::of(Canceled));
    let (report, _) = walked(&stage(jobs), script).await;
    assert_eq!(results(&report), [("A", Canceled), ("B", Skipped)]);
}

/// A stage from the `jobs:` of a template.
fn stage(jobs: &str) -> Stage {
    let jobs = jobs.replace('\n', "\n      ");
    let text =
        format!("stages:\n  - stage: S\n    variables: {{ shared: s }}\n    jobs:\n      {jobs}\n");
    Template::parse("t.yml", &text)
        .unwrap()
        .expand(&BTreeMap::new())
        .unwrap()
        .remove(0)
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one table")]
async fn a_job_runs_by_the_results_before_it() {
    let task = "steps: [{ task: T@1, name: t }]";
    let rows: &[(&str, &str, TaskResult, TaskResult)] = &[
        (
            "succeeded() after success",
            "succeeded()",
            Succeeded,
            Succeeded,
        ),
        (
            "succeeded() after issues",
            "succeeded()",
            SucceededWithIssues,
            Succeeded,
        ),
        ("succeeded() after failure", "succeeded()", Failed, Skipped),
        (
            "succeeded() after a skipped task",
            "succeeded()",
            Skipped,
            Succeeded,
        ),
        ("failed() after failure", "failed()", Failed, Succeeded),
        ("failed() after success", "failed()", Succeeded, Skipped),
        ("always() after cancelling", "always()", Canceled, Succeeded),
        (
            "canceled() after cancelling",
            "canceled()",
            Canceled,
            Succeeded,
        ),
        ("canceled() after failure", "canceled()", Failed, Skipped),
        (
            "succeeded() after cancelling",
            "succeeded()",
            Canceled,
            Skipped,
        ),
        (
            "succeededOrFailed() after failure",
            "succeededOrFailed()",
            Failed,
            Succeeded,
        ),
        (
            "succeededOrFailed() after cancelling",
            "succeededOrFailed()",
            Canceled,
            Skipped,
        ),
        (
            "succeeded('A') after success",
            "succeeded('A')",
            Succeeded,
            Succeeded,
        ),
        (
            "succeeded('A') after failure",
            "succeeded('A')",
            Failed,
            Skipped,
        ),
        (
            "failed('A') after failure",
            "failed('A')",
            Failed,
            Succeeded,
        ),
        (
            "succeededOrFailed('A') after failure",
            "succeededOrFailed('A')",
            Failed,
            Succeeded,
        ),
        (
            "a result by name",
            "eq(dependencies.A.result, 'failed')",
            Failed,
            Succeeded,
        ),
        (
            "a result of another name",
            "eq(dependencies.A.result, 'failed')",
            Succeeded,
            Skipped,
        ),
        (
            "a variable of the stage",
            "eq(variables.shared, 'S')",
            Failed,
            Succeeded,
        ),
        (
            "a variable that is not there",
            "eq(variables.nobody, 'x')",
            Succeeded,
            Skipped,
        ),
    ];
    for (name, condition, first, second) in rows {
        let jobs = format!(
            "- job: A\n  {task}\n- job: B\n  dependsOn: A\n  condition: {condition}\n  {task}"
        );
        let script = Script::default().answer("A", StepOutcome::of(*first));
        let (report, _) = walked(&stage(&jobs), script).await;
        assert_eq!(report.job("B").unwrap().result, *second, "{name}");
    }
}

#[tokio::test]
async fn indirect_dependencies_count_for_the_default_condition_only() {
    let jobs = "\
- job: A
  steps: [{ task: T@1 }]
- job: B
  dependsOn: A
  condition: always()
  steps: [{ task: T@1 }]
- job: C
  dependsOn: B
  steps: [{ task: T@1 }]
- job: D
  dependsOn: B
  condition: succeeded('B')
  steps: [{ task: T@1 }]
- job: E
  steps: [{ task: T@1 }]";
    let script = Script::default().answer("A", StepOutcome::of(Failed));
    let (report, _) = walked(&stage(jobs), script).await;
    let expected = [
        ("A", Failed),
        ("B", Succeeded),
        ("C", Skipped),
        ("D", Succeeded),
        ("E", Succeeded),
    ];
    assert_eq!(results(&report), expected);
}

#[tokio::test]
async fn a_job_waits_for_those_it_depends_on_wherever_they_stand() {
    let jobs = "- { job: B, dependsOn: [A, C], steps: [] }\n- { job: A, dependsOn: C, steps: [] }\n- { job: C, steps: [] }";
    let (report, _) = walked(&stage(jobs), Script::default()).await;
    let order: Vec<_> = report.jobs.iter().map(|job| job.name.as_str()).collect();
    assert_eq!(order, ["C", "A", "B"]);
    assert_eq!(report.result, Succeeded);
}

#[tokio::test]
async fn a_skipped_job_skips_those_after_it_and_a_stage_of_skipped_jobs_is_skipped() {
    let jobs = "- { job: A, condition: false, steps: [] }\n- { job: B, dependsOn: A, steps: [] }\n- { job: C, dependsOn: A, condition: \"in(dependencies.A.result, 'Skipped')\", steps: [] }";
    let (report, _) = walked(&stage(jobs), Script::default()).await;
    assert_eq!(
        results(&report),
        [("A", Skipped), ("B", Skipped), ("C", Succeeded)]
    );
    let (report, _) = walked(
        &stage("- { job: A, condition: false, steps: [] }"),
        Script::default(),
    )
    .await;
    assert_eq!(report.result, Skipped);
}

#[tokio::test]
async fn steps_follow_their_own_conditions_and_see_outputs_before_them() {
    let jobs = "\
- job: A
  variables: { own: $(shared)! }
  steps:
    - task: First@1
      name: first
      continueOnError: true
    - task: Second@1
      inputs: { seen: $(first.verdict) $(OWN) $(nobody) }
    - task: OnlyAfterFailure@1
      condition: failed()
    - task: ByStatus@1
      condition: and(eq(variables['Agent.JobStatus'], 'SucceededWithIssues'), eq(variables['first.verdict'], 'failed'))";
    let script = Script::default().answer("A", checked("failed"));
    let (report, script) = walked(&stage(jobs), script).await;
    let tasks: Vec<_> = script.ran.iter().map(|step| step.task.as_str()).collect();
    assert_eq!(tasks, ["First@1", "Second@1", "OnlyAfterFailure@1"]);
    assert_eq!(script.ran[1].inputs["seen"], "failed s! $(nobody)");
    assert_eq!(
        report.result, Failed,
        "the second step failed and was not forgiven"
    );
}

#[tokio::test]
async fn a_failed_step_ends_its_job_and_a_forgiven_job_succeeds_with_issues() {
    let jobs = "\
- job: A
  continueOnError: true
  steps:
    - task: First@1
    - task: Second@1
    - task: CleanUp@1
      condition: always()
- job: B
  dependsOn: A
  steps: [{ task: T@1 }]";
    let script = Script::default().answer("A", StepOutcome::of(Failed));
    let (report, script) = walked(&stage(jobs), script).await;
    let tasks: Vec<_> = script.ran.iter().map(|step| step.task.as_str()).collect();
    assert_eq!(tasks, ["First@1", "CleanUp@1", "T@1"]);
    assert_eq!(
        results(&report),
        [("A", SucceededWithIssues), ("B", Succeeded)]
    );
    assert_eq!(report.result, SucceededWithIssues);
}

#[tokio::test]
async fn a_runtime_variable_without_a_value_is_empty() {
    let jobs = "\
- job: A
  steps: [{ task: T@1, name: t }]
- job: B
  dependsOn: A
  variables: { v: \"$[ dependencies.A.outputs['t.nothing'] ]\" }
  steps: [{ task: T@1, inputs: { v: '[$(v)]' } }]";
    let (_, script) = walked(&stage(jobs), Script::default()).await;
    assert_eq!(script.step("B").inputs["v"], "[]");
}

#[tokio::test]
async fn a_condition_that_cannot_be_evaluated_fails_the_job() {
    let jobs = "- { job: A, condition: \"gt(1, 'x')\", steps: [{ task: T@1 }] }";
    let (report, script) = walked(&stage(jobs), Script::default()).await;
    assert!(script.ran.is_empty());
    let job = report.job("A").unwrap();
    assert_eq!(job.result, Failed);
    let reason = job.reason.as_ref().unwrap().to_string();
    assert_eq!(reason, "cannot convert the string 'x' to number for `gt`");
}
