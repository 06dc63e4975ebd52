//! Which requests are sent again: reads, and not for long.
//!
//! kube's own default repeats every verb up to 15 times (kube-client 5.0 `client/retry.rs`), a
//! patch with an unknown outcome included.

use std::time::Duration;

use http::{Method, Request, Response};
use kube::client::Body;
use kube::client::retry::{InvalidBackoff, RetryPolicy};
use tower::retry::Policy;

use crate::http::Once;
use crate::login::BoxError;

/// How often a read is sent again after 429, 503 or 504.
const RETRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// kube's policy, for reads only, unless they are marked as sent once. `Retry-After` is not waited for, since it has no upper bound;
/// watches have a back-off of their own.
#[derive(Clone)]
pub(super) struct ReadsOnly(RetryPolicy);

impl ReadsOnly {
    pub(super) fn new() -> Result<Self, InvalidBackoff> {
        RetryPolicy::new(FIRST_PAUSE, LONGEST_PAUSE, RETRIES, false).map(Self)
    }
}

impl<B> Policy<Request<Body>, Response<B>, BoxError> for ReadsOnly {
    type Future = <RetryPolicy as Policy<Request<Body>, Response<B>, BoxError>>::Future;

    fn retry(
        &mut self,
        request: &mut Request<Body>,
        result: &mut Result<Response<B>, BoxError>,
    ) -> Option<Self::Future> {
        self.0.retry(request, result)
    }

    /// Only what was cloned can be sent again.
    fn clone_request(&mut self, request: &Request<Body>) -> Option<Request<Body>> {
        let once = request.extensions().get::<Once>().is_some();
        if request.method() == Method::GET && !once {
            super::bearer::copy(request)
        } else {
            None
        }
    }
}
