//! A reverse proxy in front of an API server, with a gate of the test's own in it.
//!
//! It speaks plain HTTP on loopback, so that every client can go through it, and signs in to the API
//! server itself.

use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as TaskContext, Poll};

use anyhow::{Context as _, Result};
use futures::future::BoxFuture;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderName, TRANSFER_ENCODING};
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kube::Client;
use kube::client::Body;
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tower::{BoxError, service_fn as tower_service};

/// The answer to a client.
pub type Answer = Response<UnsyncBoxBody<Bytes, kube::Error>>;

/// How a connection breaks in place of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// It is reset before anything is answered.
    BeforeHeaders,
    /// It is reset within the headers of the answer.
    WithinHeaders,
    /// The server shows a certificate that the client does not trust. Only without a network.
    Certificate,
    /// The server's name cannot be resolved. Only without a network.
    Name,
}

impl Broken {
    /// Returns what a client's libraries would report.
    fn error(self) -> BoxError {
        match self {
            Self::BeforeHeaders | Self::WithinHeaders => {
                io::Error::from(io::ErrorKind::ConnectionReset).into()
            }
            Self::Certificate => io::Error::other("invalid peer certificate: BadSignature").into(),
            // hyper-util `client/legacy/connect/http.rs` words it so.
            Self::Name => "dns error".into(),
        }
    }
}

/// Breaks the connection.
#[must_use]
pub fn broken(how: Broken) -> Answer {
    let mut nothing = answer(StatusCode::OK, "");
    nothing.extensions_mut().insert(how);
    nothing
}

/// Puts a gate before the API server that `client` talks to, without a network: time may be virtual.
#[must_use]
pub fn in_process(client: &Client, gate: Arc<dyn Gate>) -> Client {
    let namespace = client.default_namespace().to_owned();
    let onward = Onward(client.clone());
    let send = tower_service(move |request: Request<Body>| {
        let (onward, gate) = (onward.clone(), Arc::clone(&gate));
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let answer = gate.pass(Asked { parts, body }, &onward).await;
            match answer.extensions().get::<Broken>() {
                Some(broken) => Err(broken.error()),
                None => Ok(answer),
            }
        }
    });
    Client::new(send, namespace)
}

/// A request on its way to the API server.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Method, path and headers.
    pub parts: Parts,
    /// Its whole body.
    pub body: Bytes,
}

/// The way on to the API server.
#[derive(Clone)]
pub struct Onward(Client);

/// Handles each request: hands it on, answers, counts or holds it.
pub trait Gate: Send + Sync + 'static {
    /// Answers a request, mostly by [`Onward::hand`].
    fn pass<'a>(&'a self, asked: Asked, onward: &'a Onward) -> BoxFuture<'a, Answer>;
}

/// The proxy; it ends when this is dropped.
pub struct Front {
    kubeconfig: PathBuf,
    server: JoinHandle<()>,
    _folder: TempDir,
}

impl Front {
    /// Starts a proxy in front of the API server that `client` talks to.
    ///
    /// # Errors
    /// When no port is free, or the kubeconfig cannot be written.
    pub async fn start(client: Client, gate: Arc<dyn Gate>) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.context("failed to listen")?;
        let folder = tempfile::tempdir()?;
        let kubeconfig = folder.path().join("kubeconfig");
        std::fs::write(&kubeconfig, config(listener.local_addr()?.port()))?;
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Onward(client.clone()), Arc::clone(&gate)));
            }
        });
        Ok(Self {
            kubeconfig,
            server,
            _folder: folder,
        })
    }

    /// A kubeconfig that leads through the proxy.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn config(port: u16) -> String {
    let name = "front";
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

async fn serve(stream: TcpStream, onward: Onward, gate: Arc<dyn Gate>) {
    let cut = Arc::<AtomicBool>::default();
    let answer = service_fn(|request| through(request, &onward, gate.as_ref(), &cut));
    let stream = Cut {
        stream,
        cut: Arc::clone(&cut),
    };
    // A client that hangs up is none of our business.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), answer)
        .await;
}

async fn through(
    request: Request<Incoming>,
    onward: &Onward,
    gate: &dyn Gate,
    cut: &AtomicBool,
) -> Result<Answer, BoxError> {
    let (parts, body) = request.into_parts();
    let answer = match body.collect().await {
        Ok(body) => {
            let body = body.to_bytes();
            gate.pass(Asked { parts, body }, onward).await
        }
        Err(error) => answer(StatusCode::BAD_REQUEST, error.to_string()),
    };
    match answer.extensions().get::<Broken>() {
        Some(Broken::WithinHeaders) => {
            cut.store(true, Ordering::SeqCst);
            Ok(answer)
        }
        // hyper closes a connection whose service fails without an answer.
        Some(broken) => Err(broken.error()),
        None => Ok(answer),
    }
}

/// How much of an answer is written before a connection is cut: a part of the status line.
const BEFORE_CUT: usize = 9;

/// A connection that may be cut while an answer is written.
struct Cut {
    stream: TcpStream,
    cut: Arc<AtomicBool>,
}

impl AsyncRead for Cut {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Cut {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !self.cut.load(Ordering::SeqCst) {
            return Pin::new(&mut self.stream).poll_write(context, bytes);
        }
        let beginning = bytes.get(..BEFORE_CUT).unwrap_or(bytes);
        let written = Pin::new(&mut self.stream).poll_write(context, beginning);
        written.map(|_| Err(io::ErrorKind::ConnectionReset.into()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// An answer of the proxy's own.
pub fn answer(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    let text = Full::new(text.into());
    let mut response = Response::new(text.map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    response
}

impl Onward {
    /// Hands a request on to the API server; 502 when it cannot be reached.
    pub async fn hand(&self, asked: Asked) -> Answer {
        match self.send(asked).await {
            Ok(response) => response.map(BodyExt::boxed_unsync),
            Err(error) => answer(StatusCode::BAD_GATEWAY, format!("{error:#}")),
        }
    }

    async fn send(&self, asked: Asked) -> Result<Response<Body>> {
        let Asked { parts, body } = asked;
        let path = parts.uri.path_and_query().context("no path")?.as_str();
        let mut handed = Request::builder().method(parts.method).uri(path);
        if let Some(headers) = handed.headers_mut() {
            let own = |name: &HeaderName| [HOST, CONNECTION, CONTENT_LENGTH].contains(name);
            let others = parts.headers.iter().filter(|(name, _)| !own(name));
            headers.extend(others.map(|(name, value)| (name.clone(), value.clone())));
        }
        let handed = handed.body(Body::from(body.to_vec()))?;
        let mut response = self.0.send(handed).await.context("failed to hand on")?;
        for own in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
            response.headers_mut().remove(own);
        }
        Ok(response)
    }
}
