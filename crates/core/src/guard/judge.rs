//! From all that is known to a verdict, at one time.

use jiff::Timestamp;

use super::{Target, ask};
use crate::diagnose::{Case, Diagnosis, diagnose};
use crate::duration::{after, elapsed};
use crate::finding::{Finding, Prognosis};
use crate::observation::{Blindness, ResourceKind};
use crate::policy::Policy;
use crate::progress;
use crate::snapshot::{PodView, Rollout, Snapshot};
use crate::verdict::{Pending, Supersession, Undetermined, Verdict};

/// What a judgement looks at.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// All that is known.
    pub snapshot: &'a Snapshot,
    /// The workload that is meant.
    pub target: &'a Target,
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
    match sight(view, policy, now) {
        Sight::Lost(why) => return undetermined(why),
        Sight::Dim { why, .. } if now >= deadline => return undetermined(why),
        Sight::Dim { until, .. } => return looking(until.min(deadline)),
        Sight::Clear => {}
    }
    let needed = ResourceKind::needed_for(view.target.workload.kind);
    let rollout = view.snapshot.rollout(&view.target.workload);
    let Some(rollout) = rollout.filter(|_| view.snapshot.synced(needed)) else {
        return if now >= deadline {
            undetermined(never_seen(view, deadline))
        } else {
            looking(deadline)
        };
    };
    if let Some(other) = other_revision(&rollout, view, now >= deadline) {
        return Judgement {
            wake_at: deadline,
            ..simply(other)
        };
    }
    let diagnosis = findings_of(view, &rollout, policy, now);
    let progress = progress_of(&rollout, view, policy, now);
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

/// Where one revision is asked for: whether another is in place. A lower one may still be on its way
/// out until the deadline.
fn other_revision(rollout: &Rollout<'_>, view: &View<'_>, late: bool) -> Option<Verdict> {
    let wanted = view.target.revision?;
    let newest = rollout.number();
    match newest {
        Some(newest) if newest == wanted => None,
        Some(newest) if newest > wanted => Some(Verdict::Superseded {
            by: Supersession::OtherRevision { wanted, newest },
        }),
        Some(_) | None if late => Some(Verdict::Undetermined {
            why: Undetermined::NoSuchRevision { wanted, newest },
        }),
        Some(_) | None => Some(Verdict::Progressing {
            pending: Pending::Revision { wanted, newest },
        }),
    }
}

fn progress_of(
    rollout: &Rollout<'_>,
    view: &View<'_>,
    policy: &Policy,
    now: Timestamp,
) -> Progress {
    let excused = rollout.excused();
    if let Err(pending) = progress::complete(rollout.workload(), &excused) {
        return Progress::Pending(pending);
    }
    let desired = progress::desired(rollout.workload(), &excused);
    let desired = usize::try_from(desired).unwrap_or_default();
    let pods: Vec<PodView<'_>> = rollout
        .new_pods()
        .into_iter()
        .filter(|pod| {
            // A pod on a node that is excused is not waited for.
            let node = pod
                .object()
                .spec
                .as_ref()
                .and_then(|it| it.node_name.as_deref());
            pod.ready_since().is_some() || !node.is_some_and(|it| excused.nodes.contains(&it))
        })
        .collect();
    let stable_at = stable_at(view, &pods, desired, &Window { policy, now });
    if policy.http.is_empty() {
        return Progress::Complete(stable_at);
    }
    let checks = 0..policy.http.len();
    let wanted = pods.len().max(desired) * checks.len();
    let passed = pods
        .iter()
        .flat_map(|pod| checks.clone().map(move |check| (pod, check)))
        .filter(|(pod, check)| ask::passed(pod, *check, policy))
        .count();
    if passed < wanted {
        return Progress::Pending(Pending::HttpChecks { passed, wanted });
    }
    Progress::Complete(stable_at)
}

const fn simply(verdict: Verdict) -> Judgement {
    Judgement {
        verdict,
        findings: Vec::new(),
        complete: false,
        wake_at: Timestamp::MAX,
    }
}

const fn undetermined(why: Undetermined) -> Judgement {
    simply(Verdict::Undetermined { why })
}

fn looking(wake_at: Timestamp) -> Judgement {
    let verdict = Verdict::Progressing {
        pending: Pending::NotSeen,
    };
    Judgement {
        wake_at,
        ..simply(verdict)
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
        let suspects = suspects(&findings);
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

/// What may be why the time ran out. What decides nothing is named only where nothing else is: an init
/// container that is still running explains the wait, and beside an image that is missing it does not.
fn suspects(findings: &[Finding]) -> Vec<Finding> {
    let (noted, suspected): (Vec<_>, Vec<_>) = findings
        .iter()
        .cloned()
        .partition(|it| it.prognosis == Prognosis::Informational);
    if suspected.is_empty() {
        noted
    } else {
        suspected
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

/// A refusal of pods, revisions, events or nodes only narrows the view; of the workload, or of the
/// HTTP checks that were asked for, it ends it. A lost connection may come back within
/// [`Policy::blind_limit`].
fn sight(view: &View<'_>, policy: &Policy, now: Timestamp) -> Sight {
    let kind = view.target.workload.kind;
    let checked = !policy.http.is_empty();
    let mut dim = None;
    for (resource, (since, why)) in view.snapshot.blind_spots() {
        let proxy = resource == ResourceKind::PodProxy && checked;
        if !proxy && !ResourceKind::needed_for(kind).contains(&resource) {
            continue;
        }
        let blind = Undetermined::Blind {
            resource,
            since: *since,
            why: why.clone(),
        };
        let needed = proxy
            || resource == ResourceKind::of(kind)
            || (resource == ResourceKind::Pod && checked);
        match why {
            Blindness::Unauthorized { .. } => return Sight::Lost(blind),
            Blindness::Forbidden { .. } if needed => return Sight::Lost(blind),
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

fn never_seen(view: &View<'_>, deadline: Timestamp) -> Undetermined {
    Undetermined::Blind {
        resource: ResourceKind::of(view.target.workload.kind),
        since: deadline,
        why: Blindness::Disconnected {
            message: "it was not listed before the deadline".to_owned(),
        },
    }
}

fn findings_of(
    view: &View<'_>,
    rollout: &Rollout<'_>,
    policy: &Policy,
    now: Timestamp,
) -> Diagnosis {
    diagnose(&Case {
        snapshot: view.snapshot,
        workload: rollout.workload(),
        rollout: *rollout,
        pods: rollout.new_pods(),
        ended: rollout.ended_pods(),
        policy,
        started: view.started,
        now,
    })
}

struct Window<'a> {
    policy: &'a Policy,
    now: Timestamp,
}

/// When the complete rollout counts as stable: [`Policy::stable_for`] after its youngest pod became
/// ready. Where pods cannot be seen, after it was first seen complete. `None` while fewer pods are
/// ready than desired, as the counts may run ahead of the pods.
fn stable_at(
    view: &View<'_>,
    pods: &[PodView<'_>],
    desired: usize,
    window: &Window<'_>,
) -> Option<Timestamp> {
    let Window { policy, now } = *window;
    let needed = ResourceKind::needed_for(view.target.workload.kind);
    let narrowed = needed
        .iter()
        .filter(|resource| !matches!(resource, ResourceKind::Event | ResourceKind::Node))
        .any(|resource| view.snapshot.blindness(*resource).is_some());
    // The older tie finds a DaemonSet's pods where its revisions cannot be seen.
    if narrowed && pods.is_empty() {
        return Some(after(view.complete_since.unwrap_or(now), policy.stable_for));
    }
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
