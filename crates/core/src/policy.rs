//! Every threshold, with unit, default and the reason for it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::finding::FindingCode;
use crate::http::HttpCheck;

/// What a cause must show before it counts as one that does not heal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// How long it must have lasted.
    pub grace: Duration,
    /// How often it must have happened.
    pub attempts: u32,
    /// Whether it is enough that one pod shows it although others of the new revision are ready:
    /// true where the pod template alone determines the cause, so that every pod will meet it.
    pub template_determined: bool,
}

/// The thresholds of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The longest wait for a verdict. Default 5 minutes.
    pub timeout: Duration,
    /// How long a complete rollout must stay complete, counted from its pods' own Ready times.
    /// Default 10 s: a process that dies of its first real request has done so by then.
    pub stable_for: Duration,
    /// How long the API server may be out of reach before the verdict is undetermined.
    /// Default 30 s: an AKS control plane fails over in a few seconds.
    pub blind_limit: Duration,
    /// After how long without any news a reminder is printed. Default 30 s.
    pub reminder: Duration,
    /// The least time a readiness probe may fail. Default 5 minutes, raised to three times the probe's
    /// own budget: a warm-up without a startupProbe is common, and looks just the same.
    pub readiness_grace: Duration,
    /// The graces that the user set, by cause. Default none.
    pub graces: BTreeMap<FindingCode, Duration>,
    /// What each pod must answer over HTTP. Default nothing.
    pub http: Vec<HttpCheck>,
    /// How long after a wrong answer a pod is asked again. Default 2 s.
    pub http_interval: Duration,
    /// How long pods may stay unschedulable once the cluster autoscaler said it would add a node.
    /// Default 10 minutes: an AKS node takes 2 to 5 minutes to join.
    pub scale_up_grace: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(300),
            stable_for: Duration::from_secs(10),
            blind_limit: Duration::from_secs(30),
            reminder: Duration::from_secs(30),
            readiness_grace: Duration::from_secs(300),
            scale_up_grace: Duration::from_secs(600),
            graces: BTreeMap::new(),
            http: Vec::new(),
            http_interval: Duration::from_secs(2),
        }
    }
}

/// What may always heal, and is only ever named as a suspect.
const NEVER: Rule = Rule {
    grace: Duration::MAX,
    attempts: 1,
    template_determined: true,
};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn of_template(grace: u64, attempts: u32) -> Rule {
    Rule {
        grace: secs(grace),
        attempts,
        template_determined: true,
    }
}

const fn of_time(grace: u64, attempts: u32) -> Rule {
    Rule {
        grace: secs(grace),
        attempts,
        template_determined: false,
    }
}

impl Policy {
    /// What a cause must show to count as terminal; `None` for what never decides.
    ///
    /// A cause whose rule asks for more than the timeout allows is not lost: it is named as a
    /// suspect of a timed-out verdict.
    #[must_use]
    #[expect(
        clippy::match_same_arms,
        reason = "equal numbers, each with a reason of its own"
    )]
    pub const fn rule(&self, code: FindingCode) -> Option<Rule> {
        Some(match code {
            // The template is wrong: seen twice, 5 s apart, it stays so.
            FindingCode::InvalidImageName
            | FindingCode::ImageNeverPulled
            | FindingCode::RunAsNonRootRefused
            | FindingCode::QuotaNeedsResources
            | FindingCode::LimitRangeViolated
            | FindingCode::PodSecurityViolated
            | FindingCode::AdmissionDenied => of_template(5, 1),
            // Two pulls 10 s apart (kubelet's image back-off starts at 10 s, kubelet.go
            // `imageBackOffPeriod`). A tag that a geo-replicated registry has not copied yet looks
            // the same, hence never at once (Shopify/krane#819).
            FindingCode::ImageNotFound | FindingCode::ImageWrongPlatform => of_template(10, 2),
            // An AcrPull role assignment takes minutes to become effective.
            FindingCode::ImagePullDenied => of_time(120, 2),
            // Registries throttle, fail over and come back.
            FindingCode::ImagePullFailing => of_time(300, 3),
            // The third restart comes about 30 s after the first start (back-off 0, 10, 20 s):
            // whoever waits for a dependency by crashing has had three tries by then.
            FindingCode::CrashAtStart => of_time(0, 4),
            FindingCode::ExitsAtOnce => of_time(0, 3),
            FindingCode::CommandNotRunnable => of_template(0, 2),
            FindingCode::OutOfMemory => of_time(0, 3),
            // The same pipeline, or an operator, may create the object moments later.
            FindingCode::ConfigObjectMissing | FindingCode::ServiceAccountMissing => {
                of_template(30, 1)
            }
            // The kubelet looks again after 10 to 15 s: a key that was added meanwhile must be seen.
            FindingCode::ConfigKeyMissing => of_template(20, 1),
            // Runtime overload ("name is reserved", "context deadline exceeded") passes.
            FindingCode::ContainerNotCreated => of_time(120, 1),
            // Azure Disk detaches by force after 6 minutes.
            FindingCode::VolumeNotMounted => of_time(420, 1),
            // Applies only while nothing in this rollout frees quota, see diagnose/creation.rs.
            FindingCode::QuotaExceeded => of_time(30, 1),
            // The webhook's own Deployment may be rolling out.
            FindingCode::WebhookUnavailable | FindingCode::PodCreationRefused => of_time(180, 1),
            FindingCode::ReplicaSetNotCreated => of_time(60, 1),
            // kstatus waits 15 s, far too short for a cluster that scales; a rolling update frees
            // room as it goes on.
            FindingCode::Unschedulable => of_time(120, 1),
            FindingCode::ReadinessFailing => Rule {
                grace: self.readiness_grace,
                attempts: 1,
                template_determined: false,
            },
            // One kill may be an accident, a second is the arithmetic of the probe.
            FindingCode::LivenessKillsStart | FindingCode::StartupProbeExhausted => of_time(0, 2),
            FindingCode::Paused => of_template(10, 1),
            // An operator may delete the pods one by one: ten minutes are time enough for it to begin.
            FindingCode::WaitsForDeletion => of_template(600, 1),
            // The former pod may become ready after all, and the rollout go on.
            FindingCode::StatefulSetStuck => of_template(60, 1),
            // Not of the workload's making, and over as soon as the node or the control plane is back:
            // only ever a suspect.
            FindingCode::NodeNotReady | FindingCode::ControllerLagging => NEVER,
            // Every answer was wrong for half a minute: caches are warm by then.
            FindingCode::HttpCheckFailing => of_template(30, 5),
            // Latched over a rollback, reset by pods that flap: it never decides (failures, section 1.5).
            FindingCode::ProgressDeadlineExceeded | FindingCode::NothingToVerify => return None,
        })
    }
}
