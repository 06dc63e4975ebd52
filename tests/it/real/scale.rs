//! Many workloads at once on fake nodes: what following them takes, beside kubedog and kubectl.
//!
//! `cargo xtask bench-scale` asks for it and makes a page of what is measured here.

mod fleet;
mod tools;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client};
use libtest_mimic::Trial;
use rollguard_measured::scale::{Happens, Measured, Row};
use rollguard_tests::cluster::{RealCluster, with_namespace};
use rollguard_tests::product::build;
use rollguard_tests::scenarios::Kind;
use tokio::sync::OnceCell;

use crate::{BENCH_FILE, Stage, bench, trial};
use fleet::{Fleet, Weight};
use tools::{Look, Tool};

/// How many fake nodes there are.
const NODES: usize = 20;
/// Longer than a rollout must have been complete (`stableFor`, 10 s).
const LONG: Duration = Duration::from_secs(12);
/// How long a namespace may take to be gone: its pods must not be deleted while the next case is measured.
const GONE: Duration = Duration::from_secs(180);

/// Workloads of one size.
struct Case {
    name: &'static str,
    says: &'static str,
    family: &'static str,
    kind: Kind,
    workloads: usize,
    /// The pods of each; a DaemonSet has one on each node.
    replicas: usize,
    weight: Weight,
    /// How many of them get stuck, in one update each.
    stuck: &'static [usize],
    /// How many updates that complete rollguard follows.
    updates: usize,
    timeout: u64,
}

const TEN: Case = Case {
    name: "10-deployments",
    says: "10 Deployments × 10 pods",
    family: "Deployments × 10 pods",
    kind: Kind::Deployment,
    workloads: 10,
    replicas: 10,
    weight: Weight::Plain,
    stuck: &[10],
    updates: 5,
    timeout: 60,
};

const CASES: &[Case] = &[
    TEN,
    Case {
        name: "100-deployments",
        says: "100 Deployments × 10 pods",
        workloads: 100,
        stuck: &[10],
        updates: 3,
        ..TEN
    },
    Case {
        name: "300-deployments",
        says: "300 Deployments × 10 pods",
        workloads: 300,
        stuck: &[10],
        updates: 1,
        timeout: 150,
        ..TEN
    },
    Case {
        name: "1000-deployments",
        says: "1,000 Deployments × 10 pods",
        workloads: 1000,
        stuck: &[10, 200],
        updates: 1,
        timeout: 600,
        ..TEN
    },
    Case {
        name: "one-of-5000",
        says: "1 Deployment × 5,000 pods",
        family: "one",
        workloads: 1,
        replicas: 5000,
        stuck: &[],
        updates: 1,
        timeout: 300,
        ..TEN
    },
    Case {
        name: "200-stateful-sets",
        says: "200 StatefulSets × 3 pods",
        family: "StatefulSets",
        kind: Kind::StatefulSet,
        workloads: 200,
        replicas: 3,
        stuck: &[10],
        updates: 1,
        timeout: 150,
        ..TEN
    },
    Case {
        name: "300-daemon-sets",
        says: "300 DaemonSets × 20 nodes",
        family: "DaemonSets",
        kind: Kind::DaemonSet,
        workloads: 300,
        replicas: NODES,
        stuck: &[10],
        updates: 1,
        timeout: 600,
        ..TEN
    },
    Case {
        name: "100000-events",
        says: "10 Deployments × 10 pods in a namespace with 100,000 events of other objects",
        family: "events",
        weight: Weight::Events(100_000),
        updates: 1,
        ..TEN
    },
    Case {
        name: "500-replica-sets",
        says: "1 Deployment × 10 pods with a history of 500 ReplicaSets",
        family: "history",
        workloads: 1,
        weight: Weight::History(500),
        updates: 1,
        ..TEN
    },
    Case {
        name: "large-templates",
        says: "10 Deployments × 2 pods with a template of 1 MB",
        family: "templates",
        replicas: 2,
        weight: Weight::Template(1_000_000),
        updates: 1,
        ..TEN
    },
    Case {
        name: "300-crashing-pods",
        says: "30 Deployments × 10 pods × 10 containers, all of which crash after the update",
        family: "crashes",
        workloads: 30,
        weight: Weight::Containers(10),
        stuck: &[30],
        updates: 0,
        ..TEN
    },
];

/// The trials, which are run one after the other.
pub(crate) fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    let all = Arc::new(All::default());
    let one = |case: &'static Case| {
        let all = Arc::clone(&all);
        trial(case.name, stage, move |stage| measured(stage, case, all))
    };
    CASES.iter().map(one).collect()
}

/// The rows and the nodes that the trials share.
#[derive(Default)]
struct All {
    nodes: OnceCell<()>,
    rows: std::sync::Mutex<Vec<Row>>,
}

impl All {
    /// Keeps a row, and writes all rows: a run that is ended early has measured something.
    async fn keep(&self, client: &Client, row: Row) -> Result<()> {
        let version = client.apiserver_version().await?;
        let mut rows = self
            .rows
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        rows.push(row);
        let measured = Measured {
            kubernetes: version.git_version,
            build: build().to_owned(),
            rows: rows.clone(),
        };
        match std::env::var_os(BENCH_FILE) {
            Some(file) => bench::write(&measured, Path::new(&file)),
            None => Ok(()),
        }
    }
}

async fn measured(stage: Arc<Stage>, case: &'static Case, all: Arc<All>) -> Result<()> {
    let cluster = stage.cluster()?;
    all.nodes
        .get_or_try_init(|| cluster.add_fake_nodes(NODES))
        .await?;
    let mut name = String::new();
    with_namespace(cluster, case.name, async |client, namespace| {
        name.clone_from(&namespace);
        let fleet = Fleet::new(&client, &namespace, case).await?;
        Course {
            cluster,
            client,
            case,
            fleet,
            all: &all,
        }
        .runs()
        .await
    })
    .await?;
    is_gone(&cluster.client(), &name).await
}

/// Waits for the end of a namespace, but not for ever: that some pods are still deleted spoils only times.
async fn is_gone(client: &Client, name: &str) -> Result<()> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let limit = Instant::now() + GONE;
    while Instant::now() < limit && namespaces.get_opt(name).await?.is_some() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}

/// The looks at one fleet, one after the other.
struct Course<'a> {
    cluster: &'a RealCluster,
    client: Client,
    case: &'static Case,
    fleet: Fleet,
    all: &'a All,
}

impl Course<'_> {
    async fn runs(mut self) -> Result<()> {
        self.looks_at_nothing().await?;
        if self.case.updates > 0 {
            self.follows(0, self.case.updates).await?;
        }
        for stuck in self.case.stuck {
            self.follows(*stuck, 1).await?;
        }
        Ok(())
    }

    async fn looks_at_nothing(&self) -> Result<()> {
        tokio::time::sleep(LONG).await;
        let mut row = self.row(Happens::Nothing, 0);
        row.rollguard.push(self.look(Tool::Rollguard).await?);
        row.handed = Some(tools::handed(self.cluster, &self.at()).await?);
        row.kubedog = Some(self.look(Tool::Kubedog).await?);
        row.kubectl = Some(self.look(Tool::Kubectl).await?);
        self.keep(row).await
    }

    /// Follows updates in which so many get stuck: rollguard alone, since its time after the event counts, then the
    /// others together.
    async fn follows(&mut self, stuck: usize, times: usize) -> Result<()> {
        let mut row = self.row(Happens::Update, stuck);
        for _ in 0..times {
            self.fleet.update(stuck).await?;
            row.rollguard.push(self.look(Tool::Rollguard).await?);
            // One that was slow must not leave its rest to the next.
            self.fleet.until_complete(stuck).await?;
        }
        row.handed = Some(tools::handed(self.cluster, &self.at()).await?);
        self.fleet.update(stuck).await?;
        let (kubedog, kubectl) =
            tokio::try_join!(self.look(Tool::Kubedog), self.look(Tool::Kubectl))?;
        row.kubedog = Some(kubedog);
        row.kubectl = Some(kubectl);
        self.fleet.until_complete(stuck).await?;
        self.keep(row).await
    }

    fn at(&self) -> Look<'_> {
        Look {
            namespace: self.fleet.namespace(),
            kind: self.case.kind,
            names: self.fleet.names(),
            timeout: self.case.timeout,
        }
    }

    async fn look(&self, tool: Tool) -> Result<rollguard_measured::scale::Taken> {
        let started = Instant::now();
        let mut taken = tool
            .follows(self.cluster, &self.at())
            .await
            .with_context(|| format!("{tool:?} of {}", self.case.name))?;
        let complete = self.fleet.completed_at();
        taken.after_event = complete.and_then(|at| {
            let after = at.checked_duration_since(started)?.as_secs_f64();
            Some(taken.seconds - after - tool.waits())
        });
        eprintln!(
            "{} {tool:?}: {} after {:.1} s, {:.2} s CPU, {} MiB, {} requests, {} watches, {} lines, {:?} s after the event",
            self.case.name,
            taken.verdict,
            taken.seconds,
            taken.cpu_seconds,
            taken.peak_kibibytes / 1024,
            taken.load.requests,
            taken.watches,
            taken.lines,
            taken.after_event,
        );
        Ok(taken)
    }

    fn row(&self, happens: Happens, stuck: usize) -> Row {
        let case = self.case;
        Row {
            case: case.name.to_owned(),
            says: case.says.to_owned(),
            family: case.family.to_owned(),
            workloads: case.workloads,
            pods: case.workloads * case.replicas,
            stuck,
            happens,
            timeout: case.timeout,
            rollguard: Vec::new(),
            handed: None,
            kubedog: None,
            kubectl: None,
        }
    }

    async fn keep(&self, row: Row) -> Result<()> {
        self.all.keep(&self.client, row).await
    }
}
