//! The fake kubelet: the scripts that pods get, and the pods that run one.

mod answer;
mod built_in;
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
pub(crate) use answer::Content;
pub use script::Script;
pub(crate) use script::{Scene, Step};

use crate::clock::later;
use crate::store::Key;

/// Which script a pod gets.
pub(crate) type Role = (Arc<dyn Fn(&Pod) -> bool + Send + Sync>, Script);

/// The scripts on offer, and those that are being played.
#[derive(Default)]
pub(crate) struct Cast {
    roles: Vec<Role>,
    pub(crate) plays: BTreeMap<String, Play>,
}

impl fmt::Debug for Cast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cast").finish_non_exhaustive()
    }
}

/// One pod's script, on its way.
pub(crate) struct Play {
    pub(crate) key: Key,
    pub(crate) began: Timestamp,
    pub(crate) steps: VecDeque<Step>,
    pub(crate) stops_in: Duration,
    /// When the pod's containers have stopped and the pod goes away.
    pub(crate) ends: Option<Timestamp>,
    /// The node that plays it, once there is one.
    pub(crate) node: Option<String>,
    /// Whether it has not begun, for want of a node that is alive.
    pub(crate) asleep: bool,
    /// What was reported last, to be reported again when the node comes back.
    pub(crate) status: Option<Value>,
    pub(crate) script: Script,
}

impl Play {
    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.ends
            .or_else(|| Some(later(self.began, self.steps.front()?.after)))
    }
}

impl Cast {
    pub(crate) fn new(roles: Vec<Role>) -> Self {
        Self {
            roles,
            plays: BTreeMap::new(),
        }
    }

    /// The first script whose matcher takes the pod; healthy when none does.
    pub(crate) fn script_for(&self, pod: &Pod) -> Script {
        self.roles
            .iter()
            .find(|(matches, _)| matches(pod))
            .map_or_else(Script::healthy, |(_, script)| script.clone())
    }
}
