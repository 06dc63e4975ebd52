//! Decides whether a verdict is right, by how the case was made.

use rollguard_agent::Outcome;
use rollguard_core::finding::Finding;
use rollguard_core::verdict::VerdictKind;

use super::case::{Case, Change, Kind, Load, Sort, Spell, What};
use super::world::{Seen, reference};

/// How a case went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mark {
    /// The verdict is right; whether it names a cause, and the right one.
    Right {
        named: Option<bool>,
    },
    Wrong(Wrong, String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wrong {
    /// It failed or timed out, although it heals in time.
    FalseAlarm,
    /// It succeeded, although it is not healthy.
    FalseGreen,
    /// It timed out, where the cause is published to decide before.
    Late,
    /// It saw all it needs, and said that it did not.
    Blind,
    /// It said that a newer rollout has begun, and none has.
    NotSuperseded,
    /// The check itself failed.
    Broken,
}

/// Time between what happens and what follows from it, beside all that is drawn.
const SLACK: u64 = 15;

impl Case {
    fn deadline(&self) -> u64 {
        self.begins + self.timeout
    }

    /// How long things may be held up by all disturbances.
    fn held_up(&self) -> u64 {
        let weather: u64 = self.weather.iter().map(|it| it.lasts + 15).sum();
        weather + self.late.iter().sum::<u64>() / 1000 * 2 + SLACK
    }

    /// Returns whether a lack of sight explains that the verdict is undetermined at a time.
    fn may_be_blind(&self, ended: f64) -> bool {
        let explains = |it: &Spell| match it.of {
            // A short one only where the time is over in the middle of it.
            Sort::Away | Sort::Errors | Sort::Overloaded | Sort::Stalls(_) => {
                it.lasts >= 15 || (it.at..it.at + it.lasts + SLACK).contains(&self.deadline())
            }
            Sort::Forbidden(_) => true,
            Sort::Drops | Sort::Expires | Sort::EventsLost | Sort::NodeLost => false,
        };
        let begun = || self.weather.iter().filter(|it| seconds(it.at) <= ended);
        // Short ones one after the other are one long one.
        let outages = begun().filter(|it| {
            matches!(
                it.of,
                Sort::Away | Sort::Errors | Sort::Overloaded | Sort::Stalls(_)
            )
        });
        let deleted = |it: &Load| {
            let at = it.change.filter(|(_, change)| *change == Change::Deleted);
            at.is_some_and(|(at, _)| seconds(at) <= ended)
        };
        begun().any(explains) || outages.count() > 1 || self.loads.iter().any(deleted)
    }

    /// Returns whether everything that shows a cause can be seen throughout.
    fn sees_all(&self) -> bool {
        self.weather.is_empty()
            || self
                .weather
                .iter()
                .all(|it| matches!(it.of, Sort::Drops | Sort::Expires))
    }

    fn loses_events(&self) -> bool {
        self.weather.iter().any(|it| {
            matches!(
                it.of,
                Sort::EventsLost | Sort::Forbidden("events") | Sort::Stalls("events")
            )
        })
    }
}

impl Load {
    /// From when on it can be complete at the earliest, and by when it is at the latest; `None` where it never is.
    fn heals(&self, case: &Case) -> Option<(u64, u64)> {
        if self.lasts_for_ever().is_some() {
            return None;
        }
        let scaled = match self.change {
            Some((_, Change::Scaled(to))) => to,
            Some((_, Change::Newer | Change::Deleted)) | None => 0,
        };
        let pods = match self.kind {
            Kind::DaemonSet => u64::try_from(case.nodes).unwrap_or(u64::MAX),
            Kind::Deployment | Kind::Recreated | Kind::StatefulSet | Kind::Job => {
                self.replicas.max(scaled)
            }
        };
        let costs: Vec<(u64, u64)> = self.troubles.iter().map(|it| it.costs(self)).collect();
        let each: u64 = costs.iter().map(|it| it.0).sum();
        let once: u64 = costs.iter().map(|it| it.1).sum();
        let of_pod = self.slow_start() + self.stops_in + 5 + each;
        let runs = if self.kind == Kind::Job {
            self.ready_after
        } else {
            0
        };
        let changed = self.change.map_or(0, |(at, _)| at);
        let by = once + pods * of_pod + runs;
        let by = by.max(changed + pods * of_pod + once);
        let after = self
            .troubles
            .iter()
            .filter(|it| holds_up(it.what))
            .filter_map(|it| it.heals);
        Some((after.max().unwrap_or_default(), by + case.held_up()))
    }

    /// Returns whether the newer deployment may have been there when the check first saw the workload: it is healthy,
    /// and what the check follows then.
    fn is_replaced_early(&self, case: &Case) -> bool {
        let newer = self.newer_at();
        newer.is_some_and(|at| at <= case.begins + case.held_up())
    }

    fn newer_at(&self) -> Option<u64> {
        let newer = self.change.filter(|(_, change)| *change == Change::Newer);
        newer.map(|(at, _)| at)
    }
}

/// Returns whether no pod can be ready before it heals, which it does at a time.
fn holds_up(what: What) -> bool {
    !matches!(
        what,
        What::CrashAfterReady(_)
            | What::Exits(_)
            | What::OutOfMemory
            | What::Killed
            | What::Flaps(_)
            | What::Falls(_)
    )
}

#[expect(
    clippy::cast_precision_loss,
    reason = "seconds of a simulation are few"
)]
const fn seconds(count: u64) -> f64 {
    count as f64
}

pub(crate) fn judge(case: &Case, seen: &Seen) -> Mark {
    let wrong = |wrong: Wrong, why: String| Mark::Wrong(wrong, why);
    match seen.outcome {
        Outcome::Succeeded => success(case, seen),
        Outcome::Failed => failure(case, seen),
        Outcome::TimedOut => timeout(case, seen),
        Outcome::Undetermined => {
            // What completes in the moment of the timeout is not called a failure.
            let heals = |it: &Load| it.heals(case).is_some();
            let at_the_end = seen.ended + 1.0 >= seconds(case.deadline());
            let just_completed = at_the_end && case.loads.iter().any(heals);
            if case.may_be_blind(seen.ended) || just_completed {
                Mark::Right { named: None }
            } else {
                wrong(Wrong::Blind, said(seen))
            }
        }
        Outcome::Superseded => {
            let newer = case.loads.iter().filter_map(Load::newer_at);
            if newer.min().is_some_and(|at| seen.ended >= seconds(at)) {
                Mark::Right { named: None }
            } else {
                wrong(Wrong::NotSuperseded, said(seen))
            }
        }
        // Where nothing can be read at first.
        Outcome::Unreachable | Outcome::BadInput | Outcome::PermissionMissing
            if case.may_be_blind(seen.ended) =>
        {
            Mark::Right { named: None }
        }
        Outcome::RolledBack
        | Outcome::Unexpected
        | Outcome::BadInput
        | Outcome::Credentials
        | Outcome::Unreachable
        | Outcome::PermissionMissing
        | Outcome::Findings
        | Outcome::Refused
        | Outcome::RollbackFailed
        | Outcome::RolledBackUnhealthy
        | Outcome::RolledBackNotVerified
        | Outcome::PartlyRolledBack
        | Outcome::Cancelled => wrong(
            Wrong::Broken,
            format!("{:?}: {}", seen.outcome, seen.failure),
        ),
    }
}

fn said(seen: &Seen) -> String {
    let sentence = seen.report.as_ref().map(|it| it.sentence.as_str());
    format!(
        "after {:.1} s: {}",
        seen.ended,
        sentence.unwrap_or(&seen.failure)
    )
}

fn success(case: &Case, seen: &Seen) -> Mark {
    let node_lost = case.weather.iter().any(|it| it.of == Sort::NodeLost);
    for (load, state) in case.loads.iter().zip(&seen.states) {
        if load.is_replaced_early(case) {
            continue;
        }
        if load
            .newer_at()
            .is_some_and(|at| seconds(at) + 1.0 < seen.ended)
        {
            return Mark::Wrong(Wrong::FalseGreen, format!("replaced: {}", said(seen)));
        }
        let excused = node_lost && load.kind == Kind::DaemonSet;
        // A deployment in the very moment of the verdict, or before its state was read.
        let just_changed = load
            .change
            .is_some_and(|(at, _)| (seen.ended - 1.0..=seen.returned + 1.0).contains(&seconds(at)));
        if !state.complete && !excused && !just_changed {
            return Mark::Wrong(Wrong::FalseGreen, format!("not complete: {}", said(seen)));
        }
        match load.heals(case) {
            None => {
                let what = load.lasts_for_ever().map(|it| it.what);
                let outlived = matches!(what, Some(What::CrashAfterReady(lasting)) if lasting + 1 >= case.stable_for);
                // Restarts of an earlier trouble say nothing of this one.
                let restarted = state.restarts > 0 && load.troubles.len() == 1;
                if !outlived || restarted {
                    return Mark::Wrong(
                        Wrong::FalseGreen,
                        format!("{what:?} lasts: {}", said(seen)),
                    );
                }
            }
            Some((after, _)) if seen.ended < seconds(after) => {
                return Mark::Wrong(
                    Wrong::FalseGreen,
                    format!("before {after} s: {}", said(seen)),
                );
            }
            Some(_) => {}
        }
    }
    Mark::Right { named: None }
}

/// The findings of one workload, the most telling first.
fn findings<'a>(case: &Case, index: usize, seen: &'a Seen) -> Vec<&'a Finding> {
    let name = reference(case, index).to_string();
    let all = seen.report.iter().flat_map(|it| &it.findings);
    all.filter(|it| it.workloads.contains(&name)).collect()
}

fn failure(case: &Case, seen: &Seen) -> Mark {
    let Some(report) = &seen.report else {
        return Mark::Wrong(Wrong::Broken, "no report".to_owned());
    };
    let mut named = None;
    for (index, (load, of)) in case.loads.iter().zip(&report.workloads).enumerate() {
        if of.verdict != VerdictKind::Failed || load.is_replaced_early(case) {
            continue;
        }
        if load
            .newer_at()
            .is_some_and(|at| seconds(at) + 1.0 < seen.ended)
        {
            return Mark::Wrong(Wrong::FalseAlarm, format!("replaced: {}", said(seen)));
        }
        let Some(lasting) = load.lasts_for_ever() else {
            return Mark::Wrong(Wrong::FalseAlarm, said(seen));
        };
        if lasting.what.truth().told_by_events && case.loses_events() {
            continue;
        }
        let first = findings(case, index, seen)
            .first()
            .map(|it| it.code.to_string());
        let right = first.is_some_and(|it| lasting.causes(load).contains(&it.as_str()));
        named = Some(named.unwrap_or(true) && right);
    }
    Mark::Right { named }
}

fn timeout(case: &Case, seen: &Seen) -> Mark {
    if seen.ended + 1.0 < seconds(case.deadline()) {
        return Mark::Wrong(
            Wrong::FalseAlarm,
            format!("before the timeout: {}", said(seen)),
        );
    }
    let deadline = case.deadline();
    let node_lost = case
        .weather
        .iter()
        .any(|it| it.of == Sort::NodeLost && it.at + it.lasts + 120 > deadline);
    let mut named = None;
    let mut excused = node_lost;
    for (index, load) in case.loads.iter().enumerate() {
        let Some(lasting) = load.lasts_for_ever() else {
            let by = load.heals(case).map_or(u64::MAX, |it| it.1);
            excused |= by + case.stable_for > deadline;
            continue;
        };
        excused = true;
        let truth = lasting.what.truth();
        if !case.sees_all() || (truth.told_by_events && case.loses_events()) {
            continue;
        }
        // The ones before it come first.
        let shows: u64 = load
            .troubles
            .iter()
            .map(|it| {
                it.heals.map_or(0, |_| {
                    let (each, once) = it.costs(load);
                    each + once
                })
            })
            .sum();
        if let Some(within) = truth.decided_in {
            let due = case.begins + shows + within + case.held_up();
            if due < deadline && load.change.is_none() {
                return Mark::Wrong(
                    Wrong::Late,
                    format!(
                        "{:?} decides within {within} s: {}",
                        lasting.what,
                        said(seen)
                    ),
                );
            }
        }
        if deadline > shows + 60 && load.change.is_none() {
            let first = findings(case, index, seen)
                .first()
                .map(|it| it.code.to_string());
            let right = first.is_some_and(|it| lasting.causes(load).contains(&it.as_str()));
            named = Some(named.unwrap_or(true) && right);
        }
    }
    if excused {
        Mark::Right { named }
    } else {
        Mark::Wrong(Wrong::FalseAlarm, format!("in time: {}", said(seen)))
    }
}
