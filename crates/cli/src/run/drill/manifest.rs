//! The manifests of a drill: a Deployment of two pods, once with an image that exists, once without.

use k8s_openapi::api::apps::v1::Deployment;
use serde_json::json;

/// The Deployment's name.
pub(super) const NAME: &str = "web";
/// The label that tells the versions' pods apart.
pub(super) const VERSION: &str = "version";

/// The Deployment in a version.
pub(super) fn deployment(version: &str, image: &str) -> Result<Deployment, serde_json::Error> {
    serde_json::from_value(json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME, "labels": {"app": NAME}},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": NAME}},
            "template": {
                "metadata": {"labels": {"app": NAME, VERSION: version}},
                "spec": {
                    "terminationGracePeriodSeconds": 1,
                    "containers": [{
                        "name": "app",
                        "image": image,
                        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "32Mi"}},
                    }],
                },
            },
        },
    }))
}

/// The images of the two versions.
pub(super) struct Images {
    /// One that exists.
    pub(super) good: String,
    /// An image that was never pushed.
    pub(super) bad: String,
}

impl Images {
    /// For the embedded cluster, which pulls nothing.
    pub(super) fn of_a_story() -> Self {
        Self {
            good: "registry.example/web:1.4.2".to_owned(),
            bad: "registry.example/web:1.5.0".to_owned(),
        }
    }

    /// For a real cluster: an image that it can pull, by default one that is small and public, and a
    /// tag of it that does not exist.
    pub(super) fn of_a_registry(good: Option<String>) -> Self {
        let good = good.unwrap_or_else(|| "registry.k8s.io/pause:3.10".to_owned());
        Self {
            bad: missing(&good),
            good,
        }
    }
}

/// The same image with a tag that is never pushed.
fn missing(image: &str) -> String {
    let slash = image.rfind('/').map_or(0, |at| at + 1);
    let (path, name) = image.split_at(slash);
    let name = name.split(['@', ':']).next().unwrap_or(name);
    format!("{path}{name}:rollguard-drill-has-no-such-tag")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_missing_image_lies_in_the_same_repository() {
        let rows = [
            (
                "registry.k8s.io/pause:3.10",
                "registry.k8s.io/pause:rollguard-drill-has-no-such-tag",
            ),
            (
                "127.0.0.1:5000/app",
                "127.0.0.1:5000/app:rollguard-drill-has-no-such-tag",
            ),
            ("app@sha256:00", "app:rollguard-drill-has-no-such-tag"),
        ];
        for (image, expected) in rows {
            assert_eq!(missing(image), expected);
        }
    }
}
