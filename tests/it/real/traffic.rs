//! Updates that complete and that users do not reach any more, and updates that only look so.

mod beside;
mod cases;
mod manifests;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use kube::Client;
use libtest_mimic::Trial;
use rollguard_tests::cluster::{RealCluster, apply, wait_for_rollout, with_namespace};
use rollguard_tests::lagging::Lagging;
use rollguard_tests::product::{Ran, Rollguard};
use rollguard_tests::scenarios::Kind;
use serde_json::Value;

use crate::{Stage, trial};
pub(crate) use beside::{lines, measured};
use cases::{Case, Ends};

/// How long v1 may take to roll out.
const LIMIT: Duration = Duration::from_secs(60);
/// How long EndpointSlices lag where they do.
const LAG: Duration = Duration::from_secs(5);
/// The name of the other Deployment.
const OTHER: &str = "other";

pub(crate) fn trials(stage: &Arc<Stage>) -> impl Iterator<Item = Trial> + use<'_> {
    cases::all().map(move |case| {
        let name = format!("traffic is followed: {}", case.says);
        trial(&name, stage, move |stage| ends(stage, case))
    })
}

/// Each case beside other tools.
pub(crate) fn comparisons(stage: &Arc<Stage>) -> impl Iterator<Item = Trial> + use<'_> {
    cases::all().map(move |case| {
        let name = format!("traffic is followed beside others: {}", case.says);
        trial(&name, stage, move |stage| beside::compared(stage, case))
    })
}

/// Applies the update and checks it.
async fn ends(stage: Arc<Stage>, case: &'static Case) -> Result<()> {
    let cluster = stage.cluster()?;
    with_namespace(cluster, case.name, async |client, namespace| {
        let place = Place {
            cluster,
            client,
            namespace: &namespace,
            case,
        };
        place.has_v1().await?;
        let lagging = place.lagging().await?;
        let kubeconfig = lagging.as_ref().map(Lagging::kubeconfig);
        let rollguard = Rollguard::new(kubeconfig.unwrap_or(cluster.kubeconfig_path()))?;
        place.is_updated().await?;
        let (ran, ()) = tokio::try_join!(place.check(&rollguard, &[]), place.repairs())?;
        ensure!(
            lagging.is_none_or(|it| it.was_asked()),
            "no EndpointSlices were listed"
        );
        case.is_right(&ran)
    })
    .await
}

/// A case in its namespace.
struct Place<'a> {
    cluster: &'a RealCluster,
    client: Client,
    namespace: &'a str,
    case: &'static Case,
}

impl Place<'_> {
    async fn applies(&self, yaml: &str) -> Result<()> {
        apply(&self.client, self.namespace, yaml).await
    }

    /// Deploys v1 with all that stands before it.
    async fn has_v1(&self) -> Result<()> {
        for object in self.case.objects {
            self.applies(object).await?;
        }
        self.applies(&self.case.v1.workload(1)).await?;
        let (client, namespace) = (&self.client, self.namespace);
        if self.case.has_other {
            wait_for_rollout::<Deployment>(client, namespace, OTHER, LIMIT).await?;
        }
        let kind = self.case.v1.kind;
        if kind == Kind::StatefulSet {
            wait_for_rollout::<StatefulSet>(client, namespace, kind.name(), LIMIT).await
        } else {
            wait_for_rollout::<Deployment>(client, namespace, kind.name(), LIMIT).await
        }
    }

    async fn lagging(&self) -> Result<Option<Lagging>> {
        if !self.case.slices_lag {
            return Ok(None);
        }
        let lagging = Lagging::start(self.client.clone(), self.namespace, LAG);
        lagging.await.map(Some)
    }

    async fn is_updated(&self) -> Result<()> {
        for object in self.case.changes {
            self.applies(object).await?;
        }
        self.applies(&self.case.v2.workload(2)).await
    }

    /// Applies what comes later.
    async fn repairs(&self) -> Result<()> {
        if let Some((seconds, object)) = self.case.later {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            self.applies(object).await?;
        }
        Ok(())
    }

    async fn check(&self, rollguard: &Rollguard, more: &[&str]) -> Result<Ran> {
        let workload = self.case.v2.kind.workload();
        let args = ["check", workload, "-n", self.namespace, "-o", "json"];
        rollguard
            .run(&[&args[..], self.case.args, more].concat())
            .await
    }
}

impl Case {
    fn is_right(&self, ran: &Ran) -> Result<()> {
        let report = ran.json()?;
        let codes = codes(&report);
        match self.ends {
            Ends::NotReachable(code) => {
                ensure!(ran.code == 10, "it does not fail: {}", ran.all());
                ensure!(codes.first() == Some(&code), "{codes:?}");
                let sentence = report["sentence"].as_str().context("no sentence")?;
                ensure!(
                    sentence.contains("is rolled out, but not reachable: "),
                    "{sentence}"
                );
                ensure!(report["offersRollback"] == true, "{}", ran.all());
            }
            Ends::Fails(code) => {
                ensure!(ran.code == 10, "it does not fail: {}", ran.all());
                ensure!(codes.first() == Some(&code), "{codes:?}");
            }
            Ends::Well(line, note) => {
                ensure!(ran.code == 0, "it does not succeed: {}", ran.all());
                ensure!(ran.all().contains(line), "{}", ran.all());
                ensure!(codes == Vec::from_iter(note), "{codes:?}: {}", ran.all());
            }
        }
        Ok(())
    }
}

fn codes(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array();
    let findings = findings.into_iter().flatten();
    findings.filter_map(|it| it["code"].as_str()).collect()
}
