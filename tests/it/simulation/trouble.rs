//! Defines what each trouble does to the pods, and what is right to say of it. Nothing here asks the code under test:
//! the numbers are those that `docs/findings.md` publishes.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rollguard_sandbox::{Act, ApiFailure, PodRefusal, Script, Until};

use super::case::{Kind, Load, Trouble, What};

const NOT_FOUND: &str = "rpc error: code = NotFound desc = failed to pull and unpack image: failed to resolve reference: not found";

/// How a trouble can heal, so that calling it a failure would be a false alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heals {
    /// It cannot.
    Never,
    /// At most so many seconds after the update.
    Within(u64),
    /// After so many tries of each pod at most.
    Tries(u64),
}

/// The truth about a trouble.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Truth {
    pub(crate) heals: Heals,
    /// The names of the cause that are right where it lasts; none where it always heals.
    pub(crate) causes: &'static [&'static str],
    /// How long after it shows a lasting one is called a failure; `None` where a timeout is as right.
    pub(crate) decided_in: Option<u64>,
    /// Whether only events show it.
    pub(crate) told_by_events: bool,
}

const fn lasting(causes: &'static [&'static str], decided_in: u64) -> Truth {
    Truth {
        heals: Heals::Never,
        causes,
        decided_in: Some(decided_in),
        told_by_events: false,
    }
}

impl Truth {
    const fn within(mut self, seconds: u64) -> Self {
        self.heals = Heals::Within(seconds);
        self
    }

    const fn tries(mut self, most: u64) -> Self {
        self.heals = Heals::Tries(most);
        self
    }

    const fn told_by_events(mut self) -> Self {
        self.told_by_events = true;
        self
    }

    const fn or_timed_out(mut self) -> Self {
        self.decided_in = None;
        self
    }
}

impl What {
    pub(crate) const fn truth(self) -> Truth {
        match self {
            Self::ImageMissing => lasting(&["ImageNotFound"], 60).within(10),
            Self::ImageMissingInRegion => lasting(&["ImageNotFound"], 320).within(120),
            Self::ImageDenied => lasting(&["ImagePullDenied"], 660).within(300),
            Self::RegistryDown => lasting(&["ImagePullFailing"], 340).within(120),
            Self::ImageName => lasting(&["InvalidImageName"], 15),
            Self::Crash(_) => lasting(&["CrashAtStart"], 240).within(70),
            Self::CrashAfterReady(_) => lasting(&["CrashAfterReady"], 0).within(70).or_timed_out(),
            Self::Exits(_) => lasting(&["ExitsAtOnce"], 90).tries(2),
            Self::OutOfMemory => lasting(&["OutOfMemory"], 60).tries(2),
            Self::NoCommand => lasting(&["CommandNotRunnable"], 30),
            Self::NoConfig => lasting(&["ConfigObjectMissing"], 150).within(60),
            Self::NoKey => lasting(&["ConfigKeyMissing"], 150).within(60),
            Self::Root => lasting(&["RunAsNonRootRefused"], 30),
            Self::NoRoom => lasting(&["Unschedulable"], 150).within(60),
            Self::NoNode => lasting(&["NoNodeMatches"], 75).within(20),
            Self::Sandbox => lasting(&["SandboxNotCreated"], 340)
                .within(120)
                .told_by_events(),
            Self::Volume => lasting(&["VolumeNotMounted"], 0)
                .within(360)
                .told_by_events()
                .or_timed_out(),
            Self::NeverReady => lasting(&["ReadinessFailing"], 0).within(150).or_timed_out(),
            Self::Killed => lasting(&["LivenessKillsStart"], 0)
                .tries(2)
                .told_by_events()
                .or_timed_out(),
            Self::Webhook => lasting(&["WebhookUnavailable"], 240).within(90),
            Self::Denied => lasting(&["AdmissionDenied"], 60).within(8),
            Self::PodSecurity => lasting(&["PodSecurityViolated"], 60).within(8),
            Self::NoAccount => lasting(&["ServiceAccountMissing"], 60).within(8),
            Self::Quota => lasting(&["QuotaExceeded"], 0).within(8).or_timed_out(),
            Self::Paused => lasting(&["Paused"], 40).within(5),
            Self::Flaps(_) | Self::Falls(_) => lasting(&[], 0).within(120).or_timed_out(),
            // The second one as long as the Job has retries left.
            Self::JobFails => lasting(&["JobRetriesExhausted", "JobPodFailed"], 60),
        }
    }

    /// The refusal of pods, where that is the trouble.
    pub(crate) fn refusal(self) -> Option<PodRefusal> {
        let forbidden = |message: &str| Some(PodRefusal::Forbidden(message.to_owned()));
        if self == Self::Webhook {
            return Some(PodRefusal::Other(ApiFailure::internal(
                "failed calling webhook \"pods.policy.test\": failed to call webhook: Post \
                 \"https://policy.policy-system.svc:443/validate?timeout=10s\": dial tcp 10.0.31.4:443: connect: \
                 connection refused",
            )));
        }
        if self == Self::Denied {
            return Some(PodRefusal::Webhook {
                name: "pods.policy.test".to_owned(),
                message: "image must come from an approved registry".to_owned(),
            });
        }
        if self == Self::PodSecurity {
            return forbidden(
                "violates PodSecurity \"restricted:latest\": allowPrivilegeEscalation != false (container \"app\" \
                 must set securityContext.allowPrivilegeEscalation=false)",
            );
        }
        if self == Self::Quota {
            return forbidden(
                "exceeded quota: compute, requested: pods=1, used: pods=10, limited: pods=10",
            );
        }
        if self == Self::NoAccount {
            return forbidden(
                "error looking up service account shop/runner: serviceaccount \"runner\" not found",
            );
        }
        None
    }

    /// Returns whether it happens before any pod exists.
    pub(crate) fn is_before_pods(self) -> bool {
        self.refusal().is_some() || self == Self::Paused
    }

    /// Returns whether it happens after a pod was ready.
    pub(crate) const fn is_after_ready(self) -> bool {
        matches!(self, Self::Flaps(_) | Self::Falls(_))
    }
}

impl Trouble {
    fn until(self, update: Timestamp) -> Until {
        match (self.heals, self.what.truth().heals) {
            (None, _) | (_, Heals::Never) => Until::Never,
            (Some(tries), Heals::Tries(_)) => {
                Until::Tries(u32::try_from(tries).unwrap_or(u32::MAX))
            }
            (Some(seconds), Heals::Within(_)) => Until::At(
                update + SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX)),
            ),
        }
    }

    /// The acts of a pod that meets it.
    fn acts(self, load: &Load, update: Timestamp) -> Vec<Act> {
        let until = self.until(update);
        let before = before_it_runs(self.what, until);
        before
            .into_iter()
            .chain(self.while_it_runs(load, until))
            .collect()
    }

    /// The acts once the container can be started.
    fn while_it_runs(self, load: &Load, until: Until) -> Vec<Act> {
        let crash = |lasting: u64, (exit_code, reason): (i32, &str), ready: bool| {
            vec![Act::Crashes {
                ready_after: ready.then(|| Duration::from_secs(load.ready_after)),
                lasting: Duration::from_millis(lasting * 1000 + 300),
                exit_code,
                reason: reason.to_owned(),
                until,
            }]
        };
        match self.what {
            What::Crash(lasting) => crash(lasting, (1, "Error"), false),
            What::CrashAfterReady(lasting) => crash(lasting, (1, "Error"), true),
            What::Exits(lasting) => crash(lasting, (0, "Completed"), false),
            What::OutOfMemory => crash(1, (137, "OOMKilled"), false),
            What::NeverReady if self.heals.is_none() => vec![Act::Starts { ready_after: None }],
            What::Killed => vec![Act::LivenessKills { until }],
            What::Flaps(ready) => vec![Act::Flaps {
                ready: Duration::from_secs(ready),
                unready: Duration::from_secs(self.heals.unwrap_or_default()),
            }],
            What::Falls(after) => vec![
                Act::Falls {
                    after: Duration::from_secs(after),
                },
                load.starts(),
            ],
            What::ImageMissing
            | What::ImageMissingInRegion
            | What::ImageDenied
            | What::RegistryDown
            | What::ImageName
            | What::NoCommand
            | What::NoConfig
            | What::NoKey
            | What::Root
            | What::NoRoom
            | What::NoNode
            | What::Sandbox
            | What::Volume
            | What::NeverReady
            | What::Webhook
            | What::Denied
            | What::PodSecurity
            | What::NoAccount
            | What::Quota
            | What::Paused
            | What::JobFails => Vec::new(),
        }
    }

    /// The names of the cause that are right.
    pub(crate) fn causes(self, load: &Load) -> &'static [&'static str] {
        // Every start counts as ready where there is no probe.
        if matches!(self.what, What::CrashAfterReady(_)) && !load.probed {
            return &["CrashAtStart"];
        }
        self.what.truth().causes
    }

    /// How much later each pod is ready for it, and all of them, at most.
    pub(crate) fn costs(self, load: &Load) -> (u64, u64) {
        let heals = self.heals.unwrap_or_default();
        match self.what {
            What::Crash(lasting) => (0, 2 * heals + 2 * lasting + 30),
            What::CrashAfterReady(lasting) => {
                let run = lasting + load.ready_after;
                (2 * run, 2 * heals + 3 * run + 30)
            }
            What::Exits(lasting) => (heals * (lasting + 2) + 40, 0),
            What::OutOfMemory => (heals * 4 + 40, 0),
            What::Killed => (heals * 20 + 40, 0),
            What::NeverReady => (0, 0),
            What::Flaps(ready) => (ready + heals, 0),
            What::Falls(after) => (2 * (after + load.ready_after) + 10, 0),
            What::ImageMissing
            | What::ImageMissingInRegion
            | What::ImageDenied
            | What::RegistryDown
            | What::ImageName
            | What::NoCommand
            | What::NoConfig
            | What::NoKey
            | What::Root
            | What::NoRoom
            | What::NoNode
            | What::Sandbox
            | What::Volume
            | What::Webhook
            | What::Denied
            | What::PodSecurity
            | What::NoAccount
            | What::Quota
            | What::Paused
            | What::JobFails => (0, 2 * heals + 30),
        }
    }
}

/// The act of a pod before its container can be started, in the words of scheduler, kubelet and runtime.
fn before_it_runs(what: What, until: Until) -> Option<Act> {
    let pull = |error: &str| Act::PullFails {
        error: error.to_owned(),
        until,
    };
    let config = |error: &str| Act::ConfigFails {
        error: error.to_owned(),
        until,
    };
    let unschedulable = |why: &str| Act::Unschedulable {
        message: format!(
            "0/3 nodes are available: {why}. preemption: 0/3 nodes are available: 3 Preemption is not helpful for \
             scheduling."
        ),
        until,
    };
    let warned = |reason: &str, message: &str| Act::Warned {
        reason: reason.to_owned(),
        message: message.to_owned(),
        until,
    };
    let acts = [
        (What::ImageMissing, pull(NOT_FOUND)),
        (What::ImageMissingInRegion, pull(NOT_FOUND)),
        (
            What::ImageDenied,
            pull(
                "failed to pull and unpack image: failed to resolve reference: failed to authorize: failed to fetch \
                 anonymous token: unexpected status from GET request to https://registry.test/oauth2/token: 401 \
                 Unauthorized",
            ),
        ),
        (
            What::RegistryDown,
            pull(
                "failed to pull and unpack image: failed to resolve reference: failed to do request: Head \
                 \"https://registry.test/v2/app/manifests/v2\": dial tcp 10.1.2.3:443: i/o timeout",
            ),
        ),
        (What::NoConfig, config("secret \"db-password\" not found")),
        (
            What::NoKey,
            config("couldn't find key url in ConfigMap shop/settings"),
        ),
        (What::NoRoom, unschedulable("3 Insufficient cpu")),
        (
            What::NoNode,
            unschedulable("3 node(s) didn't match Pod's node affinity/selector"),
        ),
        (
            What::Sandbox,
            warned(
                "FailedCreatePodSandBox",
                "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox: \
                 plugin type=\"azure-vnet\" failed (add): connect: connection refused",
            ),
        ),
        (
            What::Volume,
            warned(
                "FailedAttachVolume",
                "Multi-Attach error for volume \"pvc-1\" Volume is already exclusively attached to one node and \
                 can't be attached to another",
            ),
        ),
    ];
    let act = acts.into_iter().find(|(it, _)| *it == what);
    act.map(|(_, act)| act)
}

impl Load {
    /// The script of its new pods.
    pub(crate) fn script(&self, update: Timestamp) -> Script {
        let stops_in = Duration::from_millis(self.stops_in * 1000 + 500);
        let is = |what: What| self.troubles.iter().any(|it| it.what == what);
        let whole = [
            (What::ImageName, Script::invalid_image_name()),
            (What::NoCommand, Script::command_not_runnable("serve")),
            (What::Root, Script::run_as_non_root_refused()),
        ];
        let whole = whole.into_iter().find(|(what, _)| is(*what));
        if let Some((_, script)) = whole {
            return script.stopping_in(stops_in);
        }
        let acts = |trouble: &&Trouble| trouble.acts(self, update);
        let (after, before): (Vec<&Trouble>, Vec<&Trouble>) = self
            .troubles
            .iter()
            .partition(|it| it.what.is_after_ready());
        let mut all: Vec<Act> = before.iter().flat_map(acts).collect();
        let ends = self
            .lasts_for_ever()
            .is_some_and(|it| !it.what.is_before_pods() && it.what != What::JobFails);
        if !ends {
            all.push(self.starts());
            all.extend(after.iter().flat_map(acts));
            if self.kind == Kind::Job {
                let fails = is(What::JobFails);
                all.push(Act::Ends {
                    after: Duration::from_secs(self.ready_after),
                    exit_code: i32::from(fails),
                });
            }
        }
        Script::acts(all).stopping_in(stops_in)
    }

    fn starts(&self) -> Act {
        Act::Starts {
            ready_after: Some(Duration::from_millis(self.slow_start() * 1000 + 200)),
        }
    }

    /// How long the start takes that succeeds.
    pub(crate) fn slow_start(&self) -> u64 {
        let slow = self.troubles.iter().find(|it| it.what == What::NeverReady);
        slow.and_then(|it| it.heals).unwrap_or(self.ready_after)
    }

    /// The trouble that does not heal.
    pub(crate) fn lasts_for_ever(&self) -> Option<Trouble> {
        self.troubles.iter().copied().find(|it| it.heals.is_none())
    }
}
