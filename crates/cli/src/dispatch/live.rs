//! From the command line to a prediction.

use clap::ArgMatches;
use jiff::tz::TimeZone;
use rollguard_agent::Outcome;

use super::{App, not_linted};
use crate::cancel::Cancel;
use crate::console::Console;
use crate::environment::Environment;
use crate::failure::Failure;
use crate::output_form::OutputForm;
use crate::run::lint::live::{LiveOptions, lint_live};
use crate::run::lint::{self, LintForm};

/// Judges manifests or workloads, and predicts what the cluster makes of them.
pub(super) async fn run_lint_live(
    matches: &ArgMatches,
    environment: &Environment,
    live: Result<LiveOptions, Failure>,
) -> Outcome {
    let form = matches.get_one::<LintForm>("output").copied();
    let form = form.unwrap_or_default();
    let mut console = environment.console(form.is_for_programs());
    let app = App {
        environment,
        matches,
        form: OutputForm::default(),
        aside: console.aside(),
        cancel: Cancel::on_signals(),
    };
    let linted = app.lint(live, &mut console).await;
    linted.unwrap_or_else(|failure| {
        let failure = failure.for_user(&app.way_in());
        not_linted(form, &failure, &mut console)
    })
}

impl App<'_> {
    async fn lint(
        &self,
        live: Result<LiveOptions, Failure>,
        console: &mut Console,
    ) -> Result<Outcome, Failure> {
        let options = lint::options(self.matches);
        // All that is wrong is said at once.
        let (options, live) = match (options, live) {
            (Ok(options), Ok(live)) => (options, live),
            (Err(failure), Err(other)) => {
                let messages = failure.messages().into_iter().chain(other.messages());
                return Err(Failure::of(Outcome::BadInput, messages.collect()));
            }
            (Err(failure), _) | (_, Err(failure)) => return Err(failure),
        };
        let today = self.environment.now().to_zoned(TimeZone::UTC).date();
        let connection = self.connect(None, console).await?;
        let tools = (console, &self.cancel);
        lint_live((options, live), today, &connection, tools).await
    }
}
