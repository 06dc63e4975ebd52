//! One version of a workload, as a pipeline would apply it.

use anyhow::{Context, Result};
use rollguard_tests::scenarios::Kind;
use serde_json::{Value, json};

/// The beginning of every value that must not be shown.
pub(crate) const SECRET: &str = "never-show-this";

/// A version of a workload.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WorkloadVersion {
    /// The label `version` of its pods.
    pub(crate) version: &'static str,
    /// The name of the workload; its kind's name where it is empty.
    pub(crate) name: &'static str,
    /// How it runs.
    pub(crate) runs: Runs,
    /// Merge patches over the healthy workload of its kind, as YAML.
    pub(crate) with: &'static [&'static str],
    /// The same over its container.
    pub(crate) inside: &'static [&'static str],
}

/// How a version runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runs {
    /// It is ready after a second, and stays so.
    Well,
    /// Its program does not exist.
    Never,
    /// It is ready, and ends some seconds later, again and again.
    Briefly,
    /// As `Never`, but only the pod with ordinal 0.
    NotFirst,
}

/// A version that runs well.
pub(crate) const fn good(version: &'static str) -> WorkloadVersion {
    runs(version, Runs::Well)
}

/// A version whose pods never start.
pub(crate) const fn bad(version: &'static str) -> WorkloadVersion {
    runs(version, Runs::Never)
}

/// A version that runs in this way.
pub(crate) const fn runs(version: &'static str, runs: Runs) -> WorkloadVersion {
    WorkloadVersion {
        version,
        name: "",
        runs,
        with: &[],
        inside: &[],
    }
}

impl WorkloadVersion {
    /// Of another workload of the same kind.
    pub(crate) const fn of(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// With these merge patches.
    pub(crate) const fn with(self, with: &'static [&'static str]) -> Self {
        Self { with, ..self }
    }

    /// With these merge patches of its container.
    pub(crate) const fn inside(self, inside: &'static [&'static str]) -> Self {
        Self { inside, ..self }
    }

    /// The workload as YAML.
    pub(crate) fn manifest(&self, kind: Kind) -> Result<String> {
        let mut object: Value = serde_yaml::from_str(kind.healthy())?;
        self.fill(object.pointer_mut(CONTAINER).context("no container")?)?;
        let name = if self.name.is_empty() {
            kind.name()
        } else {
            self.name
        };
        let named = json!({
            "metadata": { "name": name },
            "spec": {
                "selector": { "matchLabels": { "app": name } },
                "template": { "metadata": { "labels": { "app": name, "version": self.version } } },
            },
        });
        merge(&mut object, named);
        for patch in self.with {
            let patch = serde_yaml::from_str(patch).context("failed to read a merge patch")?;
            merge(&mut object, patch);
        }
        Ok(serde_yaml::to_string(&object)?)
    }

    fn fill(&self, container: &mut Value) -> Result<()> {
        container["env"] = json!([
            { "name": "RELEASE", "value": self.version },
            { "name": "TOKEN", "value": format!("{SECRET}-{}", self.version) },
        ]);
        match self.runs {
            Runs::Well => (),
            Runs::Never => container["command"] = json!(["/no/such/program"]),
            Runs::Briefly => container["command"] = json!(["sh", "-c", BRIEFLY]),
            Runs::NotFirst => container["command"] = json!(["sh", "-c", NOT_FIRST]),
        }
        for patch in self.inside {
            let patch = serde_yaml::from_str(patch).context("failed to read a merge patch")?;
            merge(container, patch);
        }
        Ok(())
    }
}

const CONTAINER: &str = "/spec/template/spec/containers/0";

const BRIEFLY: &str = "trap 'exit 0' TERM; httpd -p 8080 -h /www; sleep 4 & wait; exit 1";
const NOT_FIRST: &str = "case $HOSTNAME in *-0) exit 1;; esac; trap 'exit 0' TERM; \
                         httpd -p 8080 -h /www; sleep 3600 & wait";

/// RFC 7396.
pub(crate) fn merge(into: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *into = patch;
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    for (key, value) in patch {
        if value.is_null() {
            if let Some(object) = into.as_object_mut() {
                object.remove(&key);
            }
        } else {
            merge(&mut into[&key], value);
        }
    }
}
