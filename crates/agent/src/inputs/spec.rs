//! Each input, declared once: the arguments of the command line, the inputs in task.json and the
//! documentation all come from here.

use super::CommandName;
use super::form::{CliForm, Group, InputKind, InputSpec};
use CommandName::{Check, Doctor, Lint, Rollback};

mod cluster;
mod lint;

pub use cluster::{
    AKS_CLUSTER, AZURE_RESOURCE_GROUP, AZURE_SERVICE_CONNECTION, AZURE_SUBSCRIPTION_ID,
    CONNECTION_TYPE, KUBERNETES_SERVICE_CONNECTION, PUBLIC_FQDN, USE_CLUSTER_ADMIN,
};
pub use lint::{BASELINE, CONFIG_FILE, FAIL_ON, MANIFESTS};

const ALL_COMMANDS: &[CommandName] = &[Check, Rollback, Doctor, Lint];
/// The commands about a rollout.
const ROLLOUT: &[CommandName] = &[Check, Rollback, Doctor];
/// The commands that judge a rollout.
const BOTH: &[CommandName] = &[Check, Rollback];

/// What to do. On the command line it is the subcommand.
pub const COMMAND: InputSpec = InputSpec {
    name: "command",
    cli: CliForm::None,
    label: "Command",
    help: "`check` follows a rollout to a verdict; `rollback` restores the last good revision; \
           `doctor` tells whether both would work here: connection, permissions, network; `lint` judges \
           manifests before they are applied, or workloads of the cluster.",
    kind: InputKind::Command,
    default: Some("check"),
    required: true,
    commands: ALL_COMMANDS,
    connection: None,
    group: None,
    task: true,
};

/// Whose permissions a doctor asks for.
pub const DOCTOR_COMMANDS: InputSpec = InputSpec {
    name: "doctorCommands",
    cli: CliForm::None,
    label: "Commands to look at",
    help: "The commands whose permissions the doctor asks for: `check`, `rollback`, `drill`, `lint`. Name \
           the workloads and set `http`, `mark`, `logs`, `traffic` and `wait` as for those commands: they \
           decide which permissions are needed. Without workloads, all kinds count.",
    kind: InputKind::Commands,
    default: Some("check, rollback"),
    required: false,
    commands: &[Doctor],
    connection: None,
    group: Some(Group::Workload),
    task: true,
};

/// Where the workload is in the cluster.
pub const NAMESPACE: InputSpec = InputSpec {
    name: "namespace",
    cli: CliForm::Flag {
        long: "namespace",
        short: Some('n'),
        value: "NAMESPACE",
    },
    label: "Namespace",
    help: "The Kubernetes namespace of the workloads.",
    kind: InputKind::Namespace,
    default: Some("default"),
    required: false,
    commands: ALL_COMMANDS,
    connection: None,
    group: Some(Group::Workload),
    task: true,
};

/// What the command is about.
pub const WORKLOADS: InputSpec = InputSpec {
    name: "workloads",
    cli: CliForm::Positional { value: "WORKLOAD" },
    label: "Workloads",
    help: "The workloads, written as in kubectl, one per line: `deployment/web`, \
           `statefulset/db`, `daemonset/agent`, or `deployment web api`. A check also takes `job/migrate` and \
           `cronjob/nightly`, the newest Job of a CronJob. May be left empty if \
           evidence or a selector is given. With evidence, only workloads that it names are allowed.",
    kind: InputKind::Workloads,
    default: None,
    // A selector or the evidence may stand for it.
    required: false,
    commands: ALL_COMMANDS,
    connection: None,
    group: Some(Group::Workload),
    task: true,
};

/// What else a check or a rollback is about.
pub const SELECTOR: InputSpec = InputSpec {
    name: "selector",
    cli: CliForm::Flag {
        long: "selector",
        short: Some('l'),
        value: "SELECTOR",
    },
    label: "Selector",
    help: "Every workload in the namespace whose own labels match, such as `app=web` or \
           `tier in (web, api)`, in addition to the named workloads. A check takes Jobs of this release as \
           well. A rollback takes only those whose rollout shows a failure, and leaves healthy ones alone.",
    kind: InputKind::Selector,
    default: None,
    required: false,
    commands: ALL_COMMANDS,
    connection: None,
    group: Some(Group::Workload),
    task: true,
};

/// How long a check may take.
pub const TIMEOUT: InputSpec = InputSpec {
    name: "timeout",
    cli: CliForm::Flag {
        long: "timeout",
        short: None,
        value: "DURATION",
    },
    label: "Timeout",
    help: "How long the rollout may take, such as `90s`, `5m` or `1h30m`. A rollout that cannot \
           recover is reported earlier. The check after a rollback has the same timeout. With \
           `lint`: the timeout of the check after the rollout, which is compared with the time that the rollout needs.",
    kind: InputKind::Duration,
    default: Some("5m"),
    required: false,
    commands: &[Check, Rollback, Lint],
    connection: None,
    group: Some(Group::Check),
    task: true,
};

/// How long a complete rollout must stay complete.
pub const STABLE_FOR: InputSpec = InputSpec {
    name: "stableFor",
    cli: CliForm::Flag {
        long: "stable-for",
        short: None,
        value: "DURATION",
    },
    label: "Stable for",
    help: "How long a complete rollout must stay complete before the check succeeds. Must be \
           shorter than the timeout.",
    kind: InputKind::Duration,
    default: Some("10s"),
    required: false,
    commands: BOTH,
    connection: None,
    group: Some(Group::Check),
    task: true,
};

/// What a healthy pod answers.
pub const HTTP: InputSpec = InputSpec {
    name: "http",
    cli: CliForm::Flag {
        long: "http",
        short: None,
        value: "CHECK",
    },
    label: "HTTP checks",
    help: "HTTP checks that each new pod must pass besides its probes, one per line: \
           `PATH[:PORT][=STATUS][~REGEX]`, such as `/healthz`, `/ready:8080=204`, \
           `/health:http~ok|up` or `/ready=200~^OK$`. Default port: that of the readiness probe, else the container's \
           first. Default status: any from 200 to 399. A pattern must also be found in the body. \
           `service/NAME` before the path asks the Service in place of each pod, as in `service/web/healthz:80=200`; \
           name its port if it has several. \
           Requests go through the API server, so the agent needs no network route to the pods. \
           In a path, write `%7E` for `~`, `%3D` for `=`, `%3A` for `:`.",
    kind: InputKind::HttpChecks,
    default: None,
    required: false,
    commands: ROLLOUT,
    connection: None,
    group: Some(Group::Check),
    task: true,
};

/// How long causes may last.
pub const GRACES: InputSpec = InputSpec {
    name: "graces",
    cli: CliForm::Flag {
        long: "grace",
        short: None,
        value: "CODE=DURATION",
    },
    label: "Grace periods",
    help: "How long a cause may last before the check fails, one per line: `CODE=DURATION`, such \
           as `ImageNotFound=2m`. Codes and defaults: docs/findings.md.",
    kind: InputKind::Graces,
    default: None,
    required: false,
    commands: BOTH,
    connection: None,
    group: Some(Group::Check),
    task: true,
};

/// Which revision to check.
pub const REVISION: InputSpec = InputSpec {
    name: "revision",
    cli: CliForm::Flag {
        long: "revision",
        short: None,
        value: "REVISION",
    },
    label: "Revision",
    help: "The revision to check, a number from `kubectl rollout history`; for one workload \
           only. If empty: the revision that is the newest when the check begins.",
    kind: InputKind::Revision,
    default: None,
    required: false,
    commands: &[Check],
    connection: None,
    group: Some(Group::Workload),
    task: true,
};

/// Which revision to restore.
pub const TO_REVISION: InputSpec = InputSpec {
    name: "toRevision",
    cli: CliForm::Flag {
        long: "to-revision",
        short: None,
        value: "REVISION",
    },
    label: "To revision",
    help: "The revision to restore, a number from `kubectl rollout history`; for one workload \
           only. If empty: the revision in the evidence, else one that a check found healthy (a \
           serving one first, then the newest), else the one that still serves.",
    kind: InputKind::Revision,
    default: None,
    required: false,
    commands: &[Rollback],
    connection: None,
    group: Some(Group::Rollback),
    task: true,
};

/// What binds the rollback to the rollout that was checked.
pub const EVIDENCE: InputSpec = InputSpec {
    name: "evidence",
    cli: CliForm::Flag {
        long: "evidence",
        short: None,
        value: "FILE",
    },
    label: "Evidence of the check",
    help: "The output variable `evidence` of the check, or its whole report as JSON. A rollback \
           undoes exactly the rollouts that were found bad; if a newer one has begun in the \
           meantime, nothing is changed. A check with evidence is the one after that rollback: it \
           waits for the restored revision.",
    kind: InputKind::Evidence,
    default: None,
    required: false,
    commands: BOTH,
    connection: None,
    group: Some(Group::Rollback),
    task: true,
};

/// Whether a success is remembered.
pub const MARK: InputSpec = InputSpec {
    name: "mark",
    cli: CliForm::Switch {
        long: "no-mark",
        gives: false,
        help: "Do not mark the revision as good if the check succeeds",
    },
    label: "Mark as good",
    help: "Marks the revision in the cluster as good if the check succeeds (annotation \
           `rollguard.dev/last-known-good-<uid>`), so that a later rollback can find its target. \
           If it may not do so, the verdict stays the same.",
    kind: InputKind::Boolean,
    default: Some("true"),
    required: false,
    commands: &[Check, Doctor],
    connection: None,
    group: Some(Group::Check),
    task: true,
};

/// Whether the logs of containers are read.
pub const LOGS: InputSpec = InputSpec {
    name: "logs",
    cli: CliForm::Switch {
        long: "no-logs",
        gives: false,
        help: "Do not read the logs of containers that fail",
    },
    label: "Read logs",
    help: "Reads the last log lines of containers that fail. The line that says why is quoted in \
           the sentence of the cause; the others are in the report. Logs are written by the \
           application and may hold secrets; a report shows them to everyone who may see the run. \
           Secrets of the run are masked. If false, no log is read.",
    kind: InputKind::Boolean,
    default: Some("true"),
    required: false,
    commands: ROLLOUT,
    connection: None,
    group: Some(Group::Check),
    task: true,
};

/// Whether the way of users to the pods is judged.
pub const TRAFFIC: InputSpec = InputSpec {
    name: "traffic",
    cli: CliForm::Switch {
        long: "no-traffic",
        gives: false,
        help: "Do not look whether Services still lead to the new pods",
    },
    label: "Follow the traffic",
    help: "Once the rollout is complete, looks whether Services still lead to the new pods: if \
           those that led to the pods of the former revision lead to no pod any more, or every pod \
           refuses their port, the check fails. Ingresses, NetworkPolicies, HorizontalPodAutoscalers and the Services that the \
           new revision names are read for notes, which never decide. What may not be listed is \
           said, and the verdict stays the same. If false, none of it is read.",
    kind: InputKind::Boolean,
    default: Some("true"),
    required: false,
    commands: ROLLOUT,
    connection: None,
    group: Some(Group::Check),
    task: true,
};

/// Whether workloads that somebody else takes care of are rolled back.
pub const FORCE_OWNER: InputSpec = InputSpec {
    name: "forceOwner",
    cli: CliForm::Switch {
        long: "force-owner",
        gives: true,
        help: "Roll back even a workload that Argo CD, Flux, Helm or another controller manages \
               and may revert",
    },
    label: "Force owner",
    help: "Rolls back even a workload that Argo CD, Flux, Helm or another controller manages. The \
           controller may revert this rollback, so use its own rollback if you can.",
    kind: InputKind::Boolean,
    default: Some("false"),
    required: false,
    commands: BOTH,
    connection: None,
    group: Some(Group::Rollback),
    task: true,
};

/// Whether a person agreed to what the check offered to force.
pub const APPROVED: InputSpec = InputSpec {
    name: "approved",
    // At the command line, `--force-owner` says so.
    cli: CliForm::None,
    label: "Approved",
    help: "Says that a person has read the check's summary and approved it. A workload that Helm \
           installed is rolled back only then, and only if the summary said so.",
    kind: InputKind::LateBoolean,
    default: Some("false"),
    required: false,
    commands: &[Rollback],
    connection: None,
    group: Some(Group::Rollback),
    task: true,
};

/// Whether a schema may be older than the data.
pub const ALLOW_SCHEMA_DOWNGRADE: InputSpec = InputSpec {
    name: "allowSchemaDowngrade",
    cli: CliForm::Switch {
        long: "allow-schema-downgrade",
        gives: true,
        help: "Roll back even to a revision that cannot work with the present schema",
    },
    label: "Allow schema downgrade",
    help: "Rolls back even to a revision that cannot work with the present schema, according to \
           the annotations `rollguard.dev/schema-version` and \
           `rollguard.dev/schema-compatible-from`.",
    kind: InputKind::Boolean,
    default: Some("false"),
    required: false,
    commands: BOTH,
    connection: None,
    group: Some(Group::Rollback),
    task: true,
};

/// Whether a workload is rolled back whose pods a person replaces.
pub const ALLOW_ON_DELETE: InputSpec = InputSpec {
    name: "allowOnDelete",
    cli: CliForm::Switch {
        long: "allow-on-delete",
        gives: true,
        help: "Roll back even with the update strategy `OnDelete`, where pods change only when \
               they are deleted",
    },
    label: "Allow OnDelete",
    help: "Rolls back even a workload with the update strategy `OnDelete`, whose pods change \
           only when somebody deletes them.",
    kind: InputKind::Boolean,
    default: Some("false"),
    required: false,
    commands: BOTH,
    connection: None,
    group: Some(Group::Rollback),
    task: true,
};

/// Whether a rollback checks again.
pub const WAIT: InputSpec = InputSpec {
    name: "wait",
    cli: CliForm::Switch {
        long: "no-wait",
        gives: false,
        help: "Do not check again after the rollback",
    },
    label: "Check again",
    help: "Checks again after the rollback, with `timeout`, `stableFor`, `http` and `graces`, \
           and sets `rollbackHealth`. If false, run a separate check with the evidence.",
    kind: InputKind::Boolean,
    default: Some("true"),
    required: false,
    commands: &[Rollback, Doctor],
    connection: None,
    group: Some(Group::Rollback),
    task: true,
};

/// Every input, in the order of the task's form.
pub const INPUTS: &[InputSpec] = &[
    COMMAND,
    CONNECTION_TYPE,
    AZURE_SERVICE_CONNECTION,
    KUBERNETES_SERVICE_CONNECTION,
    AZURE_SUBSCRIPTION_ID,
    AZURE_RESOURCE_GROUP,
    AKS_CLUSTER,
    USE_CLUSTER_ADMIN,
    PUBLIC_FQDN,
    WORKLOADS,
    NAMESPACE,
    SELECTOR,
    TIMEOUT,
    STABLE_FOR,
    HTTP,
    GRACES,
    REVISION,
    MARK,
    LOGS,
    TRAFFIC,
    TO_REVISION,
    EVIDENCE,
    APPROVED,
    FORCE_OWNER,
    ALLOW_SCHEMA_DOWNGRADE,
    ALLOW_ON_DELETE,
    WAIT,
    DOCTOR_COMMANDS,
    MANIFESTS,
    FAIL_ON,
    CONFIG_FILE,
    BASELINE,
];

impl InputSpec {
    /// The input with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        INPUTS.iter().find(|spec| spec.name == name)
    }

    /// The inputs that a command takes on the command line, in the order of its help.
    pub fn on_command_line(command: CommandName) -> impl Iterator<Item = &'static Self> {
        INPUTS
            .iter()
            .filter(move |spec| spec.cli != CliForm::None && spec.commands.contains(&command))
    }
}

impl InputSpec {
    /// Returns when the editor of Azure Pipelines shows it; elsewhere it keeps its value.
    #[must_use]
    pub fn visible_rule(&self) -> Option<String> {
        // No input has both, and a rule cannot mix `||` and `&&`.
        if let Some(connection) = self.connection {
            return Some(format!(
                "{} = {}",
                CONNECTION_TYPE.name,
                connection.as_str()
            ));
        }
        let each = |commands: &[CommandName]| {
            let each = commands.iter();
            let each = each.map(|it| format!("{} = {}", COMMAND.name, it.as_str()));
            each.collect::<Vec<_>>().join(" || ")
        };
        self.only_for().map(each)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_task_json_allows_and_unique() {
        for spec in INPUTS {
            let mut letters = spec.name.chars();
            assert!(
                letters.next().is_some_and(|c| c.is_ascii_lowercase()),
                "{}",
                spec.name
            );
            assert!(letters.all(|c| c.is_ascii_alphanumeric()), "{}", spec.name);
            assert_eq!(InputSpec::named(spec.name), Some(spec));
        }
    }

    /// These have the names of the stage's parameters.
    const AS_IN_THE_STAGE: [&str; 3] = ["aks-subscription", "aks-rg", "aks-name"];

    #[test]
    fn flags_are_the_names_in_kebab_case_and_those_of_lists_may_be_singular() {
        for spec in INPUTS {
            let Some(flag) = spec.flag() else { continue };
            if AS_IN_THE_STAGE.contains(&flag) {
                continue;
            }
            let kebab: String = spec
                .name
                .chars()
                .flat_map(|c| {
                    if c.is_ascii_uppercase() {
                        vec!['-', c.to_ascii_lowercase()]
                    } else {
                        vec![c]
                    }
                })
                .collect();
            let singular = kebab.strip_suffix('s').filter(|_| spec.kind.is_list());
            let off = matches!(spec.cli, CliForm::Switch { gives: false, .. });
            let expected = if off {
                format!("no-{kebab}")
            } else {
                kebab.clone()
            };
            assert!(flag == expected || Some(flag) == singular, "{flag}");
        }
    }

    #[test]
    fn the_editor_shows_an_input_where_it_is_read() {
        let rows = [
            ("namespace", None),
            ("selector", None),
            ("mark", Some("command = check || command = doctor")),
            ("manifests", Some("command = lint")),
            ("aksCluster", Some("connectionType = azureResourceManager")),
            (
                "kubernetesServiceConnection",
                Some("connectionType = kubernetesServiceConnection"),
            ),
        ];
        for (name, expected) in rows {
            let rule = InputSpec::named(name).unwrap().visible_rule();
            assert_eq!(rule.as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn a_switch_gives_what_the_default_is_not() {
        let mut switches = 0;
        for spec in INPUTS {
            let CliForm::Switch { gives, .. } = spec.cli else {
                assert_ne!(spec.kind, InputKind::Boolean, "{}", spec.name);
                continue;
            };
            switches += 1;
            assert_eq!(spec.kind, InputKind::Boolean, "{}", spec.name);
            let otherwise = if gives { "false" } else { "true" };
            assert_eq!(spec.default, Some(otherwise), "{}", spec.name);
        }
        assert_eq!(switches, 9);
    }

    #[test]
    fn the_command_line_offers_what_a_command_takes() {
        let names = |command| -> Vec<&str> {
            InputSpec::on_command_line(command)
                .map(|spec| spec.name)
                .collect()
        };
        assert_eq!(
            names(Check),
            [
                "azureSubscriptionId",
                "azureResourceGroup",
                "aksCluster",
                "useClusterAdmin",
                "publicFqdn",
                "workloads",
                "namespace",
                "selector",
                "timeout",
                "stableFor",
                "http",
                "graces",
                "revision",
                "mark",
                "logs",
                "traffic",
                "evidence",
                "forceOwner",
                "allowSchemaDowngrade",
                "allowOnDelete"
            ]
        );
        assert_eq!(
            names(Rollback),
            [
                "azureSubscriptionId",
                "azureResourceGroup",
                "aksCluster",
                "useClusterAdmin",
                "publicFqdn",
                "workloads",
                "namespace",
                "selector",
                "timeout",
                "stableFor",
                "http",
                "graces",
                "logs",
                "traffic",
                "toRevision",
                "evidence",
                "forceOwner",
                "allowSchemaDowngrade",
                "allowOnDelete",
                "wait"
            ]
        );
        assert_eq!(
            names(Doctor),
            [
                "azureSubscriptionId",
                "azureResourceGroup",
                "aksCluster",
                "useClusterAdmin",
                "publicFqdn",
                "workloads",
                "namespace",
                "selector",
                "http",
                "mark",
                "logs",
                "traffic",
                "wait"
            ]
        );
    }
}
