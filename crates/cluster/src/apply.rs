//! Applies a rollback plan: one patch with its own preconditions, its outcome read back,
//! and never sent again without a look at what the last one did.

use std::time::Duration;

use kube::Client;
use rollguard_core::history::History;
use rollguard_core::policy::BLIND_LIMIT;
use rollguard_core::rollback::{ReadBack, RollbackPlan, is_own, read_back};
use tokio::time::Instant;

use crate::Result;
use crate::error::{Cause, ClusterError, ClusterErrorKind, Permission};
use crate::history::{history, object};

mod patch;
mod send;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use patch::render;
pub(crate) use send::send;
use send::{Doubt, pause};

/// How often the patch is sent at least, before it counts as not applied; and for as long as any read is repeated.
const SENDS: u32 = 3;
/// A patch whose answer was lost may still be under way: it is looked for this often, this far
/// apart, before it counts as not applied.
const LOOKS: u32 = 3;
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// The result of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The target's template is in place.
    Done,
    /// The target's template had been put in place by another run.
    AlreadyThere,
    /// Another rollout began in the meantime; it was left alone.
    Superseded,
}

/// Applies a plan.
///
/// The object itself shows the outcome, whatever happens to an answer. Where it shows that nothing
/// was done although it could have been, the patch is sent again: three times at least, and within the time for which
/// reads are repeated.
///
/// # Errors
/// Forbidden with the permission to grant; not found; conflict; a patch that is refused for another
/// reason than its preconditions, or that did not arrive. The hint says whether anything was changed.
pub async fn apply(client: &Client, plan: &RollbackPlan) -> Result<Applied> {
    let begun = Instant::now();
    let mut sends = Sends::default();
    loop {
        let Err(failure) = send(client, plan, false).await.map(drop) else {
            return Ok(Applied::Done);
        };
        let doubt = Doubt::of(&failure.cause);
        sends.note(doubt);
        let looks = match doubt {
            Doubt::Settled => return Err(failed(plan, failure.cause)),
            Doubt::Refused => 1,
            Doubt::Turned => {
                tokio::time::sleep(pause(&failure, sends.sent)).await;
                1
            }
            Doubt::Unknown => {
                tokio::time::sleep(pause(&failure, sends.sent)).await;
                LOOKS
            }
        };
        let now = match look(client, plan, looks).await {
            Ok(now) => now,
            Err(error) => return Err(sends.blind(plan, failure.cause, &error)),
        };
        match read_back(plan, &now) {
            ReadBack::Applied if is_own(plan, &now) => return Ok(Applied::Done),
            ReadBack::Applied => return Ok(Applied::AlreadyThere),
            ReadBack::Superseded => return Ok(Applied::Superseded),
            ReadBack::Untouched if doubt == Doubt::Refused => {
                return Err(failed(plan, failure.cause));
            }
            ReadBack::Untouched if sends.sent >= SENDS && begun.elapsed() >= BLIND_LIMIT => {
                return Err(sends.in_vain(plan, failure.cause));
            }
            ReadBack::Untouched => {}
        }
    }
}

/// The requests that were sent so far.
#[derive(Debug, Default)]
struct Sends {
    sent: u32,
    /// Whether one of them may have been carried out.
    in_doubt: bool,
}

impl Sends {
    fn note(&mut self, doubt: Doubt) {
        self.sent += 1;
        self.in_doubt |= doubt == Doubt::Unknown;
    }

    /// The error for an outcome that could not be read back.
    fn blind(&self, plan: &RollbackPlan, cause: Cause, error: &ClusterError) -> ClusterError {
        let workload = &plan.workload;
        if !self.in_doubt {
            let read = error
                .cause()
                .map_or_else(|| error.to_string(), ToString::to_string);
            return failed(plan, cause).with_hint(format!(
                "nothing was changed; {workload} could not be read back ({read}), so it is \
                 unknown whether a newer rollout is the reason"
            ));
        }
        ClusterError::plain(
            error.kind(),
            format!(
                "find out whether {workload} was rolled back: the answer to the patch was lost \
                 ({cause}), and then {error}"
            ),
        )
        .with_hint("run the rollback again: it detects whether it was already done")
    }

    fn in_vain(&self, plan: &RollbackPlan, cause: Cause) -> ClusterError {
        let (workload, sent) = (&plan.workload, self.sent);
        failed(plan, cause).with_hint(format!(
            "nothing was changed: the patch was sent {sent} times, and {workload} was read back \
             and is unchanged; run the rollback again"
        ))
    }
}

/// The workload as it is after a patch: as soon as it is plain what came of it, or once it was looked
/// at so often.
///
/// # Errors
/// When the workload cannot be read: each read is repeated within the blind limit.
async fn look(client: &Client, plan: &RollbackPlan, looks: u32) -> Result<History> {
    let mut seen = 0;
    loop {
        let now = state(client, plan).await?;
        seen += 1;
        if seen >= looks || is_plain(plan, &now) {
            return Ok(now);
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

/// The template alone shows the outcome, unless a webhook changed what was sent.
async fn state(client: &Client, plan: &RollbackPlan) -> Result<History> {
    let object = object(client, &plan.workload).await?;
    let bare = History::new(plan.workload.clone(), object, Vec::new(), Vec::new());
    match read_back(plan, &bare) {
        ReadBack::Superseded if bare.uid() == plan.uid => history(client, &plan.workload).await,
        ReadBack::Applied | ReadBack::Untouched | ReadBack::Superseded => Ok(bare),
    }
}

/// A patch may still be under way, and a template that a webhook wrote otherwise is known again only
/// once the controller has seen it.
fn is_plain(plan: &RollbackPlan, now: &History) -> bool {
    match read_back(plan, now) {
        ReadBack::Untouched => false,
        ReadBack::Superseded => now.observed() || !is_own(plan, now),
        ReadBack::Applied => true,
    }
}

fn failed(plan: &RollbackPlan, cause: Cause) -> ClusterError {
    let workload = &plan.workload;
    let namespace = &workload.namespace;
    let doing = format!("patch {workload} in namespace `{namespace}`");
    let error =
        ClusterError::new(doing, cause).needs(&Permission::to_patch(namespace, workload.kind));
    if error.kind() == ClusterErrorKind::Other && error.hint().is_none() {
        error.with_hint("the API server refuses the change itself; nothing was changed")
    } else {
        error
    }
}
