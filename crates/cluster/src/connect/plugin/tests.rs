#![cfg(unix)]

use std::os::unix::fs::PermissionsExt;

use super::*;

const NOW: &str = "2030-01-01T00:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// A program made of a shell script, and the folder that holds it.
#[expect(clippy::disallowed_methods, reason = "the program that is run")]
fn program(script: &str) -> (tempfile::TempDir, ExecConfig) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kubelogin");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let exec = serde_json::from_value(json!({
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": path,
        "args": ["get-token", "--client-secret", "canary-argument", "--server-id=canary-flag-1"],
        "env": [{"name": "AAD_SERVICE_PRINCIPAL_CLIENT_SECRET", "value": "canary-variable"}],
    }));
    (folder, exec.unwrap())
}

fn plugin(exec: ExecConfig, programs: Programs) -> Plugin {
    Plugin::new(exec, Some("prod".to_owned()), programs, now())
}

async fn failure(exec: ExecConfig) -> PluginError {
    match plugin(exec, Programs::default()).run().await {
        Ok(_) => panic!("a credential"),
        Err(error) => error,
    }
}

/// An error's whole text, with the folder of the program taken out.
fn told(error: &PluginError, folder: &tempfile::TempDir) -> String {
    let folder = format!("{}/", folder.path().display());
    format!("{error}").replace(&folder, "")
}

async fn token(script: &str, programs: Programs) -> String {
    let (_folder, exec) = program(script);
    match plugin(exec, programs).run().await {
        Ok(Credential::Token(token)) => token.value,
        Ok(Credential::Certificate { .. }) => panic!("a certificate"),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_token_is_taken_from_the_answer() {
    let script = r#"echo '{"kind": "ExecCredential", "status": {"token": "abc"}}'"#;
    assert_eq!(token(script, Programs::default()).await, "abc");
}

#[tokio::test]
async fn failures_name_the_program_and_the_context_and_show_no_secret() {
    let rows = [
        (
            "stderr quotes what it was given",
            r#"echo "AADSTS7000215: bad secret $3 for $4, $AAD_SERVICE_PRINCIPAL_CLIENT_SECRET" >&2
            echo '{"status": {"token": "canary-output"}}'; exit 1"#,
            "ended with exit status: 1: AADSTS7000215: bad secret *** for --server-id=***, ***",
        ),
        (
            "stderr quotes a token",
            r#"echo "token=eyJhbGciOiJSUzI1NiIsImtpZCI6.canary-jwt expired" >&2; exit 3"#,
            "ended with exit status: 3: token=*** expired",
        ),
        ("it says nothing", "exit 2", "ended with exit status: 2"),
        (
            "it is killed",
            "kill -9 $$",
            "ended with signal: 9 (SIGKILL)",
        ),
        (
            "no JSON",
            "echo canary-output",
            "did not print an ExecCredential as JSON",
        ),
        (
            "no status",
            r#"echo '{"kind": "ExecCredential", "spec": {"x": "canary-output"}}'"#,
            "did not print an ExecCredential as JSON",
        ),
        ("no token", r#"echo '{"status": {}}'"#, "returned no token"),
        (
            "a token with a line break",
            r#"printf '%s' '{"status": {"token": "canary\r\noutput"}}'"#,
            "returned a token that has a line break in it",
        ),
    ];
    for (says, script, expected) in rows {
        let (folder, exec) = program(script);
        let error = failure(exec).await;
        let text = told(&error, &folder);
        assert_eq!(
            text,
            format!("the credential plugin `kubelogin` (context `prod`) {expected}"),
            "{says}"
        );
        assert!(!format!("{error:?}{text}").contains("canary"), "{says}");
    }
}

#[tokio::test]
async fn a_missing_program_says_what_to_install() {
    let rows = [
        (
            "kubelogin",
            json!({"command": "/absent/kubelogin"}),
            "install kubelogin (`az aks install-cli`), or put it on the PATH",
        ),
        (
            "another one",
            json!({"command": "absent-plugin"}),
            "install `absent-plugin`, or put it on the PATH",
        ),
        (
            "with a hint in the kubeconfig",
            json!({"command": "absent-plugin", "installHint": "brew install it\n"}),
            "brew install it",
        ),
    ];
    for (says, exec, hint) in rows {
        let error = failure(serde_json::from_value(exec).unwrap()).await;
        assert!(error.to_string().ends_with("is not installed"), "{says}");
        assert_eq!(error.hint(), Some(hint), "{says}");
    }
}

#[tokio::test]
async fn the_secrets_of_the_job_are_not_inherited() {
    // HOME stands for a secret of the job.
    let script = r#"echo "{\"status\": {\"token\": \"got-${HOME:+home}\"}}""#;
    assert_eq!(token(script, Programs::default()).await, "got-home");
    let withheld = Programs {
        withheld: vec!["HOME".into()],
        has_terminal: false,
    };
    assert_eq!(token(script, withheld).await, "got-");
}

#[tokio::test]
async fn it_is_told_whether_somebody_answers_questions() {
    let script = r#"case $KUBERNETES_EXEC_INFO in *'"interactive":false'*) echo '{"status": {"token": "no"}}';; esac"#;
    assert_eq!(token(script, Programs::default()).await, "no");
    let (_folder, mut exec) = program("exit 0");
    exec.interactive_mode = Some(ExecInteractiveMode::Always);
    let error = failure(exec).await.to_string();
    assert!(
        error.ends_with("there is no terminal to answer them"),
        "{error}"
    );
}

#[tokio::test]
async fn it_runs_again_when_a_token_expires_or_is_rejected_and_not_before() {
    // Counts its runs in a file beside it.
    let counting = |expiry: &str| {
        format!(
            r#"echo x >> "$0.runs"; n=$(wc -l < "$0.runs")
            echo "{{\"status\": {{\"token\": \"t$n\" {expiry}}}}}""#
        )
    };
    let rows = [
        ("no end", "", ["t1", "t1", "t2"]),
        (
            "an hour",
            r#", \"expirationTimestamp\": \"2030-01-01T01:00:00Z\""#,
            ["t1", "t1", "t2"],
        ),
        (
            "half a minute",
            r#", \"expirationTimestamp\": \"2030-01-01T00:00:30Z\""#,
            ["t2", "t3", "t4"],
        ),
    ];
    for (says, expiry, expected) in rows {
        let (_folder, exec) = program(&counting(expiry));
        let plugin = plugin(exec, Programs::default());
        let Ok(Credential::Token(first)) = plugin.run().await else {
            panic!("{says}: no token");
        };
        let tokens = PluginTokens::new(plugin, first);
        let first = tokens.token(None).await.unwrap();
        let second = tokens.token(None).await.unwrap();
        let renewed = tokens.token(Some(&second)).await.unwrap();
        assert_eq!([first, second, renewed], expected, "{says}");
    }
}

#[tokio::test]
async fn a_certificate_comes_with_its_key() {
    let script = r#"echo '{"status": {"clientCertificateData": "C", "clientKeyData": "K"}}'"#;
    let (_folder, exec) = program(script);
    let Ok(Credential::Certificate { certificate, key }) =
        plugin(exec, Programs::default()).run().await
    else {
        panic!("no certificate");
    };
    assert_eq!((certificate.as_str(), key.as_str()), ("C", "K"));
}

proptest::proptest! {
    #[test]
    fn any_output_is_read_or_refused(
        token in ".{0,12}|abc\\PC{0,4}",
        expires in "[0-9T:Z+-]{0,24}|9999-12-30T22:00:00Z|-009999-01-02T01:59:59Z|2030-01-01T00:00:00Z",
        cut in 0_usize..200,
        field in "token|expirationTimestamp|clientKeyData|status|x",
    ) {
        let exec = serde_json::from_value(json!({ "command": "kubelogin" })).unwrap();
        let plugin = Plugin::new(exec, None, Programs::default(), now());
        let whole = json!({ "status": { "token": token, "expirationTimestamp": expires, field: "canary-output" } });
        let whole = whole.to_string();
        let bytes = whole.as_bytes();
        for output in [bytes, bytes.get(..cut).unwrap_or(bytes)] {
            match plugin.read(output) {
                Ok(Credential::Token(token)) => {
                    proptest::prop_assert!(token.value.chars().all(|c| c.is_ascii_graphic()));
                }
                Ok(Credential::Certificate { .. }) => {}
                Err(error) => {
                    let told = error.to_string();
                    proptest::prop_assert!(!told.contains("canary-output"), "{}", told);
                }
            }
        }
    }
}
