//! The inputs of a command: what was said ([`RawInputs`]) becomes what is meant ([`Inputs`]),
//! without touching the world.

use std::time::Duration;

use rollguard_core::handover::Handover;
use rollguard_core::workload::{Revision, WorkloadRef};

mod error;
mod raw;
mod reader;
mod spec;

pub use error::{InputError, InputErrors, InputProblem};
pub use raw::{RawInputs, Source};
pub use spec::{
    AKS_CLUSTER, AZURE_RESOURCE_GROUP, AZURE_SERVICE_CONNECTION, AZURE_SUBSCRIPTION_ID, COMMAND,
    CliForm, EVIDENCE, Group, INPUTS, InputKind, InputSpec, NAMESPACE, STABLE_FOR, TIMEOUT,
    TO_REVISION, WORKLOADS,
};

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandName {
    /// Follow a rollout to a verdict.
    Check,
    /// Restore the former revision.
    Rollback,
}

impl CommandName {
    /// Every command.
    pub const ALL: [Self; 2] = [Self::Check, Self::Rollback];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Rollback => "rollback",
        }
    }

    /// Reads the word for it; the case matters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }
}

/// Inputs that make sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inputs {
    /// What to do, with its own inputs.
    pub command: CommandInputs,
    /// Which cluster; only the task asks for it, the command line has the kubeconfig.
    pub cluster: Option<AksTarget>,
}

/// A command with its inputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandInputs {
    /// Follow a rollout to a verdict.
    Check(CheckInputs),
    /// Restore the former revision.
    Rollback(RollbackInputs),
}

/// The inputs of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckInputs {
    /// What to check.
    pub workload: WorkloadRef,
    /// How long the rollout may take.
    pub timeout: Duration,
    /// How long it must stay complete; shorter than `timeout`.
    pub stable_for: Duration,
}

/// The inputs of a rollback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollbackInputs {
    /// What to roll back.
    pub workload: WorkloadRef,
    /// The revision that a person named.
    pub to_revision: Option<Revision>,
    /// What the check handed over.
    pub evidence: Option<Handover>,
}

/// An AKS cluster, and who may reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AksTarget {
    /// The id of the service connection.
    pub service_connection_id: String,
    /// The subscription; `None`: the service connection's.
    pub subscription_id: Option<String>,
    /// The resource group.
    pub resource_group: String,
    /// The cluster's name.
    pub cluster: String,
}

impl Inputs {
    /// Understands the inputs.
    ///
    /// # Errors
    /// When any input is missing or wrong; all of them are reported together.
    pub fn parse(raw: &RawInputs) -> Result<Self, InputErrors> {
        let mut reader = reader::Reader::new(raw);
        let name = reader.command();
        let (cluster, cluster_is_right) = match raw.source() {
            Source::CommandLine => (None, true),
            Source::Task => {
                let cluster = reader.aks_target();
                let right = cluster.is_some();
                (cluster, right)
            }
        };
        let workload = reader.workload();
        let command = match name {
            Some(CommandName::Check) => reader.check(workload).map(CommandInputs::Check),
            Some(CommandName::Rollback) => reader.rollback(workload).map(CommandInputs::Rollback),
            None => None,
        };
        let inputs = command
            .filter(|_| cluster_is_right)
            .map(|command| Self { command, cluster });
        reader.finish(inputs)
    }
}

#[cfg(test)]
mod tests;
