//! A stand-in for Azure: the OIDC endpoint of Azure DevOps, Microsoft Entra and Azure Resource
//! Manager as one https server on loopback.
//!
//! It answers what the real ones are documented to answer, good and bad, and keeps a log of what it
//! was asked. [`FakeAzure::agent_env`] is what a child process needs to believe in it; a test in
//! the same process trusts [`FakeAzure::ca_pem`] and takes the addresses from the getters.

mod answer;
mod arm;
mod entra;
mod oidc;
mod proxy;
mod server;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use answer::Answer;
pub use proxy::FakeProxy;
pub use server::Recorded;

/// Tenant of the fake service principal.
pub const TENANT_ID: &str = "72f988bf-0000-4000-8000-000000000001";
/// Client (application) id of the fake service principal.
pub const CLIENT_ID: &str = "9a1f0c52-0000-4000-8000-000000000002";
/// Object id of the fake service principal, as Azure Resource Manager names it.
pub const OBJECT_ID: &str = "3c0d5e77-0000-4000-8000-000000000003";
/// Client secret of the fake service principal.
pub const CLIENT_SECRET: &str = "fake~client~secret";
/// Id of the fake service connection.
pub const SERVICE_CONNECTION_ID: &str = "5d0a6b2e-0000-4000-8000-000000000004";
/// The job's access token that the fake OIDC endpoint takes.
pub const SYSTEM_ACCESS_TOKEN: &str = "fake-system-access-token";
/// Subscription of the fake cluster.
pub const SUBSCRIPTION_ID: &str = "7b795fb9-0000-4000-8000-000000000005";
/// Resource group of the fake cluster.
pub const RESOURCE_GROUP: &str = "rg-shop";
/// Name of the fake cluster.
pub const CLUSTER: &str = "aks-shop";
/// The server application of AKS, for which Entra-enabled clusters want their tokens.
pub const AKS_SERVER_ID: &str = "6dae42f8-4368-4678-94ff-3960e28e3630";

/// The parts that the fake plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    /// Azure DevOps, which issues OIDC tokens to jobs.
    Oidc,
    /// Microsoft Entra, which issues access tokens.
    Entra,
    /// Azure Resource Manager, which hands out kubeconfigs.
    Arm,
    /// An address that none of the three has.
    Unknown,
}

/// How the service connection signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// By an OIDC token of the job.
    WorkloadIdentityFederation,
    /// By a client secret.
    ServicePrincipal,
}

/// The settings of the fake before it starts.
#[derive(Clone, Debug)]
pub struct FakeAzureBuilder {
    kubeconfig: String,
    cluster_token: Option<String>,
    token_lifetime: u64,
    api_versions: Vec<String>,
}

impl FakeAzureBuilder {
    /// The kubeconfig of the cluster's user. Default: one that signs in through kubelogin.
    #[must_use]
    pub fn kubeconfig(mut self, text: impl Into<String>) -> Self {
        self.kubeconfig = text.into();
        self
    }

    /// The token that Entra issues for the cluster, e.g. a static token that a real
    /// `kube-apiserver` takes. Default: `cluster-token-1`, `cluster-token-2` and so on.
    #[must_use]
    pub fn issue_token(mut self, token: impl Into<String>) -> Self {
        self.cluster_token = Some(token.into());
        self
    }

    /// How long tokens of Entra live, in seconds. Default: an hour, as Entra's do.
    #[must_use]
    pub fn token_lifetime(mut self, seconds: u64) -> Self {
        self.token_lifetime = seconds;
        self
    }

    /// The API versions that Azure Resource Manager serves. Default: three of 2025.
    #[must_use]
    pub fn api_versions(mut self, versions: &[&str]) -> Self {
        self.api_versions = versions
            .iter()
            .map(|version| (*version).to_owned())
            .collect();
        self
    }

    /// Starts the server on a free port of loopback, in a thread of its own.
    ///
    /// # Errors
    /// When no port or no temporary folder can be had.
    pub fn start(self) -> anyhow::Result<FakeAzure> {
        let state = Arc::new(Shared::new(self));
        let server = server::Server::start(Arc::clone(&state))?;
        state.lock().base_url.clone_from(&server.base_url);
        Ok(FakeAzure { state, server })
    }
}

/// A name of the fake that only [`FakeProxy`] knows: loopback itself is never reached through a proxy.
pub const PROXIED_HOST: &str = "azure.invalid";

/// The running fake; it ends when dropped.
pub struct FakeAzure {
    state: Arc<Shared>,
    server: server::Server,
}

impl FakeAzure {
    /// A fake with defaults to change.
    #[must_use]
    pub fn builder() -> FakeAzureBuilder {
        FakeAzureBuilder {
            kubeconfig: kubelogin_kubeconfig("https://127.0.0.1:1"),
            cluster_token: None,
            token_lifetime: 3600,
            api_versions: ["2025-05-01", "2025-09-01", "2025-10-01"]
                .map(str::to_owned)
                .to_vec(),
        }
    }

    /// `https://127.0.0.1:<port>`: sign-in address and Azure Resource Manager address alike.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.server.base_url
    }

    /// The same behind [`FakeProxy`].
    #[must_use]
    pub fn proxied_url(&self) -> String {
        self.base_url().replace("127.0.0.1", PROXIED_HOST)
    }

    /// Returns what `SYSTEM_OIDCREQUESTURI` holds.
    #[must_use]
    pub fn oidc_request_uri(&self) -> String {
        format!("{}{}", self.base_url(), oidc::PATH)
    }

    /// The certificate authority that vouches for the server, as PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.server.ca_pem
    }

    /// The same as a file, for `SSL_CERT_FILE` and `NODE_EXTRA_CA_CERTS`. Removed with the fake.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.server.ca_file()
    }

    /// Returns what the agent would set for a task that uses the service connection, and the certificate.
    #[must_use]
    pub fn agent_env(&self, scheme: Scheme) -> BTreeMap<String, String> {
        let id = SERVICE_CONNECTION_ID;
        let mut env = BTreeMap::new();
        let mut set = |name: String, value: &str| env.insert(name, value.to_owned());
        let parameter = |key: &str| format!("ENDPOINT_AUTH_PARAMETER_{id}_{key}");
        let data = |key: &str| format!("ENDPOINT_DATA_{id}_{key}");
        set(
            format!("ENDPOINT_URL_{id}"),
            &format!("{}/", self.base_url()),
        );
        set(parameter("TENANTID"), TENANT_ID);
        set(parameter("SERVICEPRINCIPALID"), CLIENT_ID);
        set(data("SUBSCRIPTIONID"), SUBSCRIPTION_ID);
        set(data("SUBSCRIPTIONNAME"), "Shop");
        set(data("ENVIRONMENT"), "AzureCloud");
        set(data("SCOPELEVEL"), "Subscription");
        set(
            data("ACTIVEDIRECTORYAUTHORITY"),
            &format!("{}/", self.base_url()),
        );
        set(
            data("ENVIRONMENTAUTHORITYURL"),
            &format!("{}/", self.base_url()),
        );
        let name = match scheme {
            Scheme::WorkloadIdentityFederation => "WorkloadIdentityFederation",
            Scheme::ServicePrincipal => {
                set(parameter("AUTHENTICATIONTYPE"), "spnKey");
                set(parameter("SERVICEPRINCIPALKEY"), CLIENT_SECRET);
                "ServicePrincipal"
            }
        };
        set(format!("ENDPOINT_AUTH_SCHEME_{id}"), name);
        let token = "ENDPOINT_AUTH_PARAMETER_SYSTEMVSSCONNECTION_ACCESSTOKEN".to_owned();
        set(token, SYSTEM_ACCESS_TOKEN);
        set("SYSTEM_OIDCREQUESTURI".to_owned(), &self.oidc_request_uri());
        set(
            "SSL_CERT_FILE".to_owned(),
            &self.ca_file().to_string_lossy(),
        );
        env
    }

    /// All requests so far, in the order of their arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        self.state.lock().log.clone()
    }

    /// The requests to one service.
    #[must_use]
    pub fn requests_to(&self, service: Service) -> Vec<Recorded> {
        let mut log = self.requests();
        log.retain(|request| request.service == service);
        log
    }

    /// `service` gives this answer to its next request; several queue up.
    pub fn answer_next(&self, service: Service, answer: Answer) {
        self.state
            .lock()
            .next
            .entry(service)
            .or_default()
            .push_back(answer);
    }

    /// `service` gives this answer until [`FakeAzure::recover`].
    pub fn answer_always(&self, service: Service, answer: Answer) {
        self.state.lock().always.insert(service, answer);
    }

    /// `service` works again.
    pub fn recover(&self, service: Service) {
        let mut state = self.state.lock();
        state.always.remove(&service);
        state.next.remove(&service);
    }

    /// Tokens issued so far are not accepted any more, as when a key or session was revoked.
    pub fn revoke_tokens(&self) {
        self.state.lock().arm_tokens.clear();
    }
}

/// A kubeconfig as AKS gives it for a cluster with Microsoft Entra and `format=exec`.
#[must_use]
pub fn kubelogin_kubeconfig(server: &str) -> String {
    format!(
        r"apiVersion: v1
kind: Config
clusters:
- name: {CLUSTER}
  cluster:
    server: {server}
contexts:
- name: {CLUSTER}
  context:
    cluster: {CLUSTER}
    user: clusterUser_{RESOURCE_GROUP}_{CLUSTER}
current-context: {CLUSTER}
preferences: {{}}
users:
- name: clusterUser_{RESOURCE_GROUP}_{CLUSTER}
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1beta1
      command: kubelogin
      args:
      - get-token
      - --environment
      - AzurePublicCloud
      - --server-id
      - {AKS_SERVER_ID}
      - --client-id
      - 80faf920-1908-4b52-b5ef-a8e7bedfc67a
      - --tenant-id
      - {TENANT_ID}
      - --login
      - devicecode
      env: null
      provideClusterInfo: false
"
    )
}

/// State that the server's thread and the test share.
struct Shared(Mutex<State>);

struct State {
    settings: FakeAzureBuilder,
    base_url: String,
    log: Vec<Recorded>,
    next: HashMap<Service, VecDeque<Answer>>,
    always: HashMap<Service, Answer>,
    oidc_tokens: Vec<String>,
    arm_tokens: Vec<String>,
    issued: usize,
}

impl Shared {
    fn new(settings: FakeAzureBuilder) -> Self {
        Self(Mutex::new(State {
            settings,
            base_url: String::new(),
            log: Vec::new(),
            next: HashMap::new(),
            always: HashMap::new(),
            oidc_tokens: Vec::new(),
            arm_tokens: Vec::new(),
            issued: 0,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Logs `request` and finds its answer: a scripted one, else the service's own.
    fn answer(&mut self, request: &Recorded) -> Answer {
        self.log.push(request.clone());
        let scripted = self
            .next
            .get_mut(&request.service)
            .and_then(VecDeque::pop_front);
        if let Some(answer) = scripted.or_else(|| self.always.get(&request.service).cloned()) {
            return answer;
        }
        match request.service {
            Service::Oidc => oidc::answer(self, request),
            Service::Entra => entra::answer(self, request),
            Service::Arm => arm::answer(self, request),
            Service::Unknown => Answer::json(404, &serde_json::json!({})),
        }
    }
}
