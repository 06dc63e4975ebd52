//! How a rollback ended, in the words of the exit code and of the output variables.

use std::collections::BTreeSet;

use rollguard_agent::Outcome;
use rollguard_core::report::{Report, objection_lines};
use rollguard_core::rollback::{BatchOutcome, RollbackBatch, RollbackHealth, WorkloadOutcome};

use super::RolledBack;
use super::again::Again;
use super::carry_out::Carried;

/// Something speaks against it, so nothing was changed.
pub(super) fn refused(release: &RollbackBatch) -> RolledBack {
    let outcome = release.refusal().unwrap_or(BatchOutcome::Refused);
    // The hint as well: in a pipeline this one line is all that an error says.
    let hints: BTreeSet<&str> = release
        .objections
        .iter()
        .filter_map(|(_, it)| it.hint())
        .collect();
    let hints = hints.into_iter().map(|hint| format!("; hint: {hint}"));
    let why = format!(
        "{}{}; nothing was changed",
        release.why_not(),
        hints.collect::<String>()
    );
    RolledBack {
        untold: objection_lines(release),
        ..untouched(outcome, &why, release.clone())
    }
}

/// The cluster changed while a person decided.
pub(super) fn superseded(why: &str, release: RollbackBatch) -> RolledBack {
    untouched(BatchOutcome::Superseded, why, release)
}

fn untouched(word: BatchOutcome, why: &str, release: RollbackBatch) -> RolledBack {
    RolledBack {
        outcome: Outcome::Refused,
        word: Some(word),
        // Nobody has to wait to know that.
        health: Some(RollbackHealth::NotRolledBack),
        errors: vec![format!("not rolled back: {why}")],
        untold: Vec::new(),
        release,
        ended: Vec::new(),
        report: None,
    }
}

/// Nothing speaks against it, and nothing was changed.
pub(super) const fn dry_run(release: RollbackBatch) -> RolledBack {
    RolledBack {
        outcome: Outcome::RolledBack,
        word: None,
        health: None,
        errors: Vec::new(),
        untold: Vec::new(),
        release,
        ended: Vec::new(),
        report: None,
    }
}

/// What was done, and what a second look brought, if there was one.
pub(super) fn of(carried: &Carried, again: Option<Again>, waits: bool) -> RolledBack {
    let ended: Vec<WorkloadOutcome> = carried.ended.iter().map(|(_, ended)| *ended).collect();
    let extent = BatchOutcome::of(&ended);
    let stopped = carried.stopped || matches!(again, Some(Again::Stopped));
    let mut errors = carried.errors.clone();
    let report: Option<Report> = match again {
        Some(Again::Looked(report)) => Some(*report),
        Some(Again::Failed(messages)) => {
            errors.extend(messages);
            None
        }
        Some(Again::Stopped) | None => None,
    };
    let health = extent.health(report.as_ref().and_then(Report::rollback_health));
    let outcome = match extent {
        _ if stopped => Outcome::Cancelled,
        BatchOutcome::RolledBack | BatchOutcome::AlreadyRolledBack if waits => checked(health),
        BatchOutcome::RolledBack | BatchOutcome::AlreadyRolledBack => Outcome::RolledBack,
        BatchOutcome::PartlyRolledBack => Outcome::PartlyRolledBack,
        BatchOutcome::Refused | BatchOutcome::Superseded | BatchOutcome::Healed => Outcome::Refused,
        BatchOutcome::NotTried => Outcome::Cancelled,
        BatchOutcome::Failed => Outcome::RollbackFailed,
    };
    let is_unhealthy = matches!(
        outcome,
        Outcome::RolledBackUnhealthy | Outcome::RolledBackNotVerified
    );
    if let Some(report) = report.as_ref().filter(|_| is_unhealthy) {
        errors.push(report.sentence.clone());
    }
    // Whether what was restored is healthy is for others to say, where nobody waits for it.
    let told = waits || !ended.iter().any(|it| it.is_restored());
    RolledBack {
        outcome,
        word: Some(extent),
        health: told.then_some(health),
        errors,
        untold: carried.untold.clone(),
        release: RollbackBatch::default(),
        ended: carried.ended.clone(),
        report,
    }
}

const fn checked(health: RollbackHealth) -> Outcome {
    match health {
        RollbackHealth::Healthy => Outcome::RolledBack,
        RollbackHealth::Unhealthy => Outcome::RolledBackUnhealthy,
        RollbackHealth::Undetermined | RollbackHealth::NotRolledBack => {
            Outcome::RolledBackNotVerified
        }
    }
}

#[cfg(test)]
mod tests {
    use rollguard_core::workload::{WorkloadKind, WorkloadRef};

    use super::*;

    /// What it says, what was done, what a second look brought; exit code and word.
    type Row = (&'static str, Carried, Option<Again>, (u8, &'static str));

    fn carried(ended: &[WorkloadOutcome], stopped: bool) -> Carried {
        let workload = WorkloadRef {
            kind: WorkloadKind::Deployment,
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
        };
        Carried {
            ended: ended.iter().map(|it| (workload.clone(), *it)).collect(),
            errors: Vec::new(),
            untold: Vec::new(),
            stopped,
        }
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one table")]
    fn what_was_done_has_its_exit_code_and_its_words() {
        use WorkloadOutcome::{Failed, HeldUp, InPlace, NotTried, RolledBack, Superseded};
        let failed = || Some(Again::Failed(vec!["gone".to_owned()]));
        let rows: [Row; 11] = [
            (
                "nobody looks again",
                carried(&[RolledBack], false),
                None,
                (0, "rolledBack"),
            ),
            (
                "the second look fails",
                carried(&[RolledBack], false),
                failed(),
                (24, "rolledBack"),
            ),
            (
                "in place before, and the second look fails",
                carried(&[InPlace], false),
                failed(),
                (24, "alreadyRolledBack"),
            ),
            (
                "the second look is stopped",
                carried(&[RolledBack], false),
                Some(Again::Stopped),
                (130, "rolledBack"),
            ),
            (
                "a part, whatever the second look brings",
                carried(&[RolledBack, Failed], false),
                failed(),
                (25, "partlyRolledBack"),
            ),
            (
                "back, and stuck pods are left",
                carried(&[HeldUp], false),
                None,
                (25, "partlyRolledBack"),
            ),
            (
                "stopped while pods are stuck",
                carried(&[HeldUp], true),
                None,
                (130, "partlyRolledBack"),
            ),
            (
                "stopped half-way",
                carried(&[RolledBack, NotTried], true),
                None,
                (130, "partlyRolledBack"),
            ),
            (
                "stopped before the first",
                carried(&[NotTried], true),
                None,
                (130, "failed"),
            ),
            (
                "a newer rollout",
                carried(&[Superseded], false),
                None,
                (21, "superseded"),
            ),
            (
                "the patch fails",
                carried(&[Failed], false),
                None,
                (22, "failed"),
            ),
        ];
        for (says, carried, again, (code, word)) in rows {
            let waits = again.is_some();
            let told = of(&carried, again, waits);
            assert_eq!(told.outcome.exit_code(), code, "{says}");
            assert_eq!(told.word.map(BatchOutcome::as_str), Some(word), "{says}");
            let restored = told.ended.iter().any(|(_, it)| it.is_restored());
            assert_eq!(told.health.is_some(), waits || !restored, "{says}");
            let tried = told.ended.iter().any(|(_, it)| *it == Failed);
            let expected = if tried {
                RollbackHealth::Undetermined
            } else {
                RollbackHealth::NotRolledBack
            };
            assert!(restored || told.health == Some(expected), "{says}");
        }
    }

    #[test]
    fn what_a_second_look_means() {
        let rows = [
            (RollbackHealth::Healthy, 0),
            (RollbackHealth::Unhealthy, 23),
            (RollbackHealth::Undetermined, 24),
            (RollbackHealth::NotRolledBack, 24),
        ];
        for (health, code) in rows {
            assert_eq!(checked(health).exit_code(), code, "{health:?}");
        }
    }
}
