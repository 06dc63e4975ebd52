//! A forward proxy that knows `CONNECT` and nothing else.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use super::server::certificates;

/// A running proxy; it ends when dropped.
pub struct FakeProxy {
    url: String,
    ca_pem: String,
    tunnels: Arc<Mutex<Vec<String>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl FakeProxy {
    /// Starts on a free port of loopback; with `refuses` it answers every `CONNECT` with 407.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start(refuses: bool) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let url = format!("http://{}", listener.local_addr()?);
        Self::serving(listener, url, String::new(), Play { refuses, tls: None })
    }

    /// The same with TLS to the proxy itself; its certificate's authority is [`FakeProxy::ca_pem`].
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start_encrypted() -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let certificates = certificates(address, false)?;
        let play = Play {
            refuses: false,
            tls: Some(certificates.tls),
        };
        let url = format!("https://{address}");
        Self::serving(listener, url, certificates.ca_pem, play)
    }

    fn serving(
        listener: TcpListener,
        url: String,
        ca_pem: String,
        play: Play,
    ) -> anyhow::Result<Self> {
        listener.set_nonblocking(true)?;
        let tunnels = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&tunnels);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = stopped => {}
                    () = serve(listener, play, log) => {}
                }
            });
        });
        Ok(Self {
            url,
            ca_pem,
            tunnels,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// The authority of an encrypted proxy, as PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// `http://127.0.0.1:<port>`, or `https`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where tunnels were asked for, in order.
    #[must_use]
    pub fn tunnels(&self) -> Vec<String> {
        self.tunnels
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for FakeProxy {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // An error means that the proxy has ended already.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[derive(Clone)]
struct Play {
    refuses: bool,
    tls: Option<TlsAcceptor>,
}

async fn serve(listener: TcpListener, play: Play, log: Arc<Mutex<Vec<String>>>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    while let Ok((stream, _)) = listener.accept().await {
        let (log, play) = (Arc::clone(&log), play.clone());
        tokio::spawn(async move {
            // An error ends this tunnel; the client sees it close.
            let _ = match &play.tls {
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => tunnel(stream, play.refuses, &log).await,
                    Err(error) => Err(error),
                },
                None => tunnel(stream, play.refuses, &log).await,
            };
        });
    }
}

async fn tunnel<S>(stream: S, refuses: bool, log: &Mutex<Vec<String>>) -> std::io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut client = BufReader::new(stream);
    let mut first = String::new();
    client.read_line(&mut first).await?;
    let mut line = String::new();
    while client.read_line(&mut line).await? > 2 {
        line.clear();
    }
    let target = first.split(' ').nth(1).unwrap_or_default().to_owned();
    log.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(target.clone());
    if refuses {
        let no = b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
        return client.write_all(no).await;
    }
    let mut server = TcpStream::connect(target.replace(super::PROXIED_HOST, "127.0.0.1")).await?;
    client
        .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
        .await?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
