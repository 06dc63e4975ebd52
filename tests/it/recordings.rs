//! Every rollout that has a trace: the scenarios, and the cases after public reports.

use anyhow::Result;
use rollguard_core::policy::Policy;
use rollguard_tests::field::{self, FieldCase};
use rollguard_tests::scenarios::{self, Scenario};

use crate::traces::policy;

/// A rollout that was recorded.
#[derive(Debug, Clone)]
pub(crate) enum Recording {
    /// Of a scenario.
    Scenario(&'static Scenario),
    /// After a public report.
    Field(Box<FieldCase>),
}

/// Every rollout that has a trace.
pub(crate) fn recordings() -> Result<Vec<Recording>> {
    let scenarios = scenarios::all().map(Recording::Scenario);
    let cases = field::own()?
        .into_iter()
        .map(Box::new)
        .map(Recording::Field);
    Ok(scenarios.chain(cases).collect())
}

impl Recording {
    /// The name of its trace.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Scenario(it) => it.name,
            Self::Field(it) => &it.name,
        }
    }

    /// The policy of the check that recorded it.
    pub(crate) fn policy(&self) -> Policy {
        match self {
            Self::Scenario(it) => policy(it),
            Self::Field(it) => Policy {
                timeout: it.timeout(),
                ..Policy::default()
            },
        }
    }
}
