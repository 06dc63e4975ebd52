//! A bearer token on every request, renewed once when the API server rejects it.

use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response, StatusCode};
use kube::Client;
use kube::client::Body;
use rollguard_network::Listener;
use tower::{Service, ServiceExt, service_fn};

use crate::error::TokenFailure;
use crate::http::OfPod;
use crate::login::{BearerTokens, BoxError};

/// A client that puts tokens on the requests of another, as one that is built for a server does: for an API server in
/// this process that asks for them.
#[must_use]
pub fn bearing(client: &Client, tokens: Arc<dyn BearerTokens>) -> Client {
    let namespace = client.default_namespace().to_owned();
    let inner = client.clone();
    let service = Bearer {
        inner: service_fn(move |request| {
            let client = inner.clone();
            async move { client.send(request).await.map_err(BoxError::from) }
        }),
        tokens,
        listener: Listener::default(),
    };
    Client::new(service, namespace)
}

/// Puts tokens on requests. What is asked of a pod is answered by the pod, its 401 included: that says
/// nothing about the token. Any other 401 is safe to answer with the same request and a new token, writes
/// included: the API server authenticates before it does anything.
#[derive(Clone)]
pub(super) struct Bearer<S> {
    pub(super) inner: S,
    pub(super) tokens: Arc<dyn BearerTokens>,
    /// Hears of each token before it is sent.
    pub(super) listener: Listener,
}

impl<S, B> Service<Request<Body>> for Bearer<S>
where
    S: Service<Request<Body>, Response = Response<B>, Error = BoxError> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = Response<B>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<B>, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // The clone has not been polled ready; the original has (tower's `Service::call`).
        let clone = self.inner.clone();
        let inner = mem::replace(&mut self.inner, clone);
        let tokens = Heard {
            tokens: Arc::clone(&self.tokens),
            listener: self.listener.clone(),
        };
        Box::pin(send(inner, tokens, request))
    }
}

/// Tokens that the listener knows before anyone else.
struct Heard {
    tokens: Arc<dyn BearerTokens>,
    listener: Listener,
}

impl Heard {
    async fn token(&self, rejected: Option<&str>) -> Result<String, TokenFailure> {
        let token = self.tokens.token(rejected).await.map_err(TokenFailure)?;
        self.listener.secret(&token);
        Ok(token)
    }
}

async fn send<S, B>(
    mut inner: S,
    tokens: Heard,
    mut request: Request<Body>,
) -> Result<Response<B>, BoxError>
where
    S: Service<Request<Body>, Response = Response<B>, Error = BoxError>,
{
    let token = tokens.token(None).await?;
    let of_pod = request.extensions().get::<OfPod>().is_some();
    let again = copy(&request).filter(|_| !of_pod);
    authorize(&mut request, &token)?;
    let answer = inner.call(request).await?;
    let (StatusCode::UNAUTHORIZED, Some(mut again)) = (answer.status(), again) else {
        return Ok(answer);
    };
    let renewed = tokens.token(Some(&token)).await?;
    if renewed == token {
        return Ok(answer);
    }
    authorize(&mut again, &renewed)?;
    inner.ready().await?.call(again).await
}

fn authorize(request: &mut Request<Body>, token: &str) -> Result<(), BoxError> {
    let mut value = HeaderValue::try_from(format!("Bearer {token}"))
        .map_err(|_| TokenFailure("the token is not printable text".into()))?;
    value.set_sensitive(true);
    request.headers_mut().insert(AUTHORIZATION, value);
    Ok(())
}

/// A copy of a request, unless its body is a stream.
pub(super) fn copy(request: &Request<Body>) -> Option<Request<Body>> {
    let mut copy = Request::new(request.body().try_clone()?);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    copy.headers_mut().clone_from(request.headers());
    copy.extensions_mut().clone_from(request.extensions());
    Some(copy)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use http::Method;
    use tower::service_fn;

    use super::*;
    use crate::http::Once;

    /// Hands out `first`, and `second` once `first` was rejected.
    struct TwoTokens {
        second: Result<&'static str, &'static str>,
    }

    #[async_trait::async_trait]
    impl BearerTokens for TwoTokens {
        async fn token(&self, rejected: Option<&str>) -> Result<String, BoxError> {
            match rejected {
                None => Ok("first".to_owned()),
                Some("first") => self.second.map(str::to_owned).map_err(Into::into),
                Some(other) => Err(format!("`{other}` was never handed out").into()),
            }
        }
    }

    type Log = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

    /// A server that accepts one token only, and what it was sent.
    async fn patch(
        accepts: &'static str,
        second: Result<&'static str, &'static str>,
    ) -> (Result<StatusCode, BoxError>, Vec<(String, Vec<u8>)>) {
        let mut request = Request::new(Body::from(b"[]".to_vec()));
        *request.method_mut() = Method::PATCH;
        send(request, accepts, second).await
    }

    async fn send(
        request: Request<Body>,
        accepts: &'static str,
        second: Result<&'static str, &'static str>,
    ) -> (Result<StatusCode, BoxError>, Vec<(String, Vec<u8>)>) {
        let log = Log::default();
        let seen = Arc::clone(&log);
        let server = service_fn(move |request: Request<Body>| {
            let seen = Arc::clone(&seen);
            async move {
                let token = request
                    .headers()
                    .get(AUTHORIZATION)
                    .unwrap()
                    .to_str()
                    .unwrap();
                let token = token.strip_prefix("Bearer ").unwrap().to_owned();
                let body = request.into_body().collect_bytes().await?.to_vec();
                let mut answer = Response::new(());
                if token != accepts {
                    *answer.status_mut() = StatusCode::UNAUTHORIZED;
                }
                seen.lock().unwrap().push((token, body));
                Ok::<_, BoxError>(answer)
            }
        });
        let mut bearer = Bearer {
            inner: server,
            tokens: Arc::new(TwoTokens { second }),
            listener: Listener::default(),
        };
        let answer = bearer.ready().await.unwrap().call(request).await;
        let log = log.lock().unwrap().clone();
        (answer.map(|it| it.status()), log)
    }

    #[tokio::test]
    async fn an_accepted_token_is_used_once() {
        let (status, log) = patch("first", Ok("second")).await;
        assert_eq!(status.unwrap(), StatusCode::OK);
        assert_eq!(log, [("first".to_owned(), b"[]".to_vec())]);
    }

    #[tokio::test]
    async fn a_rejected_token_is_renewed_and_the_same_body_sent_again() {
        let (status, log) = patch("second", Ok("second")).await;
        assert_eq!(status.unwrap(), StatusCode::OK);
        let expected = ["first", "second"].map(|it| (it.to_owned(), b"[]".to_vec()));
        assert_eq!(log, expected);
    }

    #[tokio::test]
    async fn a_watch_that_is_not_repeated_gets_a_new_token_all_the_same() {
        let watch = Request::get("/api/v1/namespaces/shop/pods?watch=true");
        let watch = watch.extension(Once).body(Body::empty()).unwrap();
        let (status, log) = send(watch, "second", Ok("second")).await;
        assert_eq!(status.unwrap(), StatusCode::OK);
        assert_eq!(log.len(), 2);
    }

    #[tokio::test]
    async fn a_renewed_token_that_is_rejected_too_ends_it() {
        let (status, log) = patch("third", Ok("second")).await;
        assert_eq!(status.unwrap(), StatusCode::UNAUTHORIZED);
        assert_eq!(log.len(), 2);
    }

    #[tokio::test]
    async fn the_same_token_again_is_not_tried_again() {
        let (status, log) = patch("third", Ok("first")).await;
        assert_eq!(status.unwrap(), StatusCode::UNAUTHORIZED);
        assert_eq!(log.len(), 1);
    }

    #[tokio::test]
    async fn a_pods_own_401_costs_no_new_token() {
        let sent = Arc::new(Mutex::new(0));
        let log = Arc::clone(&sent);
        let server = service_fn(move |_: Request<Body>| {
            *log.lock().unwrap() += 1;
            let mut answer = Response::new(());
            *answer.status_mut() = StatusCode::UNAUTHORIZED;
            async { Ok::<_, BoxError>(answer) }
        });
        let second = Err("no token may be given up");
        let tokens = Arc::new(TwoTokens { second });
        let mut bearer = Bearer {
            inner: server,
            tokens,
            listener: Listener::default(),
        };
        for _ in 0..3 {
            let request = Request::get("/api/v1/namespaces/shop/pods/web-1/proxy/healthz");
            let request = request.extension(OfPod).body(Body::empty()).unwrap();
            let answer = bearer.ready().await.unwrap().call(request).await;
            assert_eq!(answer.unwrap().status(), StatusCode::UNAUTHORIZED);
        }
        assert_eq!(*sent.lock().unwrap(), 3);
    }

    #[tokio::test]
    async fn a_renewal_that_fails_is_told() {
        let (status, _) = patch("third", Err("AADSTS700024")).await;
        let error = status.unwrap_err().downcast::<TokenFailure>().unwrap();
        assert_eq!(error.0.to_string(), "AADSTS700024");
    }
}
