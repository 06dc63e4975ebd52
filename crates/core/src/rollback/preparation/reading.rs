//! One look at every workload of a batch, with the preflight of each that has a plan.

use crate::history::History;
use crate::rollback::execution::FailedCall;
use crate::rollback::preflight::{Answers, Questions, helm, judge, questions};
use crate::rollback::{PreparedRollback, PreparedWorkload, Request, RollbackPlan};
use crate::workload::WorkloadRef;

/// How many workloads are read at once.
const AT_ONCE: usize = 8;

/// A read from the cluster; each is answered with one [`ReadAnswer`].
#[derive(Debug, Clone, PartialEq)]
pub enum ReadRequest {
    /// A workload with its revisions and pods.
    History(WorkloadRef),
    /// The answers to the questions about a plan.
    Preflight {
        /// The plan, of which the API server is to validate the patch.
        plan: Box<RollbackPlan>,
        /// The questions.
        questions: Box<Questions>,
    },
}

/// The answer to a [`ReadRequest`].
#[derive(Debug, Clone, PartialEq)]
pub enum ReadAnswer {
    /// A workload with its revisions and pods.
    History {
        /// Which.
        workload: WorkloadRef,
        /// The history, or why it could not be read.
        read: Result<Box<History>, FailedCall>,
    },
    /// The answers to the questions about a plan.
    Preflight {
        /// Of which workload.
        workload: WorkloadRef,
        /// The answers; what could not be read says so.
        answers: Box<Answers>,
    },
}

#[derive(Debug, Clone)]
enum Stage {
    Due,
    Reading,
    /// The preflight is under way.
    Asking(Box<PreparedWorkload>),
    Done(Box<PreparedWorkload>),
    Failed(FailedCall),
}

#[derive(Debug, Clone)]
struct Slot {
    workload: WorkloadRef,
    request: Request,
    stage: Stage,
}

/// The result of one answer.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct ReadingStep {
    /// What to read now.
    pub requests: Vec<ReadRequest>,
    /// The whole batch, or the failure of the first workload that could not be read.
    pub read: Option<Result<PreparedRollback, FailedCall>>,
}

/// One look at all workloads, in the order in which they were named.
#[derive(Debug, Clone)]
pub struct Reading(Vec<Slot>);

impl Reading {
    /// Reads these workloads.
    #[must_use]
    pub fn new(wanted: impl IntoIterator<Item = (WorkloadRef, Request)>) -> Self {
        let slot = |(workload, request)| Slot {
            workload,
            request,
            stage: Stage::Due,
        };
        Self(wanted.into_iter().map(slot).collect())
    }

    /// Takes an answer in, if one has come.
    pub fn step(&mut self, answer: Option<ReadAnswer>) -> ReadingStep {
        let mut requests: Vec<ReadRequest> =
            answer.and_then(|it| self.take(it)).into_iter().collect();
        let busy = |it: &&Slot| matches!(it.stage, Stage::Reading | Stage::Asking(_));
        let busy = self.0.iter().filter(busy).count();
        let due = self.0.iter_mut();
        let due = due.filter(|it| matches!(it.stage, Stage::Due));
        requests.extend(due.take(AT_ONCE.saturating_sub(busy)).map(|it| {
            it.stage = Stage::Reading;
            ReadRequest::History(it.workload.clone())
        }));
        ReadingStep {
            requests,
            read: self.read(),
        }
    }

    fn take(&mut self, answer: ReadAnswer) -> Option<ReadRequest> {
        match answer {
            ReadAnswer::History { workload, read } => {
                let reading = |it: &&mut Slot| matches!(it.stage, Stage::Reading);
                let mut slots = self.0.iter_mut().filter(reading);
                let slot = slots.find(|it| it.workload == workload)?;
                match read {
                    Ok(history) => slot.decide(&history),
                    Err(failure) => {
                        slot.stage = Stage::Failed(failure);
                        None
                    }
                }
            }
            ReadAnswer::Preflight { workload, answers } => {
                let mut slots = self.0.iter_mut();
                let slot = slots.find(|it| it.workload == workload)?;
                if let Stage::Asking(prepared) = &mut slot.stage {
                    let mut prepared = prepared.clone();
                    if let Some(plan) = prepared.plan_mut() {
                        let mut found = judge(plan, &answers);
                        for hint in found.iter_mut().filter_map(|it| it.hint.as_mut()) {
                            *hint = slot.request.doctor.named_in(hint);
                        }
                        plan.add_findings(found);
                        helm::advise(plan, &answers);
                    }
                    slot.stage = Stage::Done(prepared);
                }
                None
            }
        }
    }

    /// A failure counts once every workload before it is read: what is reported must not depend on
    /// which answer comes first.
    fn read(&self) -> Option<Result<PreparedRollback, FailedCall>> {
        let mut all = PreparedRollback::default();
        for slot in &self.0 {
            match &slot.stage {
                Stage::Done(prepared) => all.add(prepared.as_ref().clone()),
                Stage::Failed(failure) => return Some(Err(failure.clone())),
                Stage::Due | Stage::Reading | Stage::Asking(_) => return None,
            }
        }
        Some(Ok(all.or_refused()))
    }
}

impl Slot {
    fn decide(&mut self, history: &History) -> Option<ReadRequest> {
        let mut prepared = Box::new(PreparedWorkload::new(history, &self.request));
        let Some(plan) = prepared.plan_mut() else {
            self.stage = Stage::Done(prepared);
            return None;
        };
        let request = ReadRequest::Preflight {
            questions: Box::new(questions(plan, history)),
            plan: Box::new(plan.clone()),
        };
        self.stage = Stage::Asking(prepared);
        Some(request)
    }
}
