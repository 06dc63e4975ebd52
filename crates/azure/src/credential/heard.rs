//! Tokens of which the listener hears before anyone else.

use std::sync::Arc;

use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use rollguard_network::Listener;

/// Hands over every token, however it was obtained: that of a person comes from a program, and passes no
/// pipeline of ours.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) credential: Arc<dyn TokenCredential>,
    pub(super) listener: Listener,
}

#[async_trait::async_trait]
impl TokenCredential for Heard {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let token = self.credential.get_token(scopes, options).await?;
        self.listener.secret(token.token.secret());
        Ok(token)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use azure_core::time::OffsetDateTime;
    use rollguard_network::Listen;

    use super::*;

    #[derive(Debug)]
    struct OfProgram;

    #[async_trait::async_trait]
    impl TokenCredential for OfProgram {
        async fn get_token(
            &self,
            _: &[&str],
            _: Option<TokenRequestOptions<'_>>,
        ) -> azure_core::Result<AccessToken> {
            Ok(AccessToken::new("hunter22", OffsetDateTime::now_utc()))
        }
    }

    #[derive(Default)]
    struct Secrets(Mutex<Vec<String>>);

    impl Listen for Secrets {
        fn repeated(&self, _: &str) {}

        fn secret(&self, secret: &str) {
            self.0.lock().unwrap().push(secret.to_owned());
        }
    }

    #[tokio::test]
    async fn a_token_that_passed_no_pipeline_is_handed_over_too() {
        let secrets = Arc::new(Secrets::default());
        let heard = Heard {
            credential: Arc::new(OfProgram),
            listener: Listener::new(Arc::clone(&secrets) as Arc<dyn Listen>),
        };
        heard.get_token(&["scope"], None).await.unwrap();
        assert_eq!(*secrets.0.lock().unwrap(), ["hunter22"]);
    }
}
