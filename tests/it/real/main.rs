//! Rung 5: real rollouts on a real cluster with a real node.
//!
//! The cluster is started once; every trial gets a namespace of its own. Without
//! `ROLLGUARD_REAL_CLUSTER=1` the rung is left out, which is said aloud: it takes root on Linux and
//! programs that `cargo xtask test` sets up.
#![expect(clippy::print_stderr, reason = "a test program talks to a terminal")]

mod bench;
mod builds;
mod clients;
mod contract;
mod drill;
mod faults;
mod field;
mod health;
mod image;
mod job_runs;
mod peers;
mod permissions;
mod pod_security;
mod predictions;
mod refusals;
mod rollback;
mod scale;
mod smoke;
mod soak;
mod stable;
mod stage;
mod starts;
mod traffic;
mod walk;

use std::env;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use libtest_mimic::{Arguments, Failed, Trial};
use rollguard_core::trace::Trace;
use rollguard_measured::{
    fields, rollbacks, starts as start_rows, traffic as traffic_rows, verdicts,
};
use rollguard_tests::cluster::{Pace, RealCluster};
use rollguard_tests::scenarios::{self, Expect, Scenario};
use tokio::runtime::{Handle, Runtime};
use tokio::signal::unix::{SignalKind, signal};

/// Rollouts mostly wait: on two cores 8 at once take 7 minutes. 12 take 5½, and their verdicts come 2 s
/// later.
const TRIALS_AT_ONCE: usize = 8;

/// The tools that follow the ways to the pods are four, and the checks two.
const COMPARED_AT_ONCE: usize = 3;

/// Says what is compared: `1` verdicts, `rollback` rollbacks, `field` the cases from the field, `start`
/// the start-up, `prediction` the predictions before the updates, `traffic` the ways to the pods, `scale` many
/// workloads at once.
const BENCH: &str = "ROLLGUARD_BENCH";

/// Names the file that takes what was measured.
const BENCH_FILE: &str = "ROLLGUARD_BENCH_FILE";

/// The resources of every trial: the cluster, once it is there, and the runtime of its client.
struct Stage {
    cluster: OnceLock<Arc<RealCluster>>,
    runtime: Handle,
    rows: Mutex<Vec<verdicts::Row>>,
    stable: Mutex<verdicts::Stable>,
    rollbacks: Mutex<Vec<rollbacks::Row>>,
    fields: Mutex<Vec<fields::Row>>,
    starts: Mutex<Option<start_rows::Measured>>,
    traffic: Mutex<Vec<traffic_rows::Row>>,
    serving: Mutex<traffic_rows::Stable>,
}

impl Stage {
    fn cluster(&self) -> Result<&Arc<RealCluster>> {
        self.cluster.get().context("the cluster was not started")
    }

    /// Keeps a row for the end.
    fn keep(&self, row: verdicts::Row) {
        self.rows
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(row);
    }

    /// Keeps what a stable rollout takes for the end.
    fn keep_stable(&self, stable: verdicts::Stable) {
        *self.stable.lock().unwrap_or_else(PoisonError::into_inner) = stable;
    }

    /// Keeps what came of a rollback for the end.
    fn keep_rollback(&self, row: rollbacks::Row) {
        self.rollbacks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(row);
    }

    /// Keeps what came of a case from the field for the end.
    fn keep_field(&self, row: fields::Row) {
        self.fields
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(row);
    }

    /// Keeps what the start-up took for the end.
    fn keep_starts(&self, measured: start_rows::Measured) {
        *self.starts.lock().unwrap_or_else(PoisonError::into_inner) = Some(measured);
    }

    /// Keeps what came of a case of traffic for the end.
    fn keep_traffic(&self, row: traffic_rows::Row) {
        self.traffic
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(row);
    }

    /// Keeps what a stable rollout behind a Service takes for the end.
    fn keep_serving(&self, stable: traffic_rows::Stable) {
        *self.serving.lock().unwrap_or_else(PoisonError::into_inner) = stable;
    }

    /// Shows what was measured, and writes it where it is asked for.
    fn tell(&self) -> Result<()> {
        // Their trials write what they measured.
        if compares_predictions() || compares_scale() {
            return Ok(());
        }
        if compares_starts() {
            let measured = self.starts.lock().unwrap_or_else(PoisonError::into_inner);
            return written(&*measured);
        }
        let client = self.cluster()?.client();
        let version = self.runtime.block_on(client.apiserver_version())?;
        let fields = self.fields.lock().unwrap_or_else(PoisonError::into_inner);
        eprint!("{}", field::lines(&fields));
        if compares_rollbacks() {
            return self.tell_rollbacks(version.git_version);
        }
        if compares_traffic() {
            let rows = self.traffic.lock().unwrap_or_else(PoisonError::into_inner);
            let stable = self.serving.lock().unwrap_or_else(PoisonError::into_inner);
            let measured = traffic::measured(version.git_version, rows.clone(), stable.clone());
            eprint!("{}", traffic::lines(&measured));
            return written(&measured);
        }
        if compares_fields() {
            let measured = field::measured(version.git_version, fields.clone())?;
            return written(&measured);
        }
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let stable = self.stable.lock().unwrap_or_else(PoisonError::into_inner);
        let measured = bench::measured(version.git_version, rows.clone(), stable.clone());
        eprint!("{}", bench::lines(&measured));
        written(&measured)
    }

    /// In the order of the cases.
    fn tell_rollbacks(&self, kubernetes: String) -> Result<()> {
        let mut rows = self
            .rollbacks
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let place = |name: &str| rollback::all().position(|case| case.name == name);
        rows.sort_by_key(|row| place(&row.case));
        let measured = rollbacks::Measured {
            kubernetes,
            cases: rollback::all().count(),
            rows: rows.clone(),
        };
        eprint!("{}", rollback::lines(&measured));
        written(&measured)
    }
}

/// Writes what was measured, where it is asked for.
fn written(measured: &impl serde::Serialize) -> Result<()> {
    env::var_os(BENCH_FILE).map_or(Ok(()), |file| bench::write(measured, Path::new(&file)))
}

/// Returns whether kubectl follows the updates as well, and nothing else is tried.
fn compares() -> bool {
    compares_what("1")
}

/// Returns whether kubectl rolls back as well, and nothing else is tried.
fn compares_rollbacks() -> bool {
    compares_what("rollback")
}

/// Returns whether kubectl follows the cases from the field as well, and nothing else is tried.
fn compares_fields() -> bool {
    compares_what("field")
}

/// Returns whether only the predictions before the updates are measured.
fn compares_predictions() -> bool {
    compares_what("prediction")
}

/// Returns whether other tools follow the cases of traffic as well, and nothing else is tried.
fn compares_traffic() -> bool {
    compares_what("traffic")
}

/// Returns whether only many workloads at once are measured.
fn compares_scale() -> bool {
    compares_what("scale")
}

/// Returns whether only the start-up is measured.
fn compares_starts() -> bool {
    compares_what("start")
}

fn compares_what(what: &str) -> bool {
    env::var_os(BENCH).is_some_and(|value| value == what)
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
    let at_once = if clients::are_asked_for() {
        clients::TRIALS_AT_ONCE
    } else if compares_scale() {
        // What one takes must not be what another waits for.
        1
    } else if compares_traffic() {
        COMPARED_AT_ONCE
    } else {
        TRIALS_AT_ONCE
    };
    arguments.test_threads.get_or_insert(at_once);
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
        stable: Mutex::default(),
        rollbacks: Mutex::default(),
        fields: Mutex::default(),
        starts: Mutex::default(),
        traffic: Mutex::default(),
        serving: Mutex::default(),
        runtime: runtime.handle().clone(),
    });
    let trials = trials(&stage)?;
    if arguments.list {
        return Ok(libtest_mimic::run(arguments, trials).exit_code());
    }

    let pace = if compares_scale() {
        Pace::Unlimited
    } else {
        Pace::Ordinary
    };
    let started = Instant::now();
    let cluster = runtime.block_on(async {
        tokio::select! {
            cluster = RealCluster::start(pace) => cluster,
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
    let told = stage.tell();
    stage
        .cluster()?
        .stop()
        .context("failed to end the cluster")?;
    told.context("failed to tell what was measured")?;
    Ok(conclusion.exit_code())
}

#[expect(
    clippy::too_many_lines,
    reason = "one statement for each kind of trial"
)]
fn trials(stage: &Arc<Stage>) -> Result<Vec<Trial>> {
    let smoke = trial(
        "a deployment of two replicas rolls out",
        stage,
        smoke::rolls_out,
    );
    let contract = trial(
        "the API server keeps the contract of the embedded one",
        stage,
        contract::is_kept,
    );
    let updates = longest_first().into_iter().map(|scenario| {
        let ends = match scenario.expect {
            Expect::Fails { .. } => "fails",
            Expect::TimesOut { .. } => "times out",
            Expect::Heals => "heals",
            Expect::IsSuperseded => "is superseded",
        };
        let name = format!("{} {ends}: {}", scenario.name, scenario.says);
        trial(&name, stage, move |stage| walk::happens(stage, scenario))
    });
    let refusals = trial(
        "what cannot be done is said in one clear line",
        stage,
        refusals::are_told,
    );
    let may_look = trial(
        "who may look but not change cannot roll back",
        stage,
        refusals::a_rollback_without_the_right_changes_nothing,
    );
    let pipeline = trial(
        "the stage runs through node",
        stage,
        stage::runs_through_node,
    );
    let drills = drill::CASES.iter().map(|case| {
        let name = format!("a drill on a cluster ends: {}", case.says);
        trial(&name, stage, move |stage| drill::ends(stage, case))
    });
    let predictions = trial(
        "what is predicted as certain before an update happens",
        stage,
        predictions::come_true,
    );
    let pod_security = trial(
        "the levels of Pod Security agree with the admission of the API server",
        stage,
        pod_security::agrees,
    );
    let stable = trial(
        "a rollout that has long been stable passes at once",
        stage,
        stable::passes_at_once,
    );
    let rollbacks = rollback::all().map(|case| {
        let name = format!("rollback {}: {}", case.name, case.says);
        trial(&name, stage, move |stage| rollback::ends(stage, case))
    });
    let fields = field::cases()?.into_iter().map(|case| {
        let name = format!("field {}: {}", case.name, case.right);
        trial(&name, stage, move |stage| field::happens(stage, case))
    });
    if compares() {
        return Ok(updates.chain([stable]).collect());
    }
    if compares_rollbacks() {
        return Ok(rollbacks.collect());
    }
    if compares_fields() {
        return Ok(fields.collect());
    }
    if compares_traffic() {
        let stable = trial(
            "a rollout behind a Service that has long been stable passes at once",
            stage,
            stable::serves_at_once,
        );
        return Ok(traffic::comparisons(stage).chain([stable]).collect());
    }
    if compares_starts() {
        return Ok(vec![trial(
            "a look at a healthy Deployment in a fresh job",
            stage,
            starts::are_measured,
        )]);
    }
    if compares_scale() {
        return Ok(scale::trials(stage));
    }
    if compares_predictions() {
        return Ok(vec![predictions]);
    }
    if clients::are_asked_for() {
        return Ok(clients::trials(stage));
    }
    if image::is_asked_for() {
        return Ok(image::trials(stage));
    }
    let soak = soak::is_asked_for().then(|| {
        let name = "ten minutes of one check take no more than one";
        trial(name, stage, soak::leaves_no_trace)
    });
    let health = [
        trial(
            "the example of a health endpoint is ready only while its permissions are granted",
            stage,
            health::proves_permissions,
        ),
        trial(
            "status and body of an HTTP check must both be right",
            stage,
            health::status_and_body_together,
        ),
    ];
    // The longest of all goes first.
    let others = [
        smoke,
        contract,
        refusals,
        may_look,
        stable,
        predictions,
        pod_security,
    ];
    let all = soak.into_iter().chain([pipeline]);
    let all = all.chain(updates).chain(others).chain(health);
    let all = all
        .chain(permissions::trials(stage))
        .chain(traffic::trials(stage))
        .chain(faults::trials(stage))
        .chain(job_runs::trials(stage));
    Ok(all.chain(fields).chain(rollbacks).chain(drills).collect())
}

/// The scenarios, those first whose traces last longest: who begins last shall not keep the others
/// waiting.
fn longest_first() -> Vec<&'static Scenario> {
    let mut scenarios: Vec<&Scenario> = scenarios::all().collect();
    scenarios.sort_by_key(|scenario| std::cmp::Reverse(recorded(scenario)));
    scenarios
}

/// How many seconds a scenario's trace covers; many where nothing happens any more up to the
/// deadline, and for one without a trace.
fn recorded(scenario: &Scenario) -> i64 {
    if matches!(scenario.expect, Expect::TimesOut { .. }) {
        return i64::MAX;
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/traces");
    let path = format!("{folder}/{}.jsonl", scenario.name);
    let trace = std::fs::read_to_string(path).ok();
    let trace = trace.and_then(|text| Trace::parse(&text).ok());
    let ends = trace.and_then(|it| Some((it.observations.first()?.at, it.observations.last()?.at)));
    ends.map_or(i64::MAX, |(first, last)| {
        last.as_second() - first.as_second()
    })
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
