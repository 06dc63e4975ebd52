//! The events of a workload: what changed since the last ones.

use jiff::Timestamp;

use super::TrackedWorkload;
use crate::finding::Finding;
use crate::session::event::SessionEvent;
use crate::snapshot::Snapshot;
use crate::verdict::Pending;

/// A cause is reported again when it has been seen this many times as often.
const TENFOLD: u32 = 10;

impl TrackedWorkload {
    /// Adds what changed since the last events.
    pub(super) fn emit_events(
        &mut self,
        snapshot: &Snapshot,
        now: Timestamp,
        events: &mut Vec<SessionEvent>,
    ) {
        for followed in self.followed.iter().skip(self.told_followed) {
            events.push(SessionEvent::Followed {
                at: followed.at,
                workload: self.target.workload.clone(),
                changed: followed.changed.clone(),
            });
        }
        self.told_followed = self.followed.len();
        if self.verdict.is_terminal() {
            if !self.shown_end {
                self.shown_end = true;
                events.push(SessionEvent::Ended {
                    at: now,
                    workload: self.workload().clone(),
                    verdict: self.verdict.clone(),
                });
            }
            return;
        }
        if snapshot.synced(self.needed()) {
            self.emit_findings(now, events);
        }
        self.emit_pending(now, events);
    }

    fn emit_pending(&mut self, now: Timestamp, events: &mut Vec<SessionEvent>) {
        let Some(pending) = self.verdict.pending() else {
            return;
        };
        // That the first look takes a moment is no news.
        let waits = matches!(pending, Pending::NotSeen | Pending::Traffic);
        if waits || self.shown_pending.as_ref() == Some(pending) {
            return;
        }
        let complete = matches!(pending, Pending::Stabilising { .. });
        if !complete && !self.damper.lets_through(now) {
            return;
        }
        self.shown_pending = Some(pending.clone());
        events.push(SessionEvent::Progress {
            at: now,
            workload: self.target.workload.clone(),
            pending: pending.clone(),
        });
    }

    fn emit_findings(&mut self, now: Timestamp, events: &mut Vec<SessionEvent>) {
        let key = |finding: &Finding| (finding.code, finding.subject.container.clone());
        let workload = &self.target.workload;
        let findings = &self.findings;
        self.shown_findings.retain(|known, finding| {
            let still = findings.iter().any(|finding| key(finding) == *known);
            if !still {
                events.push(SessionEvent::Cleared {
                    at: now,
                    workload: workload.clone(),
                    finding: finding.clone(),
                });
            }
            still
        });
        for finding in findings {
            let known = self.shown_findings.get(&key(finding));
            // Something else that may heal it is news; that nothing does any more, the verdict says. So is
            // a number that has grown tenfold.
            let news = |known: &Finding| {
                let heals = !finding.heals.is_empty() && known.heals != finding.heals;
                let more = finding.attempts / TENFOLD >= known.attempts.max(1);
                heals || (more && finding.message != known.message)
            };
            if known.is_none_or(news) {
                self.shown_findings.insert(key(finding), finding.clone());
                events.push(SessionEvent::Found {
                    at: now,
                    workload: workload.clone(),
                    finding: finding.clone(),
                });
            }
        }
    }
}
