//! `lint --live` as a user starts it, against an API server in this process: every form of output, with predictions.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use kube::api::{DynamicObject, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use libtest_mimic::Trial;
use rollguard_sandbox::{Sandbox, Verb};
use rollguard_tests::front::{Answer, Asked, Front, Gate, Onward};
use rollguard_tests::product::{Ran, Rollguard, binary};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::trial;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("predictions stand in every form of output", every_form),
        trial(
            "--fail-on-prediction decides about the exit code and about the failures of JUnit",
            failing,
        ),
        trial(
            "a lint that asks the cluster prints its requests with -v",
            requests,
        ),
        trial(
            "a workload of the cluster is judged by its name and by its labels",
            standing,
        ),
        trial(
            "a lint that is cancelled completes the document that it began",
            cancelled_document,
        ),
        trial(
            "a --fix that is cancelled does not say that nothing was changed",
            cancelled_fix,
        ),
    ]
}

/// Lets every request through.
struct Open;

impl Gate for Open {
    fn pass<'a>(&'a self, asked: Asked, onward: &'a Onward) -> BoxFuture<'a, Answer> {
        onward.hand(asked).boxed()
    }
}

/// An API server with an empty namespace, and a folder with a manifest.
struct Place {
    sandbox: Sandbox,
    _front: Front,
    rollguard: Rollguard,
    folder: TempDir,
}

/// A Deployment for which no node has the label, and of which a ConfigMap is missing.
fn web() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": "web", "namespace": "shop", "labels": { "app": "web" } },
        "spec": {
            "selector": { "matchLabels": { "app": "web" } },
            "template": {
                "metadata": { "labels": { "app": "web" } },
                "spec": {
                    "nodeSelector": { "disk": "nvme" },
                    "containers": [{
                        "name": "app", "image": "registry.example/web:1",
                        "envFrom": [{ "configMapRef": { "name": "settings" } }],
                    }],
                },
            },
        },
    })
}

impl Place {
    async fn new() -> Result<Self> {
        let sandbox = Sandbox::builder().namespace("shop").build();
        let front = Front::start(sandbox.client(), Arc::new(Open)).await?;
        let folder = tempfile::tempdir()?;
        let text = serde_json::to_string_pretty(&web())?;
        std::fs::write(folder.path().join("web.json"), text)?;
        Ok(Self {
            rollguard: Rollguard::new(front.kubeconfig())?,
            sandbox,
            _front: front,
            folder,
        })
    }

    /// Runs `lint`; nothing but dry runs may be written.
    async fn lint(&self, args: &[&str]) -> Result<Ran> {
        let before = self.writes();
        let ran = self.rollguard.run(&[&["lint"], args].concat()).await?;
        ensure!(self.writes() == before, "something was written");
        Ok(ran)
    }

    /// Predicts for the manifest.
    async fn predict(&self, args: &[&str]) -> Result<Ran> {
        let path = self.folder.path().join("web.json");
        let path = path.to_str().context("no path")?;
        self.lint(&[&["--live", path, "-n", "shop"], args].concat())
            .await
    }

    fn writes(&self) -> usize {
        let requests = self.sandbox.requests();
        let reads = [Verb::Get, Verb::List, Verb::Watch];
        let writes = requests.iter().filter(|it| !reads.contains(&it.verb));
        writes.filter(|it| !it.path.contains("dryRun")).count()
    }

    async fn deploy(&self) -> Result<()> {
        let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("apps", "v1", "Deployment"));
        let object: DynamicObject = serde_json::from_value(web())?;
        let api = kube::Api::<DynamicObject>::namespaced_with(self.sandbox.client(), "shop", &kind);
        api.create(&PostParams::default(), &object).await?;
        Ok(())
    }
}

fn holds(text: &str, parts: &[&str]) -> Result<()> {
    for part in parts {
        ensure!(text.contains(part), "`{part}` is not in\n{text}");
    }
    Ok(())
}

async fn every_form() -> Result<()> {
    let place = Place::new().await?;
    let ran = place.predict(&[]).await?;
    ensure!(ran.code == 10, "{}", ran.all());
    holds(
        &ran.stdout,
        &[
            "certain NoNodeMatches: ",
            "likely ConfigObjectMissing: ConfigMap `settings`",
            "predicted: 1 certain, 1 likely for 1 workload in the cluster",
            "warning MayRunAsRoot: ",
        ],
    )?;

    let document = place.predict(&["-o", "json"]).await?.json()?;
    let predictions = document["predictions"].as_array().context("no list")?;
    let said: Vec<_> = predictions
        .iter()
        .map(|it| (it["code"].as_str(), it["certainty"].as_str()))
        .collect();
    let expected = [
        (Some("NoNodeMatches"), Some("certain")),
        (Some("ConfigObjectMissing"), Some("likely")),
    ];
    ensure!(said == expected, "{document:#}");
    ensure!(document["summary"]["certain"] == 1, "{document:#}");
    let findings = document["findings"].as_array().context("no findings")?;
    ensure!(!findings.is_empty(), "{document:#}");

    let log = place.predict(&["-o", "sarif"]).await?.json()?;
    let run = &log["runs"][0];
    for (code, level) in [
        ("NoNodeMatches", "error"),
        ("ConfigObjectMissing", "warning"),
        ("MayRunAsRoot", "warning"),
    ] {
        let results = run["results"].as_array().context("no results")?;
        let result = results.iter().find(|it| it["ruleId"] == code);
        let result = result.with_context(|| format!("no {code}: {log:#}"))?;
        ensure!(result["level"] == level, "{result:#}");
        let rule = usize::try_from(result["ruleIndex"].as_u64().context("no index")?)?;
        ensure!(
            run["tool"]["driver"]["rules"][rule]["id"] == code,
            "{code}: {rule}"
        );
    }

    let page = place.predict(&["-o", "markdown"]).await?;
    holds(
        &page.stdout,
        &[
            "\n# In the cluster\n",
            "| certain | NoNodeMatches | ",
            "| warning | MayRunAsRoot | ",
        ],
    )
}

/// The counts of a suite, by the names of the attributes.
fn suite(xml: &str, name: &str, counts: [&str; 3]) -> Result<[Option<usize>; 3]> {
    let document = roxmltree::Document::parse(xml)?;
    let found = document
        .descendants()
        .find(|it| it.has_tag_name("testsuite") && it.attribute("name") == Some(name));
    let found = found.with_context(|| format!("no suite `{name}`: {xml}"))?;
    Ok(counts.map(|it| found.attribute(it)?.parse().ok()))
}

async fn failing() -> Result<()> {
    let place = Place::new().await?;
    let rows = [
        (&[][..], 10, 1),
        (&["--fail-on-prediction", "certain"], 10, 1),
        (&["--fail-on-prediction", "likely"], 10, 2),
        (&["--fail-on-prediction", "possible"], 10, 2),
        (&["--fail-on-prediction", "never"], 0, 0),
    ];
    for (args, code, failures) in rows {
        // The findings are to decide nothing.
        let args = [args, &["--fail-on", "never", "-o", "junit"]].concat();
        let ran = place.predict(&args).await?;
        ensure!(ran.code == code, "{args:?}: {}", ran.all());
        let counts = suite(&ran.stdout, "predictions", ["tests", "failures", "skipped"])?;
        let expected = [2, failures, 2 - failures].map(Some);
        ensure!(counts == expected, "{args:?}: {counts:?}");
        let found = ran.stdout.matches("<failure type=\"certain\"").count()
            + ran.stdout.matches("<failure type=\"likely\"").count();
        ensure!(found == failures, "{args:?}: {}", ran.stdout);
    }
    Ok(())
}

async fn requests() -> Result<()> {
    let place = Place::new().await?;
    let silent = place.predict(&["-o", "json"]).await?;
    ensure!(!silent.stderr.contains("GET /"), "{}", silent.stderr);
    let ran = place.predict(&["-o", "json", "-v"]).await?;
    holds(&ran.stderr, &["GET /version 200 in "])?;
    ran.json()?;
    Ok(())
}

async fn standing() -> Result<()> {
    let place = Place::new().await?;
    place.deploy().await?;
    for args in [
        &["deployment/web", "-n", "shop"][..],
        &["-l", "app=web", "-n", "shop"],
    ] {
        let ran = place.lint(args).await?;
        ensure!(ran.code == 10, "{}", ran.all());
        holds(
            &ran.stdout,
            &["deployment/web:", " certain NoNodeMatches: "],
        )?;
        // What is read from the cluster is not written by `--fix`.
        ensure!(!ran.stdout.contains("--fix resolves"), "{}", ran.stdout);
    }
    Ok(())
}

/// Two findings, one of which is written before the next file is read, and a change.
const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec:\n  hostPID: true\n  hostNetwork: true\n  securityContext:\n    sysctls: [{name: net/ipv4/tcp_syncookies, value: '1'}]\n  containers: []\n";

/// Cancels a lint of a file and of a pipe that never ends, once stdout has the marker; returns what is on stdout.
async fn cancelled(folder: &Path, args: &[&str], marker: &'static str) -> Result<String> {
    let pipe = folder.join("pipe");
    ensure!(Command::new("mkfifo").arg(&pipe).status()?.success());
    let mut child = Command::new(binary()?)
        .args(["lint", "a.yaml", "pipe"])
        .args(args)
        .current_dir(folder)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let pid = Pid::from_child(&child);
    let mut out = child.stdout.take().context("no stdout")?;
    let reading = tokio::task::spawn_blocking(move || -> Result<String> {
        let (mut text, mut bytes, mut sent) = (String::new(), [0; 4096], false);
        loop {
            let read = out.read(&mut bytes)?;
            if read == 0 {
                return Ok(text);
            }
            text += &String::from_utf8_lossy(bytes.get(..read).unwrap_or_default());
            if !sent && text.contains(marker) {
                kill_process(pid, Signal::INT)?;
                sent = true;
            }
        }
    });
    let said = reading.await??;
    let status = tokio::task::spawn_blocking(move || child.wait()).await??;
    ensure!(status.code() == Some(130), "{status:?}: {said}");
    Ok(said)
}

async fn cancelled_document() -> Result<()> {
    for (form, marker) in [("json", "\"code\""), ("sarif", "\"ruleId\"")] {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("a.yaml"), POD)?;
        let said = cancelled(folder.path(), &["-o", form], marker).await?;
        let document: Value = serde_json::from_str(&said).with_context(|| said.clone())?;
        let run = &document["runs"][0];
        let (found, end) = if form == "json" {
            (&document["findings"], &document["outcome"])
        } else {
            let told = &run["invocations"][0]["toolExecutionNotifications"][0];
            (&run["results"], &told["message"]["text"])
        };
        ensure!(found.as_array().is_some_and(|it| it.len() == 3), "{said}");
        let end = end.as_str().context("no end")?;
        ensure!(end.starts_with("cancelled"), "{said}");
    }
    Ok(())
}

async fn cancelled_fix() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.yaml");
    std::fs::write(&path, POD)?;
    let said = cancelled(folder.path(), &["--fix"], ": changed, ").await?;
    let end = "error: cancelled; the files that are named as changed stay so";
    ensure!(said.contains(end), "{said}");
    ensure!(!said.contains("nothing was changed"), "{said}");
    ensure!(std::fs::read_to_string(&path)? != POD, "{said}");
    Ok(())
}
