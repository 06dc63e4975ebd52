//! Renders permissions as a Role and its `RoleBinding`, to apply as they are.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::json;

use super::{Command, Need, Permission, Scope, UsedPermission};
use crate::foreign_text::visible;

/// Returns the name of a Role and of its binding. Roles of other commands have other names, because applying one
/// of the same name would replace it; those of the whole cluster also have the namespace in theirs, because each
/// namespace may have an identity of its own.
fn name(permissions: &[UsedPermission], scope: Scope, binding: &Binding) -> String {
    let reasons = permissions.iter().flat_map(|it| &it.reasons);
    let commands: BTreeSet<Command> = reasons.map(|it| it.command).collect();
    let mut name = "rollguard".to_owned();
    for command in &commands {
        let _ = write!(name, "-{command}");
    }
    // A drill makes a namespace of its own.
    let is_drill = commands.iter().all(|it| *it == Command::Drill);
    if scope == Scope::Cluster && !is_drill {
        let _ = write!(name, "-{}", binding.namespace);
    }
    name
}

/// The identity that a binding names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A user; on AKS with Microsoft Entra the object id of the service principal.
    User(String),
    /// A ServiceAccount.
    ServiceAccount {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// Not known: a placeholder stands for it.
    Unknown,
}

impl Subject {
    /// Returns the subject of a user name as the API server knows it
    /// (apiserver `pkg/authentication/serviceaccount/util.go`, `MakeUsername`).
    #[must_use]
    pub fn of_user(name: &str) -> Self {
        let account = name
            .strip_prefix("system:serviceaccount:")
            .and_then(|it| it.split_once(':'));
        match account {
            Some((namespace, name)) => Self::ServiceAccount {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            },
            None if name.is_empty() => Self::Unknown,
            None => Self::User(name.to_owned()),
        }
    }

    fn yaml(&self) -> String {
        // JSON is YAML, and quotes whatever a name may contain.
        match self {
            Self::User(name) => {
                let name = json!(visible(name));
                format!("  - {{ kind: User, name: {name}, apiGroup: rbac.authorization.k8s.io }}\n")
            }
            Self::ServiceAccount { namespace, name } => {
                let (namespace, name) = (json!(visible(namespace)), json!(visible(name)));
                format!("  - {{ kind: ServiceAccount, name: {name}, namespace: {namespace} }}\n")
            }
            Self::Unknown => {
                "  - { kind: User, name: \"<user>\", apiGroup: rbac.authorization.k8s.io }\n"
                    .to_owned()
            }
        }
    }
}

/// To whom a Role is bound, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The namespace of the Role.
    pub namespace: String,
    /// The identity.
    pub subject: Subject,
}

/// Renders the Role, the `ClusterRole`, or both, that grant `permissions`, and their bindings. One rule holds what has one
/// purpose, which its comment says.
#[must_use]
pub fn role(permissions: &[UsedPermission], binding: &Binding) -> String {
    let documents = [Scope::Namespace, Scope::Cluster].map(|scope| {
        let of_scope = permissions.iter().filter(|it| it.permission.scope == scope);
        let name = name(permissions, scope, binding);
        document(&of_scope.collect::<Vec<_>>(), &name, scope, binding)
    });
    let present: Vec<String> = documents.into_iter().flatten().collect();
    present.join("---\n")
}

fn document(
    permissions: &[&UsedPermission],
    name: &str,
    scope: Scope,
    binding: &Binding,
) -> Option<String> {
    if permissions.is_empty() {
        return None;
    }
    let (kind, namespace) = match scope {
        Scope::Namespace => ("Role", format!("  namespace: {}\n", binding.namespace)),
        Scope::Cluster => ("ClusterRole", String::new()),
    };
    let mut text = format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata:\n  name: {name}\n{namespace}rules:\n"
    );
    for rule in rules(permissions) {
        let _ = write!(
            text,
            "  # {}\n  - apiGroups: [{}]\n    resources: [{}]\n    verbs: [{}]\n",
            rule.comment,
            if rule.group.is_empty() {
                "\"\""
            } else {
                rule.group
            },
            rule.resources.join(", "),
            rule.verbs.join(", "),
        );
    }
    let _ = write!(
        text,
        "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}Binding\nmetadata:\n  name: {name}\n{namespace}\
         roleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: {kind}\n  name: {name}\nsubjects:\n{}",
        binding.subject.yaml()
    );
    Some(text)
}

struct RoleRule {
    comment: String,
    group: &'static str,
    resources: Vec<&'static str>,
    verbs: Vec<&'static str>,
}

/// Joins the verbs of one resource that have one purpose, then the resources that have the same verbs.
fn rules(permissions: &[&UsedPermission]) -> Vec<RoleRule> {
    let mut rules: Vec<RoleRule> = Vec::new();
    for used in permissions {
        let Permission {
            group,
            resource,
            verb,
            ..
        } = used.permission;
        let comment = comment(used);
        let same = |it: &&mut RoleRule| {
            it.comment == comment && it.group == group && it.resources == [resource]
        };
        match rules.iter_mut().find(same) {
            Some(rule) => rule.verbs.push(verb),
            None => rules.push(RoleRule {
                comment,
                group,
                resources: vec![resource],
                verbs: vec![verb],
            }),
        }
    }
    let mut joined: Vec<RoleRule> = Vec::new();
    for rule in rules {
        let same = |it: &&mut RoleRule| {
            it.comment == rule.comment && it.group == rule.group && it.verbs == rule.verbs
        };
        match joined.iter_mut().find(same) {
            Some(known) => known.resources.extend(rule.resources),
            None => joined.push(rule),
        }
    }
    joined
}

/// Says who uses it, how much depends on it, and what for.
fn comment(used: &UsedPermission) -> String {
    let commands: Vec<&str> = used.commands().into_iter().map(Command::as_str).collect();
    let need = match used.need() {
        Need::Needed => "",
        Need::Narrows => " (recommended)",
        Need::Optional => " (optional)",
    };
    format!("{}{need}: {}", commands.join(", "), used.why())
}
