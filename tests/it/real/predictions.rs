//! `lint --live` before v2 of every scenario is applied: what it calls certain happens.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use rollguard_measured::predictions::{Measured, Predicted, Row};
use rollguard_tests::cluster::{RealCluster, with_namespace};
use rollguard_tests::product::Rollguard;
use rollguard_tests::scenarios::{Play, Scenario, all};
use serde_json::Value;

use crate::{BENCH_FILE, Stage, bench, compares_predictions};

/// How many namespaces are looked at together.
const AT_ONCE: usize = 6;

/// The least share of what is determined that must be predicted, in percent.
const RECALL: usize = 90;

/// The scenarios that template, namespace and nodes determine before the update. In the others an image, a program, a
/// registry or a person decides.
const DETERMINED: &[&str] = &[
    "image-name-invalid",
    "image-never-pulled",
    "config-key-missing",
    "secret-missing",
    "volume-source-missing",
    "quota-exceeded",
    "quota-needs-resources",
    "limit-range-violated",
    "service-account-missing",
    "pod-security-violated",
    "policy-denies",
    "unschedulable",
    "too-big-for-any-node",
    "probe-port-unknown",
    "sub-path-variable-missing",
    "priority-class-missing",
    "webhook-unavailable",
    "taint-not-tolerated",
    "paused",
    "agent-image-name-invalid",
    "agent-config-key-missing",
    "agent-pod-security-violated",
    "agent-quota-exceeded",
    "agent-host-port-taken",
    "agent-on-delete",
    "agent-lost-node-blocks",
    "db-secret-missing",
    "db-claim-missing",
    "db-claim-unbound",
    "db-quota-exceeded",
    "db-limit-range-violated",
    "db-on-delete",
    "db-broken-stays",
];

/// Predicts before every update; nothing that is certain may stay away.
pub(crate) async fn come_true(stage: Arc<Stage>) -> Result<()> {
    let cluster = stage.cluster()?;
    let names: BTreeSet<&str> = all().map(|it| it.name).collect();
    for name in DETERMINED {
        ensure!(names.contains(name), "the scenario {name} is gone");
    }
    let rows = stream::iter(all().map(|it| row(cluster, it)));
    let rows: Vec<Row> = rows.buffered(AT_ONCE).try_collect().await?;
    let version = cluster.client().apiserver_version().await?;
    let measured = Measured {
        kubernetes: version.git_version,
        scenarios: all().count(),
        rows,
    };
    if compares_predictions()
        && let Some(file) = std::env::var_os(BENCH_FILE)
    {
        bench::write(&measured, Path::new(&file))?;
    }
    judged(&measured)
}

fn judged(measured: &Measured) -> Result<()> {
    let mut complaints = Vec::new();
    for row in &measured.rows {
        for it in row.false_certain() {
            let expected = row.expected.as_deref().unwrap_or("nothing");
            complaints.push(format!(
                "{}: {} was certain, and {expected} happens",
                row.scenario, it.code
            ));
        }
    }
    let determined: Vec<&Row> = measured.rows.iter().filter(|it| it.determined).collect();
    let (hit, missed): (Vec<&Row>, Vec<&Row>) =
        determined.into_iter().partition(|it| it.hit().is_some());
    let all = hit.len() + missed.len();
    let missed: Vec<String> = missed
        .iter()
        .map(|it| format!("{} ({:?})", it.scenario, it.predicted))
        .collect();
    ensure!(complaints.is_empty(), "{}", complaints.join("\n"));
    ensure!(
        hit.len() * 100 >= all * RECALL,
        "{} of {all} predicted; missed: {}",
        hit.len(),
        missed.join(", ")
    );
    Ok(())
}

async fn row(cluster: &Arc<RealCluster>, scenario: &'static Scenario) -> Result<Row> {
    let mut row = None;
    with_namespace(cluster, "predicted", async |_, namespace| {
        let play = Play::new(cluster, &namespace, scenario)?;
        play.deploy_v1().await?;
        play.prepare_v2().await?;
        row = Some(predicted(cluster, (&play, &namespace), scenario).await?);
        Ok(())
    })
    .await
    .with_context(|| format!("the prediction of {}", scenario.name))?;
    row.context("no row")
}

async fn predicted(
    cluster: &RealCluster,
    (play, namespace): (&Play, &str),
    scenario: &'static Scenario,
) -> Result<Row> {
    let file = tempfile::NamedTempFile::with_suffix(".yaml")?;
    std::fs::write(file.path(), play.v2())?;
    let path = file.path().to_string_lossy().into_owned();
    let rollguard = Rollguard::new(cluster.kubeconfig_path())?;
    let args = ["lint", "--live", &path, "-n", namespace, "-o", "json"];
    let ran = rollguard.run(&args).await?;
    let document = ran.json()?;
    let unseen = document["notSeen"].as_array().map(Vec::len);
    ensure!(unseen == Some(0), "something was not seen: {}", ran.all());
    let predictions = document["predictions"]
        .as_array()
        .context("no predictions")?;
    let text = |it: &Value, field: &str| it[field].as_str().unwrap_or_default().to_owned();
    Ok(Row {
        scenario: scenario.name.to_owned(),
        expected: scenario.expect.code().map(str::to_owned),
        determined: DETERMINED.contains(&scenario.name),
        predicted: predictions
            .iter()
            .map(|it| Predicted {
                code: text(it, "code"),
                certainty: text(it, "certainty"),
            })
            .collect(),
    })
}
