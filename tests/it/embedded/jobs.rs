//! The task as the stage's jobs run it: inputs as variables, outputs as logging commands, files in the
//! agent's folder.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use rollguard_agent::command::TaskOutput;
use rollguard_agent::{AgentEnv, Outcome};
use rollguard_core::report::parse_approval;
use rollguard_sandbox::{ApiFailure, Fault, Requests, Script, Verb};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::test_cluster::{TestCluster, web};
use crate::trial;

/// What no one may read anywhere: v1 and v2 have it in their environment.
const SECRET: &str = "hunter2-of-the-database";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "check, rollback and check again hand over what the next job needs",
            the_stage,
        ),
        trial(
            "a rollback that waits tells its health, and keeps the report",
            one_job,
        ),
        trial(
            "a rollback that is refused tells why, as a failed task",
            refused,
        ),
        trial(
            "every rollback that comes to a decision leaves a page and an attachment",
            leaves_a_page,
        ),
        trial(
            "a rollback that could not begin says that nothing was changed",
            not_begun,
        ),
        trial(
            "a run that saw no rollout leaves a page that says so",
            page_of_a_failure,
        ),
        trial(
            "a workload of Helm is proposed with Helm's own command, and forced only by a person who approved",
            owned_by_helm,
        ),
        trial(
            "evidence that is too long offers no rollback, and says so",
            too_many,
        ),
    ]
}

/// An agent with a folder of its own.
struct Agent {
    folder: TempDir,
}

impl Agent {
    fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        Ok(Self { folder })
    }

    /// Runs the task; what it said to the agent, and its outcome.
    async fn runs(
        &self,
        cluster: &TestCluster,
        inputs: &[(&str, &str)],
    ) -> Result<(TaskOutput, Outcome)> {
        let folder = self.folder.path().to_string_lossy().into_owned();
        let fixed = [
            ("azureServiceConnection", "c"),
            (
                "azureSubscriptionId",
                "00000000-0000-0000-0000-000000000000",
            ),
            ("azureResourceGroup", "group"),
            ("aksCluster", "cluster"),
            ("namespace", super::test_cluster::NAMESPACE),
            ("timeout", "2m"),
            ("stableFor", "3s"),
            ("graces", "CrashAtStart=30s"),
        ];
        let mut variables: BTreeMap<String, String> = fixed
            .iter()
            .chain(inputs)
            .map(|(name, value)| {
                (
                    format!("INPUT_{}", name.to_uppercase()),
                    (*value).to_owned(),
                )
            })
            .collect();
        variables.insert("BUILD_BUILDNUMBER".to_owned(), "20261121.3".to_owned());
        variables.insert("AGENT_TEMPDIRECTORY".to_owned(), folder);
        let env = AgentEnv::from_pairs(variables);
        let connector = cluster.connection();
        let before = cluster.said().len();
        let outcome = cluster.task(&env, &connector).await;
        let said = cluster.said().split_off(before);
        ensure!(!said.contains(SECRET), "{said}");
        let mut output = TaskOutput::default();
        for line in said.lines() {
            output.read_line(line);
        }
        Ok((output, outcome))
    }

    /// The attachment, which holds no secret.
    fn attachment(output: &TaskOutput) -> Result<Value> {
        let attachment = output.attachments.first().context("no attachment")?;
        ensure!(attachment.kind == "rollguard.evidence", "{attachment:?}");
        let name = "rollguard-evidence-web";
        ensure!(attachment.name == name, "{attachment:?}");
        let text = std::fs::read_to_string(&attachment.path)?;
        ensure!(!text.contains(SECRET), "{text}");
        Ok(serde_json::from_str(&text)?)
    }
}

fn variable<'a>(output: &'a TaskOutput, name: &str) -> Result<&'a str> {
    let value = output.variables.get(name);
    value
        .map(String::as_str)
        .with_context(|| format!("no {name}: {output:#?}"))
}

async fn deploy(cluster: &TestCluster, version: &str) -> Result<()> {
    let env = format!(
        "image: registry.test/app:{version}\n          env: [{{ name: PASSWORD, value: {SECRET}-{version} }}]"
    );
    let image = format!("image: registry.test/app:{version}");
    cluster.apply(&web(version).replace(&image, &env)).await
}

const CHECK: (&str, &str) = ("command", "check");
const ROLLBACK: (&str, &str) = ("command", "rollback");
const WEB: (&str, &str) = ("workloads", "deployment/web");

/// v1 is checked and v2 fails; what the check said.
async fn found_bad(agent: &Agent) -> Result<(TestCluster, TaskOutput)> {
    let crashes = Script::crash_at_start(&["no database"], 1);
    let builder =
        TestCluster::blank()?.play(|pod| super::recorded_pods::is_version(pod, "v2"), crashes);
    let cluster = TestCluster::new(builder).await?;
    deploy(&cluster, "v1").await?;
    let (good, outcome) = agent.runs(&cluster, &[CHECK, WEB]).await?;
    ensure!(outcome == Outcome::Succeeded, "{good:#?}");
    ensure!(variable(&good, "rollbackTo")?.is_empty(), "{good:#?}");
    ensure!(variable(&good, "rollbackHelps")?.is_empty(), "{good:#?}");
    ensure!(!good.variables.contains_key("evidence"), "{good:#?}");
    deploy(&cluster, "v2").await?;
    let (bad, outcome) = agent.runs(&cluster, &[CHECK, WEB]).await?;
    ensure!(outcome == Outcome::Failed, "{bad:#?}");
    Ok((cluster, bad))
}

async fn the_stage() -> Result<()> {
    let agent = Agent::new()?;
    let (cluster, bad) = found_bad(&agent).await?;
    ensure!(variable(&bad, "verdict")? == "failed", "{bad:#?}");
    ensure!(variable(&bad, "rollbackTo")? == "1", "{bad:#?}");
    ensure!(variable(&bad, "rollbackHelps")? == "yes", "{bad:#?}");
    let evidence = variable(&bad, "evidence")?;
    ensure!(parse_approval(evidence).is_ok(), "{evidence}");
    let kept = Agent::attachment(&bad)?;
    ensure!(kept["report"]["verdict"] == "failed", "{kept:#}");
    let target = &kept["plan"][0]["to"]["revision"];
    ensure!(
        target == 1 && kept["plan"][0].get("patch").is_none(),
        "{kept:#}"
    );

    let approved = [ROLLBACK, ("evidence", evidence), ("wait", "False")];
    let (back, outcome) = agent.runs(&cluster, &approved).await?;
    ensure!(outcome == Outcome::RolledBack, "{back:#?}");
    ensure!(
        variable(&back, "rollbackOutcome")? == "rolledBack",
        "{back:#?}"
    );
    ensure!(variable(&back, "rollbackHealth")?.is_empty(), "{back:#?}");
    cluster.has("v1").await?;

    let (after, outcome) = agent
        .runs(&cluster, &[CHECK, ("evidence", evidence)])
        .await?;
    ensure!(outcome == Outcome::Succeeded, "{after:#?}");
    ensure!(
        variable(&after, "rollbackHealth")? == "healthy",
        "{after:#?}"
    );
    Ok(())
}

async fn one_job() -> Result<()> {
    let agent = Agent::new()?;
    let (cluster, _) = found_bad(&agent).await?;
    let (back, outcome) = agent.runs(&cluster, &[ROLLBACK, WEB]).await?;
    ensure!(outcome == Outcome::RolledBack, "{back:#?}");
    ensure!(
        variable(&back, "rollbackOutcome")? == "rolledBack",
        "{back:#?}"
    );
    ensure!(variable(&back, "rollbackHealth")? == "healthy", "{back:#?}");
    ensure!(back.summaries.len() == 1, "{back:#?}");
    let kept = Agent::attachment(&back)?;
    ensure!(
        kept["report"]["afterRollback"][0]["health"] == "healthy",
        "{kept:#}"
    );
    cluster.has("v1").await
}

async fn refused() -> Result<()> {
    let agent = Agent::new()?;
    let (cluster, bad) = found_bad(&agent).await?;
    let evidence = variable(&bad, "evidence")?;
    deploy(&cluster, "v3").await?;
    let before = cluster.said().len();
    let (left, outcome) = agent
        .runs(&cluster, &[ROLLBACK, ("evidence", evidence)])
        .await?;
    ensure!(outcome == Outcome::Refused, "{left:#?}");
    ensure!(
        variable(&left, "rollbackOutcome")? == "superseded",
        "{left:#?}"
    );
    ensure!(
        variable(&left, "rollbackHealth")? == "notRolledBack",
        "{left:#?}"
    );
    let told = format!("{:?}", left.issues);
    let once = "a newer rollout began after the check; it is left alone; hint: check the newer rollout \
                first; nothing was changed";
    ensure!(told.contains(once), "{told}");
    let said = cluster.said().split_off(before);
    ensure!(said.matches("a newer rollout began").count() == 1, "{said}");
    ensure!(
        said.matches("check the newer rollout first").count() == 1,
        "{said}"
    );
    cluster.has("v3").await
}

/// The page that a job of the stage leaves, which does not wait; with the attachment's rollback.
async fn page(
    agent: &Agent,
    cluster: &TestCluster,
    (evidence, outcome): (&str, &str),
) -> Result<(String, Value)> {
    let inputs = [ROLLBACK, ("evidence", evidence), ("wait", "false")];
    let (output, _) = agent.runs(cluster, &inputs).await?;
    let told = variable(&output, "rollbackOutcome")?;
    ensure!(told == outcome, "{output:#?}");
    let kept = Agent::attachment(&output)?;
    ensure!(kept["rollback"]["outcome"] == outcome, "{kept:#}");
    let health = variable(&output, "rollbackHealth")?;
    let told = kept["rollback"]["health"].as_str().unwrap_or_default();
    ensure!(health == told, "{kept:#}");
    let plans = kept["plan"].as_array().context("no plan")?;
    ensure!(plans.iter().all(|it| it.get("patch").is_none()), "{kept:#}");
    let [summary] = output.summaries.as_slice() else {
        anyhow::bail!("{output:#?}");
    };
    let text = std::fs::read_to_string(summary)?;
    ensure!(!text.contains(SECRET), "{text}");
    Ok((text, kept))
}

async fn leaves_a_page() -> Result<()> {
    let agent = Agent::new()?;
    let (cluster, bad) = found_bad(&agent).await?;
    let evidence = variable(&bad, "evidence")?;

    let paused = |it: bool| json!({ "spec": { "paused": it } });
    super::rollback::change(&cluster, paused(true)).await?;
    let (text, kept) = page(&agent, &cluster, (evidence, "refused")).await?;
    ensure!(
        text.starts_with("## ❌ Rollback refused; nothing was changed"),
        "{text}"
    );
    ensure!(text.contains("resume it first"), "{text}");
    ensure!(kept["rollback"]["health"] == "notRolledBack", "{kept:#}");
    super::rollback::change(&cluster, paused(false)).await?;

    let patch = Requests::all().verb(Verb::Patch).resource("deployments");
    let failure = Fault::Answer(ApiFailure::internal("etcdserver: no leader"));
    cluster.faults().inject(patch.dry_run(false), failure);
    let (text, kept) = page(&agent, &cluster, (evidence, "failed")).await?;
    ensure!(text.starts_with("## ❌ The rollback failed"), "{text}");
    ensure!(
        kept["rollback"]["workloads"][0]["ended"] == "failed",
        "{kept:#}"
    );
    ensure!(kept["rollback"]["health"] == "undetermined", "{kept:#}");
    cluster.faults().clear();

    let (text, kept) = page(&agent, &cluster, (evidence, "rolledBack")).await?;
    ensure!(text.starts_with("## ↩️ Rolled back"), "{text}");
    ensure!(kept["plan"][0]["to"]["revision"] == 1, "{kept:#}");
    // The job that checks again says how it is.
    ensure!(kept["rollback"]["health"].is_null(), "{kept:#}");
    let (text, _) = page(&agent, &cluster, (evidence, "alreadyRolledBack")).await?;
    ensure!(text.contains("already in place"), "{text}");

    deploy(&cluster, "v3").await?;
    let (text, kept) = page(&agent, &cluster, (evidence, "superseded")).await?;
    ensure!(
        text.starts_with("## ⏭️ Not rolled back: a newer rollout began"),
        "{text}"
    );
    ensure!(kept["rollback"]["health"] == "notRolledBack", "{kept:#}");
    Ok(())
}

/// The only page that a run left.
fn only_page(output: &TaskOutput) -> Result<String> {
    let [summary] = output.summaries.as_slice() else {
        anyhow::bail!("{output:#?}");
    };
    Ok(std::fs::read_to_string(summary)?)
}

async fn page_of_a_failure() -> Result<()> {
    let agent = Agent::new()?;
    let (cluster, _) = found_bad(&agent).await?;
    let other = ("workloads", "deployment/wep");
    for (inputs, heading, judged) in [
        (
            vec![CHECK, other],
            "## ❌ Not checked: an input is wrong\n",
            "- Nothing was judged: the rollout may be healthy or not. No rollback is offered.\n",
        ),
        (
            vec![ROLLBACK, other],
            "## ❌ Not rolled back: an input is wrong\n",
            "- Nothing was judged and nothing was changed.\n",
        ),
    ] {
        let (output, outcome) = agent.runs(&cluster, &inputs).await?;
        ensure!(outcome == Outcome::BadInput, "{output:#?}");
        let text = only_page(&output)?;
        ensure!(text.starts_with(heading), "{text}");
        let place = format!(
            "- deployment/wep in namespace {} on cluster cluster.\n",
            super::test_cluster::NAMESPACE
        );
        ensure!(text.contains(&place) && text.contains(judged), "{text}");
    }
    cluster.faults().forbid(Verb::Get, "deployments");
    let (output, outcome) = agent.runs(&cluster, &[CHECK, WEB]).await?;
    ensure!(outcome == Outcome::Undetermined, "{output:#?}");
    let text = only_page(&output)?;
    ensure!(
        text.starts_with("## ❔ The rollout's health is undetermined"),
        "{text}"
    );
    ensure!(text.contains("- Hint: "), "{text}");
    Ok(())
}

async fn owned_by_helm() -> Result<()> {
    const NAMESPACE: &str = super::test_cluster::NAMESPACE;
    let agent = Agent::new()?;
    let (cluster, _) = found_bad(&agent).await?;
    let owner = json!({"metadata": {"annotations": {
        "meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": NAMESPACE}}});
    super::rollback::change(&cluster, owner).await?;
    for (version, status) in [(1, "superseded"), (2, "deployed")] {
        let secret = format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: sh.helm.release.v1.web.v{version}\n  labels: {{ owner: helm, name: web, status: {status}, version: \"{version}\" }}\n"
        );
        cluster.apply(&secret).await?;
    }
    let (bad, outcome) = agent.runs(&cluster, &[CHECK, WEB]).await?;
    ensure!(outcome == Outcome::Failed, "{bad:#?}");
    ensure!(
        variable(&bad, "rollbackTo")? == "1",
        "the approver is asked: {bad:#?}"
    );
    let summary = variable(&bad, "summary")?;
    let command = format!("helm rollback web 1 -n {NAMESPACE}");
    let choice = format!(
        "Helm owns it: go back there with '{command}' instead, or Resume forces revision 1 in place of 2 here"
    );
    ensure!(summary.contains(&choice), "{summary}");
    let evidence = variable(&bad, "evidence")?;
    let rollback = |approved: &'static str| {
        [
            ROLLBACK,
            ("evidence", evidence),
            ("wait", "False"),
            ("approved", approved),
        ]
    };
    let (left, outcome) = agent.runs(&cluster, &rollback("False")).await?;
    ensure!(outcome == Outcome::Refused, "{left:#?}");
    ensure!(format!("{:?}", left.issues).contains(&command), "{left:#?}");
    cluster.has("v2").await?;
    let (back, outcome) = agent.runs(&cluster, &rollback("True")).await?;
    ensure!(outcome == Outcome::RolledBack, "{back:#?}");
    cluster.has("v1").await
}

async fn not_begun() -> Result<()> {
    let agent = Agent::new()?;
    let (cluster, _) = found_bad(&agent).await?;
    cluster.faults().forbid(Verb::List, "replicasets");
    let inputs = [ROLLBACK, WEB, ("wait", "false")];
    let (failed, outcome) = agent.runs(&cluster, &inputs).await?;
    ensure!(outcome != Outcome::RolledBack, "{failed:#?}");
    ensure!(
        variable(&failed, "rollbackOutcome")? == "failed",
        "{failed:#?}"
    );
    // A former attempt may have done it.
    let health = variable(&failed, "rollbackHealth")?;
    ensure!(health == "undetermined", "{failed:#?}");
    let told = format!("{:?}", failed.issues);
    ensure!(told.contains("nothing was changed"), "{told}");
    cluster.has("v2").await
}

/// So many that their names alone fill the variable.
async fn too_many() -> Result<()> {
    let agent = Agent::new()?;
    let builder = TestCluster::blank()?.play(
        |pod| super::recorded_pods::is_version(pod, "v2"),
        Script::invalid_image_name(),
    );
    let cluster = TestCluster::new(builder).await?;
    let names: Vec<String> = (0..40)
        .map(|it| format!("a-workload-with-a-long-name-{it}"))
        .collect();
    let listed: Vec<String> = names.iter().map(|it| format!("deployment/{it}")).collect();
    let listed = listed.join("\n");
    let inputs = [CHECK, ("workloads", listed.as_str())];
    for version in ["v1", "v2"] {
        for name in &names {
            cluster.apply(&web(version).replace("web", name)).await?;
        }
        tokio::time::sleep(std::time::Duration::from_secs(10)).await;
        if version == "v1" {
            let (good, outcome) = agent.runs(&cluster, &inputs).await?;
            ensure!(outcome == Outcome::Succeeded, "{good:#?}");
        }
    }
    let (bad, outcome) = agent.runs(&cluster, &inputs).await?;
    ensure!(outcome == Outcome::Failed, "{bad:#?}");
    ensure!(variable(&bad, "rollbackTo")?.is_empty(), "{bad:#?}");
    ensure!(variable(&bad, "rollbackHelps")?.is_empty(), "{bad:#?}");
    ensure!(!bad.variables.contains_key("evidence"), "{bad:#?}");
    let told = variable(&bad, "summary")?;
    ensure!(told.contains("No rollback possible"), "{told}");
    ensure!(told.contains("8192 bytes"), "{told}");
    Ok(())
}
