//! A whole real Kubernetes cluster with real nodes, for rung 5 of the test ladder.
//!
//! etcd, the control plane, containerd and the kubelet run as child processes; pods are real
//! processes in network namespaces on a bridge of their own. It takes root on Linux, and the
//! programs that `cargo xtask test` installs and builds.

mod access;
mod binaries;
mod certificates;
mod clear;
mod control_plane;
mod dump;
mod fake_nodes;
mod image;
mod namespace;
mod node;
mod objects;
mod ports;
mod process;
mod registry;
mod run;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::{Node as NodeObject, ServiceAccount, Taint};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use tokio::time::{Instant, sleep};

pub use access::{ADMIN_TOKEN, LIMITED_TOKEN, LIMITED_USER};
pub use control_plane::Pace;
pub use dump::dump;
pub use fake_nodes::{FAKE, IMAGE_CRASHES, IMAGE_GONE};
pub use image::{BUSYBOX, PAUSE};
pub use namespace::with_namespace;
pub use objects::{Rollout, apply, wait_for_rollout};

use binaries::installed;
use certificates::Certificates;
use image::{Image, PUBLIC_BUSYBOX};
use node::{Node, PodNetwork, Which};
use registry::{Access, Registry};
use run::Run;

/// How long the cluster may take to be ready. It takes about 5 s on two idle cores.
const START_LIMIT: Duration = Duration::from_secs(120);

/// How often the start looks whether the next step can be taken.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A running cluster. Dropping it ends every process and removes every trace of it.
pub struct RealCluster {
    client: Client,
    server_url: String,
    ca_pem: String,
    kubeconfig: PathBuf,
    kubectl: PathBuf,
    busybox: PathBuf,
    open: Registry,
    private: Registry,
    namespaces: AtomicU32,
    pushing: Mutex<()>,
    run: Run,
}

/// A registry that does not listen yet: pulls from it are refused until it is started.
#[derive(Debug)]
pub struct SleepingRegistry(Registry);

impl SleepingRegistry {
    /// Host and port, as an image name begins with them.
    #[must_use]
    pub fn address(&self) -> String {
        self.0.address()
    }
}

impl RealCluster {
    /// Clears what killed runs left behind, starts everything, and waits until the node is ready.
    ///
    /// # Errors
    /// When a program is missing (`cargo xtask test` sets them up), when the user is not root, or
    /// when a component ends early: then with the last lines of its log.
    pub async fn start(pace: Pace) -> Result<Self> {
        let run = Run::begin()?;
        let busybox = installed("busybox")?;
        let pause = run.built("pause")?;
        let pki = Certificates::make(&run)?;
        let server_url = control_plane::start_api(&run, &pki)?;
        let network = PodNetwork::create(&run)?;
        for which in Which::ALL {
            Node { run: &run, which }.start_runtime()?;
        }

        let open = Registry::reserve(&run, "open")?;
        open.start(&run, Access::Anyone)?;
        let private = Registry::reserve(&run, "private")?;
        private.start(&run, Access::WithPassword)?;

        let admin = access::kubeconfig(&server_url, &pki.ca_pem, ADMIN_TOKEN);
        let kubeconfig = run.write("kubeconfig/admin", &admin)?;
        let client = client_of(&admin).await?;
        let cluster = Self {
            client,
            server_url,
            ca_pem: pki.ca_pem.clone(),
            kubeconfig,
            kubectl: run.built("kubectl")?,
            busybox,
            open,
            private,
            namespaces: AtomicU32::new(0),
            pushing: Mutex::new(()),
            run,
        };
        cluster.push_image("app:good")?;
        cluster.fill_nodes(&pause).await?;
        cluster
            .until("the API server", || cluster.api_is_ready())
            .await?;
        // Not before: the controller manager gives up on an API server that is not ready in 10 s.
        control_plane::start_controllers(&cluster.run, &pki, &cluster.server_url, pace)?;
        let api = node::Api {
            url: &cluster.server_url,
            pki: &pki,
        };
        // One after the other: a kubelet clears the folder of device plugins and listens there, at a path that no
        // flag moves, and one that finds the other's socket ends (`pkg/kubelet/cm/devicemanager`).
        for node in cluster.nodes() {
            node.start_kubelet(&network, &api)?;
            let which = node.which;
            cluster
                .until(which.folder(), || cluster.node_is_ready(which))
                .await?;
        }
        cluster
            .until("the controllers", || cluster.controllers_are_ready())
            .await?;
        Ok(cluster)
    }

    /// A client with the rights of an administrator.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The administrator's kubeconfig, a file that lives as long as the cluster.
    #[must_use]
    pub fn kubeconfig_path(&self) -> &Path {
        &self.kubeconfig
    }

    /// The text of a kubeconfig that shows `token`: [`ADMIN_TOKEN`], [`LIMITED_TOKEN`], or any other
    /// text, which the API server answers with 401.
    #[must_use]
    pub fn kubeconfig_for(&self, token: &str) -> String {
        access::kubeconfig(&self.server_url, &self.ca_pem, token)
    }

    /// The name of the node that only pods get to that tolerate its taint `rollguard.test/second`;
    /// its label of that name is `true`.
    #[must_use]
    pub fn second_node(&self) -> String {
        Which::Second.name(self.run.id())
    }

    /// `https://127.0.0.1:<port>`.
    #[must_use]
    pub fn server_url(&self) -> &str {
        &self.server_url
    }

    /// The certificate that the API server's is signed with.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// kubectl of the cluster's own version.
    #[must_use]
    pub fn kubectl(&self) -> &Path {
        &self.kubectl
    }

    /// Host and port of the registry that anyone may pull from. It has `app:good`.
    #[must_use]
    pub fn registry(&self) -> String {
        self.open.address()
    }

    /// Host and port of the registry that refuses every pull with 401.
    #[must_use]
    pub fn private_registry(&self) -> String {
        self.private.address()
    }

    /// Publishes busybox as `<repository>:<tag>` in [`RealCluster::registry`].
    ///
    /// # Errors
    /// When the image cannot be stored.
    pub fn push_image(&self, name: &str) -> Result<()> {
        self.push_to(&self.open, name)
    }

    /// Imports an OCI layout in a tar archive into the first node.
    ///
    /// # Errors
    /// With what `ctr` says.
    pub fn import(&self, archive: &Path) -> Result<()> {
        let [first, _] = self.nodes();
        first.import_archive(archive)
    }

    /// Reserves an address where [`RealCluster::wake_registry`] lets a registry appear later.
    ///
    /// # Errors
    /// When no port is free.
    pub fn sleeping_registry(&self) -> Result<SleepingRegistry> {
        let number = self.namespaces.fetch_add(1, Ordering::Relaxed);
        Ok(SleepingRegistry(Registry::reserve(
            &self.run,
            &format!("late-{number}"),
        )?))
    }

    /// Lets a registry appear that has `<repository>:<tag>`.
    ///
    /// # Errors
    /// When the image cannot be stored or the registry not be started.
    pub fn wake_registry(&self, registry: &SleepingRegistry, name: &str) -> Result<()> {
        self.push_to(&registry.0, name)?;
        registry.0.start(&self.run, Access::Anyone)
    }

    /// Ends the cluster and removes every trace of it. Harmless when done twice.
    ///
    /// # Errors
    /// When something of it stays.
    pub fn stop(&self) -> Result<()> {
        self.run.end()
    }

    /// A name that no other namespace of this cluster has.
    fn fresh_namespace(&self, about: &str) -> String {
        let number = self.namespaces.fetch_add(1, Ordering::Relaxed);
        format!("{}-{number}", about.replace('_', "-"))
    }

    fn push_to(&self, registry: &Registry, name: &str) -> Result<()> {
        // Images share blobs, and each is written where another may be reading or writing it.
        let _one_at_a_time = self.pushing.lock().unwrap_or_else(PoisonError::into_inner);
        let (repository, tag) = name
            .split_once(':')
            .with_context(|| format!("failed to split `{name}` into repository and tag"))?;
        let full_name = format!("{}/{name}", registry.address());
        registry.push(&Image::busybox(&full_name, &self.busybox)?, repository, tag)
    }

    fn nodes(&self) -> [Node<'_>; 2] {
        Which::ALL.map(|which| Node {
            run: &self.run,
            which,
        })
    }

    async fn fill_nodes(&self, pause: &Path) -> Result<()> {
        let images = [
            Image::pause(pause)?,
            Image::busybox(BUSYBOX, &self.busybox)?,
            Image::busybox(PUBLIC_BUSYBOX, &self.busybox)?,
        ];
        for node in self.nodes() {
            for image in &images {
                let import = || async { node.import(image) };
                self.until("containerd", import).await?;
            }
        }
        Ok(())
    }

    async fn api_is_ready(&self) -> Result<()> {
        let request = http::Request::get("/readyz").body(Vec::new())?;
        self.client.request_text(request).await?;
        Ok(())
    }

    async fn node_is_ready(&self, which: Which) -> Result<()> {
        let nodes: Api<NodeObject> = Api::all(self.client());
        let node = nodes.get(&which.name(self.run.id())).await?;
        let conditions = node
            .status
            .and_then(|status| status.conditions)
            .unwrap_or_default();
        let ready = conditions
            .iter()
            .find(|condition| condition.type_ == "Ready");
        let Some(ready) = ready else {
            bail!("no Ready condition yet")
        };
        if ready.status != "True" {
            bail!("{}", ready.message.as_deref().unwrap_or("not Ready"));
        }
        let taints = node.spec.and_then(|spec| spec.taints).unwrap_or_default();
        let not_ready = |taint: &Taint| taint.key == "node.kubernetes.io/not-ready";
        if taints.iter().any(not_ready) {
            bail!("still tainted as not ready");
        }
        Ok(())
    }

    /// Their first visible work in a new cluster.
    async fn controllers_are_ready(&self) -> Result<()> {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client(), "default");
        accounts.get("default").await?;
        Ok(())
    }

    /// Repeats `step` until it succeeds, a process ends early, or [`START_LIMIT`] is over.
    async fn until<F>(&self, what: &str, step: impl Fn() -> F) -> Result<()>
    where
        F: Future<Output = Result<()>>,
    {
        let limit = Instant::now() + START_LIMIT;
        loop {
            let Err(error) = step().await else {
                return Ok(());
            };
            self.run.ensure_alive()?;
            if Instant::now() > limit {
                return Err(error.context(format!("{what} was not ready in {START_LIMIT:?}")));
            }
            sleep(LOOK_AGAIN).await;
        }
    }
}

/// A client of a kubeconfig given as text.
///
/// # Errors
/// When the text is no kubeconfig, or its credentials cannot be used.
pub async fn client_of(kubeconfig: &str) -> Result<Client> {
    Client::try_from(config_of(kubeconfig).await?).context("failed to make a client")
}

/// A client of a kubeconfig given as text that sends each request once, for a proxy: to repeat what is
/// answered with 503 would hide the answer of a pod.
///
/// # Errors
/// When the text is no kubeconfig, or its credentials cannot be used.
pub async fn client_without_retry(kubeconfig: &str) -> Result<Client> {
    let mut config = config_of(kubeconfig).await?;
    config.default_retry = false;
    Client::try_from(config).context("failed to make a client")
}

async fn config_of(kubeconfig: &str) -> Result<Config> {
    let kubeconfig = Kubeconfig::from_yaml(kubeconfig).context("failed to read a kubeconfig")?;
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .context("failed to use a kubeconfig")
}
