//! No error shows a secret, whatever the services answer.

use anyhow::ensure;
use libtest_mimic::Trial;
use rollguard_tests::fakes::{
    Answer, CLIENT_CERTIFICATE, CLIENT_SECRET, FakeAzure, SYSTEM_ACCESS_TOKEN, Service,
    kubelogin_kubeconfig,
};
use serde_json::{Value, json};

use super::setup::{
    all_words, azure, cluster, federated, refused, row, with_certificate, with_secret,
};

/// What no message may contain: what we send, and what the fake issues.
const SECRETS: [&str; 5] = [
    CLIENT_SECRET,
    SYSTEM_ACCESS_TOKEN,
    "fake-oidc-token",
    "fake-arm-token",
    "hunter2",
];

pub(crate) fn rows() -> Vec<Trial> {
    vec![
        row(
            "no answer of Azure DevOps brings a secret into an error",
            by_oidc,
        ),
        row("no answer of Entra brings a secret into an error", by_entra),
        row("no answer of ARM brings a secret into an error", by_arm),
        row("no kubeconfig brings a secret into an error", by_kubeconfig),
    ]
}

/// Answers that fail, some of them with a token where none is expected.
fn answers() -> Vec<Answer> {
    let odd: [Value; 6] = [
        json!({}),
        json!([]),
        json!({ "access_token": ["hunter2"], "expires_in": "hunter2" }),
        json!({ "oidcToken": { "hunter2": 1 } }),
        json!({ "kubeconfigs": "hunter2" }),
        json!("hunter2"),
    ];
    let named = [400, 401, 403, 404, 409].map(|status| {
        Answer::json(
            status,
            &json!({ "error": { "code": "Odd" }, "token": "hunter2" }),
        )
        .header("set-cookie", "session=hunter2")
        .header("www-authenticate", "Bearer hunter2")
    });
    let pages = [200, 302, 403].map(Answer::html);
    odd.iter()
        .map(|body| Answer::json(200, body))
        .chain(named)
        .chain(pages)
        .collect()
}

async fn spoken(service: Service) -> anyhow::Result<()> {
    for answer in answers() {
        let fake = FakeAzure::builder().start()?;
        fake.answer_always(service, answer.clone());
        let logins = match service {
            Service::Oidc => vec![federated(&fake)],
            Service::Entra
            | Service::Arm
            | Service::Identity
            | Service::Cluster
            | Service::Unknown => vec![
                federated(&fake),
                with_secret(CLIENT_SECRET),
                with_certificate(CLIENT_CERTIFICATE),
            ],
        };
        for login in logins {
            let result = azure(&fake, login)?.cluster_access(&cluster()?).await;
            // Entra takes any JSON object for a token; then ARM refuses, which is an error too.
            let words = all_words(&refused(result)?);
            let key = CLIENT_CERTIFICATE.lines().rev().nth(3);
            for secret in SECRETS.into_iter().chain(key) {
                ensure!(
                    !words.contains(secret),
                    "`{secret}` after {answer:?}:\n{words}"
                );
            }
        }
    }
    Ok(())
}

async fn by_oidc() -> anyhow::Result<()> {
    spoken(Service::Oidc).await
}

async fn by_entra() -> anyhow::Result<()> {
    spoken(Service::Entra).await
}

async fn by_arm() -> anyhow::Result<()> {
    spoken(Service::Arm).await
}

async fn by_kubeconfig() -> anyhow::Result<()> {
    let good = kubelogin_kubeconfig("https://127.0.0.1:1");
    let texts = [
        "hunter2".to_owned(),
        "hunter2: [".to_owned(),
        good.replace("current-context:", "hunter2:"),
        good.replace("command: kubelogin", "command: /opt/hunter2"),
        good.replace("--server-id", "--hunter2"),
        good.replace("    exec:", "    token-hunter2:"),
    ];
    for text in texts {
        let fake = FakeAzure::builder().kubeconfig(&text).start()?;
        let azure = azure(&fake, with_secret(CLIENT_SECRET))?;
        let words = all_words(&refused(azure.cluster_access(&cluster()?).await)?);
        ensure!(!words.contains("hunter2"), "{text}\n{words}");
    }
    Ok(())
}
