//! The command `lint` of the task: what it leaves with the run.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use libtest_mimic::Trial;
use rollguard_agent::{AgentEnv, Outcome};
use tempfile::TempDir;

use super::test_cluster::{NAMESPACE, TestCluster, web};
use crate::trial;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "the task's lint shows at which line the cluster will refuse a manifest",
            predicted,
        ),
        trial(
            "the task's lint judges workloads of the cluster, and fails nothing with failOn never",
            standing,
        ),
        trial(
            "what is only possible is on the page of the task's lint, and no issue",
            possible,
        ),
        trial(
            "the task's lint asks no cluster without a connection",
            without_cluster,
        ),
    ]
}

const OF_CLUSTER: [(&str, &str); 2] = [
    ("connectionType", "kubernetesServiceConnection"),
    ("kubernetesServiceConnection", "c"),
];

/// A run of the task with these inputs, in a pipeline.
struct Run {
    cluster: TestCluster,
    folder: TempDir,
}

impl Run {
    async fn new() -> Result<Self> {
        let cluster = TestCluster::new(TestCluster::blank()?).await?;
        cluster.deploy("v1").await?;
        cluster.is_healthy("v1").await?;
        let folder = tempfile::tempdir()?;
        let update = web("v2").replace(
            "      containers:",
            "      nodeSelector: { disk: nvme }\n      containers:",
        );
        std::fs::write(folder.path().join("web.yaml"), update)?;
        Ok(Self { cluster, folder })
    }

    /// Returns the outcome, and what was printed.
    async fn task(&self, inputs: &[(&str, &str)], host: &str) -> (Outcome, String) {
        let fixed = [("command", "lint"), ("namespace", NAMESPACE)];
        let inputs = fixed.iter().chain(inputs);
        let mut variables: BTreeMap<String, String> = inputs
            .map(|(name, value)| {
                (
                    format!("INPUT_{}", name.to_uppercase()),
                    (*value).to_owned(),
                )
            })
            .collect();
        let path = self.folder.path().to_string_lossy().into_owned();
        variables.insert("AGENT_TEMPDIRECTORY".to_owned(), path);
        variables.insert("SYSTEM_HOSTTYPE".to_owned(), host.to_owned());
        let env = AgentEnv::from_pairs(variables);
        let before = self.cluster.said().len();
        let writes = self.cluster.writes_in_earnest();
        let outcome = self.cluster.task(&env, &self.cluster.connection()).await;
        assert_eq!(
            self.cluster.writes_in_earnest(),
            writes,
            "something was written"
        );
        (outcome, self.cluster.said().split_off(before))
    }

    fn manifest(&self) -> String {
        self.folder
            .path()
            .join("web.yaml")
            .to_string_lossy()
            .into_owned()
    }

    /// Returns the files with this ending that the task left.
    fn left(&self, ending: &str) -> Result<Vec<String>> {
        let mut texts = Vec::new();
        for entry in std::fs::read_dir(self.folder.path())? {
            let path = entry?.path();
            if path.extension().is_some_and(|it| it == ending) {
                texts.push(std::fs::read_to_string(path)?);
            }
        }
        Ok(texts)
    }
}

async fn predicted() -> Result<()> {
    let run = Run::new().await?;
    let manifest = run.manifest();
    let inputs = [&OF_CLUSTER[..], &[("manifests", &manifest)]].concat();
    let (outcome, said) = run.task(&inputs, "build").await;
    ensure!(outcome == Outcome::Findings, "{outcome:?}: {said}");
    let issue = said
        .lines()
        .find(|it| it.contains("code=NoNodeMatches"))
        .with_context(|| format!("no issue: {said}"))?;
    let text = std::fs::read_to_string(&manifest)?;
    let line = text.lines().position(|it| it.contains("nodeSelector"));
    let line = line.context("no line")? + 1;
    for part in ["type=error", "sourcepath=", &format!("linenumber={line};")] {
        ensure!(issue.contains(part), "{part}: {issue}");
    }
    ensure!(said.contains("##vso[task.uploadsummary]"), "{said}");
    ensure!(
        said.contains("##vso[artifact.upload containerfolder=CodeAnalysisLogs;"),
        "{said}"
    );
    let pages = run.left("md")?.concat();
    let logs = run.left("sarif")?.concat();
    for document in [&pages, &logs] {
        ensure!(document.contains("NoNodeMatches"), "{document}");
        ensure!(document.contains("MayRunAsRoot"), "{document}");
    }
    // A release has no artifacts of its own.
    let (_, said) = run.task(&inputs, "release").await;
    ensure!(!said.contains("artifact.upload"), "{said}");
    Ok(())
}

async fn possible() -> Result<()> {
    const CERTIFICATE: &str = "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: { name: web }\nspec: { secretName: tls }\n";
    let run = Run::new().await?;
    let update = web("v2");
    let text = format!(
        "{update}          envFrom: [{{ secretRef: {{ name: tls }} }}]\n---\n{CERTIFICATE}"
    );
    std::fs::write(run.manifest(), text)?;
    let manifest = run.manifest();
    let inputs = [&OF_CLUSTER[..], &[("manifests", &manifest)]].concat();
    let (_, said) = run.task(&inputs, "build").await;
    ensure!(said.contains("possible ConfigObjectMissing"), "{said}");
    ensure!(!said.contains("code=ConfigObjectMissing"), "{said}");
    let page = run.left("md")?.concat();
    ensure!(
        page.contains("| possible | ConfigObjectMissing |"),
        "{page}"
    );
    Ok(())
}

async fn standing() -> Result<()> {
    let run = Run::new().await?;
    let inputs = [&OF_CLUSTER[..], &[("workloads", "deployment/web")]].concat();
    let (outcome, said) = run.task(&inputs, "build").await;
    ensure!(outcome == Outcome::Findings, "{outcome:?}: {said}");
    ensure!(said.contains("MayRunAsRoot"), "{said}");
    // The repository has no file to which the run's page could link.
    let issues: Vec<&str> = said
        .lines()
        .filter(|it| it.contains("task.logissue"))
        .collect();
    let of_workload = |it: &&str| it.contains("]deployment/web: ") && !it.contains("sourcepath");
    ensure!(
        !issues.is_empty() && issues.iter().all(of_workload),
        "{said}"
    );
    let never = [&inputs[..], &[("failOn", "never")]].concat();
    let (outcome, said) = run.task(&never, "build").await;
    ensure!(outcome == Outcome::Succeeded, "{outcome:?}: {said}");
    ensure!(said.contains("type=warning"), "{said}");
    Ok(())
}

async fn without_cluster() -> Result<()> {
    let run = Run::new().await?;
    let manifest = run.manifest();
    let inputs = [("connectionType", "none"), ("manifests", &manifest)];
    let asked = run.cluster.requests();
    let (outcome, said) = run.task(&inputs, "build").await;
    ensure!(outcome == Outcome::Findings, "{outcome:?}: {said}");
    ensure!(said.contains("MayRunAsRoot"), "{said}");
    ensure!(!said.contains("NoNodeMatches"), "{said}");
    ensure!(!said.contains("predicted"), "{said}");
    ensure!(run.cluster.requests() == asked, "the cluster was asked");
    ensure!(Path::new(&manifest).is_file(), "the manifest is gone");
    let missing = [("connectionType", "none"), ("manifests", "none/*.yaml")];
    let (outcome, said) = run.task(&missing, "build").await;
    ensure!(outcome == Outcome::BadInput, "{outcome:?}: {said}");
    ensure!(said.contains("none/*.yaml"), "{said}");
    Ok(())
}
