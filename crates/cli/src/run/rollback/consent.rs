//! Carries the requests of a preparation: `rollguard_core::rollback::preparation` decides.

use async_trait::async_trait;
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use rollguard_core::report::{Line, preparation_lines};
use rollguard_core::rollback::preparation::{
    self, Ended, Observation, Preparation, PreparationRequest, Seen,
};

use super::{Case, wanted};
use crate::prompt;
use crate::run::plan::carry;
use crate::run::tools::Tools;

/// The person who is asked whether a plan may be carried out.
#[async_trait]
pub trait Person {
    /// The next line of the person's answer; `None` if there is no more.
    async fn answer(&self) -> Option<String>;
}

/// The person at the terminal.
pub struct AtTerminal;

#[async_trait]
impl Person for AtTerminal {
    async fn answer(&self) -> Option<String> {
        prompt::line().await
    }
}

/// When the plan may be carried out.
#[derive(Clone, Copy)]
pub enum Consent<'a> {
    /// Never: it is only shown.
    DryRun,
    /// Once this person agrees.
    AskedOf(&'a (dyn Person + Sync)),
    /// At once: `--yes`, or an approval in the pipeline.
    Given,
}

impl Consent<'_> {
    const fn rule(self) -> preparation::Consent {
        match self {
            Self::DryRun => preparation::Consent::DryRun,
            Self::AskedOf(_) => preparation::Consent::Ask,
            Self::Given => preparation::Consent::Given,
        }
    }

    async fn answer(self) -> Option<String> {
        match self {
            Self::AskedOf(person) => person.answer().await,
            Self::DryRun | Self::Given => None,
        }
    }
}

/// Everything up to the first change.
pub(super) async fn prepared(case: &Case<'_>, tools: &mut Tools<'_>) -> Ended {
    let consent = case.how.consent;
    let clock = case.connection.clock;
    let evidence = case.inputs.evidence.clone();
    let mut preparation = Preparation::new(wanted(case), evidence, consent.rule(), clock.now())
        .on(case.connection.cluster.clone());
    let mut calls: FuturesUnordered<BoxFuture<'_, Seen>> = FuturesUnordered::new();
    let mut wake_at = clock.now();
    // Whether the cursor stands behind a question.
    let mut asked = false;
    loop {
        let seen = tokio::select! {
            biased;
            () = tools.cancel.requested() => Seen::StopRequested,
            Some(seen) = calls.next() => seen,
            () = clock.sleep_until(wake_at) => Seen::Tick,
        };
        asked &= !matches!(seen, Seen::Answered(Some(_)));
        let at = clock.now();
        let step = preparation.observe(Observation { at, seen });
        let lines = step.events.iter().flat_map(preparation_lines);
        lines.for_each(|line| tools.console.line(&line));
        if let Some(ended) = step.ended {
            if asked {
                tools.console.line(&Line::default());
            }
            return ended;
        }
        wake_at = step.wake_at;
        calls.extend(step.requests.into_iter().map(|request| match request {
            PreparationRequest::Read(read) => carry(case.connection, read).map(Seen::Read).boxed(),
            PreparationRequest::Ask(question) => {
                tools.console.ask(&question.to_string());
                asked = true;
                consent.answer().map(Seen::Answered).boxed()
            }
        }));
    }
}
