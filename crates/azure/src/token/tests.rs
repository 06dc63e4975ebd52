//! Tokens in virtual time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex as StdMutex, MutexGuard};

use azure_core::credentials::{AccessToken, TokenRequestOptions};
use tokio::time::{advance, sleep};

use super::*;
use crate::error::{AzureErrorKind, Task};

/// The next action of the stand-in for Entra.
#[derive(Clone, Copy)]
enum Entra {
    Issues { lifetime: Duration },
    Fails,
    Hangs,
}

struct Fake {
    entra: StdMutex<Entra>,
    made: AtomicUsize,
    asked: AtomicUsize,
}

impl Fake {
    fn entra(&self) -> MutexGuard<'_, Entra> {
        self.entra.lock().unwrap()
    }
}

#[derive(Clone)]
struct Shared(Arc<Fake>);

impl Credentials for Shared {
    fn make(&self) -> Result<Arc<dyn TokenCredential>> {
        self.0.made.fetch_add(1, Ordering::Relaxed);
        Ok(Arc::new(self.clone()))
    }

    fn explain(&self, _error: &azure_core::Error) -> AzureError {
        AzureError::new(Task::Prepare, AzureErrorKind::NotUnderstood)
    }

    fn timed_out(&self, after: Duration) -> AzureError {
        timed_out(Task::Prepare, after)
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shared")
    }
}

#[async_trait::async_trait]
impl TokenCredential for Shared {
    async fn get_token(
        &self,
        _scopes: &[&str],
        _options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let nth = self.0.asked.fetch_add(1, Ordering::Relaxed) + 1;
        let next = *self.0.entra();
        match next {
            Entra::Issues { lifetime } => {
                let expires_on = OffsetDateTime::now_utc() + lifetime;
                Ok(AccessToken::new(format!("token-{nth}"), expires_on))
            }
            Entra::Fails => Err(azure_core::error::ErrorKind::Credential.into_error()),
            Entra::Hangs => {
                sleep(Duration::from_secs(3600)).await;
                Err(azure_core::error::ErrorKind::Io.into_error())
            }
        }
    }
}

const HOUR: Duration = Duration::from_secs(3600);
const UNTIL_TWO_MINUTES_LEFT: Duration = Duration::from_secs(3600 - 120);

fn source() -> (TokenSource, Arc<Fake>) {
    let fake = Arc::new(Fake {
        entra: StdMutex::new(Entra::Issues { lifetime: HOUR }),
        made: AtomicUsize::new(0),
        asked: AtomicUsize::new(0),
    });
    let credentials = Arc::new(Shared(Arc::clone(&fake)));
    (TokenSource::of(credentials, "x/.default".to_owned()), fake)
}

async fn take(source: &TokenSource) -> String {
    source
        .token(None)
        .await
        .expect("a token")
        .expose()
        .to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_token_is_kept_until_five_minutes_before_its_end() {
    let (source, _) = source();
    assert_eq!(take(&source).await, "token-1");
    advance(Duration::from_secs(3600 - 302)).await;
    assert_eq!(take(&source).await, "token-1");
    advance(Duration::from_secs(3)).await;
    assert_eq!(take(&source).await, "token-2");
}

#[tokio::test(start_paused = true)]
async fn a_still_good_token_outlives_an_outage_and_entra_is_not_pestered() {
    let (source, fake) = source();
    assert_eq!(take(&source).await, "token-1");
    *fake.entra() = Entra::Fails;
    advance(UNTIL_TWO_MINUTES_LEFT).await;
    assert_eq!(take(&source).await, "token-1");
    assert_eq!(take(&source).await, "token-1");
    assert_eq!(
        fake.asked.load(Ordering::Relaxed),
        2,
        "one attempt per pause"
    );
    advance(Duration::from_secs(115)).await;
    assert!(
        source.token(None).await.is_err(),
        "five seconds are not good any more"
    );
}

#[tokio::test(start_paused = true)]
async fn after_the_outage_the_token_is_renewed() {
    let (source, fake) = source();
    assert_eq!(take(&source).await, "token-1");
    *fake.entra() = Entra::Fails;
    advance(UNTIL_TWO_MINUTES_LEFT).await;
    assert_eq!(take(&source).await, "token-1");
    *fake.entra() = Entra::Issues { lifetime: HOUR };
    advance(RENEWAL_PAUSE).await;
    assert_eq!(take(&source).await, "token-3");
}

#[tokio::test(start_paused = true)]
async fn a_slow_renewal_holds_up_for_five_seconds_at_most() {
    let (source, fake) = source();
    assert_eq!(take(&source).await, "token-1");
    *fake.entra() = Entra::Hangs;
    advance(UNTIL_TWO_MINUTES_LEFT).await;
    let before = Instant::now();
    assert_eq!(take(&source).await, "token-1");
    assert_eq!(before.elapsed(), RENEWAL_LIMIT);
}

#[tokio::test(start_paused = true)]
async fn a_first_sign_in_that_hangs_ends_as_a_time_out() {
    let (source, fake) = source();
    *fake.entra() = Entra::Hangs;
    let Err(error) = source.token(None).await else {
        panic!("a token from nowhere")
    };
    assert_eq!(
        *error.kind(),
        AzureErrorKind::Timeout {
            after: SIGN_IN_LIMIT
        }
    );
}

#[tokio::test(start_paused = true)]
async fn a_rejected_token_makes_a_new_credential_once() {
    let (source, fake) = source();
    assert_eq!(take(&source).await, "token-1");
    let again = source.token(Some("token-1")).await.unwrap();
    assert_eq!(again.expose(), "token-2");
    // A second request that was sent with the first token comes back later.
    let late = source.token(Some("token-1")).await.unwrap();
    assert_eq!(late.expose(), "token-2");
    assert_eq!(fake.made.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_rejected_token_is_not_handed_out_again_when_entra_fails() {
    let (source, fake) = source();
    assert_eq!(take(&source).await, "token-1");
    *fake.entra() = Entra::Fails;
    assert!(source.token(Some("token-1")).await.is_err());
    assert!(source.token(None).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_token_shorter_than_the_renewal_window_is_used_all_the_same() {
    let (source, fake) = source();
    *fake.entra() = Entra::Issues {
        lifetime: Duration::from_secs(60),
    };
    assert_eq!(take(&source).await, "token-1");
    assert_eq!(take(&source).await, "token-1");
    advance(Duration::from_secs(31)).await;
    assert_eq!(take(&source).await, "token-2");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_not_polled_holds_up_no_other() {
    let (source, fake) = source();
    *fake.entra() = Entra::Hangs;
    let mut unpolled = Box::pin(source.token(None));
    assert!(futures::poll!(&mut unpolled).is_pending());
    // The renewal is on its way now.
    tokio::task::yield_now().await;
    *fake.entra() = Entra::Issues { lifetime: HOUR };
    let other = timeout(SIGN_IN_LIMIT * 2, take(&source)).await;
    assert_eq!(other.expect("an answer"), "token-2");
}

#[tokio::test(start_paused = true)]
async fn tokens_of_twenty_seconds_serve_a_check_of_three_minutes() {
    let (source, fake) = source();
    let lifetime = Duration::from_secs(20);
    *fake.entra() = Entra::Issues { lifetime };
    for _ in 0..180 {
        let token = timeout(Duration::from_secs(1), source.token(None)).await;
        assert!(token.expect("an answer").is_ok());
        advance(Duration::from_secs(1)).await;
    }
    let asked = fake.asked.load(Ordering::Relaxed);
    assert_eq!(asked, 18, "each is used for half its life");
}
