//! From all that is known to a verdict, at one time.

use std::cell::{Cell, OnceCell};
use std::time::Duration;

use jiff::Timestamp;

use super::http_requests;
use super::stability::{Stability, Stable, Window, answers_until, stable_at};
use super::target::View;
use super::ways::{self, Ways};
use crate::annotation::{ROLLBACK_RECORD, RollbackRecord};
use crate::diagnose::{Case, Diagnosis, diagnose};
use crate::duration::{after, elapsed};
use crate::finding::{Finding, Prognosis};
use crate::observation::{Blindness, ResourceKind};
use crate::policy::Policy;
use crate::progress::{self, Moment, Pace};
use crate::snapshot::{BACK_OFF_MEMORY, PodView, Rollout};
use crate::verdict::{Pending, Supersession, Undetermined, Verdict};
use crate::workload::{JobView, Workload};

/// Within this time the controller counts a pod that has become available. (estimated)
const COUNTED: Duration = Duration::from_secs(10);

/// A verdict with what led to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// Every finding.
    pub findings: Vec<Finding>,
    /// Whether the counts are complete.
    pub complete: bool,
    /// Whether a pod is to be asked over HTTP.
    pub asking: bool,
    /// Whether the rollout itself was seen and judged.
    pub looked: bool,
    /// When the verdict may change if nothing else is seen.
    pub wake_at: Timestamp,
    /// What a success rests on.
    pub stability: Option<Stability>,
    /// From when the last answer about the ways to the pods must be for a success.
    pub traffic_final_from: Option<Timestamp>,
}

/// Judges what is known at `now`.
#[must_use]
pub fn judge(view: &View<'_>, policy: &Policy, now: Timestamp) -> Judgement {
    let deadline = after(view.started, policy.timeout);
    if has_succeeded(view) {
        return succeeded();
    }
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
    if let Some(other) = not_restored(&rollout, view, now >= deadline) {
        return Judgement {
            wake_at: deadline,
            ..simply(other)
        };
    }
    if let Some(other) = rolled_back(&rollout, view) {
        return simply(other);
    }
    let longest = longest(view, &rollout, deadline);
    let deadline = awaited_until(&rollout, policy, now, Ends { deadline, longest });
    let mut diagnosis = diagnose(&Case {
        snapshot: view.snapshot,
        workload: rollout.workload(),
        rollout,
        pods: rollout.new_pods(),
        ended: rollout.ended_pods(),
        policy,
        started: view.started,
        deadline: longest,
        now,
        shows_at: Cell::default(),
        former_start: OnceCell::new(),
        ways: view.ways.and_then(Ways::seen),
    });
    for finding in &mut diagnosis.findings {
        if finding.prognosis == Prognosis::Transient {
            let at = finding.decides_at.unwrap_or(deadline);
            finding.decides_at = Some(at.min(deadline));
        }
    }
    let window = Window {
        policy,
        now,
        min_lifetime: diagnosis.min_lifetime,
    };
    let progress = progress_of(&rollout, view, &window);
    let held = progress.held(view, policy, now);
    let pending = progress.pending(policy, held, now);
    let asking = !http_requests::wanted(&rollout, policy).is_empty();
    let limits = Limits {
        deadline,
        policy,
        now,
        shut: asking.then(|| shut(view, policy, now)).flatten(),
        pending,
        rollout,
        started: view.started,
        held,
    };
    Judgement {
        asking,
        ..decide(progress, diagnosis, limits)
    }
}

/// Returns whether the Job has succeeded, which its condition says for ever: there is nothing to follow, and its pods
/// may be gone.
fn has_succeeded(view: &View<'_>) -> bool {
    let workload = view.snapshot.workload(&view.target.workload);
    let job = workload.and_then(Workload::job);
    job.is_some_and(JobView::has_succeeded)
}

/// Returns until when the rollout may take at most. After a rollback, pods that are ready and wait for
/// `minReadySeconds` are awaited beyond the timeout, for as long as that takes in all.
fn longest(view: &View<'_>, rollout: &Rollout<'_>, deadline: Timestamp) -> Timestamp {
    let more = progress::min_ready_in_all(rollout);
    if view.target.restored.is_none() || more.is_zero() {
        return deadline;
    }
    after(deadline, more.saturating_add(COUNTED))
}

/// When the time of a rollout is over.
#[derive(Clone, Copy)]
struct Ends {
    /// By the timeout.
    deadline: Timestamp,
    /// At the latest.
    longest: Timestamp,
}

/// Returns until when the rollout may take as its pods are: beyond the timeout, every pod must be ready
/// or have had the timeout for itself.
fn awaited_until(rollout: &Rollout<'_>, policy: &Policy, now: Timestamp, ends: Ends) -> Timestamp {
    let Ends { deadline, longest } = ends;
    let pods = rollout.new_pods();
    if longest == deadline || pods.is_empty() {
        return deadline;
    }
    let min_ready = rollout.workload().min_ready();
    let waiting = Pace::of(rollout, now).is_some();
    let until = pods.iter().filter_map(|pod| match pod.ready_since() {
        Some(_) if waiting => None,
        Some(since) => Some(after(since, min_ready.saturating_add(COUNTED))),
        None => Some(after(pod.created()?, policy.timeout)),
    });
    let until = if waiting { until.min() } else { until.max() };
    until.unwrap_or(longest).min(longest).max(deadline)
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

/// After a rollback: whether another revision is in place than the one restored. A ReplicaSet's number
/// rises when it is used again, its uid stays.
fn not_restored(rollout: &Rollout<'_>, view: &View<'_>, late: bool) -> Option<Verdict> {
    let restored = view.target.restored.as_ref()?;
    let wanted = restored.target.revision;
    let superseded = |present| Verdict::Superseded {
        by: Supersession::NotRestored { wanted, present },
    };
    if rollout.workload().uid() != restored.uid {
        return Some(superseded(None));
    }
    match rollout.new_uid() {
        Some(uid) if uid == restored.target.uid => None,
        Some(_) => Some(superseded(rollout.number())),
        None if late => Some(Verdict::Undetermined {
            why: Undetermined::NoSuchRevision {
                wanted,
                newest: None,
            },
        }),
        None => Some(Verdict::Progressing {
            pending: Pending::Revision {
                wanted,
                newest: None,
            },
        }),
    }
}

/// Returns whether the run that checks has rolled it back before, and that still is in place.
fn rolled_back(rollout: &Rollout<'_>, view: &View<'_>) -> Option<Verdict> {
    let run = view.target.run.as_deref()?;
    // Who names what was restored means just that.
    if view.target.restored.is_some() || view.target.revision.is_some() {
        return None;
    }
    let annotations = rollout.workload().metadata().annotations.as_ref()?;
    let restored = RollbackRecord::parse(annotations.get(ROLLBACK_RECORD)?)?;
    // A rollback to a revision that a person named is a deployment of its own.
    let own = restored.asked.is_none() && restored.is_by(run);
    let own = own && rollout.new_uid() == Some(&restored.uid);
    own.then(|| Verdict::Superseded {
        by: Supersession::RolledBack {
            present: rollout.number(),
        },
    })
}

fn progress_of(rollout: &Rollout<'_>, view: &View<'_>, window: &Window<'_>) -> Progress {
    let policy = window.policy;
    let excused = rollout.excused();
    if let Err(pending) = progress::complete(rollout.workload(), &excused) {
        return Progress::Pending(pending);
    }
    // After a rollback no pod of the bad revision may be left, whatever the counts say.
    if view.target.restored.is_some() {
        let old = i32::try_from(rollout.left_over(&excused).len()).unwrap_or(i32::MAX);
        if old > 0 {
            return Progress::Pending(Pending::OldReplicas { old });
        }
    }
    let desired = progress::desired(rollout.workload(), &excused);
    let desired = usize::try_from(desired).unwrap_or_default();
    let pods: Vec<PodView<'_>> = rollout
        .new_pods()
        .into_iter()
        .filter(|pod| {
            // A pod on a node that is excused is not waited for.
            pod.ready_since().is_some() || !pod.node().is_some_and(|it| excused.nodes.contains(&it))
        })
        .collect();
    let stable = stable_at(view, &pods, desired, window);
    if policy.http.is_empty() {
        return Progress::Complete(stable);
    }
    let checks = 0..policy.http.len();
    let wanted = pods.len().max(desired) * checks.len();
    let passed = pods
        .iter()
        .flat_map(|pod| checks.clone().map(move |check| (pod, check)))
        .filter(|(pod, check)| http_requests::passed(rollout, pod, *check, policy))
        .count();
    if passed < wanted {
        let pending = Pending::HttpChecks { passed, wanted };
        let stable_at = stable.map(|it| it.at);
        return Progress::Asking(pending, answers_until(view, &pods, stable_at, window));
    }
    Progress::Complete(stable)
}

const fn simply(verdict: Verdict) -> Judgement {
    Judgement {
        verdict,
        findings: Vec::new(),
        complete: false,
        asking: false,
        looked: false,
        wake_at: Timestamp::MAX,
        stability: None,
        traffic_final_from: None,
    }
}

fn succeeded() -> Judgement {
    Judgement {
        complete: true,
        looked: true,
        ..simply(Verdict::Succeeded)
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

impl Progress {
    /// Returns until when a complete rollout waits for what is known of the ways to its pods.
    fn held(&self, view: &View<'_>, policy: &Policy, now: Timestamp) -> Held {
        let (Self::Complete(Some(stable)), Some(ways)) = (self, view.ways) else {
            return Held::default();
        };
        let complete_since = view.complete_since.unwrap_or(now);
        let moment = ways::Moment::new(complete_since, stable.at, policy, now);
        Held {
            until: ways.held_until(moment, policy),
            wake_at: ways.wake_at(moment),
            final_from: Some(moment.final_from),
        }
    }

    fn pending(&self, policy: &Policy, held: Held, now: Timestamp) -> Pending {
        match self {
            Self::Pending(pending) | Self::Asking(pending, _) => pending.clone(),
            Self::Complete(Some(stable)) if now >= stable.at && held.holds(now) => Pending::Traffic,
            Self::Complete(stable) => Pending::Stabilising {
                needed: policy.stable_for,
                probe: stable.as_ref().and_then(|it| it.probe.clone()),
            },
        }
    }
}

/// The waits of a complete rollout besides those for its pods.
#[derive(Debug, Clone, Copy, Default)]
struct Held {
    /// Until when it is no success.
    until: Option<Timestamp>,
    /// When to look again.
    wake_at: Option<Timestamp>,
    /// From when the last answer must be.
    final_from: Option<Timestamp>,
}

impl Held {
    fn holds(self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| now < until)
    }
}

enum Progress {
    Pending(Pending),
    /// Complete, but for answers that may come until then; `None` while a pod is not ready.
    Asking(Pending, Option<Timestamp>),
    /// Complete, and stable from then on; `None` while a pod is not ready.
    Complete(Option<Stable>),
}

struct Limits<'a> {
    deadline: Timestamp,
    policy: &'a Policy,
    now: Timestamp,
    shut: Option<Shut>,
    pending: Pending,
    rollout: Rollout<'a>,
    started: Timestamp,
    held: Held,
}

/// The way to pods that are to be asked over HTTP is shut.
struct Shut {
    why: Undetermined,
    /// From when on that alone leaves the verdict undetermined; `None` for once all else is complete.
    from: Option<Timestamp>,
}

/// Returns what keeps pods from being asked. A connection that is lost while no pod is to be asked does
/// not matter.
fn shut(view: &View<'_>, policy: &Policy, now: Timestamp) -> Option<Shut> {
    let resource = ResourceKind::PodProxy;
    let (since, why) = view.snapshot.blindness(resource)?;
    let from = match why {
        Blindness::Forbidden { .. } | Blindness::Unauthorized { .. } => None,
        Blindness::Disconnected { .. } => {
            let missed = view.asking_since.unwrap_or(now).max(*since);
            Some(after(missed, policy.blind_limit))
        }
    };
    let why = Undetermined::Blind {
        resource,
        since: *since,
        why: why.clone(),
    };
    Some(Shut { why, from })
}

fn decide(progress: Progress, diagnosis: Diagnosis, limits: Limits<'_>) -> Judgement {
    let Limits {
        deadline,
        policy,
        now,
        shut,
        pending,
        rollout,
        started,
        held,
    } = limits;
    let Diagnosis {
        findings,
        decide_at,
        shows_at,
        ..
    } = diagnosis;
    let (complete, stable, graced_until) = match progress {
        Progress::Pending(_) => (false, None, None),
        Progress::Asking(_, until) => (true, None, until),
        Progress::Complete(stable) => {
            let at = stable.as_ref().map(|it| it.at);
            (true, stable, at.max(held.until))
        }
    };
    let shut_from = shut
        .as_ref()
        .and_then(|it| it.from.or(complete.then_some(now)));
    let terminal: Vec<Finding> = findings
        .iter()
        .filter(|it| it.prognosis == Prognosis::Terminal)
        .cloned()
        .collect();
    // A rollout that completes just before the deadline gets its window all the same. One that crashed
    // before gets the time in which it must run longer than the crashed run did.
    let longest = after(after(deadline, policy.stable_for), BACK_OFF_MEMORY);
    let graced = graced_until.filter(|at| now < *at && *at <= longest);
    let over = now >= deadline && graced.is_none();
    // What keeps users away shows only in what is complete and stable.
    let unreachable = terminal.iter().any(|it| it.code.keeps_users_away());
    let stable = stable.filter(|it| now >= it.at && !held.holds(now) && !unreachable);
    let stability = stable.map(|it| it.covers);
    let verdict = if stability.is_some() {
        Verdict::Succeeded
    } else if !terminal.is_empty() {
        Verdict::Failed { causes: terminal }
    } else if let Some(shut) = shut.filter(|_| over || shut_from.is_some_and(|at| now >= at)) {
        Verdict::Undetermined { why: shut.why }
    } else if over {
        let suspects = suspects(&findings);
        let standstill = progress::standstill(&Moment {
            rollout,
            pending: &pending,
            started,
            now,
        });
        Verdict::TimedOut {
            pending,
            suspects,
            standstill: Some(Box::new(standstill)),
        }
    } else {
        Verdict::Progressing { pending }
    };
    let wakes = [decide_at, shows_at, graced_until, shut_from, held.wake_at];
    let wake_at = wakes.into_iter().chain([Some(deadline)]);
    let wake_at = wake_at
        .flatten()
        .filter(|at| *at > now)
        .min()
        .unwrap_or(Timestamp::MAX);
    Judgement {
        verdict,
        findings,
        complete,
        asking: false,
        looked: true,
        wake_at,
        stability,
        traffic_final_from: held.final_from,
    }
}

/// Returns what may be why the time ran out. A finding that decides nothing is named only where nothing
/// else is: an init container that is still running explains the wait, and beside an image that is
/// missing it does not.
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
    /// A resource is out of sight for now; until it is back, nothing is decided.
    Dim {
        until: Timestamp,
        why: Undetermined,
    },
    /// The verdict is undetermined.
    Lost(Undetermined),
}

/// A refusal of pods, revisions, events or nodes only narrows the view; of the workload, or of what
/// tells whom to ask over HTTP, it ends it. A lost connection may come back within
/// [`Policy::blind_limit`]; events that do not come back by then narrow the view as well.
fn sight(view: &View<'_>, policy: &Policy, now: Timestamp) -> Sight {
    let kind = view.target.workload.kind;
    let checked = !policy.http.is_empty();
    let deadline = after(view.started, policy.timeout);
    let mut dim = None;
    for (resource, (since, why)) in view.snapshot.blind_spots() {
        if !ResourceKind::needed_for(kind).contains(&resource) {
            continue;
        }
        let blind = Undetermined::Blind {
            resource,
            since: *since,
            why: why.clone(),
        };
        let asked = matches!(resource, ResourceKind::Pod | ResourceKind::ReplicaSet);
        let needed = resource == ResourceKind::of(kind) || (asked && checked);
        match why {
            Blindness::Unauthorized { .. } => return Sight::Lost(blind),
            Blindness::Forbidden { .. } if needed => return Sight::Lost(blind),
            Blindness::Forbidden { .. } => {}
            Blindness::Disconnected { .. }
                if resource == ResourceKind::Event
                    && (now >= deadline || elapsed(*since, now) >= policy.blind_limit) => {}
            Blindness::Disconnected { .. } if elapsed(*since, now) >= policy.blind_limit => {
                return Sight::Lost(blind);
            }
            Blindness::Disconnected { .. } => {
                let until = after(*since, policy.blind_limit);
                // The first one that is over decides.
                if !matches!(dim, Some(Sight::Dim { until: known, .. }) if known <= until) {
                    dim = Some(Sight::Dim { until, why: blind });
                }
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
