//! The expansions of the templates, for a table of parameters: kept in `expansions/`, checked by the language
//! service, and walked.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use async_trait::async_trait;
use libtest_mimic::Trial;
use rollguard_stage::{
    ResolvedTask, SHIPPED, StageEvent, StepOutcome, StepRunner, TaskResult, Template, run_pipeline,
};
use serde_json::{Value as Json, json};

/// Writes the files instead of comparing them.
const UPDATE: &str = "UPDATE_EXPECT";

/// A pipeline, and the jobs that run if its check fails or times out and everything else succeeds.
struct Row {
    name: &'static str,
    pipeline: String,
    failed: &'static [&'static str],
    timed_out: &'static [&'static str],
}

const CHECK: &str = "AksDeploymentHealthCheck";
const APPROVAL: &str = "ManualApprovalOfRollBack";
const ROLLBACK: &str = "Rollback";
const RECHECK: &str = "AksRollbackHealthCheck";
const ALL: &[&str] = &["Apply", CHECK, APPROVAL, ROLLBACK, RECHECK];
const AT_ONCE: &[&str] = &["Apply", CHECK, ROLLBACK, RECHECK];

/// A stage that deploys.
const DEPLOY: &str = "
  - stage: Deploy
    jobs:
      - job: Apply
        steps:
          - script: kubectl apply -f web.yml";

/// The stage after one that deploys.
fn stage(name: &'static str, extra: Json) -> Row {
    let parameters = with_cluster(extra);
    let pipeline = format!(
        "stages:{DEPLOY}
  - template: stages/aks-health-and-rollback.yml
    parameters: {parameters}
"
    );
    Row {
        name,
        pipeline,
        failed: ALL,
        timed_out: ALL,
    }
}

fn with_cluster(extra: Json) -> Json {
    let mut parameters = json!({
        "azureServiceConnection": "azure-prod", "aksName": "aks-prod", "aksRg": "rg-prod",
        "aksSubscription": "00000000-0000-0000-0000-000000000001", "namespace": "shop",
        "deploymentName": "web",
    });
    if let (Json::Object(all), Json::Object(extra)) = (&mut parameters, extra) {
        all.extend(extra);
    }
    parameters
}

#[expect(clippy::too_many_lines, reason = "one table")]
fn rows() -> Vec<Row> {
    vec![
        stage("default", json!({"environment": "Production"})),
        Row {
            failed: AT_ONCE,
            ..stage(
                "automatic",
                json!({"environment": "Production", "rollback": "automatic"}),
            )
        },
        Row {
            failed: AT_ONCE,
            timed_out: AT_ONCE,
            ..stage(
                "automatic-on-timeout",
                json!({
                    "environment": "Production", "rollback": "automatic",
                    "automaticOn": "failedOrTimedOut",
                }),
            )
        },
        Row {
            failed: &["Apply", CHECK],
            timed_out: &["Apply", CHECK],
            ..stage(
                "check-only",
                json!({"environment": "Production", "rollback": "never"}),
            )
        },
        stage(
            "everything",
            json!({
                "environment": "prod-eu", "stageName": "CheckShop", "displayName": "Is the shop healthy?",
                "deploymentName": "", "workloads": "deployment/web\nstatefulset/db\n",
                "selector": "tier=back", "timeout": "10m", "stableFor": "1m",
                "postCheckTimeout": "15m", "http": "/healthz\n/ready:8080=204\n",
                "graces": "ImageNotFound=2m\n", "logs": false, "traffic": false, "lint": "warn", "mark": false,
                "toRevision": "7", "approvers": ["[Shop]\\Release managers", "ops@example.org"],
                "notifyUsers": "ops@example.org\non-call@example.org\n",
                "allowApproversToApproveTheirOwnRuns": false, "approvalTimeout": 60,
                "onTimeout": "resume", "forceOwner": true, "allowSchemaDowngrade": true,
                "allowOnDelete": true, "azureDevOpsEnvironment": "shop-prod",
                "pool": {"name": "private", "demands": ["agent.os -equals Linux"]},
                "container": "tools", "variables": [{"group": "shop"}],
                "retryCountOnTaskFailure": 1, "lockBehavior": "sequential",
                "dependsOn": ["Deploy"], "condition": "succeededOrFailed()",
            }),
        ),
        Row {
            name: "own-stage",
            pipeline: format!(
                "stages:
  - stage: Release
    jobs:
      - job: Apply
        steps:
          - script: kubectl apply -f web.yml
      - template: jobs/guarded-rollout.yml
        parameters: {}
",
                with_cluster(json!({"dependsOn": "Apply", "condition": "succeededOrFailed()"}))
            ),
            failed: ALL,
            timed_out: ALL,
        },
        Row {
            name: "own-jobs",
            pipeline: format!(
                "stages:
  - stage: Release
    jobs:
      - job: Apply
        steps:
          - script: kubectl apply -f web.yml
          - template: steps/check.yml
            parameters: {}
      - job: Undo
        dependsOn: Apply
        condition: failed()
        variables:
          evidence: $[ dependencies.Apply.outputs['check.evidence'] ]
        steps:
          - template: steps/rollback.yml
            parameters: {}
",
                with_cluster(json!({})),
                json!({
                    "azureServiceConnection": "azure-prod", "aksName": "aks-prod",
                    "aksRg": "rg-prod", "aksSubscription": "00000000-0000-0000-0000-000000000001",
                    "namespace": "shop", "evidence": "$(evidence)",
                })
            ),
            failed: &["Apply", "Apply", "Undo"],
            timed_out: &["Apply", "Apply", "Undo"],
        },
        Row {
            name: "lint",
            pipeline: "stages:
  - stage: Release
    jobs:
      - job: Judge
        steps:
          - template: steps/lint.yml
            parameters: { connectionType: none, manifests: k8s }
      - template: jobs/guarded-rollout.yml
        parameters: PARAMETERS
"
            .replace(
                "PARAMETERS",
                &with_cluster(json!({"dependsOn": "Judge", "lint": "fail"})).to_string(),
            ),
            failed: &["Judge", CHECK, APPROVAL, ROLLBACK, RECHECK],
            timed_out: &["Judge", CHECK, APPROVAL, ROLLBACK, RECHECK],
        },
        Row {
            name: "extends",
            pipeline: format!(
                "extends:
  template: extends/guarded-deployment.yml
  parameters:
    stages:{}
    rollouts:
      - {}
",
                DEPLOY.replace('\n', "\n    "),
                with_cluster(json!({"environment": "Production"}))
            ),
            failed: ALL,
            timed_out: ALL,
        },
    ]
}

impl Row {
    fn template(&self) -> Result<Template> {
        let template = Template::parse("azure-pipelines.yml", &self.pipeline)?;
        Ok(template.among(SHIPPED.iter().copied()))
    }

    fn expanded(&self) -> Result<String> {
        let expansion = self.template()?.expansion(&BTreeMap::new())?;
        Ok(serde_yaml::to_string(&expansion)?)
    }
}

/// A trial for each row: the text is the kept one, and the jobs run that should.
pub(crate) fn trials() -> Vec<Trial> {
    let kept = rows().into_iter().map(|row| {
        super::super::trial_owned(
            format!("{}: expands to what is kept", row.name),
            move || same_as_kept(&row),
        )
    });
    let walked = rows().into_iter().map(|row| {
        super::super::trial_owned(format!("{}: the right jobs run", row.name), move || {
            walked(&row)
        })
    });
    kept.chain(walked).collect()
}

fn same_as_kept(row: &Row) -> Result<()> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("it/templates/expansions")
        .join(format!("{}.yml", row.name));
    let found = row.expanded()?;
    if std::env::var_os(UPDATE).is_some() {
        return Ok(std::fs::write(&path, found)?);
    }
    let kept = std::fs::read_to_string(&path)
        .with_context(|| format!("read {} ({UPDATE}=1 writes it)", path.display()))?;
    ensure!(
        found == kept,
        "{} differs ({UPDATE}=1 writes it); found:\n{found}",
        path.display()
    );
    Ok(())
}

/// Everything that the language service says about the expanded pipelines.
pub(crate) fn validated() -> Result<()> {
    let mut files = Vec::new();
    for row in rows() {
        files.push(json!({"name": row.name, "text": row.expanded()?}));
    }
    let found = rollguard_tests::language_service::findings(&files)?;
    for row in rows() {
        let diagnostics = found.get(row.name).context("each file has a result")?;
        ensure!(
            diagnostics.is_empty(),
            "{}: {}",
            row.name,
            diagnostics.join("; ")
        );
    }
    Ok(())
}

/// Answers every check but the one after a rollback with the verdict, and everything else with success.
struct Agent {
    verdict: &'static str,
    ran: Vec<String>,
}

#[async_trait]
impl StepRunner for Agent {
    async fn run(&mut self, step: &ResolvedTask) -> StepOutcome {
        self.ran.push(step.job.clone());
        match step.name.as_deref() {
            Some("check") => StepOutcome::of(TaskResult::Failed)
                .output("verdict", self.verdict)
                .output("rollbackTo", "4")
                .output("rollbackHelps", "yes")
                .output("evidence", "{}"),
            Some("rollback") => {
                StepOutcome::of(TaskResult::Succeeded).output("rollbackOutcome", "rolledBack")
            }
            _ => StepOutcome::of(TaskResult::Succeeded),
        }
    }

    fn event(&mut self, _: &StageEvent) {}
}

fn walked(row: &Row) -> Result<()> {
    let stages = row.template()?.expand(&BTreeMap::new())?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    for (verdict, expected) in [("failed", row.failed), ("timedOut", row.timed_out)] {
        let mut agent = Agent {
            verdict,
            ran: Vec::new(),
        };
        runtime.block_on(run_pipeline(&stages, &mut agent));
        let mut ran = agent.ran;
        // A failed check that may be repeated is repeated.
        ran.dedup_by(|next, before| next == before && *next == CHECK);
        ensure!(ran == expected, "{verdict}: {ran:?} ran");
    }
    Ok(())
}
