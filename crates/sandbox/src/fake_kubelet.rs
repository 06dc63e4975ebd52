//! The fake kubelet: the scripts that pods get, and the pods that run one.

mod answer;
mod built_in;
mod life;
mod pod_simulator;
mod script;
mod trace;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use serde_json::Value;

pub use answer::Answer;
pub(crate) use answer::{Content, PodRequest};
pub use life::Act;
pub(crate) use script::{Action, Step};
pub use script::{LogLines, Script, Until};

use crate::clock::later;
use crate::store::Key;

/// Gives a script to the pods that match.
pub(crate) struct ScriptRule {
    pub(crate) matches: Arc<dyn Fn(&Pod) -> bool + Send + Sync>,
    pub(crate) script: Script,
}

/// The rules that choose a script, and the pods that run one, by uid.
#[derive(Default)]
pub(crate) struct FakeKubelet {
    rules: Vec<ScriptRule>,
    pub(crate) runs: BTreeMap<String, PodRun>,
}

impl fmt::Debug for FakeKubelet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeKubelet").finish_non_exhaustive()
    }
}

/// A pod that runs its script.
pub(crate) struct PodRun {
    pub(crate) key: Key,
    pub(crate) began: Timestamp,
    pub(crate) steps: VecDeque<Step>,
    pub(crate) stops_in: Duration,
    /// When the pod's containers have stopped and the pod goes away.
    pub(crate) stops_at: Option<Timestamp>,
    /// The node that it runs on, once there is one.
    pub(crate) node: Option<String>,
    /// Whether it has not begun, because no live node has the pod.
    pub(crate) waiting: bool,
    /// The status that was reported last; it is reported again when the node comes back.
    pub(crate) status: Option<Value>,
    pub(crate) script: Script,
}

impl PodRun {
    /// Returns when the next step is due, or when the pod goes away.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.stops_at
            .or_else(|| Some(later(self.began, self.steps.front()?.after)))
    }
}

impl FakeKubelet {
    pub(crate) fn new(rules: Vec<ScriptRule>) -> Self {
        Self {
            rules,
            runs: BTreeMap::new(),
        }
    }

    /// Returns the script of the first rule that matches the pod; healthy when none does.
    pub(crate) fn script_for(&self, pod: &Pod) -> Script {
        self.rules
            .iter()
            .find(|rule| (rule.matches)(pod))
            .map_or_else(Script::healthy, |rule| rule.script.clone())
    }
}
