//! The ways of users to the pods of one complete rollout, as the newest answer shows them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use crate::diagnose::{Formers, WaysSeen, ports_of, ways_to};
use crate::duration::after;
use crate::finding::{Finding, FindingCode, PodPort};
use crate::policy::Policy;
use crate::snapshot::{Rollout, Snapshot};
use crate::traffic::{Defect, TriedPort};

/// The knowledge about the ways to a workload's pods.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ways {
    /// When the newest answer came that counts.
    pub(super) answered_at: Option<Timestamp>,
    /// What is wrong by that answer.
    defects: Vec<Defect>,
    /// Since when, without a break, answers have shown that no way is left.
    lost_since: Option<Timestamp>,
    /// From when an answer must be for a success.
    final_from: Option<Timestamp>,
    /// The ports of pods that are to be tried.
    ports: BTreeSet<PodPort>,
    /// What is known of them, by the newest answer that tells of each.
    tried: BTreeMap<PodPort, TriedPort>,
}

impl Ways {
    /// Returns whether there is an answer that was not taken yet. One from before the rollout was
    /// complete shows the old pods.
    pub(super) fn has_news(&self, snapshot: &Snapshot, complete_since: Timestamp) -> bool {
        let newest = snapshot.traffic().map(|(at, _)| at);
        newest.is_some_and(|at| at >= complete_since && Some(at) != self.answered_at)
    }

    /// Takes the newest answer.
    pub(super) fn take(&mut self, rollout: &Rollout<'_>, formers: &Formers<'_>, policy: &Policy) {
        self.ports = ports_of(rollout, policy);
        let answer = rollout.snapshot().traffic();
        let ports = &self.ports;
        // Each answer must show once more that every way in is refused.
        let suspected = self.is_refused();
        self.tried.retain(|it, _| !suspected && ports.contains(it));
        let news = answer.into_iter().flat_map(|(_, objects)| &objects.tried);
        let news = news.filter_map(|tried| {
            let mut ports = ports.iter();
            let port = ports
                .find(|it| it.uid == tried.uid && it.port == tried.port && it.path == tried.path)?;
            Some((port.clone(), tried.clone()))
        });
        self.tried.extend(news);
        let tried: Vec<TriedPort> = self.tried.values().cloned().collect();
        let defects = ways_to(rollout, formers, &tried, policy);
        // Ports that were not tried again neither confirm nor end what was suspected.
        let lost = |it: &Defect| it.code.keeps_users_away();
        let untried = suspected && !self.are_tried();
        // Nor does an answer that lacks what may speak for a way.
        let mut unseen = answer.into_iter().flat_map(|(_, objects)| &objects.unseen);
        let unclear = self.lost_since.is_some() && unseen.any(|it| it.may_pass);
        if (untried || unclear) && !defects.iter().any(lost) {
            return;
        }
        self.answered_at = answer.map(|(at, _)| at);
        self.defects = defects;
    }

    /// Remembers since when no way is left, and from when the last answer must be.
    pub(super) fn keep(&mut self, findings: &[Finding], final_from: Option<Timestamp>) {
        self.final_from = final_from;
        let lost = findings.iter().find(|it| it.code.keeps_users_away());
        self.lost_since = lost.map(|it| it.since);
    }

    /// Returns whether every way in was refused by the newest answer.
    fn is_refused(&self) -> bool {
        let mut defects = self.defects.iter();
        defects.any(|it| it.code == FindingCode::NoPodListens)
    }

    /// Returns whether something is known of every port that is to be tried.
    fn are_tried(&self) -> bool {
        let mut ports = self.ports.iter();
        ports.all(|it| self.tried.contains_key(it))
    }

    /// Returns the ports of pods that the next answer should tell of: those of which nothing is known, and all
    /// of them at the end of the window and while every way in is refused. That only a note depends on
    /// them is no reason to try them with every answer.
    pub(super) fn ports(
        &self,
        complete_since: Timestamp,
        policy: &Policy,
        now: Timestamp,
    ) -> impl Iterator<Item = &PodPort> {
        let again = self.is_refused() || self.is_last_due(complete_since, policy, now);
        let ports = self.ports.iter();
        ports.filter(move |it| again || !self.tried.contains_key(*it))
    }

    /// Returns whether the answer from the end of the window is due.
    fn is_last_due(&self, complete_since: Timestamp, policy: &Policy, now: Timestamp) -> bool {
        let late = self
            .final_from
            .unwrap_or_else(|| late(complete_since, policy));
        now >= late && self.answered_at.is_some_and(|at| at < late)
    }

    /// Returns what a diagnosis reads.
    pub(super) fn seen(&self) -> Option<WaysSeen<'_>> {
        Some(WaysSeen {
            defects: &self.defects,
            answered_at: self.answered_at?,
            lost_since: self.lost_since,
        })
    }

    /// Returns from when on an answer is wanted: the first one, one more at the end of the window, and others
    /// as long as something is wrong.
    pub(super) fn are_wanted_from(
        &self,
        complete_since: Timestamp,
        policy: &Policy,
    ) -> Option<Timestamp> {
        let answered_at = self
            .answered_at
            .filter(|_| self.defects.is_empty() && self.are_tried());
        let Some(answered_at) = answered_at else {
            return Some(Timestamp::MIN);
        };
        let late = self
            .final_from
            .unwrap_or_else(|| late(complete_since, policy));
        (answered_at < late).then_some(late)
    }

    /// Until when a success waits: for the first answer and one from the end of the window, and while no
    /// way is left.
    pub(super) fn held_until(&self, view: Moment, policy: &Policy) -> Option<Timestamp> {
        let Moment {
            complete_since,
            now,
            final_from,
        } = view;
        let patience = &policy.patience;
        let answered = self.answered_at.is_some_and(|at| at >= final_from) && self.are_tried();
        let awaited = if self.answered_at.is_some() {
            final_from.max(complete_since)
        } else {
            complete_since
        };
        let answer = (!answered).then(|| after(awaited, patience.traffic_answer));
        let lost = self.defects.iter().find(|it| it.code.keeps_users_away());
        let lost = lost.and_then(|lost| {
            let since = self.lost_since.unwrap_or(now);
            let grace = policy.rule(lost.code)?.grace;
            // The last answer must be from after the grace; without one, it is not said.
            Some(after(since, grace.saturating_add(patience.traffic_again)))
        });
        answer.max(lost)
    }

    /// When to look again, for an answer at the end of the window.
    pub(super) fn wake_at(&self, view: Moment) -> Option<Timestamp> {
        let early = self.answered_at.is_some_and(|at| at < view.final_from);
        early.then_some(view.final_from)
    }
}

/// A complete rollout at a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) complete_since: Timestamp,
    pub(super) now: Timestamp,
    /// From when an answer must be for a success.
    pub(super) final_from: Timestamp,
}

impl Moment {
    /// A rollout that is stable from a time on: its last answer must be from when its window is nearly
    /// over.
    pub(super) fn new(
        complete_since: Timestamp,
        stable_at: Timestamp,
        policy: &Policy,
        now: Timestamp,
    ) -> Self {
        Self {
            complete_since,
            now,
            final_from: late(complete_since, policy).min(stable_at),
        }
    }
}

/// When the window in which a rollout must stay complete is nearly over.
fn late(complete_since: Timestamp, policy: &Policy) -> Timestamp {
    let nearly = policy.stable_for.saturating_sub(policy.stable_for / 7);
    after(complete_since, nearly.max(Duration::from_secs(1)))
}
