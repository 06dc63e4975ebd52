//! Finds volumes that cannot be mounted.
//!
//! Only events show why (kubelet `volume_manager.go`, attach-detach controller `reconciler.go`);
//! the containers stay in `ContainerCreating`.

use k8s_openapi::api::core::v1::Event;

use super::config::missing_object;
use super::{Candidate, Case, Cause, between, clipped, core_of, has_any, promise};
use crate::duration::elapsed;
use crate::finding::{EvidenceKind, Finding, FindingCode, Subject};
use crate::snapshot::{PodView, event_count, event_start, event_time};

const REASONS: [&str; 3] = ["FailedMount", "FailedAttachVolume", "FailedMapVolume"];

pub(super) fn diagnose(case: &Case<'_>) -> Vec<Candidate> {
    case.pods
        .iter()
        .filter(|pod| is_creating(pod))
        .filter_map(|pod| one(case, pod))
        .collect()
}

/// Returns whether no container of a pod has been created yet.
pub(super) fn is_creating(pod: &PodView<'_>) -> bool {
    pod.containers().all(|container| {
        let reason = container
            .waiting()
            .and_then(|waiting| waiting.reason.as_deref());
        matches!(reason, Some("ContainerCreating" | "PodInitializing"))
    })
}

fn one(case: &Case<'_>, pod: &PodView<'_>) -> Option<Candidate> {
    let events: Vec<&Event> = pod
        .events()
        .filter(|event| {
            event
                .reason
                .as_deref()
                .is_some_and(|it| REASONS.contains(&it))
        })
        .collect();
    let newest = *events.iter().max_by_key(|event| event_time(event))?;
    if went_on_since(pod, newest) {
        return None;
    }
    // "timed out waiting for the condition" says only that mounting has failed for two minutes; the
    // event before it says why.
    let told = |event: &&&Event| !is_time_out(event.message.as_deref().unwrap_or_default());
    let telling = events.iter().filter(told).max_by_key(|it| event_time(it));
    let message = telling.map_or(newest, |it| *it).message.as_deref();
    let message = message.unwrap_or_default();
    let Cause { code, what, remedy } = classify(pod, message);
    // An earlier failure with another cause is over.
    let same: Vec<&&Event> = events
        .iter()
        .filter(|it| classify(pod, it.message.as_deref().unwrap_or_default()).code == code)
        .collect();
    let since = same
        .iter()
        .filter_map(|it| event_start(it))
        .min()
        .unwrap_or(case.now);
    let counts = same.iter().map(|it| event_count(it));
    let attempts = counts.fold(0, u32::saturating_add);
    let finding = Finding::new(code, Subject::new("Pod", pod.name()), since);
    let finding = finding.attempts(attempts).message(what).remedy(remedy);
    let finding = finding.evidence(EvidenceKind::Event, message);
    // The kubelet tries at growing intervals, and a cause may be fixed since the last try: the
    // newest failure counts, not the time that has passed. The attach-detach controller reports
    // only once that another pod holds a disk.
    let object = missing_object(message).filter(|_| code == FindingCode::ConfigObjectMissing);
    let question = object.and_then(|(kind, name)| promise::question(kind, name));
    let (finding, promised) = match question {
        Some(question) => promise::of_object(case, finding, question),
        None => (finding, None),
    };
    let asked = case.policy.asked(code).is_some();
    let promised = promised.filter(|_| !asked);
    let grace = promised.or_else(|| case.policy.rule(code).map(|rule| rule.grace));
    let said_once = code == FindingCode::VolumeHeldElsewhere;
    let newest = event_time(newest).unwrap_or(since);
    Some(Candidate {
        finding,
        grace: promised,
        blocked: !said_once && elapsed(since, newest) < grace.unwrap_or_default(),
        despite_ready: false,
    })
}

fn is_time_out(message: &str) -> bool {
    message.starts_with("Unable to attach or mount volumes")
}

/// Returns whether the pod made progress after a failure.
///
/// Events of failures stay, and the containers remain in `ContainerCreating` while their images are
/// pulled.
pub(super) fn went_on_since(pod: &PodView<'_>, failure: &Event) -> bool {
    let ready = pod
        .condition("PodReadyToStartContainers")
        .is_some_and(|it| it.status == "True");
    let went_on = pod.events().any(|event| {
        matches!(
            event.reason.as_deref(),
            Some("Pulling" | "Pulled" | "Created")
        ) && event_time(event) > event_time(failure)
    });
    ready || went_on
}

fn classify(pod: &PodView<'_>, message: &str) -> Cause {
    let volume = between(message, "for volume \"", "\"")
        .or_else(|| between(message, "unmounted volumes=[", "]"))
        .unwrap_or("unknown");
    let transient = message.contains("not registered") || message.contains("failed to sync");
    if let Some((kind, name)) = missing_object(message).filter(|_| !transient) {
        return Cause::new(
            FindingCode::ConfigObjectMissing,
            format!("volume `{volume}` needs {kind} `{name}`, which does not exist"),
            format!(
                "create {kind} `{name}` in this namespace before the workload, or correct its name"
            ),
        );
    }
    if let Some((_, key)) = message.split_once("references non-existent ") {
        return Cause::new(
            FindingCode::ConfigKeyMissing,
            format!(
                "volume `{volume}` needs a key that does not exist: {}",
                clipped(key, 200)
            ),
            "add the key, or mark the reference optional: true",
        );
    }
    of_disk(pod, volume, message)
        .or_else(|| of_secret_store(volume, message))
        .or_else(|| of_share(volume, message))
        .unwrap_or_else(|| {
            Cause::new(
                FindingCode::VolumeNotMounted,
                format!(
                    "volume `{volume}` cannot be mounted: {}",
                    clipped(core_of(message), 200)
                ),
                remedy(message),
            )
        })
}

fn remedy(message: &str) -> &'static str {
    if message.contains("Multi-Attach") {
        "another node still holds the disk: Azure detaches it a few minutes after its pod has ended (6 minutes if the node is lost)"
    } else if message.contains("not found in the list of registered CSI drivers") {
        "the storage driver does not run on that node: look at its pods in kube-system, or enable the AKS add-on that installs it"
    } else if message.contains("hostPath type check failed") {
        "the node does not have the hostPath: correct path and type, or use type DirectoryOrCreate to create it"
    } else {
        "read the message: it names what the storage driver could not do on that node"
    }
}

/// Classifies a disk for one node that another pod of the same workload holds (attach-detach
/// controller, `reportMultiAttachError`).
///
/// The rolling update waits for the new pod, and the new pod for the old one: a deadlock.
fn of_disk(pod: &PodView<'_>, volume: &str, message: &str) -> Option<Cause> {
    let (_, names) = message.split_once("already used by pod(s) ")?;
    let names = names.split_once(" and ").map_or(names, |(first, _)| first);
    let holder = names.split(", ").map(str::trim).find(|it| pod.stays(it))?;
    Some(Cause::new(
        FindingCode::VolumeHeldElsewhere,
        format!(
            "disk `{volume}` is held by pod `{holder}` of the same workload on another node, and only one node can use it at a time"
        ),
        "use strategy Recreate, a StatefulSet with a claim for each pod, or a volume that many nodes can mount (Azure Files)",
    ))
}

/// Classifies failures of the Secrets Store CSI driver with the Azure Key Vault provider.
fn of_secret_store(volume: &str, message: &str) -> Option<Cause> {
    const STORE: &[&str] = &[
        "secrets store objects",
        "secretproviderclass",
        "keyvault",
        "vault.azure.net",
    ];
    if !has_any(message, STORE) {
        return None;
    }
    let class = between(message, "secrets-store.csi.x-k8s.io \"", "\" not found");
    let object =
        between(message, "objectName:", ",").or_else(|| between(message, "/secrets/", "/"));
    let object = object.map_or_else(|| "its objects".to_owned(), |it| format!("`{it}`"));
    let (why, remedy) = if let Some(class) = class {
        (
            format!("SecretProviderClass `{class}` does not exist"),
            format!("create SecretProviderClass `{class}` in this namespace, or correct its name"),
        )
    } else if has_any(
        message,
        &[
            "SecretNotFound",
            "CertificateNotFound",
            "KeyNotFound",
            "StatusCode=404",
            "404 Not Found",
        ],
    ) {
        (
            format!("Key Vault does not have {object}"),
            "add it to the Key Vault, or correct objectName in the SecretProviderClass".to_owned(),
        )
    } else if has_any(message, &["StatusCode=403", "403 Forbidden", "Forbidden"]) {
        (
            format!("Key Vault refuses {object}"),
            "grant the identity of the SecretProviderClass the role Key Vault Secrets User (or a get access policy), and let the nodes' subnet through the vault's firewall".to_owned(),
        )
    } else if has_any(
        message,
        &[
            "AADSTS",
            "StatusCode=401",
            "identity not found",
            "federated",
        ],
    ) {
        (
            "the identity for Key Vault gets no token".to_owned(),
            "check clientID and tenantId in the SecretProviderClass and the federated credential of the ServiceAccount".to_owned(),
        )
    } else {
        (
            clipped(core_of(message), 200),
            "look at the pods of the Secrets Store CSI driver in kube-system on that node"
                .to_owned(),
        )
    };
    Some(Cause::new(
        FindingCode::SecretStoreFailing,
        format!("the secret store provides nothing for volume `{volume}`: {why}"),
        remedy,
    ))
}

/// Classifies a file share that refuses the mount (mount.cifs, mount.nfs).
fn of_share(volume: &str, message: &str) -> Option<Cause> {
    let refused = has_any(
        message,
        &[
            "mount error(13)",
            "access denied by server",
            "mount error(2)",
        ],
    );
    refused.then(|| {
        Cause::new(
            FindingCode::FileShareRefused,
            format!("the file share of volume `{volume}` refuses the node: {}", clipped(core_of(message), 200)),
            "check the share's name and the storage account's key (Secret azurestorageaccountkey), its firewall and, for NFS, its allowed subnets",
        )
    })
}
