//! Limits on how long an answer may take to begin, and on how long it may be.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Method, Request, Response};
use http_body::Frame;
use http_body_util::combinators::MapErr;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use kube::Client;
use kube::client::Body;
use rollguard_network::Listener;
use tokio::time::{Instant, Sleep, sleep};
use tower::retry::RetryLayer;
use tower::{Service, ServiceBuilder, service_fn};

use super::retry::ReadsOnly;
use crate::error::Silence;
use crate::login::BoxError;

/// How long the API server may take to begin its answer to a read, a watch included: it sends the
/// headers of a watch at once (apiserver `endpoints/handlers/watch.go`). (value to be measured)
pub(super) const READ_ANSWER: Duration = Duration::from_secs(15);
/// The same for a write: admission webhooks may take up to 30 s each
/// (`admissionregistration.k8s.io/v1`, `timeoutSeconds`).
pub(super) const WRITE_ANSWER: Duration = Duration::from_secs(40);

/// How long an answer may be, all events of one watch included: a page of 500 objects of half a MiB each. Without
/// a limit something in between that never ends its answer would fill the memory within the time limit of a read.
const LONGEST_ANSWER: usize = 256 << 20;

/// An answer that was not read to its end.
#[derive(Debug, thiserror::Error)]
#[error("the answer is longer than {} MiB", LONGEST_ANSWER >> 20)]
struct TooLong;

fn too_long(error: BoxError) -> BoxError {
    if error.is::<LengthLimitError>() {
        TooLong.into()
    } else {
        error
    }
}

type OfLength<B> = MapErr<Limited<B>, fn(BoxError) -> BoxError>;

/// A body that is read up to a length, and that may not pause for long.
pub(super) struct LimitedBody<B> {
    body: Pin<Box<OfLength<B>>>,
    /// When it has paused for too long, with how long that is.
    silent: Option<(Pin<Box<Sleep>>, Duration)>,
}

impl<B> LimitedBody<B>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    fn new(body: B, longest: usize, pause: Option<Duration>) -> Self {
        let body = Limited::new(body, longest).map_err(too_long as fn(BoxError) -> BoxError);
        Self {
            body: Box::pin(body),
            silent: pause.map(|pause| (Box::pin(sleep(pause)), pause)),
        }
    }
}

impl<B> http_body::Body for LimitedBody<B>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = self.body.as_mut().poll_frame(context);
        let Some((silent, pause)) = &mut self.silent else {
            return frame;
        };
        if frame.is_ready() {
            silent.as_mut().reset(Instant::now() + *pause);
            return frame;
        }
        match silent.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Some(Err(Silence(*pause).into()))),
            Poll::Pending => Poll::Pending,
        }
    }
}

fn limit_of(request: &Request<Body>) -> Duration {
    // A review is created, and yet it is a question.
    let asks = request.uri().path().ends_with("reviews");
    if asks || *request.method() == Method::GET {
        READ_ANSWER
    } else {
        WRITE_ANSWER
    }
}

/// How long nothing may come of an answer that has begun. A watch may be quiet; its watcher has a limit of its own.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

fn pause_of(request: &Request<Body>) -> Option<Duration> {
    let query = request.uri().query().unwrap_or_default();
    let watches = query.split('&').any(|it| it == "watch=true");
    (!watches).then_some(LONGEST_PAUSE)
}

/// Ends a request whose answer does not begin in time. The body may take longer: watches do. It ends with an error
/// once it is too long.
#[derive(Debug, Clone)]
pub(super) struct AnswerLimit<S>(pub(super) S);

impl<S, B> Service<Request<Body>> for AnswerLimit<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<LimitedBody<B>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(
        &mut self,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), BoxError>> {
        self.0.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let limit = limit_of(&request);
        let pause = pause_of(&request);
        let answer = self.0.call(request);
        Box::pin(async move {
            match tokio::time::timeout(limit, answer).await {
                Ok(Ok(answer)) => {
                    Ok(answer.map(|body| LimitedBody::new(body, LONGEST_ANSWER, pause)))
                }
                Ok(Err(error)) => Err(error.into()),
                Err(_) => Err(Silence(limit).into()),
            }
        })
    }
}

/// The same limits around a client that exists already, and the repetitions of a client of ours.
pub(super) fn limited(client: Client) -> Client {
    let namespace = client.default_namespace().to_owned();
    let send = service_fn(move |request| {
        let client = client.clone();
        async move { client.send(request).await }
    });
    let retry = ReadsOnly::new("the API server".to_owned(), Listener::default());
    let service = ServiceBuilder::new()
        .layer(RetryLayer::new(retry))
        .service(AnswerLimit(send));
    Client::new(service, namespace)
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;
    use crate::error::Cause;

    #[tokio::test]
    async fn an_answer_is_read_up_to_a_limit_and_what_is_longer_is_an_error() {
        let read = async |length: usize| {
            let body = Full::new(Bytes::from(vec![b'x'; length]));
            LimitedBody::new(body, 1000, None).collect().await
        };
        assert_eq!(read(1000).await.unwrap().to_bytes().len(), 1000);
        let error = read(1001).await.unwrap_err();
        let cause = Cause::from(kube::Error::Service(error));
        assert_eq!(cause.to_string(), "the answer is longer than 256 MiB");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_may_be_slow_and_may_not_stop() {
        let read = async |pause: u64, stops: bool| {
            let pieces = futures::stream::unfold(0, move |nth| async move {
                if stops && nth == 2 {
                    std::future::pending::<()>().await;
                }
                sleep(Duration::from_secs(pause)).await;
                let frame = Ok::<_, BoxError>(Frame::data(Bytes::from_static(b"x")));
                (nth < 3).then_some((frame, nth + 1))
            });
            let body = http_body_util::StreamBody::new(pieces);
            let body = LimitedBody::new(body, 1000, Some(LONGEST_PAUSE));
            body.collect().await.map(|it| it.to_bytes().len())
        };
        assert_eq!(read(9, false).await.unwrap(), 3);
        for (pause, stops) in [(11, false), (1, true)] {
            let error = read(pause, stops).await.unwrap_err();
            assert!(error.is::<Silence>(), "{error}");
        }
    }

    #[test]
    fn a_review_is_a_question_and_only_a_watch_may_be_quiet() {
        let of = |method: &str, path: &str| {
            let request = Request::builder().method(method).uri(path);
            let request = request.body(Body::empty()).unwrap();
            (limit_of(&request), pause_of(&request).is_some())
        };
        let review = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        assert_eq!(of("POST", review), (READ_ANSWER, true));
        assert_eq!(of("POST", "/api/v1/pods"), (WRITE_ANSWER, true));
        assert_eq!(of("GET", "/api/v1/pods"), (READ_ANSWER, true));
        assert_eq!(of("GET", "/api/v1/pods?watch=true"), (READ_ANSWER, false));
    }
}
