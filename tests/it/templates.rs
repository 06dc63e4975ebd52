//! The shipped templates: read by rollguard's own reader, checked against the task they call, and
//! by the language service of Azure Pipelines with its schema.

mod templates {
    pub(crate) mod approval;
    pub(crate) mod expansions;
    pub(crate) mod jobs;
    pub(crate) mod lint;
    pub(crate) mod parameters;
    pub(crate) mod support;
    pub(crate) mod task;
}

use std::process::ExitCode;

use anyhow::Result;
use libtest_mimic::{Arguments, Failed, Trial};
use templates::{approval, expansions, jobs, lint, parameters, task};

/// Set by the full test run, where nothing may be left out.
const FULL_RUN: &str = "ROLLGUARD_REAL_CLUSTER";

#[expect(clippy::print_stdout, reason = "what is left out is said aloud")]
#[expect(clippy::too_many_lines, reason = "one list")]
fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let installed = rollguard_tests::language_service::is_installed();
    let left_out = !installed && std::env::var_os(FULL_RUN).is_none();
    if left_out && !arguments.list {
        println!("left out: the language service is not installed (`npm ci` in tests/npm)");
    }
    let service = trial(
        "the language service finds nothing in what is shipped",
        task::language_service,
    );
    let expansions = trial(
        "the language service finds nothing in what the templates expand to",
        expansions::validated,
    );
    let mut trials = vec![
        trial(
            "every template that lies in templates/ is shipped, and nothing else",
            parameters::all_shipped,
        ),
        trial(
            "the stage takes the parameters its users know",
            parameters::parameters,
        ),
        trial(
            "the stage and its jobs have the names their users know, in each mode",
            jobs::names,
        ),
        trial(
            "a mode or an answer that does not exist is refused",
            parameters::unknown_words,
        ),
        trial(
            "several workloads are checked, beside the Deployment or without one",
            jobs::several_workloads,
        ),
        trial(
            "what is allowed is passed to what proposes and to what acts, and to nobody else",
            jobs::allowed,
        ),
        trial(
            "every job signs in with the connection that the stage was given, and with no other",
            jobs::connections,
        ),
        trial(
            "the approval has the time it is given, and its job more",
            approval::approval_time,
        ),
        trial(
            "the approval asks whom the parameters name",
            approval::approvers,
        ),
        trial(
            "dependsOn takes a stage as well as a list of stages, and defaults to the stage before",
            parameters::depends_on,
        ),
        trial(
            "both checks ask over HTTP and are patient alike, line by line",
            jobs::lists,
        ),
        trial("all steps of rollguard read logs, or none does", jobs::logs),
        trial(
            "with `lint: warn` no failure of the lint fails the stage",
            lint::failure_of_the_step,
        ),
        trial(
            "only `lint: warn` goes on after an error of its step, and never after one of the check",
            lint::continues,
        ),
        trial(
            "an environment with a hyphen, space or dot gives a stage name with underscores",
            parameters::environment,
        ),
        trial(
            "agents, containers, variables and locks are passed on",
            parameters::surroundings,
        ),
        trial(
            "what a check or rollback needs is passed on",
            parameters::passed_on,
        ),
        trial(
            "each parameter of the jobs has the default of the stage",
            parameters::same_defaults,
        ),
        trial(
            "a rollback has time to finish the write in flight",
            jobs::cancelling,
        ),
        trial(
            "the approver reads static text that suffices",
            approval::instructions,
        ),
        trial(
            "each input that the templates pass exists in task.json",
            task::inputs_exist,
        ),
        trial(
            "each input that task.json requires is passed",
            task::required_inputs,
        ),
        trial(
            "each output that the templates read is set by the task",
            task::outputs_exist,
        ),
        service.with_ignored_flag(left_out),
        expansions.with_ignored_flag(left_out),
    ];
    trials.extend(expansions::trials());
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(name: &str, test: fn() -> Result<()>) -> Trial {
    trial_owned(name, test)
}

pub(crate) fn trial_owned(
    name: impl Into<String>,
    test: impl FnOnce() -> Result<()> + Send + 'static,
) -> Trial {
    Trial::test(name, move || {
        test().map_err(|error| Failed::from(format!("{error:?}")))
    })
}
