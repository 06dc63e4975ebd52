//! Predicts whether the present revision could come back, by the questions of a rollback's preflight.

use super::admission::{refused, trial};
use super::certainty::{Certainty, PredictedCode, Prediction};
use super::planned::Planned;
use super::question::Place;
use super::view::{Found, View};
use crate::diagnose::Cause;
use crate::finding::FindingCode;
use crate::rollback::preflight::{Lack, ReferenceKind, claims, references, without_claims};

/// Finds the first reason why a rollback would not be possible.
pub(super) fn judge(view: &View<'_>, plan: &Planned<'_>) -> Option<Prediction> {
    let former = plan.former_template()?;
    if plan.manifest.stands {
        return None;
    }
    let why = no_history(plan)
        .or_else(|| on_delete(plan))
        .or_else(|| lacking(view, plan))
        .or_else(|| {
            let Cause { code, what, .. } = refused(trial(view, plan, former)?.trial)?;
            // Pods of the bad revision free quota as they go.
            let counts = !matches!(
                code,
                FindingCode::QuotaExceeded
                    | FindingCode::ServiceAccountMissing
                    | FindingCode::WebhookUnavailable
                    | FindingCode::ApiOverloaded
            );
            counts.then_some((what, String::new()))
        });
    let (why, at) = why?;
    let message = format!(
        "if this rollout of {} failed, a rollback would not be possible because {why}",
        plan.title()
    );
    Some(
        Prediction::own(PredictedCode::RollbackImpossible, plan.index, message)
            .surely(Certainty::Likely)
            .about(plan.title())
            .at(at)
            .remedy("restore what the present revision needs before the rollout, or be ready to roll forward"),
    )
}

type Why = (String, String);

fn no_history(plan: &Planned<'_>) -> Option<Why> {
    let at = "/spec/revisionHistoryLimit";
    let limit = plan.object.pointer(at)?.as_i64()?;
    (limit == 0).then(|| {
        let why = "revisionHistoryLimit is 0, so that no former revision is kept";
        (why.to_owned(), at.to_owned())
    })
}

fn on_delete(plan: &Planned<'_>) -> Option<Why> {
    let at = "/spec/updateStrategy/type";
    let strategy = plan.object.pointer(at)?.as_str()?;
    (strategy == "OnDelete").then(|| {
        let why = "the update strategy is OnDelete: a person would have to delete each pod";
        (why.to_owned(), at.to_owned())
    })
}

/// Finds an object that the present revision needs and that is gone.
fn lacking(view: &View<'_>, plan: &Planned<'_>) -> Option<Why> {
    let (current, namespace) = (plan.current?, plan.namespace());
    let needed = without_claims(plan.former_template()?, &claims(current));
    references(&needed, namespace).iter().find_map(|it| {
        let brought = view.manifests.find(it.kind.as_str(), namespace, &it.name);
        if it.optional || brought.is_some() {
            return None;
        }
        let title = it.title();
        let lacks = match it.kind {
            ReferenceKind::PriorityClass => return None,
            ReferenceKind::PersistentVolumeClaim => {
                let place = Place {
                    api: "v1",
                    plural: "persistentvolumeclaims",
                    namespace: Some(namespace.to_owned()),
                    name: it.name.clone(),
                };
                let found = view.object(place, &format!("whether {title} exists"));
                (found == Found::Missing).then(|| "does not exist".to_owned())?
            }
            ReferenceKind::ConfigMap | ReferenceKind::Secret | ReferenceKind::ServiceAccount => {
                match it.lack(view.reference(namespace, it)?)? {
                    Lack::Object => "does not exist".to_owned(),
                    Lack::Keys(missing) => format!("lacks key `{}`", missing.join("`, `")),
                    Lack::Unknown(_) => return None,
                }
            }
        };
        let why = format!("{title}, which the present revision references, {lacks}");
        Some((why, String::new()))
    })
}
