//! Values that their fields do not take, in the fields that rules read or people mistype: the API server refuses them.

use crate::code::LintCode;
use crate::edit::Edit;
use crate::field::{FieldRef, Location, Scope};
use crate::finding::Findings;
use crate::manifest::Object;
use crate::pod::Pod;
use crate::yaml::{NodeRef, Value};

/// The type of a field.
#[derive(Clone, Copy)]
enum Type {
    Bool,
    Int,
    List,
    Mapping,
    Text,
    /// A mapping of strings.
    Texts,
    /// A mapping of quantities.
    Quantities,
    /// A whole number or a string.
    IntOrText,
    /// One of these words.
    OneOf(&'static [&'static str]),
}

impl Type {
    fn is_of(self, value: Value<'_>) -> bool {
        // kubectl writes a fraction of zero as a whole number.
        let is_whole = |text: &str| text.parse().is_ok_and(|it: f64| it.fract() == 0.0);
        matches!((self, value), (Self::Int | Self::IntOrText, Value::Float(it)) if is_whole(it))
            || matches!((self, value), (Self::OneOf(all), Value::Text(it)) if all.contains(&it))
            || matches!(
                (self, value),
                (_, Value::Null)
                    | (Self::Bool, Value::Bool(_))
                    | (Self::Int, Value::Int(_))
                    | (Self::IntOrText, Value::Int(_) | Value::Text(_))
                    | (
                        Self::Texts | Self::Quantities | Self::Mapping,
                        Value::Mapping
                    )
                    | (Self::List, Value::Sequence)
                    | (Self::Text, Value::Text(_))
            )
    }

    fn describe(self) -> String {
        let name = match self {
            Self::Bool => "a boolean",
            Self::Int => "a whole number",
            Self::List => "a list",
            Self::Mapping | Self::Texts | Self::Quantities => "a mapping",
            Self::Text => "a string",
            Self::IntOrText => "a whole number or a string",
            Self::OneOf(all) => return format!("one of {}", all.join(", ")),
        };
        name.to_owned()
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
    ("resources.requests", Type::Quantities),
    ("resources.limits", Type::Quantities),
    ("securityContext", Type::Mapping),
    ("securityContext.runAsNonRoot", Type::Bool),
    ("securityContext.runAsUser", Type::Int),
    ("securityContext.runAsGroup", Type::Int),
    ("securityContext.fsGroup", Type::Int),
    ("securityContext.sysctls", Type::List),
    (
        "restartPolicy",
        Type::OneOf(&["Always", "OnFailure", "Never"]),
    ),
    (
        "dnsPolicy",
        Type::OneOf(&["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"]),
    ),
    ("terminationGracePeriodSeconds", Type::Int),
    ("activeDeadlineSeconds", Type::Int),
    ("nodeSelector", Type::Texts),
    ("tolerations", Type::List),
    ("imagePullSecrets", Type::List),
    ("serviceAccountName", Type::Text),
    ("priorityClassName", Type::Text),
    ("automountServiceAccountToken", Type::Bool),
    ("enableServiceLinks", Type::Bool),
    ("shareProcessNamespace", Type::Bool),
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
    ("resources.requests", Type::Quantities),
    ("resources.limits", Type::Quantities),
    ("securityContext.runAsGroup", Type::Int),
    ("ports", Type::List),
    ("image", Type::Text),
    (
        "imagePullPolicy",
        Type::OneOf(&["Always", "IfNotPresent", "Never"]),
    ),
    (
        "terminationMessagePolicy",
        Type::OneOf(&["File", "FallbackToLogsOnError"]),
    ),
    ("env", Type::List),
    ("envFrom", Type::List),
    ("volumeMounts", Type::List),
    ("command", Type::List),
    ("args", Type::List),
    ("stdin", Type::Bool),
    ("tty", Type::Bool),
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
    ("terminationGracePeriodSeconds", Type::Int),
    ("httpGet.port", Type::IntOrText),
    ("httpGet.path", Type::Text),
    ("httpGet.scheme", Type::OneOf(&["HTTP", "HTTPS"])),
    ("tcpSocket.port", Type::IntOrText),
    ("grpc.port", Type::Int),
    ("exec.command", Type::List),
];

const OF_PORT: &[(&str, Type)] = &[
    ("containerPort", Type::Int),
    ("hostPort", Type::Int),
    ("name", Type::Text),
    ("protocol", Type::OneOf(&["TCP", "UDP", "SCTP"])),
];

const OF_VARIABLE: &[(&str, Type)] = &[
    ("name", Type::Text),
    ("value", Type::Text),
    ("valueFrom", Type::Mapping),
];

const OF_MOUNT: &[(&str, Type)] = &[
    ("name", Type::Text),
    ("mountPath", Type::Text),
    ("subPath", Type::Text),
    ("readOnly", Type::Bool),
];

const OF_METADATA: &[(&str, Type)] = &[("labels", Type::Texts), ("annotations", Type::Texts)];

/// The fields of the workloads of `apps`, of which none means something else in another.
const OF_WORKLOAD: &[(&str, Type)] = &[
    ("replicas", Type::Int),
    ("minReadySeconds", Type::Int),
    ("progressDeadlineSeconds", Type::Int),
    ("revisionHistoryLimit", Type::Int),
    ("paused", Type::Bool),
    ("selector", Type::Mapping),
    ("selector.matchLabels", Type::Texts),
    ("serviceName", Type::Text),
    ("strategy", Type::Mapping),
    ("strategy.type", Type::OneOf(&["RollingUpdate", "Recreate"])),
    ("strategy.rollingUpdate.maxSurge", Type::IntOrText),
    ("strategy.rollingUpdate.maxUnavailable", Type::IntOrText),
    ("updateStrategy", Type::Mapping),
    (
        "updateStrategy.type",
        Type::OneOf(&["RollingUpdate", "OnDelete"]),
    ),
    ("updateStrategy.rollingUpdate.partition", Type::Int),
    ("updateStrategy.rollingUpdate.maxSurge", Type::IntOrText),
    (
        "updateStrategy.rollingUpdate.maxUnavailable",
        Type::IntOrText,
    ),
    (
        "podManagementPolicy",
        Type::OneOf(&["OrderedReady", "Parallel"]),
    ),
];

/// Judges the fields of a workload that are not those of its pods.
pub(crate) fn judge_object(object: &Object<'_>, findings: &mut Findings) {
    if let Some(metadata) = object.scope.below("metadata") {
        check(&metadata, OF_METADATA, None, findings);
    }
    let (group, _) = object.api_version.split_once('/').unwrap_or_default();
    if group != "apps" {
        return;
    }
    let Some(spec) = object.scope.below("spec") else {
        return;
    };
    check(&spec, OF_WORKLOAD, None, findings);
    let (Some(selector), Some(template)) =
        (spec.below("selector.matchLabels"), spec.below("template"))
    else {
        return;
    };
    for field in selector.node().fields() {
        let wanted = field.value.written().unwrap_or_default();
        let labels = template.at("metadata.labels");
        let has = labels.node().and_then(|it| it.get(field.key));
        let has = has.and_then(|it| it.value.written());
        if has == Some(wanted) || is_open(wanted) || has.is_some_and(is_open) || is_open(field.key)
        {
            continue;
        }
        let key = field.key;
        let message = match has {
            Some(has) => format!(
                "selector asks for label {key}: {wanted}, and the template has {key}: {has}"
            ),
            None => {
                format!("selector asks for label {key}: {wanted}, which the template does not have")
            }
        };
        let place = Location {
            mark: field.mark,
            path: format!("{}.{key}", selector.path()),
        };
        findings.add_at(LintCode::SelectorMismatch, place, message);
    }
}

/// Returns whether something else is going to replace a text, or a part of it: its type is not known yet.
fn is_open(text: &str) -> bool {
    ["${", "$(", "#{", "{{", "<%", "@@", "__"]
        .iter()
        .any(|it| text.contains(it))
        || (text.starts_with('<') && text.ends_with('>'))
        || (text.starts_with('%') && text.ends_with('%') && text.len() > 2)
        || (text.starts_with('$') && text.len() > 1)
}

pub(crate) fn judge(pod: &Pod<'_>, findings: &mut Findings) {
    check(&pod.spec, OF_POD, None, findings);
    if let Some(metadata) = &pod.metadata {
        check(metadata, OF_METADATA, None, findings);
    }
    for volume in pod.spec.items("volumes") {
        check(&volume, &[("hostPath", Type::Mapping)], None, findings);
    }
    for container in &pod.containers {
        let name = Some(container.name);
        check(&container.scope, OF_CONTAINER, name, findings);
        for (list, fields) in [
            ("ports", OF_PORT),
            ("env", OF_VARIABLE),
            ("volumeMounts", OF_MOUNT),
        ] {
            for item in container.scope.items(list) {
                check(&item, fields, name, findings);
            }
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
        let name = path.rsplit('.').next().unwrap_or(path);
        if let (Type::Texts | Type::Quantities, Some(Value::Mapping)) = (kind, field.value()) {
            entries(&field, *kind, container, findings);
        }
        let Some(value) = field.value().filter(|it| !kind.is_of(*it)) else {
            continue;
        };
        if matches!(value, Value::Text(it) if is_open(it)) {
            continue;
        }
        let wanted = kind.describe();
        let is = match (kind, value) {
            (Type::OneOf(_), Value::Text(it)) => format!("\"{it}\""),
            _ => value.describe().to_owned(),
        };
        let message = format!("{name} is {is}, and the API server expects {wanted}");
        let finding = findings.add(LintCode::WrongType, &field, message);
        finding.container = container.map(str::to_owned);
        if is_meant(name, *kind, value) {
            finding.with_edit(Edit::unquoted(&field));
        }
    }
}

/// Checks the values of a mapping, whose keys are free.
fn entries(field: &FieldRef<'_, '_>, kind: Type, container: Option<&str>, findings: &mut Findings) {
    let fields = field.node().into_iter().flat_map(NodeRef::fields);
    for entry in fields {
        let value = entry.value.value();
        let fits = match (kind, value) {
            (_, Value::Null)
            | (Type::Texts, Value::Text(_))
            | (Type::Quantities, Value::Int(_) | Value::Float(_)) => true,
            (Type::Quantities, Value::Text(it)) => is_quantity(it) || is_open(it),
            _ => false,
        };
        if fits || is_open(entry.key) {
            continue;
        }
        let key = entry.key;
        let (is, wanted) = match (kind, value) {
            (Type::Quantities, Value::Text(it)) => (format!("\"{it}\""), "a quantity"),
            (Type::Quantities, _) => (value.describe().to_owned(), "a quantity"),
            _ => (value.describe().to_owned(), "a string"),
        };
        let message = format!("{key} is {is}, and the API server expects {wanted}");
        let place = Location {
            mark: entry.value.mark(),
            path: format!("{}.{key}", field.path()),
        };
        let finding = findings.add_at(LintCode::WrongType, place, message);
        finding.container = container.map(str::to_owned);
    }
}

/// Returns whether a text is a quantity (apimachinery `resource/quantity.go`): a number with an optional suffix.
fn is_quantity(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let number = text
        .find(|it: char| !it.is_ascii_digit() && it != '.')
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(number);
    let is_number = number.bytes().any(|it| it.is_ascii_digit())
        && number.bytes().filter(|it| *it == b'.').count() <= 1;
    let suffixes = [
        "", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei",
    ];
    let exponent = suffix.strip_prefix(['e', 'E']);
    let is_exponent = exponent.is_some_and(|it| it.parse::<i32>().is_ok());
    is_number && (suffixes.contains(&suffix) || is_exponent)
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
        Type::List
        | Type::Mapping
        | Type::Text
        | Type::Texts
        | Type::Quantities
        | Type::IntOrText
        | Type::OneOf(_) => false,
    }
}
