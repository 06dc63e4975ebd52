//! Weighs what in the cluster may still heal a cause: with such a promise a cause gets more time.

use std::time::Duration;

use jiff::Timestamp;

use super::Case;
use crate::duration::{after, elapsed};
use crate::finding::{Finding, FindingCode, Lookup};
use crate::snapshot::ContainerView;

/// Within this time the kubelet tries again: it synchronises a pod every 10 s to 15 s, and mounts at
/// growing intervals.
const RETRIED: Duration = Duration::from_secs(30);

/// Names what may create a missing Secret or ConfigMap, and returns the time that it gets.
pub(super) fn of_object(
    case: &Case<'_>,
    finding: Finding,
    lookup: Lookup,
) -> (Finding, Option<Duration>) {
    let patience = case.policy.patience.promised;
    let all = case.snapshot.promises(&lookup);
    // A Job whose pod waits for the object will not create it.
    let own = format!("{} `{}`", case.workload.kind(), case.workload.name());
    let named = || all.iter().find(|it| it.read && it.since.is_none());
    let unread = || all.iter().find(|it| !it.read);
    // A Job that has run for longer than that belongs to something else.
    let recent = |since: Timestamp| after(since, patience) >= case.started;
    let job = || {
        all.iter()
            .find(|it| it.by != own && it.since.is_some_and(recent))
    };
    let heals = named()
        .map(|it| format!("{} names it and may still write it", it.by))
        .or_else(|| unread().map(|it| format!("{} may still write it, but cannot be read", it.by)))
        .or_else(|| job().map(|it| format!("{} still runs and may create it", it.by)));
    // What a Job has just created is found with the kubelet's next try.
    let over = !all.iter().any(|it| it.read);
    let promised_at = case.snapshot.promised_at(&lookup).filter(|_| over);
    let retried = promised_at.and_then(|at| {
        let until = after(
            at,
            case.policy.patience.lookup_again.saturating_add(RETRIED),
        );
        let rule = case.policy.rule(finding.code)?.grace;
        Some(elapsed(finding.since, until).max(rule))
    });
    let finding = finding.lookup(Some(lookup));
    match heals {
        Some(heals) => (finding.heals(heals), Some(patience)),
        None => (finding, retried.map(|it| it.min(patience))),
    }
}

/// Returns the question about what may create a Secret or a ConfigMap.
pub(super) fn question(kind: &str, name: &str) -> Option<Lookup> {
    let name = name.to_owned();
    match kind {
        "Secret" => Some(Lookup::Secret { name }),
        "ConfigMap" => Some(Lookup::ConfigMap { name }),
        _ => None,
    }
}

/// Returns the volume that holds a path of a container, if something may still write it there:
/// another container, an init container, a driver, or an administrator.
///
/// A file of a ConfigMap or a Secret has its mode from the template, so that time does not make it
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

/// Returns whether a cause is one of a Secret or a ConfigMap that may be written late.
pub(super) const fn may_be_written(code: FindingCode) -> bool {
    matches!(
        code,
        FindingCode::ConfigObjectMissing | FindingCode::ConfigKeyMissing
    )
}
