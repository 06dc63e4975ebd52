//! Where a drill takes place: the embedded cluster, or a namespace of its own on the user's.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{Api, DeleteParams, ObjectMeta, Patch, PatchParams, PostParams};
use rollguard_agent::Outcome;
use rollguard_agent::inputs::CheckInputs;
use rollguard_cluster::{Connection, Login, connect};
use rollguard_core::report::{Line, Style};
use rollguard_core::workload::{WorkloadKind, WorkloadRef};
use rollguard_sandbox::{Sandbox, Script};

use super::screen::Screen;
use super::{TIMEOUT, manifest};
use crate::cancel::Cancel;
use crate::console::Console;
use crate::failure::Failure;
use crate::recorder::Recorder;
use crate::run::check::check;
use crate::run::tools::Tools;

/// Where the user wants the drill.
pub(crate) enum Place {
    /// In this process.
    Embedded {
        /// The present time.
        now: Timestamp,
    },
    /// On a cluster of the user's kubeconfig.
    Context {
        /// The way in.
        login: Box<Login>,
        /// The present time.
        now: Timestamp,
    },
}

/// A namespace for one drill, and the connection to it.
pub(super) struct DrillEnvironment {
    connection: Connection,
    namespace: String,
    place: String,
    images: manifest::Images,
    /// Keeps the embedded cluster alive; none on the user's.
    sandbox: Option<Sandbox>,
}

impl DrillEnvironment {
    /// Connects and creates the namespace.
    pub(super) async fn open(
        place: Place,
        image: Option<String>,
        console: &mut Console,
        cancel: &Cancel,
    ) -> Result<Self, Failure> {
        let (login, sandbox, now) = match place {
            Place::Embedded { now } => {
                let broken = |pod: &Pod| {
                    pod.metadata
                        .labels
                        .as_ref()
                        .and_then(|it| it.get(manifest::VERSION))
                        .is_some_and(|it| it == "v2")
                };
                let sandbox = Sandbox::builder()
                    .origin(now)
                    .play(broken, Script::image_not_found())
                    .build();
                (Login::Client(sandbox.client()), Some(sandbox), now)
            }
            Place::Context { login, now } => (*login, None, now),
        };
        let images = match &sandbox {
            Some(_) => manifest::Images::of_a_story(),
            None => manifest::Images::of_a_registry(image),
        };
        let connection = cancel.unless(connect(&login, now)).await??;
        let namespace = format!("rollguard-drill-{:x}", now.as_nanosecond() & 0xff_ffff);
        let place = if sandbox.is_some() {
            "the embedded cluster".to_owned()
        } else {
            format!("Kubernetes {}", connection.version)
        };
        console.line(&Line::styled(Style::Strong, "rollguard drill").then(
            Style::Dim,
            format!("  on {place}, in namespace {namespace}"),
        ));
        let environment = Self {
            connection,
            namespace,
            place,
            images,
            sandbox,
        };
        // Seen to its end: a namespace that is half made would be left behind.
        environment.make_namespace().await?;
        Ok(environment)
    }

    async fn make_namespace(&self) -> Result<(), Failure> {
        let object = Namespace {
            metadata: ObjectMeta {
                name: Some(self.namespace.clone()),
                labels: Some([("rollguard.dev/drill".to_owned(), "true".to_owned())].into()),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        let api: Api<Namespace> = Api::all(self.connection.client.clone());
        api.create(&PostParams::default(), &object)
            .await
            .map_err(|error| {
                Failure::new(
                    Outcome::Unexpected,
                    format!("failed to create namespace `{}`: {error}", self.namespace),
                )
                .hint("a drill needs the permission to create and delete a namespace of its own")
            })?;
        Ok(())
    }

    /// The namespace of the drill.
    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The words for where it takes place.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// Returns the name of the cluster, as the parameter of the stage takes it.
    pub(super) fn cluster_name(&self) -> String {
        let name = &self.connection.cluster.name;
        let is_taken = name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        // The address of a server is none.
        let name = if is_taken { name } else { "drill" };
        name.to_owned()
    }

    /// The cluster's time.
    pub(super) fn now(&self) -> Timestamp {
        self.connection.clock.now()
    }

    /// A connection to the cluster.
    pub(super) fn connection(&self) -> Connection {
        self.connection.clone()
    }

    fn deployments(&self) -> Api<Deployment> {
        Api::namespaced(self.connection.client.clone(), &self.namespace)
    }

    /// Deploys the healthy version and waits until it is.
    pub(super) async fn deploy_first(
        &self,
        screen: &Screen,
        cancel: &Cancel,
    ) -> Result<(), Failure> {
        let object = manifest::deployment("v1", &self.images.good).map_err(anyhow::Error::from)?;
        self.deployments()
            .create(&PostParams::default(), &object)
            .await
            .map_err(|error| deploy_failed(&error))?;
        let timeout = rollguard_core::duration::parse(TIMEOUT).map_err(anyhow::Error::from)?;
        let workload = WorkloadRef {
            kind: WorkloadKind::Deployment,
            namespace: self.namespace.clone(),
            name: manifest::NAME.to_owned(),
        };
        let inputs = CheckInputs::of(workload, timeout, std::time::Duration::from_secs(1));
        let mut console = screen.console();
        let mut tools = Tools {
            console: &mut console,
            recorder: &mut Recorder::off(),
            cancel,
        };
        let checked = check(&self.connection, &inputs, "a drill", &mut tools).await?;
        if checked.outcome == Outcome::Succeeded {
            return Ok(());
        }
        Err(Failure::new(
            Outcome::Unexpected,
            format!("v1 did not become healthy: {}", checked.report.sentence),
        )
        .hint("name an image that the cluster can pull with --image"))
    }

    /// Deploys the version whose image does not exist.
    pub(super) async fn deploy_second(&self) -> Result<(), Failure> {
        let object = manifest::deployment("v2", &self.images.bad).map_err(anyhow::Error::from)?;
        let params = PatchParams::default();
        self.deployments()
            .patch(manifest::NAME, &params, &Patch::Merge(&object))
            .await
            .map_err(|error| deploy_failed(&error))?;
        Ok(())
    }

    /// Returns the end of a drill that was cancelled, with what it changed.
    pub(super) fn cancelled(&self) -> Failure {
        if self.sandbox.is_some() {
            return Failure::new(Outcome::Cancelled, "cancelled").unchanged();
        }
        let namespace = &self.namespace;
        let message = format!("cancelled; nothing outside namespace `{namespace}` was changed");
        Failure::new(Outcome::Cancelled, message)
    }

    /// Removes what the drill made.
    pub(super) async fn close(self, console: &mut Console) -> Result<(), Failure> {
        if self.sandbox.is_some() {
            return Ok(());
        }
        let api: Api<Namespace> = Api::all(self.connection.client.clone());
        api.delete(&self.namespace, &DeleteParams::default())
            .await
            .map_err(|error| {
                Failure::new(
                    Outcome::Unexpected,
                    format!("failed to delete namespace `{}`: {error}", self.namespace),
                )
                .hint(format!("kubectl delete namespace {}", self.namespace))
            })?;
        console.line(&Line::styled(
            Style::Dim,
            format!("namespace {} is being removed", self.namespace),
        ));
        Ok(())
    }
}

fn deploy_failed(error: &kube::Error) -> Failure {
    Failure::new(Outcome::Unexpected, format!("failed to deploy: {error}"))
}
