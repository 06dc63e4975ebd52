//! Bearer tokens that stay good for as long as a rollout takes.

use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::TokenCredential;
use azure_core::time::OffsetDateTime;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::cluster_id::is_uuid;
use crate::credential::CredentialFactory;
use crate::error::{TokenScope, timed_out};
use crate::{AzureError, Result, Secret};

/// A token is renewed when it has less than this left, as `azure_identity` does (`cache.rs`,
/// `should_refresh`).
const RENEW_BEFORE: Duration = Duration::from_secs(300);
/// A token with less than this left may expire on its way.
const STILL_GOOD: Duration = Duration::from_secs(10);
/// How long a sign-in may take, retries and waits included. (value to be measured)
const SIGN_IN_LIMIT: Duration = Duration::from_secs(45);
/// How long a renewal may hold up a caller while the old token is still good.
const RENEWAL_LIMIT: Duration = Duration::from_secs(5);
/// After a failed renewal the still-good token is handed out this long without a further attempt.
const RENEWAL_PAUSE: Duration = Duration::from_secs(30);

/// A source of bearer tokens.
#[async_trait::async_trait]
pub trait BearerTokens: Send + Sync {
    /// A token that is good now. Pass the one that the server refused with 401, if any: it is not
    /// handed out again.
    ///
    /// # Errors
    /// When there is no good token and none can be had.
    async fn token(&self, rejected: Option<&str>) -> Result<Secret>;
}

/// Tokens of one scope from Microsoft Entra.
///
/// Keeps a token until five minutes before its end; keeps a still-good one when Entra fails;
/// remakes the credential when a token was rejected, because `azure_identity` cannot be told to
/// forget one. It has no `Debug`.
pub struct TokenSource(Arc<Source>);

struct Source {
    credentials: Arc<dyn Credentials>,
    scope: String,
    state: Mutex<State>,
}

/// The seam to `azure_identity`.
trait Credentials: Send + Sync {
    fn make(&self) -> Result<Arc<dyn TokenCredential>>;
    fn explain(&self, error: &azure_core::Error) -> AzureError;
    fn timed_out(&self, after: Duration) -> AzureError;
}

impl Credentials for CredentialFactory {
    fn make(&self) -> Result<Arc<dyn TokenCredential>> {
        self.make()
    }

    fn explain(&self, error: &azure_core::Error) -> AzureError {
        self.explain(error)
    }

    fn timed_out(&self, after: Duration) -> AzureError {
        timed_out(self.sign_in(), after)
    }
}

#[derive(Default)]
struct State {
    credential: Option<Arc<dyn TokenCredential>>,
    held: Option<Held>,
    no_renewal_before: Option<Instant>,
}

struct Held {
    token: Secret,
    expires: Instant,
    /// When a token that lasts longer is to be had: a short-lived one is used for half its life.
    renew_from: Instant,
}

impl TokenSource {
    pub(crate) fn new(credentials: Arc<CredentialFactory>, scope: String) -> Self {
        Self::of(credentials, scope)
    }

    fn of(credentials: Arc<dyn Credentials>, scope: String) -> Self {
        Self(Arc::new(Source {
            credentials,
            scope,
            state: Mutex::default(),
        }))
    }
}

impl Source {
    /// Returns what the tokens are for: only the cluster's server application has an id for a scope.
    fn of(&self) -> TokenScope {
        match self.scope.strip_suffix("/.default") {
            Some(resource) if is_uuid(resource) => TokenScope::Cluster,
            Some(_) | None => TokenScope::AzureResourceManager,
        }
    }

    async fn fetch(&self, state: &mut State, limit: Duration) -> Result<Held> {
        let credential = match &state.credential {
            Some(credential) => Arc::clone(credential),
            None => Arc::clone(state.credential.insert(self.credentials.make()?)),
        };
        let token = timeout(limit, credential.get_token(&[&self.scope], None))
            .await
            .map_err(|_| self.credentials.timed_out(limit).of_scope(self.of()))?
            .map_err(|error| self.credentials.explain(&error).of_scope(self.of()))?;
        let left = token.expires_on - OffsetDateTime::now_utc();
        let left = Duration::try_from(left).unwrap_or(Duration::ZERO);
        let expires = Instant::now() + left;
        Ok(Held {
            token: Secret::new(token.token.secret()),
            expires,
            renew_from: expires - RENEW_BEFORE.min(left / 2),
        })
    }
}

impl State {
    fn forget(&mut self, rejected: &str) {
        if self
            .held
            .as_ref()
            .is_some_and(|held| held.token.expose() == rejected)
        {
            *self = Self::default();
        }
    }

    /// The held token, while it need not be renewed.
    fn fresh(&self) -> Option<Secret> {
        let held = self.held.as_ref()?;
        (Instant::now() < held.renew_from).then(|| held.token.clone())
    }

    /// The held token, if it survives a request.
    fn still_good(&self) -> Option<Secret> {
        let held = self.held.as_ref()?;
        (Instant::now() + STILL_GOOD < held.expires).then(|| held.token.clone())
    }

    fn pauses(&self) -> bool {
        self.no_renewal_before
            .is_some_and(|end| Instant::now() < end)
    }
}

#[async_trait::async_trait]
impl BearerTokens for TokenSource {
    async fn token(&self, rejected: Option<&str>) -> Result<Secret> {
        let source = Arc::clone(&self.0);
        let rejected = rejected.map(Secret::new);
        // In a task of its own: a request that is not polled, such as that of a watch whose stream waits for
        // its reader, must not hold the lock for all the others.
        let renewal = tokio::spawn(async move { source.token(rejected.as_ref()).await });
        match renewal.await {
            Ok(token) => token,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is shutting down, and this future with it.
                Err(_) => std::future::pending().await,
            },
        }
    }
}

impl Source {
    async fn token(&self, rejected: Option<&Secret>) -> Result<Secret> {
        let mut state = self.state.lock().await;
        if let Some(rejected) = rejected {
            state.forget(rejected.expose());
        }
        if let Some(token) = state.fresh() {
            return Ok(token);
        }
        let still_good = state.still_good();
        if let Some(token) = still_good.clone().filter(|_| state.pauses()) {
            return Ok(token);
        }
        let limit = if still_good.is_some() {
            RENEWAL_LIMIT
        } else {
            SIGN_IN_LIMIT
        };
        match self.fetch(&mut state, limit).await {
            Ok(held) => {
                let token = held.token.clone();
                state.held = Some(held);
                state.no_renewal_before = None;
                Ok(token)
            }
            Err(error) => {
                state.no_renewal_before = Some(Instant::now() + RENEWAL_PAUSE);
                still_good.ok_or(error)
            }
        }
    }
}

#[cfg(test)]
mod tests;
