//! What the test program `real` measured.

use anyhow::{Result, ensure};
use serde::Deserialize;

/// Everything.
#[derive(Debug, Deserialize)]
pub(in crate::bench) struct Measured {
    pub(super) kubernetes: String,
    pub(super) scenarios: usize,
    pub(super) rows: Vec<Row>,
    pub(super) stable: Stable,
}

/// One update.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Row {
    pub(super) scenario: String,
    pub(super) kind: String,
    /// The word for the verdict that is right.
    pub(super) right: String,
    /// The code of the cause; none for an update that heals.
    pub(super) expected: Option<String>,
    pub(super) rollguard: Judgement,
    pub(super) kubectl: Option<Judgement>,
    pub(super) kubedog: Option<Judgement>,
}

/// What a tool made of an update.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Judgement {
    pub(super) verdict: String,
    pub(super) named: bool,
    pub(super) seconds: f64,
    pub(super) load: Option<Load>,
}

/// What it asked of the API server.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Load {
    pub(super) requests: u64,
    pub(super) bytes: u64,
}

/// What it takes to call a rollout good that has long been stable.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Stable {
    pub(super) rollguard: Vec<Judgement>,
    pub(super) kubectl: Vec<Judgement>,
    pub(super) kubedog: Vec<Judgement>,
}

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

    /// What it made of an update, if it followed it.
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

impl Measured {
    /// A page that leaves out what went wrong would be no comparison.
    pub(in crate::bench) fn ensure_complete(&self) -> Result<()> {
        let followed = |row: &&Row| Tool::ALL.iter().all(|tool| tool.of(row).is_some());
        let compared = self.rows.iter().filter(followed).count();
        ensure!(
            compared == self.scenarios,
            "only {compared} of {} scenarios were measured, so no page is written",
            self.scenarios
        );
        Ok(())
    }

    pub(super) fn failing(&self) -> impl Iterator<Item = &Row> + Clone {
        self.rows.iter().filter(|row| row.fails())
    }

    /// Those whose place another update takes are none of both: the others follow the newer one.
    pub(super) fn healing(&self) -> impl Iterator<Item = &Row> + Clone {
        self.rows.iter().filter(|row| row.right == "succeeded")
    }
}

impl Row {
    pub(super) fn fails(&self) -> bool {
        is_alarm(&self.right)
    }

    pub(super) fn is_right(&self, judgement: &Judgement) -> bool {
        if self.fails() {
            is_alarm(&judgement.verdict)
        } else {
            judgement.verdict == "succeeded"
        }
    }

    pub(super) fn is_false_green(&self, judgement: &Judgement) -> bool {
        self.fails() && judgement.verdict == "succeeded"
    }

    pub(super) fn is_false_alarm(&self, judgement: &Judgement) -> bool {
        !self.fails() && is_alarm(&judgement.verdict)
    }
}

fn is_alarm(verdict: &str) -> bool {
    ["failed", "timedOut"].contains(&verdict)
}
