//! AKS Deployment Safeguards, which AKS Automatic enforces: what they refuse, and what their mutators change
//! (<https://learn.microsoft.com/azure/aks/deployment-safeguards>, 2026-01). Baseline Pod Security comes with them.
//!
//! Left out is what depends on settings of the cluster: the images that are allowed, and the namespaces that are excluded.

use rollguard_core::quantity::Quantity;

use crate::code::LintCode;
use crate::field::{Location, Scope};
use crate::finding::Findings;
use crate::manifest::Object;
use crate::pod::Pod;
use crate::severity::Severity;

/// Reserved for AKS, with every name behind the slash.
const RESERVED_LABEL: &str = "kubernetes.azure.com";

/// Judges an object of any kind.
pub(crate) fn judge_object(object: &Object<'_>, findings: &mut Findings) {
    labels(&object.scope, findings);
    match object.name.kind.as_str() {
        "StorageClass" => storage_class(object, findings),
        "Node" => node(object, findings),
        _ => {}
    }
}

fn labels(scope: &Scope<'_>, findings: &mut Findings) {
    let Some(labels) = scope.below("metadata.labels") else {
        return;
    };
    for field in labels.node().fields() {
        let prefix = field.key.split_once('/').map_or("", |(prefix, _)| prefix);
        if field.key == RESERVED_LABEL || prefix == RESERVED_LABEL {
            let message = format!("the label {} is reserved for AKS", field.key);
            let path = format!("{}[\"{}\"]", labels.path(), field.key);
            let mark = field.mark;
            findings.add_at(LintCode::AksReservedLabel, Location { mark, path }, message);
        }
    }
}

fn storage_class(object: &Object<'_>, findings: &mut Findings) {
    let field = object.scope.at("provisioner");
    let driver = match field.text() {
        Some("kubernetes.io/azure-disk") => "disk.csi.azure.com",
        Some("kubernetes.io/azure-file") => "file.csi.azure.com",
        Some(_) | None => return,
    };
    let message = format!(
        "the StorageClass uses the in-tree provisioner {}",
        field.text().unwrap_or_default()
    );
    findings
        .add(LintCode::AksInTreeStorage, &field, message)
        .fixed_by(format!("use {driver}"));
}

fn node(object: &Object<'_>, findings: &mut Findings) {
    for path in ["metadata.labels", "spec.taints"] {
        let field = object.scope.at(path);
        if field.is_set() {
            let message = format!("the manifest sets {path} of a single node");
            findings.add(LintCode::AksNodeEdit, &field, message);
        }
    }
}

/// Finds what the mutators change in the pod template of an object.
pub(crate) fn judge_pod(object: &Object<'_>, pod: &Pod<'_>, findings: &mut Findings) {
    for container in pod.lasting() {
        requests(&container.scope, container.name, findings);
    }
    spread(object, pod, findings);
}

/// A resource with what the mutator sets where there is none, and the least that it leaves.
struct Mutated {
    resource: &'static str,
    default: &'static str,
    least: &'static str,
}

const MUTATED: [Mutated; 2] = [
    Mutated {
        resource: "cpu",
        default: "500m",
        least: "100m",
    },
    Mutated {
        resource: "memory",
        default: "2Gi",
        least: "100Mi",
    },
];

fn requests(container: &Scope<'_>, name: &str, findings: &mut Findings) {
    for Mutated {
        resource,
        default,
        least,
    } in MUTATED
    {
        let (request, limit) = (
            format!("resources.requests.{resource}"),
            format!("resources.limits.{resource}"),
        );
        let fields = [
            ("request", container.at(&request)),
            ("limit", container.at(&limit)),
        ];
        if fields.iter().all(|(_, field)| !field.is_set()) {
            let message = format!(
                "AKS sets the {resource} request and limit of container \"{name}\" to {default}"
            );
            let [(_, field), _] = &fields;
            findings
                .add(LintCode::AksMutatesResources, field, message)
                .of_container(name);
        }
        for (what, field) in &fields {
            let amount = field.written().and_then(Quantity::parse);
            let is_less = amount
                .zip(Quantity::parse(least))
                .is_some_and(|(it, least)| it < least);
            if is_less {
                let written = field.written().unwrap_or_default();
                let message = format!(
                    "AKS raises the {resource} {what} of container \"{name}\" from {written} to {least}"
                );
                findings
                    .add(LintCode::AksMutatesResources, field, message)
                    .of_container(name);
            }
        }
    }
}

/// Finds a workload of several replicas to which the mutator adds rules for spreading.
fn spread(object: &Object<'_>, pod: &Pod<'_>, findings: &mut Findings) {
    let replicated = ["Deployment", "ReplicaSet", "StatefulSet"];
    let replicas = object.scope.at("spec.replicas");
    let several = replicas.int().is_some_and(|it| it > 1);
    if !several || !replicated.contains(&object.name.kind.as_str()) {
        return;
    }
    let has_rules =
        pod.at("affinity.podAntiAffinity").is_set() || pod.at("topologySpreadConstraints").is_set();
    if !has_rules {
        let message = "AKS adds a pod anti-affinity and a topology spread constraint over nodes, both preferred";
        findings
            .add(LintCode::AksAddsSpread, &replicas, message)
            .with_severity(Severity::Info);
    }
}
