//! From all that is known to a verdict, at one time.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;

use crate::diagnose::{Case, Diagnosis, diagnose};
use crate::duration::{after, elapsed};
use crate::finding::{Finding, Prognosis};
use crate::observation::{Blindness, ResourceKind};
use crate::policy::Policy;
use crate::progress;
use crate::snapshot::{PodView, Snapshot};
use crate::verdict::{Pending, Undetermined, Verdict};

/// What a judgement looks at.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// All that is known.
    pub snapshot: &'a Snapshot,
    /// When the session began: the timeout counts from here.
    pub started: Timestamp,
    /// Since when the rollout was seen complete without a break.
    pub complete_since: Option<Timestamp>,
}

/// A verdict with what led to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// Every finding.
    pub findings: Vec<Finding>,
    /// Whether the counts are complete.
    pub complete: bool,
    /// When the verdict may change if nothing else is seen.
    pub wake_at: Timestamp,
}

/// Judges what is known at `now`.
#[must_use]
pub fn judge(view: &View<'_>, policy: &Policy, now: Timestamp) -> Judgement {
    let deadline = after(view.started, policy.timeout);
    match sight(view.snapshot, policy, now) {
        Sight::Lost(why) => return undetermined(why),
        Sight::Dim { why, .. } if now >= deadline => return undetermined(why),
        Sight::Dim { until, .. } => return looking(until.min(deadline)),
        Sight::Clear => {}
    }
    let Some(workload) = view.snapshot.workload().filter(|_| view.snapshot.synced()) else {
        return if now >= deadline {
            undetermined(never_seen(deadline))
        } else {
            looking(deadline)
        };
    };
    let diagnosis = findings_of(view, workload, policy, now);
    let progress = match progress::complete(workload) {
        Ok(()) => Progress::Complete(stable_at(view, workload, policy, now)),
        Err(pending) => Progress::Pending(pending),
    };
    decide(
        progress,
        diagnosis,
        &Limits {
            deadline,
            policy,
            now,
        },
    )
}

const fn undetermined(why: Undetermined) -> Judgement {
    let verdict = Verdict::Undetermined { why };
    Judgement {
        verdict,
        findings: Vec::new(),
        complete: false,
        wake_at: Timestamp::MAX,
    }
}

const fn looking(wake_at: Timestamp) -> Judgement {
    let verdict = Verdict::Progressing {
        pending: Pending::NotSeen,
    };
    Judgement {
        verdict,
        findings: Vec::new(),
        complete: false,
        wake_at,
    }
}

enum Progress {
    Pending(Pending),
    /// Complete, and stable from then on; `None` while a pod is not ready.
    Complete(Option<Timestamp>),
}

struct Limits<'a> {
    deadline: Timestamp,
    policy: &'a Policy,
    now: Timestamp,
}

fn decide(progress: Progress, diagnosis: Diagnosis, limits: &Limits<'_>) -> Judgement {
    let Limits {
        deadline,
        policy,
        now,
    } = *limits;
    let Diagnosis {
        findings,
        decide_at,
    } = diagnosis;
    let (pending, complete, stable_at) = match progress {
        Progress::Pending(pending) => (pending, false, None),
        Progress::Complete(at) => (
            Pending::Stabilising {
                needed: policy.stable_for,
            },
            true,
            at,
        ),
    };
    let terminal: Vec<Finding> = findings
        .iter()
        .filter(|it| it.prognosis == Prognosis::Terminal)
        .cloned()
        .collect();
    // A rollout that completes just before the deadline gets its stability window all the same.
    let graced = stable_at.filter(|at| *at <= after(deadline, policy.stable_for));
    let verdict = if stable_at.is_some_and(|at| now >= at) {
        Verdict::Succeeded
    } else if !terminal.is_empty() {
        Verdict::Failed { causes: terminal }
    } else if now >= deadline && graced.is_none() {
        let informational = |it: &&Finding| it.prognosis != Prognosis::Informational;
        let suspects = findings.iter().filter(informational).cloned().collect();
        Verdict::TimedOut { pending, suspects }
    } else {
        Verdict::Progressing { pending }
    };
    let wake_at = [decide_at, stable_at, Some(deadline).filter(|it| *it > now)];
    let wake_at = wake_at
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(Timestamp::MAX);
    Judgement {
        verdict,
        findings,
        complete,
        wake_at,
    }
}

/// How well the cluster can be seen.
enum Sight {
    Clear,
    /// A resource is out of sight for now; nothing is decided meanwhile.
    Dim {
        until: Timestamp,
        why: Undetermined,
    },
    /// The verdict is undetermined.
    Lost(Undetermined),
}

/// A refusal of pods, ReplicaSets or events only narrows the view; of the workload it ends it.
/// A lost connection may come back within [`Policy::blind_limit`].
fn sight(snapshot: &Snapshot, policy: &Policy, now: Timestamp) -> Sight {
    let mut dim = None;
    for resource in ResourceKind::ALL {
        let Some((since, why)) = snapshot.blindness(resource) else {
            continue;
        };
        let blind = Undetermined::Blind {
            resource,
            since: *since,
            why: why.clone(),
        };
        match why {
            Blindness::Unauthorized { .. } => return Sight::Lost(blind),
            Blindness::Forbidden { .. } if resource == ResourceKind::Workload => {
                return Sight::Lost(blind);
            }
            Blindness::Forbidden { .. } => {}
            Blindness::Disconnected { .. } if elapsed(*since, now) >= policy.blind_limit => {
                return Sight::Lost(blind);
            }
            Blindness::Disconnected { .. } => {
                dim = Some(Sight::Dim {
                    until: after(*since, policy.blind_limit),
                    why: blind,
                });
            }
        }
    }
    dim.unwrap_or(Sight::Clear)
}

fn never_seen(deadline: Timestamp) -> Undetermined {
    Undetermined::Blind {
        resource: ResourceKind::Workload,
        since: deadline,
        why: Blindness::Disconnected {
            message: "it was not listed before the deadline".to_owned(),
        },
    }
}

fn findings_of(
    view: &View<'_>,
    workload: &Deployment,
    policy: &Policy,
    now: Timestamp,
) -> Diagnosis {
    let View {
        snapshot, started, ..
    } = *view;
    let set = snapshot.new_replica_set();
    let pods = snapshot.new_pods();
    let ended = snapshot.new_ended_pods();
    diagnose(&Case {
        snapshot,
        workload,
        set,
        pods,
        ended,
        policy,
        started,
        now,
    })
}

/// When the complete rollout counts as stable: [`Policy::stable_for`] after its youngest pod became
/// ready. Where pods cannot be seen, after it was first seen complete. `None` while fewer pods are
/// ready than desired, as the counts may run ahead of the pods.
fn stable_at(
    view: &View<'_>,
    workload: &Deployment,
    policy: &Policy,
    now: Timestamp,
) -> Option<Timestamp> {
    let narrowed = |resource| view.snapshot.blindness(resource).is_some();
    if narrowed(ResourceKind::Pod) || narrowed(ResourceKind::ReplicaSet) {
        return Some(after(view.complete_since.unwrap_or(now), policy.stable_for));
    }
    let desired = usize::try_from(progress::desired(workload)).unwrap_or_default();
    let pods = view.snapshot.new_pods();
    let ready: Vec<Timestamp> = pods
        .iter()
        .filter_map(|pod| stable_from(pod, view, policy, now))
        .collect();
    if ready.len() < desired {
        return None;
    }
    Some(ready.into_iter().max().unwrap_or(now))
}

/// When a ready pod counts as stable. One that crashed before must outlive the run that it crashed
/// after: a green between two crashes is a false one.
fn stable_from(
    pod: &PodView<'_>,
    view: &View<'_>,
    policy: &Policy,
    now: Timestamp,
) -> Option<Timestamp> {
    let since = pod.ready_since()?;
    // A node whose clock is ahead must not keep a rollout from being complete.
    let since = if since > now {
        view.complete_since.unwrap_or(now)
    } else {
        since
    };
    let last_run = pod
        .containers()
        .filter_map(|container| container.last_run())
        .max();
    Some(after(
        after(since, last_run.unwrap_or_default()),
        policy.stable_for,
    ))
}
