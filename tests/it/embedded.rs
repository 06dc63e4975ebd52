//! Rung 4 over the whole product: the scenarios of the real cluster on the embedded one, in virtual
//! time, and what a network or an API server can do to a check and a rollback.
//!
//! The pods of v2 play what a real kubelet reported, from `tests/traces`.

mod traces;

mod embedded {
    pub(crate) mod cancelled;
    pub(crate) mod doctor;
    pub(crate) mod documents;
    pub(crate) mod fault_table;
    pub(crate) mod faults;
    pub(crate) mod job_runs;
    pub(crate) mod jobs;
    pub(crate) mod lint_live;
    pub(crate) mod lint_task;
    pub(crate) mod many;
    pub(crate) mod races;
    pub(crate) mod recorded_pods;
    pub(crate) mod rollback;
    pub(crate) mod standstill;
    pub(crate) mod test_cluster;
    pub(crate) mod traffic;
    pub(crate) mod walk;
    pub(crate) mod way_in;
}

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use embedded::{
    cancelled, doctor, fault_table, faults, job_runs, jobs, lint_live, lint_task, many, races,
    rollback, standstill, traffic, walk, way_in,
};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let trials = walk::trials()
        .into_iter()
        .chain(faults::trials())
        .chain(fault_table::trials())
        .chain(races::trials())
        .chain(many::trials())
        .chain(rollback::trials())
        .chain(jobs::trials())
        .chain(job_runs::trials())
        .chain(cancelled::trials())
        .chain(doctor::trials())
        .chain(standstill::trials())
        .chain(way_in::trials())
        .chain(traffic::trials())
        .chain(lint_live::trials())
        .chain(lint_task::trials())
        .collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// A trial with a runtime of its own, whose time passes only while everybody waits.
fn trial<F>(name: impl Into<String>, body: impl FnOnce() -> F + Send + 'static) -> Trial
where
    F: Future<Output = Result<()>>,
{
    Trial::test(name, move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build();
        let outcome = runtime
            .context("failed to start a runtime")
            .and_then(|runtime| runtime.block_on(body()));
        outcome.map_err(|error| Failed::from(format!("{error:#}")))
    })
}
