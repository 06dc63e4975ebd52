//! Predictions from the pod template alone.

use std::collections::BTreeSet;

use serde_json::Value;

use super::certainty::{Certainty, Prediction};
use super::items;
use super::planned::Planned;
use crate::finding::FindingCode;
use crate::workload::raw::text;

/// Finds containers that cannot start or cannot be probed, whatever the cluster.
pub(super) fn judge(plan: &Planned<'_>) -> Vec<Prediction> {
    let mut found = Vec::new();
    for (at, container) in plan.containers() {
        found.extend(image(plan, &at, container));
        found.extend(probes(plan, &at, container));
        found.extend(sub_paths(plan, &at, container));
        found.extend(root(plan, &at, container));
    }
    found
}

fn title(container: &Value) -> String {
    format!("container `{}`", text(container, "/name"))
}

fn image(plan: &Planned<'_>, at: &str, container: &Value) -> Option<Prediction> {
    let image = text(container, "/image");
    (!image.is_empty() && !is_reference(image)).then(|| {
        let title = title(container);
        let message = format!("the image of {title} is not a valid reference: `{image}`");
        Prediction::finding(FindingCode::InvalidImageName, plan.index, message)
            .about(title)
            .at(format!("{at}/image"))
    })
}

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

const PROBES: [&str; 3] = ["startupProbe", "readinessProbe", "livenessProbe"];

/// Finds probes that name a port that their container does not have (kubelet `prober.go`).
fn probes(plan: &Planned<'_>, at: &str, container: &Value) -> Option<Prediction> {
    let declared: BTreeSet<&str> = items(container, "/ports")
        .map(|it| text(it, "/name"))
        .collect();
    PROBES.iter().find_map(|probe| {
        let (field, port) = ["httpGet", "tcpSocket"].iter().find_map(|handler| {
            let field = format!("/{probe}/{handler}/port");
            let port = text(container, &field);
            let is_missing =
                !port.is_empty() && port.parse::<u16>().is_err() && !declared.contains(port);
            is_missing.then_some((field, port))
        })?;
        let title = title(container);
        let message = format!(
            "the {probe} of {title} names port `{port}`, which the container does not have"
        );
        Some(
            Prediction::finding(FindingCode::ProbeCannotRun, plan.index, message)
                .about(title)
                .at(format!("{at}{field}"))
                .remedy(format!(
                    "name a port of the container `{port}`, or write its number in the {probe}"
                )),
        )
    })
}

/// Finds paths in volumes that name a variable which the container does not have (kubelet `container/helpers.go`,
/// `ExpandContainerVolumeMounts`).
fn sub_paths(plan: &Planned<'_>, at: &str, container: &Value) -> Option<Prediction> {
    // Whatever a ConfigMap brings may be among its keys.
    if items(container, "/envFrom").next().is_some() {
        return None;
    }
    let known: BTreeSet<&str> = items(container, "/env")
        .map(|it| text(it, "/name"))
        .collect();
    items(container, "/volumeMounts").enumerate().find_map(|(index, mount)| {
        let path = text(mount, "/subPathExpr");
        let missing = variables(path).into_iter().find(|it| !known.contains(it))?;
        let title = title(container);
        let message = format!(
            "a volumeMount of {title} names variable `{missing}` in subPathExpr, which the container does not have"
        );
        Some(
            Prediction::finding(FindingCode::SubPathNotPrepared, plan.index, message)
                .surely(Certainty::Certain)
                .about(title)
                .at(format!("{at}/volumeMounts/{index}/subPathExpr"))
                .remedy(format!("set variable `{missing}` in env, or correct subPathExpr")),
        )
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

/// Finds a container that must not run as root and whose user is root (kubelet `security_context_others.go`,
/// `verifyRunAsNonRoot`).
fn root(plan: &Planned<'_>, at: &str, container: &Value) -> Option<Prediction> {
    let field = |name: &str| {
        let own = container.pointer(&format!("/securityContext/{name}"));
        let of_pod = || plan.spec().pointer(&format!("/securityContext/{name}"));
        own.filter(|it| !it.is_null()).or_else(of_pod)
    };
    let must_not = field("runAsNonRoot") == Some(&Value::Bool(true));
    let is_root = field("runAsUser").and_then(Value::as_i64) == Some(0);
    (must_not && is_root).then(|| {
        let title = title(container);
        let message =
            format!("{title} must not run as root (runAsNonRoot), and its runAsUser is 0");
        Prediction::finding(FindingCode::RunAsNonRootRefused, plan.index, message)
            .about(title)
            .at(at.to_owned())
    })
}
