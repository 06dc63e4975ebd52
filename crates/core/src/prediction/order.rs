//! The order in which causes come: one that is certain keeps later ones from being seen.

use super::certainty::{Certainty, PredictedCode, Prediction};
use crate::finding::FindingCode as Code;

/// A step in the life of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// The API server takes the workload and its pods.
    Created,
    /// A node takes the pod.
    Placed,
    /// A container has its image.
    Pulled,
    /// A container starts, and is asked.
    Started,
}

/// Returns the step that a cause stops; `None` for what stops none.
fn stops(code: PredictedCode) -> Option<Step> {
    let code = match code {
        PredictedCode::ApplyRefused | PredictedCode::FieldImmutable => return Some(Step::Created),
        PredictedCode::RollbackImpossible => return None,
        PredictedCode::Finding(code) => code,
    };
    let of_creation = [
        Code::QuotaExceeded,
        Code::QuotaNeedsResources,
        Code::QuotaDoesNotCover,
        Code::LimitRangeViolated,
        Code::PodSecurityViolated,
        Code::AdmissionDenied,
        Code::InvalidPod,
        Code::SecretNotAllowed,
        Code::NamespaceTerminating,
        Code::PodCreationRefused,
        Code::StatefulSetStuck,
    ];
    let of_placement = [
        Code::Unschedulable,
        Code::NoNodeMatches,
        Code::VolumeHeldElsewhere,
    ];
    let of_start = [
        Code::SubPathNotPrepared,
        Code::RunAsNonRootRefused,
        Code::ProbeCannotRun,
    ];
    if of_creation.contains(&code) {
        Some(Step::Created)
    } else if of_placement.contains(&code) {
        Some(Step::Placed)
    } else if code == Code::InvalidImageName {
        Some(Step::Pulled)
    } else {
        of_start.contains(&code).then_some(Step::Started)
    }
}

/// Lowers what comes only after something else that is certain: until that is corrected, it does not happen.
pub(super) fn lowered(all: Vec<Prediction>) -> Vec<Prediction> {
    let certain: Vec<Prediction> = all
        .iter()
        .filter(|it| it.certainty == Certainty::Certain)
        .cloned()
        .collect();
    let comes_later = |it: &Prediction| {
        certain.iter().any(|first| {
            let is_before =
                matches!((stops(first.code), stops(it.code)), (Some(a), Some(b)) if a < b);
            // One container does not keep another from starting.
            let of_pod = stops(first.code) <= Some(Step::Placed) || first.subject == it.subject;
            first.manifest == it.manifest && is_before && of_pod
        })
    };
    let each = all.into_iter().map(|it| {
        if comes_later(&it) {
            it.at_most(Certainty::Likely)
        } else {
            it
        }
    });
    each.collect()
}
