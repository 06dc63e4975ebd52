//! The same through a Kubernetes service connection.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libtest_mimic::Trial;
use rollguard_tests::fakes::{FakeAzure, SERVICE_ACCOUNT_TOKEN, SERVICE_CONNECTION_ID, Service};
use tokio::net::{TcpListener, TcpSocket};

use super::super::setup::row;
use super::{fake, first_token, got_in, inputs, log, run, said};

pub(super) fn rows() -> Vec<Trial> {
    vec![
        row(
            "a kubeconfig of a connection ends in a request with the token of the chosen context",
            kubeconfig,
        ),
        row(
            "a service account ends in a request with its token, base64 or not, in both forms",
            service_account,
        ),
        row(
            "a server that is not trusted gets no token, unless the connection accepts it",
            untrusted,
        ),
        row(
            "an API server that no packet reaches is told from one that refuses",
            out_of_reach,
        ),
        row(
            "a connection that cannot be used names its input, and everything that is wrong",
            wrong_connections,
        ),
    ]
}

/// A port whose packets are dropped, as by a firewall: the kernel drops the first packet of a connection while the queue
/// of those that wait to be accepted is full (Linux `net/ipv4/tcp_input.c`, `tcp_conn_request`).
struct Deaf {
    address: SocketAddr,
    _listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

impl Deaf {
    fn new() -> anyhow::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let listener = socket.listen(1)?;
        let address = listener.local_addr()?;
        let mut waiting = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(500)) {
            waiting.push(stream);
            ensure!(waiting.len() < 64, "the queue does not fill");
        }
        Ok(Self {
            address,
            _listener: listener,
            _waiting: waiting,
        })
    }
}

async fn out_of_reach() -> anyhow::Result<()> {
    let (fake, home, deaf) = (fake()?, tempfile::tempdir()?, Deaf::new()?);
    let fields = [(TOKEN, SERVICE_ACCOUNT_TOKEN), (CERTIFICATE, fake.ca_pem())];
    let mut env = kubernetes(&fake, "ServiceAccount", &fields);
    let server = format!("https://{}", deaf.address);
    env.insert(
        format!("ENDPOINT_URL_{SERVICE_CONNECTION_ID}"),
        server.clone(),
    );
    let begun = Instant::now();
    let output = run(home.path(), &["task"], &env)?;
    let took = begun.elapsed();
    ensure!(output.status.code() == Some(4), "{}", said(&output));
    let repeated = format!("the API server {server}/: ");
    let failed = format!("failed to reach the API server {server}/");
    for part in [
        repeated.as_str(),
        "(reads are repeated for 30s)",
        failed.as_str(),
        "hint: firewalls refuse connections like this: have the public address of the agent allowed",
    ] {
        ensure!(log(&output).contains(part), "`{part}`: {}", log(&output));
    }
    // Three attempts of 10 s at most.
    ensure!(took > Duration::from_secs(15), "{took:?}");
    ensure!(took < Duration::from_secs(60), "{took:?}");
    Ok(())
}

/// The variables of a Kubernetes connection.
fn kubernetes(fake: &FakeAzure, form: &str, fields: &[(&str, &str)]) -> BTreeMap<String, String> {
    let id = SERVICE_CONNECTION_ID;
    let mut env = BTreeMap::from([
        (
            format!("ENDPOINT_URL_{id}"),
            format!("{}/", fake.base_url()),
        ),
        (
            format!("ENDPOINT_AUTH_SCHEME_{id}"),
            "Kubernetes".to_owned(),
        ),
        (
            format!("ENDPOINT_DATA_{id}_AUTHORIZATIONTYPE"),
            form.to_owned(),
        ),
    ]);
    for (name, value) in fields {
        env.insert(name.replace("<ID>", id), (*value).to_owned());
    }
    let connection = [
        ("connectionType", "kubernetesServiceConnection"),
        ("kubernetesServiceConnection", id),
    ];
    inputs(&mut env, &connection);
    env
}

const KUBECONFIG: &str = "ENDPOINT_AUTH_PARAMETER_<ID>_KUBECONFIG";
const CONTEXT: &str = "ENDPOINT_AUTH_PARAMETER_<ID>_CLUSTERCONTEXT";
const TOKEN: &str = "ENDPOINT_AUTH_PARAMETER_<ID>_APITOKEN";
const CERTIFICATE: &str = "ENDPOINT_AUTH_PARAMETER_<ID>_SERVICEACCOUNTCERTIFICATE";
const ACCEPT: &str = "ENDPOINT_DATA_<ID>_ACCEPTUNTRUSTEDCERTS";

/// Its current context leads nowhere.
fn two_contexts(server: &str, cluster: &str, user: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: dev\n\
         clusters:\n- {{name: dev, cluster: {{server: 'https://127.0.0.1:1'}}}}\n\
         - {{name: prod, cluster: {{server: '{server}'{cluster}}}}}\n\
         contexts:\n- {{name: dev, context: {{cluster: dev, user: dev}}}}\n\
         - {{name: prod, context: {{cluster: prod, user: prod}}}}\n\
         users:\n- {{name: dev, user: {{token: other-user-token}}}}\n\
         - {{name: prod, user: {user}}}\n"
    )
}

fn with_token(fake: &FakeAzure, cluster: &str) -> String {
    let user = format!("{{token: {SERVICE_ACCOUNT_TOKEN}}}");
    two_contexts(fake.base_url(), cluster, &user)
}

fn authority(fake: &FakeAzure) -> String {
    let authority = STANDARD.encode(fake.ca_pem());
    format!(", certificate-authority-data: {authority}")
}

async fn kubeconfig() -> anyhow::Result<()> {
    let (fake, home) = (fake()?, tempfile::tempdir()?);
    let text = with_token(&fake, &authority(&fake));
    let env = kubernetes(
        &fake,
        "Kubeconfig",
        &[(KUBECONFIG, &text), (CONTEXT, "prod")],
    );
    let output = run(home.path(), &["task"], &env)?;
    got_in(&output, &fake)?;
    assert_eq!(first_token(&fake)?, SERVICE_ACCOUNT_TOKEN);
    for secret in [SERVICE_ACCOUNT_TOKEN, "other-user-token"] {
        let registered = format!("##vso[task.setsecret]{secret}");
        ensure!(said(&output).contains(&registered), "{}", said(&output));
    }
    ensure!(fake.requests_to(Service::Arm).is_empty());
    Ok(())
}

async fn service_account() -> anyhow::Result<()> {
    let fake = fake()?;
    let (token, pem) = (SERVICE_ACCOUNT_TOKEN, fake.ca_pem());
    let encoded = [STANDARD.encode(token), STANDARD.encode(pem)];
    let plain = [token.to_owned(), pem.to_owned()];
    for form in ["ServiceAccount", "AzureSubscription"] {
        for [token, pem] in [&encoded, &plain] {
            let home = tempfile::tempdir()?;
            let env = kubernetes(&fake, form, &[(TOKEN, token), (CERTIFICATE, pem)]);
            let output = run(home.path(), &["task"], &env)?;
            got_in(&output, &fake).with_context(|| form.to_owned())?;
            assert_eq!(first_token(&fake)?, SERVICE_ACCOUNT_TOKEN);
        }
    }
    Ok(())
}

async fn untrusted() -> anyhow::Result<()> {
    let (fake, other) = (fake()?, FakeAzure::builder().start()?);
    let kubeconfig = with_token(&fake, &authority(&other));
    let skipping = with_token(&fake, ", insecure-skip-tls-verify: true");
    let of_account = [
        (TOKEN, SERVICE_ACCOUNT_TOKEN),
        (CERTIFICATE, other.ca_pem()),
    ];
    let rows = [
        (
            "Kubeconfig",
            vec![(KUBECONFIG, kubeconfig.as_str()), (CONTEXT, "prod")],
            4,
            "certificate",
        ),
        ("ServiceAccount", of_account.to_vec(), 4, "certificate"),
        (
            "Kubeconfig",
            vec![(KUBECONFIG, skipping.as_str()), (CONTEXT, "prod")],
            2,
            "accept untrusted certificates in the service connection",
        ),
    ];
    for (form, mut fields, code, says) in rows {
        let home = tempfile::tempdir()?;
        let output = run(home.path(), &["task"], &kubernetes(&fake, form, &fields))?;
        ensure!(output.status.code() == Some(code), "{}", said(&output));
        ensure!(log(&output).contains(says), "{}", log(&output));
        ensure!(fake.requests().is_empty(), "{form}");
        fields.push((ACCEPT, "true"));
        let output = run(home.path(), &["task"], &kubernetes(&fake, form, &fields))?;
        ensure!(output.status.code() == Some(12), "{}", said(&output));
        ensure!(
            log(&output).contains("accepts untrusted certificates"),
            "{}",
            log(&output)
        );
        fake.forget();
    }
    Ok(())
}

/// A form, its fields, and what is said about them.
type Wrong<'a> = (&'a str, Vec<(&'a str, &'a str)>, &'a [&'a str]);

async fn wrong_connections() -> anyhow::Result<()> {
    let (fake, home) = (fake()?, tempfile::tempdir()?);
    let exec = two_contexts(fake.base_url(), "", "{exec: {command: kubelogin}}");
    let file = two_contexts(
        fake.base_url(),
        ", certificate-authority: /etc/ca",
        "{tokenFile: /etc/token}",
    );
    let plain = two_contexts("http://127.0.0.1:1", "", "{token: hunter22}");
    let broken = two_contexts(fake.base_url(), "", r#"{token: "hunter22\nx"}"#);
    let rows: [Wrong<'_>; 7] = [
        (
            "ServiceAccount",
            vec![],
            &[
                "of input `kubernetesServiceConnection`: its service account's token is missing; its \
                 service account's certificate is missing",
            ],
        ),
        (
            "Kubeconfig",
            vec![(KUBECONFIG, &exec), (CONTEXT, "prod")],
            &["signs in with the program `kubelogin`, which is not run"],
        ),
        (
            "Kubeconfig",
            vec![(KUBECONFIG, &file), (CONTEXT, "prod")],
            &[
                "it names files, which are not read: tokenFile, certificate-authority",
                "kubectl config view --raw --flatten --minify",
            ],
        ),
        (
            "Kubeconfig",
            vec![(KUBECONFIG, &plain), (CONTEXT, "prod"), (ACCEPT, "true")],
            &["would not be encrypted"],
        ),
        (
            "Kubeconfig",
            vec![(KUBECONFIG, &broken), (CONTEXT, "prod")],
            &["its token has a line break in it"],
        ),
        (
            "Kubeconfig",
            vec![(KUBECONFIG, &plain), (CONTEXT, "staging")],
            &["find context `staging`", "known contexts: dev, prod"],
        ),
        (
            "Kubeconfig",
            vec![(KUBECONFIG, "hunter22")],
            &["read the kubeconfig"],
        ),
    ];
    for (form, fields, says) in rows {
        let output = run(home.path(), &["task"], &kubernetes(&fake, form, &fields))?;
        ensure!(output.status.code() == Some(2), "{}", said(&output));
        for part in says {
            ensure!(log(&output).contains(part), "`{part}`: {}", log(&output));
        }
        ensure!(!log(&output).contains("hunter22"), "{}", log(&output));
    }
    ensure!(fake.requests().is_empty());
    Ok(())
}
