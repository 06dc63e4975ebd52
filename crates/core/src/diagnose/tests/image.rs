//! Images that cannot be had.

use super::*;

const NOT_FOUND: &str = "failed to pull and unpack image \"registry.test/app:v2\": failed to resolve reference \
                         \"registry.test/app:v2\": registry.test/app:v2: not found";

/// Pulls that failed so often, by the kubelet's own event: it backs off for 10 s, 20 s, 40 s …
fn pulls(message: &str, count: u32) -> PodBuilder {
    pulls_of("registry.test/app:v2", message, count)
}

fn pulls_of(image: &str, message: &str, count: u32) -> PodBuilder {
    let event = format!("Failed to pull image \"{image}\": {message}");
    let last = 10 * (2_u64.pow(count - 1) - 1);
    pod("a")
        .with("/spec/containers/0/image", json!(image))
        .waiting("ErrImagePull", message)
        .event_until(last, ("Failed", &event), i32::try_from(count).unwrap())
}

const PLATFORM: &str = "no match for platform in manifest: not found";
const NEVER: &str = "Container image \"app\" is not present with pull policy of Never";
const UNAUTHORIZED: &str = "failed to authorize: failed to fetch anonymous token: 401 Unauthorized";
const OUTAGE: &str = "dial tcp 10.0.0.1:443: i/o timeout";

fn signature(count: u32) -> PodBuilder {
    let why = "image pull failed for app because the signature validation failed";
    pulls(why, count).waiting("SignatureValidationFailed", why)
}

/// An image in an Azure registry, whose pulls failed so often.
fn azure(message: &str, count: u32) -> PodBuilder {
    pulls_of("shop.azurecr.io/app:v2", message, count)
}

/// A pull that began at second 1; more events follow.
fn pulling() -> PodBuilder {
    pod("a").later_event(1, "Pulling", "Pulling image \"registry.test/app:v2\"")
}

/// The image is there.
fn pulled(second: u64) -> Vec<Observation> {
    let text = "Successfully pulled image \"registry.test/app:v2\" in 1m9s";
    let done = pulling().later_event(second, "Pulled", text);
    done.seen(second)
}

pub(super) fn rows() -> Vec<Row> {
    [missing(), refusals(), failing()]
        .into_iter()
        .flatten()
        .collect()
}

fn missing() -> Vec<Row> {
    vec![
        row(
            "image missing, pulled three times in 30 s",
            &[pulls(NOT_FOUND, 3)],
            30,
            Terminal(ImageNotFound),
        ),
        row(
            "image missing at the second pull: the third may find a tag that was pushed after 20 s",
            &[pulls(NOT_FOUND, 2)],
            25,
            Transient(ImageNotFound),
        )
        .healed_by(45, well(32)),
        row(
            "image missing in an Azure registry for 150 s: another region may not have it yet",
            &[azure(NOT_FOUND, 5)],
            200,
            Transient(ImageNotFound),
        )
        .healed_by(320, well(310)),
        row(
            "image missing, pulled once: a registry may still be copying it",
            &[pulls(NOT_FOUND, 1)],
            60,
            Transient(ImageNotFound),
        )
        .healed_by(90, well(80)),
        row(
            "back-off alone says nothing of a missing image",
            &[pod("a").waiting("ImagePullBackOff", "Back-off pulling image")],
            60,
            Absent(ImageNotFound),
        ),
        row(
            "image missing for the first time, after two pulls that timed out",
            &[pulls(OUTAGE, 2)
                .later_event(
                    30,
                    "Failed",
                    &format!("Failed to pull image \"registry.test/app:v2\": {NOT_FOUND}"),
                )
                .waiting("ErrImagePull", NOT_FOUND)],
            60,
            Transient(ImageNotFound),
        )
        .healed_by(90, well(80)),
        row(
            "a layer that the node has lost is not a missing image",
            &[pulls(
                "failed to copy: content digest sha256:1: not found",
                2,
            )],
            30,
            Absent(ImageNotFound),
        ),
        row(
            "a malformed image name, 5 s",
            &[pod("a").waiting("InvalidImageName", "couldn't parse image name")],
            5,
            Terminal(InvalidImageName),
        ),
        row(
            "a malformed image name, just seen",
            &[pod("a").waiting("InvalidImageName", "")],
            1,
            Transient(InvalidImageName),
        )
        .healed_by(
            30,
            pod("b")
                .ready(20)
                .seen(20)
                .into_iter()
                .chain(gone(20, "pod-a"))
                .collect(),
        ),
        row(
            "a well-formed name that is being pulled",
            &[pod("a")],
            60,
            Absent(InvalidImageName),
        ),
        row(
            "no build for the platform, pulled three times",
            &[pulls(PLATFORM, 3)],
            30,
            Terminal(ImageWrongPlatform),
        ),
        row(
            "no build for the platform, pulled once",
            &[pulls(PLATFORM, 1)],
            60,
            Transient(ImageWrongPlatform),
        )
        .healed_by(90, well(80)),
        row(
            "pull policy Never, 5 s",
            &[pod("a").waiting("ErrImageNeverPull", NEVER)],
            5,
            Terminal(ImageNeverPulled),
        ),
        row(
            "pull policy Never, just seen: somebody loads the image on the node",
            &[pod("a").waiting("ErrImageNeverPull", NEVER)],
            2,
            Transient(ImageNeverPulled),
        )
        .healed_by(30, well(20)),
        row(
            "no signature, tried three times",
            &[signature(3)],
            30,
            Terminal(ImageSignatureRefused),
        ),
        row(
            "no signature, tried once: it may be pushed after the image",
            &[signature(1)],
            60,
            Transient(ImageSignatureRefused),
        )
        .healed_by(90, well(80)),
    ]
}

fn refusals() -> Vec<Row> {
    let unresolved = "failed to resolve reference: shop.azurecr.io/app:v2: not found";
    let firewall = "403 Forbidden: client with IP '20.1.2.3' is not allowed access";
    let secret = "Unable to retrieve some image pull secrets (regcred); attempting to pull the image may not succeed.";
    vec![
        row(
            "registry refuses, and did so again after 10 min",
            &[pulls(UNAUTHORIZED, 7)],
            630,
            Terminal(ImagePullDenied),
        ),
        row(
            "registry refuses for 5 min: a role assignment takes so long",
            &[pulls(UNAUTHORIZED, 6)],
            310,
            Transient(ImagePullDenied),
        )
        .healed_by(650, well(630)),
        row(
            "registry refused at 310 s, and 10 min have passed: nobody has asked it since",
            &[pulls(UNAUTHORIZED, 6)],
            629,
            Transient(ImagePullDenied),
        )
        .healed_by(650, well(630)),
        row(
            "an Azure registry refuses for 10 min",
            &[azure(UNAUTHORIZED, 7)],
            630,
            Terminal(ImagePullDenied),
        ),
        row(
            "an Azure registry behind its firewall, 10 min",
            &[azure(firewall, 7)],
            630,
            Terminal(ImagePullDenied),
        ),
        row(
            "registry refuses, and the pull secret is missing",
            &[pulls(UNAUTHORIZED, 7).event("FailedToRetrieveImagePullSecret", secret, 9)],
            630,
            Terminal(ImagePullDenied),
        ),
        row(
            "a missing pull secret alone refuses nothing",
            &[pod("a").event("FailedToRetrieveImagePullSecret", secret, 9)],
            120,
            Absent(ImagePullDenied),
        ),
        row(
            "a token that cannot be fetched because the registry is down is no refusal",
            &[pulls(
                "failed to authorize: failed to fetch oauth token: 503 Service Unavailable",
                4,
            )],
            150,
            Absent(ImagePullDenied),
        ),
        row(
            "an image that an Azure registry does not have, pulled until 310 s",
            &[azure(unresolved, 6)],
            310,
            Terminal(ImageNotFound),
        ),
    ]
}

fn failing() -> Vec<Row> {
    vec![
        row(
            "registry out of reach for 5 min",
            &[pulls(OUTAGE, 6)],
            310,
            Terminal(ImagePullFailing),
        ),
        row(
            "registry out of reach for 2 min: it comes back",
            &[pulls(OUTAGE, 5)],
            120,
            Transient(ImagePullFailing),
        )
        .healed_by(150, well(140)),
        row(
            "registry out of reach at 150 s, and 5 min have passed: the next pull may do",
            &[pulls(OUTAGE, 5)],
            309,
            Transient(ImagePullFailing),
        )
        .healed_by(315, well(312)),
        row(
            "registry throttles for 5 min",
            &[pulls("429 Too Many Requests - toomanyrequests", 6)],
            310,
            Terminal(ImagePullFailing),
        ),
        row(
            "registry name cannot be resolved for 5 min",
            &[pulls("dial tcp: lookup registry.test: no such host", 6)],
            310,
            Terminal(ImagePullFailing),
        ),
        row(
            "registry answers 503 for 5 min",
            &[pulls("failed to authorize: 503 Service Unavailable", 6)],
            310,
            Terminal(ImagePullFailing),
        ),
        row(
            "certificate not trusted for 2 min",
            &[pulls("x509: certificate signed by unknown authority", 5)],
            150,
            Terminal(RegistryNotTrusted),
        ),
        row(
            "certificate not trusted for 1 min: it may be renewed",
            &[pulls("x509: certificate has expired", 3)],
            60,
            Transient(RegistryNotTrusted),
        )
        .healed_by(90, well(80)),
        row(
            "disk full for 3 min",
            &[pulls("write /var/lib/x: no space left on device", 6)],
            310,
            Terminal(NodeDiskFull),
        ),
        row(
            "disk full for 1 min: the kubelet frees images",
            &[pulls("write /var/lib/x: no space left on device", 3)],
            60,
            Transient(NodeDiskFull),
        )
        .healed_by(90, well(80)),
        row(
            "image cannot be inspected for 1 min",
            &[pod("a").waiting("ImageInspectError", "rpc error")],
            60,
            Terminal(ImageNotInspected),
        ),
        row(
            "image cannot be inspected for 20 s: a hiccup",
            &[pod("a").waiting("ImageInspectError", "rpc error")],
            20,
            Transient(ImageNotInspected),
        )
        .healed_by(60, well(50)),
        row(
            "an image is pulled for a minute",
            &[pulling()],
            60,
            Noted(SlowPull),
        )
        .healed_by(90, pulled(70)),
        row(
            "an image is pulled for 15 s",
            &[pulling()],
            15,
            Absent(SlowPull),
        ),
    ]
}
