//! The resources that the embedded cluster serves.

/// A resource by its plural.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Resource {
    Namespaces,
    Nodes,
    Pods,
    Events,
    ConfigMaps,
    Secrets,
    ServiceAccounts,
    Quotas,
    LimitRanges,
    Claims,
    Deployments,
    ReplicaSets,
    StatefulSets,
    DaemonSets,
    ControllerRevisions,
    Jobs,
    Autoscalers,
    Services,
    EndpointSlices,
    Ingresses,
    HttpRoutes,
    NetworkPolicies,
    PriorityClasses,
    /// Answered, never stored.
    SelfSubjectAccessReviews,
    /// Answered, never stored.
    SelfSubjectReviews,
}

impl Resource {
    pub(crate) const ALL: [Self; 25] = [
        Self::Namespaces,
        Self::Nodes,
        Self::Pods,
        Self::Events,
        Self::ConfigMaps,
        Self::Secrets,
        Self::ServiceAccounts,
        Self::Quotas,
        Self::LimitRanges,
        Self::Claims,
        Self::Deployments,
        Self::ReplicaSets,
        Self::StatefulSets,
        Self::DaemonSets,
        Self::ControllerRevisions,
        Self::Jobs,
        Self::Autoscalers,
        Self::Services,
        Self::EndpointSlices,
        Self::Ingresses,
        Self::HttpRoutes,
        Self::NetworkPolicies,
        Self::PriorityClasses,
        Self::SelfSubjectAccessReviews,
        Self::SelfSubjectReviews,
    ];

    /// The resource at `/apis/<group>/<version>/…/<plural>`; the core group is empty.
    pub(crate) fn find(group: &str, version: &str, plural: &str) -> Option<Self> {
        Self::named(group, plural).filter(|it| it.version() == version)
    }

    /// The resource of that plural in a group, whatever its version.
    pub(crate) fn named(group: &str, plural: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|it| it.group() == group && it.plural() == plural)
    }

    pub(crate) const fn group(self) -> &'static str {
        match self {
            Self::Deployments
            | Self::ReplicaSets
            | Self::StatefulSets
            | Self::DaemonSets
            | Self::ControllerRevisions => "apps",
            Self::Jobs => "batch",
            Self::Autoscalers => "autoscaling",
            Self::EndpointSlices => "discovery.k8s.io",
            Self::Ingresses | Self::NetworkPolicies => "networking.k8s.io",
            Self::HttpRoutes => "gateway.networking.k8s.io",
            Self::PriorityClasses => "scheduling.k8s.io",
            Self::SelfSubjectAccessReviews => "authorization.k8s.io",
            Self::SelfSubjectReviews => "authentication.k8s.io",
            Self::Namespaces
            | Self::Nodes
            | Self::Pods
            | Self::Events
            | Self::ConfigMaps
            | Self::Secrets
            | Self::ServiceAccounts
            | Self::Quotas
            | Self::LimitRanges
            | Self::Services
            | Self::Claims => "",
        }
    }

    pub(crate) const fn plural(self) -> &'static str {
        match self {
            Self::Namespaces => "namespaces",
            Self::Nodes => "nodes",
            Self::Pods => "pods",
            Self::Events => "events",
            Self::ConfigMaps => "configmaps",
            Self::Secrets => "secrets",
            Self::ServiceAccounts => "serviceaccounts",
            Self::Quotas => "resourcequotas",
            Self::LimitRanges => "limitranges",
            Self::Claims => "persistentvolumeclaims",
            Self::Deployments => "deployments",
            Self::ReplicaSets => "replicasets",
            Self::StatefulSets => "statefulsets",
            Self::DaemonSets => "daemonsets",
            Self::ControllerRevisions => "controllerrevisions",
            Self::Jobs => "jobs",
            Self::Autoscalers => "horizontalpodautoscalers",
            Self::Services => "services",
            Self::EndpointSlices => "endpointslices",
            Self::Ingresses => "ingresses",
            Self::HttpRoutes => "httproutes",
            Self::NetworkPolicies => "networkpolicies",
            Self::PriorityClasses => "priorityclasses",
            Self::SelfSubjectAccessReviews => "selfsubjectaccessreviews",
            Self::SelfSubjectReviews => "selfsubjectreviews",
        }
    }

    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::Namespaces => "Namespace",
            Self::Nodes => "Node",
            Self::Pods => "Pod",
            Self::Events => "Event",
            Self::ConfigMaps => "ConfigMap",
            Self::Secrets => "Secret",
            Self::ServiceAccounts => "ServiceAccount",
            Self::Quotas => "ResourceQuota",
            Self::LimitRanges => "LimitRange",
            Self::Claims => "PersistentVolumeClaim",
            Self::Deployments => "Deployment",
            Self::ReplicaSets => "ReplicaSet",
            Self::StatefulSets => "StatefulSet",
            Self::DaemonSets => "DaemonSet",
            Self::ControllerRevisions => "ControllerRevision",
            Self::Jobs => "Job",
            Self::Autoscalers => "HorizontalPodAutoscaler",
            Self::Services => "Service",
            Self::EndpointSlices => "EndpointSlice",
            Self::Ingresses => "Ingress",
            Self::HttpRoutes => "HTTPRoute",
            Self::NetworkPolicies => "NetworkPolicy",
            Self::PriorityClasses => "PriorityClass",
            Self::SelfSubjectAccessReviews => "SelfSubjectAccessReview",
            Self::SelfSubjectReviews => "SelfSubjectReview",
        }
    }

    pub(crate) const fn version(self) -> &'static str {
        match self {
            Self::Autoscalers => "v2",
            Self::Namespaces
            | Self::Nodes
            | Self::Pods
            | Self::Events
            | Self::ConfigMaps
            | Self::Secrets
            | Self::ServiceAccounts
            | Self::Quotas
            | Self::LimitRanges
            | Self::Claims
            | Self::Deployments
            | Self::ReplicaSets
            | Self::StatefulSets
            | Self::DaemonSets
            | Self::ControllerRevisions
            | Self::Jobs
            | Self::Services
            | Self::EndpointSlices
            | Self::Ingresses
            | Self::HttpRoutes
            | Self::NetworkPolicies
            | Self::PriorityClasses
            | Self::SelfSubjectAccessReviews
            | Self::SelfSubjectReviews => "v1",
        }
    }

    /// As objects state it: `v1`, `apps/v1`.
    pub(crate) fn api_version(self) -> String {
        match self.group() {
            "" => self.version().to_owned(),
            group => format!("{group}/{}", self.version()),
        }
    }

    pub(crate) fn namespaced(self) -> bool {
        !matches!(
            self,
            Self::Namespaces
                | Self::Nodes
                | Self::PriorityClasses
                | Self::SelfSubjectAccessReviews
                | Self::SelfSubjectReviews
        )
    }

    /// Returns whether the status is a subresource, so that a write to the object leaves it alone.
    pub(crate) fn has_status(self) -> bool {
        matches!(
            self,
            Self::Namespaces
                | Self::Nodes
                | Self::Pods
                | Self::Quotas
                | Self::Deployments
                | Self::ReplicaSets
                | Self::StatefulSets
                | Self::DaemonSets
                | Self::Claims
                | Self::Jobs
                | Self::Autoscalers
                | Self::Services
                | Self::Ingresses
                | Self::HttpRoutes
        )
    }

    /// As messages name it: `deployments.apps`, `pods`.
    pub(crate) fn qualified(self) -> String {
        match self.group() {
            "" => self.plural().to_owned(),
            group => format!("{}.{group}", self.plural()),
        }
    }

    /// As validation messages name it: `Deployment.apps`, `Pod`.
    pub(crate) fn qualified_kind(self) -> String {
        match self.group() {
            "" => self.kind().to_owned(),
            group => format!("{}.{group}", self.kind()),
        }
    }
}
