//! The limit on the verdict where a selector could not look for workloads of every kind.

use jiff::Timestamp;

use crate::observation::{Blindness, ResourceKind};
use crate::verdict::{Undetermined, Verdict};
use crate::workload::WorkloadKind;

/// Returns the verdict, unless it is a success and some kind was not listed: the success of all that
/// was listed says nothing about workloads of that kind.
pub(super) fn limited(verdict: Verdict, unlisted: &[WorkloadKind], now: Timestamp) -> Verdict {
    let (Verdict::Succeeded, Some(kind)) = (&verdict, unlisted.first()) else {
        return verdict;
    };
    let message =
        "workloads of this kind may match the selector; grant `list`, or name the workloads";
    Verdict::Undetermined {
        why: Undetermined::Blind {
            resource: ResourceKind::of(*kind),
            since: now,
            why: Blindness::Forbidden {
                message: message.to_owned(),
            },
        },
    }
}
