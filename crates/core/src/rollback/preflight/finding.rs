//! The findings of a preflight: reasons against a rollback, and facts to know before it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How much a preflight finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum Weight {
    /// The rollback is not done.
    Refusal,
    /// A warning that the approver must see.
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
    /// The identity may not see the pods that the check after the rollback judges.
    MayNotSeePods,
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
    pub const ALL: [Self; 26] = [
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
        Self::MayNotSeePods,
        Self::MayNotMark,
        Self::MigrationRan,
        Self::ConfigChanged,
        Self::UncheckedServed,
        Self::ImageUnknown,
        Self::NotLooked,
    ];

    /// Returns what was found, in one line.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::OwnedByArgoCd => "Argo CD owns the workload and would undo the rollback",
            Self::OwnedByFlux => "Flux owns the workload and would undo the rollback",
            Self::OwnedByHelm => {
                "Helm installed the workload, and its record of the release would differ from the cluster"
            }
            Self::OwnedByController => {
                "another controller owns the workload and would undo the rollback"
            }
            Self::OnDelete => {
                "the update strategy is `OnDelete`: no pod is replaced until somebody deletes it"
            }
            Self::SchemaIncompatible => {
                "a newer revision wrote a schema that the target's code cannot work with"
            }
            Self::SchemaUnreadable => "a schema annotation is not a whole number",
            Self::MissingConfigMap => "a ConfigMap that the target references does not exist",
            Self::MissingSecret => "a Secret that the target references does not exist",
            Self::MissingKey => "a ConfigMap or Secret lacks a key that the target references",
            Self::MissingServiceAccount => "the target's ServiceAccount does not exist",
            Self::MissingClaim => "a PersistentVolumeClaim that the target mounts does not exist",
            Self::MissingPriorityClass => "the target's PriorityClass does not exist",
            Self::PodRefused => {
                "a dry run shows that the API server refuses a pod of the target (LimitRange, pod security, a webhook, a quota smaller than one pod)"
            }
            Self::QuotaFull => "the quota does not allow one more pod of the target at present",
            Self::PatchRefused => "a dry run shows that the API server refuses the patch",
            Self::WrittenOtherwise => {
                "a dry run shows that a webhook or the API server itself modifies the target's template"
            }
            Self::MayNotPatch => "the identity may not patch the workload",
            Self::MayNotDeletePods => {
                "the identity may not delete pods of a StatefulSet that would stay stuck"
            }
            Self::MayNotSeePods => {
                "the identity may not list or watch pods, so the check after the rollback would judge by the workload's counts alone"
            }
            Self::MayNotMark => "the identity may not write the mark of a known good revision",
            Self::MigrationRan => {
                "a Job or an init container ran to completion since the target was known to be good (without a mark: since it was created); a rollback does not undo its work"
            }
            Self::ConfigChanged => {
                "a ConfigMap or Secret of the target was changed in place since the target was known to be good (without a mark: since it was created); a rollback does not undo that"
            }
            Self::UncheckedServed => {
                "a revision newer than the target is serving, but no check found it healthy"
            }
            Self::ImageUnknown => {
                "the images that the target ran are unknown, and its tags may point to different ones now"
            }
            Self::NotLooked => "something could not be checked; the message says what",
        }
    }

    /// Returns what to do about it: the hint of every such finding, unless one knows better, and the
    /// documentation.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::OwnedByArgoCd => {
                "revert the commit that Argo CD follows, or `argocd app rollback`; --force-owner, or input forceOwner, rolls back anyway"
            }
            Self::OwnedByFlux => {
                "revert the commit that Flux follows; --force-owner, or input forceOwner, rolls back anyway"
            }
            Self::OwnedByHelm => {
                "`helm rollback`, so that Helm's record of the release stays correct; --force-owner, or input forceOwner, rolls back anyway"
            }
            Self::OwnedByController => {
                "change the object that the controller follows; --force-owner, or input forceOwner, rolls back anyway"
            }
            Self::OnDelete => {
                "--allow-on-delete, or input allowOnDelete, restores the template; then delete the pods one by one"
            }
            Self::SchemaIncompatible => {
                "roll forward with a fix; if the old code is known to work with the schema, --allow-schema-downgrade, or input allowSchemaDowngrade, rolls back anyway"
            }
            Self::SchemaUnreadable => {
                "write a whole number, such as \"7\"; --allow-schema-downgrade, or input allowSchemaDowngrade, rolls back anyway"
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
                "nothing at first: pods of the bad revision free quota as they terminate; otherwise raise the quota"
            }
            Self::PatchRefused => {
                "see the server's message; a policy may forbid changes at present"
            }
            Self::WrittenOtherwise => {
                "compare the restored template with the target, and run another check: the check after the rollback follows only the target's revision"
            }
            Self::MayNotPatch | Self::MayNotDeletePods => {
                "apply the Role that `rollguard doctor rollback` prints; on AKS with Azure RBAC assign `Azure Kubernetes Service RBAC Writer`"
            }
            Self::MayNotSeePods => {
                "apply the Role that `rollguard doctor rollback` prints; on AKS with Azure RBAC assign `Azure Kubernetes Service RBAC Reader`"
            }
            Self::MayNotMark => {
                "apply the Role that `rollguard doctor rollback` prints, so that the next rollback knows this revision to be good; on AKS with Azure RBAC assign `Azure Kubernetes Service RBAC Writer`, and for StatefulSets and DaemonSets a role of your own with `Microsoft.ContainerService/managedClusters/apps/controllerrevisions/write`"
            }
            Self::MigrationRan => "ask its authors whether the target's code works with the result",
            Self::ConfigChanged => {
                "compare it with what the target expects, and restore it if necessary"
            }
            Self::UncheckedServed => {
                "decide which of the two to restore; --to-revision, or input toRevision, names the other"
            }
            Self::ImageUnknown => "compare the images after the rollback; pin images by digest",
            Self::NotLooked => "grant the missing permission, or check it yourself",
        }
    }
}

impl fmt::Display for PreflightCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A finding of a preflight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "Concern")
)]
#[serde(rename_all = "camelCase")]
pub struct PreflightFinding {
    /// The code of the finding.
    pub code: PreflightCode,
    /// How much it weighs.
    pub weight: Weight,
    /// In one sentence; may hold foreign text.
    pub message: String,
    /// The remedy.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hint: Option<String>,
    /// The command of another tool that does better what is asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub command: Option<String>,
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
            command: None,
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
