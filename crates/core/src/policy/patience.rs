//! Holds the times for special circumstances, and for informational findings.

use std::time::Duration;

/// Times and numbers for special circumstances, which override the rule of the code.
///
/// A grace that the user set overrides them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patience {
    /// How long pods may stay unschedulable after the cluster autoscaler announced a node. Default
    /// 10 minutes: an AKS node takes 2 to 5 minutes to join.
    pub scale_up: Duration,
    /// How long pods may stay unschedulable after the cluster autoscaler reported that it adds no
    /// node. Default 1 minute: a rolling update may free resources as its old pods terminate, 30 s
    /// each by default.
    pub no_scale_up: Duration,
    /// How long pods may at least stay unschedulable while nodes are cordoned or not ready. Default
    /// 5 minutes: a node of an AKS upgrade, or its surge node, is ready by then.
    pub cordoned: Duration,
    /// How long pods may at least stay unschedulable while taints exclude nodes. Default 2 minutes:
    /// a joining node has the taint `not-ready` for about a minute, and the scheduler does not name
    /// the taint.
    pub tainted: Duration,
    /// How long after the end of its grace period a terminating pod counts as stuck, and no longer
    /// as freeing resources. Default 1 minute: the kubelet kills it at that end, then unmounts
    /// volumes and reports. (estimated)
    pub ending: Duration,
    /// How long a readiness probe may be answered with 404. Default 2 minutes: the application runs
    /// without that path, but some register their paths late.
    pub path_not_there: Duration,
    /// The longest start of the former revision's pods that is believed. Default 30 minutes: a pod
    /// that became ready again after a blip only looks as if it had started slowly.
    pub longest_start: Duration,
    /// How long a subPath may lack a variable that the pod template alone sets. Default 5 s: enough
    /// to see the failure once more.
    pub template_alone: Duration,
    /// How long after a controller's next try a refusal may still seem to last: a quota that was freed, a
    /// webhook that answers again. Default 5 s: the try and its event take a moment.
    pub retry_margin: Duration,
    /// How long a controller may take to observe a new spec before it is reported. Default 1
    /// minute: it takes well under a second, and longer while a control plane fails over.
    /// (estimated)
    pub controller_lag: Duration,
    /// How far the clocks of a node and of the controllers may differ. Default 1 minute.
    /// (estimated)
    pub clock_skew: Duration,
    /// How long a startup probe may kill a container that was ready before. Default 2m30s, as for a
    /// crash: it may wait for a dependency that it lost.
    pub startup_after_ready: Duration,
    /// How long something may be missing that an object in the cluster promises: a Secret that a
    /// Certificate or an `ExternalSecret` names, a program on a volume that another container fills.
    /// Default 10 minutes: twice the 5 minutes after which External Secrets wrote a Secret
    /// (external-secrets#1076).
    pub promised: Duration,
    /// How long a tag may be missing in a registry that copies its tags to other regions. Default 4
    /// minutes: twice the two minutes that krane#819 names for a geo-replicated Azure registry.
    pub replicated: Duration,
    /// How long a quota may be full while the workloads that may free it cannot be read. Default 1
    /// minute: twice the default grace period of a pod.
    pub quota_unseen: Duration,
    /// After how long a lookup is repeated while the cause that needs it lasts. Default 5 s.
    pub lookup_again: Duration,
    /// How long a complete rollout waits for the first answer about the ways to its pods. Default 10 s:
    /// the lists come at once, and without them it is only not said that users reach the pods.
    pub traffic_answer: Duration,
    /// How long after its grace a lost way may wait for the answer that shows it once more. Default 30 s.
    pub traffic_again: Duration,
    /// How long an EndpointSlice may lag behind a pod that is ready. Default 8 s: it is written within
    /// a second, and within some more under load. (estimated)
    pub endpoint_lag: Duration,
    /// How often the runtime must fail to start a container with an unknown error. Default 3 times:
    /// an overloaded runtime fails once or twice.
    pub runtime_failures: u32,
    /// The factor on the grace of a failing HTTP check while the rollout is in progress. Default 3:
    /// the pods that it depends on may come with the next steps.
    pub check_under_way: u32,
    /// After how long without an answer an HTTP request counts as lost and is sent again. Default
    /// 30 s: three times the limit for an answer.
    pub http_lost: Duration,
    /// The longest time from a container's start to the first kill of its liveness probe that a
    /// success waits for. Default 1 minute 30 s: it covers the API's defaults (30 s) with an
    /// initial delay of a minute, and no healthy rollout waits for minutes.
    pub unproven_probe: Duration,
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
            template_alone: Duration::from_secs(5),
            retry_margin: Duration::from_secs(5),
            controller_lag: Duration::from_secs(60),
            clock_skew: Duration::from_secs(60),
            startup_after_ready: Duration::from_secs(150),
            promised: Duration::from_secs(600),
            replicated: Duration::from_secs(240),
            quota_unseen: Duration::from_secs(60),
            lookup_again: Duration::from_secs(5),
            traffic_answer: Duration::from_secs(10),
            traffic_again: Duration::from_secs(30),
            endpoint_lag: Duration::from_secs(8),
            runtime_failures: 3,
            check_under_way: 3,
            http_lost: Duration::from_secs(30),
            unproven_probe: Duration::from_secs(90),
        }
    }
}

/// How long something must last before an informational finding reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownAfter {
    /// An image is being pulled. Default 15 s: most take some seconds.
    pub pull: Duration,
    /// A container's startup probe has not passed. Default 15 s.
    pub start: Duration,
    /// An init container runs. Default 15 s, so that the cause is named early.
    pub init: Duration,
    /// A sidecar's startup probe has not passed, and the containers after it wait. Default 15 s.
    pub sidecar: Duration,
    /// A postStart hook runs. Default 5 s: most end at once.
    pub hook: Duration,
    /// No scheduler of the name that the pod template gives has reported on a pod. Default 5 s: a
    /// scheduler reports on a pod within a second.
    pub scheduler: Duration,
    /// The default scheduler has not reported on a pod. Default 30 s: on a busy cluster it may have a
    /// queue.
    pub default_scheduler: Duration,
    /// Only finalizers keep a pod whose containers have ended. Default 5 s: most are removed at once.
    pub finalizers: Duration,
    /// A pod is scheduled and has no event since. Default 20 s: pulls and mounts have sent
    /// their first event by then.
    pub silence: Duration,
}

impl Default for ShownAfter {
    fn default() -> Self {
        Self {
            pull: Duration::from_secs(15),
            start: Duration::from_secs(15),
            init: Duration::from_secs(15),
            sidecar: Duration::from_secs(15),
            hook: Duration::from_secs(5),
            scheduler: Duration::from_secs(5),
            default_scheduler: Duration::from_secs(30),
            finalizers: Duration::from_secs(5),
            silence: Duration::from_secs(20),
        }
    }
}
