//! Judges whether a stage would work: the facts about the connection, and each permission of its commands.
//!
//! The shell gathers the facts; a fact that could not be read is [`State::Unseen`], which is no failure.

use serde::Serialize;

use crate::permission::{Binding, Command, Need, Subject, Usage, UsedPermission, role};

mod document;
mod junit;
mod markdown;
#[cfg(test)]
mod tests;
mod text;

#[cfg(feature = "schema")]
pub use document::schema;
pub use document::{Document, PermissionAnswer};
pub use junit::doctor_junit;
pub use markdown::doctor_markdown;
pub use text::doctor_lines;

/// The version of the JSON document; it rises when a reader would have to change.
pub const SCHEMA_VERSION: u32 = 1;

/// The subject of a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum About {
    /// The identity that the API server sees.
    Identity,
    /// The Microsoft Entra tenant.
    Tenant,
    /// The Azure subscription.
    Subscription,
    /// The cluster and its version.
    Cluster,
    /// The state of the cluster in Azure.
    PowerState,
    /// The API server's address, and the way to it.
    ApiServer,
    /// The way to Azure.
    Azure,
    /// The certificates that are trusted.
    Certificates,
    /// The agent's clock.
    Clock,
    /// When the credential of the connection ends.
    Credential,
    /// A workload that was named.
    Workload,
}

impl About {
    /// Returns the words for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Tenant => "tenant",
            Self::Subscription => "subscription",
            Self::Cluster => "cluster",
            Self::PowerState => "state in Azure",
            Self::ApiServer => "API server",
            Self::Azure => "way to Azure",
            Self::Certificates => "certificates",
            Self::Clock => "clock",
            Self::Credential => "credential",
            Self::Workload => "workload",
        }
    }
}

/// How a fact looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// The stage cannot work like this.
    Failed,
    /// It may be a problem.
    Warning,
    /// It could not be read.
    Unseen,
    /// As it should be.
    Good,
}

/// Something that was found out about the connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Fact {
    /// Its subject.
    pub about: About,
    /// How it looks.
    pub state: State,
    /// What was found; foreign text.
    pub text: String,
    /// What the user can do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Fact {
    /// Makes a fact.
    #[must_use]
    pub fn new(about: About, state: State, text: impl Into<String>) -> Self {
        Self {
            about,
            state,
            text: text.into(),
            hint: None,
        }
    }

    /// Adds what the user can do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The answer to a `SelfSubjectAccessReview`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "answer", rename_all = "camelCase")]
pub enum Answer {
    /// It is granted.
    Granted,
    /// It is not.
    Missing,
    /// The API has no such resource, so that nothing asks for it.
    NotServed,
    /// The API server did not say.
    Unseen {
        /// Why; foreign text.
        reason: String,
    },
}

/// A permission with the answer of the API server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reviewed {
    /// The permission.
    pub used: UsedPermission,
    /// The answer.
    pub answer: Answer,
}

impl Reviewed {
    /// Returns whether a command cannot do its work because of the answer.
    fn is_obstacle(&self) -> bool {
        self.answer == Answer::Missing && self.used.need() == Need::Needed
    }

    fn is_open(&self) -> bool {
        matches!(self.answer, Answer::Unseen { .. }) && self.used.need() == Need::Needed
    }
}

/// All that a doctor found out.
#[derive(Debug, Clone)]
pub struct Findings {
    /// The commands and options that were asked for.
    pub usage: Usage,
    /// The namespace.
    pub namespace: String,
    /// The identity, as the API server named it; empty where it is not known.
    pub user: String,
    /// Whether Azure decides about the identity's permissions, not the cluster's Roles.
    pub azure_rbac: Option<AzureRbac>,
    /// What was found about the connection.
    pub facts: Vec<Fact>,
    /// The permissions, if they could be asked for.
    pub permissions: Vec<Reviewed>,
    /// Why the cluster could not be asked.
    pub problem: Option<Problem>,
}

/// Where a role assignment of Azure takes the place of a `RoleBinding`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AzureRbac {
    /// The resource id of the cluster.
    pub cluster_id: String,
}

/// Why the cluster could not be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// All errors, one entry each; foreign text.
    pub messages: Vec<String>,
    /// What the user can do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// The judgement on a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum Diagnosis {
    /// It would.
    Ready,
    /// A permission is missing without which a command cannot do its work.
    PermissionMissing,
    /// The API server did not say whether such a permission is granted.
    Undetermined,
    /// The cluster could not be asked.
    NotConnected,
}

impl Findings {
    /// Returns whether the stage would work.
    #[must_use]
    pub fn diagnosis(&self) -> Diagnosis {
        if self.problem.is_some() {
            Diagnosis::NotConnected
        } else if self.permissions.iter().any(Reviewed::is_obstacle) {
            Diagnosis::PermissionMissing
        } else if self.permissions.iter().any(Reviewed::is_open) {
            Diagnosis::Undetermined
        } else {
            Diagnosis::Ready
        }
    }

    /// Returns the outcome in one sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let commands = listed(&self.usage.commands.iter().copied().collect::<Vec<_>>());
        let place = format!("{commands} in namespace {}", self.namespace);
        match self.diagnosis() {
            Diagnosis::Ready => match self.of_answer(&Answer::Missing).count() {
                0 => format!("ready for {place}"),
                1 => format!("ready for {place}, although one permission is missing"),
                many => format!("ready for {place}, although {many} permissions are missing"),
            },
            Diagnosis::PermissionMissing => {
                let missing: Vec<String> = self
                    .permissions
                    .iter()
                    .filter(|it| it.is_obstacle())
                    .map(|it| it.used.permission.to_string())
                    .collect();
                format!("not ready for {place}: may not {}", missing.join(", "))
            }
            Diagnosis::Undetermined => format!(
                "undetermined for {place}: the API server did not say whether all needed permissions are granted"
            ),
            Diagnosis::NotConnected => {
                let problem = self.problem.as_ref();
                let why = problem.map(|it| it.messages.join("; ")).unwrap_or_default();
                format!("not ready for {place}: {why}")
            }
        }
    }

    fn of_answer(&self, answer: &Answer) -> impl Iterator<Item = &Reviewed> {
        self.permissions
            .iter()
            .filter(move |it| it.answer == *answer)
    }

    /// Returns the Role for the commands, where a permission of it is missing. It is the whole Role, because applying a part
    /// would take the rest away.
    #[must_use]
    pub fn role(&self) -> Option<String> {
        self.of_answer(&Answer::Missing).next()?;
        let served = self
            .permissions
            .iter()
            .filter(|it| it.answer != Answer::NotServed);
        let permissions: Vec<UsedPermission> = served.map(|it| it.used.clone()).collect();
        let binding = Binding {
            namespace: self.namespace.clone(),
            subject: Subject::of_user(&self.user),
        };
        Some(role(&permissions, &binding))
    }

    /// Returns the command that grants what is missing on a cluster where Azure decides.
    #[must_use]
    pub fn role_assignment(&self) -> Option<String> {
        let azure = self.azure_rbac.as_ref()?;
        self.of_answer(&Answer::Missing).next()?;
        let assignee = if self.user.is_empty() {
            "<object id>"
        } else {
            &self.user
        };
        Some(format!(
            "az role assignment create --assignee-object-id {assignee} --assignee-principal-type ServicePrincipal \
             --role \"Azure Kubernetes Service RBAC Writer\" --scope \"{}/namespaces/{}\"",
            azure.cluster_id, self.namespace
        ))
    }

    /// Returns what to do about what is missing, for where nothing else of the findings is read.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        if let Some(problem) = &self.problem {
            return problem.hint.clone();
        }
        if let Some(command) = self.role_assignment() {
            return Some(format!(
                "this cluster uses Azure RBAC, so assign a role: {command}"
            ));
        }
        let role = self.role()?;
        let kind = if role.contains("kind: Role\n") {
            "Role"
        } else {
            "ClusterRole"
        };
        Some(format!(
            "have an administrator apply the {kind} in the log or on the page of the run"
        ))
    }

    /// Returns the JSON document; `exit_code` says the same as its diagnosis.
    #[must_use]
    pub fn document(&self, exit_code: u8) -> Document {
        Document {
            schema_version: SCHEMA_VERSION,
            diagnosis: self.diagnosis(),
            exit_code,
            sentence: self.sentence(),
            commands: self.usage.commands.iter().copied().collect(),
            namespace: self.namespace.clone(),
            facts: self.facts.clone(),
            permissions: self.permissions.iter().map(PermissionAnswer::of).collect(),
            problem: self.problem.clone(),
            role: self.role(),
            role_assignment: self.role_assignment(),
        }
    }
}

/// Lists commands as a sentence does.
fn listed(commands: &[Command]) -> String {
    let names: Vec<&str> = commands.iter().map(|it| it.as_str()).collect();
    match names.as_slice() {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
