//! A reverse proxy in front of an API server that counts what a client asks of it.
//!
//! It speaks plain HTTP on loopback, so that every client can be counted alike, and signs in to the
//! API server itself.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result};
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderName, TRANSFER_ENCODING};
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kube::Client;
use kube::client::Body;
use serde::Serialize;
use serde_json::json;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What a client asked of the API server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Load {
    /// HTTP requests, each watch being one.
    pub requests: u64,
    /// Bytes of the bodies that came back.
    pub bytes: u64,
}

#[derive(Default)]
struct Counters {
    requests: AtomicU64,
    bytes: AtomicU64,
}

/// The proxy; it ends when this is dropped.
pub struct Counting {
    kubeconfig: PathBuf,
    counters: Arc<Counters>,
    server: JoinHandle<()>,
    _folder: TempDir,
}

impl Counting {
    /// Starts a proxy in front of the API server that `client` talks to.
    ///
    /// # Errors
    /// When no port is free, or the kubeconfig cannot be written.
    pub async fn start(client: Client) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.context("failed to listen")?;
        let folder = tempfile::tempdir()?;
        let kubeconfig = folder.path().join("kubeconfig");
        std::fs::write(&kubeconfig, config(listener.local_addr()?.port()))?;
        let counters = Arc::<Counters>::default();
        let counted = Arc::clone(&counters);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, client.clone(), Arc::clone(&counted)));
            }
        });
        Ok(Self {
            kubeconfig,
            counters,
            server,
            _folder: folder,
        })
    }

    /// A kubeconfig that leads through the proxy.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// What was asked so far.
    #[must_use]
    pub fn load(&self) -> Load {
        Load {
            requests: self.counters.requests.load(Ordering::Relaxed),
            bytes: self.counters.bytes.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn config(port: u16) -> String {
    let name = "counted";
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{ "name": name, "cluster": { "server": format!("http://127.0.0.1:{port}") } }],
        "users": [{ "name": name, "user": {} }],
        "contexts": [{ "name": name, "context": { "cluster": name, "user": name } }],
    })
    .to_string()
}

async fn serve(stream: TcpStream, client: Client, counters: Arc<Counters>) {
    let answer = service_fn(|request| forward(request, client.clone(), Arc::clone(&counters)));
    // A client that hangs up is none of our business.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), answer)
        .await;
}

type Answer = Response<UnsyncBoxBody<Bytes, kube::Error>>;

/// Hands a request on and counts the bytes that come back, a watch's as they come.
async fn forward(
    request: Request<Incoming>,
    client: Client,
    counters: Arc<Counters>,
) -> Result<Answer, Infallible> {
    counters.requests.fetch_add(1, Ordering::Relaxed);
    Ok(match hand_on(request, &client).await {
        Ok(response) => response.map(|body| {
            let count = move |frame: Frame<Bytes>| {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
                counters.bytes.fetch_add(bytes, Ordering::Relaxed);
                frame
            };
            body.map_frame(count).boxed_unsync()
        }),
        Err(error) => {
            let text = Full::new(Bytes::from(format!("{error:#}")));
            let mut response = Response::new(text.map_err(|never| match never {}).boxed_unsync());
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            response
        }
    })
}

async fn hand_on(request: Request<Incoming>, client: &Client) -> Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.context("failed to read the request")?;
    let path = parts.uri.path_and_query().context("no path")?.as_str();
    let mut handed = Request::builder().method(parts.method).uri(path);
    if let Some(headers) = handed.headers_mut() {
        let own = |name: &HeaderName| [HOST, CONNECTION, CONTENT_LENGTH].contains(name);
        let others = parts.headers.iter().filter(|(name, _)| !own(name));
        headers.extend(others.map(|(name, value)| (name.clone(), value.clone())));
    }
    let handed = handed.body(Body::from(body.to_bytes().to_vec()))?;
    let mut response = client.send(handed).await.context("failed to hand on")?;
    for own in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
        response.headers_mut().remove(own);
    }
    Ok(response)
}
