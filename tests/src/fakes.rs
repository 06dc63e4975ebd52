//! A stand-in for Azure: the OIDC endpoint of Azure DevOps, Microsoft Entra and Azure Resource
//! Manager as one https server on loopback.
//!
//! It answers what the real ones are documented to answer, good and bad, and keeps a log of what it
//! was asked. [`FakeAzure::agent_env`] is what a child process needs to believe in it; a test in
//! the same process trusts [`FakeAzure::ca_pem`] and takes the addresses from the getters.

mod agent;
mod answer;
mod arm;
mod builder;
mod certificate;
mod cluster;
mod discovery;
mod entra;
mod identity;
mod kubeconfig;
mod oidc;
mod proxy;
mod server;
mod tenant;

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub use agent::Scheme;
use serde_json::{Value, json};

pub use answer::Answer;
pub use builder::FakeAzureBuilder;
pub use identity::jwt_of_identity;
pub use kubeconfig::kubelogin_kubeconfig;
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
/// Client id of the user-assigned managed identity of the fake's machine.
pub const IDENTITY_CLIENT_ID: &str = "c4b9e7d0-0000-4000-8000-00000000000a";
/// The header by which the fake's machine recognises its own programs.
pub const IDENTITY_HEADER: &str = "fake-identity-header";
/// Certificate and key of the fake service principal.
pub const CLIENT_CERTIFICATE: &str =
    include_str!("../../crates/azure/testdata/service-principal.pem");
/// The token of a service account that the fake API server knows.
pub const SERVICE_ACCOUNT_TOKEN: &str = "fake.service-account.token";
/// The token in the fake's admin kubeconfig.
pub const ADMIN_ACCOUNT_TOKEN: &str = "fake-local-admin-token";
/// The tokens that a fake `az` has: one for Azure Resource Manager, one for the cluster.
pub const AZ_ARM_TOKEN: &str = "fake-az-arm-token";
/// The other one.
pub const AZ_CLUSTER_TOKEN: &str = "fake-az-cluster-token";
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
    /// The machine's own service, which has the tokens of managed identities.
    Identity,
    /// The API server of a cluster.
    Cluster,
    /// An address that none of these has.
    Unknown,
}

/// The properties of a running cluster with Microsoft Entra and Kubernetes RBAC.
#[must_use]
pub fn running() -> Value {
    json!({
        "provisioningState": "Succeeded",
        "powerState": { "code": "Running" },
        "kubernetesVersion": "1.33",
        "currentKubernetesVersion": "1.33.2",
        "fqdn": "aks-shop-0a1b2c3d.hcp.westeurope.azmk8s.io",
        "aadProfile": { "managed": true, "enableAzureRBAC": false, "tenantID": TENANT_ID },
        "disableLocalAccounts": true,
    })
}

/// A name of the fake that only [`FakeProxy`] knows: loopback itself is never reached through a proxy.
pub const PROXIED_HOST: &str = "azure.invalid";

/// The sign-in of the public cloud, which clients of any cloud ask whether an address is Entra's. The
/// fake's certificate is good for it too.
pub const LOGIN_HOST: &str = "login.microsoftonline.com";

/// The running fake; it ends when dropped.
pub struct FakeAzure {
    state: Arc<Shared>,
    server: server::Server,
}

impl FakeAzure {
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

    /// Returns what `IDENTITY_ENDPOINT` holds.
    #[must_use]
    pub fn identity_endpoint(&self) -> String {
        format!("{}{}", self.base_url(), identity::PATH)
    }

    /// The kubeconfig of the fake's own API server, as AKS gives it for a cluster with Microsoft Entra. For
    /// [`FakeAzureBuilder::kubeconfig`] the server must run already, so [`FakeAzure::serve_own_cluster`] uses it.
    #[must_use]
    pub fn own_kubeconfig(&self) -> String {
        let text = kubelogin_kubeconfig(self.base_url());
        let authority = STANDARD.encode(self.ca_pem());
        let line = format!("    certificate-authority-data: {authority}\n    server: ");
        text.replace("    server: ", &line)
    }

    /// Azure Resource Manager hands out the kubeconfig of the fake's own API server.
    pub fn serve_own_cluster(&self) {
        let kubeconfig = self.own_kubeconfig();
        self.state.lock().settings.kubeconfig = kubeconfig;
    }

    /// The same for a cluster without Microsoft Entra, whose kubeconfig has the credentials in it.
    pub fn serve_local_accounts(&self) {
        let kubeconfig = arm::of_admin(&self.own_kubeconfig());
        self.state.lock().settings.kubeconfig = kubeconfig;
    }

    /// The certificate authority that vouches for the server, as PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.server.ca_pem
    }

    /// A client certificate that the authority vouches for, and its key, as PEM.
    #[must_use]
    pub fn client_identity_pem(&self) -> &str {
        &self.server.client_pem
    }

    /// The same as a file, for `SSL_CERT_FILE` and `NODE_EXTRA_CA_CERTS`. Removed with the fake.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.server.ca_file()
    }

    /// A token of the OIDC endpoint, for a client that takes it as a value or from a file.
    #[must_use]
    pub fn issue_oidc_token(&self) -> String {
        oidc::issue(&mut self.state.lock())
    }

    /// All requests so far, in the order of their arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        self.state.lock().log.clone()
    }

    /// The requests so far are forgotten.
    pub fn forget(&self) {
        self.state.lock().log.clear();
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
    cluster_tokens: Vec<String>,
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
            arm_tokens: vec![AZ_ARM_TOKEN.to_owned()],
            cluster_tokens: [SERVICE_ACCOUNT_TOKEN, ADMIN_ACCOUNT_TOKEN, AZ_CLUSTER_TOKEN]
                .map(str::to_owned)
                .to_vec(),
            issued: 0,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A new token for `audience`: Azure Resource Manager or the cluster.
    fn issue(&mut self, audience: &str) -> Option<String> {
        let proxied = self.base_url.replace("127.0.0.1", PROXIED_HOST);
        let of_arm = match &self.settings.audience {
            Some(own) => audience == own,
            None => audience == self.base_url || audience == proxied,
        };
        if of_arm {
            self.issued += 1;
            let token = format!("fake-arm-token-{}", self.issued);
            self.arm_tokens.push(token.clone());
            return Some(token);
        }
        if audience == AKS_SERVER_ID {
            self.issued += 1;
            let numbered = || format!("fake-cluster-token-{}", self.issued);
            let token = self.settings.cluster_token.clone();
            let token = token.unwrap_or_else(numbered);
            self.cluster_tokens.push(token.clone());
            return Some(token);
        }
        None
    }

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
            Service::Identity => identity::answer(self, request),
            Service::Cluster => cluster::answer(self, request),
            Service::Unknown => Answer::json(404, &json!({})),
        }
    }
}
