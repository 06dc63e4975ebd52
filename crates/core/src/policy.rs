//! Holds every threshold, with its unit, its default and the reason for it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::duration::Human;
use crate::finding::FindingCode;
use crate::http::HttpCheck;

mod patience;

pub use patience::{Patience, ShownAfter};

/// When a cause counts as terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// How long the cause must have lasted.
    pub grace: Duration,
    /// How often it must have occurred.
    pub attempts: u32,
    /// Whether one pod suffices although other pods of the new revision are ready: true where the
    /// pod template alone determines the cause, so that it will affect every pod.
    pub template_determined: bool,
    /// The reason for these numbers, for the reader of `docs/findings.md`.
    pub why: &'static str,
}

impl Rule {
    /// The attempts of a rule that never decides.
    const NEVER: u32 = u32::MAX;

    const fn because(mut self, why: &'static str) -> Self {
        self.why = why;
        self
    }

    /// Returns whether the cause is at most a suspect of a timed-out verdict.
    #[must_use]
    pub const fn only_suspect(&self) -> bool {
        // No input accepts a duration that long.
        self.grace.as_secs() == Duration::MAX.as_secs()
    }
}

/// The default of [`Policy::blind_limit`]; a read outside the watches is repeated for as long.
pub const BLIND_LIMIT: Duration = Duration::from_secs(30);

/// The thresholds of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The longest wait for a verdict. Default 5 minutes.
    pub timeout: Duration,
    /// How long a complete rollout must stay complete, from the Ready times of its pods. Default 10
    /// s: a process that dies of its first real request has done so by then.
    ///
    /// A pod that crashed before must run longer than before the crash, and where a pod was evicted
    /// for its own limit, its successor must run longer than the evicted pod did; beyond the
    /// timeout if necessary, by 10 minutes at most.
    pub stable_for: Duration,
    /// How long the API server may be unreachable before the verdict is undetermined. Default 30 s:
    /// an AKS control plane fails over in a few seconds.
    pub blind_limit: Duration,
    /// After how long without a change a reminder is printed. Default 30 s.
    pub reminder: Duration,
    /// The least time for which a readiness probe may fail. Default 5 minutes, raised to three
    /// times the probe's own budget: a warm-up without a startupProbe is common, and looks the
    /// same.
    pub readiness_grace: Duration,
    /// The graces that the user set, by cause. Default none.
    pub graces: BTreeMap<FindingCode, Duration>,
    /// The HTTP checks of each pod. Default none.
    pub http: Vec<HttpCheck>,
    /// Whether a complete rollout is followed on to the users. Default no: the inputs of a check say so.
    pub traffic: bool,
    /// How long after a wrong answer a pod is requested again. Default 2 s.
    pub http_interval: Duration,
    /// The times that hold in special circumstances.
    pub patience: Patience,
    /// After how long informational findings are reported.
    pub shown_after: ShownAfter,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(300),
            stable_for: Duration::from_secs(10),
            blind_limit: BLIND_LIMIT,
            reminder: Duration::from_secs(30),
            readiness_grace: Duration::from_secs(300),
            graces: BTreeMap::new(),
            http: Vec::new(),
            traffic: false,
            http_interval: Duration::from_secs(2),
            patience: Patience::default(),
            shown_after: ShownAfter::default(),
        }
    }
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn of_template(grace: u64, attempts: u32) -> Rule {
    Rule {
        grace: secs(grace),
        attempts,
        template_determined: true,
        why: "",
    }
}

const fn of_time(grace: u64, attempts: u32) -> Rule {
    Rule {
        template_determined: false,
        ..of_template(grace, attempts)
    }
}

/// Informational: never decides.
const fn never() -> Rule {
    of_time(0, Rule::NEVER)
}

/// May always heal: at most a suspect of a timed-out verdict.
const fn suspect() -> Rule {
    Rule {
        grace: Duration::MAX,
        ..of_template(0, 1)
    }
}

macro_rules! rules {
    ($policy:ident; $($($name:ident)|+ => $rule:expr, $why:literal;)+) => {
        const fn written($policy: &Policy, code: FindingCode) -> Rule {
            match code { $($(FindingCode::$name)|+ => $rule.because($why),)+ }
        }
    };
}

rules! { policy;
    // kubelet.go `imageBackOffPeriod`: pulls follow 10 s, 30 s and 70 s after the first.
    ImageNotFound => of_template(25, 2), "a tag that is being pushed may exist at the second or third pull, 10s and 30s after the first; Azure's registry, which may copy its tags to other regions, gets 4m";
    InvalidImageName => of_template(4, 1), "the pod template is wrong and stays so: seen once more after 4s";
    ImagePullDenied => of_time(600, 2), "a role assignment (AcrPull) takes up to five minutes to become effective";
    ImagePullFailing => of_time(300, 3), "registries throttle, fail over and recover within minutes";
    RegistryNotTrusted => of_time(120, 2), "a proxy or a registry may just be renewing its certificate";
    ImageWrongPlatform => of_template(25, 2), "the build for another platform may still be on its way to the registry: the second and third pull come 10s and 30s after the first";
    ImageNeverPulled => of_template(4, 1), "the kubelet never pulls with this policy: seen once more after 4s";
    ImageSignatureRefused => of_template(25, 2), "the signature may be pushed right after the image: the second and third try come 10s and 30s after the first";
    ImageNotInspected => of_time(60, 1), "the container runtime may fail for some seconds";
    NodeDiskFull => of_time(180, 1), "the kubelet removes unused images within minutes";
    SlowPull => never(), "a slow pull is no failure: shown after 15s, for the reader to choose a longer timeout";
    // kuberuntime_manager.go: back-off 0, 10, 20 s. Nodes can lower its cap to 1 s
    // (KubeletConfiguration `crashLoopBackOff.maxContainerRestartPeriod`), hence the 30 s.
    CrashAtStart => of_time(150, 4), "an application that crashes until its dependency is up may find it at its fifth start, 75s after the first by the kubelet's back-off: twice that";
    CrashAfterReady => of_time(150, 3), "an application that lost a dependency may find it again at its fifth start, 75s after the first by the kubelet's back-off: twice that; if it does not become ready in between, a fourth exit is required";
    ExitsAtOnce => of_time(10, 3), "a program that should keep running has exited three times; the 10s keep a node that restarts containers fast from deciding within a second";
    NotRestarted => of_time(30, 1), "a restart rule would have started it again within seconds";
    CommandNotRunnable => of_time(0, 2), "the command is not in the image: the second try, about a second later, fails the same way; if another new pod is ready, part of the node's runtime is missing";
    ExecFormatError => of_template(0, 2), "the program does not fit the node: the second try, about a second later, fails the same way";
    PostStartHookRunning => never(), "a hook may take as long as it needs: shown after 5s, never a reason to fail";
    PostStartHookFailing => of_time(30, 3), "a hook may lose the first races against its own container, or wait for something that the third start finds";
    OutOfMemory => of_time(10, 3), "one kill may be a peak; three in a row are the limit";
    ConfigObjectMissing => of_template(120, 1), "the same pipeline or an operator may create the object a minute later; if an object in the cluster promises it, it gets longer";
    ConfigKeyMissing => of_template(120, 1), "keys are written like the object itself, by the same pipeline or an operator, a minute later at most; if an object in the cluster promises it, it gets longer";
    RunAsNonRootRefused => of_template(4, 1), "image and securityContext contradict each other: seen once more after 4s";
    SubPathNotPrepared => of_template(30, 1), "a file share may not be mounted yet at the first sync, and the next comes 10s to 15s later";
    ContainerSpecInvalid => of_template(4, 1), "the runtime cannot do what the template asks: seen once more after 4s";
    ContainerNotCreated => of_time(120, 1), "an overloaded runtime (`name is reserved`, `context deadline exceeded`) recovers within two minutes";
    InitRunsLong => never(), "an init container may migrate data for as long as it needs: shown after 15s, never a reason to fail";
    SidecarNotStarted => never(), "its startup probe decides: once that gives up, the cause is StartupProbeExhausted";
    // kubelet: attach_detach_controller.go, `maxWaitForUnmountDuration` 6 min.
    VolumeNotMounted => of_time(720, 1), "a disk is detached by force only after 6m: twice that";
    VolumeHeldElsewhere => of_template(120, 1), "the rollout would have stopped the holder by then if it were going to, and a disk moves within two minutes after that";
    // kubelet `exponentialBackOffOnError`: tries at 0, 0.5, 1.5, 3.5, 7.5 … 63, 127 s.
    SecretStoreFailing => of_time(600, 4), "a new role assignment or federated credential takes up to five minutes to become effective";
    FileShareRefused => of_time(60, 3), "a wrong key or a closed firewall stays so, and one minute is enough for a key that was just rotated";
    // Applies only while nothing in this rollout frees quota, see diagnose/creation.rs.
    QuotaExceeded => of_time(25, 1), "counts only while nothing in the namespace is seen to free quota; once something did, until the controller has tried again";
    QuotaNeedsResources => of_template(4, 1), "the template lacks what the quota requires: seen once more after 4s";
    QuotaDoesNotCover => of_template(4, 1), "the template requests what no quota covers: seen once more after 4s";
    QuotaStatusUnknown => of_time(60, 1), "the quota controller writes the usage of a new quota within seconds";
    LimitRangeViolated => of_template(4, 1), "the template is outside the limits: seen once more after 4s";
    ServiceAccountMissing => of_template(25, 1), "the same pipeline may create the ServiceAccount moments later: the controller's retries 10s and 20s after the first find it";
    SecretNotAllowed => of_template(4, 1), "the template and the list contradict each other: seen once more after 4s";
    // ReplicaSet back-off 5 ms · 2ⁿ: a cause that ends at t is seen ended by 2 t.
    PriorityClassMissing | RuntimeClassMissing => of_template(20, 1), "the same pipeline may create the class moments later; the controller retries at growing intervals, so 20s tolerate a class that is created within 10s";
    PodSecurityViolated => of_template(25, 1), "the level may be changed in the same release: the controller's retries 10s and 20s after the first find it";
    AdmissionDenied => of_template(25, 1), "an exemption may be made in the same release: the controller's retries 10s and 20s after the first find it";
    WebhookUnavailable => of_time(180, 1), "the webhook's own pods may be rolling out";
    NamespaceTerminating => of_template(5, 1), "a namespace that is being deleted does not come back: seen once more after 5s";
    InvalidPod => of_template(4, 1), "the pod stays invalid: seen once more after 4s";
    ApiOverloaded => of_time(180, 1), "an overloaded control plane recovers within minutes";
    ControllerNotPermitted => of_time(120, 1), "roles take a while to become effective after an upgrade";
    PodCreationRefused => of_time(180, 1), "an unknown cause may pass";
    ReplicaSetNotCreated => of_time(60, 1), "the controller tries again for a while";
    // kstatus waits 15 s.
    Unschedulable => of_time(120, 1), "a rolling update frees room as it goes on, and clusters scale; other tools wait 15s, far too short";
    NoNodeMatches => of_time(45, 1), "an autoscaler that can grow a pool from zero says so within its 10s scan, and then gets its own time; nothing in a rollout adds a label to a node";
    ClaimMissing => of_template(25, 1), "the same pipeline may create the claim moments later";
    ClaimNotBound => of_time(240, 1), "an Azure disk or share is created within two minutes: twice that";
    ClaimNotProvisioned => of_time(60, 3), "the storage driver has failed three times, at growing intervals";
    VolumeExcludesNodes => of_time(120, 1), "an old pod that ends frees its disk slot; clusters scale";
    SchedulingGated => never(), "another controller decides when the pod may start";
    SchedulerMissing => of_time(300, 1), "a scheduler that comes with the same release, or is being restarted, serves within minutes";
    NodeProviderFailing => of_time(300, 1), "the provider of a virtual node tries again, and its quotas and registries recover within minutes";
    SchedulerFailing => of_time(300, 1), "the scheduler retries, and provisioning a volume may take minutes";
    PodDisrupted => never(), "its replacement decides, with its own time";
    EvictedForOwnLimit => of_time(0, 2), "one pod may have been unlucky; a second one writes too much as well";
    EvictedByNode => of_time(120, 3), "one full node evicts one pod; three pods in two minutes show more than one bad node";
    NodeTurnsPodAway => of_time(60, 3), "kubelet and scheduler race for the last free resources, once or twice";
    NodeForbidsPod => of_template(0, 2), "the kubelet always gives the same answer at once: the second pod confirms it";
    SandboxNotCreated => of_time(300, 3), "the network plugin of a node that has just joined needs minutes";
    SubnetExhausted => of_time(180, 3), "addresses of pods that ended are given back after a minute or two";
    RuntimeHandlerMissing => of_template(60, 2), "a node that has just joined may still be installing its runtimes";
    DeviceNotPrepared => of_time(120, 2), "a device driver that is just starting needs a minute";
    StillCreating => never(), "without an event from the node nothing is known: shown after 20s, so that a timeout points to the node";
    OldPodsNotEnding => never(), "shown 1m after the end of its grace period, or 5s where only finalizers keep it; the new pods decide";
    DeletionRefused => suspect(), "not caused by the pod template, and over as soon as the policy lets the pods go";
    TimeoutTooShort => never(), "nothing fails: the rollout only needs longer than the check may take";
    ReadinessFailing => Rule { grace: policy.readiness_grace, ..of_time(0, 1) }, "a warm-up without a startupProbe is common and looks the same";
    ProbeCannotRun => of_template(4, 1), "the template names a port or a command that is not there: seen once more after 4s";
    ReadinessGateClosed => of_time(300, 1), "an application gateway takes minutes to add a backend";
    ProbeRedirected => never(), "a redirect counts as success to the kubelet: shown because it may be a login page";
    LivenessKillsAgain => of_time(150, 3), "three kills in this session of a container that was ready are no accident; a lost dependency may be back at the fifth start, 75s after the first by the kubelet's back-off: twice that; if it does not become ready in between, a fourth kill is required";
    LivenessKillsStart => of_time(0, 3), "after the first kill twice as long as two more starts and the kubelet's back-off take: the longest healing known is a third start that comes through, so that the third must have ended as well, which a node that does not report delays; never while an instance runs";
    StartupProbeExhausted => of_time(0, 3), "after the first kill twice as long as two more starts and the kubelet's back-off take: the longest healing known is a third start that comes through, so that the third must have ended as well, which a node that does not report delays; a container that was ready before may be waiting for a lost dependency, and gets 2m30s; never while an instance runs";
    StillStarting => never(), "the startup probe's own budget decides: shown after 15s, for the reader to compare it with the timeout";
    Paused => of_template(10, 1), "a pause is lifted by hand, or by the same script within seconds";
    HttpCheckFailing => of_template(25, 5), "every answer was wrong for 25s after the pod became ready; three times as long while the rollout is in progress, because pods that it depends on may be missing";
    ServiceCheckFailing => of_template(25, 5), "every answer of the Service was wrong for 25s after the pods became ready; three times as long while the rollout is in progress, because it may still lead to old pods";
    JobRetriesExhausted | JobDeadlineExceeded | JobPolicyFailed | JobFailed => of_template(0, 1), "the Job controller has given up, and never takes that back";
    JobIndexFailed => of_template(0, 1), "an index that has failed for the last time fails the Job, once its other indexes have ended; with a successPolicy the Job decides";
    JobPodFailed => suspect(), "the Job tries again until its backoffLimit is exceeded, and its controller says when it gives up";
    JobSuspended => of_template(10, 1), "it is resumed by hand, or by the same script within seconds; what a queue has suspended, the queue resumes";
    WaitsForDeletion => of_template(600, 1), "an operator may delete the pods one by one, and would have begun within ten minutes";
    StatefulSetStuck => of_template(60, 1), "the former pod may still become ready, and the rollout continue";
    NodeNotReady => never(), "the node returns, or the pod moves: other causes decide";
    NodeNotUpdated => suspect(), "not caused by the workload, and over as soon as the node is back";
    ControllerLagging => suspect(), "not caused by the workload, and over as soon as the control plane is back";
    // failures.md 1.5: latched over a rollback, reset by pods that flap.
    ServiceSelectsNoPod => of_template(30, 1), "the same pipeline may apply the Service seconds later, and an EndpointSlice lags by seconds: every answer for 30s showed no way to the pods";
    ServicePortMissing => of_template(30, 1), "the same pipeline may apply the Service seconds later, with the port's new name: every answer for 30s showed no way to the pods";
    NoPodListens => of_template(30, 1), "an application may open a port some seconds after it reports ready: every answer for 30s was a refusal";
    PortNotListening => never(), "nothing shows that the port ever was a way in, or something else may have refused";
    ServiceLeftBehind => never(), "the Service may be meant for the former version, and others may lead to the pods";
    ServiceMixesWorkloads => never(), "a canary shares a Service on purpose";
    EndpointsNotReady => never(), "the controller that writes the endpoints is behind, whatever the revision";
    IngressBackendMissing => never(), "an Ingress has no revision: it may have been broken for long";
    IngressClassMissing => never(), "an Ingress has no revision, and a controller may serve it by settings of its own";
    IngressSecretMissing => never(), "an Ingress has no revision, and most controllers serve a certificate of their own";
    RouteNotAccepted => never(), "an HTTPRoute has no revision: it may have been refused for long";
    RouteBackendMissing => never(), "an HTTPRoute has no revision: it may have been broken for long";
    LoadBalancerPending => never(), "a Service has no revision, and inside the cluster it serves without a load balancer";
    HealthProbeFailing => never(), "nothing shows that the former revision answered the probe";
    TrafficDenied => never(), "a network plugin need not enforce the policies, and its own may admit what these do not";
    EgressDenied => never(), "a network plugin need not enforce the policies, and its own may allow what these do not";
    DependencyNotServed => never(), "a value may name a host that is no Service, and the pods are ready without it";
    AutoscalerCannotAct => never(), "the pods serve; they are only not scaled";
    DnsChanged => never(), "a change of how names are looked up may be intended";
    ProgressDeadlineExceeded => never(), "it outlasts a rollback and is reset by pods that come and go, so it never decides";
    NothingToVerify => never(), "zero replicas may be intended, for example by an autoscaler";
}

impl Policy {
    /// Returns the rule of a cause, with the grace that the user set for it; `None` for a cause
    /// that never decides.
    ///
    /// A cause whose rule needs longer than the timeout is named as a suspect of the timed-out
    /// verdict. A cause that is at most a suspect stays one, whatever grace is set: the workload
    /// did not cause it, and it may be days old when a rollout begins.
    #[must_use]
    pub fn rule(&self, code: FindingCode) -> Option<Rule> {
        let rule = written(self, code);
        if rule.attempts == Rule::NEVER {
            return None;
        }
        let asked = self.asked(code).filter(|_| !rule.only_suspect());
        Some(Rule {
            grace: asked.unwrap_or(rule.grace),
            ..rule
        })
    }

    /// Returns the grace that the user set for a cause.
    #[must_use]
    pub fn asked(&self, code: FindingCode) -> Option<Duration> {
        self.graces.get(&code).copied()
    }

    /// Returns whether a cause can fail a rollout, so that a grace for it has an effect.
    #[must_use]
    pub fn decides(&self, code: FindingCode) -> bool {
        self.rule(code).is_some_and(|rule| !rule.only_suspect())
    }

    /// Describes the rule of a cause: `terminal after 10s and twice`.
    #[must_use]
    pub fn class(&self, code: FindingCode) -> String {
        let Some(rule) = self.rule(code) else {
            return "informational: never decides".to_owned();
        };
        let times = match rule.attempts {
            0 | 1 => String::new(),
            2 => "twice".to_owned(),
            many => format!("{many} times"),
        };
        if rule.only_suspect() {
            return "only ever a suspect".to_owned();
        }
        let lasted = Human(rule.grace);
        match (rule.grace.is_zero(), times.is_empty()) {
            (true, true) => "terminal at once".to_owned(),
            (true, false) => format!("terminal once it has happened {times}"),
            (false, true) => format!("terminal after {lasted}"),
            (false, false) => format!("terminal after {lasted} and {times}"),
        }
    }

    /// Returns the reason for the numbers of a cause's rule, or for their absence.
    #[must_use]
    pub const fn why(&self, code: FindingCode) -> &'static str {
        written(self, code).why
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Longest;

    #[test]
    fn every_code_says_why_in_one_sentence() {
        let policy = Policy::default();
        for &code in FindingCode::ALL {
            for why in [policy.why(code), code.rollback_why()] {
                assert!(!why.is_empty() && !why.ends_with('.'), "{code}: {why}");
            }
        }
    }

    /// A verdict of failure needs more than a cause: the template or the cluster's words exclude that it
    /// heals, or it has lasted twice as long as it took at most to heal.
    #[test]
    fn every_rule_waits_twice_as_long_as_the_longest_healing_known() {
        let policy = Policy::default();
        for &code in FindingCode::ALL {
            let healing = code.healing();
            let rule = policy.rule(code).filter(|it| !it.only_suspect());
            match (rule, healing.longest) {
                (Some(rule), Longest::Seen(longest)) => {
                    assert!(rule.grace >= longest * 2, "{code}: {}", Human(rule.grace));
                }
                // probe/kill.rs computes it from the probe's own settings.
                (Some(rule), Longest::ThirdStart) => assert!(rule.attempts >= 2, "{code}"),
                (Some(_), Longest::Excluded | Longest::NotSeen) => {}
                (Some(_), Longest::Undecided) => panic!("{code} decides"),
                (None, longest) => {
                    let suspect = policy.rule(code).is_some();
                    assert!(suspect || longest == Longest::Undecided, "{code}");
                }
            }
            let decides = rule.is_some();
            assert!(!decides || !healing.by.is_empty(), "{code}");
            assert!(!decides || !healing.source.is_empty(), "{code}");
            assert!(!healing.by.ends_with('.') && !healing.source.ends_with('.'));
        }
        let patience = Patience::default();
        // external-secrets/external-secrets#1076: five minutes; Shopify/krane#819: two.
        assert!(patience.promised >= secs(300) * 2);
        assert!(patience.replicated >= secs(120) * 2);
    }

    #[test]
    fn a_rule_reads_as_words() {
        let policy = Policy::default();
        let rows = [
            (FindingCode::ImageNotFound, "terminal after 25s and twice"),
            (FindingCode::InvalidImageName, "terminal after 4s"),
            (
                FindingCode::CommandNotRunnable,
                "terminal once it has happened twice",
            ),
            (FindingCode::SlowPull, "informational: never decides"),
            (FindingCode::NodeNotUpdated, "only ever a suspect"),
        ];
        for (code, expected) in rows {
            assert_eq!(policy.class(code), expected, "{code}");
        }
    }

    #[test]
    fn a_grace_of_the_user_replaces_that_of_the_rule_and_of_nothing_else() {
        let minute = secs(60);
        let rows = [
            ("longer", FindingCode::ImageNotFound, secs(600), true),
            ("shorter", FindingCode::VolumeNotMounted, secs(10), true),
            ("of readiness", FindingCode::ReadinessFailing, minute, true),
            ("of a check", FindingCode::HttpCheckFailing, minute, true),
            (
                "of what only ever is a suspect",
                FindingCode::NodeNotUpdated,
                minute,
                false,
            ),
            (
                "of what never decides",
                FindingCode::SlowPull,
                minute,
                false,
            ),
        ];
        let default = Policy::default();
        for (says, code, asked, obeyed) in rows {
            let policy = Policy {
                graces: [(code, asked)].into(),
                ..Policy::default()
            };
            let expected = default.rule(code).map(|rule| Rule {
                grace: if obeyed { asked } else { rule.grace },
                ..rule
            });
            assert_eq!(policy.rule(code), expected, "{says}");
            assert_eq!(policy.decides(code), obeyed, "{says}");
            let other = FindingCode::InvalidImageName;
            assert_eq!(policy.rule(other), default.rule(other), "{says}");
        }
    }

    #[test]
    fn words_name_the_very_times_that_hold() {
        let Policy {
            patience,
            shown_after,
            ..
        } = Policy::default();
        let rows = [
            (FindingCode::SlowPull, shown_after.pull),
            (FindingCode::StillStarting, shown_after.start),
            (FindingCode::InitRunsLong, shown_after.init),
            (FindingCode::SidecarNotStarted, shown_after.sidecar),
            (FindingCode::PostStartHookRunning, shown_after.hook),
            (FindingCode::SchedulerMissing, shown_after.scheduler),
            (FindingCode::SchedulerMissing, shown_after.default_scheduler),
            (FindingCode::StillCreating, shown_after.silence),
            (FindingCode::OldPodsNotEnding, patience.ending),
            (FindingCode::ControllerLagging, patience.controller_lag),
        ];
        for (code, lasts) in rows {
            let words = Human(lasts).to_string();
            assert!(code.signals().contains(&words), "{code}: {words}");
            let why = Policy::default().why(code).to_owned();
            let numbered = why.contains(|it: char| it.is_ascii_digit());
            assert!(!numbered || why.contains(&words), "{code}: {why}");
        }
        let words = Human(patience.startup_after_ready).to_string();
        let why = Policy::default().why(FindingCode::StartupProbeExhausted);
        assert!(why.contains(&words), "{why}");
    }
}
