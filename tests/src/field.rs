//! Rollouts after public reports: `tests/field/NAME/`, with the right answer beside them.
//!
//! `before.yaml`, `base.yaml` (a healthy first version) and `extra.yaml` are applied in this order, then
//! `pre` runs, then comes the update: `update.yaml` or `update_cmd`. Commands run in a shell, with
//! `kubectl` and `rollguard` in its path; `$NS` is the namespace, in manifests as well.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::cluster::BUSYBOX;

/// Names another folder of cases of the same shape.
const FOLDER: &str = "ROLLGUARD_FIELD_CASES";

/// How the namespaces begin: not with the name of a case, which may hold the words of its cause.
pub const NAMESPACE: &str = "field";

/// The class of a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Expected {
    /// The rollout heals.
    Pass,
    /// It does not complete within its timeout.
    Fail,
}

/// One rollout, and what is true about it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldCase {
    /// The name of its folder.
    #[serde(default)]
    pub name: String,
    /// Where the report is.
    pub source: String,
    /// The right answer, in words.
    pub right: String,
    /// The class of the verdict.
    pub expect: Expected,
    /// Words, separated by `|`: one of them must be in the first sentence.
    #[serde(default)]
    cause: String,
    /// The workload to check, as `deployment/web`.
    pub workload: String,
    /// What must be healthy before the update.
    #[serde(default)]
    pub bases: Vec<String>,
    /// The timeout of the check, in seconds.
    pub timeout: u64,
    /// Whether a rollback can help; none where it does not matter.
    #[serde(default)]
    pub rollback_helps: Option<bool>,
    /// Whether the first version becomes healthy.
    #[serde(default = "yes")]
    pub wait_base: bool,
    /// More flags of the check.
    #[serde(default)]
    pub args: Vec<String>,
    /// Commands before the update.
    #[serde(default)]
    pub pre: Vec<String>,
    /// The update, where it is a command.
    #[serde(default)]
    pub update_cmd: Option<String>,
    /// Commands so many seconds after the update.
    #[serde(default)]
    pub later: Vec<(u64, String)>,
    /// Commands after the check; each must succeed.
    #[serde(default)]
    pub after: Vec<String>,
    /// Commands at the very end, whatever happened.
    #[serde(default)]
    pub cleanup: Vec<String>,
    #[serde(skip)]
    folder: PathBuf,
}

const fn yes() -> bool {
    true
}

impl FieldCase {
    /// Reads a folder.
    ///
    /// # Errors
    /// When it has no `case.json`, or a wrong one.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("case.json");
        let what = || format!("failed to read `{}`", path.display());
        let text = std::fs::read_to_string(&path).with_context(what)?;
        let mut case: Self = serde_json::from_str(&text).with_context(what)?;
        let name = folder.file_name().unwrap_or_default();
        case.name = name.to_string_lossy().into_owned();
        folder.clone_into(&mut case.folder);
        Ok(case)
    }

    /// The text of one of its manifests for a namespace, if it has that one.
    #[must_use]
    pub fn manifest(&self, file: &str, namespace: &str) -> Option<String> {
        let text = std::fs::read_to_string(self.folder.join(file)).ok()?;
        let own = text.replace("image: busybox:1\n", &format!("image: {BUSYBOX}\n"));
        Some(own.replace("$NS", namespace))
    }

    /// Returns whether a text names the cause, however it is quoted.
    #[must_use]
    pub fn is_named_in(&self, text: &str) -> bool {
        let bare = |it: &str| it.replace(['`', '?'], "");
        let text = bare(text);
        self.cause.split('|').any(|it| text.contains(&bare(it)))
    }

    /// Returns whether there is a cause to name.
    #[must_use]
    pub const fn has_cause(&self) -> bool {
        !self.cause.is_empty()
    }

    /// The timeout of the check.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}

/// The folder of the project's own cases.
#[must_use]
pub fn own_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("field")
}

/// Every case by name: the project's own, or those of the folder that `ROLLGUARD_FIELD_CASES` names.
///
/// # Errors
/// When a case cannot be read.
pub fn all() -> Result<Vec<FieldCase>> {
    let other = std::env::var_os(FOLDER).map(PathBuf::from);
    read_all(&other.unwrap_or_else(own_folder))
}

/// The project's own cases by name.
///
/// # Errors
/// When a case cannot be read.
pub fn own() -> Result<Vec<FieldCase>> {
    read_all(&own_folder())
}

fn read_all(folder: &Path) -> Result<Vec<FieldCase>> {
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("failed to list `{}`", folder.display()))?;
    let folders: BTreeSet<PathBuf> = entries
        .map(|it| it.map(|it| it.path()))
        .collect::<Result<_, _>>()?;
    let folders = folders.iter().filter(|it| it.is_dir());
    folders.map(|it| FieldCase::read(it)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_has_its_manifests_and_a_right_answer() {
        let cases = own().unwrap();
        assert!(cases.len() >= 21);
        for case in cases {
            let name = &case.name;
            assert!(case.manifest("base.yaml", "ns").is_some(), "{name}");
            let update = case.manifest("update.yaml", "ns");
            assert!(update.is_some() != case.update_cmd.is_some(), "{name}");
            assert_eq!(case.expect == Expected::Fail, case.has_cause(), "{name}");
            let judged = case.rollback_helps.is_some();
            assert_eq!(case.expect == Expected::Fail, judged, "{name}");
            let begun = format!("checking {} in namespace {NAMESPACE}-1", case.workload);
            assert!(!case.has_cause() || !case.is_named_in(&begun), "{name}");
            assert!(!case.source.is_empty() && !case.right.is_empty(), "{name}");
        }
    }

    #[test]
    fn no_image_is_asked_for_outside_the_machine() {
        for case in own().unwrap() {
            for file in ["before.yaml", "base.yaml", "extra.yaml", "update.yaml"] {
                let text = case.manifest(file, "ns").unwrap_or_default();
                let lines = text.lines().map(|it| it.trim().trim_start_matches("- "));
                for image in lines.filter_map(|it| it.strip_prefix("image: ")) {
                    let own = image.starts_with("rollguard.test/");
                    assert!(own, "{} {file}: {image}", case.name);
                }
            }
        }
    }

    #[test]
    fn a_cause_is_named_by_any_of_its_words() {
        let folder = own_folder().join("rs-quota");
        let case = FieldCase::read(&folder).unwrap();
        assert!(case.is_named_in("quota `objects` leaves no room"));
        assert!(!case.is_named_in("the ReplicaSet was refused"));
    }
}
