//! Values of the wrong type in the fields that rules read: the API server refuses them, and a rule would not see them.

use crate::code::LintCode;
use crate::edit::Edit;
use crate::field::Scope;
use crate::finding::Findings;
use crate::pod::Pod;
use crate::yaml::Value;

/// The type of a field.
#[derive(Clone, Copy)]
enum Type {
    Bool,
    Int,
    List,
    Mapping,
    Text,
}

impl Type {
    const fn is_of(self, value: Value<'_>) -> bool {
        matches!(
            (self, value),
            (_, Value::Null)
                | (Self::Bool, Value::Bool(_))
                | (Self::Int, Value::Int(_))
                | (Self::List, Value::Sequence)
                | (Self::Mapping, Value::Mapping)
                | (Self::Text, Value::Text(_))
        )
    }

    const fn describe(self) -> &'static str {
        match self {
            Self::Bool => "a boolean",
            Self::Int => "a whole number",
            Self::List => "a list",
            Self::Mapping => "a mapping",
            Self::Text => "a string",
        }
    }
}

const OF_POD: &[(&str, Type)] = &[
    ("containers", Type::List),
    ("initContainers", Type::List),
    ("ephemeralContainers", Type::List),
    ("volumes", Type::List),
    ("hostNetwork", Type::Bool),
    ("hostPID", Type::Bool),
    ("hostIPC", Type::Bool),
    ("hostUsers", Type::Bool),
    ("os", Type::Mapping),
    ("os.name", Type::Text),
    ("resources", Type::Mapping),
    ("resources.requests", Type::Mapping),
    ("resources.limits", Type::Mapping),
    ("securityContext", Type::Mapping),
    ("securityContext.runAsNonRoot", Type::Bool),
    ("securityContext.runAsUser", Type::Int),
    ("securityContext.sysctls", Type::List),
    ("securityContext.windowsOptions.hostProcess", Type::Bool),
];

const OF_CONTAINER: &[(&str, Type)] = &[
    ("securityContext", Type::Mapping),
    ("securityContext.runAsNonRoot", Type::Bool),
    ("securityContext.runAsUser", Type::Int),
    ("securityContext.privileged", Type::Bool),
    ("securityContext.allowPrivilegeEscalation", Type::Bool),
    ("securityContext.readOnlyRootFilesystem", Type::Bool),
    ("securityContext.capabilities", Type::Mapping),
    ("securityContext.capabilities.add", Type::List),
    ("securityContext.capabilities.drop", Type::List),
    ("securityContext.windowsOptions.hostProcess", Type::Bool),
    ("resources", Type::Mapping),
    ("resources.requests", Type::Mapping),
    ("resources.limits", Type::Mapping),
    ("ports", Type::List),
    ("image", Type::Text),
    ("startupProbe", Type::Mapping),
    ("readinessProbe", Type::Mapping),
    ("livenessProbe", Type::Mapping),
];

const OF_PROBE: &[(&str, Type)] = &[
    ("initialDelaySeconds", Type::Int),
    ("periodSeconds", Type::Int),
    ("timeoutSeconds", Type::Int),
    ("failureThreshold", Type::Int),
    ("successThreshold", Type::Int),
];

pub(crate) fn judge(pod: &Pod<'_>, findings: &mut Findings) {
    check(&pod.spec, OF_POD, None, findings);
    for volume in pod.spec.items("volumes") {
        check(&volume, &[("hostPath", Type::Mapping)], None, findings);
    }
    for container in &pod.containers {
        let name = Some(container.name);
        check(&container.scope, OF_CONTAINER, name, findings);
        for port in container.scope.items("ports") {
            check(&port, &[("hostPort", Type::Int)], name, findings);
        }
        for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
            if let Some(probe) = container.scope.below(probe) {
                check(&probe, OF_PROBE, name, findings);
            }
        }
    }
}

fn check(
    scope: &Scope<'_>,
    fields: &[(&str, Type)],
    container: Option<&str>,
    findings: &mut Findings,
) {
    for (path, kind) in fields {
        let field = scope.at(path);
        let Some(value) = field.value().filter(|it| !kind.is_of(*it)) else {
            continue;
        };
        let name = path.rsplit('.').next().unwrap_or(path);
        let (is, wanted) = (value.describe(), kind.describe());
        let message = format!("{name} is {is}, and the API server expects {wanted}");
        let finding = findings.add(LintCode::WrongType, &field, message);
        finding.container = container.map(str::to_owned);
        if is_meant(name, *kind, value) {
            finding.with_edit(Edit::unquoted(&field));
        }
    }
}

/// Returns whether a string is surely the value that its field expects, only in quotes, and gives the pod nothing that
/// it would not have without it.
fn is_meant(name: &str, kind: Type, value: Value<'_>) -> bool {
    let Value::Text(text) = value else {
        return false;
    };
    let number = || text.parse().ok().filter(|it: &i32| it.to_string() == text);
    match kind {
        Type::Bool if matches!(name, "runAsNonRoot" | "readOnlyRootFilesystem") => text == "true",
        // It is true without the field.
        Type::Bool if name == "hostUsers" => false,
        Type::Bool => text == "false",
        Type::Int if name == "hostPort" => false,
        Type::Int => number().is_some_and(|it| it > 0),
        Type::List | Type::Mapping | Type::Text => false,
    }
}
