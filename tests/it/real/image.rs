//! The container image as it is shipped, on a real node: it starts without root, and checks a rollout from within the
//! cluster.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::LogParams;
use kube::{Api, Client};
use libtest_mimic::Trial;
use rollguard_tests::cluster::{apply, wait_for_rollout, with_namespace};

use crate::smoke::WEB;
use crate::{Stage, builds, trial};

/// Names the image archive, and asks for these trials alone.
const IMAGE: &str = "ROLLGUARD_IMAGE";
/// Its name in the archive.
const REFERENCE: &str = "ROLLGUARD_IMAGE_REFERENCE";
/// How long a pod may take to its end.
const LIMIT: Duration = Duration::from_secs(120);

pub(crate) fn is_asked_for() -> bool {
    std::env::var_os(IMAGE).is_some()
}

pub(crate) fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    let image = trial(
        "the shipped image runs as a pod without root, and checks a rollout",
        stage,
        runs,
    );
    std::iter::once(image)
        .chain(builds::trials(stage))
        .collect()
}

/// The check of a pod that may only look. It runs in the node's network: the test's cluster has no proxy for services.
fn pod(name: &str, reference: &str, server: &str, arguments: &[&str]) -> Result<String> {
    let address = server.trim_start_matches("https://");
    let (host, port) = address.split_once(':').context("no port")?;
    let arguments = arguments.join(", ");
    Ok(format!(
        r#"
apiVersion: v1
kind: Pod
metadata: {{ name: {name} }}
spec:
  hostNetwork: true
  restartPolicy: Never
  serviceAccountName: checker
  securityContext: {{ runAsNonRoot: true }}
  containers:
    - name: rollguard
      image: {reference}
      imagePullPolicy: Never
      args: [{arguments}]
      env:
        - {{ name: KUBERNETES_SERVICE_HOST, value: "{host}" }}
        - {{ name: KUBERNETES_SERVICE_PORT, value: "{port}" }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {{ drop: [ALL] }}
"#
    ))
}

const CHECKER: &str = "
apiVersion: v1
kind: ServiceAccount
metadata: { name: checker }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: checker }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view }
subjects: [{ kind: ServiceAccount, name: checker }]
";

async fn runs(stage: Arc<Stage>) -> Result<()> {
    let cluster = stage.cluster()?;
    let archive = PathBuf::from(std::env::var_os(IMAGE).context("no image is named")?);
    let reference = std::env::var(REFERENCE).context("the image has no name")?;
    cluster.import(&archive)?;
    with_namespace(cluster, "image", async |client, namespace| {
        apply(&client, &namespace, WEB).await?;
        apply(&client, &namespace, CHECKER).await?;
        let limit = Duration::from_secs(60);
        wait_for_rollout::<Deployment>(&client, &namespace, "web", limit).await?;
        let server = cluster.server_url();
        for (name, arguments, says) in [
            ("version", &["--version"][..], "rollguard "),
            (
                "drill",
                &["drill", "--approve"],
                "v1 is restored and healthy",
            ),
            (
                "check",
                &[
                    "check",
                    "deployment/web",
                    "--timeout",
                    "60s",
                    "--stable-for",
                    "1s",
                    "--no-mark",
                ],
                "deployment/web",
            ),
        ] {
            let yaml = pod(name, &reference, server, arguments)?;
            apply(&client, &namespace, &yaml).await?;
            let (code, log) = ended(&client, &namespace, name).await?;
            ensure!(
                code == 0 && log.contains(says),
                "{name}: exit code {code}\n{log}"
            );
        }
        Ok(())
    })
    .await
}

/// Waits until the pod's container has ended.
async fn ended(client: &Client, namespace: &str, name: &str) -> Result<(i32, String)> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let started = Instant::now();
    loop {
        let status = pods.get(name).await?.status.unwrap_or_default();
        let containers = status.container_statuses.unwrap_or_default();
        let ended = containers.into_iter().find_map(|it| it.state?.terminated);
        if let Some(ended) = ended {
            return Ok((
                ended.exit_code,
                pods.logs(name, &LogParams::default()).await?,
            ));
        }
        if started.elapsed() > LIMIT {
            bail!("{name} did not end");
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}
