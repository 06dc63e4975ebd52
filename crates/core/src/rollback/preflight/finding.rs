//! What speaks against a rollback, or should be known before it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How much a concern weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum Weight {
    /// The rollback is not done.
    Refusal,
    /// It is done; whoever approves must know.
    Warning,
    /// Something could not be looked at, or is good to know.
    Note,
}

impl Weight {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refusal => "refusal",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// A stable name for what a preflight can find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "ConcernCode")
)]
pub enum PreflightCode {
    /// Argo CD would undo the rollback.
    OwnedByArgoCd,
    /// Flux would undo it.
    OwnedByFlux,
    /// Helm holds another state of the release.
    OwnedByHelm,
    /// Another controller would undo it.
    OwnedByController,
    /// The controller replaces pods only once they are deleted.
    OnDelete,
    /// The target's code does not run beside the present schema.
    SchemaIncompatible,
    /// A schema annotation is no whole number.
    SchemaUnreadable,
    /// A ConfigMap that the target needs is gone.
    MissingConfigMap,
    /// A Secret that the target needs is gone.
    MissingSecret,
    /// A key that the target needs is gone.
    MissingKey,
    /// The target's ServiceAccount is gone.
    MissingServiceAccount,
    /// A claim that the target mounts is gone.
    MissingClaim,
    /// The target's PriorityClass is gone.
    MissingPriorityClass,
    /// The API server would refuse the target's pods.
    PodRefused,
    /// There is no quota left for one more pod at present.
    QuotaFull,
    /// The API server would refuse the change.
    PatchRefused,
    /// The API server would write another template than the target's.
    WrittenOtherwise,
    /// The identity may not change the workload.
    MayNotPatch,
    /// The identity may not delete the pods that would stay stuck.
    MayNotDeletePods,
    /// The identity may not write the mark of the last known good revision.
    MayNotMark,
    /// A migration may have run since the target was good.
    MigrationRan,
    /// A ConfigMap or Secret was changed in place since.
    ConfigChanged,
    /// A revision that was never found healthy was serving.
    UncheckedServed,
    /// Nothing tells which images the target ran.
    ImageUnknown,
    /// Something could not be looked at.
    NotLooked,
}

impl PreflightCode {
    /// Every code, in the order of the documentation.
    pub const ALL: [Self; 25] = [
        Self::OwnedByArgoCd,
        Self::OwnedByFlux,
        Self::OwnedByHelm,
        Self::OwnedByController,
        Self::OnDelete,
        Self::SchemaIncompatible,
        Self::SchemaUnreadable,
        Self::MissingConfigMap,
        Self::MissingSecret,
        Self::MissingKey,
        Self::MissingServiceAccount,
        Self::MissingClaim,
        Self::MissingPriorityClass,
        Self::PodRefused,
        Self::QuotaFull,
        Self::PatchRefused,
        Self::WrittenOtherwise,
        Self::MayNotPatch,
        Self::MayNotDeletePods,
        Self::MayNotMark,
        Self::MigrationRan,
        Self::ConfigChanged,
        Self::UncheckedServed,
        Self::ImageUnknown,
        Self::NotLooked,
    ];

    /// What was found, in one line.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::OwnedByArgoCd => "Argo CD owns the workload and would undo the rollback",
            Self::OwnedByFlux => "Flux owns the workload and would undo the rollback",
            Self::OwnedByHelm => {
                "Helm installed the workload and would hold another state of the release than the cluster"
            }
            Self::OwnedByController => {
                "another controller made the workload and would undo the rollback"
            }
            Self::OnDelete => {
                "the update strategy is `OnDelete`: no pod is replaced until somebody deletes it"
            }
            Self::SchemaIncompatible => {
                "a newer revision wrote a schema beside which the target's code does not run"
            }
            Self::SchemaUnreadable => "an annotation about the schema is no whole number",
            Self::MissingConfigMap => "a ConfigMap that the target needs does not exist",
            Self::MissingSecret => "a Secret that the target needs does not exist",
            Self::MissingKey => "a ConfigMap or Secret lacks a key that the target needs",
            Self::MissingServiceAccount => "the target's ServiceAccount does not exist",
            Self::MissingClaim => "a PersistentVolumeClaim that the target mounts does not exist",
            Self::MissingPriorityClass => "the target's PriorityClass does not exist",
            Self::PodRefused => {
                "the API server refuses a pod of the target (LimitRange, pod security, a webhook, a quota smaller than one pod), tried out as a dry run"
            }
            Self::QuotaFull => "the quota has no room for one more pod of the target at present",
            Self::PatchRefused => {
                "the API server refuses the change itself, tried out as a dry run"
            }
            Self::WrittenOtherwise => {
                "a webhook or the API server itself makes another template of the target's, tried out as a dry run"
            }
            Self::MayNotPatch => "the identity may not change the workload",
            Self::MayNotDeletePods => {
                "the identity may not delete pods of a StatefulSet that would stay stuck"
            }
            Self::MayNotMark => "the identity may not write the mark of a known good revision",
            Self::MigrationRan => {
                "a Job or an init container ran to its end since the target was good (without a mark: since it was made); what it did is not undone"
            }
            Self::ConfigChanged => {
                "a ConfigMap or Secret of the target was changed in place since it was good (without a mark: since it was made); that is not undone"
            }
            Self::UncheckedServed => {
                "a newer revision than the target is serving, but no check found it healthy"
            }
            Self::ImageUnknown => {
                "nothing tells which images the target ran, and its tags may mean others by now"
            }
            Self::NotLooked => "something could not be looked at; the message says what",
        }
    }

    /// What to do about it: the hint of every such finding, unless one knows better, and the
    /// documentation.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::OwnedByArgoCd => {
                "revert the commit that Argo CD follows, or `argocd app rollback`; --force-owner, or input forceOwner, rolls back all the same"
            }
            Self::OwnedByFlux => {
                "revert the commit that Flux follows; --force-owner, or input forceOwner, rolls back all the same"
            }
            Self::OwnedByHelm => {
                "`helm rollback`, so that Helm's record of the release stays true; --force-owner, or input forceOwner, rolls back all the same"
            }
            Self::OwnedByController => {
                "change the object that the controller follows; --force-owner, or input forceOwner, rolls back all the same"
            }
            Self::OnDelete => {
                "--allow-on-delete, or input allowOnDelete, restores the template; then delete the pods one by one"
            }
            Self::SchemaIncompatible => {
                "roll forward with a fix; if the old code is known to run beside the schema, --allow-schema-downgrade, or input allowSchemaDowngrade, rolls back all the same"
            }
            Self::SchemaUnreadable => {
                "write a whole number, such as \"7\"; --allow-schema-downgrade, or input allowSchemaDowngrade, rolls back all the same"
            }
            Self::MissingConfigMap
            | Self::MissingSecret
            | Self::MissingServiceAccount
            | Self::MissingClaim
            | Self::MissingPriorityClass => "create it, then roll back",
            Self::MissingKey => "add the key, then roll back",
            Self::PodRefused => {
                "change the policy, the limit or the quota that the message names, or roll forward"
            }
            Self::QuotaFull => {
                "nothing at first: pods of the bad revision make room as they go; else raise the quota"
            }
            Self::PatchRefused => "see the server's words; a policy may forbid changes at present",
            Self::WrittenOtherwise => {
                "compare what comes back with the target, and check it once more: the check after the rollback knows the target's revision only"
            }
            Self::MayNotPatch | Self::MayNotDeletePods => {
                "grant the Role in rollguard's README (section Permissions) and bind it; on AKS with Azure RBAC assign `Azure Kubernetes Service RBAC Writer`"
            }
            Self::MayNotMark => {
                "grant the Role in rollguard's README (section Permissions) and bind it, so that the next rollback knows this revision to be good; on AKS with Azure RBAC assign `Azure Kubernetes Service RBAC Writer`, and for StatefulSets and DaemonSets a role of your own with `Microsoft.ContainerService/managedClusters/apps/controllerrevisions/write`"
            }
            Self::MigrationRan => {
                "ask whoever wrote it whether the target's code runs beside what it made"
            }
            Self::ConfigChanged => {
                "compare it with what the target expects, and set it back if need be"
            }
            Self::UncheckedServed => {
                "decide which of the two shall come back; --to-revision, or input toRevision, names the other"
            }
            Self::ImageUnknown => "compare the images once it is back; pin images by digest",
            Self::NotLooked => "grant what is missing, or look yourself",
        }
    }
}

impl fmt::Display for PreflightCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What a preflight found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "Concern")
)]
#[serde(rename_all = "camelCase")]
pub struct PreflightFinding {
    /// What.
    pub code: PreflightCode,
    /// How much it weighs.
    pub weight: Weight,
    /// In one sentence; may hold foreign text.
    pub message: String,
    /// What to do instead, or about it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hint: Option<String>,
}

impl PreflightFinding {
    /// Speaks against the rollback.
    #[must_use]
    pub fn refusal(code: PreflightCode, message: impl Into<String>) -> Self {
        Self::new(code, Weight::Refusal, message)
    }

    /// Must be known before it.
    #[must_use]
    pub fn warning(code: PreflightCode, message: impl Into<String>) -> Self {
        Self::new(code, Weight::Warning, message)
    }

    /// Is good to know.
    #[must_use]
    pub fn note(code: PreflightCode, message: impl Into<String>) -> Self {
        Self::new(code, Weight::Note, message)
    }

    fn new(code: PreflightCode, weight: Weight, message: impl Into<String>) -> Self {
        Self {
            code,
            weight,
            message: message.into(),
            hint: Some(code.remedy().to_owned()),
        }
    }

    /// With what to do about this one, where that is more than [`PreflightCode::remedy`] says.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// A refusal, unless the user said that it shall not be one.
    #[must_use]
    pub fn refusal_unless(allowed: bool, code: PreflightCode, message: impl Into<String>) -> Self {
        let weight = if allowed {
            Weight::Warning
        } else {
            Weight::Refusal
        };
        Self::new(code, weight, message)
    }
}

impl fmt::Display for PreflightFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}
