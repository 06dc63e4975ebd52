//! The one policy of every pipeline: signs, judges, repeats what may pass, and says so.

use std::sync::Arc;
use std::time::Duration;

use azure_core::error::ErrorKind;
use azure_core::http::headers::USER_AGENT;
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{Context, Request};
use rollguard_network::Listener;
use tokio::time::{Instant, sleep};

use super::judge::judged;
use super::secrets;
use crate::error::may_pass;
use crate::wire_error::WireError;

/// The pauses before a request is repeated, unless the server asks for a longer one.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(400),
    Duration::from_millis(800),
    Duration::from_millis(1600),
    Duration::from_millis(3200),
];
/// The pauses where the service of this machine is asked: an update of it takes up to 70 s
/// (<https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#retry-guidance>).
const PAUSES_OF_MACHINE: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(12),
];
/// No repetition begins later than this after the first attempt: the limit within which a cluster must be seen, too.
const WINDOW: Duration = Duration::from_secs(30);

/// Sends a request, and sends it again while its failure is one that may pass.
///
/// `azure_core` has a policy for that, which takes a refusal by its status alone (Entra's transient ones come with
/// 400), waits for as long as `Retry-After` says, and does it without a word.
#[derive(Debug)]
pub(super) struct Repeat {
    /// Hears of secrets and of repetitions.
    pub(super) listener: Listener,
    pub(super) server: Server,
}

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Server {
    /// Over a network, on which much passes.
    Remote,
    /// To the service of this machine that has its tokens: it is here, or nowhere.
    OfMachine,
}

impl Server {
    const fn pauses(self) -> &'static [Duration] {
        match self {
            Self::Remote => &PAUSES,
            Self::OfMachine => &PAUSES_OF_MACHINE,
        }
    }
}

#[async_trait::async_trait]
impl Policy for Repeat {
    async fn send(
        &self,
        context: &Context,
        request: &mut Request,
        next: &[Arc<dyn Policy>],
    ) -> PolicyResult {
        // `azure_core`'s own way (`application_id`) panics on a `/`.
        request.insert_header(USER_AGENT, concat!("rollguard/", env!("CARGO_PKG_VERSION")));
        secrets::of_request(request, &self.listener);
        let begun = Instant::now();
        let mut pauses = self.server.pauses().iter();
        loop {
            let failure = match self.attempt(context, request, next).await? {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let again = pause_after(&failure, self.server).zip(pauses.next());
            let Some((asked, pause)) = again else {
                return Err(last(failure));
            };
            let pause = asked.max(*pause);
            if begun.elapsed() + pause > WINDOW {
                return Err(last(failure));
            }
            let seconds = pause.as_secs_f64();
            self.listener
                .repeated(&format!("{failure}; trying again in {seconds:.1} s"));
            sleep(pause).await;
        }
    }
}

impl Repeat {
    /// One attempt: an answer that can be used, or why there is none.
    async fn attempt(
        &self,
        context: &Context<'_>,
        request: &mut Request,
        next: &[Arc<dyn Policy>],
    ) -> azure_core::Result<Result<azure_core::http::AsyncRawResponse, WireError>> {
        // azure_core puts its transport last in every pipeline.
        let (first, rest) = next.split_first().ok_or_else(|| {
            let kind = ErrorKind::Other;
            azure_core::Error::with_message(kind, "a pipeline without transport")
        })?;
        let answer = match first.send(context, request, rest).await {
            Ok(answer) => answer,
            Err(error) => {
                return match WireError::find(&error).cloned() {
                    Some(failure) => Ok(Err(failure)),
                    None => Err(error),
                };
            }
        };
        Ok(judged(request.url(), answer).await?.map(|usable| {
            secrets::of_answer(&usable.json, &self.listener);
            usable.answer
        }))
    }
}

/// Returns how long the server asks to wait before the same request may succeed; `None` if it will not.
fn pause_after(failure: &WireError, server: Server) -> Option<Duration> {
    match failure {
        WireError::Refused(refusal) if server == Server::OfMachine => {
            let passes = passes(refusal.status) || matches!(refusal.status, 404 | 410);
            passes.then(|| refusal.retry_after.unwrap_or_default())
        }
        // No such service, or one of somebody else.
        WireError::NotJson { .. } | WireError::Slow { .. } | WireError::Unreachable { .. }
            if server == Server::OfMachine =>
        {
            None
        }
        WireError::Refused(refusal) => {
            let passes = passes(refusal.status) || refusal.message.as_deref().is_some_and(may_pass);
            passes.then(|| refusal.retry_after.unwrap_or_default())
        }
        WireError::NotJson { status, .. } => passes(*status).then_some(Duration::ZERO),
        WireError::Slow { .. } | WireError::Unreachable { .. } => Some(Duration::ZERO),
        WireError::WaitTooLong { .. }
        | WireError::TooLarge { .. }
        | WireError::Certificate { .. }
        | WireError::ProxyRefused { .. } => None,
    }
}

/// The failure as an error that no one repeats: `azure_identity` asks the service of a virtual machine for 72 s.
fn last(failure: WireError) -> azure_core::Error {
    azure_core::Error::new(ErrorKind::Other, failure)
}

const fn passes(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504)
}

#[cfg(test)]
mod tests;
