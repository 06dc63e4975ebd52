//! The shipped templates in a pipeline with stages before them.

use super::*;

const GUARD: &str = "AksDeploymentHealthAndRollbackprod";

/// A pipeline of the text, which may refer to the shipped templates.
fn pipeline(text: &str) -> Vec<Stage> {
    Template::parse("azure-pipelines.yml", text)
        .unwrap()
        .among(crate::SHIPPED.iter().copied())
        .expand(&BTreeMap::new())
        .unwrap()
}

/// A stage that deploys and the shipped one after it, with more parameters.
fn guarded(extra: &str) -> Vec<Stage> {
    let extra = extra.replace('\n', "\n      ");
    pipeline(&format!(
        "stages:
  - stage: Deploy
    jobs:
      - job: Apply
        steps: [{{ script: kubectl apply -f web.yml, name: apply }}]
  - template: stages/aks-health-and-rollback.yml
    parameters:
      environment: prod
      azureServiceConnection: azure
      aksName: aks
      aksRg: rg
      aksSubscription: 00000000-0000-0000-0000-000000000001
      namespace: shop
      deploymentName: web
      {extra}
"
    ))
}

async fn run(stages: &[Stage], script: Script) -> (Vec<StageReport>, Script) {
    let mut script = script;
    let reports = run_pipeline(stages, &mut script).await;
    (reports, script)
}

#[tokio::test]
async fn the_stage_runs_after_the_one_before_it_and_as_its_condition_says() {
    let rows: [(&str, &str, TaskResult, TaskResult); 7] = [
        ("not given, deployed", "", Succeeded, Succeeded),
        ("not given, the deployment failed", "", Failed, Skipped),
        (
            "also after a step that waited and failed",
            "condition: succeededOrFailed()",
            Failed,
            Succeeded,
        ),
        (
            "also after a step that waited and failed, but not once canceled",
            "condition: succeededOrFailed()",
            Canceled,
            Skipped,
        ),
        ("at once", "dependsOn: []", Failed, Succeeded),
        (
            "a condition on the result of the stage before",
            "condition: in(dependencies.Deploy.result, 'Succeeded', 'Failed')",
            Failed,
            Succeeded,
        ),
        (
            "a condition on an output of the stage before",
            "condition: eq(dependencies.Deploy.outputs['Apply.apply.changed'], 'false')",
            Succeeded,
            Skipped,
        ),
    ];
    for (name, extra, deployed, guard) in rows {
        let answer = StepOutcome::of(deployed).output("changed", "true");
        let script = Script::default()
            .answer("Apply", answer)
            .answer(CHECK, checked("succeeded"));
        let (reports, _) = run(&guarded(extra), script).await;
        let report = reports.iter().find(|it| it.name == GUARD).unwrap();
        assert_eq!(report.result, guard, "{name}");
    }
}

#[tokio::test]
async fn two_rollouts_of_one_environment_have_names_of_their_own() {
    let stages = guarded("stageName: CheckWeb\ndisplayName: Is web healthy?");
    assert_eq!(stages[1].name, "CheckWeb");
    assert_eq!(stages[1].display_name, "Is web healthy?");
    assert_eq!(stages[1].depends_on, ["Deploy"]);
}

#[tokio::test]
async fn a_stage_of_ones_own_takes_the_jobs_or_single_steps() {
    let cluster = "{ azureServiceConnection: azure, aksName: aks, aksRg: rg, aksSubscription: s, \
                   namespace: shop, deploymentName: web }";
    let own_jobs = cluster.replace(" }", ", dependsOn: Apply, condition: succeededOrFailed() }");
    let own_steps = cluster.replace(" }", ", name: health }");
    let stages = pipeline(&format!(
        "stages:
  - stage: Release
    jobs:
      - job: Apply
        steps: [script: kubectl apply -f web.yml]
      - template: jobs/guarded-rollout.yml
        parameters: {own_jobs}
  - stage: Single
    dependsOn: []
    jobs:
      - job: Apply
        steps:
          - script: kubectl apply -f web.yml
          - template: steps/check.yml
            parameters: {own_steps}
"
    ));
    let script = Script::default()
        .answer(CHECK, checked("failed"))
        .answer(APPROVAL, StepOutcome::of(Failed));
    let (reports, script) = run(&stages, script).await;
    assert_eq!(reports.len(), 2);
    let release = results(&reports[0]);
    let expected = [
        ("Apply", Succeeded),
        (CHECK, Failed),
        (APPROVAL, Failed),
        (ROLLBACK, Skipped),
        (RECHECK, Skipped),
    ];
    assert_eq!(release, expected);
    let tasks: Vec<_> = script.ran.iter().map(|it| it.task.as_str()).collect();
    let expected = [
        "CmdLine@2",
        "Rollguard@1",
        "ManualValidation@1",
        "CmdLine@2",
        "Rollguard@1",
    ];
    assert_eq!(tasks, expected);
    assert_eq!(script.ran[4].name.as_deref(), Some("health"));
}

#[tokio::test]
async fn a_pipeline_that_extends_the_template_guards_each_rollout() {
    let stages = pipeline(
        "extends:
  template: extends/guarded-deployment.yml
  parameters:
    stages:
      - stage: Deploy
        jobs: [{ job: Apply, steps: [{ script: ./deploy.sh }] }]
    rollouts:
      - { environment: eu, azureServiceConnection: a, aksName: aks, aksRg: rg, aksSubscription: s, namespace: shop, deploymentName: web }
      - { environment: us.east, azureServiceConnection: a, aksName: aks, aksRg: rg, aksSubscription: s, namespace: shop, deploymentName: web, rollback: never }
",
    );
    let names: Vec<_> = stages.iter().map(|stage| stage.name.as_str()).collect();
    let expected = [
        "Deploy",
        "AksDeploymentHealthAndRollbackeu",
        "AksDeploymentHealthAndRollbackus_east",
    ];
    assert_eq!(names, expected);
    let script = Script::default().answer(CHECK, checked("succeeded"));
    let (reports, _) = run(&stages, script).await;
    assert!(reports.iter().all(|report| report.result == Succeeded));
}
