//! What circumstances change about a cause's time, and when what decides nothing is told.

use std::time::Duration;

/// Times and numbers that hold in circumstances of their own, whatever the rule of the code says.
/// A grace that the user set stands above them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patience {
    /// How long pods may stay unschedulable once the cluster autoscaler said it would add a node.
    /// Default 10 minutes: an AKS node takes 2 to 5 minutes to join.
    pub scale_up: Duration,
    /// How long pods wait at most once the cluster autoscaler said that it adds no node for them.
    /// Default 1 minute: a rolling update may free room as its old pods end, 30 s each by default.
    pub no_scale_up: Duration,
    /// How long pods wait at least while nodes are cordoned or not ready. Default 5 minutes: a node
    /// of an AKS upgrade comes back by then, or its surge node does.
    pub cordoned: Duration,
    /// How long pods wait at least while taints exclude nodes. Default 2 minutes: a node that joins
    /// bears `not-ready` for a minute or so, and the scheduler does not say which taint it is.
    pub tainted: Duration,
    /// How long after the end of its grace period a pod counts as stuck, so that it makes no room
    /// any more. Default 1 minute: the kubelet kills at that end, then unmounts volumes and reports.
    /// (estimated)
    pub ending: Duration,
    /// How long a readiness probe may be answered with 404. Default 2 minutes: the application is up
    /// and the path is not there, but some register their paths late.
    pub path_not_there: Duration,
    /// The longest start of the former revision's pods that is taken for one, and doubled. Default 30
    /// minutes: a pod that found its readiness again after a blip only looks as if it had taken long.
    pub longest_start: Duration,
    /// From how long after the first look another look of the kubelet shows that a key lacks for
    /// good. Default 10 s: pipelines apply what belongs together within a few seconds.
    pub later_look: Duration,
    /// How long a subPath may lack a variable that the pod template alone decides. Default 5 s: seen
    /// once more, as all that the template alone decides.
    pub template_alone: Duration,
    /// How long after the controller's next try a quota may still read as full once some of it was
    /// freed. Default 5 s: the try itself and its event take a moment.
    pub quota_margin: Duration,
    /// How long a controller may take to read a new spec without a word. Default 1 minute: it takes
    /// well under a second, and some more while a control plane fails over. (estimated)
    pub controller_lag: Duration,
    /// How far the clocks of a node and of the controllers may lie apart. Default 1 minute. (estimated)
    pub clock_skew: Duration,
    /// How long a startup probe may kill what had been ready before. Default 30 s, and one kill more
    /// than at a first start: it may wait for what it lost.
    pub startup_after_ready: Duration,
    /// How often the runtime must fail to start a container, in words that are not known, before
    /// that counts. Default 3 times: an overloaded one fails once or twice.
    pub runtime_failures: u32,
    /// How many times its own time a failing HTTP check is given while the rollout is still under way.
    /// Default 3: the pods that it needs may come with the next steps.
    pub check_under_way: u32,
    /// After how long without a word an HTTP check's question counts as lost and is asked again.
    /// Default 30 s: three times what an answer may take.
    pub http_lost: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            scale_up: Duration::from_secs(600),
            no_scale_up: Duration::from_secs(60),
            cordoned: Duration::from_secs(300),
            tainted: Duration::from_secs(120),
            ending: Duration::from_secs(60),
            path_not_there: Duration::from_secs(120),
            longest_start: Duration::from_secs(1800),
            later_look: Duration::from_secs(10),
            template_alone: Duration::from_secs(5),
            quota_margin: Duration::from_secs(5),
            controller_lag: Duration::from_secs(60),
            clock_skew: Duration::from_secs(60),
            startup_after_ready: Duration::from_secs(30),
            runtime_failures: 3,
            check_under_way: 3,
            http_lost: Duration::from_secs(30),
        }
    }
}

/// How long something must last before it is told, where it is no failure and decides nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownAfter {
    /// An image is being pulled. Default 30 s: most take some seconds.
    pub pull: Duration,
    /// A container's startup probe has not passed. Default 30 s.
    pub start: Duration,
    /// An init container runs. Default 30 s: a timeout of 1 minute shall still name it.
    pub init: Duration,
    /// A sidecar's startup probe has not passed, and the containers after it wait. Default 30 s.
    pub sidecar: Duration,
    /// A node took a pod and says nothing of it. Default 1 minute: pulls and mounts have had their
    /// first word by then.
    pub silence: Duration,
}

impl Default for ShownAfter {
    fn default() -> Self {
        Self {
            pull: Duration::from_secs(30),
            start: Duration::from_secs(30),
            init: Duration::from_secs(30),
            sidecar: Duration::from_secs(30),
            silence: Duration::from_secs(60),
        }
    }
}
