//! A rollout as it is drawn: its workloads with their troubles, and the weather.
//!
//! All times are whole seconds, those of a case count from the update.

/// A check of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Case {
    /// How long the check may take.
    pub(crate) timeout: u64,
    /// How long a complete rollout must stay so.
    pub(crate) stable_for: u64,
    /// When the check begins.
    pub(crate) begins: u64,
    pub(crate) nodes: usize,
    pub(crate) loads: Vec<Load>,
    pub(crate) weather: Vec<Spell>,
    /// By how much watches and lists of pods, events and all else are late, in milliseconds.
    pub(crate) late: [u64; 3],
}

/// A workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) kind: Kind,
    pub(crate) replicas: u64,
    /// Whether the update is the first one.
    pub(crate) first: bool,
    /// Whether its container has a readiness probe.
    pub(crate) probed: bool,
    /// How long a start takes that succeeds.
    pub(crate) ready_after: u64,
    /// How long a pod takes to end.
    pub(crate) stops_in: u64,
    /// One after the other; only the last may last for ever.
    pub(crate) troubles: Vec<Trouble>,
    /// What happens to it besides.
    pub(crate) change: Option<(u64, Change)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Deployment,
    /// A Deployment that ends the old pods first.
    Recreated,
    StatefulSet,
    DaemonSet,
    /// A Job that is created with the update.
    Job,
}

/// Something that goes wrong with the new pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) what: What,
    /// When it heals; `None`: never. Seconds after the update, tries of each pod where `what` counts these.
    pub(crate) heals: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    ImageMissing,
    /// In a registry that copies its images to other regions.
    ImageMissingInRegion,
    ImageDenied,
    RegistryDown,
    ImageName,
    /// Ends so many seconds after its start.
    Crash(u64),
    /// Is ready for so many seconds, then ends.
    CrashAfterReady(u64),
    /// Ends with 0 after so many seconds.
    Exits(u64),
    OutOfMemory,
    NoCommand,
    NoConfig,
    NoKey,
    Root,
    NoRoom,
    NoNode,
    Sandbox,
    Volume,
    NeverReady,
    Killed,
    Webhook,
    Denied,
    PodSecurity,
    NoAccount,
    Quota,
    Paused,
    /// Is ready for the seconds, then unready for as long as `heals` says.
    Flaps(u64),
    /// Is ready for the seconds, then ends once.
    Falls(u64),
    /// The program of a Job ends with an error.
    JobFails,
}

/// A change of a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Another version is deployed, and is healthy.
    Newer,
    /// An autoscaler sets its replicas.
    Scaled(u64),
    Deleted,
}

/// A disturbance of the view, or of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spell {
    pub(crate) at: u64,
    pub(crate) lasts: u64,
    pub(crate) of: Sort,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Every watch ends, every second.
    Drops,
    /// The history is forgotten and every watch ends: 410.
    Expires,
    /// Watches of the resource say nothing.
    Stalls(&'static str),
    /// Nothing reaches the API server.
    Away,
    /// The API server answers with 500.
    Errors,
    /// The API server answers with 429.
    Overloaded,
    /// 403 for the resource.
    Forbidden(&'static str),
    /// No event is recorded.
    EventsLost,
    /// The first node is not heard of.
    NodeLost,
}
