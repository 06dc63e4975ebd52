//! The inputs of a lint in a pipeline. The command line has more options: rollguard.yaml takes their place here.

use super::super::CommandName;
use super::super::form::{CliForm, Group, InputKind, InputSpec};

const LINT: &[CommandName] = &[CommandName::Lint];

/// Which manifests are judged.
pub const MANIFESTS: InputSpec = InputSpec {
    name: "manifests",
    cli: CliForm::None,
    label: "Manifests",
    help: "The manifests to judge, one per line: files, folders and patterns such as `k8s/**/*.yaml`, from the \
           working directory on. With a service connection the cluster is asked, too, what it would say to them.",
    kind: InputKind::Paths,
    default: None,
    // Workloads or a selector may stand for them.
    required: false,
    commands: LINT,
    connection: None,
    group: Some(Group::Lint),
    task: true,
};

/// From which severity on findings fail the task.
pub const FAIL_ON: InputSpec = InputSpec {
    name: "failOn",
    cli: CliForm::None,
    label: "Fail on",
    help: "The severity from which on findings fail the task: `error`, `warning`, `info` or `never`. If empty: \
           as rollguard.yaml says, else `warning`.",
    kind: InputKind::Severity,
    default: None,
    required: false,
    commands: LINT,
    connection: None,
    group: Some(Group::Lint),
    task: true,
};

/// Where the configuration is.
pub const CONFIG_FILE: InputSpec = InputSpec {
    name: "configFile",
    cli: CliForm::None,
    label: "Configuration file",
    help: "The configuration file. If empty: rollguard.yaml, found upward from each manifest.",
    kind: InputKind::Path,
    default: None,
    required: false,
    commands: LINT,
    connection: None,
    group: Some(Group::Lint),
    task: true,
};

/// Which findings do not count.
pub const BASELINE: InputSpec = InputSpec {
    name: "baseline",
    cli: CliForm::None,
    label: "Baseline",
    help: "A file of findings that exist today and do not count; `rollguard lint --write-baseline` writes it.",
    kind: InputKind::Path,
    default: None,
    required: false,
    commands: LINT,
    connection: None,
    group: Some(Group::Lint),
    task: true,
};
