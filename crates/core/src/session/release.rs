//! Judges whether a changed pod template still belongs to the release that is followed.
//!
//! Automations change templates on their own: Reloader adds a variable when a ConfigMap changes,
//! `kubectl rollout restart` and injectors write an annotation. That starts a new revision of the same
//! release. A change of anything else, or by another run, is another release, which no rollback may
//! undo.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Container, EnvVar, PodTemplateSpec};

use crate::annotation::{CHANGE_CAUSE, ROLLBACK_RECORD};
use crate::snapshot::same_template;
use crate::workload::Workload;

type Named = BTreeMap<String, String>;

/// The identity of a release.
#[derive(Debug, Clone, PartialEq)]
pub struct Release {
    /// The pod template.
    pub template: PodTemplateSpec,
    /// The annotations of the workload that name a release ([`names_a_release`]).
    pub annotations: Named,
}

impl Release {
    /// The release that a workload has now; `None` for one without a template.
    #[must_use]
    pub fn of(workload: &Workload) -> Option<Self> {
        let annotations = workload.metadata().annotations.iter().flatten();
        let annotations = annotations.filter(|(name, _)| names_a_release(name));
        Some(Self {
            template: workload.template()?.clone(),
            annotations: annotations
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        })
    }

    fn metadata(&self) -> (Named, Named) {
        let metadata = self.template.metadata.clone().unwrap_or_default();
        let named = |it: Option<Named>| it.unwrap_or_default();
        (named(metadata.annotations), named(metadata.labels))
    }
}

/// Returns what an automation changed in the template of a release; `None` where it is another one.
///
/// The pod specs must be equal, except for the variables that Reloader writes. Pod labels and
/// annotations may differ, except for those that name a release ([`names_a_release`]).
#[must_use]
pub fn same_release(before: &Release, now: &Release) -> Option<Vec<String>> {
    if before.annotations != now.annotations {
        return None;
    }
    let (one, other) = (without_reloader(before), without_reloader(now));
    if !same_template(&one.template, &other.template) {
        return None;
    }
    let (annotations, labels) = before.metadata();
    let (new_annotations, new_labels) = now.metadata();
    let annotations = differing(&annotations, &new_annotations);
    let labels = differing(&labels, &new_labels);
    if annotations
        .iter()
        .chain(&labels)
        .any(|it| names_a_release(it))
    {
        return None;
    }
    let variables = differing(&one.variables, &other.variables);
    let named = |what: &str, all: BTreeSet<String>| -> Vec<String> {
        all.into_iter().map(|it| format!("{what} `{it}`")).collect()
    };
    Some(
        [
            named("environment variable", variables),
            named("pod annotation", annotations),
            named("pod label", labels),
        ]
        .concat(),
    )
}

fn differing(one: &Named, other: &Named) -> BTreeSet<String> {
    let names = one.keys().chain(other.keys());
    let differs = |it: &&String| one.get(*it) != other.get(*it);
    names.filter(differs).cloned().collect()
}

/// A template without its labels and annotations and without Reloader's variables.
struct Bare {
    template: PodTemplateSpec,
    /// Reloader's variables; the same ConfigMap may be read by several containers.
    variables: Named,
}

fn without_reloader(release: &Release) -> Bare {
    let mut template = release.template.clone();
    template.metadata = None;
    let mut variables = Named::new();
    if let Some(spec) = &mut template.spec {
        let init = spec.init_containers.iter_mut().flatten();
        for container in spec.containers.iter_mut().chain(init) {
            variables.extend(take_variables(container));
        }
    }
    Bare {
        template,
        variables,
    }
}

fn take_variables(container: &mut Container) -> Named {
    let Some(env) = &mut container.env else {
        return Named::new();
    };
    let (own, rest): (Vec<EnvVar>, Vec<EnvVar>) = env.drain(..).partition(is_reloaders);
    container.env = (!rest.is_empty()).then_some(rest);
    let name = &container.name;
    own.into_iter()
        .map(|it| (it.name, format!("{name}: {}", it.value.unwrap_or_default())))
        .collect()
}

/// Returns whether Reloader wrote a variable: `STAKATER_<name of the object>_<its kind>`, with a
/// checksum of its content (its strategy `env-vars`; with `annotations` it writes
/// `reloader.stakater.com/last-reloaded-from`).
fn is_reloaders(variable: &EnvVar) -> bool {
    let kinds = ["_CONFIGMAP", "_SECRET", "_SECRETPROVIDERCLASS"];
    variable.name.starts_with("STAKATER_")
        && kinds.iter().any(|kind| variable.name.ends_with(kind))
        && variable.value_from.is_none()
}

/// Annotations that a pipeline, a person or a tool that deploys writes with each release.
const RELEASES: [&str; 4] = [
    CHANGE_CAUSE,
    ROLLBACK_RECORD,
    "kubectl.kubernetes.io/last-applied-configuration",
    "app.kubernetes.io/version",
];

/// How their names begin: KubernetesManifest@1 writes `azure-pipelines/run` and others.
const RELEASE_TOOLS: [&str; 7] = [
    "azure-pipelines/",
    "checksum/",
    "meta.helm.sh/",
    "helm.sh/",
    "argocd.argoproj.io/",
    "kustomize.toolkit.fluxcd.io/",
    "helm.toolkit.fluxcd.io/",
];

/// How the names begin that controllers write without a release.
const AUTOMATIONS: [&str; 4] = [
    "deployment.kubernetes.io/",
    "deprecated.daemonset.template.generation",
    "reloader.stakater.com/",
    "kubectl.kubernetes.io/restartedAt",
];

/// Words in the name of what changes with a release, or with a configuration that one brings.
const RELEASE_WORDS: [&str; 18] = [
    "checksum", "sha", "sha1", "sha256", "md5", "hash", "digest", "commit", "git", "version",
    "revision", "build", "release", "chart", "run", "pipeline", "deploy", "deployed",
];

/// Returns whether an annotation or label of this name tells one release from the next.
#[must_use]
pub fn names_a_release(name: &str) -> bool {
    if AUTOMATIONS.iter().any(|it| name.starts_with(it)) {
        return false;
    }
    let own = name.rsplit_once('/').map_or(name, |(_, own)| own);
    RELEASES.contains(&name)
        || RELEASE_TOOLS.iter().any(|it| name.starts_with(it))
        || words(own).any(|it| RELEASE_WORDS.contains(&it.as_str()))
}

/// The words of a name such as `config-hash` or `configHash`.
fn words(name: &str) -> impl Iterator<Item = String> {
    let mut spaced = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            spaced.push('-');
        }
        spaced.push(c.to_ascii_lowercase());
    }
    let words: Vec<String> = spaced
        .split(|c: char| !c.is_ascii_alphanumeric())
        .map(str::to_owned)
        .collect();
    words.into_iter()
}
