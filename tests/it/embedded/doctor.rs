//! The doctor as a task, and the table of permissions against what the commands do without one of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use libtest_mimic::Trial;
use rollguard_agent::command::TaskOutput;
use rollguard_agent::inputs::CheckInputs;
use rollguard_agent::{AgentEnv, Outcome};
use rollguard_core::http::HttpCheck;
use rollguard_core::permission::{Command, Need, Usage, UsedPermission, WITHOUT_RULE};
use rollguard_core::workload::WorkloadKind;
use rollguard_sandbox::{ApiFailure, Fault, Requests, Script, Verb};

use super::test_cluster::{NAMESPACE, TestCluster, check_of, rollback_inputs, workload};
use crate::trial;

/// How long a check may take.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How long a complete rollout must stay so.
const STABLE_FOR: Duration = Duration::from_secs(3);

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "a doctor that finds all permissions is green and leaves a page",
            ready,
        ),
        trial(
            "a doctor fails the task for a permission that is needed, and shows the Role",
            not_ready,
        ),
        trial(
            "a doctor warns of a permission that narrows the view",
            narrowed,
        ),
        trial("a doctor says what it cannot see, and stays green", unseen),
        trial(
            "a doctor that is not let in speaks of the service connection, on the page and in the issue",
            not_let_in,
        ),
        trial(
            "a check does without a permission what the table says",
            checks_without_one,
        ),
        trial(
            "a rollback does without a permission what the table says",
            rollbacks_without_one,
        ),
        trial(
            "every request of the commands stands in the table",
            requests_stand_in_the_table,
        ),
    ]
}

/// The words of a doctor to the agent.
struct Told {
    outcome: Outcome,
    output: TaskOutput,
    said: String,
    page: String,
}

async fn doctor(cluster: &TestCluster, inputs: &[(&str, &str)]) -> Result<Told> {
    let folder = tempfile::tempdir()?;
    let fixed = [
        ("command", "doctor"),
        ("azureServiceConnection", "c"),
        (
            "azureSubscriptionId",
            "00000000-0000-0000-0000-000000000000",
        ),
        ("azureResourceGroup", "group"),
        ("aksCluster", "cluster"),
        ("namespace", NAMESPACE),
    ];
    let given = fixed.iter().chain(inputs);
    let mut variables: BTreeMap<String, String> = given
        .map(|(name, value)| {
            (
                format!("INPUT_{}", name.to_uppercase()),
                (*value).to_owned(),
            )
        })
        .collect();
    let path = folder.path().to_string_lossy().into_owned();
    variables.insert("AGENT_TEMPDIRECTORY".to_owned(), path);
    let env = AgentEnv::from_pairs(variables);
    let before = cluster.said().len();
    let outcome = cluster.task(&env, &cluster.connection()).await;
    let said = cluster.said().split_off(before);
    let mut output = TaskOutput::default();
    for line in said.lines() {
        output.read_line(line);
    }
    let page = output.summaries.first().context("no page")?;
    let page = std::fs::read_to_string(page)?;
    Ok(Told {
        outcome,
        output,
        said,
        page,
    })
}

fn shows(text: &str, parts: &[&str]) -> Result<()> {
    for part in parts {
        ensure!(text.contains(part), "`{part}` is not in: {text}");
    }
    Ok(())
}

async fn healthy() -> Result<TestCluster> {
    TestCluster::where_v2(Script::image_not_found()).await
}

async fn ready() -> Result<()> {
    let cluster = healthy().await?;
    let writes = cluster.patches();
    let told = doctor(&cluster, &[("workloads", "deployment/web")]).await?;
    ensure!(told.outcome == Outcome::Succeeded, "{}", told.said);
    ensure!(cluster.patches() == writes, "something was changed");
    ensure!(
        told.output.variables.is_empty(),
        "{:?}",
        told.output.variables
    );
    ensure!(!told.said.contains("task.logissue"), "{}", told.said);
    shows(
        &told.said,
        &[
            "✓ get,list,watch,patch deployments.apps",
            "✓ identity",
            "admin",
            "✓ workload",
            "deployment/web exists",
            "agrees with the API server's",
            "ready for check and rollback in namespace shop",
        ],
    )?;
    shows(
        &told.page,
        &["## rollguard doctor", "| ✓ | identity | `admin` |"],
    )
}

async fn not_ready() -> Result<()> {
    let cluster = healthy().await?;
    cluster.faults().forbid(Verb::Patch, "deployments");
    let told = doctor(&cluster, &[("workloads", "deployment/web")]).await?;
    ensure!(told.outcome == Outcome::PermissionMissing, "{}", told.said);
    shows(
        &told.said,
        &[
            "✗ patch deployments.apps",
            "not ready for check and rollback in namespace shop: may not patch deployments.apps",
            "##vso[task.logissue type=error]not ready",
            "; hint: have an administrator apply the Role in the log or on the page of the run",
            "##vso[task.complete result=Failed]",
            "kind: RoleBinding",
            "  - { kind: User, name: \"admin\", apiGroup: rbac.authorization.k8s.io }",
        ],
    )?;
    let first = told.said.lines().find(|it| it.contains("deployments.apps"));
    ensure!(first.is_some_and(|it| it.starts_with('✗')), "{}", told.said);
    // A check alone does not patch.
    let check = [("workloads", "deployment/web"), ("doctorCommands", "check")];
    let told = doctor(&cluster, &check).await?;
    ensure!(told.outcome == Outcome::Succeeded, "{}", told.said);
    Ok(())
}

async fn narrowed() -> Result<()> {
    let cluster = healthy().await?;
    cluster.faults().forbid(Verb::Watch, "events");
    let told = doctor(&cluster, &[("workloads", "deployment/web")]).await?;
    ensure!(told.outcome == Outcome::Succeeded, "{}", told.said);
    shows(
        &told.said,
        &[
            "! watch events",
            "ready for check and rollback in namespace shop, although one permission is missing",
            "##vso[task.logissue type=warning]ready",
            "kind: RoleBinding",
        ],
    )
}

async fn unseen() -> Result<()> {
    let cluster = healthy().await?;
    cluster.faults().forbid(Verb::Create, "selfsubjectreviews");
    let told = doctor(&cluster, &[("workloads", "deployment/wbe")]).await?;
    ensure!(told.outcome == Outcome::Succeeded, "{}", told.said);
    shows(
        &told.said,
        &[
            "? identity",
            "cannot see: failed to ask the API server for the identity",
            "? clock",
            "! workload",
            "deployment/wbe: it does not exist in namespace `shop`",
        ],
    )?;
    cluster
        .faults()
        .forbid(Verb::Create, "selfsubjectaccessreviews");
    let told = doctor(&cluster, &[]).await?;
    ensure!(told.outcome == Outcome::Undetermined, "{}", told.said);
    Ok(())
}

async fn not_let_in() -> Result<()> {
    let cluster = healthy().await?;
    let refused = Fault::Answer(ApiFailure::unauthorized());
    cluster.faults().inject(Requests::all(), refused);
    let told = doctor(&cluster, &[("workloads", "deployment/web")]).await?;
    ensure!(told.outcome == Outcome::Credentials, "{}", told.said);
    let hint = "the cluster does not accept the identity of the service connection";
    let mut lines = told.said.lines();
    let issue = lines.find(|it| it.starts_with("##vso[task.logissue type=error]"));
    let issue = issue.context("no issue")?;
    shows(issue, &["not ready for check and rollback", hint])?;
    shows(&told.said, &[&format!("hint: {hint}")])?;
    shows(&told.page, &[&format!("What to do: {hint}")])?;
    ensure!(!told.said.contains("sign in again"), "{}", told.said);
    Ok(())
}

fn verb(used: &UsedPermission) -> Result<Verb> {
    Ok(match used.permission.verb {
        "get" => Verb::Get,
        "list" => Verb::List,
        "watch" => Verb::Watch,
        "create" => Verb::Create,
        "patch" => Verb::Patch,
        "delete" => Verb::Delete,
        other => bail!("no such verb: {other}"),
    })
}

fn of(command: Command, http: bool) -> Usage {
    let usage = Usage {
        http,
        wait: false,
        ..Usage::of([command])
    };
    usage.with_kinds([WorkloadKind::Deployment])
}

async fn checks_without_one() -> Result<()> {
    for http in [false, true] {
        for used in of(Command::Check, http).permissions() {
            let answer = rollguard_sandbox::Answer::new(200, "ok");
            let healthy = Script::healthy().answering("/healthz", answer);
            let builder = TestCluster::blank()?.play(|_| true, healthy);
            let cluster = TestCluster::new(builder).await?;
            cluster.deploy("v1").await?;
            cluster
                .faults()
                .forbid(verb(&used)?, used.permission.resource);
            let inputs = CheckInputs {
                http: if http {
                    vec![HttpCheck::parse("/healthz:8080")?]
                } else {
                    Vec::new()
                },
                ..check_of(workload(), TIMEOUT, STABLE_FOR)
            };
            let outcome = match cluster.check_as(&inputs).await {
                Ok(checked) => checked.outcome,
                Err(failure) => failure.outcome,
            };
            let expected = match used.need() {
                Need::Needed => Outcome::Undetermined,
                Need::Narrows | Need::Optional => Outcome::Succeeded,
            };
            ensure!(
                outcome == expected,
                "without {} (http: {http}): {outcome:?}",
                used.permission
            );
        }
    }
    Ok(())
}

async fn rollbacks_without_one() -> Result<()> {
    for used in of(Command::Rollback, false).permissions() {
        let cluster = healthy().await?;
        cluster.deploy("v2").await?;
        let failed = cluster.check(TIMEOUT).await;
        let failed = failed.map_err(super::test_cluster::as_error)?;
        ensure!(failed.outcome == Outcome::Failed, "v2 does not fail");
        cluster
            .faults()
            .forbid(verb(&used)?, used.permission.resource);
        let rolled_back = cluster.rollback_as(&rollback_inputs(None)).await;
        let outcome = match rolled_back {
            Ok(done) => done.outcome,
            Err(failure) => failure.outcome,
        };
        let is_done = outcome == Outcome::RolledBack;
        ensure!(
            is_done == (used.need() != Need::Needed),
            "without {}: {outcome:?}",
            used.permission
        );
    }
    Ok(())
}

async fn requests_stand_in_the_table() -> Result<()> {
    let usage = Usage {
        http: true,
        ..Usage::of([Command::Check, Command::Rollback])
    };
    let listed = usage.permissions();
    let listed: BTreeSet<String> = listed.iter().map(|it| it.permission.to_string()).collect();
    let cluster = TestCluster::where_v2(Script::crash_at_start(&["no database"], 1)).await?;
    let before = cluster.permissions_used();
    cluster.deploy("v2").await?;
    let deployed = cluster.permissions_used();
    let checked = cluster.check(TIMEOUT).await;
    checked.map_err(super::test_cluster::as_error)?;
    let rolled_back = cluster.rollback_as(&rollback_inputs(None)).await;
    rolled_back.map_err(super::test_cluster::as_error)?;
    let used = cluster.permissions_used();
    // The deploy step is the test's own.
    let own = deployed.len() - before.len();
    let sent = used.iter().skip(before.len() + own);
    let mut seen = BTreeSet::new();
    for permission in sent {
        let known = listed.contains(permission) || WITHOUT_RULE.contains(&permission.as_str());
        ensure!(known, "`{permission}` does not stand in the table");
        seen.insert(permission.clone());
    }
    for expected in [
        "get pods/log",
        "patch deployments.apps",
        "create pods",
        "list jobs.batch",
    ] {
        ensure!(
            seen.contains(expected),
            "`{expected}` was not sent: {seen:?}"
        );
    }
    Ok(())
}
