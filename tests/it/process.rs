//! The real binary as a process of its own: what a person reads on the page of the run when signing in is refused,
//! what is written anywhere in a whole stage, how the process ends, and what an agent makes of it.

mod process {
    pub(crate) mod agent;
    pub(crate) mod artefacts;
    pub(crate) mod canaries;
    pub(crate) mod canary_objects;
    pub(crate) mod emulation;
    pub(crate) mod ends;
    pub(crate) mod issues;
    pub(crate) mod kills;
    pub(crate) mod lint;
    pub(crate) mod secrets;
    pub(crate) mod task;
}

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let trials = process::issues::trials()
        .into_iter()
        .chain(process::secrets::trials())
        .chain(process::canaries::trials())
        .chain(process::artefacts::trials())
        .chain(process::ends::trials())
        .chain(process::kills::trials())
        .chain(process::emulation::trials())
        .chain(process::lint::trials())
        .collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// A trial with a runtime of its own, in real time.
fn trial<F>(name: impl Into<String>, body: impl FnOnce() -> F + Send + 'static) -> Trial
where
    F: Future<Output = anyhow::Result<()>>,
{
    Trial::test(name, move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        runtime
            .block_on(body())
            .map_err(|error| Failed::from(format!("{error:#}")))
    })
}
