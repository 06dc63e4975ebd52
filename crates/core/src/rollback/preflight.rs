//! Checks a rollback before anything is changed: makes questions for the cluster, and judges its
//! answers. The shell carries both.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{RollbackPlan, changes, stuck_pods};
use crate::history::History;
use crate::observation::ResourceKind;
use crate::quantity::Quantity;
use crate::workload::raw::{plain, text};
use crate::workload::{WorkloadKind, WorkloadRef};

mod finding;
pub(super) mod helm;
mod jobs;
mod owner;
mod references;
mod schema;
pub(super) mod workload;

pub use finding::{PreflightCode, PreflightFinding, Weight};
pub use helm::{HelmRelease, HelmRevision, helm_revision};
pub use jobs::{JobRun, JobState};
pub use references::{Lack, Reference, ReferenceKind, references};
pub use schema::{SCHEMA_COMPATIBLE_FROM, SCHEMA_VERSION};

/// The most changes of a template that are named.
const CHANGES: usize = 3;

/// The questions of a preflight to the cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Questions {
    /// The objects to look up.
    pub references: Vec<Reference>,
    /// A pod of the target, to be created as a dry run.
    pub pod: Value,
    /// The permissions to review.
    pub rights: Vec<AccessReview>,
    /// The release of Helm whose revisions to read, by the names and labels of its Secrets.
    pub helm: Option<HelmRelease>,
}

/// A permission that the rollback needs (`SelfSubjectAccessReview`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessReview {
    /// The verb.
    pub verb: &'static str,
    /// The API group.
    pub group: &'static str,
    /// The resource's plural.
    pub resource: &'static str,
    /// The object's name; `None` for any.
    pub name: Option<String>,
    /// The finding if it is not granted.
    pub lack: PreflightCode,
    /// Whether the rollback is impossible without it.
    pub needed: bool,
}

/// The result of a lookup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup<T> {
    /// What was found.
    Seen(T),
    /// It does not exist.
    Missing,
    /// It could not be looked up, for this reason.
    Unseen(String),
}

/// The state of an object, without its values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObjectState {
    /// The keys of a ConfigMap or Secret; `None` where they were not read.
    pub keys: Option<BTreeSet<String>>,
    /// When it was last written (`metadata.managedFields`, else its creation).
    pub changed: Option<Timestamp>,
}

/// The result of a dry run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DryRun {
    /// The API server would accept it.
    Accepted,
    /// It would refuse it.
    Refused {
        /// The HTTP status.
        code: u16,
        /// The message of the API server.
        message: String,
    },
    /// It could not be tried.
    NotTried(String),
}

/// The answers of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    /// To [`Questions::references`].
    pub references: Vec<(Reference, Lookup<ObjectState>)>,
    /// To [`Questions::pod`].
    pub pod: DryRun,
    /// To [`RollbackPlan::template_change`] as a dry run.
    pub patch: DryRun,
    /// The template after the patch, if the API server returned it.
    pub written: Option<Value>,
    /// To [`Questions::rights`].
    pub rights: Vec<(AccessReview, Lookup<bool>)>,
    /// The Jobs of the namespace.
    pub jobs: Lookup<Vec<JobRun>>,
    /// To [`Questions::helm`].
    pub helm: Option<(HelmRelease, Lookup<Vec<HelmRevision>>)>,
}

/// Returns what to look up before the plan is carried out.
#[must_use]
pub fn questions(plan: &RollbackPlan, history: &History) -> Questions {
    let template = plan.target_template();
    Questions {
        references: references(
            &without_claims(template, &claims(history.object())),
            &plan.workload.namespace,
        ),
        pod: pod(plan, history, template),
        rights: rights(plan, history),
        helm: HelmRelease::of(history),
    }
}

/// Makes a pod of the target as the controller would, with its owner.
fn pod(plan: &RollbackPlan, history: &History, template: &Value) -> Value {
    let kind = plan.workload.kind;
    let owner = match kind {
        WorkloadKind::Deployment => ("ReplicaSet", plan.to.name.as_str(), plan.to.uid.as_str()),
        WorkloadKind::StatefulSet | WorkloadKind::DaemonSet | WorkloadKind::Job => (
            kind.as_str(),
            plan.workload.name.as_str(),
            plan.uid.as_str(),
        ),
    };
    trial_pod(&plan.workload, owner, template, &claims(history.object()))
}

/// Makes a pod for a dry run as the controller would: with its owner (kind, name and uid), since policies refuse
/// pods without one, and with the volumes of a StatefulSet's claim templates. It is never stored.
pub(crate) fn trial_pod(
    workload: &WorkloadRef,
    (kind, name, uid): (&str, &str, &str),
    template: &Value,
    claims: &[&str],
) -> Value {
    let mut pod = template.clone();
    let owner = json!({"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid,
        "controller": true});
    let mut metadata = match pod.pointer_mut("/metadata").map(Value::take) {
        Some(Value::Object(metadata)) => metadata,
        _ => serde_json::Map::new(),
    };
    let name = format!("{}-rollguard-", workload.name);
    metadata.insert("generateName".to_owned(), json!(name));
    metadata.insert("namespace".to_owned(), json!(workload.namespace));
    metadata.insert("ownerReferences".to_owned(), json!([owner]));
    let mut spec = pod
        .pointer_mut("/spec")
        .map(Value::take)
        .unwrap_or_default();
    add_claims(&mut spec, &workload.name, claims);
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
}

/// Returns the names of a StatefulSet's claim templates.
pub(crate) fn claims(workload: &Value) -> Vec<&str> {
    let templates = workload.pointer("/spec/volumeClaimTemplates");
    let templates = templates.and_then(Value::as_array).into_iter().flatten();
    templates.map(|it| text(it, "/metadata/name")).collect()
}

/// Drops volumes that a claim template of the same name replaces (`updateStorage`).
fn drop_replaced(volumes: &mut Vec<Value>, claims: &[&str]) {
    volumes.retain(|it| claims.iter().all(|claim| *claim != text(it, "/name")));
}

/// Returns the template without the volumes that claim templates replace: the controller creates
/// those claims, so that the template does not need them.
pub(crate) fn without_claims(template: &Value, claims: &[&str]) -> Value {
    let mut template = template.clone();
    let volumes = template.pointer_mut("/spec/volumes");
    if let Some(volumes) = volumes.and_then(Value::as_array_mut) {
        drop_replaced(volumes, claims);
    }
    template
}

/// Adds the volumes of the claim templates, as the StatefulSet controller does.
fn add_claims(spec: &mut Value, workload: &str, claims: &[&str]) {
    let volumes: Vec<Value> = claims
        .iter()
        .map(|name| {
            let claim = format!("{name}-{workload}-0");
            json!({"name": name, "persistentVolumeClaim": {"claimName": claim}})
        })
        .collect();
    if let (Some(spec), false) = (spec.as_object_mut(), volumes.is_empty()) {
        let all = spec.entry("volumes").or_insert_with(|| json!([]));
        if let Some(all) = all.as_array_mut() {
            drop_replaced(all, claims);
            all.extend(volumes);
        }
    }
}

fn rights(plan: &RollbackPlan, history: &History) -> Vec<AccessReview> {
    let resource = ResourceKind::of(plan.workload.kind).plural();
    let revision_objects = match plan.workload.kind {
        WorkloadKind::Deployment => "replicasets",
        WorkloadKind::StatefulSet | WorkloadKind::DaemonSet | WorkloadKind::Job => {
            "controllerrevisions"
        }
    };
    let mut rights = vec![
        AccessReview {
            verb: "patch",
            group: "apps",
            resource,
            name: Some(plan.workload.name.clone()),
            lack: PreflightCode::MayNotPatch,
            needed: true,
        },
        AccessReview {
            verb: "patch",
            group: "apps",
            resource: revision_objects,
            name: None,
            lack: PreflightCode::MayNotMark,
            needed: false,
        },
    ];
    if stuck_pods::may_be_needed(history) {
        rights.push(AccessReview {
            verb: "delete",
            group: "",
            resource: "pods",
            name: None,
            lack: PreflightCode::MayNotDeletePods,
            needed: history
                .with_uid(&plan.to.uid)
                .is_some_and(|target| stuck_pods::is_stuck(history, &target)),
        });
    }
    rights.extend(["list", "watch"].map(|verb| AccessReview {
        verb,
        group: "",
        resource: "pods",
        name: None,
        lack: PreflightCode::MayNotSeePods,
        needed: false,
    }));
    rights
}

/// Judges the answers for a plan, the most severe findings first.
#[must_use]
pub fn judge(plan: &RollbackPlan, answers: &Answers) -> Vec<PreflightFinding> {
    let rights = answers.rights.iter();
    let mut found: Vec<PreflightFinding> = rights
        .filter_map(|(right, looked)| of_right(plan, right, looked))
        .collect();
    found.extend(of_patch(plan, &answers.patch, &found));
    for (reference, looked) in &answers.references {
        found.extend(of_reference(reference, looked));
        found.extend(of_change(plan, reference, looked));
    }
    found.extend(of_pod(plan, &answers.pod));
    found.extend(of_written(plan, answers.written.as_ref()));
    found.extend(jobs::of_jobs(plan, &answers.jobs));
    for hint in found.iter_mut().filter_map(|it| it.hint.as_mut()) {
        *hint = hint.replace(DOCTOR, &doctor_of(&plan.workload));
    }
    found.sort_by_key(|finding| finding.weight);
    found
}

/// How [`PreflightCode::remedy`] names the command that prints the Role.
const DOCTOR: &str = "`rollguard doctor rollback`";

/// The same for one workload: its kind decides what is in the Role.
fn doctor_of(workload: &WorkloadRef) -> String {
    let namespace = &workload.namespace;
    format!("`rollguard doctor rollback {workload} -n {namespace}`")
}

fn of_right(
    plan: &RollbackPlan,
    right: &AccessReview,
    looked: &Lookup<bool>,
) -> Option<PreflightFinding> {
    let namespace = &plan.workload.namespace;
    let (verb, resource) = (right.verb, right.resource);
    match looked {
        Lookup::Seen(true) => None,
        Lookup::Seen(false) | Lookup::Missing => {
            let message = format!("may not {verb} {resource} in namespace {namespace}");
            Some(match (right.needed, right.lack) {
                (true, lack) => lacks(plan, lack, message),
                (false, PreflightCode::MayNotDeletePods) => PreflightFinding::warning(
                    right.lack,
                    format!("{message}: a pod that stays stuck would not be replaced"),
                ),
                (false, PreflightCode::MayNotSeePods) => PreflightFinding::warning(
                    right.lack,
                    format!(
                        "{message}: the check after the rollback would judge by the counts alone"
                    ),
                ),
                (false, lack) => PreflightFinding::note(lack, message),
            })
        }
        Lookup::Unseen(why) => Some(PreflightFinding::note(
            PreflightCode::NotLooked,
            format!("cannot tell whether {verb} on {resource} is allowed: {why}"),
        )),
    }
}

/// Reports a missing permission: a refusal, or a warning on a proposal, which another identity may
/// carry out after its own preflight.
fn lacks(plan: &RollbackPlan, code: PreflightCode, message: impl Into<String>) -> PreflightFinding {
    if plan.proposed {
        PreflightFinding::warning(code, message)
    } else {
        PreflightFinding::refusal(code, message)
    }
}

fn of_reference(reference: &Reference, looked: &Lookup<ObjectState>) -> Option<PreflightFinding> {
    let title = reference.title();
    match reference.lack(looked)? {
        Lack::Keys(missing) => {
            let message = format!(
                "{title} lacks key `{}`, which the target references",
                missing.join("`, `")
            );
            Some(PreflightFinding::refusal(
                PreflightCode::MissingKey,
                message,
            ))
        }
        Lack::Object => {
            let message = format!("{title}, which the target references, does not exist");
            Some(PreflightFinding::refusal(reference.kind.missing(), message))
        }
        Lack::Unknown(why) => Some(PreflightFinding::note(
            PreflightCode::NotLooked,
            format!("cannot tell whether {title}, which the target references, exists: {why}"),
        )),
    }
}

/// Returns since when an object counts as changed, and what happened at that time.
///
/// If no check marked the target as good, it was good at some time after its creation, if ever.
fn since(plan: &RollbackPlan) -> Option<(Timestamp, String)> {
    let (at, what) = match (plan.good_at, plan.target_created) {
        (Some(at), _) => (at, "last known to be good"),
        (None, Some(at)) => (at, "made"),
        (None, None) => return None,
    };
    Some((at, format!("revision {} was {what}", plan.to.revision)))
}

/// Reports a ConfigMap or Secret that was changed since the target was good: the rollback does not
/// restore it.
fn of_change(
    plan: &RollbackPlan,
    reference: &Reference,
    looked: &Lookup<ObjectState>,
) -> Option<PreflightFinding> {
    let (Lookup::Seen(kept), Some((since, then))) = (looked, since(plan)) else {
        return None;
    };
    let holds_values = matches!(
        reference.kind,
        ReferenceKind::ConfigMap | ReferenceKind::Secret
    );
    let changed = kept.changed.filter(|at| holds_values && *at > since)?;
    let (kind, name) = (reference.kind.as_str(), &reference.name);
    let message =
        format!("{kind} `{name}` was changed at {changed}, after {then}; it is not restored");
    Some(PreflightFinding::warning(
        PreflightCode::ConfigChanged,
        message,
    ))
}

/// Judges the dry run of the pod against the namespace's admission (`plugin/pkg/admission`).
///
/// A quota also counts the pods that the rollback will remove, so that a full quota is not a
/// refusal; a quota that is smaller than a single pod is.
fn of_pod(plan: &RollbackPlan, trial: &DryRun) -> Option<PreflightFinding> {
    match trial {
        DryRun::Accepted => None,
        DryRun::Refused { code: 403, message } if message.contains(EXCEEDED) => {
            let too_much = beyond(message);
            // Where all of the target's pods still exist, no new pod has to fit.
            if too_much.is_empty() || plan.in_full {
                let message = format!(
                    "the quota does not allow one more pod of the target at present: {message}"
                );
                return Some(PreflightFinding::warning(PreflightCode::QuotaFull, message));
            }
            let message = format!(
                "a pod of the target can never fit into the quota ({}): {message}",
                too_much.join(", ")
            );
            let refusal = PreflightFinding::refusal(PreflightCode::PodRefused, message);
            Some(refusal.hint("raise the quota, then roll back; or roll forward"))
        }
        // The identity lacks a permission; the pod is not refused.
        DryRun::Refused { code: 403, message } if message.contains("cannot create resource") => {
            Some(PreflightFinding::note(
                PreflightCode::NotLooked,
                format!("the dry run of a pod of the target was not possible: {message}"),
            ))
        }
        DryRun::Refused { message, .. } => {
            let message = format!("the API server would refuse the target's pods: {message}");
            Some(PreflightFinding::refusal(
                PreflightCode::PodRefused,
                message,
            ))
        }
        DryRun::NotTried(why) => Some(PreflightFinding::note(
            PreflightCode::NotLooked,
            format!("the dry run of a pod of the target was not possible: {why}"),
        )),
    }
}

/// The message of the quota admission plug-in; a webhook with the same message has its name in
/// between.
const EXCEEDED: &str = "is forbidden: exceeded quota: ";

/// Returns the resources of which one pod alone requests more than the quota's limit.
///
/// The message is `exceeded quota: q, requested: a=1,b=2, used: a=3,b=4, limited: a=3,b=5`
/// (k8s.io/apiserver `pkg/admission/plugin/resourcequota/controller.go`). Amounts that cannot be
/// parsed are ignored.
fn beyond(message: &str) -> Vec<&str> {
    let amounts = |name: &str| {
        let listed = message.split_once(EXCEEDED)?.1.split_once(name)?.1;
        Some(listed.split(", ").next().unwrap_or(listed).split(','))
    };
    let read = |pair: &'_ str| {
        let (_, amount) = pair.split_once('=')?;
        Quantity::parse(amount.trim())
    };
    let (Some(requested), Some(limited)) = (amounts(", requested: "), amounts(", limited: "))
    else {
        return Vec::new();
    };
    let limited: Vec<&str> = limited.collect();
    requested
        .filter_map(|asked| {
            let resource = asked.split_once('=')?.0;
            let of_it = |it: &&&str| it.split_once('=').is_some_and(|(name, _)| name == resource);
            let limit = limited.iter().find(of_it)?;
            (read(asked)? > read(limit)?).then_some(resource)
        })
        .collect()
}

/// Judges the dry run of the patch; `already` are the findings about the identity's permissions.
fn of_patch(
    plan: &RollbackPlan,
    trial: &DryRun,
    already: &[PreflightFinding],
) -> Option<PreflightFinding> {
    match trial {
        DryRun::Accepted => None,
        // A missing permission of the identity, which is reported once.
        DryRun::Refused { code: 403, message } if message.contains("cannot patch resource") => {
            let lack = PreflightCode::MayNotPatch;
            let told = already.iter().any(|it| it.code == lack);
            (!told).then(|| lacks(plan, lack, message.as_str()))
        }
        DryRun::Refused { message, .. } => {
            let message = format!("the API server would refuse the rollback: {message}");
            Some(PreflightFinding::refusal(
                PreflightCode::PatchRefused,
                message,
            ))
        }
        DryRun::NotTried(why) => Some(PreflightFinding::note(
            PreflightCode::NotLooked,
            format!("the dry run of the rollback was not possible: {why}"),
        )),
    }
}

/// Reports that the API server would write another template than the target's.
///
/// Webhooks that are newer than the target, and defaults of a newer API server, make another
/// revision of it.
fn of_written(plan: &RollbackPlan, written: Option<&Value>) -> Option<PreflightFinding> {
    let (target, written) = (plain(plan.target_template()), plain(written?));
    if target == written {
        return None;
    }
    let told: Vec<String> = changes(&target, &written)
        .iter()
        .take(CHANGES)
        .map(ToString::to_string)
        .collect();
    let told = match told.as_slice() {
        [] => String::new(),
        told => format!(" ({})", told.join("; ")),
    };
    let message = format!(
        "the API server would modify the template of revision {}{told}: the result is a new revision, which the check after the rollback does not follow",
        plan.to.revision
    );
    Some(PreflightFinding::warning(
        PreflightCode::WrittenOtherwise,
        message,
    ))
}
