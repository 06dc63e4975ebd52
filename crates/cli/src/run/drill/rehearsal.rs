//! Runs the stage's tasks in this process, and asks the person whom a pipeline would ask.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::PoisonError;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use rollguard_agent::env::TEMP_DIRECTORY;
use rollguard_agent::{AgentEnv, Outcome};
use rollguard_core::duration::elapsed;
use rollguard_core::report::{Line, Style};
use rollguard_stage::{ResolvedTask, StageEvent, StepOutcome, StepRunner, TaskResult};

use super::command_filter::CommandFilter;
use super::environment::DrillEnvironment;
use super::screen::Screen;
use crate::cancel::Cancel;
use crate::failure::Failure;
use crate::prompt::{self, Answered};
use crate::recorder::Recorder;
use crate::run::task::task;
use crate::run::tools::Tools;

/// The service connection of the drill; no one signs in with it.
pub(super) const CONNECTION: &str = "00000000-0000-0000-0000-00000000d111";
/// The subscription of the drill.
pub(super) const SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000000";

/// The decision about the rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The person at the terminal.
    Ask,
    /// `--approve`.
    Approve,
    /// `--reject`.
    Reject,
}

/// The runner of the stage's steps.
pub(super) struct Rehearsal<'a> {
    environment: &'a DrillEnvironment,
    answer: Answer,
    screen: &'a Screen,
    cancel: &'a Cancel,
    failure: Option<Failure>,
    pages: Option<PathBuf>,
    /// The job that runs, and since when.
    running: Option<(String, Timestamp)>,
    took: BTreeMap<String, Duration>,
}

impl<'a> Rehearsal<'a> {
    pub(super) const fn new(
        environment: &'a DrillEnvironment,
        answer: Answer,
        screen: &'a Screen,
        cancel: &'a Cancel,
    ) -> Self {
        Self {
            environment,
            answer,
            screen,
            cancel,
            failure: None,
            pages: None,
            running: None,
            took: BTreeMap::new(),
        }
    }

    /// Keeps the pages in this folder.
    pub(super) fn with_pages(mut self, pages: Option<PathBuf>) -> Self {
        self.pages = pages;
        self
    }

    /// Where it takes place.
    pub(super) const fn environment(&self) -> &'a DrillEnvironment {
        self.environment
    }

    /// Deploys the healthy version and waits until it is.
    pub(super) async fn deploy_first(&self) -> Result<(), Failure> {
        self.environment
            .deploy_first(self.screen, self.cancel)
            .await
    }

    /// Returns what went wrong with the rehearsal itself, if anything. One that was cancelled has no result.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        if self.cancel.is_requested() {
            return Err(Failure::new(Outcome::Cancelled, "cancelled"));
        }
        self.failure.take().map_or(Ok(()), Err)
    }

    /// Returns how long each job took.
    pub(super) const fn took(&self) -> &BTreeMap<String, Duration> {
        &self.took
    }

    /// Runs rollguard's task as the agent would: inputs and service connection as variables, its
    /// output read line by line.
    async fn rollguard(&self, step: &ResolvedTask) -> StepOutcome {
        let mut variables = variables(step);
        // A folder for each job, as on agents: two of them may end in the same second.
        let pages = self.pages.as_ref().map(|it| it.join(&step.job));
        let pages = pages.filter(|it| std::fs::create_dir_all(it).is_ok());
        let pages = pages.map(|it| it.to_string_lossy().into_owned());
        variables.extend(pages.map(|it| (TEMP_DIRECTORY.name.to_owned(), it)));
        let env = AgentEnv::from_pairs(variables);
        let (filter, heard) = CommandFilter::new((self.screen.open)());
        let mut console = self.screen.console_on(Box::new(filter));
        let mut tools = Tools {
            console: &mut console,
            recorder: &mut Recorder::off(),
            cancel: self.cancel,
        };
        let outcome = task(&env, &self.environment.connection(), &mut tools).await;
        let heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        let result = match heard.task_result(Some(i32::from(outcome.exit_code()))) {
            TaskResult::Abandoned => TaskResult::Failed,
            other @ (TaskResult::Succeeded
            | TaskResult::SucceededWithIssues
            | TaskResult::Failed
            | TaskResult::Canceled
            | TaskResult::Skipped) => other,
        };
        let result = if outcome == Outcome::Cancelled {
            TaskResult::Canceled
        } else {
            result
        };
        StepOutcome {
            result,
            outputs: heard.variables.clone(),
        }
    }

    /// Notes how long the jobs take.
    fn keep_time(&mut self, event: &StageEvent) {
        let now = self.environment.now();
        if let StageEvent::JobStarted { job, .. } = event {
            self.running = Some((job.clone(), now));
        } else if matches!(event, StageEvent::JobFinished { .. }) {
            let running = self.running.take();
            let took = running.map(|(job, since)| (job, elapsed(since, now)));
            self.took.extend(took);
        }
    }

    /// Shows what an approver would see, and asks.
    async fn approval(&mut self, step: &ResolvedTask) -> StepOutcome {
        let mut console = self.screen.console();
        console.line(&Line::styled(Style::Dim, "an approver would see:"));
        for line in step
            .inputs
            .get("instructions")
            .map(String::as_str)
            .unwrap_or_default()
            .lines()
        {
            console.line(&Line::styled(Style::Dim, "│ ").then(Style::Plain, line));
        }
        let answered = match self.answer {
            Answer::Approve => Answered::Yes,
            Answer::Reject => Answered::No,
            Answer::Ask => {
                prompt::yes_or_no("approve the rollback? (y/n)", &mut console, self.cancel).await
            }
        };
        let (style, text, result) = match answered {
            Answered::Yes => (Style::Good, "approved", TaskResult::Succeeded),
            Answered::No => (Style::Warn, "rejected", TaskResult::Failed),
            Answered::Ended => {
                let message = "no answer: the input has ended";
                self.failure = Some(Failure::new(Outcome::Cancelled, message));
                return StepOutcome::of(TaskResult::Canceled);
            }
            Answered::Cancelled => return StepOutcome::of(TaskResult::Canceled),
        };
        console.line(&Line::styled(style, text));
        StepOutcome::of(result)
    }
}

/// The variables that the agent would set for the step.
fn variables(step: &ResolvedTask) -> BTreeMap<String, String> {
    let inputs = step
        .inputs
        .iter()
        .map(|(name, value)| (format!("INPUT_{}", name.to_uppercase()), value.clone()));
    let connection = [
        (
            format!("ENDPOINT_URL_{CONNECTION}"),
            "https://management.azure.com/",
        ),
        (
            format!("ENDPOINT_AUTH_SCHEME_{CONNECTION}"),
            "WorkloadIdentityFederation",
        ),
        (
            format!("ENDPOINT_AUTH_PARAMETER_{CONNECTION}_TENANTID"),
            SUBSCRIPTION,
        ),
        (
            format!("ENDPOINT_AUTH_PARAMETER_{CONNECTION}_SERVICEPRINCIPALID"),
            SUBSCRIPTION,
        ),
        (
            "ENDPOINT_AUTH_PARAMETER_SYSTEMVSSCONNECTION_ACCESSTOKEN".to_owned(),
            "drill-token",
        ),
        (
            "SYSTEM_OIDCREQUESTURI".to_owned(),
            "https://drill.invalid/oidctoken",
        ),
        ("BUILD_BUILDNUMBER".to_owned(), "drill"),
    ];
    inputs
        .chain(connection.map(|(name, value)| (name, value.to_owned())))
        .collect()
}

#[async_trait]
impl StepRunner for Rehearsal<'_> {
    async fn run(&mut self, step: &ResolvedTask) -> StepOutcome {
        match step.task.as_str() {
            "Rollguard@1" => self.rollguard(step).await,
            "ManualValidation@1" => self.approval(step).await,
            other => {
                let message =
                    format!("the template runs task {other}, which a drill does not support");
                self.failure = Some(Failure::new(Outcome::Unexpected, message));
                StepOutcome::of(TaskResult::Failed)
            }
        }
    }

    fn canceled(&self) -> bool {
        self.cancel.is_requested()
    }

    fn event(&mut self, event: &StageEvent) {
        self.keep_time(event);
        let mut console = self.screen.console().with_indent("  ");
        match event {
            StageEvent::JobStarted { job, display_name } => {
                console.line(
                    &Line::styled(Style::Strong, format!("● {job}"))
                        .then(Style::Dim, format!("  {display_name}")),
                );
            }
            StageEvent::JobSkipped { job, reason, .. } => {
                console.line(&Line::styled(
                    Style::Dim,
                    format!("○ {job} is skipped: {}", reason.because),
                ));
            }
            StageEvent::JobFinished { job, result } => {
                let style = if result.is_success() {
                    Style::Good
                } else {
                    Style::Bad
                };
                console.line(&Line::styled(style, format!("● {job}: {result}")));
            }
            StageEvent::StageStarted { .. }
            | StageEvent::StageFinished { .. }
            | StageEvent::StageSkipped { .. }
            | StageEvent::StepStarted { .. }
            | StageEvent::StepRetried { .. }
            | StageEvent::StepSkipped { .. }
            | StageEvent::StepFinished { .. } => {}
        }
    }
}
