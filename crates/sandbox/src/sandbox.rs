//! The handle on an embedded cluster.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::controllers;
use crate::event::Recorder;
use crate::fake_kubelet::{FakeKubelet, Script, ScriptRule};
use crate::fault::FaultTable;
use crate::faults::Faults;
use crate::http::{Api, Request};
use crate::log::Logs;
use crate::names::Names;
use crate::resource::Resource;
use crate::shared::Shared;
use crate::store::Store;

/// An embedded cluster: a stateful Kubernetes API in this process, with the controllers that a
/// Deployment's rollout needs and a kubelet that plays scripts. It ends when this handle is
/// dropped: clients then get connection errors, watches end.
///
/// It lives in tokio's time only. With paused time it jumps from one due moment to the next.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), kube::Error> {
/// use k8s_openapi::api::core::v1::Namespace;
/// use rollguard_sandbox::{Sandbox, Script};
///
/// let sandbox = Sandbox::builder()
///     .play(|pod| pod.metadata.name.as_deref() == Some("bad"), Script::image_not_found())
///     .build();
/// let namespaces: kube::Api<Namespace> = kube::Api::all(sandbox.client());
/// assert!(namespaces.get_opt("default").await?.is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Sandbox {
    shared: Arc<Shared>,
    controllers: JoinHandle<()>,
}

/// Sets up a [`Sandbox`].
#[derive(Default)]
pub struct SandboxBuilder {
    origin: Timestamp,
    namespaces: Vec<String>,
    nodes: Vec<String>,
    scripts: Vec<ScriptRule>,
}

impl std::fmt::Debug for SandboxBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SandboxBuilder")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

impl SandboxBuilder {
    /// Sets what the cluster's clock shows at first; by default the Unix epoch.
    #[must_use]
    pub fn origin(mut self, origin: Timestamp) -> Self {
        self.origin = origin;
        self
    }

    /// Makes a namespace, beside `default`.
    #[must_use]
    pub fn namespace(mut self, name: &str) -> Self {
        self.namespaces.push(name.to_owned());
        self
    }

    /// Makes a node. Without any there is one, `sandbox-node-1`.
    #[must_use]
    pub fn node(mut self, name: &str) -> Self {
        self.nodes.push(name.to_owned());
        self
    }

    /// Pods that the matcher takes play the script; of several matchers the first counts. Pods
    /// that none takes are [`Script::healthy`].
    #[must_use]
    pub fn play(
        mut self,
        matches: impl Fn(&Pod) -> bool + Send + Sync + 'static,
        script: Script,
    ) -> Self {
        self.scripts.push(ScriptRule {
            matches: Arc::new(matches),
            script,
        });
        self
    }

    /// Starts the cluster.
    ///
    /// # Panics
    /// Outside of a tokio runtime with time.
    #[must_use]
    pub fn build(self) -> Sandbox {
        let mut cluster = Cluster {
            store: Store::default(),
            clock: Clock::starting_at(self.origin),
            names: Names::default(),
            logs: Logs::default(),
            recorder: Recorder::default(),
            kubelet: FakeKubelet::new(self.scripts),
            pod_rules: Vec::new(),
            faults: FaultTable::default(),
            requests: Vec::new(),
            closed: false,
        };
        let first = ["default".to_owned(), "kube-system".to_owned()];
        for name in first.into_iter().chain(self.namespaces) {
            let namespace = json!({"metadata": {"name": name}});
            // Fails only for a name that is there already, and then it is there.
            let _ = cluster.create(Resource::Namespaces, "", namespace);
        }
        cluster.put_system_priorities();
        let nodes = match self.nodes.as_slice() {
            [] => vec!["sandbox-node-1".to_owned()],
            named => named.to_vec(),
        };
        for name in nodes {
            let node = crate::node::new(&name, cluster.now());
            let status = node["status"].clone();
            // Fails only for a name that is there already.
            if cluster.create(Resource::Nodes, "", node).is_ok() {
                cluster.modify(&crate::node::key(&name), |node| node["status"] = status);
            }
        }
        let shared = Arc::new(Shared::new(cluster));
        let controllers = tokio::spawn(controllers::run(Arc::clone(&shared)));
        Sandbox {
            shared,
            controllers,
        }
    }
}

impl Sandbox {
    /// A cluster with the namespaces `default` and `kube-system` and nothing else.
    #[must_use]
    pub fn builder() -> SandboxBuilder {
        SandboxBuilder::default()
    }

    /// A client of the cluster; its default namespace is `default`.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn client(&self) -> kube::Client {
        self.client_that(true)
    }

    /// Returns a client whose requests meet no fault and are not counted: of those who deploy, and of a test that
    /// looks at how things really are.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn unimpaired_client(&self) -> kube::Client {
        self.client_that(false)
    }

    fn client_that(&self, is_observed: bool) -> kube::Client {
        let api = Api {
            shared: Arc::clone(&self.shared),
            observed: is_observed,
        };
        kube::Client::new(api, "default")
    }

    /// Returns what the cluster's clock shows.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared.with(|cluster| cluster.now())
    }

    /// The handle with which things are broken.
    #[must_use]
    pub fn faults(&self) -> Faults {
        Faults(Arc::clone(&self.shared))
    }

    /// Every request so far, in the order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared.with(|cluster| cluster.requests.clone())
    }

    /// Returns the requests since the last call, and forgets them: for a test over hours.
    #[must_use]
    pub fn take_requests(&self) -> Vec<Request> {
        self.shared
            .change(|cluster| std::mem::take(&mut cluster.requests))
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.shared.change(|cluster| cluster.closed = true);
        self.controllers.abort();
    }
}
