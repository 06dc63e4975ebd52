//! `rollguard lint` as a user starts it with options that do not go together, and its documents without a result.
#![expect(clippy::unwrap_used, reason = "a test's helper may fail the test")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ran {
    fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

fn lint(folder: &Path, args: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_rollguard"))
        .arg("lint")
        .args(args)
        .env_clear()
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A pod with two findings that `--fix` resolves. Once the number is one, a third can be resolved.
const FIXABLE: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec:\n  securityContext:\n    sysctls:\n    - name: net/ipv4/tcp_syncookies\n      value: '1'\n  containers:\n  - name: web\n    image: x:1\n    securityContext:\n      runAsUser: '1000'\n";

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("k8s")).unwrap();
    fs::create_dir(folder.path().join("deploy")).unwrap();
    fs::write(folder.path().join("k8s/a.yaml"), FIXABLE).unwrap();
    let levels = "lint: {levels: [practices, restricted]}";
    fs::write(folder.path().join("rollguard.yaml"), levels).unwrap();
    folder
}

#[test]
fn a_workload_of_the_cluster_is_never_changed_and_no_file_beside_it() {
    let folder = folder();
    let rows: &[(&str, &[&str], &[&str])] = &[
        (
            "--fix beside a file",
            &["k8s/", "deployment/web", "--fix"],
            &[
                "error: `--fix`: it is for manifests, and `deployment/web` is read from the cluster; write \
               `rollguard lint k8s/ --fix` and `rollguard lint deployment/web`",
            ],
        ),
        (
            "--diff and a selector",
            &["k8s/", "-l", "app in (web)", "--diff"],
            &[
                "error: `--diff`: it is for manifests, and `-l 'app in (web)'` is read from the cluster; write \
               `rollguard lint k8s/ --diff` and `rollguard lint -l 'app in (web)'`",
            ],
        ),
        (
            "--write-baseline, and nothing but a workload",
            &["deployment/web", "--write-baseline", "lint.json"],
            &[
                "error: `--write-baseline`: it is for manifests, and `deployment/web` is read from the cluster; write \
               `rollguard lint deployment/web`",
            ],
        ),
        (
            "all that is wrong at once",
            &[
                "deployment/web",
                "--fix",
                "-n",
                "Shop",
                "--level",
                "strict",
                "--aks-name",
                "shop",
            ],
            &[
                "error: `--fix`: it is for manifests",
                "error: `--namespace`: `Shop` is not the name of a namespace",
                "error: `--level`: `strict` is none of",
                "error: `--aks-rg`: is missing",
                "error: `--aks-subscription`: is missing",
            ],
        ),
    ];
    for (says, args, expected) in rows {
        let ran = lint(folder.path(), args);
        assert_eq!(ran.code, 2, "{says}: {}", ran.all());
        for line in *expected {
            assert!(ran.all().contains(line), "{says}: {line}: {}", ran.all());
        }
        let kept = fs::read_to_string(folder.path().join("k8s/a.yaml")).unwrap();
        assert_eq!(kept, FIXABLE, "{says}");
    }
    assert!(!folder.path().join("lint.json").exists());
}

#[test]
fn options_for_a_cluster_are_refused_where_none_is_asked() {
    let folder = folder();
    let all = [
        ("--namespace", "shop"),
        ("--fail-on-prediction", "likely"),
        ("--context", "prod"),
        ("--kubeconfig", "config"),
        ("--as", "jane"),
        ("--as-uid", "1"),
        ("--aks-rg", "rg"),
    ];
    let mut args = vec!["k8s", "--allow-insecure-server", "--fail-on", "some"];
    args.extend(all.iter().flat_map(|(option, value)| [*option, *value]));
    let ran = lint(folder.path(), &args);
    assert_eq!(ran.code, 2, "{}", ran.all());
    let given = all.iter().map(|(option, _)| *option);
    for option in given.chain(["--allow-insecure-server"]) {
        let line = format!(
            "error: `{option}`: no cluster is asked; add `--live`, or leave out `{option}`"
        );
        assert!(ran.all().contains(&line), "{option}: {}", ran.all());
    }
    let line = "error: `--fail-on`: `some` is none of error, warning, info and never";
    assert!(ran.all().contains(line), "{}", ran.all());
    // It prints the requests, of which there are none.
    let ran = lint(folder.path(), &["k8s", "-v", "--fail-on", "never"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
}

#[test]
fn a_file_that_does_not_exist_is_not_taken_for_a_workload() {
    let folder = folder();
    for path in [
        "deploy/x.yaml",
        "deploy/x.YML",
        "sts/x.json",
        "deploy/rollguard.yaml",
    ] {
        let ran = lint(folder.path(), &[path]);
        assert_eq!(ran.code, 2, "{path}: {}", ran.all());
        let line = format!("error: {path}: there is no such file or folder");
        assert!(ran.all().contains(&line), "{path}: {}", ran.all());
    }
    // This one is a name in the cluster.
    let ran = lint(folder.path(), &["deploy/x.y"]);
    assert!(!ran.all().contains("no such file"), "{}", ran.all());
}

#[test]
fn every_form_has_one_document_also_without_a_result() {
    let folder = folder();
    let rows: &[(&str, &[&str], &str)] = &[
        (
            "a wrong option",
            &["k8s", "--level", "strict"],
            "`strict` is none of",
        ),
        (
            "an option that does not exist",
            &["k8s", "--frobnicate"],
            "--frobnicate",
        ),
        (
            "no kubeconfig",
            &["--live", "k8s", "--kubeconfig", "nowhere"],
            "nowhere",
        ),
    ];
    for (says, args, reason) in rows {
        for form in ["json", "sarif", "junit", "markdown"] {
            let ran = lint(folder.path(), &[args, &["-o", form][..]].concat());
            assert_eq!(ran.code, 2, "{says}, {form}: {}", ran.all());
            assert!(
                ran.stdout.contains(reason),
                "{says}, {form}: {}",
                ran.stdout
            );
            assert!(
                ran.stderr.contains(reason),
                "{says}, {form}: {}",
                ran.stderr
            );
            let json = || serde_json::from_str::<serde_json::Value>(&ran.stdout).unwrap();
            match form {
                "json" => assert_eq!(json()["outcome"], "badInput", "{says}"),
                "sarif" => {
                    let run = &json()["runs"][0];
                    assert_eq!(run["results"], serde_json::json!([]), "{says}");
                    let successful = &run["invocations"][0]["executionSuccessful"];
                    assert_eq!(successful, false, "{says}");
                }
                "junit" => {
                    assert!(ran.stdout.starts_with("<?xml"), "{says}: {}", ran.stdout);
                    let error = "<error type=\"BadInput\"";
                    assert_eq!(
                        ran.stdout.matches(error).count(),
                        1,
                        "{says}: {}",
                        ran.stdout
                    );
                }
                _ => assert!(
                    ran.stdout
                        .starts_with("## ❌ Not judged: an input is wrong"),
                    "{says}: {}",
                    ran.stdout
                ),
            }
        }
    }
}

#[test]
fn what_is_counted_as_fixable_is_what_fix_changes() {
    let folder = folder();
    let before = lint(folder.path(), &["k8s", "--diff"]);
    let lines = before.stderr.matches("would change, ").count();
    assert_eq!(lines, 3, "{}", before.all());
    let counted = "; 3 that --fix resolves";
    assert!(before.stderr.contains(counted), "{}", before.all());
    let plain = lint(folder.path(), &["k8s"]);
    assert!(plain.stdout.contains(counted), "{}", plain.all());
    let fixed = lint(folder.path(), &["k8s", "--fix"]);
    assert_eq!(
        fixed.stdout.matches(": changed, ").count(),
        3,
        "{}",
        fixed.all()
    );
    assert!(
        !fixed.stdout.contains("nothing to change"),
        "{}",
        fixed.all()
    );
    for option in ["--fix", "--diff"] {
        let again = lint(folder.path(), &["k8s", option]);
        let line = "nothing to change: no finding has a change that cannot break an application";
        assert!(again.all().contains(line), "{option}: {}", again.all());
    }
}

#[test]
fn a_call_that_judged_nothing_by_mistake_is_not_green() {
    let folder = tempfile::tempdir().unwrap();
    let kind = |kind: &str| format!("apiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: x}}\n");
    let files = [
        ("slip.yaml", kind("Deployement")),
        ("empty.yaml", String::new()),
        ("pipeline.yml", "steps:\n- script: echo\n".to_owned()),
        ("config.yaml", kind("ConfigMap")),
        (
            "both.yaml",
            format!("{}---\n{}", kind("ConfigMap"), kind("Deployement")),
        ),
        (
            "good.yaml",
            "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: []}\n".to_owned(),
        ),
    ];
    for (path, text) in files {
        fs::write(folder.path().join(path), text).unwrap();
    }
    let rows: &[(&str, &[&str], i32, &str)] = &[
        (
            "a misspelt kind",
            &["slip.yaml"],
            2,
            "error: slip.yaml: there is no kind `Deployement`; did you mean `Deployment`?",
        ),
        (
            "a misspelt kind beside another one",
            &["both.yaml"],
            2,
            "did you mean `Deployment`?",
        ),
        (
            "an empty file",
            &["empty.yaml"],
            2,
            "error: empty.yaml: it holds no Kubernetes object",
        ),
        (
            "an empty pipe",
            &["-"],
            2,
            "error: -: it holds no Kubernetes object",
        ),
        (
            "a pipeline",
            &["pipeline.yml"],
            2,
            "no document has apiVersion and kind",
        ),
        (
            "other kinds only",
            &["config.yaml"],
            0,
            "without a pod template: 1 ConfigMap",
        ),
        (
            "an empty file beside a manifest",
            &["empty.yaml", "good.yaml"],
            0,
            "nothing found in 1 pod template of 2 files",
        ),
    ];
    for (says, args, code, expected) in rows {
        let ran = lint(folder.path(), args);
        assert_eq!(ran.code, *code, "{says}: {}", ran.all());
        assert!(ran.all().contains(expected), "{says}: {}", ran.all());
        let told = ran.all().contains("nothing was judged");
        assert_eq!(told, *code == 2, "{says}: {}", ran.all());
    }
    let ran = lint(folder.path(), &["empty.yaml", "-o", "json"]);
    assert_eq!(ran.code, 2, "{}", ran.all());
    assert!(
        ran.stdout.contains("it holds no Kubernetes object"),
        "{}",
        ran.stdout
    );
}

#[test]
fn the_first_lint_says_how_its_findings_are_accepted() {
    let folder = folder();
    let last = |args: &[&str]| {
        let ran = lint(folder.path(), args);
        ran.stdout.lines().last().unwrap_or_default().to_owned()
    };
    let first = last(&["k8s/"]);
    for part in [
        "hint: --fail-on error ",
        "--write-baseline FILE",
        "--baseline FILE",
        "--diff shows",
    ] {
        assert!(first.contains(part), "{part}: {first}");
    }
    let rows: &[&[&str]] = &[
        &["k8s/", "--fail-on", "error"],
        &["k8s/", "--diff"],
        &["k8s/", "-o", "junit"],
        &[
            "k8s/",
            "--severity",
            "SysctlName=off",
            "--level",
            "aks-safeguards",
            "--fail-on",
            "never",
        ],
    ];
    for args in rows {
        let line = last(args);
        assert!(!line.contains("hint: --fail-on"), "{args:?}: {line}");
    }
}
