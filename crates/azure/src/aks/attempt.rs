//! Repeats a call with another API version or another token.

use super::api_version::fallback;
use crate::error::AzureErrorKind;
use crate::token::BearerTokens;
use crate::{AzureError, Result, Secret};

/// The version and the token of the next attempt. A version that is not served is replaced once, a rejected token is
/// renewed once.
pub(super) struct Attempt {
    pub(super) version: String,
    pub(super) token: Secret,
    replaced: bool,
    renewed: bool,
}

impl Attempt {
    /// The first one.
    pub(super) async fn first(version: &str, tokens: &impl BearerTokens) -> Result<Self> {
        Ok(Self {
            version: version.to_owned(),
            token: tokens.token(None).await?,
            replaced: false,
            renewed: false,
        })
    }

    /// Prepares the one after `error`.
    ///
    /// # Errors
    /// With `error`, if another attempt would meet it again.
    pub(super) async fn after(
        &mut self,
        error: AzureError,
        tokens: &impl BearerTokens,
    ) -> Result<()> {
        if let AzureErrorKind::WrongApiVersion { supported, .. } = error.kind()
            && !self.replaced
            && let Some(served) = fallback(&self.version, supported)
        {
            (self.version, self.replaced) = (served.to_owned(), true);
        } else if matches!(error.kind(), AzureErrorKind::RejectedToken { .. }) && !self.renewed {
            let rejected = self.token.clone();
            (self.token, self.renewed) = (tokens.token(Some(rejected.expose())).await?, true);
        } else {
            return Err(error);
        }
        Ok(())
    }
}
