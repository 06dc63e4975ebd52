//! Updates that complete and that users do not reach any more, and updates that only look so.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use libtest_mimic::Trial;
use rollguard_tests::cluster::{apply, wait_for_rollout, with_namespace};
use rollguard_tests::product::Rollguard;

use crate::{Stage, trial};

pub(crate) fn trials(stage: &Arc<Stage>) -> impl Iterator<Item = Trial> + use<'_> {
    CASES.iter().map(move |case| {
        let name = format!("traffic is followed: {}", case.says);
        trial(&name, stage, move |stage| ends(stage, case))
    })
}

/// An update of a healthy Deployment, and the objects before its pods.
struct Case {
    says: &'static str,
    /// The name of its namespace.
    name: &'static str,
    objects: &'static [&'static str],
    v1: Template,
    v2: Template,
    /// Applied so many seconds after the update.
    later: Option<(u64, &'static str)>,
    ends: Ends,
}

/// The differences between the templates.
#[derive(Clone, Copy)]
struct Template {
    labels: &'static str,
    port: &'static str,
    listens: u16,
}

/// How the check of the update ends.
enum Ends {
    /// With this code.
    Fails(&'static str),
    /// With this line, and this code as a note.
    Serves(&'static str, Option<&'static str>),
}

const PLAIN: Template = Template {
    labels: "app: web, tier: front",
    port: "http",
    listens: 8080,
};
const SERVICE: &str = "apiVersion: v1
kind: Service
metadata: { name: web }
spec:
  selector: { app: web, tier: front }
  ports: [{ port: 80, targetPort: http }]
";
const OF_BACK: &str = "apiVersion: v1
kind: Service
metadata: { name: web }
spec:
  selector: { app: web, tier: back }
  ports: [{ port: 80, targetPort: http }]
";
const OF_ALL: &str = "apiVersion: v1
kind: Service
metadata: { name: all }
spec:
  selector: { app: web }
  ports: [{ port: 80, targetPort: http }]
";
const DENY: &str = "apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: default-deny }
spec: { podSelector: {}, policyTypes: [Ingress] }
";
const ADMIT: &str = "apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: front }
spec:
  podSelector: { matchLabels: { tier: front } }
  policyTypes: [Ingress]
  ingress: [{ from: [{ podSelector: {} }] }]
";
const OTHER_TIER: Template = Template {
    labels: "app: web, tier: back",
    ..PLAIN
};
const SERVED: &str = "served: Service `web` → 2 of 2 new pods on port 8080";

const CASES: &[Case] = &[
    Case {
        says: "the label that the Service selects has changed",
        name: "traffic-label",
        objects: &[SERVICE],
        v1: PLAIN,
        v2: OTHER_TIER,
        later: None,
        ends: Ends::Fails("ServiceSelectsNoPod"),
    },
    Case {
        says: "the port that the Service names has another name",
        name: "traffic-port",
        objects: &[SERVICE],
        v1: PLAIN,
        v2: Template {
            port: "web",
            ..PLAIN
        },
        later: None,
        ends: Ends::Fails("ServicePortMissing"),
    },
    Case {
        says: "the Service that fits is applied eight seconds later",
        name: "traffic-late",
        objects: &[SERVICE],
        v1: PLAIN,
        v2: OTHER_TIER,
        later: Some((8, OF_BACK)),
        ends: Ends::Serves(SERVED, None),
    },
    Case {
        says: "the port has moved together with the container",
        name: "traffic-moved",
        objects: &[SERVICE],
        v1: PLAIN,
        v2: Template {
            listens: 9090,
            ..PLAIN
        },
        later: None,
        ends: Ends::Serves("served: Service `web` → 2 of 2 new pods on port 9090", None),
    },
    Case {
        says: "of two Services one is left for the former version",
        name: "traffic-versions",
        objects: &[SERVICE, OF_ALL],
        v1: PLAIN,
        v2: OTHER_TIER,
        later: None,
        ends: Ends::Serves(
            "served: Service `all` → 2 of 2 new pods on port 8080",
            Some("ServiceLeftBehind"),
        ),
    },
    Case {
        says: "a NetworkPolicy admits nothing to the new labels",
        name: "traffic-policy",
        objects: &[OF_ALL, DENY, ADMIT],
        v1: PLAIN,
        v2: OTHER_TIER,
        later: None,
        ends: Ends::Serves(
            "served: Service `all` → 2 of 2 new pods on port 8080",
            Some("TrafficDenied"),
        ),
    },
];

/// Applies the update and checks it.
async fn ends(stage: Arc<Stage>, case: &'static Case) -> Result<()> {
    let cluster = stage.cluster()?;
    with_namespace(cluster, case.name, async |client, namespace| {
        apply(&client, &namespace, &case.v1.deployment(1)).await?;
        for object in case.objects {
            apply(&client, &namespace, object).await?;
        }
        let limit = Duration::from_secs(60);
        wait_for_rollout::<Deployment>(&client, &namespace, "web", limit).await?;
        apply(&client, &namespace, &case.v2.deployment(2)).await?;
        let rollguard = Rollguard::new(cluster.kubeconfig_path())?;
        let args = ["check", "deployment/web", "-n", &namespace, "-o", "json"];
        let running = rollguard.start(&args)?;
        if let Some((seconds, object)) = case.later {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            apply(&client, &namespace, object).await?;
        }
        let ran = running.ended().await?;
        let report = ran.json()?;
        let codes: Vec<&str> = report["findings"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|it| it["code"].as_str())
            .collect();
        match case.ends {
            Ends::Fails(code) => {
                ensure!(ran.code == 10, "it does not fail: {}", ran.all());
                ensure!(codes.first() == Some(&code), "{codes:?}");
                let sentence = report["sentence"].as_str().context("no sentence")?;
                ensure!(
                    sentence.contains("is rolled out, but not reachable: "),
                    "{sentence}"
                );
                ensure!(report["offersRollback"] == true, "{}", ran.all());
            }
            Ends::Serves(line, note) => {
                ensure!(ran.code == 0, "it does not succeed: {}", ran.all());
                ensure!(ran.all().contains(line), "{}", ran.all());
                ensure!(codes == Vec::from_iter(note), "{codes:?}");
            }
        }
        Ok(())
    })
    .await
}

impl Template {
    fn deployment(self, version: u32) -> String {
        let Self {
            labels,
            port,
            listens,
        } = self;
        format!(
            r#"apiVersion: apps/v1
kind: Deployment
metadata: {{ name: web }}
spec:
  replicas: 2
  selector: {{ matchLabels: {{ app: web }} }}
  template:
    metadata: {{ labels: {{ {labels} }} }}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: app
          image: rollguard.test/busybox:1
          command: [sh, -c, "trap 'exit 0' TERM; httpd -p {listens} -h /www; sleep 3600 & wait"]
          env: [{{ name: VERSION, value: "{version}" }}]
          ports: [{{ name: {port}, containerPort: {listens} }}]
          readinessProbe: {{ httpGet: {{ path: /, port: {listens} }}, periodSeconds: 1 }}
"#
        )
    }
}
