//! From the command line to a lint: of manifests alone, or with the cluster.

use clap::ArgMatches;
use jiff::tz::TimeZone;
use rollguard_agent::Outcome;

use super::{App, is_verbose};
use crate::cancel::Cancel;
use crate::console::Console;
use crate::environment::Environment;
use crate::failure::Failure;
use crate::output_form::OutputForm;
use crate::run::lint::live::lint_live;
use crate::run::lint::{self, LintForm};

use super::cluster::all_right;

/// Judges manifests or workloads, and where a cluster is asked, predicts what it makes of them. The forms of output are
/// its own.
pub(super) async fn run_lint(matches: &ArgMatches, environment: &Environment) -> Outcome {
    let form = matches.get_one::<LintForm>("output").copied();
    let form = form.unwrap_or_default();
    let for_programs = form.is_for_programs() || lint::has_data_on_stdout(matches);
    let mut console = environment.console(for_programs);
    if is_verbose(matches) {
        console = console.with_requests(environment.request_log());
    }
    let app = App {
        environment,
        matches,
        form: OutputForm::default(),
        aside: console.aside(),
        cancel: Cancel::on_signals(),
    };
    let linted = app.lint(&mut console).await;
    linted.unwrap_or_else(|failure| {
        let failure = failure.for_user(&app.way_in());
        console.lines(&failure.lines());
        form.write_failure(&failure, &mut console);
        failure.outcome
    })
}

impl App<'_> {
    async fn lint(&self, console: &mut Console) -> Result<Outcome, Failure> {
        let options = all_right(
            lint::options(self.matches),
            lint::live::options(self.matches),
        );
        let ((options, live), cluster) = all_right(options, self.cluster())?;
        let today = self.environment.now().to_zoned(TimeZone::UTC).date();
        let Some(live) = live else {
            return lint::lint(options, today, console, &self.cancel).await;
        };
        let connection = self.connect(cluster.as_ref(), console).await?;
        let tools = (console, &self.cancel);
        lint_live((options, live), today, &connection, tools).await
    }
}
