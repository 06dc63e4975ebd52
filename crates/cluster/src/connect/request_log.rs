//! Tells the listener of every request that is sent.

use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{Request, Response};
use kube::client::Body;
use rollguard_network::Listener;
use tokio::time::Instant;
use tower::Service;

use crate::login::BoxError;

/// Says how each request went: method, path, status and how long the answer took to begin. Headers and queries are
/// left out, because credentials are in the first, and the query of an HTTP check may hold others.
#[derive(Clone)]
pub(super) struct RequestLog<S> {
    pub(super) inner: S,
    pub(super) listener: Listener,
}

impl<S, B> Service<Request<Body>> for RequestLog<S>
where
    S: Service<Request<Body>, Response = Response<B>, Error = BoxError>,
    S::Future: Send + 'static,
    B: 'static,
{
    type Response = Response<B>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<B>, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let what = words(&request);
        let listener = self.listener.clone();
        let begun = Instant::now();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            let took = begun.elapsed().as_millis();
            listener.sent(&match &answer {
                Ok(answer) => format!("{what} {} in {took} ms", answer.status().as_u16()),
                Err(error) => format!("{what} failed after {took} ms: {error}"),
            });
            answer
        })
    }
}

fn words(request: &Request<Body>) -> String {
    let query = request.uri().query().unwrap_or_default();
    let watches = query.split('&').any(|it| it == "watch=true");
    let watch = if watches { " (watch)" } else { "" };
    format!("{} {}{watch}", request.method(), request.uri().path())
}
