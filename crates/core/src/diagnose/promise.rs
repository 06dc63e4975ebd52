//! Weighs what in the cluster may still heal a cause: with such a promise a cause gets more time.

use std::time::Duration;

use super::Case;
use crate::finding::{Finding, FindingCode, Lookup};
use crate::snapshot::ContainerView;

/// Names the objects that may create a missing Secret, and returns the time that they get.
pub(super) fn of_secret(
    case: &Case<'_>,
    finding: Finding,
    name: &str,
) -> (Finding, Option<Duration>) {
    let lookup = Lookup::Secret {
        name: name.to_owned(),
    };
    let promises = case.snapshot.promises(&lookup);
    let named = promises.iter().find(|it| it.read);
    let heals = match (named, promises.first()) {
        (Some(promise), _) => Some(format!("{} names it and may still write it", promise.by)),
        (None, Some(promise)) => Some(format!(
            "{} may still write it, but cannot be read",
            promise.by
        )),
        (None, None) => None,
    };
    let grace = heals.is_some().then_some(case.policy.patience.promised);
    let finding = finding.lookup(Some(lookup));
    (
        match heals {
            Some(heals) => finding.heals(heals),
            None => finding,
        },
        grace,
    )
}

/// Returns the volume on which a path of a container lies, if something may still write it there:
/// another container, an init container, a driver, or an administrator.
///
/// What a ConfigMap or a Secret brings has its mode from the template, so that time does not make it
/// executable.
pub(super) fn volume_at<'a>(container: &ContainerView<'a>, path: &str) -> Option<&'a str> {
    let mounts = container.spec.volume_mounts.iter().flatten();
    let at = mounts
        .filter(|mount| {
            let rest = path.strip_prefix(mount.mount_path.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.starts_with('/'))
        })
        .max_by_key(|mount| mount.mount_path.len())?;
    let volumes = container.pod.object().spec.as_ref()?.volumes.as_ref()?;
    let volume = volumes.iter().find(|it| it.name == at.name)?;
    let fixed = volume.config_map.is_some()
        || volume.secret.is_some()
        || volume.projected.is_some()
        || volume.downward_api.is_some();
    (!fixed).then_some(volume.name.as_str())
}

/// Returns whether a cause is one of a Secret that may be written late.
pub(super) const fn may_be_written(code: FindingCode) -> bool {
    matches!(
        code,
        FindingCode::ConfigObjectMissing | FindingCode::ConfigKeyMissing
    )
}
