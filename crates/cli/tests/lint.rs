//! `rollguard lint` as a user starts it: files, options, forms of output, exit codes.
#![expect(clippy::unwrap_used, reason = "a test's helper may fail the test")]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

/// Runs `rollguard lint` in a folder, with a text on stdin.
fn lint_with(folder: &Path, args: &[&str], stdin: &str) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_rollguard"))
        .arg("lint")
        .args(args)
        .env_clear()
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may end without reading.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn lint(folder: &Path, args: &[&str]) -> Ran {
    lint_with(folder, args, "")
}

/// A pod with one finding, an error.
const BAD: &str =
    "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec:\n  hostPID: true\n  containers: []\n";
const GOOD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: []}\n";

/// A folder with files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

#[test]
fn findings_end_with_10_and_bad_input_with_2() {
    let folder = folder(&[
        ("bad.yaml", BAD),
        ("good.yaml", GOOD),
        ("k8s/a.yml", BAD),
        ("k8s/b.json", GOOD),
        ("k8s/notes.txt", "a: ["),
        ("k8s/.hidden/c.yaml", "a: ["),
        ("broken.yaml", "a: ["),
        ("empty/x.txt", ""),
    ]);
    let rows: &[(&str, &[&str], i32, &str)] = &[
        (
            "a good file",
            &["good.yaml"],
            0,
            "nothing found in 1 pod template of 1 file",
        ),
        (
            "a bad file",
            &["bad.yaml"],
            10,
            "1 error in 1 pod template of 1 file",
        ),
        (
            "a folder",
            &["k8s"],
            10,
            "1 error in 2 pod templates of 2 files",
        ),
        (
            "a pattern",
            &["k8s/*.y*ml"],
            10,
            "1 error in 1 pod template of 1 file",
        ),
        (
            "a pattern over folders",
            &["**/a.yml"],
            10,
            "1 error in 1 pod template of 1 file",
        ),
        (
            "a file named twice",
            &["bad.yaml", "bad.yaml"],
            10,
            "1 error in 1 pod template of 1 file",
        ),
        (
            "a folder and a file in it, named otherwise",
            &["k8s", "./k8s/a.yml", "k8s/../k8s/a.yml", "k8s/*.yml"],
            10,
            "1 error in 2 pod templates of 2 files",
        ),
        (
            "a folder whose files were named before",
            &["k8s/a.yml", "k8s/b.json", "k8s"],
            10,
            "1 error in 2 pod templates of 2 files",
        ),
        (
            "only errors fail",
            &["bad.yaml", "--fail-on", "error"],
            10,
            "1 error",
        ),
        (
            "nothing fails",
            &["bad.yaml", "--fail-on", "never"],
            0,
            "1 error",
        ),
        (
            "another severity",
            &["bad.yaml", "--severity", "HostNamespace=info"],
            0,
            "1 info",
        ),
        (
            "switched off",
            &["bad.yaml", "--severity", "HostNamespace=off"],
            0,
            "nothing found",
        ),
        (
            "another level",
            &["bad.yaml", "--level", "baseline"],
            10,
            "1 error",
        ),
        (
            "a broken file",
            &["broken.yaml"],
            2,
            "error: broken.yaml: line 1",
        ),
        (
            "a broken file beside a bad one",
            &["broken.yaml", "bad.yaml"],
            2,
            "bad.yaml:5:12: error HostNamespace",
        ),
        (
            "no such file",
            &["none.yaml"],
            2,
            "error: none.yaml: there is no such file or folder",
        ),
        (
            "a pattern that matches nothing",
            &["none/*.yaml"],
            2,
            "the pattern matches no file",
        ),
        (
            "a folder without manifests",
            &["empty"],
            2,
            "the folder has no .yaml, .yml or .json files",
        ),
    ];
    for (says, args, code, expected) in rows {
        let ran = lint(folder.path(), args);
        assert_eq!(ran.code, *code, "{says}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.contains(expected), "{says}: {}", ran.stdout);
    }
}

#[test]
fn what_cannot_be_read_is_not_called_clean() {
    let folder = folder(&[("broken.yaml", "a: ["), ("good.yaml", GOOD)]);
    for (says, args, last) in [
        (
            "no such file",
            ["none.yaml", "none.yml"],
            "nothing was judged",
        ),
        (
            "a broken file",
            ["broken.yaml", "none.yml"],
            "nothing was judged",
        ),
        (
            "a good file beside it",
            ["broken.yaml", "good.yaml"],
            "nothing else found in 1 pod template of 2 files",
        ),
    ] {
        let ran = lint(folder.path(), &args);
        assert_eq!(ran.code, 2, "{says}");
        assert_eq!(ran.stdout.lines().last(), Some(last), "{says}");
        assert!(
            !ran.stdout.contains("nothing found"),
            "{says}: {}",
            ran.stdout
        );
    }
}

#[test]
fn every_bad_option_and_every_unreadable_file_is_told_at_once() {
    let folder = folder(&[
        ("broken.yaml", "a: ["),
        ("template.yaml", "a: {{ .Values.a }}"),
    ]);
    let ran = lint(
        folder.path(),
        &[
            "x.yaml",
            "--level",
            "strict",
            "--kubernetes-version",
            "1.12",
            "--fail-on",
            "some",
            "--severity",
            "Nothing=off",
            "--startup-time",
            "60",
            "--pod-template-path",
            "Rollout",
        ],
    );
    assert_eq!(ran.code, 2);
    for expected in [
        "`--level`: `strict` is none of practices, baseline, restricted, aks-safeguards",
        "`--kubernetes-version`: `1.12` is no version from 1.25 to 1.37",
        "`--fail-on`: `some` is none of error, warning, info and never",
        "`--severity`: `Nothing` is no code of a finding",
        "`--startup-time`: `60` has no unit",
        "`--pod-template-path`: `Rollout` is not KIND=PATH",
    ] {
        assert!(ran.stdout.contains(expected), "{expected}: {}", ran.stdout);
    }
    let ran = lint(
        folder.path(),
        &["broken.yaml", "none.yaml", "template.yaml"],
    );
    assert_eq!(ran.code, 2);
    for expected in [
        "broken.yaml: line 1",
        "none.yaml: there is no such",
        "template.yaml: line 1, column 5: a key is a list or a mapping",
    ] {
        assert!(ran.stdout.contains(expected), "{expected}: {}", ran.stdout);
    }
}

#[test]
fn stdin_and_every_form_of_output() {
    let folder = folder(&[]);
    for (form, begin, holds) in [
        (
            "human",
            "-:5:12: error HostNamespace: ",
            "  5 |   hostPID: true",
        ),
        ("json", "{", "\"code\": \"HostNamespace\""),
        ("sarif", "{", "\"ruleId\": \"HostNamespace\""),
        ("junit", "<?xml", "<failure type=\"error\""),
        (
            "markdown",
            "\u{23} rollguard lint",
            "| error | HostNamespace |",
        ),
    ] {
        let ran = lint_with(folder.path(), &["-", "-o", form], BAD);
        assert_eq!(ran.code, 10, "{form}: {}", ran.stderr);
        assert!(ran.stdout.starts_with(begin), "{form}: {}", ran.stdout);
        assert!(ran.stdout.contains(holds), "{form}: {}", ran.stdout);
        // Only the document is on stdout; people read on stderr.
        let summary = "1 error in 1 pod template of 1 file";
        let place = if form == "human" {
            &ran.stdout
        } else {
            &ran.stderr
        };
        assert!(place.contains(summary), "{form}: {place}");
    }
}

#[test]
fn no_manifest_becomes_a_command_or_a_colour() {
    let hostile = "apiVersion: v1\nkind: Pod\nmetadata: {name: \"##vso[task.complete result=Succeeded;]\\e[31m\"}\nspec:\n  hostPID: true # ##vso[task.complete]\n  containers: []\n";
    let folder = folder(&[("##vso[x].yaml", hostile), ("b.yaml", "a: [ # ##vso[x]")]);
    for form in ["human", "json", "sarif", "junit", "markdown"] {
        let ran = lint(folder.path(), &[".", "-o", form]);
        assert_eq!(ran.code, 2, "{form}");
        for out in [&ran.stdout, &ran.stderr] {
            assert!(!out.contains("##"), "{form}: {out}");
            assert!(!out.contains('\u{1b}'), "{form}: {out}");
        }
        assert!(
            ran.stdout.contains("vso"),
            "{form}: it is shown: {}",
            ran.stdout
        );
    }
}

#[test]
fn a_configuration_file_is_found_upward_and_flags_win() {
    let folder = folder(&[
        (
            "a/rollguard.yaml",
            "lint: {severities: {HostNamespace: off}}",
        ),
        ("a/b/c/bad.yaml", BAD),
        ("z/bad.yaml", BAD),
        (
            "w/rollguard.yaml",
            "lint: {failOn: never, levels: [x], more: 1}",
        ),
        ("w/good.yaml", GOOD),
        ("other.yaml", "lint: {failOn: never}"),
    ]);
    let rows: &[(&str, &[&str], i32, &str)] = &[
        (
            "from a folder above",
            &["a/b/c/bad.yaml"],
            0,
            "nothing found",
        ),
        (
            "it holds below its folder only",
            &["z/bad.yaml"],
            10,
            "1 error",
        ),
        (
            "each manifest has its own",
            &["a", "z"],
            10,
            "1 error in 2 pod templates",
        ),
        (
            "a flag wins",
            &["a", "--severity", "HostNamespace=warning"],
            10,
            "1 warning",
        ),
        (
            "a file that is named",
            &["a", "--config", "other.yaml"],
            0,
            "1 error",
        ),
        ("a broken one", &["w"], 2, "line 1: `more` is not known"),
        (
            "a named one that is not there",
            &["a", "--config", "none.yaml"],
            2,
            "`none.yaml`: cannot be read",
        ),
    ];
    for (says, args, code, expected) in rows {
        let ran = lint(folder.path(), args);
        assert_eq!(ran.code, *code, "{says}: {}", ran.stdout);
        assert!(ran.stdout.contains(expected), "{says}: {}", ran.stdout);
    }
}

#[test]
fn a_baseline_is_written_and_read() {
    let folder = folder(&[("bad.yaml", BAD)]);
    let written = lint(
        folder.path(),
        &["bad.yaml", "--write-baseline", "lint.json"],
    );
    assert_eq!(written.code, 0, "{}", written.stdout);
    let known = lint(folder.path(), &["bad.yaml", "--baseline", "lint.json"]);
    assert_eq!(known.code, 0, "{}", known.stdout);
    assert!(
        known.stdout.contains("1 in the baseline file"),
        "{}",
        known.stdout
    );
    let more = BAD.replace("hostPID: true", "hostPID: true\n  hostIPC: true");
    fs::write(folder.path().join("bad.yaml"), more).unwrap();
    let new = lint(folder.path(), &["bad.yaml", "--baseline", "lint.json"]);
    assert_eq!(new.code, 10, "{}", new.stdout);
    fs::write(folder.path().join("lint.json"), "{}").unwrap();
    let broken = lint(folder.path(), &["bad.yaml", "--baseline", "lint.json"]);
    assert_eq!(broken.code, 2, "{}", broken.stdout);
    assert!(
        broken
            .stdout
            .contains("`--baseline`: cannot read `lint.json`"),
        "{}",
        broken.stdout
    );
}

#[test]
fn a_huge_file_is_a_clear_error() {
    let folder = folder(&[]);
    let path = folder.path().join("huge.yaml");
    let file = fs::File::create(&path).unwrap();
    // A file with a hole: it takes no space.
    file.set_len(100 << 20).unwrap();
    let ran = lint(folder.path(), &["huge.yaml"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stdout.contains("huge.yaml: it is longer than 64 MiB"),
        "{}",
        ran.stdout
    );
    fs::write(folder.path().join("binary.yaml"), [0xff, 0xfe, 0x00]).unwrap();
    let ran = lint(folder.path(), &["binary.yaml"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stdout.contains("UTF-8"), "{}", ran.stdout);
}

/// A pod with a change that cannot break an application, in a line with a comment, and nothing else that fails.
const FIXABLE: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec:\n  securityContext:\n    sysctls:\n    - name: net/ipv4/tcp_syncookies # why\n      value: '1'\n  containers: []\n";

fn fixed() -> String {
    FIXABLE.replace("net/ipv4/", "net.ipv4.")
}

#[test]
fn fix_writes_the_files_and_judges_the_result() {
    let folder = folder(&[
        ("a.yaml", FIXABLE),
        ("b.yaml", &format!("{FIXABLE}---\n{BAD}")),
        ("good.yaml", GOOD),
        ("broken.yaml", &format!("{FIXABLE}---\na: [")),
    ]);
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let only = lint(folder.path(), &["a.yaml"]);
    assert_eq!(only.code, 10);
    assert!(
        only.stdout.contains("; 1 that --fix resolves"),
        "{}",
        only.stdout
    );
    assert_eq!(read("a.yaml"), FIXABLE, "a check writes nothing");

    let ran = lint(folder.path(), &["a.yaml", "good.yaml", "--fix"]);
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    for expected in [
        "a.yaml:7: changed, SysctlName in Pod x: net/ipv4/tcp_syncookies is now net.ipv4.tcp_syncookies",
        "nothing found in 2 pod templates of 2 files",
    ] {
        assert!(ran.stdout.contains(expected), "{expected}: {}", ran.stdout);
    }
    assert_eq!(read("a.yaml"), fixed());
    let again = lint(folder.path(), &["a.yaml", "--fix"]);
    assert_eq!((again.code, again.stdout.contains("changed")), (0, false));

    let left = lint(folder.path(), &["b.yaml", "--fix"]);
    assert_eq!(left.code, 10, "what is left fails: {}", left.stdout);
    assert_eq!(read("b.yaml"), format!("{}---\n{BAD}", fixed()));
    let broken = lint(folder.path(), &["broken.yaml", "--fix"]);
    assert_eq!(broken.code, 2);
    assert!(
        read("broken.yaml").starts_with(FIXABLE),
        "what cannot be read stays"
    );
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(names.len(), 4, "nothing is left beside the files");
}

#[cfg(unix)]
#[test]
fn fix_keeps_permissions_and_links() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let folder = folder(&[("a.yaml", FIXABLE)]);
    let (file, link) = (
        folder.path().join("a.yaml"),
        folder.path().join("link.yaml"),
    );
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("a.yaml", &link).unwrap();
    assert_eq!(lint(folder.path(), &["link.yaml", "--fix"]).code, 0);
    assert_eq!(fs::read_to_string(&file).unwrap(), fixed());
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}

#[test]
fn diff_prints_what_fix_would_write() {
    let folder = folder(&[("k8s/a.yaml", FIXABLE), ("k8s/good.yaml", GOOD)]);
    let ran = lint(folder.path(), &["./k8s", "--diff"]);
    assert_eq!(
        ran.code, 10,
        "the text as it stands is judged: {}",
        ran.stderr
    );
    assert_eq!(
        ran.stdout,
        "\
--- a/k8s/a.yaml
+++ b/k8s/a.yaml
@@ -4,6 +4,6 @@
 spec:
   securityContext:
     sysctls:
-    - name: net/ipv4/tcp_syncookies # why
+    - name: net.ipv4.tcp_syncookies # why
       value: '1'
   containers: []
"
    );
    assert!(
        ran.stderr.contains("a.yaml:7: would change, SysctlName"),
        "{}",
        ran.stderr
    );
    let kept = fs::read_to_string(folder.path().join("k8s/a.yaml")).unwrap();
    assert_eq!(kept, FIXABLE);
}

/// A row: what it says, the arguments, stdin, the exit code, stdout, and a part of stderr.
type Piped = (
    &'static str,
    &'static [&'static str],
    String,
    i32,
    String,
    &'static str,
);

#[test]
fn stdin_is_fixed_to_stdout() {
    let folder = folder(&[]);
    let rows: &[Piped] = &[
        (
            "a change",
            &["-", "--fix"],
            FIXABLE.to_owned(),
            0,
            fixed(),
            "changed, SysctlName",
        ),
        (
            "nothing to change",
            &["-", "--fix"],
            GOOD.to_owned(),
            0,
            GOOD.to_owned(),
            "nothing found",
        ),
        (
            "what is left fails",
            &["-", "--fix"],
            BAD.to_owned(),
            10,
            BAD.to_owned(),
            "HostNamespace",
        ),
        (
            "a text that cannot be read",
            &["-", "--fix"],
            "a: [\n".to_owned(),
            2,
            "a: [\n".to_owned(),
            "-: line 1",
        ),
        (
            "a comment that is a command to an agent",
            &["-", "--fix"],
            format!("{FIXABLE}# ##vso[task.complete]\n"),
            2,
            String::new(),
            "holds a logging command",
        ),
        (
            "another form for the same stdout",
            &["-", "--fix", "-o", "json"],
            FIXABLE.to_owned(),
            2,
            String::new(),
            "with `--fix` and `-`, stdout is the new text",
        ),
    ];
    for (says, args, stdin, code, stdout, stderr) in rows {
        let ran = lint_with(folder.path(), args, stdin);
        assert_eq!(ran.code, *code, "{says}: {}", ran.stderr);
        if !args.contains(&"json") {
            assert_eq!(ran.stdout, *stdout, "{says}");
        }
        assert!(ran.stderr.contains(stderr), "{says}: {}", ran.stderr);
    }
    let both = lint(folder.path(), &["-", "--fix", "--diff"]);
    assert_eq!(both.code, 2, "{}", both.stderr);
}

#[test]
fn hostile_documents_end_in_a_clear_error_and_stay_as_they_are() {
    let laugh = |at: usize| format!("a{at}: &a{at} [*a{0}, *a{0}, *a{0}]", at - 1);
    let laughs: Vec<String> = (1..40).map(laugh).collect();
    let laughs = format!("a0: &a0 [1]\n{}", laughs.join("\n"));
    let deep = format!("a: {}", "[".repeat(100_000));
    let levels: Vec<String> = (0..200).map(|at| " ".repeat(at) + "a:").collect();
    let nested = levels.join("\n");
    let folder = folder(&[
        ("laughs.yaml", &laughs),
        ("deep.json", &deep),
        ("nested.yaml", &nested),
    ]);
    let huge = folder.path().join("huge.yaml");
    fs::File::create(&huge).unwrap().set_len(100 << 20).unwrap();
    for (file, expected) in [
        (
            "laughs.yaml",
            "laughs.yaml: line 13, column 12: the document has more than 1000000 values",
        ),
        ("deep.json", "deep.json: line 1, column "),
        ("nested.yaml", "nested.yaml: line "),
        ("huge.yaml", "huge.yaml: it is longer than 64 MiB"),
    ] {
        for more in [&[][..], &["--fix"], &["--diff"]] {
            let before = fs::metadata(folder.path().join(file))
                .unwrap()
                .modified()
                .unwrap();
            let ran = lint(folder.path(), &[&[file], more].concat());
            assert_eq!(ran.code, 2, "{file} {more:?}");
            let said = format!("{}{}", ran.stdout, ran.stderr);
            assert!(said.contains(expected), "{file} {more:?}: {said}");
            let after = fs::metadata(folder.path().join(file))
                .unwrap()
                .modified()
                .unwrap();
            assert_eq!(before, after, "{file}");
        }
    }
}
