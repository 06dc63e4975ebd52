//! The inputs of a command: parses the given texts ([`RawInputs`]) into [`Inputs`], without IO.

use std::collections::BTreeMap;
use std::time::Duration;

use rollguard_core::approval::Approval;
use rollguard_core::finding::FindingCode;
use rollguard_core::http::HttpCheck;
use rollguard_core::permission::Usage;
use rollguard_core::policy::Policy;
use rollguard_core::rollback::Allowed;
use rollguard_core::workload::{Revision, WorkloadRef};

mod error;
mod form;
mod raw;
mod reader;
mod selector;
mod spec;
mod values;
mod workload_words;

pub use error::{InputError, InputErrors, InputProblem};
pub use form::{CliForm, Group, InputKind, InputSpec};
pub use raw::{RawInputs, Source};
pub use spec::{
    AKS_CLUSTER, ALLOW_ON_DELETE, ALLOW_SCHEMA_DOWNGRADE, APPROVED, AZURE_RESOURCE_GROUP,
    AZURE_SERVICE_CONNECTION, AZURE_SUBSCRIPTION_ID, BASELINE, COMMAND, CONFIG_FILE,
    CONNECTION_TYPE, DOCTOR_COMMANDS, EVIDENCE, FAIL_ON, FORCE_OWNER, GRACES, HTTP, INPUTS,
    KUBERNETES_SERVICE_CONNECTION, LOGS, MANIFESTS, MARK, NAMESPACE, PUBLIC_FQDN, REVISION,
    SELECTOR, STABLE_FOR, TIMEOUT, TO_REVISION, TRAFFIC, USE_CLUSTER_ADMIN, WAIT, WORKLOADS,
};
pub use workload_words::workload_words;

/// The command, with its inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandName {
    /// Follow a rollout to a verdict.
    Check,
    /// Restore the last good revision.
    Rollback,
    /// Tell whether the others would work.
    Doctor,
    /// Judge manifests, or what runs in the cluster, by practices.
    Lint,
}

impl CommandName {
    /// Every command.
    pub const ALL: [Self; 4] = [Self::Check, Self::Rollback, Self::Doctor, Self::Lint];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Rollback => "rollback",
            Self::Doctor => "doctor",
            Self::Lint => "lint",
        }
    }

    /// Reads the word for it; the case matters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }
}

/// A type of service connection, in the words of `KubernetesManifest@1` and `HelmDeploy@1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionType {
    /// Through Azure to a cluster of AKS.
    AzureResourceManager,
    /// To any cluster, with the connection's own credentials.
    KubernetesServiceConnection,
    /// None: no cluster is asked.
    NoConnection,
}

impl ConnectionType {
    /// Every type.
    pub const ALL: [Self; 3] = [
        Self::AzureResourceManager,
        Self::KubernetesServiceConnection,
        Self::NoConnection,
    ];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AzureResourceManager => "azureResourceManager",
            Self::KubernetesServiceConnection => "kubernetesServiceConnection",
            Self::NoConnection => "none",
        }
    }

    /// Reads the word for it; the case matters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }
}

/// Inputs that make sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inputs {
    /// What to do, with its own inputs.
    pub command: CommandInputs,
    /// Which cluster; `None`: the command line, and the cluster of the kubeconfig; or a lint of a task that
    /// asks no cluster.
    pub cluster: Option<ClusterTarget>,
}

/// A command with its inputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandInputs {
    /// Follow a rollout to a verdict.
    Check(CheckInputs),
    /// Restore the last good revision.
    Rollback(RollbackInputs),
    /// Tell whether the others would work.
    Doctor(DoctorInputs),
    /// Judge manifests, or what runs in the cluster, by practices.
    Lint(LintInputs),
}

/// The inputs of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckInputs {
    /// Where the workloads are; also those of `workloads`.
    pub namespace: String,
    /// What to check by name, each once; empty only where there is a selector or a `CronJob`.
    pub workloads: Vec<WorkloadRef>,
    /// The `CronJob`s of the namespace whose newest Jobs are to be checked, each once.
    pub cron_jobs: Vec<String>,
    /// What to check besides, by the workloads' own labels.
    pub selector: Option<String>,
    /// How long the rollout may take.
    pub timeout: Duration,
    /// How long it must stay complete; shorter than `timeout`.
    pub stable_for: Duration,
    /// What each new pod must answer.
    pub http: Vec<HttpCheck>,
    /// How long causes may last, where not as long as the policy has it.
    pub graces: BTreeMap<FindingCode, Duration>,
    /// The revision to check; only with one workload and no selector.
    pub revision: Option<Revision>,
    /// Whether a revision that was found healthy is marked as good.
    pub mark: bool,
    /// Whether the logs of containers that fail are read.
    pub logs: bool,
    /// Whether the way of users to the pods is judged.
    pub traffic: bool,
    /// The approval of an earlier check: this is the check after that rollback. Every workload is
    /// one of those it names, and the restored revision is awaited.
    pub evidence: Option<Approval>,
    /// What a rollback may do that is refused otherwise; here for what is proposed.
    pub allowed: Allowed,
}

impl CheckInputs {
    /// Returns the thresholds of the check.
    #[must_use]
    pub fn policy(&self) -> Policy {
        Policy {
            timeout: self.timeout,
            stable_for: self.stable_for,
            http: self.http.clone(),
            graces: self.graces.clone(),
            traffic: self.traffic,
            ..Policy::default()
        }
    }
}

/// The inputs of a rollback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollbackInputs {
    /// Where the workloads are; also those of `workloads`.
    pub namespace: String,
    /// What to roll back by name, each once; with evidence, all or some of what it names; empty only where
    /// there is a selector.
    pub workloads: Vec<WorkloadRef>,
    /// What to roll back besides, by the workloads' own labels, where their rollout fails; not with
    /// evidence.
    pub selector: Option<String>,
    /// The revision that a person named; only with one workload and no evidence.
    pub to_revision: Option<Revision>,
    /// The check's approval.
    pub evidence: Option<Approval>,
    /// What is refused otherwise.
    pub allowed: Allowed,
    /// How long the restored revision may take to become healthy.
    pub timeout: Duration,
    /// How long it must stay complete; shorter than `timeout`.
    pub stable_for: Duration,
    /// What each restored pod must answer.
    pub http: Vec<HttpCheck>,
    /// How long causes may last, where not as long as the policy has it.
    pub graces: BTreeMap<FindingCode, Duration>,
    /// Whether the logs of containers that fail are read.
    pub logs: bool,
    /// Whether the way of users to the pods is judged.
    pub traffic: bool,
    /// Whether to check again afterwards.
    pub wait: bool,
}

/// The inputs of a doctor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoctorInputs {
    /// Where the workloads are; also those of `workloads`.
    pub namespace: String,
    /// The workloads that were named, each once; perhaps none.
    pub workloads: Vec<WorkloadRef>,
    /// The commands and options whose permissions are asked for.
    pub usage: Usage,
}

/// The inputs of a lint in a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LintInputs {
    /// Where the named workloads are, and the manifests that name no namespace.
    pub namespace: String,
    /// Workloads of the cluster, each once.
    pub workloads: Vec<WorkloadRef>,
    /// More workloads of the cluster, by their own labels.
    pub selector: Option<String>,
    /// Files, folders and patterns of manifests.
    pub manifests: Vec<String>,
    /// From which severity on findings fail the task; `None`: as the configuration file says.
    pub fail_on: Option<String>,
    /// The configuration file, instead of the one that is found.
    pub config: Option<String>,
    /// A file of findings that do not count.
    pub baseline: Option<String>,
    /// The timeout of the check after the rollout; `None` for the default one, which an agent sends by itself.
    pub timeout: Option<Duration>,
}

/// A cluster, and the way to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClusterTarget {
    /// Through Azure.
    Aks(AksTarget),
    /// Through a Kubernetes service connection.
    Kubernetes {
        /// The id of the service connection.
        service_connection_id: String,
    },
}

/// An AKS cluster, and who may reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AksTarget {
    /// The id of the service connection; `None`: the command line, where a person is signed in to Azure.
    pub service_connection_id: Option<String>,
    /// The subscription; `None`: the service connection's.
    pub subscription_id: Option<String>,
    /// The resource group.
    pub resource_group: String,
    /// The cluster's name.
    pub cluster: String,
    /// Whether to sign in with the cluster's local administrator account.
    pub use_cluster_admin: bool,
    /// Whether to reach a private cluster by its public FQDN.
    pub public_fqdn: bool,
}

impl CheckInputs {
    /// A check of one workload, and of nothing more than its rollout.
    #[must_use]
    pub fn of(workload: WorkloadRef, timeout: Duration, stable_for: Duration) -> Self {
        Self {
            namespace: workload.namespace.clone(),
            workloads: vec![workload],
            cron_jobs: Vec::new(),
            selector: None,
            timeout,
            stable_for,
            http: Vec::new(),
            graces: BTreeMap::new(),
            revision: None,
            mark: true,
            logs: true,
            traffic: true,
            evidence: None,
            allowed: Allowed::default(),
        }
    }

    /// The same workloads in another namespace: on the command line the kubeconfig may name it.
    /// Evidence has named it already.
    pub fn place_in(&mut self, namespace: &str) {
        if self.evidence.is_none() {
            place(&mut self.namespace, &mut self.workloads, namespace);
        }
    }
}

impl RollbackInputs {
    /// A rollback of one workload to what the evidence in the cluster says, without a check after it.
    #[must_use]
    pub fn of(workload: WorkloadRef, timeout: Duration, stable_for: Duration) -> Self {
        Self {
            namespace: workload.namespace.clone(),
            workloads: vec![workload],
            selector: None,
            to_revision: None,
            evidence: None,
            allowed: Allowed::default(),
            timeout,
            stable_for,
            http: Vec::new(),
            graces: BTreeMap::new(),
            logs: true,
            traffic: true,
            wait: false,
        }
    }

    /// The same workloads in another namespace: on the command line the kubeconfig may name it.
    /// Evidence has named it already.
    pub fn place_in(&mut self, namespace: &str) {
        if self.evidence.is_none() {
            place(&mut self.namespace, &mut self.workloads, namespace);
        }
    }
}

impl DoctorInputs {
    /// The same workloads in another namespace: on the command line the kubeconfig may name it.
    pub fn place_in(&mut self, namespace: &str) {
        place(&mut self.namespace, &mut self.workloads, namespace);
    }
}

fn place(home: &mut String, workloads: &mut [WorkloadRef], namespace: &str) {
    namespace.clone_into(home);
    for workload in workloads {
        namespace.clone_into(&mut workload.namespace);
    }
}

/// Returns the workloads of an approval.
fn workloads_of(approval: &Approval) -> Vec<&WorkloadRef> {
    approval.workloads.iter().map(|it| &it.workload).collect()
}

impl Inputs {
    /// Understands the inputs.
    ///
    /// # Errors
    /// When any input is missing or wrong; all of them are reported together.
    pub fn parse(raw: &RawInputs) -> Result<Self, InputErrors> {
        let mut reader = reader::Reader::new(raw);
        let name = reader.command();
        let names_cluster = match raw.source() {
            Source::Task => !reader.asks_no_cluster(name),
            // Otherwise it is that of the kubeconfig.
            Source::CommandLine => reader.names_aks_cluster(),
        };
        let cluster = match raw.source() {
            _ if !names_cluster => None,
            Source::Task => reader.cluster_of_task(),
            Source::CommandLine => reader.cluster_of_command_line(),
        };
        let command = match name {
            Some(CommandName::Check) => reader.check().map(CommandInputs::Check),
            Some(CommandName::Rollback) => reader.rollback().map(CommandInputs::Rollback),
            Some(CommandName::Doctor) => reader.doctor().map(CommandInputs::Doctor),
            Some(CommandName::Lint) => reader.lint().map(CommandInputs::Lint),
            None => None,
        };
        let inputs = command
            .filter(|_| !names_cluster || cluster.is_some())
            .map(|command| Self { command, cluster });
        reader.finish(inputs)
    }
}

#[cfg(test)]
mod tests;
