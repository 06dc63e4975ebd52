//! A look at a healthy Deployment in a fresh job, by the usual tools and by rollguard.

use serde::{Deserialize, Serialize};

/// All that was measured.
#[derive(Debug, Serialize, Deserialize)]
pub struct Measured {
    /// The API server's version.
    pub kubernetes: String,
    /// The version of the Azure CLI.
    pub azure_cli: String,
    /// The Azure CLI, kubelogin and kubectl.
    pub usual: Side,
    /// The packed task.
    pub rollguard: Side,
}

/// One way to look at the Deployment.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Side {
    /// Its commands, in their order.
    pub steps: Vec<Step>,
    /// The files that the last run leaves in the home folder and in the agent's temporary folder.
    pub left: Files,
}

/// One command.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Step {
    /// As a user writes it.
    pub command: String,
    /// One for each run.
    pub costs: Vec<Cost>,
    /// The programs and processes of a further run, which was traced.
    pub started: Started,
}

/// The time that one run of a command took.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Cost {
    /// From its start to its end.
    pub seconds: f64,
    /// Of all its processes, in user and kernel mode.
    pub cpu_seconds: f64,
}

/// The processes and programs that a command started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// Processes, itself among them.
    pub processes: usize,
    /// Programs that these loaded, one after another or not.
    pub programs: usize,
}

/// Files that were written.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Files {
    /// How many.
    pub count: usize,
    /// Their sizes together.
    pub bytes: u64,
}
