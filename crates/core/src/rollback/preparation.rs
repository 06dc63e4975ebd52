//! The part of a rollback before the first change, as a step function: an observation goes in; events to
//! show, requests to carry, the next wake-up and the end come out.
//!
//! Reads every workload, waits for one that looks healed to prove it, shows the plan, asks a person if
//! no one has agreed yet, and then reads everything again: the person took a while, and only the plan
//! that was shown may be carried out.

use jiff::Timestamp;

use super::execution::Conclusion;
use super::patience::Patience;
use super::{PreparedRollback, Request, RollbackBatch};
use crate::approval::Approval;
use crate::workload::{ClusterName, WorkloadRef};

mod reading;
mod step;

pub use reading::{ReadAnswer, ReadRequest, Reading, ReadingStep};
pub use step::{Consent, Ended, Event, Observation, PreparationRequest, Question, Seen, Step};

#[derive(Debug, Clone)]
enum Phase {
    /// Workloads are to be read at this time.
    Due(Timestamp),
    Reading(Reading),
    Asking,
    Ended(Box<Ended>),
}

/// A batch before its first change: what is known, and whether a person agreed.
#[derive(Debug, Clone)]
pub struct Preparation {
    wanted: Vec<(WorkloadRef, Request)>,
    evidence: Option<Approval>,
    consent: Consent,
    patience: Patience,
    phase: Phase,
    /// The plan that a person agreed to.
    agreed: Option<RollbackBatch>,
    /// The plan that a person is asked about.
    shown: Option<RollbackBatch>,
    /// Where it is, for the question.
    cluster: Option<ClusterName>,
}

impl Preparation {
    /// Prepares the rollback of these workloads; [`Request::now`] is set at each read.
    #[must_use]
    pub fn new(
        wanted: Vec<(WorkloadRef, Request)>,
        evidence: Option<Approval>,
        consent: Consent,
        now: Timestamp,
    ) -> Self {
        Self {
            patience: Patience::new(evidence.as_ref(), now),
            wanted,
            evidence,
            consent,
            phase: Phase::Due(now),
            agreed: None,
            shown: None,
            cluster: None,
        }
    }

    /// Names the cluster in the question.
    #[must_use]
    pub fn on(mut self, cluster: ClusterName) -> Self {
        self.cluster = Some(cluster);
        self
    }

    /// Takes an observation in. After the end nothing changes any more.
    pub fn observe(&mut self, observation: Observation) -> Step {
        let Observation { at: now, seen } = observation;
        let mut step = Step {
            events: Vec::new(),
            requests: Vec::new(),
            wake_at: Timestamp::MAX,
            ended: None,
        };
        match seen {
            Seen::StopRequested => self.end(Ended::Cancelled),
            Seen::Tick => self.begin_if_due(now, &mut step),
            Seen::Read(answer) => self.read(answer, now, &mut step),
            Seen::Answered(line) => self.answered(line.as_deref(), now, &mut step),
        }
        match &self.phase {
            Phase::Due(at) => step.wake_at = *at,
            Phase::Reading(_) | Phase::Asking => {}
            Phase::Ended(ended) => step.ended = Some(ended.as_ref().clone()),
        }
        step
    }

    fn end(&mut self, ended: Ended) {
        if !matches!(self.phase, Phase::Ended(_)) {
            self.phase = Phase::Ended(Box::new(ended));
        }
    }

    fn begin_if_due(&mut self, now: Timestamp, step: &mut Step) {
        if let Phase::Due(at) = self.phase
            && at <= now
        {
            let wanted = self.wanted.iter().cloned();
            let wanted = wanted.map(|(workload, request)| (workload, Request { now, ..request }));
            let mut reading = Reading::new(wanted);
            let first = reading.step(None);
            self.phase = Phase::Reading(reading);
            self.after_reading_step(first, now, step);
        }
    }

    fn read(&mut self, answer: ReadAnswer, now: Timestamp, step: &mut Step) {
        if let Phase::Reading(reading) = &mut self.phase {
            let next = reading.step(Some(answer));
            self.after_reading_step(next, now, step);
        }
    }

    fn after_reading_step(&mut self, reading: ReadingStep, now: Timestamp, step: &mut Step) {
        let ReadingStep { requests, read } = reading;
        let requests = requests.into_iter().map(PreparationRequest::Read);
        step.requests.extend(requests);
        match read {
            None => {}
            Some(Err(failure)) => self.end(Ended::Failed(failure)),
            Some(Ok(prepared)) => self.prepared(prepared, now, step),
        }
    }

    fn prepared(&mut self, prepared: PreparedRollback, now: Timestamp, step: &mut Step) {
        if let Some(pause) = self.patience.pause(&prepared.batch, now) {
            step.events.push(Event::LooksHealed(pause.clone()));
            self.phase = Phase::Due(pause.until);
            return;
        }
        match self.agreed.take() {
            None => self.first_plan(prepared, step),
            Some(agreed) => self.plan_again(prepared, &agreed, step),
        }
    }

    fn first_plan(&mut self, prepared: PreparedRollback, step: &mut Step) {
        let batch = prepared.batch.clone();
        if !prepared.left_alone.is_empty() {
            step.events
                .push(Event::LeftAlone(prepared.left_alone.clone()));
        }
        step.events.push(Event::Planned(Box::new(batch.clone())));
        if let Some(conclusion) = Conclusion::refused(&batch) {
            self.end(Ended::Refused { conclusion, batch });
            return;
        }
        match self.consent {
            Consent::DryRun => {
                step.events.push(Event::DryRun(Box::new(batch.clone())));
                self.end(Ended::DryRun(batch));
            }
            Consent::Ask if prepared.changes_something() => self.ask(batch, step),
            Consent::Ask | Consent::Given => self.end(Ended::Confirmed(Box::new(prepared))),
        }
    }

    fn ask(&mut self, batch: RollbackBatch, step: &mut Step) {
        let question = Question::about(&batch, self.cluster.as_ref());
        step.requests.push(PreparationRequest::Ask(question));
        self.shown = Some(batch);
        self.phase = Phase::Asking;
    }

    /// An answer that is neither yes nor no is asked for again.
    fn answered(&mut self, line: Option<&str>, now: Timestamp, step: &mut Step) {
        let (Phase::Asking, Some(shown)) = (&self.phase, self.shown.take()) else {
            return;
        };
        match line.map(Question::answer) {
            Some(None) => {
                let said = line.unwrap_or_default().to_owned();
                step.events.push(Event::NotUnderstood(said));
                self.ask(shown, step);
            }
            Some(Some(true)) => {
                self.agreed = Some(shown);
                self.patience = Patience::new(self.evidence.as_ref(), now);
                self.phase = Phase::Due(now);
                self.begin_if_due(now, step);
            }
            Some(Some(false)) => self.end(Ended::NotConfirmed),
            None => self.end(Ended::NoAnswer),
        }
    }

    fn plan_again(&mut self, now: PreparedRollback, agreed: &RollbackBatch, step: &mut Step) {
        let batch = now.batch.clone();
        // Evidence of a failure has its own rule for what healed since; without any, the person went by
        // the rollout as it was then.
        let healed = self.evidence.is_none() && batch.has_completed_since(agreed);
        if batch.is_as(agreed) && !batch.is_refused() && !healed {
            self.end(Ended::Confirmed(Box::new(now)));
            return;
        }
        // What another run did in between is shown as well, but not plans that no person has seen.
        if batch.plans.is_empty() || batch.is_refused() {
            step.events.push(Event::Planned(Box::new(batch.clone())));
        }
        if let Some(conclusion) = Conclusion::refused(&batch) {
            self.end(Ended::Refused { conclusion, batch });
        } else if batch.plans.is_empty() {
            self.end(Ended::Confirmed(Box::new(now)));
        } else {
            step.events.push(Event::PlanChanged);
            let conclusion = Conclusion::superseded(Event::PLAN_CHANGED);
            self.end(Ended::Refused { conclusion, batch });
        }
    }
}
