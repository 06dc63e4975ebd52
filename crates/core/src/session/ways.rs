//! The ways of users to the pods of one complete rollout, as the newest answer shows them.

use std::time::Duration;

use jiff::Timestamp;

use crate::diagnose::{WaysSeen, ways_to};
use crate::duration::after;
use crate::finding::Finding;
use crate::policy::Policy;
use crate::snapshot::{RevisionView, Rollout, Snapshot};
use crate::traffic::Defect;

/// The knowledge about the ways to a workload's pods.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ways {
    /// When the newest answer came that counts.
    pub(super) answered_at: Option<Timestamp>,
    /// What is wrong by that answer.
    defects: Vec<Defect>,
    /// Since when, without a break, answers have shown that no way is left.
    lost_since: Option<Timestamp>,
}

impl Ways {
    /// Returns whether there is an answer that was not taken yet. One from before the rollout was
    /// complete shows the old pods.
    pub(super) fn has_news(&self, snapshot: &Snapshot, complete_since: Timestamp) -> bool {
        let newest = snapshot.traffic().map(|(at, _)| at);
        newest.is_some_and(|at| at >= complete_since && Some(at) != self.answered_at)
    }

    /// Takes the newest answer.
    pub(super) fn take(
        &mut self,
        rollout: &Rollout<'_>,
        former: Option<RevisionView<'_>>,
        policy: &Policy,
    ) {
        self.answered_at = rollout.snapshot().traffic().map(|(at, _)| at);
        self.defects = ways_to(rollout, former, policy);
    }

    /// Remembers since when no way is left.
    pub(super) fn keep(&mut self, findings: &[Finding]) {
        let lost = findings.iter().find(|it| it.code.keeps_users_away());
        self.lost_since = lost.map(|it| it.since);
    }

    /// Returns what a diagnosis reads.
    pub(super) fn seen(&self) -> Option<WaysSeen<'_>> {
        Some(WaysSeen {
            defects: &self.defects,
            answered_at: self.answered_at?,
            lost_since: self.lost_since,
        })
    }

    /// Returns whether an answer is wanted: the first one, one more at the end of the window, and others
    /// as long as something is wrong.
    pub(super) fn are_wanted(
        &self,
        complete_since: Timestamp,
        policy: &Policy,
        now: Timestamp,
    ) -> bool {
        let Some(answered_at) = self.answered_at else {
            return true;
        };
        let late = late(complete_since, policy);
        !self.defects.is_empty() || (now >= late && answered_at < late)
    }

    /// Until when a success waits: for the first answer, and while no way is left.
    pub(super) fn held_until(&self, view: Moment, policy: &Policy) -> Option<Timestamp> {
        let patience = &policy.patience;
        let Moment {
            complete_since,
            now,
        } = view;
        if self.answered_at.is_none() {
            return Some(after(complete_since, patience.traffic_answer));
        }
        let lost = self.defects.iter().find(|it| it.code.keeps_users_away())?;
        let since = self.lost_since.unwrap_or(now);
        let grace = policy.rule(lost.code)?.grace;
        // The last answer must be from after the grace; without one, it is not said.
        Some(after(since, grace.saturating_add(patience.traffic_again)))
    }

    /// When to look again, for an answer at the end of the window.
    pub(super) fn wake_at(&self, view: Moment, policy: &Policy) -> Option<Timestamp> {
        let late = late(view.complete_since, policy);
        self.answered_at.is_some_and(|at| at < late).then_some(late)
    }
}

/// A complete rollout at a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) complete_since: Timestamp,
    pub(super) now: Timestamp,
}

/// When the window in which a rollout must stay complete is nearly over.
fn late(complete_since: Timestamp, policy: &Policy) -> Timestamp {
    let nearly = policy.stable_for.saturating_sub(policy.stable_for / 7);
    after(complete_since, nearly.max(Duration::from_secs(1)))
}
