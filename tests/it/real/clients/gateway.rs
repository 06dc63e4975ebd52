//! A proxy by which the sign-in of the public cloud is a fake, and nothing else is to be had.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use rollguard_tests::fakes::LOGIN_HOST;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Where the Azure CLI looks for its own newest version. It gets no answer.
const NEWS: &str = "azcliprod.blob.core.windows.net:443";

/// Clients ask [`LOGIN_HOST`] whether the address of a cloud is one of Entra's. A client that looks
/// for any other host shows in [`Gateway::others`]. It ends when dropped.
pub(crate) struct Gateway {
    url: String,
    others: Arc<Mutex<Vec<String>>>,
    server: JoinHandle<()>,
}

impl Gateway {
    /// `fake` is the address of the fake, as a URL.
    pub(crate) async fn start(fake: &str) -> Result<Self> {
        let fake = fake.trim_start_matches("https://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.context("failed to listen")?;
        let url = format!("http://{}", listener.local_addr()?);
        let others = Arc::<Mutex<Vec<String>>>::default();
        let log = Arc::clone(&others);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (fake, log) = (fake.clone(), Arc::clone(&log));
                tokio::spawn(async move {
                    // An error ends this tunnel; the client sees it close.
                    let _ = tunnel(stream, &fake, &log).await;
                });
            }
        });
        Ok(Self {
            url,
            others,
            server,
        })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The other hosts that were looked for, in order.
    pub(crate) fn others(&self) -> Vec<String> {
        self.others
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn tunnel(stream: TcpStream, fake: &str, others: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut client = BufReader::new(stream);
    let mut first = String::new();
    client.read_line(&mut first).await?;
    let mut line = String::new();
    while client.read_line(&mut line).await? > 2 {
        line.clear();
    }
    let target = first.split(' ').nth(1).unwrap_or_default();
    if target != format!("{LOGIN_HOST}:443") {
        if target != NEWS {
            others
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(target.to_owned());
        }
        let no = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n";
        return client.write_all(no).await;
    }
    let mut server = TcpStream::connect(fake).await?;
    client
        .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
        .await?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
