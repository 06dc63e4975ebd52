//! Images that cannot be had.

use super::*;

const NOT_FOUND: &str = "failed to pull and unpack image \"registry.test/app:v2\": failed to resolve reference \
                         \"registry.test/app:v2\": registry.test/app:v2: not found";

/// Pulls that failed so often, by the kubelet's own event.
fn pulls(reason: &str, message: &str, count: i32) -> PodBuilder {
    let event = format!("Failed to pull image \"registry.test/app:v2\": {message}");
    pod("a")
        .waiting(reason, message)
        .event("Failed", &event, count)
}

pub(super) fn rows() -> Vec<Row> {
    let unauthorized = "failed to authorize: 401 Unauthorized";
    let platform = "no match for platform in manifest: not found";
    let outage = "dial tcp 10.0.0.1:443: i/o timeout";
    let never = "Container image \"app\" is not present with pull policy of Never";
    vec![
        row(
            "image missing, pulled twice in 10 s",
            &[pulls("ErrImagePull", NOT_FOUND, 2)],
            10,
            Terminal(ImageNotFound),
        ),
        row(
            "image missing, pulled once: a registry may still be copying it",
            &[pulls("ErrImagePull", NOT_FOUND, 1)],
            60,
            Transient(ImageNotFound),
        )
        .healed_by(90, pod("a").ready(80).seen(80)),
        row(
            "back-off alone says nothing of a missing image",
            &[pod("a").waiting("ImagePullBackOff", "Back-off pulling image")],
            60,
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
        ),
        row(
            "a well-formed name that is being pulled",
            &[pod("a")],
            60,
            Absent(InvalidImageName),
        ),
        row(
            "registry refuses for 2 min",
            &[pulls("ErrImagePull", unauthorized, 4)],
            120,
            Terminal(ImagePullDenied),
        ),
        row(
            "registry refuses for 1 min: a role assignment may be on its way",
            &[pulls("ErrImagePull", unauthorized, 3)],
            60,
            Transient(ImagePullDenied),
        ),
        row(
            "no build for the platform, pulled twice",
            &[pulls("ErrImagePull", platform, 2)],
            10,
            Terminal(ImageWrongPlatform),
        ),
        row(
            "no build for the platform, pulled once",
            &[pulls("ErrImagePull", platform, 1)],
            60,
            Transient(ImageWrongPlatform),
        ),
        row(
            "registry out of reach for 5 min",
            &[pulls("ErrImagePull", outage, 5)],
            300,
            Terminal(ImagePullFailing),
        ),
        row(
            "registry out of reach for 2 min: it comes back",
            &[pulls("ErrImagePull", outage, 5)],
            120,
            Transient(ImagePullFailing),
        ),
        row(
            "pull policy Never, 5 s",
            &[pod("a").waiting("ErrImageNeverPull", never)],
            5,
            Terminal(ImageNeverPulled),
        ),
        row(
            "pull policy Never, just seen",
            &[pod("a").waiting("ErrImageNeverPull", never)],
            2,
            Transient(ImageNeverPulled),
        ),
    ]
}
