//! Many workloads at once: what following them takes.

use rollguard_core::verdict::VerdictKind;
use serde::{Deserialize, Serialize};

use crate::verdicts::Load;

/// All that was measured, in the order of the cases.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Measured {
    /// The API server's version.
    pub kubernetes: String,
    /// How rollguard was built.
    pub build: String,
    /// One for each case that was measured.
    pub rows: Vec<Row>,
}

/// The event that the workloads go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Happens {
    /// Nothing: all have long been complete.
    Nothing,
    /// All are updated at once.
    Update,
}

/// One look at many workloads.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    /// The name of the case.
    pub case: String,
    /// The workloads, as a phrase.
    pub says: String,
    /// Rows of one family differ only in their size.
    pub family: String,
    /// How many workloads.
    pub workloads: usize,
    /// How many pods they have together.
    pub pods: usize,
    /// How many of the workloads never complete.
    pub stuck: usize,
    /// The event that they go through.
    pub happens: Happens,
    /// The timeout of every tool, in seconds.
    pub timeout: u64,
    /// The first of these is shown, all of them count for the time after the event.
    pub rollguard: Vec<Taken>,
    /// The sizes of what a step of a pipeline hands on; none where that was not measured.
    pub handed: Option<Handed>,
    /// `kubedog multitrack`.
    pub kubedog: Option<Taken>,
    /// `kubectl rollout status`, one workload after the other, up to the first that fails.
    pub kubectl: Option<Taken>,
}

/// The cost of one tool and its verdict.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Taken {
    /// In rollguard's words.
    pub verdict: VerdictKind,
    /// From its start to its end.
    pub seconds: f64,
    /// In user mode and in the kernel.
    pub cpu_seconds: f64,
    /// The most resident memory of any one process.
    pub peak_kibibytes: u64,
    /// Its requests to the API server.
    pub load: Load,
    /// How many of the requests were watches.
    pub watches: u64,
    /// How many lines it wrote.
    pub lines: usize,
    /// From the last workload's completion to its end, where all completed, without the time that it waits on
    /// purpose.
    pub after_event: Option<f64>,
}

/// The sizes of what a check hands on, in bytes.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Handed {
    /// The JSON report.
    pub report: usize,
    /// The page of the run.
    pub page: usize,
    /// All output variables of the task.
    pub variables: usize,
    /// The longest of them.
    pub longest_variable: usize,
}

/// How a cost grows between two sizes: the exponent of the size. 1 is in proportion, 0 not at all.
#[must_use]
pub fn exponent(sizes: (f64, f64), costs: (f64, f64)) -> Option<f64> {
    let grows = (sizes.1 / sizes.0).ln();
    let costs = (costs.1 / costs.0).ln();
    (grows.is_finite() && grows != 0.0 && costs.is_finite()).then(|| costs / grows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponent_is_that_of_the_size() {
        let near = |sizes, costs, right: f64| {
            let found = exponent(sizes, costs).unwrap();
            assert!((found - right).abs() < 1e-9, "{found} for {costs:?}");
        };
        near((10.0, 100.0), (2.0, 20.0), 1.0);
        near((10.0, 100.0), (2.0, 200.0), 2.0);
        near((10.0, 100.0), (5.0, 5.0), 0.0);
        assert_eq!(exponent((10.0, 10.0), (1.0, 2.0)), None);
        assert_eq!(exponent((10.0, 20.0), (0.0, 2.0)), None);
    }
}
