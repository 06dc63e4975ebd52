//! Logins without a kubeconfig of one's own: that of a service connection, and service accounts.

use super::loopback::{VERSION, serve};
use super::*;

/// A certificate that stands for an authority; its key is not used.
const PEM: &str = include_str!("../../../../azure/testdata/service-principal.pem");

fn of_connection(cluster: &str, user: &str) -> Login {
    Login::OfConnection {
        kubeconfig: format!(
            "{{apiVersion: v1, kind: Config, current-context: other, \
             contexts: [{{name: prod, context: {{cluster: c, user: u}}}}, \
             {{name: other, context: {{cluster: d, user: v}}}}], \
             clusters: [{{name: c, cluster: {cluster}}}, \
             {{name: d, cluster: {{server: 'https://127.0.0.1:1', certificate-authority: /d}}}}], \
             users: [{{name: u, user: {user}}}, {{name: v, user: {{exec: {{command: /absent}}}}}}]}}"
        ),
        context: Some("prod".to_owned()),
        accept_untrusted: false,
        network: Network::default(),
    }
}

fn pod(server: &str, folder: &tempfile::TempDir) -> Login {
    Login::InCluster {
        server: server.to_owned(),
        folder: folder.path().to_owned(),
        network: Network::default(),
    }
}

#[expect(clippy::disallowed_methods, reason = "the files that are read")]
fn write(folder: &tempfile::TempDir, files: &[(&str, &str)]) {
    for (name, content) in files {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
}

fn account(server: &str, token: &str) -> Login {
    Login::ServiceAccount {
        server: server.to_owned(),
        authority: Some(PEM.to_owned()),
        token: token.to_owned(),
        accept_untrusted: false,
        network: Network::default(),
    }
}

#[tokio::test]
async fn a_pod_signs_in_with_the_token_that_the_kubelet_wrote_last() {
    let (address, heads) = serve(|head| {
        if head.contains("authorization: Bearer rotated\r\n") {
            (200, VERSION.to_owned())
        } else {
            (401, String::new())
        }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (("token", "old\n"), ("token", "rotated\n"));
    write(&folder, &[old, ("ca.crt", PEM), ("namespace", "shop\n")]);
    let login = pod(&format!("http://{address}"), &folder);
    assert_eq!(refusal(&login).await.kind(), ClusterErrorKind::Credentials);
    assert!(heads.lock().unwrap()[0].contains("authorization: Bearer old\r\n"));
    write(&folder, &[new]);
    let connection = connect(&login, local()).await.unwrap();
    assert_eq!(connection.client.default_namespace(), "shop");
}

#[tokio::test]
async fn a_pod_without_a_namespace_file_is_in_the_default_one() {
    let (address, _) = serve(|_| (200, VERSION.to_owned())).await;
    let folder = tempfile::tempdir().unwrap();
    write(&folder, &[("token", "t"), ("ca.crt", PEM)]);
    let login = pod(&format!("http://{address}"), &folder);
    let connection = connect(&login, local()).await.unwrap();
    assert_eq!(connection.client.default_namespace(), "default");
}

#[tokio::test]
async fn a_pod_without_credentials_is_bad_input_that_names_the_file() {
    type Row = (
        &'static str,
        &'static [(&'static str, &'static str)],
        &'static str,
    );
    let rows: [Row; 4] = [
        ("nothing", &[], "/token` cannot be read"),
        ("no authority", &[("token", "t")], "/ca.crt` cannot be read"),
        (
            "an empty token",
            &[("token", "\n"), ("ca.crt", PEM)],
            "/token` is empty",
        ),
        (
            "an authority that is none",
            &[("token", "t"), ("ca.crt", "none")],
            "the certificate authority of the API server: no certificate is in it",
        ),
    ];
    for (says, files, text) in rows {
        let folder = tempfile::tempdir().unwrap();
        write(&folder, files);
        let error = refusal(&pod("https://127.0.0.1:1", &folder)).await;
        assert_eq!(error.kind(), ClusterErrorKind::BadInput, "{says}");
        assert!(error.to_string().contains(text), "{says}: {error}");
    }
}

#[tokio::test]
async fn a_service_account_sends_its_token() {
    let (address, heads) = serve(|_| (200, VERSION.to_owned())).await;
    let login = account(&format!("http://{address}"), "abc\n");
    connect(&login, local()).await.unwrap();
    assert!(heads.lock().unwrap()[0].contains("authorization: Bearer abc\r\n"));
}

#[tokio::test]
async fn a_service_account_that_cannot_be_used_is_bad_input_and_not_shown() {
    let rows = [
        (
            account("https://127.0.0.1:1", "canary\r\nline"),
            "use the service account: its token has a line break in it",
        ),
        (
            account("https://127.0.0.1:1", " "),
            "use the service account: its token is empty",
        ),
        (
            account("https://a b", "canary"),
            "use the address `https://a b` of the API server",
        ),
    ];
    for (login, text) in rows {
        let error = refusal(&login).await;
        assert_eq!(error.kind(), ClusterErrorKind::BadInput);
        assert_eq!(error.to_string(), text);
    }
}

#[tokio::test]
async fn a_kubeconfig_of_a_connection_asks_nothing_of_this_machine() {
    let server = "{server: 'https://127.0.0.1:1'}";
    let rows = [
        (
            "a program",
            server,
            "{exec: {command: kubelogin}}",
            "use the kubeconfig: it signs in with the program `kubelogin`, which is not run",
        ),
        (
            "an auth-provider",
            server,
            "{auth-provider: {name: azure, config: {}}}",
            "use the kubeconfig: it signs in with the auth-provider `azure`, which is not run",
        ),
        (
            "files of the user",
            server,
            "{client-certificate: /a, client-key: /b, tokenFile: /c}",
            "use the kubeconfig: it names files, which are not read: client-certificate, client-key, \
             tokenFile",
        ),
        (
            "a file of the cluster",
            "{server: 'https://127.0.0.1:1', certificate-authority: /a}",
            "{token: abc}",
            "use the kubeconfig: it names files, which are not read: certificate-authority",
        ),
        (
            "a server without TLS",
            "{server: 'http://127.0.0.1:1'}",
            "{token: abc}",
            "send credentials to the API server http://127.0.0.1:1/",
        ),
        (
            "a server that need not be trusted",
            "{server: 'https://127.0.0.1:1', insecure-skip-tls-verify: true}",
            "{token: abc}",
            "send credentials to the API server https://127.0.0.1:1/",
        ),
    ];
    for (says, cluster, user, text) in rows {
        let error = refusal(&of_connection(cluster, user)).await;
        assert_eq!(error.kind(), ClusterErrorKind::BadInput, "{says}");
        assert_eq!(error.to_string(), text, "{says}");
        let hint = error.hint().unwrap();
        assert!(!hint.contains("--allow-insecure-server"), "{says}: {hint}");
    }
}

#[tokio::test]
async fn a_kubeconfig_of_a_connection_is_judged_by_its_context_alone() {
    // Another context has a program and a file; beside data, a file's name does not matter.
    let rows = [
        ("{server: 'https://127.0.0.1:1'}", "{token: abc}"),
        (
            "{server: 'https://127.0.0.1:1'}",
            "{token: abc, tokenFile: /absent}",
        ),
    ];
    for (cluster, user) in rows {
        let error = refusal(&of_connection(cluster, user)).await;
        assert_eq!(error.kind(), ClusterErrorKind::Unreachable, "{error}");
    }
}

/// A kubeconfig whose user has this client certificate, for a server without TLS: no certificate is shown to it.
fn with_certificate(server: &str, certificate: &str) -> Login {
    let kubeconfig = format!(
        "{{apiVersion: v1, kind: Config, current-context: a, contexts: [{{name: a, context: {{cluster: a, user: a}}}}], \
         clusters: [{{name: a, cluster: {{server: '{server}'}}}}], users: [{{name: a, user: {{{certificate}}}}}]}}"
    );
    Login::InMemory {
        kubeconfig,
        tokens: None,
        network: Network::default(),
    }
}

#[tokio::test]
async fn the_end_of_a_client_certificate_is_known_and_explains_a_refusal() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder, &[("user.pem", PEM)]);
    let file = folder.path().join("user.pem");
    let base64 = serde_json::to_value(k8s_openapi::ByteString(PEM.into())).unwrap();
    let base64 = base64.as_str().unwrap();
    let end = "2126-11-05T20:26:35Z";
    let rows = [
        (
            "in the kubeconfig",
            format!("client-certificate-data: {base64}, client-key-data: {base64}"),
            Some(end),
        ),
        (
            "in a file",
            format!(
                "client-certificate: '{0}', client-key: '{0}'",
                file.display()
            ),
            Some(end),
        ),
        ("none", "token: abc".to_owned(), None),
    ];
    let (accepts, _) = serve(|_| (200, VERSION.to_owned())).await;
    let (refuses, _) = serve(|_| (401, String::new())).await;
    for (says, user, end) in rows {
        let login = with_certificate(&format!("http://{accepts}"), &user);
        let connection = connect(&login, local()).await.unwrap();
        let end: Option<Timestamp> = end.map(|it| it.parse().unwrap());
        assert_eq!(connection.certificate_end, end, "{says}");

        let login = with_certificate(&format!("http://{refuses}"), &user);
        let ended = "the client certificate with which you sign in ended at 2126-11-05T20:26:35Z";
        for (now, is_over) in [
            ("2126-11-05T20:26:34Z", false),
            ("2126-11-06T00:00:00Z", true),
        ] {
            let error = connect(&login, now.parse().unwrap()).await.err().unwrap();
            let hint = error.hint().unwrap();
            let expected = is_over && end.is_some();
            assert_eq!(hint.contains(ended), expected, "{says}, {now}: {hint}");
        }
    }
}
