//! The description of a case: its story, its runs and the end that it must come to.

use rollguard_tests::faulty::{Fault, Moment, Trap};
use rollguard_tests::scenarios::Kind;

use super::workload_version::WorkloadVersion;

/// One case: a story, what is asked for, and how it must end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    /// Short and unique; its namespaces begin with it.
    pub(crate) name: &'static str,
    /// What it is about, as a clause that goes on from "when".
    pub(crate) says: &'static str,
    pub(crate) kind: Kind,
    /// Up to the bad update, in both namespaces alike.
    pub(crate) story: &'static [Step],
    /// Whether a check hands over to an approved rollback, as in the stage; else the command line
    /// finds the target by itself.
    pub(crate) approved: bool,
    /// Between the check and the approval.
    pub(crate) meanwhile: &'static [Step],
    /// What is rolled back besides the kind's own workload, such as `deployment/api`.
    pub(crate) besides: &'static [&'static str],
    pub(crate) who: Who,
    pub(crate) interference: Interference,
    /// One after the other; only the first one is interfered with.
    pub(crate) runs: &'static [Run],
    /// What else must hold at the end.
    pub(crate) also: &'static [Also],
}

/// Something that happens before the rollback.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// The workload is applied.
    Deploy(WorkloadVersion),
    /// The rollout is complete.
    Settles,
    /// `rollguard check` calls it good, and marks it.
    IsGood,
    /// The same by somebody who may only look.
    IsGoodForALooker,
    /// A pod of this version cannot run.
    Fails(&'static str),
    /// So many pods of this version cannot run.
    AllFail(&'static str, usize),
    /// Pods of this version are as many as this, and ready.
    Serves(&'static str, usize),
    /// Other objects are applied; `${NAMESPACE}` is the namespace.
    Objects(&'static str),
    /// An object of the core group is deleted: its kind and its name.
    Deleted(&'static str, &'static str),
    /// The workload is changed by a merge patch, as YAML.
    Changed(&'static str),
    /// The revision of this version is changed by a merge patch, as YAML.
    RevisionChanged(&'static str, &'static str),
    /// The revision of this version is deleted.
    RevisionDeleted(&'static str),
    /// The cluster shows this text in a status or an event.
    Shows(&'static str),
    /// A person undoes the update with kubectl.
    UndoneByHand,
}

/// The person or program that asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Admin,
    /// Somebody with the rights to check.
    Looker,
}

/// The fault or the second run that the first run meets.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Interference {
    None,
    /// The API server, as the client sees it.
    ApiFault(Trap),
    /// The program is killed (SIGKILL) once this has happened.
    Killed(Trap),
    /// Two are run at once, and meet at the patch.
    TwoRuns,
}

/// One run and what it comes to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// More flags of `rollguard rollback`.
    pub(crate) flags: &'static [&'static str],
    /// A revision that a person names, to kubectl as well.
    pub(crate) to_revision: Option<&'static str>,
    /// The exit code; of a killed program -1.
    pub(crate) code: i32,
    /// A part of the output.
    pub(crate) tells: &'static [&'static str],
    /// How often the workload has been changed by then, all runs together.
    pub(crate) changes: i64,
    /// The version of the template.
    pub(crate) version: &'static str,
    /// How many pods of that version are ready; not looked at where it is none.
    pub(crate) ready: Option<usize>,
}

/// Another condition that must hold at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Also {
    /// The pods that were ready before the rollback and run the restored version are the same ones.
    PodsStayed,
    /// Change cause and `rollguard.dev/restored` are as agreed.
    Annotated,
    /// The restored revision is marked.
    Marked,
    /// Pods were deleted one at a time, each under the precondition of its uid and with its grace.
    DeletedOneByOne,
    /// This many pods are wanted.
    Replicas(i64),
    /// This other workload's template has this version.
    Beside(&'static str, &'static str),
}

/// A run that succeeds: it ends with 0, the template has this version, and was changed once.
pub(crate) const fn back_to(version: &'static str) -> Run {
    Run {
        flags: &[],
        to_revision: None,
        code: 0,
        tells: &[],
        changes: 1,
        version,
        ready: Some(2),
    }
}

/// A run that finds all done.
pub(crate) const fn already(version: &'static str) -> Run {
    back_to(version).tells(&["is already at revision"])
}

/// A run that leaves this version's template where it is, for this reason.
pub(crate) const fn refused(version: &'static str, tells: &'static [&'static str]) -> Run {
    Run {
        flags: &[],
        to_revision: None,
        code: 21,
        tells,
        changes: 0,
        version,
        ready: None,
    }
}

impl Run {
    pub(crate) const fn tells(self, tells: &'static [&'static str]) -> Self {
        Self { tells, ..self }
    }

    pub(crate) const fn with(self, flags: &'static [&'static str]) -> Self {
        Self { flags, ..self }
    }

    pub(crate) const fn to(self, revision: &'static str) -> Self {
        Self {
            to_revision: Some(revision),
            ..self
        }
    }

    pub(crate) const fn code(self, code: i32) -> Self {
        Self { code, ..self }
    }

    pub(crate) const fn ready(self, ready: usize) -> Self {
        Self {
            ready: Some(ready),
            ..self
        }
    }

    /// However many are ready by then.
    pub(crate) const fn on_its_way(self) -> Self {
        Self {
            ready: None,
            ..self
        }
    }

    pub(crate) const fn changes(self, changes: i64) -> Self {
        Self { changes, ..self }
    }
}

/// A case of a kind, without a story yet.
pub(crate) const fn case(kind: Kind, name: &'static str, says: &'static str) -> Case {
    Case {
        name,
        says,
        kind,
        story: &[],
        approved: false,
        meanwhile: &[],
        besides: &[],
        who: Who::Admin,
        interference: Interference::None,
        runs: &[],
        also: &[],
    }
}

/// A case of a Deployment.
pub(crate) const fn web(name: &'static str, says: &'static str) -> Case {
    case(Kind::Deployment, name, says)
}

impl Case {
    pub(crate) const fn story(self, story: &'static [Step]) -> Self {
        Self { story, ..self }
    }

    /// A check hands over, then this happens, then the approved rollback runs.
    pub(crate) const fn approved_after(self, meanwhile: &'static [Step]) -> Self {
        Self {
            approved: true,
            meanwhile,
            ..self
        }
    }

    pub(crate) const fn besides(self, besides: &'static [&'static str]) -> Self {
        Self { besides, ..self }
    }

    pub(crate) const fn by_a_looker(self) -> Self {
        Self {
            who: Who::Looker,
            ..self
        }
    }

    /// At the first patch.
    pub(crate) const fn once(self, fault: Fault) -> Self {
        self.interference(Interference::ApiFault(Trap::once(Moment::Patch, fault)))
    }

    /// At every patch of the first run.
    pub(crate) const fn always(self, fault: Fault) -> Self {
        self.interference(Interference::ApiFault(Trap::always(
            Moment::Patch,
            fault,
            "",
        )))
    }

    pub(crate) const fn killed(self, moment: Moment, fault: Fault) -> Self {
        self.interference(Interference::Killed(Trap::once(moment, fault)))
    }

    pub(crate) const fn interference(self, interference: Interference) -> Self {
        Self {
            interference,
            ..self
        }
    }

    pub(crate) const fn ends(self, runs: &'static [Run]) -> Self {
        Self { runs, ..self }
    }

    pub(crate) const fn also(self, also: &'static [Also]) -> Self {
        Self { also, ..self }
    }

    /// All that is rolled back, as a user writes it.
    pub(crate) fn workloads(&self) -> Vec<&'static str> {
        let own = std::iter::once(self.kind.workload());
        own.chain(self.besides.iter().copied()).collect()
    }
}
