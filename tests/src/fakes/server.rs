//! The https server below the fakes.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::{Answer, Service, Shared};

/// One request that the fake got.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Whom it was for.
    pub service: Service,
    /// Its verb.
    pub method: String,
    /// Its path, without the query.
    pub path: String,
    /// Its query as it came, where a doubled parameter shows.
    pub raw_query: String,
    /// Its query, decoded, in the order of names.
    pub query: BTreeMap<String, String>,
    /// Its headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// Its body, when it was a form.
    pub form: BTreeMap<String, String>,
}

impl Recorded {
    /// A header by its lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// A parameter of the query.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// A field of the form.
    #[must_use]
    pub fn form(&self, name: &str) -> Option<&str> {
        self.form.get(name).map(String::as_str)
    }

    /// The bearer token.
    #[must_use]
    pub fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }
}

/// The server's thread, its certificates and its end.
pub(super) struct Server {
    pub(super) base_url: String,
    pub(super) ca_pem: String,
    /// A client's certificate and its key.
    pub(super) client_pem: String,
    folder: TempDir,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn start(state: Arc<Shared>) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("rollguard-fake-azure-")
            .tempdir()?;
        let settings = state.lock().settings.clone();
        let listener = TcpListener::bind((settings.address, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let Certificates {
            ca_pem,
            client_pem,
            tls,
        } = certificates(address, settings.wants_certificate)?;
        let tls = Handshake {
            tls,
            after: settings.handshake,
        };
        std::fs::write(folder.path().join("ca.pem"), &ca_pem)?;
        let base_url = format!("https://{address}");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = stopped => {}
                    () = serve(listener, tls, state) => {}
                }
            });
        });
        Ok(Self {
            base_url,
            ca_pem,
            client_pem,
            folder,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    pub(super) fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // An error means that the server has ended already.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The certificates of a server and of its clients.
pub(super) struct Certificates {
    pub(super) ca_pem: String,
    client_pem: String,
    pub(super) tls: TlsAcceptor,
}

pub(super) fn certificates(
    address: SocketAddr,
    wants_certificate: bool,
) -> anyhow::Result<Certificates> {
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // Two authorities of one name would make for a bad signature instead of an unknown issuer.
    let name = format!("rollguard fake Azure at {address}");
    ca.distinguished_name.push(DnType::CommonName, name);
    let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let names = ["127.0.0.1", "::1", "localhost", super::PROXIED_HOST].map(str::to_owned);
    let names = [&names[..], &[super::LOGIN_HOST.to_owned()][..]].concat();
    let certificate = CertificateParams::new(names)?.signed_by(&key, &ca)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(ring::default_provider());
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let config = if wants_certificate {
        let mut roots = RootCertStore::empty();
        roots.add(ca.der().clone())?;
        let roots = Arc::new(roots);
        let clients = WebPkiClientVerifier::builder_with_provider(roots, provider).build()?;
        config.with_client_cert_verifier(clients)
    } else {
        config.with_no_client_auth()
    };
    let config = config
        .with_single_cert(vec![certificate.der().clone()], key)
        .context("use the fake's certificate")?;
    let client_key = KeyPair::generate()?;
    let client = CertificateParams::new(vec!["client".to_owned()])?.signed_by(&client_key, &ca)?;
    Ok(Certificates {
        ca_pem: ca.pem(),
        client_pem: format!("{}{}", client.pem(), client_key.serialize_pem()),
        tls: TlsAcceptor::from(Arc::new(config)),
    })
}

/// TLS that may take its time.
#[derive(Clone)]
struct Handshake {
    tls: TlsAcceptor,
    after: Duration,
}

async fn serve(listener: TcpListener, tls: Handshake, state: Arc<Shared>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(connection(stream, tls.clone(), Arc::clone(&state)));
    }
}

async fn connection(stream: TcpStream, tls: Handshake, state: Arc<Shared>) {
    tokio::time::sleep(tls.after).await;
    // A client that does not trust the certificate goes away here.
    let Ok(stream) = tls.tls.accept(stream).await else {
        return;
    };
    let service = service_fn(|request| {
        let state = Arc::clone(&state);
        async move {
            let request = record(request).await;
            let answer = state.lock().answer(&request);
            Ok::<_, Infallible>(response(&answer))
        }
    });
    // Ends with an error when the client hangs up, which is its right.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn record(request: Request<Incoming>) -> Recorded {
    let (head, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let header =
        |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers: BTreeMap<String, String> = head
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), header(value)))
        .collect();
    let is_form = headers
        .get("content-type")
        .is_some_and(|found| found.starts_with("application/x-www-form-urlencoded"));
    let path = head.uri.path().to_owned();
    Recorded {
        service: service_at(&path),
        method: head.method.to_string(),
        raw_query: head.uri.query().unwrap_or_default().to_owned(),
        query: pairs(head.uri.query().unwrap_or_default().as_bytes()),
        form: if is_form {
            pairs(&body)
        } else {
            BTreeMap::new()
        },
        path,
        headers,
    }
}

fn service_at(path: &str) -> Service {
    if super::discovery::is_at(path) {
        return Service::Entra;
    }
    if super::tenant::is_at(path) {
        return Service::Arm;
    }
    if path == super::oidc::PATH {
        Service::Oidc
    } else if path.ends_with("/oauth2/v2.0/token") {
        Service::Entra
    } else if path.starts_with("/subscriptions/") {
        Service::Arm
    } else if path == super::identity::PATH {
        Service::Identity
    } else if ["/version", "/api/", "/apis/"]
        .iter()
        .any(|it| path.starts_with(it))
    {
        Service::Cluster
    } else {
        Service::Unknown
    }
}

fn pairs(encoded: &[u8]) -> BTreeMap<String, String> {
    form_urlencoded::parse(encoded).into_owned().collect()
}

fn response(answer: &Answer) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(*name, value);
    }
    response
        .body(Full::from(answer.body.clone()))
        .unwrap_or_default()
}
