//! The same as a child process: certificates, proxies and addresses come from its environment, and
//! nothing is left on disk.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode, Output};
use std::time::{Duration, Instant};

use anyhow::ensure;
use libtest_mimic::Trial;
use rollguard_agent::{AgentEnv, ServiceConnection};
use rollguard_azure::{Authentication, Azure, BearerTokens as _, ClusterId, Transport};
use rollguard_network::{Network, Proxies, ProxySettings};
use rollguard_tests::fakes::{
    AKS_SERVER_ID, Answer, CLUSTER, FakeAzure, FakeProxy, IDENTITY_CLIENT_ID, PROXIED_HOST,
    RESOURCE_GROUP, SERVICE_CONNECTION_ID, SUBSCRIPTION_ID, Scheme, Service,
};

use super::setup::row;

/// Set for the child alone.
const WANTED: &str = "ROLLGUARD_AZURE_CHILD";

pub(crate) fn rows() -> Vec<Trial> {
    vec![
        row(
            "federation works from the agent's environment alone",
            federation,
        ),
        row(
            "a client secret works from the agent's environment alone",
            client_secret,
        ),
        row(
            "a certificate works from the agent's environment alone",
            certificate,
        ),
        row(
            "a managed identity works from the agent's environment alone, system- or user-assigned",
            managed_identity,
        ),
        row(
            "a managed identity that the machine does not have is explained",
            no_such_identity,
        ),
        row(
            "outside Azure a managed identity fails at once, and says where it would work",
            outside_azure,
        ),
        row(
            "without SSL_CERT_FILE the child does not trust the fake",
            untrusted,
        ),
        row(
            "HTTPS_PROXY, ALL_PROXY and the agent's own proxy are used",
            proxied,
        ),
        row(
            "NO_PROXY and the agent's bypass list are honoured",
            not_proxied,
        ),
        row("loopback is reached directly", loopback),
        row(
            "a malformed proxy is an error and nothing is sent",
            malformed,
        ),
        row("nothing is written to disk", nothing_written),
    ]
}

pub(crate) fn is_wanted() -> bool {
    std::env::var_os(WANTED).is_some()
}

/// The child: prints what it got, or why not.
pub(crate) fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let outcome = runtime
        .map_err(anyhow::Error::from)
        .and_then(|it| it.block_on(sign_in()));
    let (text, code) = match outcome {
        Ok(token) => (token, ExitCode::SUCCESS),
        Err(error) => (format!("{error:#}"), ExitCode::FAILURE),
    };
    // The parent looks at both; a closed pipe is its own affair.
    let _ = writeln!(std::io::stdout(), "{text}");
    code
}

async fn sign_in() -> anyhow::Result<String> {
    let env = AgentEnv::from_pairs(std::env::vars_os());
    let connection = ServiceConnection::from_env(&env, SERVICE_CONNECTION_ID)?;
    let proxies = Proxies::new(&ProxySettings::from_variables(|name| {
        std::env::var(name).ok()
    }))?;
    let transport = Transport::new(&Network {
        proxies,
        ..Network::default()
    })?;
    let azure = Azure::for_connection(&connection, transport)?;
    let cluster = ClusterId::new(SUBSCRIPTION_ID, RESOURCE_GROUP, CLUSTER)?;
    let access = azure.cluster_access(&cluster).await?;
    let Authentication::Entra { server_id } = access.authentication else {
        anyhow::bail!("no cluster with Entra");
    };
    Ok(azure
        .cluster_tokens(&server_id)
        .token(None)
        .await?
        .expose()
        .to_owned())
}

/// Runs the child in `home`, with the agent's environment and nothing else.
fn run(home: &Path, env: &BTreeMap<String, String>) -> anyhow::Result<Output> {
    Ok(Command::new(std::env::current_exe()?)
        .env_clear()
        .envs(env)
        .env(WANTED, "1")
        .envs(["HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"].map(|name| (name, home)))
        .current_dir(home)
        .output()?)
}

fn fake() -> anyhow::Result<FakeAzure> {
    FakeAzure::builder().issue_token("admin-token").start()
}

fn succeeds(output: &Output) -> anyhow::Result<()> {
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success() && text == "admin-token\n",
        "{output:?}"
    );
    Ok(())
}

async fn federation() -> anyhow::Result<()> {
    let (fake, home) = (fake()?, tempfile::tempdir()?);
    succeeds(&run(
        home.path(),
        &fake.agent_env(Scheme::WorkloadIdentityFederation),
    )?)
}

async fn client_secret() -> anyhow::Result<()> {
    let (fake, home) = (fake()?, tempfile::tempdir()?);
    succeeds(&run(
        home.path(),
        &fake.agent_env(Scheme::ServicePrincipal),
    )?)
}

async fn certificate() -> anyhow::Result<()> {
    let (fake, home) = (fake()?, tempfile::tempdir()?);
    succeeds(&run(
        home.path(),
        &fake.agent_env(Scheme::ServicePrincipalCertificate),
    )?)
}

async fn managed_identity() -> anyhow::Result<()> {
    let rows = [
        (Scheme::SystemAssignedIdentity, None),
        (Scheme::UserAssignedIdentity, Some(IDENTITY_CLIENT_ID)),
    ];
    for (scheme, client_id) in rows {
        let (fake, home) = (fake()?, tempfile::tempdir()?);
        succeeds(&run(home.path(), &fake.agent_env(scheme))?)?;
        let requests = fake.requests_to(Service::Identity);
        let resources: Vec<_> = requests.iter().map(|it| it.query("resource")).collect();
        assert_eq!(resources, [Some(fake.base_url()), Some(AKS_SERVER_ID)]);
        ensure!(requests.iter().all(|it| it.query("client_id") == client_id));
        ensure!(fake.requests_to(Service::Entra).is_empty());
    }
    Ok(())
}

async fn no_such_identity() -> anyhow::Result<()> {
    let (fake, home) = (fake()?, tempfile::tempdir()?);
    let mut env = fake.agent_env(Scheme::UserAssignedIdentity);
    let other = "c4b9e7d0-0000-4000-8000-0000000000ff";
    let name = format!("ENDPOINT_DATA_{SERVICE_CONNECTION_ID}_MSICLIENTID");
    env.insert(name, other.to_owned());
    let output = run(home.path(), &env)?;
    let text = String::from_utf8_lossy(&output.stdout);
    let says = format!("sign in with the managed identity `{other}` of this machine");
    ensure!(!output.status.success() && text.contains(&says), "{text}");
    ensure!(text.contains("Identity not found"), "{text}");
    assert_eq!(fake.requests_to(Service::Identity).len(), 1, "asked once");
    Ok(())
}

async fn outside_azure() -> anyhow::Result<()> {
    let (fake, home) = (fake()?, tempfile::tempdir()?);
    // The metadata service of another provider, which does not know the path.
    fake.answer_always(Service::Identity, Answer::html(503));
    let elsewhere = fake.agent_env(Scheme::SystemAssignedIdentity);
    let mut nowhere = elsewhere.clone();
    let endpoint = "http://127.0.0.1:1/metadata/identity/oauth2/token";
    nowhere.insert("IDENTITY_ENDPOINT".to_owned(), endpoint.to_owned());
    let rows = [
        (
            elsewhere,
            "answered 503 with something else instead of JSON",
        ),
        (nowhere, "`127.0.0.1:1` cannot be reached"),
    ];
    for (env, says) in rows {
        let before = Instant::now();
        let output = run(home.path(), &env)?;
        let text = String::from_utf8_lossy(&output.stdout);
        ensure!(!output.status.success() && text.contains(says), "{text}");
        // The pauses between four repetitions alone are longer.
        ensure!(before.elapsed() < Duration::from_secs(6), "{says}");
    }
    assert_eq!(fake.requests().len(), 1);
    Ok(())
}

async fn untrusted() -> anyhow::Result<()> {
    let (fake, home) = (fake()?, tempfile::tempdir()?);
    let mut env = fake.agent_env(Scheme::ServicePrincipal);
    let other = FakeAzure::builder().start()?;
    env.insert(
        "SSL_CERT_FILE".to_owned(),
        other.ca_file().display().to_string(),
    );
    let output = run(home.path(), &env)?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(
        !output.status.success() && text.contains("is not trusted"),
        "{text}"
    );
    ensure!(fake.requests().is_empty());
    Ok(())
}

async fn proxied() -> anyhow::Result<()> {
    let (fake, home, proxy) = (fake()?, tempfile::tempdir()?, FakeProxy::start(false)?);
    for variable in ["HTTPS_PROXY", "ALL_PROXY", "AGENT_PROXYURL"] {
        let before = proxy.tunnels().len();
        let mut env = behind_proxy(&fake);
        env.insert(variable.to_owned(), proxy.url().to_owned());
        succeeds(&run(home.path(), &env)?)?;
        ensure!(proxy.tunnels().len() > before, "{variable}");
    }
    Ok(())
}

async fn not_proxied() -> anyhow::Result<()> {
    let (fake, home, proxy) = (fake()?, tempfile::tempdir()?, FakeProxy::start(false)?);
    // The name is known to the proxy only, so that past it there is no sign-in.
    let rows = [
        ("NO_PROXY", "HTTPS_PROXY", "example.com,.invalid"),
        (
            "AGENT_PROXYBYPASSLIST",
            "AGENT_PROXYURL",
            r#"["azure\\.invalid"]"#,
        ),
    ];
    for (list, variable, value) in rows {
        let mut env = behind_proxy(&fake);
        env.insert(variable.to_owned(), proxy.url().to_owned());
        env.insert(list.to_owned(), value.to_owned());
        let output = run(home.path(), &env)?;
        ensure!(!output.status.success(), "{list}");
        ensure!(proxy.tunnels().is_empty(), "{list}: {:?}", proxy.tunnels());
    }
    Ok(())
}

async fn loopback() -> anyhow::Result<()> {
    let (fake, home, proxy) = (fake()?, tempfile::tempdir()?, FakeProxy::start(false)?);
    let mut env = fake.agent_env(Scheme::ServicePrincipal);
    env.insert("HTTPS_PROXY".to_owned(), proxy.url().to_owned());
    succeeds(&run(home.path(), &env)?)?;
    ensure!(proxy.tunnels().is_empty(), "{:?}", proxy.tunnels());
    Ok(())
}

async fn malformed() -> anyhow::Result<()> {
    let (fake, home) = (fake()?, tempfile::tempdir()?);
    let mut env = fake.agent_env(Scheme::ServicePrincipal);
    env.insert(
        "HTTPS_PROXY".to_owned(),
        r"http://CORP\user:hunter2@p:1".to_owned(),
    );
    let output = run(home.path(), &env)?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(
        !output.status.success() && text.contains("HTTPS_PROXY"),
        "{text}"
    );
    ensure!(!text.contains("hunter2"), "{text}");
    ensure!(fake.requests().is_empty());
    Ok(())
}

/// The agent's environment, with the fake under the name that only the proxy knows.
fn behind_proxy(fake: &FakeAzure) -> BTreeMap<String, String> {
    let env = fake.agent_env(Scheme::ServicePrincipal).into_iter();
    env.map(|(name, value)| {
        let url = value.starts_with("https://");
        let value = if url {
            value.replace("127.0.0.1", PROXIED_HOST)
        } else {
            value
        };
        (name, value)
    })
    .collect()
}

async fn nothing_written() -> anyhow::Result<()> {
    let (fake, home) = (fake()?, tempfile::tempdir()?);
    succeeds(&run(
        home.path(),
        &fake.agent_env(Scheme::WorkloadIdentityFederation),
    )?)?;
    let left: Vec<_> = std::fs::read_dir(home.path())?.collect::<Result<_, _>>()?;
    ensure!(left.is_empty(), "{left:?}");
    Ok(())
}
