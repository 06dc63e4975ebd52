//! Updates that fail, and updates that look as if they failed and then heal, of all three kinds.
//!
//! Each row is applied to a healthy v1 (or, where it says so, a broken one). The YAML is in
//! `tests/scenarios/<name>/`; the workload has its kind's name ([`Kind::name`]), its container is
//! `app`, its pods carry the labels `app: <the workload's name>` and `version: v1` or `v2`. A
//! [`Play`] carries a row out on a cluster.

/// The text of `tests/scenarios/<scenario>/<file>.yaml`.
macro_rules! yaml {
    ($scenario:literal, $file:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/scenarios/",
            $scenario,
            "/",
            $file,
            ".yaml"
        ))
    };
}

/// The update of a healthy v1 to the `v2.yaml` in the scenario's folder, which heals unless more is
/// said.
macro_rules! update {
    ($kind:ident, $name:literal, $says:literal) => {
        $crate::scenarios::Scenario {
            kind: $crate::scenarios::Kind::$kind,
            name: $name,
            says: $says,
            v1: $crate::scenarios::Kind::$kind.healthy(),
            v1_is_healthy: true,
            v2: yaml!($name, "v2"),
            extras: &[],
            flags: &[],
            expect: $crate::scenarios::Expect::Heals,
            names: &[],
            sign: "",
            template_decides: false,
            shown_later: None,
        }
    };
}

mod daemon_set;
mod failing;
mod healing;
mod play;
mod stateful_set;

use std::time::Duration;

pub use play::Play;

/// The name of every scenario's Deployment.
pub const DEPLOYMENT: &str = Kind::Deployment.name();

/// The updated object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Two pods that serve pages, unless a row says otherwise.
    Deployment,
    /// Two pods in order.
    StatefulSet,
    /// A pod on the cluster's first node; on both where it tolerates the second node's taint.
    DaemonSet,
}

impl Kind {
    /// The name of every scenario's workload of this kind.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deployment => "web",
            Self::StatefulSet => "db",
            Self::DaemonSet => "agent",
        }
    }

    /// The workload as a user writes it, such as `statefulset/db`.
    #[must_use]
    pub const fn workload(self) -> &'static str {
        match self {
            Self::Deployment => "deployment/web",
            Self::StatefulSet => "statefulset/db",
            Self::DaemonSet => "daemonset/agent",
        }
    }

    /// A workload that runs well, and that most updates start from.
    #[must_use]
    pub const fn healthy(self) -> &'static str {
        match self {
            Self::Deployment => yaml!("healthy", "v1"),
            Self::StatefulSet => yaml!("healthy", "stateful-set"),
            Self::DaemonSet => yaml!("healthy", "daemon-set"),
        }
    }
}

/// One update and what is true about it.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// The updated object.
    pub kind: Kind,
    /// The name of its folder below `tests/scenarios`.
    pub name: &'static str,
    /// What happens, as a sentence.
    pub says: &'static str,
    /// The workload before the update.
    pub v1: &'static str,
    /// Whether v1 becomes healthy before v2 is applied.
    pub v1_is_healthy: bool,
    /// The workload after it.
    pub v2: &'static str,
    /// What else is done to the cluster, and when.
    pub extras: &'static [Extra],
    /// More flags for the check of v2.
    pub flags: &'static [&'static str],
    /// What a judge who knows everything says about the update.
    pub expect: Expect,
    /// What the sentence names besides the code: container, image, key, limit.
    pub names: &'static [&'static str],
    /// A text that the cluster itself shows in between, in a condition, a container status or an
    /// event: proof that the scenario is what it says. Empty when the cluster shows nothing.
    pub sign: &'static str,
    /// Whether the pod template alone decides that the update fails: no time heals it.
    pub template_decides: bool,
    /// Why the cause cannot be seen within seconds of the update, where that is so.
    pub shown_later: Option<&'static str>,
}

/// How an update ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// It does not come to a good end without a change, and what is seen proves it.
    Fails {
        /// The name of the `FindingCode` that explains it.
        code: &'static str,
    },
    /// It does not come to a good end either, but for all that is seen it might: the deadline ends
    /// it.
    TimesOut {
        /// The name of the `FindingCode` that is the first suspect.
        code: &'static str,
    },
    /// It completes, whatever it looks like at first.
    Heals,
    /// Another update takes its place.
    IsSuperseded,
}

impl Expect {
    /// The code that explains a bad end.
    #[must_use]
    pub const fn code(self) -> Option<&'static str> {
        match self {
            Self::Fails { code } | Self::TimesOut { code } => Some(code),
            Self::Heals | Self::IsSuperseded => None,
        }
    }

    /// The word for it in a report.
    #[must_use]
    pub const fn verdict(self) -> &'static str {
        match self {
            Self::Fails { .. } => "failed",
            Self::TimesOut { .. } => "timedOut",
            Self::Heals => "succeeded",
            Self::IsSuperseded => "superseded",
        }
    }

    /// The exit code of a check.
    #[must_use]
    pub const fn exit_code(self) -> i32 {
        match self {
            Self::Fails { .. } => 10,
            Self::TimesOut { .. } => 11,
            Self::Heals => 0,
            Self::IsSuperseded => 13,
        }
    }
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
    /// The cluster shows this text in a condition, a container status or an event.
    Await(&'static str),
    /// `late:<namespace>` appears in the cluster's registry.
    PushLateTag,
    /// The registry at `${SLEEPING_REGISTRY}`, which has `app:good`, begins to listen.
    WakeRegistry,
    /// The workload shall have so many pods, as an autoscaler says it: through `/scale`.
    Scale(i32),
    /// A pod of v2 is evicted, as a drain does it.
    EvictNewPod,
}

impl Scenario {
    /// With another v1.
    const fn from(self, v1: &'static str) -> Self {
        Self { v1, ..self }
    }

    /// With a v1 that never becomes healthy.
    const fn which_is_broken(self) -> Self {
        Self {
            v1_is_healthy: false,
            ..self
        }
    }

    const fn with(self, extras: &'static [Extra]) -> Self {
        Self { extras, ..self }
    }

    /// With more flags for the check of v2.
    const fn asking(self, flags: &'static [&'static str]) -> Self {
        Self { flags, ..self }
    }

    const fn fails(self, code: &'static str) -> Self {
        let expect = Expect::Fails { code };
        Self { expect, ..self }
    }

    const fn times_out(self, code: &'static str) -> Self {
        let expect = Expect::TimesOut { code };
        Self { expect, ..self }
    }

    const fn naming(self, names: &'static [&'static str]) -> Self {
        Self { names, ..self }
    }

    const fn is_superseded(self) -> Self {
        let expect = Expect::IsSuperseded;
        Self { expect, ..self }
    }

    /// Marks a scenario whose pod template alone decides that it fails.
    const fn by_template(self) -> Self {
        Self {
            template_decides: true,
            ..self
        }
    }

    /// Marks a scenario whose cause Kubernetes shows later, for this reason.
    const fn shown_later(self, why: &'static str) -> Self {
        Self {
            shown_later: Some(why),
            ..self
        }
    }

    const fn shows(self, sign: &'static str) -> Self {
        Self { sign, ..self }
    }
}

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

const fn await_before(when: When, text: &'static str) -> Extra {
    Extra {
        when,
        what: What::Await(text),
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
    let failing = [failing::FAILING, stateful_set::FAILING, daemon_set::FAILING];
    let healing = [healing::HEALING, stateful_set::HEALING, daemon_set::HEALING];
    failing.into_iter().chain(healing).flatten()
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
    fn each_kind_has_its_share() {
        let count = |fails: bool, kind: Option<Kind>| {
            all()
                .filter(|it| it.expect.code().is_some() == fails)
                .filter(|it| kind.is_none_or(|kind| it.kind == kind))
                .count()
        };
        assert!(count(true, None) >= 60 && count(false, None) >= 24);
        for kind in [Kind::Deployment, Kind::StatefulSet, Kind::DaemonSet] {
            assert!(count(true, Some(kind)) >= 9, "{kind:?}");
            assert!(count(false, Some(kind)) >= 3, "{kind:?}");
        }
    }

    #[test]
    fn what_no_time_heals_is_marked_as_decided_by_the_template() {
        use rollguard_core::finding::{FindingCode, Longest};

        for scenario in all() {
            let Some(code) = scenario.expect.code() else {
                assert!(!scenario.template_decides, "{}", scenario.name);
                continue;
            };
            let code = FindingCode::ALL.iter().find(|it| it.as_str() == code);
            let excluded = code.unwrap().healing().longest == Longest::Excluded;
            assert!(!excluded || scenario.template_decides, "{}", scenario.name);
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
    fn every_workload_follows_the_conventions() {
        for scenario in all() {
            for (version, yaml) in [("v1", scenario.v1), ("v2", scenario.v2)] {
                let object: serde_json::Value = serde_yaml::from_str(yaml).unwrap();
                let template = &object["spec"]["template"];
                let says = format!("{} {version}", scenario.name);
                assert_eq!(object["kind"], format!("{:?}", scenario.kind), "{says}");
                let name = scenario.kind.name();
                assert_eq!(object["metadata"]["name"], name, "{says}");
                assert_eq!(template["metadata"]["labels"]["app"], name, "{says}");
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
