//! The commands of the table, each on a cluster of its own, and how right their results are.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use jiff::SignedDuration;
use rollguard::cancel::Cancel;
use rollguard::failure::Failure;
use rollguard::run::check::check;
use rollguard::run::doctor::{Subject, Survey, doctor};
use rollguard::run::forecast::forecast;
use rollguard::run::rollback::{Consent, How, rollback};
use rollguard_agent::Outcome;
use rollguard_agent::inputs::{DoctorInputs, RollbackInputs};
use rollguard_cluster::history::history;
use rollguard_cluster::{Connection, Login, WayIn, connect};
use rollguard_core::doctor::{Answer, State};
use rollguard_core::finding::FindingCode;
use rollguard_core::permission::{Command as Used, Usage};
use rollguard_core::prediction::Manifests;
use rollguard_core::rollback::RollbackHealth;
use rollguard_core::workload::WorkloadKind;
use rollguard_sandbox::Script;
use rollguard_tests::front::{Gate, in_process};
use rollguard_tests::troubled::Troubled;
use serde::Deserialize as _;
use serde_json::Value;
use tokio::time::sleep;

use super::super::recorded_pods::is_version;
use super::super::test_cluster::{
    NAMESPACE, TestCluster, check_of, rollback_inputs, web, workload,
};

const TIMEOUT: Duration = Duration::from_secs(120);
const STABLE_FOR: Duration = Duration::from_secs(5);
/// The rollout ends while the fault lasts.
const SLOW: Duration = Duration::from_secs(12);
/// How long v1 takes to be complete, and v2 to crash.
const A_WHILE: Duration = Duration::from_secs(20);

/// A command of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    CheckHeals,
    CheckFails,
    Rollback,
    Lint,
    Doctor,
    History,
}

impl Command {
    pub(super) const ALL: [Self; 6] = [
        Self::CheckHeals,
        Self::CheckFails,
        Self::Rollback,
        Self::Lint,
        Self::Doctor,
        Self::History,
    ];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::CheckHeals => "check of an update that heals",
            Self::CheckFails => "check of an update that fails",
            Self::Rollback => "rollback",
            Self::Lint => "lint --live",
            Self::Doctor => "doctor",
            Self::History => "history",
        }
    }
}

/// How right a result is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    /// As without the fault.
    Right,
    /// It says what it cannot tell, and nothing wrong.
    CannotTell,
    /// The command ended before it saw anything, or changed nothing and says so.
    Error,
    Wrong,
}

/// A result, and its reason.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) word: Word,
    pub(super) why: String,
}

impl Ended {
    fn new(word: Word, why: impl Into<String>) -> Self {
        let why = why.into();
        Self { word, why }
    }

    fn of_failure(failure: &Failure) -> Self {
        let seen_nothing = [Outcome::Unreachable, Outcome::Credentials];
        let word = if seen_nothing.contains(&failure.outcome) {
            Word::Error
        } else {
            Word::Wrong
        };
        Self::new(
            word,
            format!("{:?}: {}", failure.outcome, failure.messages().join("; ")),
        )
    }
}

/// A cluster that is ready for a command.
pub(super) struct Stand {
    command: Command,
    cluster: TestCluster,
}

impl Stand {
    pub(super) async fn new(command: Command) -> Result<Self> {
        let crashes = || Script::crash_at_start(&["no database"], 1);
        let builder = TestCluster::blank()?;
        let builder = match command {
            Command::CheckHeals => {
                builder.play(|pod| is_version(pod, "v2"), Script::slow_start(SLOW))
            }
            Command::CheckFails | Command::Rollback => {
                builder.play(|pod| is_version(pod, "v2"), crashes())
            }
            Command::Lint | Command::Doctor | Command::History => builder,
        };
        let cluster = TestCluster::new(builder).await?;
        cluster.deploy("v1").await?;
        sleep(A_WHILE).await;
        let updated = matches!(
            command,
            Command::CheckHeals | Command::CheckFails | Command::Rollback
        );
        if updated {
            cluster.deploy("v2").await?;
        }
        if command == Command::Rollback {
            sleep(A_WHILE).await;
        }
        Ok(Self { command, cluster })
    }

    /// Runs the command through a gate.
    pub(super) async fn run(&self, gate: &Arc<Troubled>) -> Result<Ended> {
        self.run_where_clock_is_off(gate, 0).await
    }

    /// The same on a machine whose clock is so many hours ahead.
    pub(super) async fn run_where_clock_is_off(
        &self,
        gate: &Arc<Troubled>,
        hours: i64,
    ) -> Result<Ended> {
        let client = in_process(&self.cluster.client(), Arc::clone(gate) as Arc<dyn Gate>);
        let now = self.cluster.connection().clock.now() + SignedDuration::from_hours(hours);
        let connected = connect(&Login::Client(client), now).await;
        if self.command == Command::Doctor {
            return self.examined(connected.map_err(Failure::from)).await;
        }
        let connection = match connected.map_err(Failure::from) {
            Ok(connection) => connection,
            Err(failure) => return Ok(Ended::of_failure(&failure)),
        };
        match self.command {
            Command::CheckHeals | Command::CheckFails => self.checked(&connection).await,
            Command::Rollback => self.rolled_back(&connection, gate).await,
            Command::Lint => self.predicted(&connection).await,
            Command::Doctor | Command::History => self.listed(&connection).await,
        }
    }

    /// How many lines say that the cluster went out of sight, and how many that it is back.
    pub(super) fn told_of_sight(&self) -> (usize, usize) {
        let said = self.cluster.said();
        let lines = |text: &str| said.lines().filter(|it| it.contains(text)).count();
        (
            lines("; the verdict is undetermined if this lasts"),
            lines("the cluster is visible again after"),
        )
    }

    async fn checked(&self, connection: &Connection) -> Result<Ended> {
        let inputs = check_of(workload(), TIMEOUT, STABLE_FOR);
        let (_sender, cancel) = Cancel::by_hand();
        let checked = self
            .cluster
            .with_tools(&cancel, async |tools| {
                Box::pin(check(connection, &inputs, "a test", tools)).await
            })
            .await;
        let (outcome, report) = match checked {
            Ok(checked) => (checked.outcome, checked.report),
            Err(failure) => return Ok(Ended::of_failure(&failure)),
        };
        let first = report.findings.first().map(|it| it.code);
        let right = if self.command == Command::CheckFails {
            outcome == Outcome::Failed && first == Some(FindingCode::CrashAtStart)
        } else {
            outcome == Outcome::Succeeded
        };
        let word = if right {
            Word::Right
        } else if outcome == Outcome::Undetermined {
            Word::CannotTell
        } else {
            Word::Wrong
        };
        Ok(Ended::new(word, report.sentence))
    }

    async fn rolled_back(&self, connection: &Connection, gate: &Troubled) -> Result<Ended> {
        let inputs = RollbackInputs {
            wait: true,
            ..rollback_inputs(None)
        };
        let (_sender, cancel) = Cancel::by_hand();
        let how = How {
            consent: Consent::Given,
            by: "the test".to_owned(),
        };
        let done = self
            .cluster
            .with_tools(&cancel, async |tools| {
                Box::pin(rollback(connection, &inputs, &how, tools)).await
            })
            .await;
        let done = match done {
            Ok(done) => done,
            Err(failure) => {
                let ended = Ended::of_failure(&failure);
                return Ok(self.truthful(ended, gate).await);
            }
        };
        let why = format!(
            "{:?} {:?}: {}",
            done.outcome,
            done.word,
            done.errors.join("; ")
        );
        let healthy = done.health == Some(RollbackHealth::Healthy);
        let word = if done.outcome == Outcome::RolledBack && healthy {
            Word::Right
        } else if done.outcome == Outcome::RolledBackNotVerified {
            Word::CannotTell
        } else if [Outcome::RollbackFailed, Outcome::Refused].contains(&done.outcome) {
            Word::Error
        } else {
            Word::Wrong
        };
        Ok(self.truthful(Ended::new(word, why), gate).await)
    }

    /// Compares what a rollback says with what the cluster is.
    async fn truthful(&self, ended: Ended, gate: &Troubled) -> Ended {
        let is_back = self.cluster.has("v1").await.is_ok();
        let changes = gate.changes();
        let says_unknown = ended.why.contains("find out whether");
        let honest = match ended.word {
            Word::Right | Word::CannotTell => is_back,
            Word::Error => !is_back || says_unknown,
            Word::Wrong => false,
        };
        if honest && changes == usize::from(is_back) {
            return ended;
        }
        let why = format!("{changes} changes, back: {is_back}, but: {}", ended.why);
        Ended::new(Word::Wrong, why)
    }

    /// The run after it, without the fault: right, and without a second change.
    pub(super) async fn again(
        &self,
        gate: &Arc<Troubled>,
        first: &Ended,
    ) -> Result<Option<String>> {
        gate.lift();
        let ended = self.run(gate).await?;
        let changes = gate.changes();
        let right = ended.word == Word::Right && changes == 1;
        Ok((!right).then(|| format!("then {changes} changes and {ended:?} after {first:?}")))
    }

    async fn predicted(&self, connection: &Connection) -> Result<Ended> {
        let from = "          envFrom: [{ configMapRef: { name: settings } }]\n";
        let yaml = format!("{}{from}", web("v2"));
        let mut manifests = Manifests::default();
        for document in serde_yaml::Deserializer::from_str(&yaml) {
            manifests.add(Value::deserialize(document)?, NAMESPACE);
        }
        let (_sender, cancel) = Cancel::by_hand();
        let forecast = match forecast(connection, &manifests, &cancel).await {
            Ok(forecast) => forecast,
            Err(failure) => return Ok(Ended::of_failure(&failure)),
        };
        let codes: Vec<&str> = forecast
            .predictions
            .iter()
            .map(|it| it.code.as_str())
            .collect();
        let unseen = forecast.unseen.join("; ");
        let word = match codes.as_slice() {
            ["ConfigObjectMissing"] if unseen.is_empty() => Word::Right,
            [] | ["ConfigObjectMissing"] if !unseen.is_empty() => Word::CannotTell,
            _ => Word::Wrong,
        };
        Ok(Ended::new(word, format!("{codes:?} {unseen}")))
    }

    async fn examined(&self, connected: Result<Connection, Failure>) -> Result<Ended> {
        let clock = self.cluster.connection().clock;
        let subject = Subject {
            survey: Survey::default(),
            connected,
            local_time: &|| clock.now(),
            way_in: WayIn::default(),
        };
        let inputs = DoctorInputs {
            namespace: NAMESPACE.to_owned(),
            workloads: vec![workload()],
            usage: Usage::of([Used::Check]).with_kinds([WorkloadKind::Deployment]),
        };
        let (_sender, cancel) = Cancel::by_hand();
        let examined = self
            .cluster
            .with_tools(&cancel, async |tools| doctor(subject, &inputs, tools).await)
            .await;
        let examined = match examined {
            Ok(examined) => examined,
            Err(failure) => return Ok(Ended::of_failure(&failure)),
        };
        let found = examined.findings;
        let facts = found.facts.iter().filter(|it| it.state != State::Good);
        let mut why: Vec<String> = facts.clone().map(|it| it.text.clone()).collect();
        let bad_fact = facts.clone().any(|it| it.state != State::Unseen);
        let answers = found.permissions.iter().map(|it| &it.answer);
        let missing = answers.clone().any(|it| *it == Answer::Missing);
        why.extend(answers.filter_map(|it| match it {
            Answer::Unseen { reason } => Some(reason.clone()),
            Answer::Granted | Answer::Missing | Answer::NotServed => None,
        }));
        why.extend(found.problem.iter().flat_map(|it| it.messages.clone()));
        let outcome = examined.outcome;
        let told = [Outcome::Succeeded, Outcome::Undetermined].contains(&outcome);
        let word = if missing || bad_fact {
            Word::Wrong
        } else if outcome == Outcome::Succeeded && why.is_empty() {
            Word::Right
        } else if told {
            Word::CannotTell
        } else if [Outcome::Unreachable, Outcome::Credentials].contains(&outcome) {
            Word::Error
        } else {
            Word::Wrong
        };
        Ok(Ended::new(
            word,
            format!("{:?} {}", examined.outcome, why.join("; ")),
        ))
    }

    async fn listed(&self, connection: &Connection) -> Result<Ended> {
        let truth = history(&self.cluster.client(), &workload()).await;
        let truth = truth.context("no history without the fault")?;
        Ok(match history(&connection.client, &workload()).await {
            Ok(seen) if seen == truth => Ended::new(Word::Right, ""),
            Ok(seen) => Ended::new(Word::Wrong, format!("{seen:?}")),
            Err(error) => Ended::of_failure(&Failure::from(error)),
        })
    }
}
