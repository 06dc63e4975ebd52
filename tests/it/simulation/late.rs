//! A client that hears everything later than it happened, each resource by a time of its own: what arrives is in
//! order within a resource, and out of order between them.

use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, StreamBody};
use kube::Client;
use kube::client::Body;
use tokio::time::{Instant, sleep, sleep_until};
use tower::service_fn;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// By how many milliseconds pods, events, and all else are late.
pub(crate) fn client(client: &Client, late: [u64; 3]) -> Client {
    let namespace = client.default_namespace().to_owned();
    if late == [0; 3] {
        return client.clone();
    }
    let client = client.clone();
    let service = service_fn(move |request: Request<Body>| {
        let client = client.clone();
        async move {
            let path = request.uri().path();
            let [pods, events, others] = late;
            let by = if path.ends_with("/pods") {
                pods
            } else if path.ends_with("/events") {
                events
            } else {
                others
            };
            delayed(client, request, Duration::from_millis(by)).await
        }
    });
    Client::new(service, namespace)
}

async fn delayed(
    client: Client,
    request: Request<Body>,
    by: Duration,
) -> Result<Response<UnsyncBoxBody<Bytes, BoxError>>, BoxError> {
    let answer = client.send(request).await?;
    sleep(by).await;
    let (head, body) = answer.into_parts();
    let frames = body
        .into_data_stream()
        .map(move |frame| (Instant::now() + by, frame));
    // So many may be on their way at once.
    let frames = frames.map(|(at, frame)| async move {
        sleep_until(at).await;
        frame
    });
    let frames = frames
        .buffered(10_000)
        .map_ok(http_body::Frame::<Bytes>::data);
    let body = StreamBody::new(frames.map_err(BoxError::from));
    Ok(Response::from_parts(head, body.boxed_unsync()))
}
