//! No secret is written anywhere, however a server or a container echoes it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::StatusCode;
use http::header::AUTHORIZATION;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client};
use libtest_mimic::Trial;
use rollguard_sandbox::{Sandbox, Script};
use rollguard_tests::fakes::{
    Answer, CLIENT_SECRET, FakeAzure, IDENTITY_HEADER, SYSTEM_ACCESS_TOKEN, Scheme, Service,
    jwt_of_identity,
};
use rollguard_tests::front::{self, Asked, Gate, Onward};
use serde_json::json;

use super::issues::azure_of;
use super::task::{Done, Run};
use crate::trial;

/// A token with everything that an encoding changes.
pub(super) const CLUSTER_TOKEN: &str = "cluster~token+with/all=of.it";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "no byte of a whole stage holds a secret: federation",
            || stage(Scheme::WorkloadIdentityFederation),
        ),
        trial(
            "no byte of a whole stage holds a secret: client secret",
            || stage(Scheme::ServicePrincipal),
        ),
        trial(
            "no byte of a whole stage holds a secret: certificate",
            || stage(Scheme::ServicePrincipalCertificate),
        ),
        trial(
            "no byte of a whole stage holds a secret: managed identity",
            || stage(Scheme::SystemAssignedIdentity),
        ),
        trial("no echo of a service that refuses holds a secret", refusals),
        trial("a leak would be noticed", noticed),
    ]
}

/// The forms in which a secret could be written.
pub(super) fn forms(secret: &str) -> [String; 8] {
    let percent = |byte: u8| {
        let plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if plain {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    let encoded: String = secret.bytes().map(percent).collect();
    // Behind 0, 1 and 2 other bytes, without the digits that depend on what stands around.
    let [first, second, third] = [0, 1, 2].map(|before| {
        let text = STANDARD.encode(format!("{}{secret}", "x".repeat(before)));
        let digits = text.trim_end_matches('=');
        digits[(before * 8).div_ceil(6)..digits.len() - 1].to_owned()
    });
    let lower = lower_case_escapes(&encoded);
    let in_json = json!(secret).to_string();
    let in_json = in_json.trim_matches('"').replace('#', "\\u0023");
    let in_hex = secret.bytes().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    let plain = secret.to_owned();
    [plain, encoded, lower, first, second, third, in_json, in_hex]
}

/// `%2f` instead of `%2F`.
fn lower_case_escapes(encoded: &str) -> String {
    let mut pieces = encoded.split('%');
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| {
        let (digits, rest) = piece.split_at(2);
        format!("{text}%{}{rest}", digits.to_lowercase())
    })
}

/// A server's words with a secret in every form.
fn echo(secret: &str) -> String {
    let base64 = ["", "x", "xx"].map(|before| STANDARD.encode(format!("{before}{secret}")));
    let [plain, encoded, lower, ..] = forms(secret);
    let all: [&str; 6] = [&plain, &encoded, &lower, &base64[0], &base64[1], &base64[2]];
    format!("denied: {} end", all.join(" and "))
}

/// Everything that was written, but the lines by which the agent learns what to hide.
pub(super) fn written(done: &Done, folder: &Path) -> Result<String> {
    let lines = done
        .text
        .lines()
        .filter(|line| !line.starts_with("##vso[task.setsecret]"));
    let mut all: Vec<String> = lines.map(str::to_owned).collect();
    for entry in std::fs::read_dir(folder)? {
        let bytes = std::fs::read(entry?.path())?;
        all.push(String::from_utf8_lossy(&bytes).into_owned());
    }
    Ok(all.join("\n"))
}

fn holds_none(written: &str, secrets: &BTreeSet<String>) -> Result<()> {
    for secret in secrets {
        for form in forms(secret) {
            ensure!(
                !written.contains(&form),
                "{form} of {secret} is in:\n{written}"
            );
        }
    }
    Ok(())
}

/// Each secret is registered before any other line holds it: the agent hides only what follows.
fn registered(done: &Done, secret: &str) -> Result<()> {
    let line = format!("##vso[task.setsecret]{secret}");
    ensure!(
        done.text.contains(&line),
        "{secret} is not registered:\n{}",
        done.text
    );
    Ok(())
}

/// Echoes the token where it matters least to the verdict: in a refused read of quotas, and in the log of a container.
#[derive(Default)]
struct Echoes(Mutex<BTreeSet<String>>);

impl Gate for Echoes {
    fn pass<'a>(&'a self, asked: Asked, onward: &'a Onward) -> BoxFuture<'a, front::Answer> {
        async move {
            let header = asked.parts.headers.get(AUTHORIZATION);
            let bearer = header.and_then(|it| it.to_str().ok()).unwrap_or_default();
            let token = bearer.trim_start_matches("Bearer ").to_owned();
            let (path, said) = (asked.parts.uri.path().to_owned(), echo(&token));
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(token);
            let forbidden = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": said, "reason": "Forbidden", "code": 403 });
            if path.ends_with("/events") || path.ends_with("/resourcequotas") {
                return front::answer(StatusCode::FORBIDDEN, forbidden.to_string());
            }
            if path.ends_with("/log") {
                return front::answer(StatusCode::OK, format!("Error: {said}\n"));
            }
            onward.hand(asked).await
        }
        .boxed()
    }
}

async fn stage(scheme: Scheme) -> Result<()> {
    let crashes = Script::crash_at_start(&["Error: no database"], 1);
    let of_v2 = |pod: &k8s_openapi::api::core::v1::Pod| {
        let labels = pod.metadata.labels.as_ref();
        labels.and_then(|it| it.get("version")).map(String::as_str) == Some("v2")
    };
    let sandbox = Sandbox::builder()
        .namespace("shop")
        .play(of_v2, crashes)
        .build();
    let gate = Arc::new(Echoes::default());
    let builder = FakeAzure::builder().issue_token(CLUSTER_TOKEN);
    let (azure, _front) = azure_of(builder, &sandbox, Arc::clone(&gate) as Arc<dyn Gate>).await?;
    let folder = tempfile::tempdir()?;
    let mut all = String::new();
    deploy(&sandbox.client(), "v1").await?;
    let step = |command: &str, more: &[(&str, &str)]| {
        let mut run = Run::check(&azure, scheme);
        run.set("INPUT_COMMAND", command);
        run.set("INPUT_STABLEFOR", "1s");
        run.set("INPUT_GRACES", "CrashAtStart=1s");
        run.set("AGENT_TEMPDIRECTORY", &folder.path().display().to_string());
        for (name, value) in more {
            run.set(name, value);
        }
        run.run()
    };
    let healthy = step("check", &[]).await?;
    ensure!(healthy.code == 0, "{}", healthy.text);
    all += &written(&healthy, folder.path())?;
    deploy(&sandbox.client(), "v2").await?;
    let failed = step("check", &[]).await?;
    all += &written(&failed, folder.path())?;
    let evidence = failed
        .heard
        .variables
        .get("evidence")
        .cloned()
        .unwrap_or_default();
    ensure!(!evidence.is_empty(), "{}", failed.text);
    let rolled_back = step("rollback", &[("INPUT_EVIDENCE", &evidence)]).await?;
    let outcome = rolled_back.heard.variables.get("rollbackOutcome");
    ensure!(
        outcome.map(String::as_str) == Some("rolledBack"),
        "{}",
        rolled_back.text
    );
    all += &written(&rolled_back, folder.path())?;
    let again = step("check", &[("INPUT_EVIDENCE", &evidence)]).await?;
    all += &written(&again, folder.path())?;
    ensure!(all.contains("denied: ***"), "nothing was echoed:\n{all}");
    let mut secrets = gate
        .0
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    ensure!(secrets.contains(CLUSTER_TOKEN), "{secrets:?}");
    secrets.extend(of_azure(&azure));
    for done in [&healthy, &failed, &rolled_back, &again] {
        registered(done, CLUSTER_TOKEN)?;
    }
    holds_none(&all, &secrets)?;
    Ok(())
}

/// The secrets that were sent to the services of Azure.
fn of_azure(azure: &FakeAzure) -> BTreeSet<String> {
    let mut secrets: BTreeSet<String> = [CLIENT_SECRET, SYSTEM_ACCESS_TOKEN, IDENTITY_HEADER]
        .map(str::to_owned)
        .into();
    for request in azure.requests() {
        secrets.extend(request.bearer().map(str::to_owned));
        secrets.extend(request.form("client_assertion").map(str::to_owned));
    }
    secrets
}

async fn refusals() -> Result<()> {
    let of_identity = jwt_of_identity("fake-arm-token-1");
    let services = [
        (
            Service::Oidc,
            Scheme::WorkloadIdentityFederation,
            SYSTEM_ACCESS_TOKEN,
        ),
        (
            Service::Entra,
            Scheme::WorkloadIdentityFederation,
            "fake-oidc-token-1",
        ),
        (Service::Entra, Scheme::ServicePrincipal, CLIENT_SECRET),
        (Service::Arm, Scheme::ServicePrincipal, "fake-arm-token-1"),
        (
            Service::Arm,
            Scheme::ServicePrincipalCertificate,
            "fake-arm-token-1",
        ),
        (
            Service::Identity,
            Scheme::SystemAssignedIdentity,
            IDENTITY_HEADER,
        ),
        (
            Service::Arm,
            Scheme::UserAssignedIdentity,
            of_identity.as_str(),
        ),
    ];
    for (service, scheme, secret) in services {
        let azure = FakeAzure::builder().start()?;
        let said = echo(secret);
        azure.answer_always(
            service,
            match service {
                Service::Oidc => Answer::json(403, &json!({ "message": said })),
                Service::Entra => Answer::aadsts(401, 700_024, &said),
                Service::Identity => Answer::json(
                    400,
                    &json!({ "error": "invalid_request", "error_description": said }),
                ),
                Service::Arm | Service::Cluster | Service::Unknown => {
                    Answer::arm_error(403, "Odd", &said)
                }
            },
        );
        let folder = tempfile::tempdir()?;
        let mut run = Run::check(&azure, scheme);
        run.set("AGENT_TEMPDIRECTORY", &folder.path().display().to_string());
        let done = run.run().await?;
        ensure!(done.text.contains("denied: ***"), "{}", done.text);
        let mut secrets = of_azure(&azure);
        secrets.insert(secret.to_owned());
        holds_none(&written(&done, folder.path())?, &secrets)?;
    }
    Ok(())
}

async fn noticed() -> Result<()> {
    let secrets: BTreeSet<String> = [CLUSTER_TOKEN.to_owned()].into();
    for form in forms(CLUSTER_TOKEN) {
        ensure!(
            holds_none(&format!("x {form} y"), &secrets).is_err(),
            "{form}"
        );
    }
    let basic = STANDARD.encode(format!("user:{CLUSTER_TOKEN}"));
    ensure!(holds_none(&basic, &secrets).is_err(), "{basic}");
    holds_none("cluster~token+with/all=of.i", &secrets)
}

/// Applies a version of the Deployment `web`.
pub(crate) async fn deploy(client: &Client, version: &str) -> Result<()> {
    let web = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": "web" },
        "spec": {
            "replicas": 1,
            "selector": { "matchLabels": { "app": "web" } },
            "template": {
                "metadata": { "labels": { "app": "web", "version": version } },
                "spec": { "containers": [{ "name": "app", "image": format!("registry.test/app:{version}") }] },
            },
        },
    });
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("apps", "v1", "Deployment"));
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), "shop", &resource);
    let parameters = PatchParams::apply("test").force();
    api.patch("web", &parameters, &Patch::Apply(&web)).await?;
    tokio::time::sleep(Duration::from_millis(100)).await;
    Ok(())
}
