//! Words that all renderings of a rollback share.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{AfterRollback, OtherImage, Style};
use crate::duration::{Human, elapsed};
use crate::foreign_text::clipped;
use crate::rollback::RollbackHealth;
use crate::rollback::{ChosenBy, Weight};
use crate::workload::Revision;

/// From how many hours on days are counted.
const HOURS: u64 = 48;
/// How much of a digest is shown: enough to tell two apart, as `docker images` does.
const DIGEST: usize = 12;

/// How long before `now` something was.
pub(super) fn ago(at: Timestamp, now: Timestamp) -> String {
    let past = elapsed(at, now);
    match past.as_secs() / 3600 {
        hours if hours >= HOURS => format!("{} days", hours / 24),
        _ => Human(past).to_string(),
    }
}

/// A time as people read it, who are not all where the cluster is.
pub(super) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// Why this revision: the evidence, and when a check found it healthy where one did.
pub(super) fn evidence(by: ChosenBy, good_at: Option<String>) -> String {
    match (by, good_at) {
        (by, None) => by.to_string(),
        (ChosenBy::KnownGood, Some(when)) => format!("{by} {when}"),
        (by, Some(when)) => format!("{by}; a check found it healthy {when}"),
    }
}

/// Returns what becomes of pods that no one replaces.
pub(super) fn deletes(pods: &[String]) -> Option<String> {
    (!pods.is_empty()).then(|| {
        format!(
            "deletes stuck pods that the controller would not replace, one at a time: {}",
            pods.join(", ")
        )
    })
}

/// How a workload is after its rollback.
pub(super) fn after(it: &AfterRollback) -> String {
    let (bad, target) = (it.bad.revision, it.target.revision);
    let health = match it.health {
        RollbackHealth::Healthy => "healthy",
        RollbackHealth::Undetermined => "health undetermined",
        RollbackHealth::Unhealthy => "not healthy",
        RollbackHealth::NotRolledBack => "not rolled back",
    };
    let target = match it.present {
        Some(present) if present != target => restored(target, Some(present)),
        Some(_) | None => target.to_string(),
    };
    format!("{}, revision {bad} → {target}: {health}", it.workload)
}

/// A restored revision: its number rises when it is used again, and people know both.
pub(super) fn restored(target: Revision, present: Option<Revision>) -> String {
    match present {
        Some(present) if present != target => {
            format!("revision {present}, with the template of revision {target}")
        }
        Some(_) | None => format!("revision {target}"),
    }
}

/// The same where the sentence goes on.
pub(super) fn restored_and(target: Revision, present: Option<Revision>) -> String {
    let restored = restored(target, present);
    if restored.contains(',') {
        restored + ","
    } else {
        restored
    }
}

pub(super) const fn style_of_health(health: RollbackHealth) -> Style {
    match health {
        RollbackHealth::Healthy => Style::Good,
        RollbackHealth::Undetermined => Style::Warn,
        RollbackHealth::Unhealthy | RollbackHealth::NotRolledBack => Style::Bad,
    }
}

pub(super) const fn style_of_weight(weight: Weight) -> Style {
    match weight {
        Weight::Refusal => Style::Bad,
        Weight::Warning => Style::Warn,
        Weight::Note => Style::Dim,
    }
}

/// A container that does not run what it ran when its revision was good.
pub(super) fn other_image(it: &AfterRollback, image: &OtherImage) -> String {
    format!(
        "container `{}` of {} runs image {}, not {} as it did when revision {} was known to be good",
        image.container,
        it.workload,
        digests(&image.running),
        digests(&image.recorded),
        it.target.revision
    )
}

/// Digests in short.
pub(super) fn digests(all: &BTreeSet<String>) -> String {
    let each = all.iter().map(|digest| match digest.split_once(':') {
        Some((kind, hash)) => format!("{kind}:{}", clipped(hash, DIGEST)),
        None => digest.clone(),
    });
    each.collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, start};

    #[test]
    fn a_time_ago_is_told_in_days_once_hours_say_little() {
        let hour = 3600;
        for (seconds, said) in [
            (90, "1m30s"),
            (2 * hour, "2h"),
            (47 * hour, "47h"),
            (48 * hour, "2 days"),
            (100 * hour, "4 days"),
        ] {
            assert_eq!(ago(start(), at(seconds)), said);
        }
        assert_eq!(ago(at(5), start()), "0s", "a clock that is behind");
    }

    #[test]
    fn long_digests_are_shortened_and_others_stay() {
        let of = |all: &[&str]| digests(&all.iter().map(|&it| it.to_owned()).collect());
        assert_eq!(of(&["sha256:0123456789abcdef"]), "sha256:0123456789ab…");
        assert_eq!(
            of(&["sha256:0123456789ab", "odd"]),
            "odd or sha256:0123456789ab"
        );
    }
}
