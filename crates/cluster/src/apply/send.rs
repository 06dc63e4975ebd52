//! The patch on the wire, in earnest and as a dry run.

use std::time::Duration;

use kube::Client;
use kube::api::{Patch, PatchParams};
use rollguard_core::observation::ResourceKind;
use rollguard_core::rollback::RollbackPlan;
use serde_json::Value;

use super::patch::render;
use crate::error::Cause;
use crate::patience::own_pause;
use crate::request::{FIELD_MANAGER, Failure, WRITE_LIMIT, apps, exchange};

/// Sends the patch once and returns what the workload is then; with `dry_run` the API server checks
/// it, admission included, and changes nothing.
pub(crate) async fn send(
    client: &Client,
    plan: &RollbackPlan,
    dry_run: bool,
) -> Result<Value, Failure> {
    let params = PatchParams {
        dry_run,
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let workload = &plan.workload;
    let request = apps(&workload.namespace, ResourceKind::of(workload.kind)).patch(
        &workload.name,
        &params,
        &Patch::<()>::Json(render(plan)),
    )?;
    let answer = exchange(client, request.map(|it| as_go_writes(&it)), WRITE_LIMIT).await?;
    // A login page in between answers 200 as well.
    let malformed = |source: serde_json::Error| Cause::Malformed(source.to_string());
    Ok(serde_json::from_slice(&answer).map_err(malformed)?)
}

/// Rewrites JSON as Go writes it, with `&`, `<`, `>`, U+2028 and U+2029 escaped.
///
/// The API server's `test` compares strings as they are written, not as they read
/// (evanphx/json-patch, `lazyNode.equal`), against an object that Go wrote: an unescaped `&` in a
/// container's command made the precondition fail every time (seen on 1.35.4).
fn as_go_writes(json: &[u8]) -> Vec<u8> {
    let mut text = String::from_utf8_lossy(json).into_owned();
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
    text.into_bytes()
}

/// How much an error answer leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// Nothing was done, the answer says why, and it would say so again.
    Settled,
    /// Nothing was done; the answer does not say whether a precondition failed: a failed `test` is
    /// a plain 422 without a cause (apiserver `endpoints/handlers/patch.go`).
    Refused,
    /// Nothing was done, but it may be at another try: other writers were faster (409, after the API
    /// server's own five tries), or it was not looked at (429, priority and fairness).
    Turned,
    /// It may have been done.
    Unknown,
}

impl Doubt {
    pub(super) fn of(cause: &Cause) -> Self {
        match cause {
            Cause::Answer { code, .. } => match *code {
                // What a gateway says when it has not got the whole request in time.
                408 => Self::Unknown,
                409 | 429 => Self::Turned,
                // Nor has a gateway's word for a missing route anything to do with the object.
                404 if !cause.is_not_found() => Self::Unknown,
                422 => Self::Refused,
                400..=499 => Self::Settled,
                _ => Self::Unknown,
            },
            // Not sent: there was no token.
            Cause::Token(_) | Cause::Kubeconfig(_) | Cause::File(_) => Self::Settled,
            Cause::Network(_)
            | Cause::Dropped(_)
            | Cause::Name(_)
            | Cause::Tls(_)
            | Cause::Silence(_)
            | Cause::Malformed(_)
            | Cause::Endless => Self::Unknown,
        }
    }
}

/// How long the server is left alone after so many tries: longer each time, and as long as it asks.
pub(super) fn pause(failure: &Failure, sent: u32) -> Duration {
    let asked = failure.retry_after.unwrap_or_default();
    own_pause(sent.saturating_sub(1)).max(asked.min(LONGEST_PAUSE))
}

/// A server that wants more is asked again all the same: somebody waits for the rollback.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
