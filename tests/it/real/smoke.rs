//! The cluster itself works.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use k8s_openapi::api::apps::v1::Deployment;
use rollguard_tests::cluster::{apply, wait_for_rollout, with_namespace};

use crate::Stage;

/// A Deployment of two pods that are soon ready.
pub(crate) const WEB: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: app
          image: rollguard.test/busybox:1
          command: [sh, -c, "httpd -p 8080 -h /www; sleep 3600"]
          readinessProbe: { httpGet: { path: /, port: 8080 }, periodSeconds: 1 }
"#;

/// Scheduler, kubelet, containerd, the bridge and the probes all take part in this one.
pub(crate) async fn rolls_out(stage: Arc<Stage>) -> Result<()> {
    with_namespace(stage.cluster()?, "smoke", async |client, namespace| {
        apply(&client, &namespace, WEB).await?;
        wait_for_rollout::<Deployment>(&client, &namespace, "web", Duration::from_secs(60)).await
    })
    .await
}
