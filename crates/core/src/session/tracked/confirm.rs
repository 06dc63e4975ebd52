//! A verdict beside a fresh read: it holds, or is taken back.

use jiff::Timestamp;

use super::{Change, TrackedWorkload};
use crate::finding::{Finding, FindingCode};
use crate::progress;
use crate::snapshot::{ExcusedNodes, Snapshot};
use crate::verdict::{Pending, Undetermined, Verdict};
use crate::workload::{JobView, Workload};

/// How often a verdict that a fresh read contradicts is taken back, before it counts as not seen.
const REOPENED: u32 = 3;

impl TrackedWorkload {
    /// Checks whether its verdict still holds for the workload as it was read just now: a watch may be
    /// seconds behind, and what is seconds old may be false.
    ///
    /// # Errors
    /// What holds instead.
    pub fn confirm(
        &self,
        snapshot: &Snapshot,
        fresh: &Workload,
        now: Timestamp,
    ) -> Result<(), Verdict> {
        if self.bound.is_none() {
            let why = Undetermined::Deleted;
            return Err(Verdict::Undetermined { why });
        }
        match self.change(fresh) {
            Change::None => {}
            // The verdict is of a former revision of the release: the session goes on.
            Change::SameRelease(_) => {
                let pending = Pending::NotSeen;
                return Err(Verdict::Progressing { pending });
            }
            Change::Superseded(by) => return Err(Verdict::Superseded { by }),
        }
        let lags = |is: String| self.watches_lag(&is, now);
        let excused = snapshot
            .rollout(self.workload())
            .map_or_else(ExcusedNodes::default, |rollout| rollout.excused());
        let complete = progress::complete(fresh, &excused);
        match &self.verdict {
            Verdict::Succeeded => complete.map_err(|pending| lags(pending.to_string())),
            // The counts are complete by their own; something else is pending.
            Verdict::TimedOut {
                pending: Pending::Stabilising { .. } | Pending::Traffic | Pending::HttpChecks { .. },
                ..
            } => Ok(()),
            Verdict::TimedOut { .. } if complete.is_ok() => {
                Err(lags("the rollout is complete".to_owned()))
            }
            // It was judged by counts that were not complete, and by pods of that time.
            Verdict::Failed { .. }
                if complete.is_ok()
                    && fresh.counts().desired > 0
                    && snapshot
                        .workload(self.workload())
                        .is_some_and(|it| progress::complete(it, &excused).is_err()) =>
            {
                Err(lags("the rollout is complete".to_owned()))
            }
            Verdict::TimedOut { .. }
            | Verdict::Progressing { .. }
            | Verdict::Failed { .. }
            | Verdict::Undetermined { .. }
            | Verdict::Superseded { .. } => Ok(()),
        }
    }

    /// Returns whether it failed only because it was paused or suspended, and a fresh read shows that it is no more.
    pub(in crate::session) fn was_resumed(&self, fresh: &Workload) -> bool {
        let suspended = fresh.job().is_some_and(JobView::is_suspended);
        let over = |it: &Finding| {
            (it.code == FindingCode::Paused && !fresh.is_paused())
                || (it.code == FindingCode::JobSuspended && !suspended)
        };
        self.bound.is_some()
            && matches!(self.change(fresh), Change::None)
            && matches!(&self.verdict, Verdict::Failed { causes } if causes.iter().all(over))
    }

    /// Returns whether a fresh read that contradicts its success takes that back: a pod may fall in the very moment of
    /// the verdict. Other verdicts rest on pods, which are not read.
    pub(in crate::session) const fn may_go_on(&self) -> bool {
        matches!(self.verdict, Verdict::Succeeded) && self.reopened < REOPENED
    }

    /// Takes its verdict back, and judges it at the next observation.
    pub(in crate::session) fn reopen(&mut self) {
        self.reopened += 1;
        self.verdict = Verdict::Progressing {
            pending: Pending::NotSeen,
        };
        self.wake_at = self.started;
    }

    /// A verdict that is not terminal takes back one of a template that has been replaced.
    pub(in crate::session) fn override_verdict(&mut self, verdict: Verdict) {
        if !verdict.is_terminal() {
            self.outdated = self.bound.as_ref().map(|it| it.template.clone());
        }
        self.verdict = verdict;
        self.wake_at = self.started;
    }
}
