use std::collections::BTreeMap;

use rollguard_core::report::parse_approval;
use rollguard_core::workload::WorkloadKind;

use super::*;
use crate::env::AgentEnv;

mod check;
mod cluster;
mod doctor;
mod lint;
mod rollback;
mod switches;
mod wrong;

const CONNECTION: &str = "5b1c2d3e-0000-4000-8000-00000000000a";
const EVIDENCE_JSON: &str = r#"{
    "version": 2,
    "verdict": "failed",
    "at": "2026-01-01T00:00:00Z",
    "codes": ["CrashAtStart"],
    "workloads": [{
        "workload": {"kind": "Deployment", "namespace": "shop", "name": "web"},
        "uid": "u1",
        "bad": {"revision": 2, "name": "web-b", "uid": "r2"},
        "target": {"revision": 1, "name": "web-a", "uid": "r1"}
    }]
}"#;

/// A task's inputs as the agent hands them over, with some of them set otherwise.
fn task(changes: &[(&str, &str)]) -> RawInputs {
    let mut inputs = vec![
        ("command", "check"),
        ("azureServiceConnection", CONNECTION),
        ("azureResourceGroup", "rg-shop"),
        ("aksCluster", "aks-shop"),
        ("namespace", "shop"),
        ("workloads", "deployment/web"),
        ("timeout", "5m"),
        ("stableFor", "10s"),
    ];
    inputs.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    inputs.extend(changes);
    let variables = inputs
        .iter()
        .map(|(name, value)| (format!("INPUT_{}", name.to_uppercase()), *value));
    RawInputs::from_env(&AgentEnv::from_pairs(variables))
}

fn web() -> WorkloadRef {
    WorkloadRef {
        kind: WorkloadKind::Deployment,
        namespace: "shop".to_owned(),
        name: "web".to_owned(),
    }
}

fn web_check(timeout: Duration) -> CheckInputs {
    CheckInputs::of(web(), timeout, Duration::from_secs(10))
}

/// The task's inputs of a check, with some of them set otherwise.
fn checked(changes: &[(&str, &str)]) -> CheckInputs {
    match Inputs::parse(&task(changes)).unwrap().command {
        CommandInputs::Check(check) => check,
        CommandInputs::Rollback(_) | CommandInputs::Doctor(_) | CommandInputs::Lint(_) => {
            panic!("another command")
        }
    }
}

/// The task's inputs of a rollback, with some of them set otherwise.
fn rolled_back(changes: &[(&str, &str)]) -> RollbackInputs {
    let changes: Vec<(&str, &str)> = [&[("command", "rollback")], changes].concat();
    match Inputs::parse(&task(&changes)).unwrap().command {
        CommandInputs::Rollback(rollback) => rollback,
        CommandInputs::Check(_) | CommandInputs::Doctor(_) | CommandInputs::Lint(_) => {
            panic!("another command")
        }
    }
}

fn evidence() -> Approval {
    parse_approval(EVIDENCE_JSON).unwrap()
}

fn complaints(raw: &RawInputs) -> Vec<String> {
    let errors = Inputs::parse(raw).unwrap_err();
    errors.errors().iter().map(ToString::to_string).collect()
}

/// The flags of a check on the command line.
fn flags<'a>(given: &[(&'a str, &'a str)]) -> RawInputs {
    let base = [("command", "check"), ("workloads", "deployment/web")];
    RawInputs::from_flags(base.iter().chain(given).copied())
}

/// The inputs of a task with a Kubernetes service connection, with some of them set otherwise.
fn kubernetes(changes: &[(&str, &str)]) -> RawInputs {
    let base = [
        ("connectionType", "kubernetesServiceConnection"),
        ("kubernetesServiceConnection", CONNECTION),
        ("azureServiceConnection", ""),
        ("azureResourceGroup", ""),
        ("aksCluster", ""),
    ];
    let kept = base
        .iter()
        .filter(|(name, _)| changes.iter().all(|(it, _)| it != name));
    task(&kept.chain(changes).copied().collect::<Vec<_>>())
}
