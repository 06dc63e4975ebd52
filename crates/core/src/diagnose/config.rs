//! Finds containers that cannot be configured or created (kubelet `kubelet_pods.go`,
//! `kuberuntime/security_context_others.go`).

use super::image::{disk_full, node_of};
use super::promise::{self, may_be_written};
use super::{Candidate, Case, Cause, about, between, has_any, runtime};
use crate::finding::{EvidenceKind, FindingCode, Lookup};
use crate::snapshot::{ContainerView, PodView, StartFailureFamily};

pub(super) fn diagnose(case: &Case<'_>) -> Vec<Candidate> {
    case.pods
        .iter()
        .flat_map(PodView::containers)
        .filter_map(|container| one(case, &container))
        .collect()
}

fn one(case: &Case<'_>, container: &ContainerView<'_>) -> Option<Candidate> {
    let waiting = container.waiting()?;
    let message = waiting.message.as_deref().unwrap_or_default();
    let (family, refused) = match waiting.reason.as_deref()? {
        "CreateContainerConfigError" => {
            (StartFailureFamily::Config, configured(container, message))
        }
        "CreateContainerError" => (StartFailureFamily::Create, created(container, message)),
        "PreCreateHookError" | "PreStartHookError" => {
            (StartFailureFamily::Create, unprepared(container))
        }
        _ => return None,
    };
    // One message may follow another: "failed to sync" says nothing about a missing key.
    let since = container
        .start_failure(family)
        .map_or(case.now, |it| it.said_since);
    let Cause { code, what, remedy } = refused;
    let finding = about(code, container, since)
        .message(what)
        .remedy(remedy)
        .evidence(EvidenceKind::ContainerStatus, message);
    let unset = unset_variables(message).is_some_and(|names| !may_be_set(container, names));
    let alone = case.policy.patience.template_alone;
    let (finding, grace) = match question(message).filter(|_| may_be_written(code)) {
        Some(question) => promise::of_object(case, finding, question),
        None if unset => {
            let heals = "only another pod template heals it";
            (finding.heals(heals), Some(alone))
        }
        None => (finding, None),
    };
    Some(Candidate {
        grace,
        ..Candidate::from(finding)
    })
}

/// Returns the question about the object that is missing, or that lacks a key.
fn question(message: &str) -> Option<Lookup> {
    let key = missing_key(message).map(|it| (it.kind, it.object));
    let (kind, name) = key.or_else(|| missing_object(message))?;
    promise::question(kind, name)
}

/// Classifies `CreateContainerConfigError`.
fn configured(container: &ContainerView<'_>, message: &str) -> Cause {
    as_root(container, message)
        .or_else(|| missing(container, message))
        .or_else(|| sub_path(container, message))
        .unwrap_or_else(|| {
            let what = if has_any(message, NOT_YET) {
                format!(
                    "the kubelet has not yet read the objects that {} needs",
                    container.title()
                )
            } else {
                format!("{} cannot be configured", container.title())
            };
            let remedy = "read the message; if it names the kubelet, look at the node";
            Cause::new(FindingCode::ContainerNotCreated, what, remedy)
        })
}

/// Errors of the kubelet itself, which pass (krane#886; `watch_based_manager.go`,
/// `kubelet_pods.go`).
const NOT_YET: &[&str] = &[
    "failed to sync",
    "services have not yet been read",
    "not registered",
];

/// Classifies a refusal by the kubelet's `verifyRunAsNonRoot`.
fn as_root(container: &ContainerView<'_>, message: &str) -> Option<Cause> {
    let (title, image) = (container.title(), container.image());
    let what = if let Some(user) = between(message, "image has non-numeric user (", ")") {
        format!(
            "{title} must not run as root, and the kubelet cannot tell whether user `{user}` of image \
             `{image}` is root"
        )
    } else if has_any(message, &["breaks non-root policy"]) {
        format!("{title} must not run as root, but its runAsUser is 0")
    } else if has_any(message, &["runasnonroot and image"]) {
        format!("{title} must not run as root, but image `{image}` does")
    } else {
        return None;
    };
    let remedy = "set a numeric runAsUser above 0, or `USER 10001` in the Dockerfile";
    Some(Cause::new(FindingCode::RunAsNonRootRefused, what, remedy))
}

/// Classifies a missing ConfigMap, Secret or key (kubelet `makeEnvironmentVariables`).
fn missing(container: &ContainerView<'_>, message: &str) -> Option<Cause> {
    let title = container.title();
    if let Some(MissingKey { key, kind, object }) = missing_key(message) {
        let what =
            format!("{title} needs key `{key}` of {kind} `{object}`, which does not have that key");
        let remedy =
            format!("add key `{key}` to {kind} `{object}`, or mark the reference optional: true");
        return Some(Cause::new(FindingCode::ConfigKeyMissing, what, remedy));
    }
    let (kind, name) = missing_object(message)?;
    let what = format!("{title} needs {kind} `{name}`, which does not exist");
    let mut remedy = format!(
        "create {kind} `{name}` in this namespace before the workload, or correct its name"
    );
    if kind == "Secret" {
        remedy += "; a Secret synchronised from Key Vault (`secretObjects`) appears only while a pod \
                   mounts its CSI volume";
    }
    Some(Cause::new(FindingCode::ConfigObjectMissing, what, remedy))
}

/// Classifies a subPath that the kubelet cannot mount (`makeMounts`): the path is invalid, or its
/// volume is not mounted yet.
fn sub_path(container: &ContainerView<'_>, message: &str) -> Option<Cause> {
    const SUB_PATH: &[&str] = &[
        "subpath for volumemount",
        "subpath directory for volumemount",
    ];
    let title = container.title();
    if let Some(names) = unset_variables(message) {
        let mut mounts = container.spec.volume_mounts.iter().flatten();
        let path = mounts.find_map(|mount| mount.sub_path_expr.as_deref());
        let path = path.unwrap_or("?");
        let what = format!("{title}: subPathExpr `{path}` needs `{names}`, which has no value");
        let remedy = format!("set `{names}` in the container's env, or correct the subPathExpr");
        return Some(Cause::new(FindingCode::SubPathNotPrepared, what, remedy));
    }
    let what = if has_any(message, SUB_PATH) {
        let volume = between(message, "volumeMount \"", "\"").unwrap_or("?");
        let path = sub_path_of(container, volume).unwrap_or("?");
        format!("{title}: subPath `{path}` of volume `{volume}` cannot be prepared")
    } else if has_any(message, &["subpath `"]) {
        let path = between(message, "SubPath `", "`").unwrap_or("?");
        format!("{title}: subPath `{path}` is not a relative path inside its volume")
    } else {
        return None;
    };
    let remedy = "correct the subPath: relative, without `..`, and not through a link or a file of \
                  the volume; the container must be allowed to write where it is to be created";
    Some(Cause::new(FindingCode::SubPathNotPrepared, what, remedy))
}

/// Returns the environment variables in a subPathExpr that have no value (kubelet
/// `container/helpers.go`, `ExpandContainerVolumeMounts`).
fn unset_variables(message: &str) -> Option<&str> {
    message.strip_prefix("missing value for ")
}

/// Returns whether a variable takes its value from an object that may still change.
fn may_be_set(container: &ContainerView<'_>, names: &str) -> bool {
    let spec = container.spec;
    let from_object = |name: &str| {
        let mut variables = spec.env.iter().flatten();
        variables.any(|it| it.name == name && it.value_from.is_some())
    };
    spec.env_from.as_ref().is_some_and(|it| !it.is_empty()) || names.split(", ").any(from_object)
}

fn sub_path_of<'a>(container: &ContainerView<'a>, volume: &str) -> Option<&'a str> {
    let mut mounts = container.spec.volume_mounts.iter().flatten();
    let mount = mounts.find(|mount| mount.name == volume && has_sub_path(mount))?;
    mount.sub_path.as_deref().or(mount.sub_path_expr.as_deref())
}

const fn has_sub_path(mount: &k8s_openapi::api::core::v1::VolumeMount) -> bool {
    mount.sub_path.is_some() || mount.sub_path_expr.is_some()
}

/// Classifies `CreateContainerError` (containerd `container_create.go`, "failed to generate
/// container spec").
fn created(container: &ContainerView<'_>, message: &str) -> Cause {
    // Errors that the template and the image alone decide; any other may be the node's.
    const INVALID: &[&str] = &[
        "no command specified",
        "no matching entries in passwd file",
        "no matching entries in group file",
        "no users found",
        "unknown capability",
    ];
    let title = container.title();
    if has_any(message, &["no space left on device"]) {
        let full = disk_full(&node_of(container), &format!("{title} cannot be created"));
        return full;
    }
    if let Some(refused) = runtime::classify(container, message) {
        return refused;
    }
    if has_any(message, INVALID) {
        let why = message
            .rsplit_once("spec: ")
            .map_or(message, |(_, why)| why);
        let what = format!("the container runtime refuses {title}: {why}");
        let remedy = "change command, securityContext or USER to what the image supports";
        return Cause::new(FindingCode::ContainerSpecInvalid, what, remedy);
    }
    let what = format!(
        "{title} cannot be created by the container runtime of {}: {}",
        node_of(container),
        runtime::clause(message)
    );
    let remedy = "read the message; if it names the runtime, look at the node, or delete the pod so \
                  that another node may take it";
    Cause::new(FindingCode::ContainerNotCreated, what, remedy)
}

/// Describes `PreCreateHookError` and `PreStartHookError`.
///
/// The kubelet reserves processors, memory and devices before the runtime creates the container
/// (`cm/internal_container_lifecycle.go`).
fn unprepared(container: &ContainerView<'_>) -> Cause {
    let what = format!(
        "the kubelet of {} cannot prepare {}",
        node_of(container),
        container.title()
    );
    let remedy = "look at the kubelet's log on that node (its processor, memory or device manager), or \
                  delete the pod so that another node may take it";
    Cause::new(FindingCode::ContainerNotCreated, what, remedy)
}

struct MissingKey<'a> {
    key: &'a str,
    kind: &'a str,
    object: &'a str,
}

/// Reads `couldn't find key K in ConfigMap ns/name`.
fn missing_key(message: &str) -> Option<MissingKey<'_>> {
    let key = between(message, "couldn't find key ", " in ")?;
    let (_, rest) = message.split_once(" in ")?;
    let mut words = rest.split_whitespace();
    let (kind, object) = (words.next()?, words.next()?);
    let object = object.rsplit_once('/').map_or(object, |(_, name)| name);
    Some(MissingKey { key, kind, object })
}

/// Reads `secret "x" not found` and `configmap "x" not found`.
pub(super) fn missing_object(message: &str) -> Option<(&'static str, &str)> {
    [("Secret", "secret \""), ("ConfigMap", "configmap \"")]
        .into_iter()
        .find_map(|(kind, open)| {
            let (_, rest) = message.split_once(open)?;
            let (name, rest) = rest.split_once('"')?;
            rest.starts_with(" not found").then_some((kind, name))
        })
}
