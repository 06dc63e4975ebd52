//! Rung 5: real rollouts on a real cluster with a real node.
//!
//! The cluster is started once; every trial gets a namespace of its own. Without
//! `ROLLGUARD_REAL_CLUSTER=1` the rung is left out, which is said aloud: it takes root on Linux and
//! programs that `cargo xtask test` sets up.
#![expect(clippy::print_stderr, reason = "a test program talks to a terminal")]

mod bench;
mod refusals;
mod smoke;
mod stage;
mod walk;

use std::env;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use libtest_mimic::{Arguments, Failed, Trial};
use rollguard_tests::cluster::RealCluster;
use rollguard_tests::scenarios::{self, Expect};
use tokio::runtime::{Handle, Runtime};
use tokio::signal::unix::{SignalKind, signal};

/// Rollouts mostly wait; more of them at once make two cores the bottleneck.
const TRIALS_AT_ONCE: usize = 6;

/// What every trial uses: the cluster, once it is there, and the runtime that its client lives on.
struct Stage {
    cluster: OnceLock<Arc<RealCluster>>,
    runtime: Handle,
    rows: Mutex<Vec<bench::Row>>,
}

impl Stage {
    fn cluster(&self) -> Result<&Arc<RealCluster>> {
        self.cluster.get().context("the cluster was not started")
    }

    /// Whether kubectl follows the failing updates as well.
    #[expect(clippy::unused_self, reason = "the trials ask their stage")]
    fn bench(&self) -> bool {
        env::var_os("ROLLGUARD_BENCH").is_some_and(|value| value == "1")
    }

    /// Keeps a row for the table at the end.
    fn keep(&self, row: bench::Row) {
        self.rows
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(row);
    }

    /// The table, in the order of the scenarios.
    fn table(&self) -> String {
        let mut rows = self
            .rows
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let place = |name: &str| scenarios::all().position(|scenario| scenario.name == name);
        rows.sort_by_key(|row| place(row.scenario));
        bench::table(&rows)
    }
}

/// A trial whose body runs on the shared runtime.
fn trial<F>(
    name: &str,
    stage: &Arc<Stage>,
    body: impl FnOnce(Arc<Stage>) -> F + Send + 'static,
) -> Trial
where
    F: Future<Output = Result<()>> + 'static,
{
    let stage = Arc::clone(stage);
    Trial::test(name, move || {
        let runtime = stage.runtime.clone();
        runtime
            .block_on(body(stage))
            .map_err(|error| Failed::from(format!("{error:#}")))
    })
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(TRIALS_AT_ONCE);
    let asked = env::var_os("ROLLGUARD_REAL_CLUSTER");
    let wanted = asked.as_ref().is_some_and(|value| value == "1");
    if !wanted && !arguments.list {
        // The full run says `0` here, and `1` in a rung of its own.
        let why = if asked.is_some() {
            "runs apart"
        } else {
            "left out: run `cargo xtask test`, or set ROLLGUARD_REAL_CLUSTER=1"
        };
        eprintln!("rung 5 (real cluster) {why}");
        return ExitCode::SUCCESS;
    }
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<ExitCode> {
    let runtime = Runtime::new().context("failed to start a runtime")?;
    let stage = Arc::new(Stage {
        cluster: OnceLock::new(),
        rows: Mutex::default(),
        runtime: runtime.handle().clone(),
    });
    let trials = trials(&stage);
    if arguments.list {
        return Ok(libtest_mimic::run(arguments, trials).exit_code());
    }

    let started = Instant::now();
    let cluster = runtime.block_on(async {
        tokio::select! {
            cluster = RealCluster::start() => cluster,
            () = interrupted() => bail!("interrupted while the cluster was starting"),
        }
    })?;
    eprintln!(
        "real cluster ready in {:.1} s",
        started.elapsed().as_secs_f32()
    );
    let _ = stage.cluster.set(Arc::new(cluster));
    runtime.spawn(end_when_interrupted(Arc::clone(&stage)));

    let conclusion = libtest_mimic::run(arguments, trials);
    eprintln!("{}", stage.table());
    stage
        .cluster()?
        .stop()
        .context("failed to end the cluster")?;
    Ok(conclusion.exit_code())
}

fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    let smoke = trial(
        "a deployment of two replicas rolls out",
        stage,
        smoke::rolls_out,
    );
    let updates = scenarios::all().map(|scenario| {
        let ends = match scenario.expect {
            Expect::Fails { .. } => "fails",
            Expect::Heals => "heals",
        };
        let name = format!("{} {ends}: {}", scenario.name, scenario.says);
        trial(&name, stage, move |stage| walk::happens(stage, scenario))
    });
    let refusals = trial(
        "what cannot be is told in one clear line",
        stage,
        refusals::are_told,
    );
    let pipeline = trial(
        "the stage runs through node",
        stage,
        stage::runs_through_node,
    );
    [smoke, refusals, pipeline]
        .into_iter()
        .chain(updates)
        .collect()
}

/// Ends the cluster before the program, whose trials cannot be stopped otherwise.
#[expect(
    clippy::exit,
    reason = "an interrupt ends the program, with the trials in the middle"
)]
async fn end_when_interrupted(stage: Arc<Stage>) {
    interrupted().await;
    eprintln!("interrupted: ending the cluster");
    if let Some(Err(error)) = stage.cluster.get().map(|cluster| cluster.stop()) {
        eprintln!("error: {error:#}");
    }
    std::process::exit(130);
}

/// Returns on SIGINT or SIGTERM; never when the handlers cannot be installed.
async fn interrupted() {
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => (),
        _ = terminate.recv() => (),
    }
}
