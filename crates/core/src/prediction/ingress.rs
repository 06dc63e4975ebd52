//! Ingresses of the call that name a class which does not exist.

use super::certainty::{Certainty, Prediction};
use super::manifest::Manifest;
use super::question::Place;
use super::view::{Found, View};
use crate::finding::FindingCode;
use crate::workload::raw::text;

/// Finds them. The annotation of old names no object: a controller compares it with a name of its own.
pub(super) fn judge(view: &View<'_>) -> Vec<Prediction> {
    let all = view.manifests.all().iter().enumerate();
    let ingresses = all.filter(|(_, it)| {
        it.kind() == "Ingress" && it.group() == "networking.k8s.io" && !it.stands
    });
    let found = ingresses.filter_map(|(index, it)| class(view, index, it));
    found.collect()
}

fn class(view: &View<'_>, index: usize, ingress: &Manifest) -> Option<Prediction> {
    let at = "/spec/ingressClassName";
    let class = text(&ingress.object, at);
    if class.is_empty() || view.manifests.brings("IngressClass", class) {
        return None;
    }
    let place = Place {
        api: "networking.k8s.io/v1",
        plural: "ingressclasses",
        namespace: None,
        name: class.to_owned(),
    };
    let found = view.object(place, &format!("whether IngressClass `{class}` exists"));
    (found == Found::Missing).then(|| {
        let title = format!("Ingress `{}`", ingress.name());
        let message = format!(
            "{title} names IngressClass `{class}`, which does not exist, so that no controller serves it"
        );
        Prediction::finding(FindingCode::IngressClassMissing, index, message)
            .surely(Certainty::Likely)
            .about(title)
            .at(at)
            .remedy(format!(
                "name an IngressClass that exists (`kubectl get ingressclass`), or install the controller of `{class}`"
            ))
    })
}
