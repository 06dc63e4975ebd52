//! Updates that complete and that users do not reach any more, and updates that only look so.

mod beside;
mod cases;
mod manifests;
mod notes;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::discovery::pinned_kind;
use kube::{Api, Client};
use libtest_mimic::Trial;
use rollguard_tests::cluster::{RealCluster, apply, wait_for_rollout, with_namespace};
use rollguard_tests::lagging::Lagging;
use rollguard_tests::product::{Ran, Rollguard};
use rollguard_tests::scenarios::Kind;
use serde_json::{Value, json};

use crate::{Stage, trial};
pub(crate) use beside::{lines, measured};
use cases::{Case, Ends, Status};

/// How long v1 may take to roll out.
const LIMIT: Duration = Duration::from_secs(60);
/// How long the API server may take to serve a new kind.
const SERVED_WITHIN: Duration = Duration::from_secs(20);
/// The name of the other Deployment.
const OTHER: &str = "other";

pub(crate) fn trials(stage: &Arc<Stage>) -> impl Iterator<Item = Trial> + use<'_> {
    cases::all().chain(notes::ALL).map(move |case| {
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
        let yaml = yaml.replace("$NAMESPACE", self.namespace);
        apply(&self.client, self.namespace, &yaml).await
    }

    /// Writes a status, as a controller of the object would.
    async fn reports(&self, status: &Status) -> Result<()> {
        let (group, version, kind) = status.of;
        let kind = GroupVersionKind::gvk(group, version, kind);
        let (resource, _) = pinned_kind(&self.client, &kind).await?;
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), self.namespace, &resource);
        let text: Value = serde_json::from_str(status.json).context("no JSON")?;
        let patch = Patch::Merge(json!({"status": text}));
        let params = PatchParams::default();
        api.patch_status(status.name, &params, &patch).await?;
        Ok(())
    }

    /// Lets the cluster have HTTPRoutes; the other cases meet none.
    async fn has_routes(&self) -> Result<()> {
        self.applies(notes::ROUTES).await?;
        let kind = GroupVersionKind::gvk("gateway.networking.k8s.io", "v1", "HTTPRoute");
        let served = async {
            while pinned_kind(&self.client, &kind).await.is_err() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let served = tokio::time::timeout(SERVED_WITHIN, served).await;
        served.context("HTTPRoutes are not served")
    }

    /// Deploys v1 with all that stands before it.
    async fn has_v1(&self) -> Result<()> {
        if self.case.objects.iter().any(|it| it.contains("HTTPRoute")) {
            self.has_routes().await?;
        }
        for object in self.case.objects {
            self.applies(object).await?;
        }
        for status in self.case.statuses {
            self.reports(status).await?;
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
        if self.case.slices_lag == 0 {
            return Ok(None);
        }
        let lag = Duration::from_secs(self.case.slices_lag);
        let lagging = Lagging::start(self.client.clone(), self.namespace, lag);
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
