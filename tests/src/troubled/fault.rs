//! The ways in which a request goes wrong, and its answers then.

use std::io;
use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Bytes, Frame};
use serde_json::json;

use crate::front::{Answer, Broken, answer, broken};

/// A way in which a request goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection breaks, and the API server never hears of the request.
    Breaks(Broken),
    /// The connection is reset in the middle of the body; what was asked is done.
    ResetInBody,
    /// This status answers, and the API server never hears of the request.
    Answers(u16),
    /// The same with this `Retry-After`.
    AsksToWait(u16, &'static str),
    /// This status answers although what was asked is done.
    Belies(u16),
    /// No answer ever comes, and the API server never hears of the request.
    Swallowed,
    /// No answer ever comes, and what was asked is done.
    Unanswered,
    /// The headers come, and then nothing, for ever.
    Stalls,
    /// Half of the body comes, and then its end, as if it were whole.
    Truncated,
    /// A page of something in between, with status 200.
    Page,
    /// A body that says it is compressed, and cannot be read.
    BrokenGzip,
    /// A body that never ends.
    Endless,
    /// The body comes one byte a second.
    Trickles,
}

impl Fault {
    /// Answers without the API server, if this fault does.
    pub(super) async fn instead(self) -> Option<Answer> {
        Some(match self {
            Self::Breaks(how) => broken(how),
            Self::Answers(code) => status(code, None),
            Self::AsksToWait(code, wait) => status(code, Some(wait)),
            Self::Swallowed => std::future::pending().await,
            Self::Belies(_)
            | Self::Unanswered
            | Self::ResetInBody
            | Self::Stalls
            | Self::Truncated
            | Self::Page
            | Self::BrokenGzip
            | Self::Endless
            | Self::Trickles => return None,
        })
    }

    /// Spoils the answer of the API server.
    pub(super) async fn spoil(self, whole: Answer) -> Answer {
        match self {
            Self::Unanswered => std::future::pending().await,
            Self::Belies(code) => status(code, None),
            Self::Stalls => with_body(whole, |_| stream::pending().boxed()),
            Self::Truncated => with_body(whole, |body| half(body).boxed()),
            Self::ResetInBody => {
                let reset =
                    || kube::Error::Service(io::Error::from(io::ErrorKind::ConnectionReset).into());
                with_body(whole, |body| {
                    half(body).chain(stream::iter([Err(reset())])).boxed()
                })
            }
            Self::Page => {
                let mut page = answer(StatusCode::OK, "<html><body>Sign in</body></html>");
                page.headers_mut()
                    .insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
                page
            }
            Self::BrokenGzip => {
                let mut packed = answer(StatusCode::OK, &b"\x1f\x8b\x08\x00broken"[..]);
                let headers = packed.headers_mut();
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                packed
            }
            Self::Endless => with_body(whole, |_| endless().boxed()),
            Self::Trickles => with_body(whole, |body| trickle(body).boxed()),
            Self::Breaks(_) | Self::Answers(_) | Self::AsksToWait(..) | Self::Swallowed => whole,
        }
    }
}

type Piece = Result<Bytes, kube::Error>;
type Pieces = futures::stream::BoxStream<'static, Piece>;
type Whole = http_body_util::combinators::UnsyncBoxBody<Bytes, kube::Error>;

fn with_body(whole: Answer, make: impl FnOnce(Whole) -> Pieces) -> Answer {
    let (mut parts, body) = whole.into_parts();
    parts.headers.remove(http::header::CONTENT_LENGTH);
    let frames = make(body).map(|piece| piece.map(Frame::data));
    Response::from_parts(parts, StreamBody::new(frames).boxed_unsync())
}

/// The first half of what comes first.
fn half(body: Whole) -> impl futures::Stream<Item = Piece> + Send {
    stream::once(async move {
        let first = next(body).await.map_or_else(Bytes::new, |(bytes, _)| bytes);
        Ok(first.slice(..first.len() / 2))
    })
}

async fn next(mut body: Whole) -> Option<(Bytes, Whole)> {
    let frame = body.frame().await?.ok()?;
    Some((frame.into_data().unwrap_or_default(), body))
}

/// Faster than anybody reads objects, and slow enough that a test can hold what comes within a limit.
fn endless() -> impl futures::Stream<Item = Piece> + Send {
    const PAUSE: Duration = Duration::from_millis(100);
    let beginning = Bytes::from_static(br#"{"kind":"List","metadata":{},"items":[""#);
    let more = Bytes::from(vec![b'x'; 16 * 1024]);
    stream::iter([Ok(beginning)]).chain(stream::unfold(more, |more| async move {
        tokio::time::sleep(PAUSE).await;
        Some((Ok(more.clone()), more))
    }))
}

fn trickle(body: Whole) -> impl futures::Stream<Item = Piece> + Send {
    stream::unfold(
        (Bytes::new(), Some(body)),
        |(mut left, mut body)| async move {
            while left.is_empty() {
                let (bytes, rest) = next(body.take()?).await?;
                (left, body) = (bytes, Some(rest));
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
            let byte = left.split_to(1);
            Some((Ok(byte), (left, body)))
        },
    )
}

/// An error as an API server tells it; a gateway's (502, 504) is a page.
fn status(code: u16, wait: Option<&'static str>) -> Answer {
    let reason = match code {
        401 => "Unauthorized",
        410 => "Expired",
        429 => "TooManyRequests",
        503 => "ServiceUnavailable",
        _ => "InternalError",
    };
    let page = matches!(code, 502 | 504);
    let text = if page {
        "<html>gateway</html>".to_owned()
    } else {
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": "a fault of the test's", "reason": reason, "code": code,
        })
        .to_string()
    };
    let of = if page {
        "text/html"
    } else {
        "application/json"
    };
    let code = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = answer(code, text);
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(of));
    if let Some(wait) = wait {
        headers.insert(RETRY_AFTER, HeaderValue::from_static(wait));
    }
    answer
}
