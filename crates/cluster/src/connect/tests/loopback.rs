//! The real client over a real socket.

use std::sync::Mutex;

use rollguard_network::{Network, Proxies, ProxySettings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::login::{BearerTokens, BoxError};

pub(super) type Heads = Arc<Mutex<Vec<String>>>;

/// A server that logs the head of each request and answers by it.
pub(super) async fn serve(answer: fn(&str) -> (u16, String)) -> (std::net::SocketAddr, Heads) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heads = Heads::default();
    let log = Arc::clone(&heads);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(talk(stream, answer, Arc::clone(&log)));
        }
    });
    (address, heads)
}

async fn talk(mut stream: TcpStream, answer: fn(&str) -> (u16, String), log: Heads) {
    let mut buffer = Vec::new();
    while stream
        .read_buf(&mut buffer)
        .await
        .is_ok_and(|read| read > 0)
    {
        let Some(end) = buffer.windows(4).position(|it| it == b"\r\n\r\n") else {
            continue;
        };
        let rest = buffer.split_off(end + 4);
        let head = String::from_utf8(std::mem::replace(&mut buffer, rest)).unwrap();
        let (code, body) = answer(&head);
        log.lock().unwrap().push(head);
        let text = format!(
            "HTTP/1.1 {code} x\r\ndate: Thu, 01 Jan 2026 10:00:00 GMT\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(text.as_bytes()).await.unwrap();
    }
}

pub(super) const VERSION: &str = r#"{"gitVersion": "v1.35.4"}"#;

fn entra(server: &str, network: Network) -> Login {
    let Login::InMemory { kubeconfig, .. } = in_memory(server) else {
        unreachable!("in_memory makes an in-memory login");
    };
    // As an Entra cluster's: running this program would fail.
    let program = "users: [{name: a, user: {exec: {apiVersion: client.authentication.k8s.io/v1beta1, \
                   command: /absent/kubelogin, interactiveMode: Never}}}]";
    Login::InMemory {
        kubeconfig: kubeconfig.replace("users: []", program),
        tokens: Some(Arc::new(Renewing)),
        network,
    }
}

/// `old`, and `new` once `old` was rejected.
struct Renewing;

#[async_trait::async_trait]
impl BearerTokens for Renewing {
    async fn token(&self, rejected: Option<&str>) -> std::result::Result<String, BoxError> {
        Ok(if rejected.is_some() { "new" } else { "old" }.to_owned())
    }
}

#[tokio::test]
async fn an_entra_cluster_gets_our_token_renewed_after_401_and_runs_no_program() {
    let (address, heads) = serve(|head| {
        if head.contains("authorization: Bearer new\r\n") {
            (200, VERSION.to_owned())
        } else {
            (401, String::new())
        }
    })
    .await;
    let login = entra(&format!("http://{address}"), Network::default());
    let connection = connect(&login, local()).await.unwrap();
    assert_eq!(connection.version, "v1.35.4");
    assert_eq!(heads.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_read_is_sent_again_after_503_and_a_write_is_not() {
    let (address, heads) = serve(|head| {
        let code = if head.contains(" /x ") { 503 } else { 200 };
        (code, VERSION.to_owned())
    })
    .await;
    let login = in_memory(&format!("http://{address}"));
    let client = connect(&login, local()).await.unwrap().client;
    let get = Request::get("/x").body(Body::empty()).unwrap();
    assert_eq!(client.send(get).await.unwrap().status(), 503);
    assert_eq!(
        heads.lock().unwrap().len(),
        1 + 4,
        "the version, one read and three repetitions"
    );

    let (address, heads) = serve(|head| {
        let code = if head.starts_with("GET") { 200 } else { 503 };
        (code, VERSION.to_owned())
    })
    .await;
    let login = in_memory(&format!("http://{address}"));
    let client = connect(&login, local()).await.unwrap().client;
    let patch = Request::patch("/x").body(Body::empty()).unwrap();
    assert_eq!(client.send(patch).await.unwrap().status(), 503);
    assert_eq!(heads.lock().unwrap().len(), 2, "the version and one patch");
}

#[tokio::test]
async fn a_proxy_is_asked_for_a_tunnel_with_its_credentials() {
    // It plays the server at the tunnel's end as well.
    let (address, heads) = serve(|head| {
        let tunnel = head.starts_with("CONNECT");
        (
            200,
            if tunnel {
                String::new()
            } else {
                VERSION.to_owned()
            },
        )
    })
    .await;
    let settings = ProxySettings {
        http: Some(format!("http://user:word@{address}")),
        ..ProxySettings::default()
    };
    let network = Network {
        proxies: Proxies::new(&settings).unwrap_or_default(),
        ..Network::default()
    };
    let connection = connect(&entra("http://aks.invalid:6443", network), local()).await;
    assert_eq!(connection.unwrap().version, "v1.35.4");
    let heads = heads.lock().unwrap();
    assert!(
        heads[0].starts_with("CONNECT aks.invalid:6443 HTTP/1.1\r\n"),
        "{heads:?}"
    );
    let credentials = "proxy-authorization: basic dxnlcjp3b3jk";
    assert!(heads[0].to_lowercase().contains(credentials), "{heads:?}");
    assert!(
        heads[1].starts_with("GET /version HTTP/1.1\r\n"),
        "{heads:?}"
    );
    assert!(
        !heads[1].to_lowercase().contains("proxy-authorization"),
        "{heads:?}"
    );
}
