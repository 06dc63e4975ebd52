//! Updates of a Deployment that fail, and updates that look as if they failed and then heal.
//!
//! Each row is applied to a healthy v1 (or, where it says so, a broken one). The YAML lies in
//! `tests/scenarios/<name>/`; every Deployment is named `web`, its container `app`, its pods carry
//! the labels `app: web` and `version: v1` or `v2`. A [`Play`] carries a row out on a cluster.

mod failing;
mod healing;
mod play;

use std::time::Duration;

pub use failing::FAILING;
pub use healing::HEALING;
pub use play::Play;

/// The name of every scenario's Deployment.
pub const DEPLOYMENT: &str = "web";

/// One update and what is true about it.
#[derive(Debug)]
pub struct Scenario {
    /// The name of its folder below `tests/scenarios`.
    pub name: &'static str,
    /// What happens, as a sentence.
    pub says: &'static str,
    /// The Deployment before the update.
    pub v1: &'static str,
    /// Whether v1 becomes healthy before v2 is applied.
    pub v1_is_healthy: bool,
    /// The Deployment after it.
    pub v2: &'static str,
    /// What else is done to the cluster, and when.
    pub extras: &'static [Extra],
    /// What a judge who knows everything says about the update.
    pub expect: Expect,
    /// A text that the cluster itself shows meanwhile, in a condition, a container status or an
    /// event: proof that the scenario is what it says. Empty when the cluster shows nothing.
    pub sign: &'static str,
}

/// How an update ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// It does not come to a good end without a change.
    Fails {
        /// The name of the `FindingCode` that explains it.
        code: &'static str,
    },
    /// It completes, whatever it looks like at first.
    Heals,
}

/// Something done to the cluster besides applying v1 and v2.
#[derive(Debug, Clone, Copy)]
pub struct Extra {
    /// When it is done.
    pub when: When,
    /// What is done.
    pub what: What,
}

/// The moment of an [`Extra`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Before v1 is applied.
    BeforeV1,
    /// After v1 has settled and before v2 is applied.
    BeforeV2,
    /// So long after v2 was applied.
    AfterV2(Duration),
}

/// The action of an [`Extra`].
#[derive(Debug, Clone, Copy)]
pub enum What {
    /// These objects are applied.
    Objects(&'static str),
    /// `late:<namespace>` appears in the cluster's registry.
    PushLateTag,
    /// The registry at `${SLEEPING_REGISTRY}`, which has `app:good`, begins to listen.
    WakeRegistry,
}

/// A Deployment that runs well, and that most updates start from.
const HEALTHY: &str = include_str!("../scenarios/healthy/v1.yaml");

const fn before_v1(yaml: &'static str) -> Extra {
    Extra {
        when: When::BeforeV1,
        what: What::Objects(yaml),
    }
}

const fn before_v2(yaml: &'static str) -> Extra {
    Extra {
        when: When::BeforeV2,
        what: What::Objects(yaml),
    }
}

const fn after_v2(seconds: u64, what: What) -> Extra {
    Extra {
        when: When::AfterV2(Duration::from_secs(seconds)),
        what,
    }
}

/// Every scenario: those that fail, then those that heal.
pub fn all() -> impl Iterator<Item = &'static Scenario> {
    FAILING.iter().chain(HEALING)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    fn folder() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
    }

    #[test]
    fn every_name_is_unique_and_has_its_folder() {
        let names: BTreeSet<&str> = all().map(|scenario| scenario.name).collect();
        assert_eq!(names.len(), all().count());
        for name in names {
            assert!(folder().join(name).is_dir(), "{name}");
        }
    }

    #[test]
    fn every_folder_is_used_by_a_row() {
        let names: BTreeSet<&str> = all()
            .map(|scenario| scenario.name)
            .chain(["healthy"])
            .collect();
        for entry in std::fs::read_dir(folder()).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(names.contains(name.as_str()), "{name}");
        }
    }

    #[test]
    fn every_deployment_follows_the_conventions() {
        for scenario in all() {
            for (version, yaml) in [("v1", scenario.v1), ("v2", scenario.v2)] {
                let object: serde_json::Value = serde_yaml::from_str(yaml).unwrap();
                let template = &object["spec"]["template"];
                let says = format!("{} {version}", scenario.name);
                assert_eq!(object["kind"], "Deployment", "{says}");
                assert_eq!(object["metadata"]["name"], DEPLOYMENT, "{says}");
                assert_eq!(template["metadata"]["labels"]["app"], "web", "{says}");
                assert_eq!(template["metadata"]["labels"]["version"], version, "{says}");
                assert_eq!(template["spec"]["containers"][0]["name"], "app", "{says}");
            }
        }
    }

    #[test]
    fn no_image_is_asked_for_outside_the_machine() {
        let allowed = [
            "rollguard.test/",
            "${REGISTRY}/",
            "${PRIVATE_REGISTRY}/",
            "${SLEEPING_REGISTRY}/",
        ];
        for scenario in all() {
            for yaml in [scenario.v1, scenario.v2] {
                for line in yaml
                    .lines()
                    .filter_map(|line| line.trim().strip_prefix("image: "))
                {
                    let image = line.trim_matches('"');
                    assert!(
                        allowed.iter().any(|start| image.starts_with(start)),
                        "{}: {image}",
                        scenario.name
                    );
                }
            }
        }
    }
}
