//! Predicts whether Services would lose the pods, by the judgement of a check after the rollout.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::PodTemplateSpec;
use serde::Deserialize as _;

use super::certainty::{Certainty, Prediction};
use super::planned::Planned;
use super::view::View;
use crate::finding::FindingCode;
use crate::history::History;
use crate::traffic::{Defect, NetworkObjects, NewPod, Service, Situation, defects};

/// Finds ways to the pods that the new template breaks.
pub(super) fn judge(view: &View<'_>, plan: &Planned<'_>) -> Vec<Prediction> {
    // Without a former template nothing is lost.
    let Some(former) = plan.former_template() else {
        return Vec::new();
    };
    if plan.manifest.stands {
        return Vec::new();
    }
    let (Some(new), Ok(former)) = (plan.typed_template(), PodTemplateSpec::deserialize(former))
    else {
        return Vec::new();
    };
    let Some(objects) = view.traffic(plan.namespace()) else {
        return Vec::new();
    };
    for unseen in &objects.unseen {
        view.note(format!("{}: {}", unseen.without, unseen.why));
    }
    let objects = after_rollout(view, plan, objects);
    // A pod that the template will have: it is ready, and no endpoint is expected of it yet.
    let pods = [NewPod {
        name: String::new(),
        uid: String::new(),
        ready: true,
        settled: false,
    }];
    let situation = Situation {
        objects: &objects,
        kind: plan.workload.kind.as_str(),
        name: &plan.workload.name,
        namespace: plan.namespace(),
        new: &new,
        former: Some(&former),
        rolled_back: None,
        pods: &pods,
        tried: &[],
        read_at: None,
    };
    let found = defects(&situation).into_iter();
    found.map(|it| prediction(plan, it)).collect()
}

fn prediction(plan: &Planned<'_>, defect: Defect) -> Prediction {
    // The Service may be applied a moment later.
    let loses_all = matches!(
        defect.code,
        FindingCode::ServiceSelectsNoPod | FindingCode::ServicePortMissing
    );
    let certainty = if loses_all {
        Certainty::Likely
    } else {
        Certainty::Possible
    };
    let at = if defect.code == FindingCode::ServiceSelectsNoPod {
        "/spec/template/metadata/labels".to_owned()
    } else {
        Planned::in_spec("/containers")
    };
    Prediction::finding(defect.code, plan.index, defect.message)
        .surely(certainty)
        .about(format!("{} `{}`", defect.subject.kind, defect.subject.name))
        .at(at)
        .remedy(defect.remedy)
}

/// Returns the objects as they would be after the rollout: with the Services of the call, and without the endpoints of
/// the pods that go.
fn after_rollout(view: &View<'_>, plan: &Planned<'_>, now: &NetworkObjects) -> NetworkObjects {
    let mut objects = now.clone();
    let brought = view.manifests.of("Service", plan.namespace());
    let brought: Vec<Service> = brought
        .filter_map(|it| Service::deserialize(&it.object).ok())
        .collect();
    if let Some(services) = &mut objects.services {
        let is_brought = |it: &Service| {
            let mut names = brought.iter().map(|it| &it.metadata.name);
            names.any(|name| *name == it.metadata.name)
        };
        services.retain(|it| !is_brought(it));
        services.extend(brought.iter().cloned());
    }
    let going: BTreeSet<&str> = plan
        .history
        .into_iter()
        .flat_map(History::pods)
        .filter_map(|it| it.metadata.uid.as_deref())
        .collect();
    for slice in objects.endpoint_slices.iter_mut().flatten() {
        slice.endpoints.retain(|it| {
            let target = it.target_ref.as_ref();
            target.is_none_or(|it| !going.contains(it.uid.as_str()))
        });
    }
    objects
}
