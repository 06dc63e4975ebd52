//! The HTTP client under the pipelines: bounded answers, classified failures.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use azure_core::http::headers::{HeaderName, Headers, RETRY_AFTER};
use azure_core::http::{AsyncRawResponse, HttpClient, Request, StatusCode, Url};
use azure_core::{Bytes, Error};
use futures::StreamExt;
use rollguard_network::LONGEST_WAIT;

use crate::wire_error::{ANSWER_LIMIT, WireError, chain, innermost};

/// Longest wait that a server may impose through `Retry-After`; `azure_core` honours it without a
/// limit.
const WAIT_LIMIT: Duration = Duration::from_secs(20);

/// The client, `reqwest` outside of tests, with a limit on what is read and on how long a server may make us wait.
#[derive(Debug)]
pub(crate) struct Wire {
    client: Arc<dyn HttpClient>,
}

impl Wire {
    pub(crate) fn new(client: Arc<dyn HttpClient>) -> Self {
        Self { client }
    }
}

#[async_trait::async_trait]
impl HttpClient for Wire {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let host = host_of(request.url());
        let answer = HttpClient::execute_request(self.client.as_ref(), request)
            .await
            .map_err(|error| classify(&host, &error).into_core())?;
        let wait = retry_after(answer.headers());
        if is_throttling(answer.status())
            && let Some(wait) = wait.filter(|wait| *wait > WAIT_LIMIT)
        {
            return Err(WireError::WaitTooLong { host, wait }.into_core());
        }
        let (status, headers, body) = answer.deconstruct();
        let body = read(body, &host).await?;
        Ok(AsyncRawResponse::from_bytes(status, headers, body))
    }
}

async fn read(
    mut body: azure_core::http::AsyncResponseBody,
    host: &str,
) -> azure_core::Result<Bytes> {
    let mut read = Vec::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| classify(host, &error).into_core())?;
        if read.len() + chunk.len() > ANSWER_LIMIT {
            return Err(WireError::TooLarge {
                host: host.to_owned(),
            }
            .into_core());
        }
        read.extend_from_slice(&chunk);
    }
    Ok(read.into())
}

fn is_throttling(status: StatusCode) -> bool {
    status == StatusCode::TooManyRequests || status == StatusCode::ServiceUnavailable
}

/// The wait an answer asks for, in `azure_core`'s order of headers.
pub(crate) fn retry_after(headers: &Headers) -> Option<Duration> {
    let text = |name: &HeaderName| headers.get_optional_str(name);
    let milliseconds = ["x-ms-retry-after-ms", "retry-after-ms"]
        .into_iter()
        .find_map(|name| text(&HeaderName::from_static(name))?.trim().parse().ok());
    let date = text(&HeaderName::from_static("date"));
    milliseconds
        .map(|wait| Duration::from_millis(wait).min(LONGEST_WAIT))
        .or_else(|| rollguard_network::retry_after(text(&RETRY_AFTER)?, date))
}

/// Host and, where it is not 443, port: enough to tell the addresses apart, without query or path.
pub(crate) fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn classify(host: &str, error: &Error) -> WireError {
    let host = host.to_owned();
    let detail = innermost(error);
    if chain(error).any(is_certificate_error) {
        return WireError::Certificate { host, detail };
    }
    // hyper-util's tunnel error is private; its wording is all there is.
    if chain(error).any(|e| e.to_string().contains("tunnel")) || detail.contains("proxy") {
        return WireError::ProxyRefused { host, detail };
    }
    let timed_out = |e: &(dyn StdError + 'static)| {
        e.downcast_ref::<reqwest::Error>()
            .is_some_and(reqwest::Error::is_timeout)
    };
    if chain(error).any(timed_out) {
        return WireError::Slow { host };
    }
    WireError::Unreachable { host, detail }
}

fn is_certificate_error(error: &(dyn StdError + 'static)) -> bool {
    matches!(
        error.downcast_ref(),
        Some(rustls::Error::InvalidCertificate(_))
    )
}

#[cfg(test)]
mod tests {
    use azure_core::error::ErrorKind;
    use azure_core::http::Method;
    use rustls::crypto::ring;

    use super::*;

    fn body(chunks: usize) -> azure_core::http::AsyncResponseBody {
        let chunk = || Ok(Bytes::from(vec![b' '; 1 << 20]));
        let stream = futures::stream::iter(std::iter::repeat_with(chunk).take(chunks));
        AsyncRawResponse::new(StatusCode::Ok, Headers::new(), Box::pin(stream)).into_body()
    }

    #[tokio::test]
    async fn an_endless_answer_is_not_read_to_its_end() {
        assert_eq!(read(body(8), "host").await.unwrap().len(), ANSWER_LIMIT);
        let error = read(body(9), "host").await.unwrap_err();
        assert!(matches!(
            WireError::find(&error),
            Some(WireError::TooLarge { .. })
        ));
        assert_eq!(*error.kind(), ErrorKind::Other, "not tried again");
    }

    #[tokio::test]
    async fn a_closed_port_is_unreachable_and_may_be_tried_again() {
        let _ = ring::default_provider().install_default();
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = Url::parse(&format!("https://127.0.0.1:{port}/path?secret=1")).unwrap();
        let request = Request::new(url, Method::Get);
        let error = Wire::new(Arc::new(client))
            .execute_request(&request)
            .await
            .unwrap_err();
        let Some(WireError::Unreachable { host, detail }) = WireError::find(&error) else {
            panic!("{error:?}")
        };
        assert_eq!(*host, format!("127.0.0.1:{port}"));
        assert!(detail.contains("refused"), "{detail}");
        assert_eq!(*error.kind(), ErrorKind::Connection);
    }

    #[test]
    fn a_rustls_error_is_found_below_two_io_errors() {
        let tls = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let io = std::io::Error::other(std::io::Error::other(tls));
        let error = Error::new(ErrorKind::Connection, io);
        assert!(matches!(
            classify("host", &error),
            WireError::Certificate { .. }
        ));
    }
}
