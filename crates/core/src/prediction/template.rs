//! Predictions from the pod template alone.

use std::collections::BTreeSet;

use serde_json::Value;

use super::admission::stored_spec;
use super::certainty::{Certainty, Prediction};
use super::items;
use super::planned::Planned;
use super::stored::most;
use super::view::View;
use crate::finding::FindingCode;
use crate::traffic::Service;
use crate::workload::raw::text;

/// Finds containers that cannot start or cannot be probed, whatever the cluster.
pub(super) fn judge(view: &View<'_>, plan: &Planned<'_>) -> Vec<Prediction> {
    let spec = stored_spec(view, plan);
    let mut found = Vec::new();
    for (at, written) in plan.containers() {
        let container = Container {
            plan,
            spec,
            at,
            object: stored(spec, written),
        };
        found.extend(container.image());
        found.extend(container.probes());
        found.extend(container.sub_paths(view));
        found.extend(container.root());
    }
    let most = most(view, plan);
    found.into_iter().map(|it| it.at_most(most)).collect()
}

/// Returns a container of the template as it is stored: webhooks add others, also before it.
fn stored<'v>(spec: &'v Value, written: &'v Value) -> &'v Value {
    let all = ["/initContainers", "/containers"].into_iter();
    let mut all = all.flat_map(|group| items(spec, group));
    let name = text(written, "/name");
    all.find(|it| text(it, "/name") == name).unwrap_or(written)
}

/// A container of the pod.
struct Container<'v> {
    plan: &'v Planned<'v>,
    /// The spec of the pod.
    spec: &'v Value,
    /// Where it stands in the manifest.
    at: String,
    object: &'v Value,
}

impl Container<'_> {
    fn title(&self) -> String {
        format!("container `{}`", text(self.object, "/name"))
    }

    fn image(&self) -> Option<Prediction> {
        let image = text(self.object, "/image");
        (!image.is_empty() && !is_reference(image)).then(|| {
            let title = self.title();
            let message = format!("the image of {title} is not a valid reference: `{image}`");
            Prediction::finding(FindingCode::InvalidImageName, self.plan.index, message)
                .about(title)
                .at(format!("{}/image", self.at))
        })
    }

    /// Finds probes that name a port that their container does not have (kubelet `prober.go`). The pod never becomes
    /// ready by them. A liveness probe is left out: it begins as passed, and the kubelet throws away what it could not
    /// ask (`prober/worker.go`).
    fn probes(&self) -> Option<Prediction> {
        let declared: BTreeSet<&str> = items(self.object, "/ports")
            .map(|it| text(it, "/name"))
            .collect();
        PROBES.iter().find_map(|probe| {
            let (field, port) = ["httpGet", "tcpSocket"].iter().find_map(|handler| {
                let field = format!("/{probe}/{handler}/port");
                let port = text(self.object, &field);
                let is_missing =
                    !port.is_empty() && port.parse::<u16>().is_err() && !declared.contains(port);
                is_missing.then_some((field, port))
            })?;
            let title = self.title();
            let message = format!(
                "the {probe} of {title} names port `{port}`, which the container does not have"
            );
            Some(
                Prediction::finding(FindingCode::ProbeCannotRun, self.plan.index, message)
                    .about(title)
                    .at(format!("{}{field}", self.at))
                    .remedy(format!(
                        "name a port of the container `{port}`, or write its number in the {probe}"
                    )),
            )
        })
    }

    /// Finds paths in volumes that name a variable which the container does not have (kubelet `container/helpers.go`,
    /// `ExpandContainerVolumeMounts`).
    fn sub_paths(&self, view: &View<'_>) -> Option<Prediction> {
        // Whatever a ConfigMap brings may be among its keys.
        if items(self.object, "/envFrom").next().is_some() {
            return None;
        }
        let known: BTreeSet<&str> = items(self.object, "/env")
            .map(|it| text(it, "/name"))
            .collect();
        let mut mounts = items(self.object, "/volumeMounts").enumerate();
        mounts.find_map(|(index, mount)| {
            let names = variables(text(mount, "/subPathExpr")).into_iter();
            let mut unset = names.filter(|it| !known.contains(it));
            let (missing, certainty) = unset.find_map(|it| Some((it, self.lacks(view, it)?)))?;
            let title = self.title();
            let message = format!(
                "a volumeMount of {title} names variable `{missing}` in subPathExpr, which the container does not have"
            );
            Some(
                Prediction::finding(FindingCode::SubPathNotPrepared, self.plan.index, message)
                    .surely(certainty)
                    .about(title)
                    .at(format!("{}/volumeMounts/{index}/subPathExpr", self.at))
                    .remedy(format!("set variable `{missing}` in env, or correct subPathExpr")),
            )
        })
    }

    /// Returns how sure it is that a variable is not set that the container does not set itself; `None` if a Service
    /// sets it (kubelet `envvars/envvars.go`, `FromServices`).
    fn lacks(&self, view: &View<'_>, variable: &str) -> Option<Certainty> {
        let Some(prefix) = prefix_of_service(variable) else {
            return Some(Certainty::Certain);
        };
        // The API server's own Service is never left out.
        if prefix == "KUBERNETES" {
            return None;
        }
        if self.spec.get("enableServiceLinks") == Some(&Value::Bool(false)) {
            return Some(Certainty::Certain);
        }
        let namespace = self.plan.namespace();
        let mut brought = view.manifests.of("Service", namespace);
        if brought.any(|it| prefix_of(it.name()) == prefix) {
            return None;
        }
        let live = view.traffic(namespace).and_then(|it| it.services.as_ref());
        let Some(live) = live else {
            return Some(Certainty::Possible);
        };
        let has_address = |it: &Service| it.spec.cluster_ip.as_deref() != Some("None");
        let mut live = live.iter().filter(|it| has_address(it));
        let is_set = live.any(|it| prefix_of(&it.metadata.name) == prefix);
        (!is_set).then_some(Certainty::Likely)
    }

    /// Finds a container that must not run as root and has root as its user (kubelet `security_context_others.go`,
    /// `verifyRunAsNonRoot`).
    fn root(&self) -> Option<Prediction> {
        let field = |name: &str| {
            let pointer = format!("/securityContext/{name}");
            let own = self.object.pointer(&pointer);
            let of_pod = || self.spec.pointer(&pointer);
            own.filter(|it| !it.is_null()).or_else(of_pod)
        };
        let must_not = field("runAsNonRoot") == Some(&Value::Bool(true));
        let is_root = field("runAsUser").and_then(Value::as_i64) == Some(0);
        (must_not && is_root).then(|| {
            let title = self.title();
            let message =
                format!("{title} must not run as root (runAsNonRoot), and its runAsUser is 0");
            Prediction::finding(FindingCode::RunAsNonRootRefused, self.plan.index, message)
                .about(title)
                .at(self.at.clone())
        })
    }
}

const PROBES: [&str; 2] = ["startupProbe", "readinessProbe"];

/// Returns whether a text is a reference to an image (distribution/reference `regexp.go`): a host with an optional
/// port, a path of lower-case components, a tag, a digest.
fn is_reference(image: &str) -> bool {
    let (rest, digest) = match image.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (image, None),
    };
    let slash = rest.rfind('/').map_or(0, |it| it + 1);
    let (path, tag) = match rest.get(slash..).and_then(|it| it.find(':')) {
        Some(colon) => (
            rest.get(..slash + colon).unwrap_or_default(),
            rest.get(slash + colon + 1..),
        ),
        None => (rest, None),
    };
    let components: Vec<&str> = path.split('/').collect();
    let is_host = |it: &str| {
        it.contains(['.', ':']) || it == "localhost" || it.chars().any(|c| c.is_ascii_uppercase())
    };
    let (host, components) = match components.as_slice() {
        [first, rest @ ..] if !rest.is_empty() && is_host(first) => (Some(*first), rest),
        all => (None, all),
    };
    host.is_none_or(is_domain)
        && components.iter().all(|it| is_component(it))
        && tag.is_none_or(is_tag)
        && digest.is_none_or(is_digest)
}

fn is_domain(host: &str) -> bool {
    // The brackets of an IPv6 address hold colons.
    if host.starts_with('[') {
        return true;
    }
    let (name, port) = match host.split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (host, None),
    };
    let is_label = |it: &str| {
        !it.is_empty()
            && it.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-')
            && !it.starts_with('-')
            && !it.ends_with('-')
    };
    name.split('.').all(is_label)
        && port.is_none_or(|it| !it.is_empty() && it.bytes().all(|c| c.is_ascii_digit()))
}

/// A component of a path: letters and digits with one `.`, one or two `_`, or any number of `-` between them.
fn is_component(text: &str) -> bool {
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let bytes = text.as_bytes();
    let ends = bytes.first().is_some_and(|c| plain(*c)) && bytes.last().is_some_and(|c| plain(*c));
    let between = bytes.iter().all(|c| plain(*c) || b"._-".contains(c));
    let separators = text.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let separators = separators
        .filter(|it| !it.is_empty())
        .all(|it| matches!(it, "." | "_" | "__") || it.bytes().all(|c| c == b'-'));
    ends && between && separators
}

fn is_tag(tag: &str) -> bool {
    let word = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
    (1..=128).contains(&tag.len())
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|c| word(c) || c == b'.' || c == b'-')
}

fn is_digest(digest: &str) -> bool {
    digest.split_once(':').is_some_and(|(algorithm, hex)| {
        !algorithm.is_empty() && hex.len() >= 32 && hex.bytes().all(|c| c.is_ascii_hexdigit())
    })
}

/// Returns the variables of an expression: `$(NAME)`, of which `$$(NAME)` is none
/// (kubernetes `third_party/forked/golang/expansion`).
fn variables(expression: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some((_, after)) = rest.split_once('$') {
        if let Some(escaped) = after.strip_prefix('$') {
            rest = escaped;
            continue;
        }
        if let Some((name, after)) = after.strip_prefix('(').and_then(|it| it.split_once(')')) {
            found.push(name);
            rest = after;
        } else {
            rest = after;
        }
    }
    found
}

/// Returns the beginning that a Service gives its variables.
fn prefix_of(service: &str) -> String {
    service.to_ascii_uppercase().replace('-', "_")
}

/// Returns the beginning of a variable that has the form of one that a Service sets.
fn prefix_of_service(variable: &str) -> Option<&str> {
    let (prefix, _) = variable
        .split_once("_SERVICE_HOST")
        .or_else(|| variable.split_once("_SERVICE_PORT"))
        .or_else(|| variable.split_once("_PORT"))?;
    (!prefix.is_empty()).then_some(prefix)
}
