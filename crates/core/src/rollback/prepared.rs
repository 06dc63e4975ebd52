//! Everything that is known about a batch before the first change.

use crate::approval::{ApprovedRollback, HealthCriteria};
use crate::history::{Entry, History};
use crate::rollback::Already;
use crate::workload::Images;

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
