//! Classifies failed pulls by the messages of the registry and of the runtime.

use super::super::Cause;
use super::{has_any, node_of};
use crate::finding::FindingCode;
use crate::snapshot::ContainerView;
use crate::workload::registry_of;

/// Classifies the runtime's message.
///
/// The order matters: a token that cannot be fetched because the registry is down reads "failed to
/// authorize" as well, and "pull access denied, repository does not exist or may require
/// authorization" is a refusal, not a missing image.
pub(super) fn classify(message: &str, container: &ContainerView<'_>) -> Cause {
    sick_node(message, container)
        .or_else(|| sick_registry(message, container.image()))
        .or_else(|| refused(message, container.image()))
        .or_else(|| unfit(message, container.image()))
        .unwrap_or_else(|| Cause {
            code: FindingCode::ImagePullFailing,
            what: "cannot be pulled".to_owned(),
            remedy: "read the message; check the registry's status and the node's connection to it"
                .to_owned(),
        })
}

/// Classifies causes on the node: a full disk, a certificate that it does not trust.
fn sick_node(message: &str, container: &ContainerView<'_>) -> Option<Cause> {
    const TLS: &[&str] = &["x509:", "failed to verify certificate"];
    if has_any(message, &["no space left on device"]) {
        let node = node_of(container);
        return Some(disk_full(&node, "cannot be stored"));
    }
    has_any(message, TLS).then(|| Cause {
        code: FindingCode::RegistryNotTrusted,
        what: format!(
            "cannot be pulled: the TLS certificate of `{}` is not trusted",
            registry_of(container.image())
        ),
        remedy: "renew the registry's certificate, or install its CA on the nodes (AKS: custom \
                 certificate authority, `--custom-ca-trust-certificates`); if a proxy inspects TLS, its CA is needed there as well"
            .to_owned(),
    })
}

/// Describes a node whose disk is full, whether the image or the container needs the space.
pub(in crate::diagnose) fn disk_full(node: &str, what: &str) -> Cause {
    Cause {
        code: FindingCode::NodeDiskFull,
        what: format!("{what}: the disk of {node} is full"),
        remedy: format!(
            "free the disk of {node} (unused images, logs), or give the node pool a larger OS disk"
        ),
    }
}

/// Classifies a registry that throttles, fails or cannot be reached.
fn sick_registry(message: &str, image: &str) -> Option<Cause> {
    const THROTTLED: &[&str] = &["toomanyrequests", "429 too many requests"];
    const NO_NAME: &[&str] = &[
        "no such host",
        "server misbehaving",
        "failure in name resolution",
    ];
    const NO_WAY: &[&str] = &[
        "i/o timeout",
        "connection refused",
        "connection reset",
        "no route to host",
        "network is unreachable",
        "tls handshake timeout",
        "context deadline exceeded",
        "proxyconnect",
    ];
    const BROKEN: &[&str] = &[
        "500 internal server error",
        "502 bad gateway",
        "503 service unavailable",
        "504 gateway time",
        "registry is unavailable",
    ];
    let registry = registry_of(image);
    let (what, remedy) = if has_any(message, THROTTLED) {
        (
            format!(
                "cannot be pulled: `{registry}` limits the rate of requests (429 Too Many Requests)"
            ),
            "wait; mirror the image in your own registry (`az acr import`), or raise the registry's \
             tier",
        )
    } else if has_any(message, NO_NAME) {
        (
            format!("cannot be pulled: the name `{registry}` cannot be resolved"),
            "check the registry's name, the cluster's DNS, and the private DNS zone of a private \
             endpoint",
        )
    } else if has_any(message, NO_WAY) {
        (
            format!("cannot be pulled: `{registry}` cannot be reached"),
            "check the nodes' egress, firewall and proxy, and the registry's private endpoint; \
             `az aks check-acr` tests the connection from a node",
        )
    } else if has_any(message, BROKEN) {
        (
            format!("cannot be pulled: `{registry}` answers with an error"),
            "check the registry's status, and wait until it is back",
        )
    } else {
        return None;
    };
    Some(Cause {
        code: FindingCode::ImagePullFailing,
        what,
        remedy: remedy.to_owned(),
    })
}

/// Classifies refused credentials and signatures.
fn refused(message: &str, image: &str) -> Option<Cause> {
    const UNSIGNED: &[&str] = &["signature validation failed", "signaturevalidationfailed"];
    const DENIED: &[&str] = &[
        "401 unauthorized",
        "403 forbidden",
        "pull access denied",
        "access to the resource is denied",
        "failed to authorize",
        "authentication required",
        "no basic auth credentials",
        "insufficient_scope",
    ];
    if has_any(message, UNSIGNED) {
        return Some(Cause {
            code: FindingCode::ImageSignatureRefused,
            what: "has no signature that the node accepts".to_owned(),
            remedy:
                "sign the image with the key that the node's policy names, or correct the policy"
                    .to_owned(),
        });
    }
    let registry = registry_of(image);
    has_any(message, DENIED).then(|| Cause {
        code: FindingCode::ImagePullDenied,
        what: format!("is refused by registry `{registry}`"),
        remedy: admit(message, registry),
    })
}

/// Returns how to give the cluster access, which differs for Azure Container Registry.
fn admit(message: &str, registry: &str) -> String {
    let Some(name) = registry.strip_suffix(".azurecr.io") else {
        return format!(
            "add an imagePullSecret for `{registry}` in this namespace, or correct the one the pod \
             names; registries give the same answer if the repository does not exist"
        );
    };
    if has_any(message, &["is not allowed access", "client with ip"]) {
        return format!(
            "the registry's firewall blocks the nodes: allow their egress address in `{name}`, or \
             give it a private endpoint"
        );
    }
    format!(
        "let the cluster pull: `az aks update -n CLUSTER -g GROUP --attach-acr {name}`; \
         `az aks check-acr -n CLUSTER -g GROUP --acr {registry}` shows what is missing; a new role \
         assignment takes minutes"
    )
}

/// Classifies an image that does not exist, or not for this node's platform.
fn unfit(message: &str, image: &str) -> Option<Cause> {
    const ABSENT: &[&str] = &[
        "manifest unknown",
        "manifest_unknown",
        "name unknown",
        "name_unknown",
    ];
    if has_any(message, &["no match for platform"]) {
        return Some(Cause {
            code: FindingCode::ImageWrongPlatform,
            what: "has no build for the node's platform".to_owned(),
            remedy:
                "build the image for the nodes' platform (`docker buildx build --platform`), or \
                     pin the pods with nodeSelector kubernetes.io/arch and kubernetes.io/os"
                    .to_owned(),
        });
    }
    // A layer or a snapshot that the node has lost reads "not found" as well.
    let unresolved = has_any(message, &["failed to resolve"]) && has_any(message, &[": not found"]);
    if !unresolved && !has_any(message, ABSENT) {
        return None;
    }
    let mut remedy =
        format!("push `{image}` or correct the tag; check that the build's push step ran");
    if is_replicated(image) {
        remedy += "; in a geo-replicated registry a new tag may take minutes to reach every region: \
                   deploy by digest; for a registry with a single region, `--grace ImageNotFound=25s` decides \
                   earlier";
    }
    Some(Cause {
        code: FindingCode::ImageNotFound,
        what: "does not exist in the registry".to_owned(),
        remedy,
    })
}

/// Returns whether the registry may copy a tag to other regions after the push has ended, as a
/// geo-replicated Azure registry does.
pub(super) fn is_replicated(image: &str) -> bool {
    registry_of(image).ends_with(".azurecr.io")
}
