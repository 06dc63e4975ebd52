use std::path::PathBuf;
use std::sync::Arc;

use rollguard_core::rollback::preflight::questions;
use rollguard_network::{Listen, Listener, Network};

use super::*;
use crate::login::Programs;
use crate::testing::{Server, refused, silence, status};

mod impersonation;
mod logins;
mod loopback;

fn local() -> Timestamp {
    "2030-01-01T00:00:00Z".parse().unwrap()
}

async fn connected(server: &Server) -> Result<Connection> {
    connect(&Login::Client(server.client()), local()).await
}

/// The error of a connection that must not come up.
async fn refusal(login: &Login) -> ClusterError {
    match connect(login, local()).await {
        Ok(_) => panic!("connected"),
        Err(error) => error,
    }
}

fn in_memory(server: &str) -> Login {
    Login::InMemory {
        kubeconfig: format!(
            "{{apiVersion: v1, kind: Config, current-context: a, \
             contexts: [{{name: a, context: {{cluster: a, user: a}}}}], \
             clusters: [{{name: a, cluster: {{server: '{server}'}}}}], users: []}}"
        ),
        tokens: None,
        network: Network::default(),
    }
}

#[tokio::test(start_paused = true)]
async fn the_clock_starts_with_the_servers_time() {
    let server = Server::new().json(
        "GET",
        "/version",
        serde_json::json!({"gitVersion": "v1.35.4"}),
    );
    let connection = connected(&server).await.unwrap();
    assert_eq!(connection.version, "v1.35.4");
    assert_eq!(
        connection.clock.now(),
        "2026-01-01T10:00:00Z".parse().unwrap()
    );
}

#[tokio::test(start_paused = true)]
async fn a_closed_version_page_is_no_reason_to_stop() {
    let server = Server::new().on("GET", "/version", |_| status(403, "forbidden"));
    assert_eq!(connected(&server).await.unwrap().version, "unknown");
}

#[tokio::test(start_paused = true)]
async fn failures_are_told_apart() {
    type Row = (
        &'static str,
        fn() -> crate::testing::Answer,
        ClusterErrorKind,
        &'static str,
    );
    let rows: [Row; 5] = [
        (
            "401",
            || status(401, "Unauthorized"),
            ClusterErrorKind::Credentials,
            "sign in to the API server",
        ),
        (
            "refused",
            refused,
            ClusterErrorKind::Unreachable,
            "reach the API server",
        ),
        (
            "silent",
            silence,
            ClusterErrorKind::Unreachable,
            "reach the API server",
        ),
        (
            "503",
            || status(503, "apiserver is shutting down"),
            ClusterErrorKind::Unreachable,
            "reach the API server",
        ),
        (
            "a proxy's page",
            || crate::testing::text("<html>"),
            ClusterErrorKind::Unreachable,
            "reach the API server",
        ),
    ];
    for (says, answer, kind, text) in rows {
        let server = Server::new().on("GET", "/version", move |_| answer());
        let Err(error) = connected(&server).await else {
            panic!("{says}: connected");
        };
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (kind, text),
            "{says}"
        );
        assert!(error.hint().is_some(), "{says}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_closed_port_is_unreachable_with_the_servers_address() {
    // Bound and closed again: no one listens there.
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let error = refusal(&in_memory(&format!("http://127.0.0.1:{port}"))).await;
    assert_eq!(error.kind(), ClusterErrorKind::Unreachable);
    assert_eq!(
        error.to_string(),
        format!("reach the API server http://127.0.0.1:{port}/")
    );
    let cause = error.cause().unwrap().to_string();
    assert!(cause.starts_with("Connection refused"), "{cause}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_speaks_no_tls_is_unreachable() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serve = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await
    });
    let error = refusal(&in_memory(&format!("https://{address}"))).await;
    assert_eq!(error.kind(), ClusterErrorKind::Unreachable, "{error:?}");
    serve.await.unwrap().unwrap();
}

#[tokio::test]
async fn bad_input_is_found_before_anything_is_sent() {
    let kubeconfig = |paths, context: Option<&str>| Login::Kubeconfig {
        paths,
        context: context.map(str::to_owned),
        network: Network::default(),
        programs: Programs::default(),
        allow_insecure_server: false,
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    #[expect(clippy::disallowed_methods, reason = "the file that is read")]
    std::fs::write(
        &file,
        "{apiVersion: v1, kind: Config, contexts: [], clusters: [], users: []}",
    )
    .unwrap();
    let rows = [
        (
            kubeconfig(vec![PathBuf::from("/absent")], None),
            "find the kubeconfig `/absent`",
        ),
        (
            kubeconfig(vec![file.clone()], Some("prod")),
            "find context `prod` in the kubeconfig",
        ),
        (kubeconfig(vec![file], None), "read the kubeconfig"),
    ];
    for (login, text) in rows {
        let error = refusal(&login).await;
        assert_eq!(error.kind(), ClusterErrorKind::BadInput);
        assert_eq!(error.to_string(), text);
        assert!(error.hint().is_some(), "{text}");
    }
}

#[tokio::test]
async fn only_reads_are_sent_again() {
    use tower::retry::Policy;
    let server = "the API server".to_owned();
    let mut policy = retry::ReadsOnly::new(server, Listener::default());
    let mut cloned = |method: http::Method| {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method;
        let clone: Option<Request<Body>> =
            <_ as Policy<_, http::Response<()>, crate::BoxError>>::clone_request(
                &mut policy,
                &request,
            );
        clone.is_some()
    };
    assert!(cloned(http::Method::GET));
    for method in [
        http::Method::PATCH,
        http::Method::POST,
        http::Method::DELETE,
        http::Method::PUT,
    ] {
        assert!(!cloned(method.clone()), "{method}");
    }
}

#[derive(Default)]
struct Said(std::sync::Mutex<Vec<String>>);

impl Listen for Said {
    fn repeated(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }

    fn secret(&self, _: &str) {}
}

#[tokio::test(start_paused = true)]
async fn each_read_that_fails_is_a_line_and_the_servers_wait_is_kept_within_a_limit() {
    type Row = (
        &'static str,
        fn() -> crate::testing::Answer,
        usize,
        u64,
        &'static str,
    );
    let rows: [Row; 7] = [
        (
            "429 with seconds",
            || crate::testing::later(429, "2"),
            4,
            6,
            "the API server: answered 429 Too Many Requests, and asks to wait 2s (reads are repeated for 30s)",
        ),
        (
            "503 with an absurd wait",
            || crate::testing::later(503, "99999999999999"),
            4,
            15,
            "the API server: answered 503 Service Unavailable, and asks to wait 24h",
        ),
        (
            "503 with a date that has passed",
            || crate::testing::later(503, "Thu, 01 Jan 2026 10:00:00 GMT"),
            4,
            1,
            "the API server: answered 503",
        ),
        (
            "500",
            || status(500, "leader changed"),
            1,
            0,
            "the API server: answered 500",
        ),
        ("a closed port", refused, 1, 0, "the API server: "),
        ("403", || status(403, "no"), 0, 0, ""),
        ("404", || status(404, "no"), 0, 0, ""),
    ];
    for (says, answer, lines, seconds, text) in rows {
        let server = Server::new().on("GET", "/x", move |_| answer());
        let said = Arc::new(Said::default());
        let client = repeating(&server, Listener::new(Arc::clone(&said) as Arc<dyn Listen>));
        let begun = tokio::time::Instant::now();
        let get = Request::get("/x").body(Body::empty()).unwrap();
        let _ = client.send(get).await;
        let heard = said.0.lock().unwrap().clone();
        assert_eq!(heard.len(), lines, "{says}: {heard:?}");
        assert!(
            heard.iter().all(|it| it.starts_with(text)),
            "{says}: {heard:?}"
        );
        let took = begun.elapsed().as_secs();
        assert!((seconds..=seconds + 1).contains(&took), "{says}: {took}");
        said.0.lock().unwrap().clear();
        let watch = Request::get("/x?limit=1&watch=true")
            .body(Body::empty())
            .unwrap();
        let _ = client.send(watch).await;
        assert!(
            said.0.lock().unwrap().is_empty(),
            "{says}: the session speaks of its watches"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_dropped_in_the_handshake_speaks_of_authorized_ranges() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // The client's first words carry the server's name; then the firewall hangs up.
            let mut hello = [0; 64];
            let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut hello).await;
        }
    });
    let error = refusal(&in_memory(&format!("https://{address}"))).await;
    assert_eq!(error.kind(), ClusterErrorKind::Unreachable, "{error:?}");
    assert!(
        matches!(error.cause(), Some(Cause::Dropped(_))),
        "{error:?}"
    );
    let hint = error.hint_for(SignIn::AzureConnection).unwrap();
    for part in [
        "authorized IP ranges or a private cluster",
        "which rollguard does not know",
    ] {
        assert!(hint.contains(part), "{hint}");
    }
    assert!(error.hint().unwrap().contains("address of this machine"));
}

/// The client's own repetitions around a scripted server.
fn repeating(server: &Server, listener: Listener) -> kube::Client {
    let client = server.client();
    let send = tower::service_fn(move |request| {
        let client = client.clone();
        async move { client.send(request).await.map_err(crate::BoxError::from) }
    });
    let policy = retry::ReadsOnly::new("the API server".to_owned(), listener);
    let retry = tower::retry::RetryLayer::new(policy);
    kube::Client::new(tower::Layer::layer(&retry, send), "default")
}

fn quiet(server: &Server) -> kube::Client {
    repeating(server, Listener::default())
}

#[tokio::test(start_paused = true)]
async fn every_write_of_a_rollback_is_sent_as_often_as_we_say_and_no_more() {
    use rollguard_core::workload::WorkloadKind;
    let kind = WorkloadKind::Deployment;
    let (plan, history) = (crate::testing::plan(kind), crate::testing::history_of(kind));
    let unwell = || {
        let all = ["PATCH", "POST", "DELETE"].into_iter();
        let server =
            Server::new().json("GET", "/deployments/web", crate::testing::deployment("v2"));
        all.fold(server, |server, method| {
            server.on(method, "", |_| crate::testing::later(503, "1"))
        })
    };
    let sent = |server: &Server, method| server.requests(method, "").len();

    let server = unwell();
    let applied = crate::apply::apply(&quiet(&server), &plan).await;
    assert!(applied.is_err());
    let patches = sent(&server, "PATCH");
    assert!((3..=16).contains(&patches), "once each: {patches} in 30 s");

    let server = unwell();
    crate::mark::withdraw(&quiet(&server), &plan.workload, &plan.from)
        .await
        .unwrap_err();
    assert_eq!(sent(&server, "PATCH"), 1);

    let server = unwell();
    let answers = crate::preflight::ask(&quiet(&server), &plan, questions(&plan, &history)).await;
    assert_eq!(sent(&server, "PATCH"), 1, "the dry run");
    assert_eq!(server.requests("POST", "/pods").len(), 1, "the pod");
    let (rights, asked) = (answers.rights.len(), sent(&server, "POST") - 1);
    assert!(
        (rights..=rights * 10).contains(&asked),
        "questions are repeated: {asked}"
    );
    let jobs = server.requests("GET", "/jobs").len();
    assert_eq!(jobs, 1, "a 404 is no reason to ask again");

    let server = unwell().on("GET", "/jobs", |_| status(503, "later"));
    crate::preflight::ask(&quiet(&server), &plan, questions(&plan, &history)).await;
    let jobs = server.requests("GET", "/jobs").len();
    // Four sends an attempt. The pauses are random: at their longest (2 s between sends, a quarter more
    // between attempts) the fourth attempt begins within 30 s and the fifth does not.
    assert!((16..=32).contains(&jobs), "reads are, for 30 s: {jobs}");
}

#[tokio::test(start_paused = true)]
async fn a_limit_holds_for_reads_and_writes() {
    let server = Server::new()
        .on("GET", "/x", |_| silence())
        .on("PATCH", "/x", |_| silence());
    let client = limit::limited(server.client());
    for (method, seconds) in [("GET", 15), ("PATCH", 40)] {
        let begin = tokio::time::Instant::now();
        let request = Request::builder()
            .method(method)
            .uri("/x")
            .body(Body::empty())
            .unwrap();
        let error = client.send(request).await.unwrap_err();
        assert!(matches!(Cause::from(error), Cause::Silence(_)), "{method}");
        assert_eq!(begin.elapsed().as_secs(), seconds, "{method}");
    }
}

/// A login with a kubeconfig file of this server and user.
#[expect(clippy::disallowed_methods, reason = "the file that is read")]
fn with_user(folder: &tempfile::TempDir, cluster: &str, user: &str) -> Login {
    let path = folder.path().join("config");
    let text = format!(
        "{{apiVersion: v1, kind: Config, current-context: prod, \
         contexts: [{{name: prod, context: {{cluster: c, user: u}}}}], \
         clusters: [{{name: c, cluster: {cluster}}}], users: [{{name: u, user: {user}}}]}}"
    );
    std::fs::write(&path, text).unwrap();
    Login::Kubeconfig {
        paths: vec![path],
        context: None,
        network: Network::default(),
        programs: Programs::default(),
        allow_insecure_server: false,
    }
}

#[tokio::test]
async fn credentials_are_not_sent_where_others_can_read_them() {
    let plain = "{server: 'http://127.0.0.1:1'}";
    let unverified = "{server: 'https://127.0.0.1:1', insecure-skip-tls-verify: true}";
    let rows = [
        ("a token", plain, "{token: abc}"),
        ("a token file", plain, "{tokenFile: /absent}"),
        (
            "a plugin, which does not run",
            plain,
            "{exec: {command: /absent}}",
        ),
        ("a password", plain, "{username: a, password: b}"),
        ("an unverified server", unverified, "{token: abc}"),
    ];
    for (says, cluster, user) in rows {
        let folder = tempfile::tempdir().unwrap();
        let error = refusal(&with_user(&folder, cluster, user)).await;
        assert_eq!(error.kind(), ClusterErrorKind::BadInput, "{says}");
        let text = error.to_string();
        assert!(
            text.starts_with("send credentials to the API server http"),
            "{says}: {text}"
        );
        let hint = error.hint().unwrap();
        assert!(hint.contains("--allow-insecure-server"), "{says}: {hint}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_credentials_or_on_request_they_may_be_read() {
    let plain = "{server: 'http://127.0.0.1:1'}";
    let folder = tempfile::tempdir().unwrap();
    let anonymous = with_user(&folder, plain, "{}");
    assert_eq!(
        refusal(&anonymous).await.kind(),
        ClusterErrorKind::Unreachable
    );
    let mut allowed = with_user(&folder, plain, "{token: abc}");
    if let Login::Kubeconfig {
        allow_insecure_server,
        ..
    } = &mut allowed
    {
        *allow_insecure_server = true;
    }
    assert_eq!(
        refusal(&allowed).await.kind(),
        ClusterErrorKind::Unreachable
    );
}

#[tokio::test]
async fn a_credential_that_cannot_be_used_is_bad_input_and_not_shown() {
    let server = "{server: 'https://127.0.0.1:1'}";
    let rows = [
        (
            "a token of two lines",
            r#"{token: "canary\r\nline"}"#,
            "use the kubeconfig: its token has a line break in it",
        ),
        (
            "an ID token of two lines",
            r#"{auth-provider: {name: oidc, config: {id-token: "canary\nline"}}}"#,
            "use the kubeconfig: its id-token has a line break in it",
        ),
        (
            "a provider that kubectl dropped",
            "{auth-provider: {name: azure, config: {access-token: canary}}}",
            "use the kubeconfig: its auth-provider `azure` is not supported",
        ),
    ];
    for (says, user, text) in rows {
        let folder = tempfile::tempdir().unwrap();
        let error = refusal(&with_user(&folder, server, user)).await;
        assert_eq!(error.kind(), ClusterErrorKind::BadInput, "{says}");
        assert_eq!(error.to_string(), text, "{says}");
    }
}

#[tokio::test]
async fn a_plugin_that_is_missing_is_named_with_its_context() {
    let folder = tempfile::tempdir().unwrap();
    let user = "{exec: {apiVersion: client.authentication.k8s.io/v1, command: kubelogin-absent}}";
    let error = refusal(&with_user(&folder, "{server: 'https://127.0.0.1:1'}", user)).await;
    assert_eq!(error.kind(), ClusterErrorKind::Credentials);
    assert_eq!(
        error.to_string(),
        "sign in to the API server https://127.0.0.1:1/"
    );
    let cause = std::error::Error::source(error.cause().unwrap()).unwrap();
    assert_eq!(
        cause.to_string(),
        "the credential plugin `kubelogin-absent` (context `prod`) is not installed"
    );
    assert!(
        error
            .hint()
            .unwrap()
            .starts_with("install `kubelogin-absent`")
    );
}
