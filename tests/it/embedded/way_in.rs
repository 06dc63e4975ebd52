//! The words of a command by how its user came to the cluster: in hints, and about an API server that is lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use libtest_mimic::Trial;
use rollguard::run::doctor::InAzure;
use rollguard_agent::{AgentEnv, Outcome};
use rollguard_azure::{Azure, Cloud, ClusterId, Login, Secret, Transport};
use rollguard_cluster::{Outage, WayIn};
use rollguard_core::permission::DoctorCommand;
use rollguard_core::report::{markdown, to_json};
use rollguard_core::rollback::BatchOutcome;
use rollguard_network::{Network, Trust};
use rollguard_sandbox::{Fault, Requests, Script, Verb};
use rollguard_tests::fakes::{
    Answer, CLIENT_ID, CLIENT_SECRET, CLUSTER, FakeAzure, RESOURCE_GROUP, SUBSCRIPTION_ID, Service,
    TENANT_ID, running,
};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::test_cluster::{NAMESPACE, TestCluster, as_error, rollback_inputs};
use crate::trial;

/// How long a check may take.
const TIMEOUT: Duration = Duration::from_secs(120);

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "an API server that is lost during a check is explained by its state in Azure",
            lost_and_explained,
        ),
        trial(
            "an Azure that does not answer holds up no report",
            silent_azure,
        ),
        trial(
            "Azure is not asked about a check that can tell",
            nothing_lost,
        ),
        trial(
            "a rollback that is refused names the doctor of the same cluster",
            refused_rollback,
        ),
        trial(
            "a task that may not read speaks of its own doctor, and of AKS only where Azure may decide",
            forbidden_task,
        ),
    ]
}

/// Azure, which answers in real time while the cluster's time stands still.
struct InRealTime(InAzure);

#[async_trait]
impl Outage for InRealTime {
    async fn why(&self) -> Option<String> {
        let asking = || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .ok()?;
            runtime.block_on(self.0.why())
        };
        std::thread::scope(|scope| scope.spawn(asking).join().ok().flatten())
    }
}

fn azure(fake: &FakeAzure) -> Result<Arc<dyn Outage>> {
    let network = Network {
        trust: Trust {
            extra_roots_pem: fake.ca_pem().as_bytes().to_vec(),
            ..Trust::default()
        },
        ..Network::default()
    };
    let login = Login::ClientSecret {
        tenant_id: TENANT_ID.to_owned(),
        client_id: CLIENT_ID.to_owned(),
        client_secret: Secret::new(CLIENT_SECRET),
    };
    let cloud = Cloud::new(fake.base_url(), fake.base_url())?;
    let azure = Azure::new(login, cloud, Transport::new(&network)?)?;
    let cluster = ClusterId::new(SUBSCRIPTION_ID, RESOURCE_GROUP, CLUSTER)?;
    Ok(Arc::new(InRealTime(InAzure::new(azure, cluster))))
}

/// A check whose API server goes away after three seconds.
async fn lost(outage: Arc<dyn Outage>) -> Result<rollguard::run::check::Checked> {
    let mut cluster = TestCluster::where_v2(Script::crash_at_start(&["no database"], 1)).await?;
    cluster.come_by(WayIn {
        outage: Some(outage),
        ..WayIn::default()
    });
    cluster.deploy("v2").await?;
    let faults = cluster.faults();
    let trouble = async {
        sleep(Duration::from_secs(3)).await;
        faults.inject(Requests::all(), Fault::Disconnect);
        faults.drop_watches(&Requests::all());
    };
    let (checked, ()) = tokio::join!(cluster.check(TIMEOUT), trouble);
    checked.map_err(as_error)
}

/// A name, what Azure says of the cluster, and what the report says of it.
type Row<'a> = (&'a str, &'a [(&'a str, Value)], Option<&'a str>);

async fn lost_and_explained() -> Result<()> {
    let stopped = [("powerState", json!({ "code": "Stopped" }))];
    let upgrading = [("provisioningState", json!("Upgrading"))];
    let deleting = [("provisioningState", json!("Deleting"))];
    let rows: [Row<'_>; 4] = [
        (
            "stopped",
            &stopped,
            Some("; Azure says that the cluster is stopped"),
        ),
        (
            "upgrading",
            &upgrading,
            Some("; Azure says that the cluster's provisioning state is Upgrading"),
        ),
        (
            "being deleted",
            &deleting,
            Some("; Azure says that the cluster is being deleted"),
        ),
        ("running", &[], None),
    ];
    for (says, changes, expected) in rows {
        let mut properties = running();
        for (name, value) in changes {
            properties[*name] = value.clone();
        }
        let fake = FakeAzure::builder()
            .cluster_properties(properties)
            .start()?;
        let checked = lost(azure(&fake)?).await?;
        let report = &checked.report;
        ensure!(
            checked.outcome == Outcome::Undetermined,
            "{says}: {report:#?}"
        );
        ensure!(!report.offers_rollback, "{says}: {report:#?}");
        ensure!(
            report.sentence.contains("lost sight of"),
            "{says}: {report:#?}"
        );
        let forms = [report.sentence.clone(), markdown(report), to_json(report)?];
        for text in forms {
            let told = expected.unwrap_or("; Azure says");
            ensure!(text.contains(told) == expected.is_some(), "{says}: {text}");
        }
        let asked = fake.requests_to(Service::Arm).len();
        ensure!(asked == 1, "{says}: Azure was asked {asked} times");
    }
    // What Azure does not say changes nothing.
    let fake = FakeAzure::builder().start()?;
    fake.answer_always(Service::Arm, Answer::forbidden());
    let sentence = lost(azure(&fake)?).await?.report.sentence;
    ensure!(!sentence.contains("Azure"), "{sentence}");
    Ok(())
}

/// Never answers.
struct Silent;

#[async_trait]
impl Outage for Silent {
    async fn why(&self) -> Option<String> {
        std::future::pending().await
    }
}

async fn silent_azure() -> Result<()> {
    let begun = tokio::time::Instant::now();
    let checked = lost(Arc::new(Silent)).await?;
    let took = begun.elapsed();
    ensure!(checked.outcome == Outcome::Undetermined);
    ensure!(!checked.report.sentence.contains("Azure"));
    ensure!(took < Duration::from_secs(120), "{took:?}");
    Ok(())
}

/// Fails the test that asks it.
struct NotToBeAsked;

#[async_trait]
impl Outage for NotToBeAsked {
    async fn why(&self) -> Option<String> {
        Some("it was asked".to_owned())
    }
}

async fn nothing_lost() -> Result<()> {
    let mut cluster = TestCluster::where_v2(Script::crash_at_start(&["no database"], 1)).await?;
    cluster.come_by(WayIn {
        outage: Some(Arc::new(NotToBeAsked)),
        ..WayIn::default()
    });
    cluster.deploy("v2").await?;
    let failed = cluster.check(TIMEOUT).await.map_err(as_error)?;
    ensure!(failed.outcome == Outcome::Failed);
    ensure!(!failed.report.sentence.contains("it was asked"));
    cluster.faults().forbid(Verb::Watch, "deployments");
    cluster.faults().forbid(Verb::List, "deployments");
    let blind = cluster.check(TIMEOUT).await.map_err(as_error)?;
    ensure!(blind.outcome == Outcome::Undetermined);
    ensure!(!blind.report.sentence.contains("it was asked"));
    Ok(())
}

async fn refused_rollback() -> Result<()> {
    let rows = [
        (
            DoctorCommand::CommandLine {
                options: " --context test".to_owned(),
            },
            "the Role that `rollguard doctor --context test rollback deployment/web -n shop` prints",
        ),
        (
            DoctorCommand::Task,
            "the Role that this task with `command: doctor` prints",
        ),
    ];
    for (doctor, expected) in rows {
        let mut cluster =
            TestCluster::where_v2(Script::crash_at_start(&["no database"], 1)).await?;
        cluster.come_by(WayIn {
            doctor,
            ..WayIn::default()
        });
        cluster.deploy("v2").await?;
        cluster.faults().forbid(Verb::Patch, "deployments");
        let checked = cluster.check(TIMEOUT).await.map_err(as_error)?;
        let proposed = to_json(&checked.report)?;
        ensure!(proposed.contains(expected), "{proposed}");
        let done = cluster.rollback_as(&rollback_inputs(None)).await;
        let done = done.map_err(as_error)?;
        ensure!(done.word == Some(BatchOutcome::Refused), "{done:?}");
        ensure!(cluster.said().contains(expected), "{}", cluster.said());
        cluster.has("v2").await?;
    }
    Ok(())
}

async fn forbidden_task() -> Result<()> {
    let azure = [
        ("azureServiceConnection", "c"),
        (
            "azureSubscriptionId",
            "00000000-0000-0000-0000-000000000000",
        ),
        ("azureResourceGroup", "group"),
        ("aksCluster", "cluster"),
    ];
    let kubernetes = [
        ("connectionType", "kubernetesServiceConnection"),
        ("kubernetesServiceConnection", "c"),
    ];
    for (inputs, speaks_of_aks) in [(&azure[..], true), (&kubernetes[..], false)] {
        let cluster = TestCluster::where_v2(Script::healthy()).await?;
        cluster.faults().forbid(Verb::Get, "deployments");
        let fixed = [
            ("command", "check"),
            ("workloads", "deployment/web"),
            ("namespace", NAMESPACE),
        ];
        let folder = tempfile::tempdir()?;
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
        let path = folder.path().to_string_lossy().into_owned();
        variables.insert("AGENT_TEMPDIRECTORY".to_owned(), path);
        let env = AgentEnv::from_pairs(variables);
        let before = cluster.said().len();
        let outcome = cluster.task(&env, &cluster.connection()).await;
        let said = cluster.said().split_off(before);
        ensure!(outcome == Outcome::Undetermined, "{said}");
        let mut lines = said.lines();
        let issue = lines
            .find(|it| it.contains("task.logissue type=error"))
            .with_context(|| format!("no issue: {said}"))?;
        let hint = "apply the Role that this task with `command: doctor` prints";
        ensure!(issue.contains(hint), "{issue}");
        ensure!(issue.contains("on AKS") == speaks_of_aks, "{issue}");
    }
    Ok(())
}
