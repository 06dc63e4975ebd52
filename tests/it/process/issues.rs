//! Refusals on the page of the run: each error says what to do, in the words of a task.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::StatusCode;
use libtest_mimic::Trial;
use rollguard_sandbox::Sandbox;
use rollguard_tests::fakes::{
    AKS_SERVER_ID, Answer, FakeAzure, FakeAzureBuilder, Scheme, Service, kubelogin_kubeconfig,
};
use rollguard_tests::front::{self, Asked, Front, Gate, Onward};
use serde_json::{Value, json};

use super::task::{Done, Run};
use crate::trial;

const FEDERATION: Scheme = Scheme::WorkloadIdentityFederation;

pub(crate) fn trials() -> Vec<Trial> {
    let rows = refusals().into_iter().map(|row| {
        trial(
            format!("the issue for {} says what to do", row.says),
            move || refused(row),
        )
    });
    rows.chain([
        trial(
            "a server id of another tenant is told apart from ARM",
            cluster_scope,
        ),
        trial(
            "the API server's 401 speaks of the connection",
            not_authenticated,
        ),
        trial(
            "a machine without certificate authorities says what to set",
            no_roots,
        ),
        trial(
            "a variable in place of an input or a connection is refused",
            overridden,
        ),
        trial("a repeated request is a line, and no issue", repeated),
    ])
    .collect()
}

/// An answer of Azure, and what stands on the page of the run.
struct Row {
    says: &'static str,
    service: Service,
    answer: Answer,
    /// Of the error and its hint.
    issue: [&'static str; 2],
}

fn refusals() -> Vec<Row> {
    let entra = |says, code, issue| Row {
        says,
        service: Service::Entra,
        answer: Answer::aadsts(401, code, "No."),
        issue,
    };
    let arm = |says, status, code, message, issue| Row {
        says,
        service: Service::Arm,
        answer: Answer::arm_error(status, code, message),
        issue,
    };
    vec![
        Row {
            says: "a connection that the stage does not name",
            service: Service::Oidc,
            answer: Answer::json(
                200,
                &json!({ "count": 151, "value": "There is no explicit reference to service connection 5d0a from current stage Deploy." }),
            ),
            issue: [
                "There is no explicit reference to service connection",
                "only for connections that the stage names",
            ],
        },
        entra(
            "an expired secret",
            7_000_222,
            ["AADSTS7000222", "enter it in the service connection"],
        ),
        entra(
            "a federated credential that does not match",
            700_213,
            ["AADSTS700213", "the service connection's page shows"],
        ),
        entra(
            "Azure Resource Manager that the tenant does not know",
            500_011,
            [
                "for Azure Resource Manager",
                "does not know Azure Resource Manager",
            ],
        ),
        arm(
            "a policy",
            403,
            "RequestDisallowedByPolicy",
            "Resource 'aks-shop' was disallowed by policy 'only-from-hub'.",
            [
                "disallowed by policy 'only-from-hub'",
                "an Azure policy denies it",
            ],
        ),
        arm(
            "a lock",
            409,
            "ScopeLocked",
            "The scope is locked.",
            ["ScopeLocked", "a read-only lock forbids it"],
        ),
        arm(
            "a missing subscription",
            404,
            "SubscriptionNotFound",
            "The subscription could not be found.",
            ["was not found", "check the input `azureSubscriptionId`"],
        ),
        arm(
            "a missing role",
            403,
            "AuthorizationFailed",
            "The client does not have authorization.",
            ["is not allowed", "az role assignment create"],
        ),
    ]
}

async fn refused(row: Row) -> Result<()> {
    let azure = FakeAzure::builder().start()?;
    azure.answer_always(row.service, row.answer);
    let done = Run::check(&azure, FEDERATION).run().await?;
    says(&done, &row.issue)
}

/// The one issue holds all these words, its hint last, and no flag or kubeconfig.
fn says(done: &Done, words: &[&str]) -> Result<()> {
    let issues = done.issues();
    let [issue] = issues.as_slice() else {
        anyhow::bail!("{issues:?}\n{}", done.text);
    };
    for word in words {
        ensure!(issue.contains(word), "`{word}` is not in: {issue}");
    }
    ensure!(issue.contains("; hint: "), "{issue}");
    ensure!(!issue.contains("kubeconfig"), "{issue}");
    ensure!(done.code != 0, "{}", done.text);
    let verdict = done.heard.variables.get("verdict").map(String::as_str);
    ensure!(verdict == Some("undetermined"), "{verdict:?}");
    Ok(())
}

async fn cluster_scope() -> Result<()> {
    let other = AKS_SERVER_ID.replace('6', "7");
    let kubeconfig = kubelogin_kubeconfig("https://127.0.0.1:1").replace(AKS_SERVER_ID, &other);
    let azure = FakeAzure::builder().kubeconfig(kubeconfig).start()?;
    let done = Run::check(&azure, FEDERATION).run().await?;
    says(
        &done,
        &[
            "for the cluster",
            "AADSTS500011",
            "the cluster's server application",
        ],
    )
}

/// Answers everything itself.
struct Refuses(StatusCode, Value);

impl Gate for Refuses {
    fn pass<'a>(&'a self, _: Asked, _: &'a Onward) -> BoxFuture<'a, front::Answer> {
        async { front::answer(self.0, self.1.to_string()) }.boxed()
    }
}

/// The fake Azure, whose cluster is the one behind this gate.
pub(crate) async fn azure_of(
    builder: FakeAzureBuilder,
    sandbox: &Sandbox,
    gate: Arc<dyn Gate>,
) -> Result<(FakeAzure, Front)> {
    let front = Front::start(sandbox.client(), gate).await?;
    let config: Value = serde_json::from_str(&std::fs::read_to_string(front.kubeconfig())?)?;
    let server = config["clusters"][0]["cluster"]["server"].as_str();
    let kubeconfig = kubelogin_kubeconfig(server.context("no server")?);
    Ok((builder.kubeconfig(kubeconfig).start()?, front))
}

async fn not_authenticated() -> Result<()> {
    let sandbox = Sandbox::builder().namespace("shop").build();
    let status = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "Unauthorized", "reason": "Unauthorized", "code": 401 });
    let gate = Arc::new(Refuses(StatusCode::UNAUTHORIZED, status));
    let (azure, _front) = azure_of(FakeAzure::builder(), &sandbox, gate).await?;
    let done = Run::check(&azure, FEDERATION).run().await?;
    says(
        &done,
        &["Unauthorized", "the identity of the service connection"],
    )
}

async fn no_roots() -> Result<()> {
    let azure = FakeAzure::builder().start()?;
    let empty = tempfile::tempdir()?;
    let file = empty.path().join("none.pem");
    std::fs::write(&file, "")?;
    let mut run = Run::check(&azure, FEDERATION);
    run.set("SSL_CERT_FILE", &file.display().to_string());
    run.set(
        "SSL_CERT_DIR",
        &empty.path().join("absent").display().to_string(),
    );
    let done = run.run().await?;
    says(
        &done,
        &[
            "trusts no certificate authority",
            "SSL_CERT_FILE",
            "NODE_EXTRA_CA_CERTS",
            "ca-certificates",
        ],
    )?;
    ensure!(azure.requests().is_empty());
    // With the extra authorities alone it works, as far as the cluster.
    let mut run = Run::check(&azure, FEDERATION);
    run.set("SSL_CERT_FILE", &file.display().to_string());
    run.set(
        "SSL_CERT_DIR",
        &empty.path().join("absent").display().to_string(),
    );
    run.set(
        "NODE_EXTRA_CA_CERTS",
        &azure.ca_file().display().to_string(),
    );
    azure.answer_always(Service::Arm, Answer::arm_error(409, "ScopeLocked", "No."));
    says(&run.run().await?, &["ScopeLocked"])
}

async fn overridden() -> Result<()> {
    let azure = FakeAzure::builder().start()?;
    for name in [
        "ENDPOINT_URL_5d0a6b2e-0000-4000-8000-000000000004",
        "input.workloads",
    ] {
        let mut run = Run::check(&azure, FEDERATION);
        let names = json!(["build.buildId", name]).to_string();
        run.set("VSTS_PUBLIC_VARIABLES", &names);
        says(&run.run().await?, &[name, "rename the variable"])?;
        ensure!(azure.requests().is_empty(), "{name}");
    }
    // Ordinary variables are none of its business.
    azure.answer_always(
        Service::Oidc,
        Answer::json(403, &json!({ "message": "TF400813: no" })),
    );
    let mut run = Run::check(&azure, FEDERATION);
    run.set(
        "VSTS_PUBLIC_VARIABLES",
        r#"["build.buildId","endpoint","inputs"]"#,
    );
    says(&run.run().await?, &["TF400813"])
}

async fn repeated() -> Result<()> {
    let azure = FakeAzure::builder().start()?;
    azure.answer_next(
        Service::Entra,
        Answer::aadsts(400, 90_033, "A transient error."),
    );
    azure.answer_next(
        Service::Entra,
        Answer::aadsts(503, 90_024, "A transient error."),
    );
    azure.answer_always(Service::Arm, Answer::arm_error(409, "ScopeLocked", "No."));
    let done = Run::check(&azure, FEDERATION).run().await?;
    says(&done, &["ScopeLocked"])?;
    let repeated = |line: &&str| line.contains("; trying again in ");
    let lines: Vec<&str> = done.text.lines().filter(repeated).collect();
    ensure!(lines.len() == 2, "{lines:?}");
    ensure!(
        lines[0].contains("answered 400; trying again in 0.4 s"),
        "{lines:?}"
    );
    Ok(())
}
