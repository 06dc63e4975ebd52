//! Requests that cannot be fulfilled: one clear line, the right exit code,
//! and never a rollback.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use rollguard_tests::cluster::{LIMITED_TOKEN, RealCluster, apply, with_namespace};
use rollguard_tests::product::Rollguard;
use rollguard_tests::scenarios::{DEPLOYMENT, Play, Scenario, all};

use crate::Stage;
use crate::permissions::may_look;

/// (the row's name, the token, arguments, exit code, a part of the output).
type Row = (
    &'static str,
    Token,
    &'static [&'static str],
    i32,
    &'static [&'static str],
);

#[derive(Clone, Copy)]
enum Token {
    Admin,
    Limited,
    Expired,
}

const WEB: &str = "deployment/web";

const ROWS: &[Row] = &[
    (
        "an unknown workload",
        Token::Admin,
        &["check", "deployment/wbe"],
        2,
        &[
            "find deployment/wbe: it does not exist in namespace",
            "hint: ",
            "web",
        ],
    ),
    (
        "a namespace that does not exist",
        Token::Admin,
        &["check", WEB, "-n", "nowhere"],
        2,
        &["namespace `nowhere` does not exist"],
    ),
    (
        "no permission to look",
        Token::Limited,
        &["check", WEB],
        12,
        &["forbidden", "hint: "],
    ),
    (
        "no permission to roll back",
        Token::Limited,
        &["rollback", WEB, "--yes"],
        12,
        &["forbidden", "hint: "],
    ),
    (
        "an expired token",
        Token::Expired,
        &["check", WEB],
        3,
        &["Unauthorized"],
    ),
    (
        "an expired token at a rollback",
        Token::Expired,
        &["rollback", WEB, "--yes"],
        3,
        &["Unauthorized"],
    ),
    (
        "nothing to roll back to",
        Token::Admin,
        &["rollback", WEB, "--yes"],
        21,
        &["only one revision"],
    ),
    (
        "a revision that does not exist",
        Token::Admin,
        &["rollback", WEB, "--to-revision", "7", "--yes"],
        21,
        &["revision 7 does not exist", "hint: "],
    ),
    (
        "the present revision",
        Token::Admin,
        &["rollback", WEB, "--to-revision", "1", "--yes"],
        0,
        &["is already at revision 1"],
    ),
    (
        "nothing said about consent",
        Token::Admin,
        &["rollback", WEB, "--to-revision", "1"],
        2,
        &["cannot ask for confirmation"],
    ),
];

/// A Deployment with one revision, and everything that cannot be done with it.
pub(crate) async fn are_told(stage: Arc<Stage>) -> Result<()> {
    let cluster = stage.cluster()?;
    let scenario = any_scenario()?;
    with_namespace(cluster, "refusals", async |client, namespace| {
        Play::new(cluster, &namespace, scenario)?
            .deploy_v1()
            .await?;
        let api: Api<Deployment> = Api::namespaced(client, &namespace);
        let before = api.get(DEPLOYMENT).await?.metadata.generation;
        for (says, token, args, code, parts) in ROWS {
            let (rollguard, _kubeconfig) = with_token(cluster, *token)?;
            let mut args = args.to_vec();
            if !args.contains(&"-n") {
                args.extend(["-n", &namespace]);
            }
            let ran = rollguard.run(&args).await?;
            ensure!(ran.code == *code, "{says}: not {code}: {}", ran.all());
            for part in *parts {
                ensure!(
                    ran.all().contains(part),
                    "{says}: `{part}` is not in: {}",
                    ran.all()
                );
            }
        }
        ensure!(
            api.get(DEPLOYMENT).await?.metadata.generation == before,
            "the Deployment was changed"
        );
        Ok(())
    })
    .await
}

/// An identity that may look but not change gets no further than the preflight.
pub(crate) async fn a_rollback_without_the_right_changes_nothing(stage: Arc<Stage>) -> Result<()> {
    let cluster = stage.cluster()?;
    let scenario = all()
        .find(|scenario| scenario.name == "config-key-missing")
        .context("the scenario is gone")?;
    with_namespace(cluster, "may-look", async |client, namespace| {
        apply(&client, &namespace, &may_look(&namespace)).await?;
        let mut play = Play::new(cluster, &namespace, scenario)?;
        play.deploy_v1().await?;
        play.deploy_v2().await?;
        let api: Api<Deployment> = Api::namespaced(client, &namespace);
        let (rollguard, _kubeconfig) = with_token(cluster, Token::Limited)?;
        let checked = rollguard
            .run(&[
                "check",
                WEB,
                "-n",
                &namespace,
                "--timeout",
                "60s",
                "--grace",
                "ConfigKeyMissing=20s",
            ])
            .await?;
        ensure!(checked.code == 10, "not found bad: {}", checked.all());
        let before = api.get(DEPLOYMENT).await?.metadata.generation;
        let ran = rollguard
            .run(&["rollback", WEB, "-n", &namespace, "--yes"])
            .await?;
        ensure!(ran.code == 21, "not refused: {}", ran.all());
        for part in ["may not patch deployments", "hint: ", "MayNotPatch"] {
            ensure!(
                ran.all().contains(part),
                "`{part}` is not in: {}",
                ran.all()
            );
        }
        ensure!(
            api.get(DEPLOYMENT).await?.metadata.generation == before,
            "the Deployment was changed"
        );
        Ok(())
    })
    .await
}

fn any_scenario() -> Result<&'static Scenario> {
    all()
        .find(|scenario| scenario.v1_is_healthy)
        .context("no scenario begins healthy")
}

fn with_token(cluster: &RealCluster, token: Token) -> Result<(Rollguard, tempfile::NamedTempFile)> {
    let text = match token {
        Token::Admin => std::fs::read_to_string(cluster.kubeconfig_path())?,
        Token::Limited => cluster.kubeconfig_for(LIMITED_TOKEN),
        Token::Expired => cluster.kubeconfig_for("a-token-that-has-expired"),
    };
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), text)?;
    Ok((Rollguard::new(file.path())?, file))
}
