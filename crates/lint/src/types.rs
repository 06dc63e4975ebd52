//! Values of the wrong type in the fields that rules read: the API server refuses them, and a rule would not see them.

use crate::code::LintCode;
use crate::finding::Findings;
use crate::pod::Pod;
use crate::spot::Scope;
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
    for (field, kind) in fields {
        let spot = scope.at(field);
        let Some(value) = spot.value().filter(|it| !kind.is_of(*it)) else {
            continue;
        };
        let name = field.rsplit('.').next().unwrap_or(field);
        let (is, wanted) = (value.describe(), kind.describe());
        let message = format!("{name} is {is}, and the API server expects {wanted}");
        let finding = findings.add(LintCode::WrongType, &spot, message);
        finding.container = container.map(str::to_owned);
    }
}
