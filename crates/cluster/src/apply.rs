//! Carrying a rollback plan out: one patch, its outcome read back, never repeated blindly.

use std::time::Duration;

use kube::Client;
use kube::api::{Patch, PatchParams};
use rollguard_core::rollback::{ReadBack, RollbackPlan, read_back};
use serde_json::Value;

use crate::Result;
use crate::error::{Cause, ClusterError, ClusterErrorKind, Permission};
use crate::history::history;
use crate::request::{WRITE_LIMIT, deployments, within};

/// The field manager under which server-side apply shows the change.
const FIELD_MANAGER: &str = "rollguard";
/// A patch whose answer was lost may still be under way: it is looked for this often, this far
/// apart, before it counts as not applied.
const LOOKS: u32 = 3;
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// What came of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The target's template is in place.
    Done,
    /// The API server would accept the patch; nothing was changed.
    DryRun,
    /// The target's template had been put in place by somebody else.
    AlreadyThere,
    /// Another rollout began meanwhile; it was left alone.
    Superseded,
}

/// Applies a plan, or with `dry_run` lets the API server check it (admission included) without
/// changing anything.
///
/// The patch bears its own preconditions, so it is sent once; whatever happens to the answer, the
/// object itself then tells the outcome.
///
/// # Errors
/// Forbidden with the permission to grant; not found; conflict; a patch that is refused for another
/// reason than its preconditions, or that did not arrive.
pub async fn apply(client: &Client, plan: &RollbackPlan, dry_run: bool) -> Result<Applied> {
    match send(client, plan, dry_run).await {
        Ok(()) if dry_run => Ok(Applied::DryRun),
        Ok(()) => Ok(Applied::Done),
        Err(cause) => match Doubt::of(&cause) {
            Doubt::None => Err(failed(plan, cause)),
            Doubt::Refused => after_refusal(client, plan, cause).await,
            Doubt::Unknown => after_silence(client, plan, (cause, dry_run)).await,
        },
    }
}

async fn send(
    client: &Client,
    plan: &RollbackPlan,
    dry_run: bool,
) -> std::result::Result<(), Cause> {
    // Sent as JSON of our own making: a typed patch would go through structs that drop fields.
    let params = PatchParams {
        dry_run,
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let body = body(plan).map_err(kube::Error::SerdeError)?;
    let mut request = deployments(&plan.workload.namespace)
        .patch(&plan.workload.name, &params, &Patch::Merge(Value::Null))
        .map_err(kube::Error::BuildRequest)?;
    *request.body_mut() = body;
    request.headers_mut().insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/json-patch+json"),
    );
    let answer = client.request::<serde::de::IgnoredAny>(request);
    within(WRITE_LIMIT, answer).await.map(|_| ())
}

/// The patch as Go writes JSON, with `&`, `<`, `>`, U+2028 and U+2029 escaped.
///
/// The API server's `test` compares strings as they are written, not as they read
/// (evanphx/json-patch, `lazyNode.equal`), against an object that Go wrote: an unescaped `&` in a
/// container's command made the precondition fail for good (seen on 1.35.4).
fn body(plan: &RollbackPlan) -> serde_json::Result<Vec<u8>> {
    let mut text = serde_json::to_string(&plan.patch)?;
    // Outside of strings JSON has none of these characters.
    for (character, escape) in [
        ('&', "\\u0026"),
        ('<', "\\u003c"),
        ('>', "\\u003e"),
        ('\u{2028}', "\\u2028"),
        ('\u{2029}', "\\u2029"),
    ] {
        text = text.replace(character, escape);
    }
    Ok(text.into_bytes())
}

/// How much an error answer leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    /// Nothing was done, and the answer says why.
    None,
    /// Nothing was done; the answer does not say whether a precondition failed: a failed `test` is
    /// a plain 422 without a cause (apiserver `endpoints/handlers/patch.go`).
    Refused,
    /// It may have been done.
    Unknown,
}

impl Doubt {
    const fn of(cause: &Cause) -> Self {
        match cause {
            Cause::Answer { code, .. } => match *code {
                422 => Self::Refused,
                // 429 is answered before the request is looked at (priority and fairness).
                400..=499 => Self::None,
                _ => Self::Unknown,
            },
            // Not sent: there was no token.
            Cause::Token(_) | Cause::Kubeconfig(_) | Cause::File(_) => Self::None,
            Cause::Network(_)
            | Cause::Name(_)
            | Cause::Tls(_)
            | Cause::Silence(_)
            | Cause::Malformed(_) => Self::Unknown,
        }
    }
}

async fn after_refusal(client: &Client, plan: &RollbackPlan, cause: Cause) -> Result<Applied> {
    match read_back(plan, &history(client, &plan.workload).await?) {
        ReadBack::Applied => Ok(Applied::AlreadyThere),
        ReadBack::Superseded => Ok(Applied::Superseded),
        // The preconditions hold: it is the change itself that is refused.
        ReadBack::Untouched => Err(failed(plan, cause)),
    }
}

async fn after_silence(
    client: &Client,
    plan: &RollbackPlan,
    (cause, dry_run): (Cause, bool),
) -> Result<Applied> {
    for _ in 0..LOOKS {
        let now = history(client, &plan.workload).await.map_err(|error| {
            ClusterError::plain(
                error.kind(),
                format!(
                    "learn whether {} was rolled back: the answer to the patch was lost \
                     ({cause}), and then {error}",
                    plan.workload
                ),
            )
            .with_hint("run the rollback again: it sees for itself whether it was done")
        })?;
        match read_back(plan, &now) {
            ReadBack::Applied if dry_run => return Ok(Applied::AlreadyThere),
            ReadBack::Applied => return Ok(Applied::Done),
            ReadBack::Superseded => return Ok(Applied::Superseded),
            ReadBack::Untouched if dry_run => break,
            ReadBack::Untouched => tokio::time::sleep(BETWEEN_LOOKS).await,
        }
    }
    Err(failed(plan, cause)
        .with_hint("the Deployment was read back and is unchanged; run the rollback again"))
}

fn failed(plan: &RollbackPlan, cause: Cause) -> ClusterError {
    let namespace = &plan.workload.namespace;
    let doing = format!("patch {} in namespace `{namespace}`", plan.workload);
    let error = ClusterError::new(doing, cause).needs(&Permission::to_patch(namespace));
    if error.kind() == ClusterErrorKind::Other && error.hint().is_none() {
        error.with_hint("the API server refuses the change itself; nothing was changed")
    } else {
        error
    }
}

#[cfg(test)]
mod tests;
