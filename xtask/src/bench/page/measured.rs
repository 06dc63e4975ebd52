//! The results of the rows of `rollguard_measured`.

use anyhow::{Result, ensure};
use rollguard_core::verdict::VerdictKind;
use rollguard_measured::verdicts::{Judgement, Measured, Row, Stable};

/// A tool that was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tool {
    Rollguard,
    Kubectl,
    Kubedog,
}

impl Tool {
    pub(super) const ALL: [Self; 3] = [Self::Rollguard, Self::Kubectl, Self::Kubedog];

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Rollguard => "rollguard",
            Self::Kubectl => "kubectl rollout status",
            Self::Kubedog => "kubedog multitrack",
        }
    }

    /// Returns what it made of an update, if it followed it.
    pub(super) const fn of(self, row: &Row) -> Option<&Judgement> {
        match self {
            Self::Rollguard => Some(&row.rollguard),
            Self::Kubectl => row.kubectl.as_ref(),
            Self::Kubedog => row.kubedog.as_ref(),
        }
    }

    pub(super) fn stable(self, stable: &Stable) -> &[Judgement] {
        match self {
            Self::Rollguard => &stable.rollguard,
            Self::Kubectl => &stable.kubectl,
            Self::Kubedog => &stable.kubedog,
        }
    }
}

/// A page that leaves out what went wrong would be no comparison.
pub(in crate::bench) fn ensure_complete(measured: &Measured) -> Result<()> {
    let followed = |row: &&Row| Tool::ALL.iter().all(|tool| tool.of(row).is_some());
    let compared = measured.rows.iter().filter(followed).count();
    ensure!(
        compared == measured.scenarios,
        "only {compared} of {} scenarios were measured, so no page is written",
        measured.scenarios
    );
    Ok(())
}

pub(super) fn failing(measured: &Measured) -> impl Iterator<Item = &Row> + Clone {
    measured.rows.iter().filter(|row| fails(row))
}

/// Those whose place another update takes are none of both: the others follow the newer one.
pub(super) fn healing(measured: &Measured) -> impl Iterator<Item = &Row> + Clone {
    measured
        .rows
        .iter()
        .filter(|row| row.right == VerdictKind::Succeeded)
}

pub(super) const fn fails(row: &Row) -> bool {
    is_alarm(row.right)
}

pub(super) fn is_right(row: &Row, judgement: &Judgement) -> bool {
    if fails(row) {
        is_alarm(judgement.verdict)
    } else {
        judgement.verdict == VerdictKind::Succeeded
    }
}

pub(super) fn is_false_green(row: &Row, judgement: &Judgement) -> bool {
    fails(row) && judgement.verdict == VerdictKind::Succeeded
}

pub(super) fn is_false_alarm(row: &Row, judgement: &Judgement) -> bool {
    !fails(row) && is_alarm(judgement.verdict)
}

const fn is_alarm(verdict: VerdictKind) -> bool {
    match verdict {
        VerdictKind::Failed | VerdictKind::TimedOut => true,
        VerdictKind::Undetermined
        | VerdictKind::Superseded
        | VerdictKind::Progressing
        | VerdictKind::Succeeded => false,
    }
}
