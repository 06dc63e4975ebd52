//! Objects that the pods need: each ConfigMap, Secret and ServiceAccount.

use std::collections::BTreeSet;

use serde_json::Value;

use super::certainty::{Certainty, Prediction};
use super::planned::Planned;
use super::view::View;
use crate::finding::{FindingCode, Lookup as Promises, Promise, SecretWriter};
use crate::rollback::preflight::{Lack, Reference, ReferenceKind, references};

/// Finds objects that do not exist, and keys that they lack.
pub(super) fn judge(view: &View<'_>, plan: &Planned<'_>) -> Vec<Prediction> {
    let all = references(&plan.needed(), plan.namespace());
    let mut found = Vec::new();
    for reference in &all {
        // Claims have a lifecycle of their own, and the dry run of a pod tells of classes.
        if matches!(
            reference.kind,
            ReferenceKind::ConfigMap | ReferenceKind::Secret | ReferenceKind::ServiceAccount
        ) {
            found.extend(one(view, plan, reference));
        }
    }
    found
}

fn one(view: &View<'_>, plan: &Planned<'_>, reference: &Reference) -> Option<Prediction> {
    if reference.optional {
        return None;
    }
    let namespace = plan.namespace();
    let kind = reference.kind.as_str();
    let (lacks, code) = match view.manifests.find(kind, namespace, &reference.name) {
        Some(brought) => {
            let keys = keys_of(&brought.object);
            let missing = reference
                .keys
                .iter()
                .filter(|it| !keys.contains(it.as_str()));
            let missing: Vec<&str> = missing.map(String::as_str).collect();
            if missing.is_empty() {
                return None;
            }
            (said_of_keys(&missing), FindingCode::ConfigKeyMissing)
        }
        None => match reference.lack(view.reference(namespace, reference)?)? {
            Lack::Object => ("does not exist".to_owned(), missing(reference.kind)),
            Lack::Keys(missing) => (said_of_keys(&missing), FindingCode::ConfigKeyMissing),
            Lack::Unknown(why) => {
                view.note(format!("whether {} exists: {why}", reference.title()));
                return None;
            }
        },
    };
    let title = reference.title();
    let message = format!("{title}, which the pod template references, {lacks}");
    let prediction = Prediction::finding(code, plan.index, message)
        .about(title.clone())
        .at(plan.named(&["name", "secretName", "serviceAccountName"], &reference.name))
        .remedy(format!(
            "create it before the rollout, apply its manifest in the same call, or correct the name of {title}"
        ));
    let promises = promises(view, plan, reference)?;
    Some(match promises.first() {
        None => prediction,
        Some(promise) => promised(prediction, promise),
    })
}

fn promised(prediction: Prediction, promise: &Promise) -> Prediction {
    let message = if promise.read {
        format!("{}; {} may create it", prediction.message, promise.by)
    } else {
        format!(
            "{}; {} may create it, which cannot be read",
            prediction.message, promise.by
        )
    };
    Prediction {
        message,
        ..prediction.surely(Certainty::Possible)
    }
}

const fn missing(kind: ReferenceKind) -> FindingCode {
    match kind {
        ReferenceKind::ConfigMap | ReferenceKind::Secret => FindingCode::ConfigObjectMissing,
        ReferenceKind::ServiceAccount => FindingCode::ServiceAccountMissing,
        ReferenceKind::PersistentVolumeClaim => FindingCode::ClaimMissing,
        ReferenceKind::PriorityClass => FindingCode::PriorityClassMissing,
    }
}

fn said_of_keys(missing: &[&str]) -> String {
    format!("lacks key `{}`", missing.join("`, `"))
}

/// Returns the keys of a ConfigMap or Secret of the call.
fn keys_of(object: &Value) -> BTreeSet<&str> {
    let fields = ["data", "binaryData", "stringData"];
    let maps = fields.iter().filter_map(|it| object.get(it)?.as_object());
    maps.flat_map(|it| it.keys().map(String::as_str)).collect()
}

/// Returns what may create an object: in the call or in the cluster. `None` while it is not known.
fn promises(view: &View<'_>, plan: &Planned<'_>, reference: &Reference) -> Option<Vec<Promise>> {
    let name = reference.name.clone();
    let lookup = match reference.kind {
        ReferenceKind::Secret => Promises::Secret { name },
        ReferenceKind::ConfigMap => Promises::ConfigMap { name },
        ReferenceKind::ServiceAccount
        | ReferenceKind::PersistentVolumeClaim
        | ReferenceKind::PriorityClass => return Some(Vec::new()),
    };
    if reference.kind == ReferenceKind::Secret
        && let Some(promise) = written_by_call(view, plan, &reference.name)
    {
        return Some(vec![promise]);
    }
    view.promises(plan.namespace(), lookup)
}

/// Returns the promise of a Certificate, an `ExternalSecret` or the like of the same call.
fn written_by_call(view: &View<'_>, plan: &Planned<'_>, secret: &str) -> Option<Promise> {
    SecretWriter::ALL.iter().find_map(|writer| {
        let mut all = view.manifests.of(writer.kind(), plan.namespace());
        all.find_map(|it| writer.promise(&it.object, secret))
    })
}
