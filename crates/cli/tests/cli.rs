//! The real binary, as a user and as the agent start it, where no cluster is needed.
#![expect(clippy::unwrap_used, reason = "a test's helper may fail the test")]
#![expect(clippy::too_many_lines, reason = "a table of named rows")]

use std::path::Path;
use std::process::{Command, Stdio};

struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

/// Runs the binary with these variables and no others, in a home of its own, without a terminal.
fn run(home: &Path, args: &[&str], variables: &[(&str, &str)]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_rollguard"))
        .args(args)
        .env_clear()
        .env("HOME", home)
        .envs(variables.iter().copied())
        .current_dir(home)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A kubeconfig with one context, `here`, whose server never answers.
const NOBODY: &str = "
apiVersion: v1
kind: Config
current-context: here
clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]
users: [{name: u, user: {token: secret-token}}]
contexts: [{name: here, context: {cluster: c, user: u, namespace: shop}}]
";

/// Runs all rows at once: a server that does not answer is waited for.
fn at_once<T: Sync>(rows: &[T], row: impl Fn(&T) + Sync) {
    std::thread::scope(|scope| {
        for it in rows {
            let row = &row;
            scope.spawn(move || row(it));
        }
    });
}

#[test]
fn bad_input_is_told_in_the_users_words_with_the_right_exit_code() {
    let rows: &[(&str, &[&str], i32, &[&str])] = &[
        (
            "every bad input at once",
            &[
                "check",
                "web",
                "-n",
                "Shop",
                "--timeout",
                "60",
                "--stable-for",
                "soon",
            ],
            2,
            &[
                "error: `--namespace`: `Shop` is not the name of a namespace",
                "error: `web` has no kind; write `deployment/web`",
                "error: `--timeout`: `60` has no unit; write `60s` or `60m`",
                "error: `--stable-for`: `soon` is not a duration; write for example `90s`, `5m` or `1m30s`",
            ],
        ),
        (
            "no workload",
            &["check"],
            2,
            &["error: `WORKLOAD`: is missing"],
        ),
        (
            "two forms at once, which kubectl refuses too",
            &["check", "deployment", "web", "statefulset/db"],
            2,
            &[
                "error: `deployment statefulset/db` has a space where the other workloads have a \
                 slash; write `deployment/NAME statefulset/db`",
            ],
        ),
        (
            "a type and a name, and then a server that does not answer",
            &["check", "deployment", "web", "--kubeconfig", "kubeconfig"],
            4,
            &["https://127.0.0.1:1", "refused"],
        ),
        (
            "several workloads where one is shown",
            &["history", "deployment", "web", "api"],
            2,
            &["error: `deployment web api` names several workloads; write one"],
        ),
        (
            "a verb of kubectl",
            &["rollout", "undo", "deployment/web", "-n", "shop"],
            2,
            &[
                "error: there is no command `rollout undo`",
                "hint: did you mean `rollguard rollback deployment/web -n shop`?",
            ],
        ),
        (
            "groups without a user",
            &["check", "deployment/web", "--as-group", "ops"],
            2,
            &["--as <USER>"],
        ),
        (
            "a revision for whatever a selector finds",
            &["rollback", "-l", "app=web", "--to-revision", "1", "--yes"],
            2,
            &["`--to-revision`: a revision belongs to one workload; name it instead of a selector"],
        ),
        (
            "every bad item of every list",
            &[
                "check",
                "deployment/web",
                "--http",
                "healthz",
                "--http",
                "/a:0",
                "--grace",
                "ImagNotFound=2m",
                "-l",
                "app:web",
            ],
            2,
            &[
                "error: `--http`: `healthz` does not begin with `/`; write `/healthz`",
                "error: `--http`: `/a:0`: `0` is not a port",
                "error: `--grace`: `ImagNotFound` is not a finding code; did you mean `ImageNotFound`?",
                "error: `--selector`: `app:web` is not a label selector",
            ],
        ),
        (
            "a kind without a name",
            &["check", "deployment/"],
            2,
            &["error: `deployment/` has no name; write for example `deployment/web`"],
        ),
        (
            "another kind",
            &["check", "ingress/web"],
            2,
            &["error: `ingress/web`: kind `ingress` is not supported; write `deployment/web`"],
        ),
        (
            "an unknown flag",
            &["check", "deployment/web", "--namspace", "shop"],
            2,
            &["--namspace", "--namespace"],
        ),
        (
            "a revision that is none",
            &["rollback", "deployment/web", "--to-revision", "v1", "--yes"],
            2,
            &["`--to-revision`", "`v1`"],
        ),
        (
            "evidence that is none",
            &[
                "rollback",
                "deployment/web",
                "--evidence",
                "kubeconfig",
                "--yes",
            ],
            2,
            &["`--evidence`"],
        ),
        (
            "nobody to ask about a rollback",
            &["rollback", "deployment/web"],
            2,
            &["cannot ask for confirmation", "hint: pass --yes"],
        ),
        (
            "nobody to ask in a drill",
            &["drill"],
            2,
            &[
                "cannot ask for confirmation",
                "hint: pass --approve or --reject",
            ],
        ),
        (
            "a file in the way of the pages",
            &["drill", "--approve", "--pages", "kubeconfig"],
            2,
            &["error: `--pages`: cannot make the folder `kubeconfig`: "],
        ),
        (
            "no kubeconfig",
            &["check", "deployment/web", "--kubeconfig", "nowhere"],
            2,
            &["nowhere", "--aks-name"],
        ),
        (
            "an unknown context",
            &[
                "check",
                "deployment/web",
                "--kubeconfig",
                "kubeconfig",
                "--context",
                "there",
            ],
            2,
            &["`there`", "here"],
        ),
        (
            "a server that does not answer",
            &["check", "deployment/web", "--kubeconfig", "kubeconfig"],
            4,
            &["https://127.0.0.1:1", "refused"],
        ),
        (
            "a server that does not answer, at a rollback",
            &[
                "rollback",
                "deployment/web",
                "--kubeconfig",
                "kubeconfig",
                "--yes",
            ],
            4,
            &["https://127.0.0.1:1", "refused", "; nothing was changed"],
        ),
        (
            "evidence that is none, of a check",
            &["check", "--evidence", "kubeconfig"],
            2,
            &["`--evidence`"],
        ),
        (
            "nothing to roll back",
            &["rollback", "--yes"],
            2,
            &["`WORKLOAD`", "`--evidence`"],
        ),
        (
            "one revision for several workloads",
            &[
                "rollback",
                "deployment/web",
                "statefulset/db",
                "--to-revision",
                "1",
                "--yes",
            ],
            2,
            &["`--to-revision`"],
        ),
        (
            "a trace that is none",
            &["replay", "kubeconfig"],
            2,
            &["`kubeconfig`", "line 1"],
        ),
    ];
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("kubeconfig"), NOBODY).unwrap();
    at_once(rows, |(says, args, code, parts)| {
        let ran = run(home.path(), args, &[]);
        let all = format!("{}{}", ran.stdout, ran.stderr);
        assert_eq!(ran.code, *code, "{says}: {all}");
        for part in *parts {
            assert!(all.contains(part), "{says}: `{part}` is not in:\n{all}");
        }
        assert!(!all.contains("secret-token"), "{says}: {all}");
    });
}

#[test]
fn a_check_that_never_began_prints_one_document_that_agrees_with_the_exit_code() {
    let rows = [
        (
            "badInput",
            2,
            ["check", "web", "--timeout", "60"].as_slice(),
        ),
        (
            "unreachable",
            4,
            &["check", "deployment/web", "--kubeconfig", "kubeconfig"],
        ),
        (
            "badInput",
            2,
            &["check", "deployment/web", "--namspace", "shop"],
        ),
        ("badInput", 2, &["check", "deployment/web", "-n", ""]),
        ("badInput", 2, &["replay"]),
        ("badInput", 2, &["status", "deployment/web"]),
    ];
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("kubeconfig"), NOBODY).unwrap();
    at_once(&rows, |(outcome, code, args)| {
        let ran = run(home.path(), &[*args, &["--output", "json"]].concat(), &[]);
        let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(ran.code, *code, "{}", ran.stderr);
        assert_eq!(document["outcome"], *outcome);
        assert_eq!(document["exitCode"], *code);
        assert_eq!(document.get("verdict"), None, "{document:#}");
        for message in document["messages"].as_array().unwrap() {
            let message = message.as_str().unwrap();
            let words: Vec<&str> = ran.stderr.split_whitespace().collect();
            assert!(
                words.join(" ").contains(message),
                "{message}: {}",
                ran.stderr
            );
        }
    });
}

/// Returns whether a text is one document of this form about a command that came to no result.
fn is_one_document(form: &str, text: &str) -> bool {
    match form {
        "json" => serde_json::from_str::<serde_json::Value>(text)
            .is_ok_and(|it| it["exitCode"].is_number() && it["outcome"].is_string()),
        "junit" => {
            text.starts_with("<?xml ")
                && text.contains(" errors=\"1\"")
                && text.contains("<error type=")
        }
        _ => text.starts_with("## ") && text.contains(": "),
    }
}

#[test]
fn a_command_without_a_result_prints_one_document_of_the_form_that_was_asked_for() {
    let report = ["json", "markdown", "junit"].as_slice();
    let answer = ["json"].as_slice();
    let rows: &[(&str, &[&str], i32, &[&str])] = &[
        ("a workload without a kind", &["check", "web"], 2, report),
        (
            "a flag that does not exist",
            &["check", "deployment/web", "--namspace", "shop"],
            2,
            report,
        ),
        (
            "a server that does not answer",
            &["check", "deployment/web", "--kubeconfig", "kubeconfig"],
            4,
            &["markdown"],
        ),
        ("nothing to roll back", &["rollback", "--yes"], 2, report),
        ("nobody to ask", &["rollback", "deployment/web"], 2, report),
        (
            "a rollback where no server answers",
            &[
                "rollback",
                "deployment/web",
                "--yes",
                "--kubeconfig",
                "kubeconfig",
            ],
            4,
            &["junit"],
        ),
        (
            "a doctor of a wrong namespace",
            &["doctor", "-n", "Shop"],
            2,
            report,
        ),
        ("a trace that is none", &["replay", "kubeconfig"], 2, report),
        (
            "a drill with nobody to ask",
            &["drill"],
            2,
            &["json", "junit"],
        ),
        ("an unknown code", &["explain", "ImagNotFound"], 2, answer),
        (
            "no folder to export to",
            &["templates", "export"],
            2,
            answer,
        ),
        (
            "a file in the way",
            &["templates", "export", "kubeconfig"],
            2,
            answer,
        ),
    ];
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("kubeconfig"), NOBODY).unwrap();
    at_once(rows, |(says, args, code, forms)| {
        for form in *forms {
            let ran = run(home.path(), &[args, ["-o", form].as_slice()].concat(), &[]);
            assert_eq!(
                ran.code, *code,
                "{says}, {form}: {}{}",
                ran.stdout, ran.stderr
            );
            assert!(
                is_one_document(form, &ran.stdout),
                "{says}, {form}: {}",
                ran.stdout
            );
            assert!(
                ran.stderr.contains("error: "),
                "{says}, {form}: {}",
                ran.stderr
            );
        }
    });
}

#[test]
fn a_form_that_a_command_does_not_have_is_an_error_that_lists_those_it_has() {
    let rows: [(&[&str], &str); 6] = [
        (
            &["check", "deployment/web", "-o", "sarif"],
            "human, json, markdown, junit",
        ),
        (
            &["rollback", "deployment/web", "-o", "yaml"],
            "human, json, markdown, junit",
        ),
        (&["drill", "-o", "markdown"], "human, json, junit"),
        (&["history", "deployment/web", "-o", "junit"], "human, json"),
        (&["explain", "-o", "markdown"], "human, json"),
        (&["templates", "list", "-o", "junit"], "human, json"),
    ];
    let home = tempfile::tempdir().unwrap();
    for (args, forms) in rows {
        let ran = run(home.path(), args, &[]);
        assert_eq!(ran.code, 2, "{args:?}");
        let listed = format!("[possible values: {forms}]");
        assert!(ran.stderr.contains(&listed), "{args:?}: {}", ran.stderr);
    }
}

#[test]
fn what_needs_no_cluster_answers_in_json() {
    let home = tempfile::tempdir().unwrap();
    let json = |args: &[&str], code| -> serde_json::Value {
        let ran = run(home.path(), args, &[]);
        assert_eq!(ran.code, code, "{args:?}: {}", ran.stderr);
        let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(document["schemaVersion"], 1, "{args:?}");
        document
    };
    let all = json(&["explain", "-o", "json"], 0);
    assert!(all["codes"].as_array().unwrap().len() > 50);
    let one = json(&["explain", "ImageNotFound", "-o", "json"], 0);
    assert_eq!(one["codes"][0]["code"], "ImageNotFound");
    assert_eq!(one["codes"][0]["decidesAfterSeconds"], 25);
    let list = json(&["templates", "list", "--output=json"], 0);
    assert_eq!(list["templates"][0]["parameters"][0]["name"], "environment");
    let export = ["templates", "export", "pipelines", "-o", "json"];
    let written = json(&export, 0);
    assert_eq!(written["written"].as_array().unwrap().len(), 6);
    assert_eq!(
        written["stage"],
        "/pipelines/stages/aks-health-and-rollback.yml"
    );
    assert_eq!(json(&export, 0)["unchanged"].as_array().unwrap().len(), 6);
    std::fs::write(home.path().join("pipelines/steps/check.yml"), "mine").unwrap();
    let refused = json(&export, 2);
    assert_eq!(
        refused["differing"],
        serde_json::json!(["pipelines/steps/check.yml"])
    );
    assert_eq!(refused["exitCode"], 2);
    let human = run(home.path(), &["templates", "export", "other"], &[]);
    let next = "next: commit the files, and add the stage to the `stages:` of your pipeline:\n  - template: /other/stages/aks-health-and-rollback.yml\n    parameters:\n      environment: ";
    assert!(human.stdout.contains(next), "{}", human.stdout);
}

/// The agent's SIGINT, and Ctrl-C, while nothing has been answered yet.
#[cfg(unix)]
#[test]
fn the_wish_to_stop_is_heard_while_the_server_is_silent() {
    let rows = [
        ("check", "human"),
        ("check", "json"),
        ("check", "markdown"),
        ("check", "junit"),
        ("rollback", "human"),
        ("rollback", "json"),
        ("rollback", "junit"),
        ("doctor", "human"),
        ("doctor", "json"),
        ("history", "human"),
        ("history", "json"),
    ];
    for (at, (command, form)) in rows.into_iter().enumerate() {
        let home = tempfile::tempdir().unwrap();
        let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = silent.local_addr().unwrap().port();
        let kubeconfig = NOBODY.replace(":1'", &format!(":{port}'"));
        std::fs::write(home.path().join("kubeconfig"), kubeconfig).unwrap();
        let yes = (command == "rollback").then_some("--yes");
        let child = Command::new(env!("CARGO_BIN_EXE_rollguard"))
            .args([command, "deployment/web"])
            .args(yes)
            .args(["--kubeconfig", "kubeconfig", "-o", form])
            .env_clear()
            .current_dir(home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let _connection = silent.accept().unwrap();
        let signal = if at % 2 == 0 { "-INT" } else { "-TERM" };
        let sent = Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
        let output = child.wait_with_output().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        let said = format!("{stdout}{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(
            output.status.code(),
            Some(130),
            "{command} -o {form}: {said}"
        );
        assert!(
            said.contains("error: cancelled; nothing was changed"),
            "{command} -o {form}: {said}"
        );
        let is_human = form == "human";
        assert!(
            is_human || is_one_document(form, &stdout),
            "{command} -o {form}: {stdout}"
        );
    }
}

#[test]
fn every_code_and_every_word_of_kubectl_is_explained() {
    let home = tempfile::tempdir().unwrap();
    let rows: &[(&str, &str, &[&str])] = &[
        (
            "a word of kubectl",
            "ImagePullBackOff",
            &[
                "the cause is most often ImageNotFound, else ImagePullDenied or ImagePullFailing",
                "ImageNotFound  The registry does not have the image",
                "fails the check: after 25s",
            ],
        ),
        (
            "a word of kubectl about an init container",
            "Init:CrashLoopBackOff",
            &["the cause is most often CrashAtStart"],
        ),
        (
            "a word of kubectl with one cause",
            "ErrImageNeverPull",
            &["the cause is ImageNeverPulled\n"],
        ),
        (
            "a code of a lint",
            "missingrequest",
            &[
                "MissingRequest  A container requests no CPU or no memory",
                "remedy: set resources.requests",
                "reported by: rollguard lint, as warning, practice 9",
                "annotation rollguard.dev/exempt-MissingRequest: REASON",
            ],
        ),
        (
            "a code of a check and of a lint",
            "LivenessKillsStart",
            &["fails the check: ", "reported by: rollguard lint, as error"],
        ),
        (
            "a code of a prediction only",
            "RollbackImpossible",
            &["could not be restored", "rollguard lint --live"],
        ),
        ("a prediction", "ApplyRefused", &["there is no rollout"]),
        ("another", "FieldImmutable", &["cannot be changed"]),
    ];
    let mut seen = Vec::new();
    for (says, word, expected) in rows {
        let ran = run(home.path(), &["explain", word], &[]);
        assert_eq!(ran.code, 0, "{says}: {}", ran.stdout);
        for part in *expected {
            assert!(ran.stdout.contains(part), "{says}: {part}: {}", ran.stdout);
        }
        let document = run(home.path(), &["explain", word, "-o", "json"], &[]);
        let document: serde_json::Value = serde_json::from_str(&document.stdout).unwrap();
        let lists = ["codes", "lintCodes", "predictedCodes"].map(|it| &document[it]);
        let found = lists.map(|it| it.as_array().map_or(0, Vec::len));
        seen.push(found);
    }
    let expected = [
        [1, 0, 0],
        [1, 0, 0],
        [1, 0, 0],
        [0, 1, 0],
        [1, 1, 0],
        [0, 0, 1],
        [0, 0, 1],
        [0, 0, 1],
    ];
    assert_eq!(seen, expected);
    for (slip, meant) in [
        ("ImagePulBackOff", "ImagePullBackOff"),
        ("MayRunAsRot", "MayRunAsRoot"),
        ("ImagNotFound", "ImageNotFound"),
    ] {
        let ran = run(home.path(), &["explain", slip], &[]);
        let told = format!("`{slip}` is not a finding code; did you mean `{meant}`?");
        assert_eq!(ran.code, 2, "{slip}");
        assert!(ran.stdout.contains(&told), "{slip}: {}", ran.stdout);
    }
    let all = run(home.path(), &["explain"], &[]);
    for code in ["ImageNotFound", "RollbackImpossible", "MissingRequest"] {
        assert!(all.stdout.contains(code), "{code}: {}", all.stdout);
    }
}

#[test]
fn help_and_version_are_answers() {
    let home = tempfile::tempdir().unwrap();
    let version = run(home.path(), &["--version"], &[]);
    let begins = concat!("rollguard ", env!("CARGO_PKG_VERSION"), " (");
    assert_eq!(version.code, 0);
    assert!(version.stdout.starts_with(begins), "{}", version.stdout);
    let document = run(home.path(), &["--version", "-o", "json"], &[]);
    let document: serde_json::Value = serde_json::from_str(&document.stdout).unwrap();
    assert_eq!(document["version"], env!("CARGO_PKG_VERSION"));
    let commit = document["commit"].as_str().unwrap();
    let short = version.stdout[begins.len()..]
        .trim_end()
        .trim_end_matches(')');
    let known = commit != "unknown";
    assert!(
        commit.starts_with(short) || !known && short == "built from source",
        "{short}: {commit}"
    );
    let help = run(home.path(), &["check", "--help"], &[]);
    assert_eq!(help.code, 0);
    assert!(help.stdout.contains("--stable-for"), "{}", help.stdout);
}

/// A server that accepts no one; returns its port.
fn refusing() -> u16 {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 4096];
            let _ = stream.read(&mut head);
            let answer = b"HTTP/1.1 401 x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let _ = stream.write_all(answer);
        }
    });
    port
}

#[test]
fn requests_are_printed_to_stderr_and_nowhere_else() {
    let home = tempfile::tempdir().unwrap();
    let server = format!("http://127.0.0.1:{}", refusing());
    let kubeconfig = NOBODY.replace("https://127.0.0.1:1", &server);
    std::fs::write(home.path().join("kubeconfig"), kubeconfig).unwrap();
    let check = |more: &[&str]| {
        let line = [
            "check",
            "deployment/web",
            "--kubeconfig",
            "kubeconfig",
            "--allow-insecure-server",
        ];
        run(home.path(), &[&line, more].concat(), &[])
    };
    let plain = check(&[]);
    assert_eq!(plain.code, 3, "{}", plain.stdout);
    for (flag, is_printed) in [("-v", true), ("-v=6", true), ("-v=0", false)] {
        let ran = check(&[flag]);
        assert_eq!(ran.stdout, plain.stdout, "{flag}");
        let printed = ran.stderr.starts_with("GET /version 401 in ");
        assert_eq!(printed, is_printed, "{flag}: {}", ran.stderr);
        assert!(
            !ran.stderr.contains("secret-token"),
            "{flag}: {}",
            ran.stderr
        );
    }
}

#[test]
fn the_task_tells_all_bad_inputs_and_that_nothing_was_seen() {
    let home = tempfile::tempdir().unwrap();
    let variables = [
        ("INPUT_WORKLOADS", "deployment/web"),
        ("INPUT_NAMESPACE", "$(namespace)"),
        ("INPUT_TIMEOUT", "1x"),
    ];
    let ran = run(home.path(), &["task"], &variables);
    assert_eq!(ran.code, 2, "{}", ran.stdout);
    for part in [
        "##vso[task.setvariable variable=verdict;isOutput=true]undetermined",
        "##vso[task.complete result=Failed]bad input",
        "input `azureServiceConnection`: is missing",
        "`$(namespace)` was not replaced",
        "input `timeout`: `1x`",
    ] {
        assert!(
            ran.stdout.contains(part),
            "`{part}` is not in:\n{}",
            ran.stdout
        );
    }
}

#[test]
fn the_drill_rehearses_the_shipped_stage() {
    let home = tempfile::tempdir().unwrap();
    let rows: [(&str, i32, &[&str]); 2] = [
        (
            "--approve",
            0,
            &[
                "ImageNotFound",
                "an approver would see",
                "(environment Drill, cluster embedded, ",
                "Resume restores revision 1 in place of 2",
                "rolled back to the template of revision 1",
                "v1 is restored and healthy",
            ],
        ),
        (
            "--reject",
            0,
            &[
                "ImageNotFound",
                "rejected",
                "Rollback is skipped",
                "nothing was changed",
            ],
        ),
    ];
    for (flag, code, parts) in rows {
        let ran = run(home.path(), &["drill", flag], &[]);
        assert_eq!(ran.code, code, "{flag}: {}{}", ran.stdout, ran.stderr);
        for part in parts {
            assert!(
                ran.stdout.contains(part),
                "{flag}: `{part}` is not in:\n{}",
                ran.stdout
            );
        }
        assert!(!ran.stdout.contains("##vso"), "{}", ran.stdout);
    }
    assert_eq!(
        std::fs::read_dir(home.path()).unwrap().count(),
        0,
        "a drill leaves nothing behind"
    );
}

#[test]
fn templates_are_exported_and_never_overwritten_when_changed() {
    let home = tempfile::tempdir().unwrap();
    let listed = run(home.path(), &["templates", "list"], &[]);
    let all = "stages/aks-health-and-rollback.yml\njobs/guarded-rollout.yml\nsteps/check.yml\n\
               steps/rollback.yml\nsteps/lint.yml\nextends/guarded-deployment.yml\n";
    assert_eq!(listed.stdout, all);
    let export = || run(home.path(), &["templates", "export", "pipelines"], &[]);
    assert_eq!((export().code, export().code), (0, 0));
    let stage = home
        .path()
        .join("pipelines/stages/aks-health-and-rollback.yml");
    std::fs::remove_file(&stage).unwrap();
    let file = home.path().join("pipelines/steps/check.yml");
    std::fs::write(&file, "mine").unwrap();
    let refused = export();
    assert_eq!(refused.code, 2, "{}", refused.stdout);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    assert!(!stage.exists(), "all are written, or none");
}

#[test]
fn in_a_pod_a_kubeconfig_that_is_named_and_missing_is_an_error_and_none_is_the_pods_account() {
    let rows: [(&str, Option<&str>, &str); 3] = [
        ("none is named", None, "use the service account of this pod"),
        (
            "one that is missing",
            Some("/absent/config"),
            "error: failed to find the kubeconfig `/absent/config`",
        ),
        (
            "two that are missing",
            Some("/absent/one:/absent/two"),
            "error: failed to find a kubeconfig: none of `/absent/one`, `/absent/two` exists",
        ),
    ];
    for command in ["check", "history", "doctor"] {
        for (says, named, text) in rows {
            let home = tempfile::tempdir().unwrap();
            let mut variables = vec![
                ("KUBERNETES_SERVICE_HOST", "127.0.0.1"),
                ("KUBERNETES_SERVICE_PORT", "1"),
            ];
            variables.extend(named.map(|it| ("KUBECONFIG", it)));
            let ran = run(home.path(), &[command, "deployment/web"], &variables);
            let said = format!("{}{}", ran.stdout, ran.stderr);
            assert_eq!(ran.code, 2, "{command}, {says}: {said}");
            assert!(said.contains(text), "{command}, {says}: {said}");
            let as_pod = said.contains("signing in with the service account of this pod");
            assert_eq!(as_pod, named.is_none(), "{command}, {says}: {said}");
        }
    }
}
