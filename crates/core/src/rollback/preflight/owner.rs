//! Finds an owner that keeps the desired state elsewhere, and would undo a rollback.

use serde_json::Value;

use super::finding::{PreflightCode, PreflightFinding};
use crate::rollback::Request;
use crate::workload::raw::{annotation, text};

/// How to recognise an owner.
struct Owner {
    code: PreflightCode,
    name: &'static str,
    annotations: &'static [&'static str],
    labels: &'static [&'static str],
    /// The field manager (`metadata.managedFields[].manager`).
    manager: &'static str,
}

/// Argo CD: <https://argo-cd.readthedocs.io/en/stable/user-guide/resource_tracking/>; others use
/// its label `app.kubernetes.io/instance` too, so that the field manager decides. Flux:
/// <https://fluxcd.io/flux/components/kustomize/kustomizations/>. Helm: `pkg/action/validate.go`.
const OWNERS: [Owner; 4] = [
    Owner {
        code: PreflightCode::OwnedByArgoCd,
        name: "Argo CD",
        annotations: &["argocd.argoproj.io/tracking-id"],
        labels: &["argocd.argoproj.io/instance"],
        manager: "argocd-controller",
    },
    Owner {
        code: PreflightCode::OwnedByFlux,
        name: "Flux",
        annotations: &[],
        labels: &["kustomize.toolkit.fluxcd.io/name"],
        manager: "kustomize-controller",
    },
    // Before Helm: objects that Flux installs through Helm have the labels of both.
    Owner {
        code: PreflightCode::OwnedByFlux,
        name: "Flux",
        annotations: &[],
        labels: &["helm.toolkit.fluxcd.io/name"],
        manager: "helm-controller",
    },
    Owner {
        code: PreflightCode::OwnedByHelm,
        name: "Helm",
        annotations: &["meta.helm.sh/release-name"],
        labels: &[],
        manager: "helm",
    },
];

/// Returns the finding about the owner of the workload.
///
/// Helm undoes nothing by itself, so that a person may decide: a check proposes such a rollback with
/// Helm's own command beside it. The others would undo it within minutes.
pub(super) fn finding(workload: &Value, request: &Request) -> Option<PreflightFinding> {
    let (code, who) = owner(workload).or_else(|| controller(workload))?;
    let message = format!("{who} and may undo a rollback that it does not know about");
    let proposed = request.judged.is_some();
    let approved = request.approval.as_ref().is_some_and(|it| it.force_helm);
    let is_helm = code == PreflightCode::OwnedByHelm;
    let forced = is_helm && (proposed || (approved && request.allowed.approved));
    let allowed = request.allowed.force_owner || forced;
    Some(PreflightFinding::refusal_unless(allowed, code, message))
}

/// Returns the code of the owner that was recognised, if one was.
pub(super) fn code(workload: &Value) -> Option<PreflightCode> {
    owner(workload).map(|(code, _)| code)
}

fn owner(workload: &Value) -> Option<(PreflightCode, String)> {
    let label = |name: &str| workload.pointer("/metadata/labels")?.get(name)?.as_str();
    let managers = workload.pointer("/metadata/managedFields");
    let managers = managers.and_then(Value::as_array);
    let written_by = |name: &str| {
        let mut managers = managers.into_iter().flatten();
        managers.any(|it| text(it, "/manager") == name)
    };
    OWNERS.iter().find_map(|owner| {
        let annotated = owner
            .annotations
            .iter()
            .find_map(|it| annotation(workload, it));
        let labelled = owner.labels.iter().find_map(|it| label(it));
        let named = annotated.or(labelled);
        if named.is_none() && !written_by(owner.manager) {
            return None;
        }
        let what = named.map_or_else(String::new, |it| format!(" (`{it}`)"));
        let who = format!("{}{what} owns the workload", owner.name);
        Some((owner.code, who))
    })
}

/// Returns the controller in `ownerReferences`, such as an operator's object.
fn controller(workload: &Value) -> Option<(PreflightCode, String)> {
    let owners = workload.pointer("/metadata/ownerReferences")?.as_array()?;
    let owner = owners
        .iter()
        .find(|it| it.get("controller") == Some(&Value::Bool(true)))?;
    let (kind, name) = (text(owner, "/kind"), text(owner, "/name"));
    Some((
        PreflightCode::OwnedByController,
        format!("{kind} `{name}` controls the workload"),
    ))
}
