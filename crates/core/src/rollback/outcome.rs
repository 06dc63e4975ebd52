//! What became of a rollback: of each workload, and of all together.

use serde::Serialize;

use super::Already;
use crate::approval::{ApprovedRollback, HealthCriteria};
use crate::history::{Entry, History};
use crate::workload::Images;

/// What became of one workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum WorkloadOutcome {
    /// This run put the target in place.
    RolledBack,
    /// It was in place already, or another run put it there.
    InPlace,
    /// The target is in place, but pods of the bad revision are stuck: a run again goes on with them.
    HeldUp,
    /// A newer rollout began and was left alone.
    Superseded,
    /// The change was tried and did not take effect.
    Failed,
    /// It was not tried: the wish to stop came first.
    NotTried,
}

impl WorkloadOutcome {
    /// Whether the target is in place now.
    #[must_use]
    pub const fn is_restored(self) -> bool {
        match self {
            Self::RolledBack | Self::InPlace | Self::HeldUp => true,
            Self::Superseded | Self::Failed | Self::NotTried => false,
        }
    }
}

/// What became of all of them together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchOutcome {
    /// Every target is in place, and this run put one there at least.
    Whole,
    /// Every target was in place already.
    Before,
    /// Some targets are in place and some are not, or pods of the bad revision hold one up.
    Part,
    /// Newer rollouts began, and nothing was changed.
    Superseded,
    /// Nothing was tried.
    NotTried,
    /// No target is in place, and not for want of trying.
    Failed,
}

impl BatchOutcome {
    /// Of workloads that ended like this.
    #[must_use]
    pub fn of(ended: &[WorkloadOutcome]) -> Self {
        let has = |wanted| ended.contains(&wanted);
        let restored = ended.iter().filter(|it| it.is_restored()).count();
        if restored == ended.len() && !has(WorkloadOutcome::HeldUp) {
            return if has(WorkloadOutcome::RolledBack) {
                Self::Whole
            } else {
                Self::Before
            };
        }
        match restored {
            0 if has(WorkloadOutcome::Failed) => Self::Failed,
            0 if has(WorkloadOutcome::Superseded) => Self::Superseded,
            0 => Self::NotTried,
            _ => Self::Part,
        }
    }
}

/// What the check after a rollback is bound to, where the target was in place before: the bad
/// revision is the one that the earlier rollback wrote down. Where nothing is written, or that
/// revision is gone, there is none to await the end of.
#[must_use]
pub fn in_place(history: &History, already: &Already) -> ApprovedRollback {
    let bad = history.restored();
    let bad = bad.and_then(|it| history.with_uid(&it.from));
    ApprovedRollback {
        workload: already.workload.clone(),
        uid: already.uid.clone(),
        bad: bad.as_ref().map_or_else(|| already.to.clone(), Entry::id),
        target: already.to.clone(),
        complete: false,
        standard: HealthCriteria::default(),
        images: Images::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::annotation::ROLLBACK_RECORD;
    use crate::rollback::patch::record;
    use crate::rollback::{Request, RollbackDecision, decide};
    use crate::testing::{deployment, replica_set_json, web};
    use crate::workload::{Revision, RevisionId};

    #[test]
    fn what_became_of_all_follows_from_what_became_of_each() {
        use WorkloadOutcome::{Failed, HeldUp, InPlace, NotTried, RolledBack, Superseded};
        let rows: &[(&str, &[WorkloadOutcome], BatchOutcome)] = &[
            ("the only one is done", &[RolledBack], BatchOutcome::Whole),
            (
                "one was done before",
                &[InPlace, RolledBack],
                BatchOutcome::Whole,
            ),
            (
                "all were done before",
                &[InPlace, InPlace],
                BatchOutcome::Before,
            ),
            ("one fails", &[RolledBack, Failed], BatchOutcome::Part),
            (
                "one fails, the other was done before",
                &[Failed, InPlace],
                BatchOutcome::Part,
            ),
            (
                "one is left alone",
                &[RolledBack, Superseded],
                BatchOutcome::Part,
            ),
            (
                "stopped half-way",
                &[RolledBack, NotTried],
                BatchOutcome::Part,
            ),
            ("the only one is held up", &[HeldUp], BatchOutcome::Part),
            ("one is held up", &[RolledBack, HeldUp], BatchOutcome::Part),
            (
                "one is held up, the other fails",
                &[HeldUp, Failed],
                BatchOutcome::Part,
            ),
            ("all fail", &[Failed, Failed], BatchOutcome::Failed),
            (
                "one fails, one is left alone",
                &[Failed, Superseded],
                BatchOutcome::Failed,
            ),
            (
                "all are left alone",
                &[Superseded, Superseded],
                BatchOutcome::Superseded,
            ),
            (
                "stopped before the first",
                &[NotTried, NotTried],
                BatchOutcome::NotTried,
            ),
        ];
        for (says, ended, expected) in rows {
            assert_eq!(BatchOutcome::of(ended), *expected, "{says}");
        }
    }

    #[test]
    fn what_was_in_place_before_is_checked_against_what_it_replaced() {
        let id = |uid: &str| RevisionId {
            revision: Revision(2),
            name: uid.to_owned(),
            uid: uid.to_owned(),
        };
        let restored = |from: &str| record(&id("rs-v1"), &id(from), &Request::default()).to_text();
        let rows = [
            ("the bad one is known", Some(restored("rs-v2")), "rs-v2"),
            ("the bad one is gone", Some(restored("rs-v9")), "rs-v1"),
            ("nothing is written", None, "rs-v1"),
        ];
        for (says, written, bad) in rows {
            let mut object = deployment("web").version("v1").counts(2, 2, 2, 2).json();
            if let Some(written) = written {
                object["metadata"]["annotations"][ROLLBACK_RECORD] = json!(written);
            }
            let sets = [("v1", 3, 2), ("v2", 2, 0)].map(|(version, revision, ready)| {
                replica_set_json(version, revision, (ready, ready))
            });
            let history = History::new(web(), object, sets.to_vec(), Vec::new());
            let request = Request {
                to_revision: Some(Revision(3)),
                ..Request::default()
            };
            let RollbackDecision::Already(already) = decide(&history, &request) else {
                panic!("{says}: not in place");
            };
            let approved = in_place(&history, &already);
            assert_eq!(approved.bad.uid, bad, "{says}");
            assert_eq!(approved.target.uid, "rs-v1", "{says}");
        }
    }
}
