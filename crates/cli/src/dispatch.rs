//! From the command line to a command and back to an outcome.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ArgMatches;
use clap::error::ErrorKind;
use rollguard_agent::inputs::{
    AKS_CLUSTER, CommandInputs, CommandName, EVIDENCE, Inputs, NAMESPACE, WORKLOADS,
};
use rollguard_agent::{AgentEnv, Outcome};
use rollguard_cluster::{Clock, Connection, Login};
use rollguard_core::report::{Aim, Line};
use rollguard_core::workload::ClusterName;
use rollguard_network::{Listener, Network};

use crate::args;
use crate::bounded;
use crate::cancel::Cancel;
use crate::completion::Completion;
use crate::connect::ByServiceConnection;
use crate::console::{Aside, Console};
use crate::environment::Environment;
use crate::failure::Failure;
use crate::output_form::{OutputForm, purpose};
use crate::recorder::Recorder;
use crate::run::check::check;
use crate::run::doctor::{Subject, doctor};
use crate::run::drill::{Answer, DrillInputs, Place, drill};
use crate::run::lint::LintForm;
use crate::run::rollback::{AtTerminal, Consent, How, rollback};
use crate::run::tools::Tools;
use crate::run::{explain, history, replay, task, templates};

mod cluster;
mod lint;
mod workload;

use cluster::all_right;

/// Runs the command of the arguments. Every failure is printed and has its outcome.
pub(crate) async fn dispatch(
    arguments: impl Iterator<Item = OsString>,
    environment: &Environment,
) -> Outcome {
    let arguments: Vec<OsString> = arguments.collect();
    if let Some(asked) = args::version_request(&arguments) {
        return match asked {
            Ok(form) => answer(&args::version_document(form), environment),
            Err(error) => usage(&error, &arguments, environment),
        };
    }
    let matches = match args::parse(&arguments) {
        Ok(matches) => matches,
        Err(error) => return usage(&error, &arguments, environment),
    };
    let (name, matches) = matches.subcommand().unwrap_or(("task", &matches));
    if name == "task" {
        return run_task(environment).await;
    }
    if name == "lint" {
        return lint::run_lint(matches, environment).await;
    }
    if name == "completions" {
        let shell = matches.get_one::<String>("shell");
        let script = args::completions::script(shell.map_or("", String::as_str));
        return answer(&script, environment);
    }
    let form = OutputForm::chosen(matches);
    let mut console = environment.console(form.is_for_programs());
    if is_verbose(matches) {
        console = console.with_requests(environment.request_log());
    }
    let app = App {
        environment,
        matches,
        form,
        aside: console.aside(),
        cancel: Cancel::on_signals(),
    };
    match app.run(name, &mut console).await {
        Ok(outcome) => outcome,
        Err(failure) => {
            let failure = failure.for_user(&app.way_in());
            console.lines(&failure.lines());
            form.write_failure_of(&app.aim(name), &failure, &mut console);
            failure.outcome
        }
    }
}

/// Prints what was asked for.
fn answer(text: &str, environment: &Environment) -> Outcome {
    environment.console(false).document(text);
    Outcome::Succeeded
}

/// Returns whether requests are to be printed: `-v`, or a level of kubectl's but 0.
fn is_verbose(matches: &ArgMatches) -> bool {
    let levels = matches.try_get_many::<u8>("verbose").ok().flatten();
    levels
        .into_iter()
        .flatten()
        .last()
        .is_some_and(|it| *it > 0)
}

/// Help and version are answers; everything else is a wrong command line.
fn usage(error: &clap::Error, arguments: &[OsString], environment: &Environment) -> Outcome {
    let text = error.render().to_string();
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        return answer(text.trim_end(), environment);
    }
    let form = OutputForm::of_broken_command_line(arguments);
    let mut console = environment.console(true);
    if let Some(failure) = args::misplaced(error, arguments) {
        console.lines(&failure.lines());
        form.write_failure(&failure, &mut console);
        return failure.outcome;
    }
    for line in text.trim_end().lines() {
        console.line(&Line::plain(line));
    }
    let (name, failure) = (arguments.get(1), wrong_usage(&text));
    let name = name.map(|it| it.to_string_lossy()).unwrap_or_default();
    if name == "lint" {
        // It has forms of its own.
        let form = LintForm::of_broken_command_line(arguments);
        form.write_failure(&failure, &mut console);
        return Outcome::BadInput;
    }
    let aim = Aim {
        purpose: purpose(&name),
        ..Aim::default()
    };
    form.write_failure_of(&aim, &failure, &mut console);
    Outcome::BadInput
}

/// Returns what clap says, without its own words before it.
fn wrong_usage(text: &str) -> Failure {
    let mut paragraphs = text.split("\n\n").map(str::trim);
    let message = paragraphs.next().unwrap_or_default();
    let message = message.strip_prefix("error: ").unwrap_or(message);
    let tip = paragraphs.find_map(|it| it.strip_prefix("tip: "));
    let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut failure = Failure::new(Outcome::BadInput, message);
    failure.hint = tip.map(str::to_owned);
    failure
}

async fn run_task(environment: &Environment) -> Outcome {
    quieten_panics();
    #[cfg(debug_assertions)]
    panic_if_asked(environment);
    let env = AgentEnv::from_pairs(environment.pairs());
    let mut console = Environment::agent_console();
    let cancel = Cancel::on_signals();
    let mut settings = environment.network_settings();
    settings.network = settings.network.map(|it| heard(it, console.aside()));
    let connector = ByServiceConnection {
        now: environment.now(),
        settings,
        clock: Clock::starting_at(environment.now()),
    };
    let mut tools = Tools {
        console: &mut console,
        recorder: &mut Recorder::off(),
        cancel: &cancel,
    };
    let outcome = task::task(&env, &connector, &mut tools).await;
    // If this fails, the entry point takes the end for an abnormal one, and fails the task.
    let _ = Completion::expected(&env).map(|it| it.report(outcome.exit_code()));
    outcome
}

/// A library's message may quote a secret or a logging command, and the agent reads stderr too: only
/// the place is shown. The entry point says the rest.
#[expect(clippy::print_stderr, reason = "the console belongs to what panicked")]
fn quieten_panics() {
    std::panic::set_hook(Box::new(|panic| match panic.location() {
        Some(place) => eprintln!("error: internal error at {place}"),
        None => eprintln!("error: internal error"),
    }));
}

/// Fails as a mistake of ours would, so that a test can see what becomes of the task.
#[cfg(debug_assertions)]
fn panic_if_asked(environment: &Environment) {
    let asked = environment.is_set("ROLLGUARD_TEST_PANIC");
    assert!(!asked, "asked for by a test");
}

/// The same network, of whose repeated requests and secrets the console hears.
fn heard(network: Network, aside: Aside) -> Network {
    Network {
        listener: Listener::new(Arc::new(aside)),
        ..network
    }
}

struct App<'a> {
    environment: &'a Environment,
    matches: &'a ArgMatches,
    form: OutputForm,
    aside: Aside,
    cancel: Cancel,
}

impl App<'_> {
    async fn run(&self, name: &str, console: &mut Console) -> Result<Outcome, Failure> {
        match name {
            "check" => self.check(console).await,
            "rollback" => self.rollback(console).await,
            "doctor" => self.doctor(console).await,
            "drill" => self.drill(console).await,
            "replay" => self.replay(console).await,
            "history" => self.history(console).await,
            "explain" => explain::explain(self.text("code"), self.form, console),
            _ => self.templates(console),
        }
    }

    /// Returns the aim of the command, as far as its arguments name it.
    fn aim(&self, name: &str) -> Aim {
        let all = |name: &str| {
            let values = self.matches.try_get_many::<String>(name).ok().flatten();
            let values: Vec<&str> = values.into_iter().flatten().map(String::as_str).collect();
            values.join(" ")
        };
        let cluster = all(AKS_CLUSTER.name);
        Aim {
            purpose: purpose(name),
            workloads: match name {
                "check" | "rollback" => all(WORKLOADS.name),
                _ => String::new(),
            },
            namespace: all(NAMESPACE.name),
            cluster: (!cluster.is_empty()).then(|| ClusterName::new(&cluster)),
        }
    }

    /// Returns who did it, for what is written into the cluster. It holds no name, because anyone who may
    /// read the cluster can read it. The time, the API server's, distinguishes two of them.
    fn by(connection: &Connection) -> String {
        let now = connection.clock.now();
        format!("a person at the command line at {now:.0}")
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.matches.get_one::<String>(name).map(String::as_str)
    }

    async fn inputs(&self, name: CommandName) -> Result<Inputs, Failure> {
        let named = self.matches.try_get_many::<String>(EVIDENCE.name);
        let mut texts = HashMap::new();
        for path in named.ok().flatten().into_iter().flatten() {
            let wanted = path.clone();
            let text = self.aside_of(move || read_file(&wanted)).await?;
            texts.insert(path.clone(), text);
        }
        let read = |path: &str| Ok(texts.get(path).cloned().unwrap_or_default());
        let raw = args::raw_inputs(name, self.matches, read)?;
        Ok(Inputs::parse(&raw)?)
    }

    /// Waits for something that blocks, unless a stop is requested: a pipe may never end.
    async fn aside_of<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let reading = tokio::task::spawn_blocking(read);
        let read = self.cancel.unless(reading).await?;
        read.map_err(anyhow::Error::from)?
    }

    fn kubeconfig(&self) -> Vec<PathBuf> {
        self.text("kubeconfig").map_or_else(
            || self.environment.kubeconfig_paths(),
            |path| vec![path.into()],
        )
    }

    fn network(&self) -> Result<Network, Failure> {
        Ok(heard(self.environment.network()?, self.aside.clone()))
    }

    fn login(&self) -> Result<Login, Failure> {
        Ok(self.on_behalf(Login::Kubeconfig {
            paths: self.kubeconfig(),
            context: self.text("context").map(str::to_owned),
            network: self.network()?,
            programs: self.environment.programs(),
            allow_insecure_server: self.matches.get_flag("allow-insecure-server"),
        }))
    }

    /// Without `-n` the context's own namespace holds, as with kubectl.
    fn namespace<'a>(&self, connection: &'a Connection) -> Option<&'a str> {
        let own = connection.client.default_namespace();
        self.text("namespace").is_none().then_some(own)
    }

    async fn check(&self, console: &mut Console) -> Result<Outcome, Failure> {
        let Inputs { command, cluster } = self.inputs(CommandName::Check).await?;
        let CommandInputs::Check(mut inputs) = command else {
            return Err(Failure::new(
                Outcome::Unexpected,
                "the inputs are not those of a check",
            ));
        };
        let connection = self.connect(cluster.as_ref(), console).await?;
        if let Some(namespace) = self.namespace(&connection) {
            inputs.place_in(namespace);
        }
        let mut recorder = match self.text("record") {
            Some(path) => Recorder::to_file(Path::new(path))?,
            None => Recorder::off(),
        };
        let mut tools = Tools {
            console,
            recorder: &mut recorder,
            cancel: &self.cancel,
        };
        let checked = check(&connection, &inputs, &Self::by(&connection), &mut tools).await?;
        self.form.write_report(&checked.report, console)?;
        Ok(checked.outcome)
    }

    async fn rollback(&self, console: &mut Console) -> Result<Outcome, Failure> {
        let Inputs { command, cluster } = self.inputs(CommandName::Rollback).await?;
        let CommandInputs::Rollback(mut inputs) = command else {
            return Err(Failure::new(
                Outcome::Unexpected,
                "the inputs are not those of a rollback",
            ));
        };
        let dry_run = self.matches.get_flag("dry-run");
        let confirmed = self.matches.get_flag("yes");
        if !dry_run && !confirmed && !self.environment.can_ask {
            return Err(Failure::new(
                Outcome::BadInput,
                "cannot ask for confirmation: there is no terminal",
            )
            .hint(
                "pass --yes to roll back without confirmation, or --dry-run to only show the plan",
            ));
        }
        let connecting = self.connect(cluster.as_ref(), console).await;
        let connection = connecting.map_err(Failure::unchanged)?;
        if let Some(namespace) = self.namespace(&connection) {
            inputs.place_in(namespace);
        }
        let how = How {
            consent: match (dry_run, confirmed) {
                (true, _) => Consent::DryRun,
                (false, true) => Consent::Given,
                (false, false) => Consent::AskedOf(&AtTerminal),
            },
            by: Self::by(&connection),
        };
        let mut tools = Tools {
            console,
            recorder: &mut Recorder::off(),
            cancel: &self.cancel,
        };
        let done = rollback(&connection, &inputs, &how, &mut tools).await?;
        console.lines(&done.untold);
        self.form.write_rollback(&done.result(), console)?;
        Ok(done.outcome)
    }

    async fn doctor(&self, console: &mut Console) -> Result<Outcome, Failure> {
        let Inputs { command, cluster } = self.inputs(CommandName::Doctor).await?;
        let CommandInputs::Doctor(mut inputs) = command else {
            return Err(Failure::new(
                Outcome::Unexpected,
                "the inputs are not those of a doctor",
            ));
        };
        let survey = self.survey(cluster.as_ref()).await?;
        let connected = match &survey.failure {
            Some(failure) => Err(failure.clone()),
            None => self.connect(cluster.as_ref(), console).await,
        };
        if let Ok(connection) = &connected
            && let Some(namespace) = self.namespace(connection)
        {
            inputs.place_in(namespace);
        }
        let mut tools = Tools {
            console,
            recorder: &mut Recorder::off(),
            cancel: &self.cancel,
        };
        let local_time = || self.environment.now();
        let subject = Subject {
            survey,
            connected,
            local_time: &local_time,
            way_in: self.way_in(),
        };
        let examined = doctor(subject, &inputs, &mut tools).await?;
        self.form.write_examined(&examined, console)?;
        Ok(examined.outcome)
    }

    async fn drill(&self, console: &mut Console) -> Result<Outcome, Failure> {
        let answer = match (
            self.matches.get_flag("approve"),
            self.matches.get_flag("reject"),
        ) {
            (true, _) => Answer::Approve,
            (_, true) => Answer::Reject,
            (false, false) if self.environment.can_ask => Answer::Ask,
            (false, false) => {
                return Err(Failure::new(
                    Outcome::BadInput,
                    "cannot ask for confirmation: there is no terminal",
                )
                .hint("pass --approve or --reject"));
            }
        };
        let now = self.environment.now();
        let place = match self.text("context") {
            Some(_) => Place::Context {
                login: Box::new(self.login()?),
                now,
            },
            None => Place::Embedded { now },
        };
        let inputs = DrillInputs {
            form: self.form,
            place,
            answer,
            image: self.text("image").map(str::to_owned),
            pages: self.text("pages").map(PathBuf::from),
        };
        drill(
            inputs,
            &self.environment.screen(self.form.is_for_programs()),
            console,
            &self.cancel,
        )
        .await
    }

    async fn history(&self, console: &mut Console) -> Result<Outcome, Failure> {
        let (name, cluster) = all_right(self.one_workload(), self.cluster())?;
        let connection = self.connect(cluster.as_ref(), console).await?;
        let own = connection.client.default_namespace();
        let workload = name.in_namespace(self.text("namespace").unwrap_or(own));
        history::show(&connection, &workload, &self.cancel, (self.form, console)).await
    }

    async fn replay(&self, console: &mut Console) -> Result<Outcome, Failure> {
        let timeout = self
            .text("timeout")
            .map(rollguard_core::duration::parse)
            .transpose();
        let timeout = timeout
            .map_err(|error| Failure::new(Outcome::BadInput, format!("`--timeout`: {error}")))?;
        let path = PathBuf::from(self.text("trace").unwrap_or_default());
        let trace = self.aside_of(move || replay::read(&path)).await?;
        let (outcome, report) = replay::play(trace, timeout, console)?;
        self.form.write_report(&report, console)?;
        Ok(outcome)
    }

    fn templates(&self, console: &mut Console) -> Result<Outcome, Failure> {
        match self.matches.subcommand() {
            Some(("export", matches)) => {
                let folder = matches
                    .get_one::<String>("folder")
                    .map(String::as_str)
                    .unwrap_or_default();
                templates::export(Path::new(folder), self.form, console)
            }
            _ => templates::list(self.form, console),
        }
    }
}

/// More than the output variable `evidence` ever holds.
const LONGEST_EVIDENCE: u64 = 1 << 20;

/// Reads a file, or stdin for `-`.
#[expect(clippy::disallowed_methods, reason = "`-` means stdin")]
fn read_file(path: &str) -> Result<String, Failure> {
    let read = match path {
        "-" => bounded::read(std::io::stdin(), LONGEST_EVIDENCE),
        path => bounded::read_file(Path::new(path), LONGEST_EVIDENCE),
    };
    read.map_err(|error| {
        Failure::new(
            Outcome::BadInput,
            format!("`--evidence`: cannot read `{path}`: {error}"),
        )
    })
}
