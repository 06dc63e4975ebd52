//! Which cluster, and the way to it.

use super::super::error::InputProblem;
use super::super::values::{boolean, cluster, one_connection, resource_group, subscription_id};
use super::super::{AksTarget, ClusterTarget, CommandName, ConnectionType, spec};
use super::Reader;

impl Reader<'_> {
    /// Returns whether the inputs of a task say that no cluster is asked, which only a lint may.
    pub(in crate::inputs) fn asks_no_cluster(&mut self, command: Option<CommandName>) -> bool {
        let none = ConnectionType::NoConnection;
        if self.raw.get(&spec::CONNECTION_TYPE) != Some(none.as_str()) {
            return false;
        }
        if let Some(other) = command.filter(|it| *it != CommandName::Lint) {
            let problem = InputProblem::NeedsCluster(other.as_str());
            self.wrong(&spec::CONNECTION_TYPE, problem);
        }
        self.nothing_for_others_than(none);
        true
    }

    /// The cluster of a task.
    pub(in crate::inputs) fn cluster_of_task(&mut self) -> Option<ClusterTarget> {
        let connection = self.required(&spec::CONNECTION_TYPE, |text| {
            ConnectionType::parse(text).ok_or_else(|| InputProblem::ConnectionType(text.to_owned()))
        })?;
        self.nothing_for_others_than(connection);
        match connection {
            ConnectionType::AzureResourceManager => {
                let id = self.required(&spec::AZURE_SERVICE_CONNECTION, one_connection);
                let subscription_id = self.optional(&spec::AZURE_SUBSCRIPTION_ID, subscription_id);
                let mut target = self.aks_target()?;
                target.service_connection_id = Some(id?);
                target.subscription_id = subscription_id;
                Some(ClusterTarget::Aks(target))
            }
            ConnectionType::KubernetesServiceConnection => {
                let id = self.required(&spec::KUBERNETES_SERVICE_CONNECTION, one_connection);
                id.map(|service_connection_id| ClusterTarget::Kubernetes {
                    service_connection_id,
                })
            }
            ConnectionType::NoConnection => None,
        }
    }

    /// Returns whether the command line names an AKS cluster, or a part of its address.
    pub(in crate::inputs) fn names_aks_cluster(&self) -> bool {
        let mut of_azure = spec::INPUTS
            .iter()
            .filter(|spec| spec.connection == Some(ConnectionType::AzureResourceManager));
        of_azure.any(|spec| !self.is_absent(spec))
    }

    /// The AKS cluster of the command line, to which no service connection leads.
    pub(in crate::inputs) fn cluster_of_command_line(&mut self) -> Option<ClusterTarget> {
        let subscription_id = self.required(&spec::AZURE_SUBSCRIPTION_ID, subscription_id);
        let mut target = self.aks_target()?;
        target.subscription_id = Some(subscription_id?);
        Some(ClusterTarget::Aks(target))
    }

    fn aks_target(&mut self) -> Option<AksTarget> {
        let resource_group = self.required(&spec::AZURE_RESOURCE_GROUP, resource_group);
        let cluster = self.required(&spec::AKS_CLUSTER, cluster);
        let use_cluster_admin = self.required(&spec::USE_CLUSTER_ADMIN, boolean);
        let public_fqdn = self.required(&spec::PUBLIC_FQDN, boolean);
        Some(AksTarget {
            service_connection_id: None,
            subscription_id: None,
            resource_group: resource_group?,
            cluster: cluster?,
            use_cluster_admin: use_cluster_admin?,
            public_fqdn: public_fqdn?,
        })
    }

    /// With an input of another type of connection, another cluster may be meant.
    fn nothing_for_others_than(&mut self, connection: ConnectionType) {
        for spec in spec::INPUTS {
            let Some(only) = spec.connection.filter(|only| *only != connection) else {
                continue;
            };
            if self.says_something(spec) {
                self.wrong(spec, InputProblem::OtherConnection(only.as_str()));
            }
        }
    }
}
