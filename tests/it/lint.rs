//! The linter against the words of others.
//!
//! The levels `baseline` and `restricted` against the fixtures of Pod Security admission itself, which come with its Go
//! module: every pod that passes there passes here, every pod that fails there fails here, and for the same check.
//! SARIF against its schema, which comes with an npm package.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test's helper may fail the test, and what is left out is said aloud"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::civil::date;
use rollguard_lint::report::sarif;
use rollguard_lint::{FailOn, KubernetesVersion, Level, LintCode, Rules, Run, Source, judge};
use serde_json::Value;

#[path = "lint/api.rs"]
mod api;
#[path = "lint/corpus.rs"]
mod corpus;

/// Set by the full test run, where nothing may be left out.
const FULL: &str = "ROLLGUARD_REAL_CLUSTER";

const MODULE: &str = "k8s.io/pod-security-admission";

/// The codes of a check, by the beginning of its fixtures' names.
const CHECKS: &[(&str, &[LintCode])] = &[
    // One of them has no capabilities at all, and therefore drops none.
    (
        "allowprivilegeescalation",
        &[
            LintCode::PrivilegeEscalation,
            LintCode::CapabilitiesNotDropped,
        ],
    ),
    ("apparmorprofile", &[LintCode::AppArmorProfile]),
    // Some are only spelt as Pod Security does not know them.
    (
        "capabilities_baseline",
        &[
            LintCode::DangerousCapability,
            LintCode::CapabilityName,
            LintCode::AddedCapability,
        ],
    ),
    (
        "capabilities_restricted",
        &[
            LintCode::AddedCapability,
            LintCode::DangerousCapability,
            LintCode::CapabilitiesNotDropped,
            LintCode::CapabilityName,
        ],
    ),
    (
        "hostnamespaces",
        &[LintCode::HostNetwork, LintCode::HostNamespace],
    ),
    ("hostpathvolumes", &[LintCode::HostPathVolume]),
    ("hostports", &[LintCode::HostPort]),
    ("hostprobesandhostlifecycle", &[LintCode::ProbeHost]),
    // The API refuses to forbid a privileged container to escalate.
    (
        "privileged",
        &[LintCode::PrivilegedContainer, LintCode::PrivilegeEscalation],
    ),
    ("procmount", &[LintCode::UnmaskedProcMount]),
    // A folder of the node has a code of its own, at `restricted` as well.
    (
        "restrictedvolumes",
        &[LintCode::RestrictedVolume, LintCode::HostPathVolume],
    ),
    ("runasnonroot", &[LintCode::MayRunAsRoot]),
    ("runasuser", &[LintCode::RunsAsRoot]),
    ("seccompprofile", &[LintCode::SeccompProfile]),
    ("selinuxoptions", &[LintCode::SelinuxOptions]),
    ("sysctls", &[LintCode::UnsafeSysctl, LintCode::SysctlName]),
    // Such a pod must use the network of its node, too.
    (
        "windowshostprocess",
        &[LintCode::HostProcessContainer, LintCode::HostNetwork],
    ),
];

/// Returns the folder of a Go module that `tests/cluster/pod-security` pins, from Go's module cache.
fn module(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cluster/pod-security");
    let output = Command::new("go")
        .args(["mod", "download", "-json", name])
        .env("GOFLAGS", "-mod=mod")
        .current_dir(folder)
        .output();
    let Ok(output) = output else {
        let full = std::env::var_os(FULL).is_some();
        assert!(!full, "Go is not installed");
        println!("left out: {name} is a Go module, and Go is not installed");
        return None;
    };
    let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let Some(folder) = said["Dir"].as_str() else {
        let stderr = String::from_utf8_lossy(&output.stderr);
        panic!("cannot download {name}: {said} {stderr}");
    };
    Some(PathBuf::from(folder))
}

/// Returns the folder of the fixtures.
fn fixtures() -> Option<PathBuf> {
    module(MODULE).map(|it| it.join("test/testdata"))
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|it| it.unwrap().file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// Returns what is wrong with the judgement of a fixture.
fn complaint(path: &Path, level: Level, minor: u32, passes: bool) -> Option<String> {
    let mut rules = Rules::new(date(2026, 11, 30));
    rules.levels = [level].into();
    rules.version = KubernetesVersion::minor(minor);
    let judgement = judge(&fs::read_to_string(path).unwrap(), &rules);
    if judgement.judged != 1 || judgement.problem.is_some() {
        return Some(format!("it cannot be read: {:?}", judgement.problem));
    }
    let found: Vec<LintCode> = judgement.findings.iter().map(|it| it.code).collect();
    if passes {
        return (!found.is_empty()).then(|| format!("it passes there, here are {found:?}"));
    }
    let name = path.file_stem()?.to_string_lossy();
    // Of those that fit, the longest name: `capabilities_restricted` and not `capabilities`.
    let check = CHECKS.iter().filter(|(check, _)| name.starts_with(check));
    let Some((_, codes)) = check.max_by_key(|(check, _)| check.len()) else {
        return Some("its check is not known".to_owned());
    };
    let same = !found.is_empty() && found.iter().all(|it| codes.contains(it));
    (!same).then(|| format!("it fails there for {codes:?}, here are {found:?}"))
}

#[test]
fn every_fixture_passes_and_fails_as_in_pod_security_admission() {
    let Some(root) = fixtures() else { return };
    let mut complaints = Vec::new();
    let mut counts: BTreeMap<(String, bool), usize> = BTreeMap::new();
    let mut newest = 0;
    for (name, level) in [
        ("baseline", Level::Baseline),
        ("restricted", Level::Restricted),
    ] {
        for version in names(&root.join(name)) {
            let minor: u32 = version.strip_prefix("v1.").unwrap().parse().unwrap();
            // Older ones cannot be chosen, and are not judged.
            if KubernetesVersion::minor(minor) < KubernetesVersion::OLDEST {
                continue;
            }
            newest = newest.max(minor);
            for (result, passes) in [("pass", true), ("fail", false)] {
                let folder = root.join(name).join(&version).join(result);
                for file in names(&folder) {
                    let path = folder.join(&file);
                    *counts.entry((name.to_owned(), passes)).or_default() += 1;
                    if let Some(what) = complaint(&path, level, minor, passes) {
                        complaints.push(format!("{name}/{version}/{result}/{file}: {what}"));
                    }
                }
            }
        }
    }
    println!("{counts:?}, up to 1.{newest}");
    let shown: Vec<_> = complaints.iter().take(40).collect();
    assert!(complaints.is_empty(), "{}: {shown:#?}", complaints.len());
    let all: usize = counts.values().sum();
    assert!(all > 1_700, "{all} fixtures");
    assert_eq!(KubernetesVersion::minor(newest), KubernetesVersion::LATEST);
}

/// The schema of SARIF 2.1.0, from `tests/npm`.
fn sarif_schema() -> Option<Value> {
    let path = "npm/node_modules/@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let Ok(text) = fs::read_to_string(path) else {
        let full = std::env::var_os(FULL).is_some();
        assert!(!full, "the schema of SARIF is not installed");
        println!("left out: the schema of SARIF is not installed (`npm ci` in tests/npm)");
        return None;
    };
    // The pattern of language codes has a bracket too many: in Unicode mode it is no regular expression.
    let text = text.replace("{2}]?$\"", "{2}$\"");
    Some(serde_json::from_str(&text).unwrap())
}

/// Every finding that there can be in one report: of several files, exempted, in the baseline, and what cannot be read.
fn report() -> rollguard_lint::Report {
    let pod = "{hostPID: true, volumes: [{name: v, hostPath: {path: /run}}], containers: [{name: a, image: x}]}";
    let annotation = "rollguard.dev/exempt-HostPathVolume: 'the \"logs\"; until 2027-01-01'";
    let text = format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: x, annotations: {{{annotation}}}}}, spec: {pod}}}"
    );
    let mut rules = Rules::new(date(2026, 11, 30));
    rules.levels = Level::ALL.into_iter().collect();
    let fail_on = FailOn::default();
    let mut run = Run::default();
    for (path, text) in [("a b/\u{fc}.yaml", text.as_str()), ("b.yaml", "a: [")] {
        let source = Source {
            path,
            text,
            fail_on,
        };
        run.add(source, judge(text, &rules));
    }
    run.finish()
}

#[test]
fn sarif_keeps_its_schema() {
    let Some(schema) = sarif_schema() else { return };
    let validator = jsonschema::draft4::new(&schema).unwrap();
    let report = report();
    assert!(report.findings().count() > 10);
    for report in [report, Run::default().finish()] {
        let document: Value = serde_json::from_str(&sarif(&report, "0.1.0").unwrap()).unwrap();
        let errors = validator.iter_errors(&document);
        let errors: Vec<String> = errors
            .map(|it| format!("{}: {it}", it.instance_path()))
            .collect();
        assert_eq!(errors, [""; 0], "{document:#}");
    }
    let without_message: Value =
        serde_json::json!({"version": "2.1.0", "runs": [{"results": [{}]}]});
    assert!(
        !validator.is_valid(&without_message),
        "the schema refuses nothing"
    );
}
