//! A limit on how long an answer may take to begin.

use std::time::Duration;

use futures::future::BoxFuture;
use http::{Method, Request, Response};
use kube::Client;
use kube::client::Body;
use tower::{Service, service_fn};

use crate::error::Silence;
use crate::login::BoxError;

/// How long the API server may take to begin its answer to a read, a watch included: it sends the
/// headers of a watch at once (apiserver `endpoints/handlers/watch.go`). (value to be measured)
pub(super) const READ_ANSWER: Duration = Duration::from_secs(15);
/// The same for a write: admission webhooks may take up to 30 s each
/// (`admissionregistration.k8s.io/v1`, `timeoutSeconds`).
pub(super) const WRITE_ANSWER: Duration = Duration::from_secs(40);

const fn limit_of(method: &Method) -> Duration {
    if matches!(*method, Method::GET) {
        READ_ANSWER
    } else {
        WRITE_ANSWER
    }
}

/// Ends a request whose answer does not begin in time. The body may take longer: watches do.
#[derive(Debug, Clone)]
pub(super) struct AnswerLimit<S>(pub(super) S);

impl<S, B> Service<Request<Body>> for AnswerLimit<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: 'static,
{
    type Response = Response<B>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<B>, BoxError>>;

    fn poll_ready(
        &mut self,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), BoxError>> {
        self.0.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let limit = limit_of(request.method());
        let answer = self.0.call(request);
        Box::pin(async move {
            match tokio::time::timeout(limit, answer).await {
                Ok(answer) => answer.map_err(Into::into),
                Err(_) => Err(Silence(limit).into()),
            }
        })
    }
}

/// The same limit around a client that exists already.
pub(super) fn limited(client: Client) -> Client {
    let namespace = client.default_namespace().to_owned();
    let send = service_fn(move |request| {
        let client = client.clone();
        async move { client.send(request).await }
    });
    Client::new(AnswerLimit(send), namespace)
}
