//! Runs the task as the agent does.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use anyhow::Result;
use rollguard_agent::command::TaskOutput;
use rollguard_tests::fakes::{CLUSTER, FakeAzure, RESOURCE_GROUP, SERVICE_CONNECTION_ID, Scheme};
use rollguard_tests::product::binary;
use tempfile::TempDir;

/// A run of the task.
pub(crate) struct Run {
    /// The agent's variables and the inputs.
    pub(crate) variables: BTreeMap<String, String>,
}

/// The result of a run of the task.
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) heard: TaskOutput,
    /// Both streams.
    pub(crate) text: String,
}

impl Run {
    /// A check of a Deployment by a service connection.
    pub(crate) fn check(azure: &FakeAzure, scheme: Scheme) -> Self {
        let mut run = Self {
            variables: azure.agent_env(scheme),
        };
        for (name, value) in [
            ("COMMAND", "check"),
            ("AZURESERVICECONNECTION", SERVICE_CONNECTION_ID),
            ("AZURERESOURCEGROUP", RESOURCE_GROUP),
            ("AKSCLUSTER", CLUSTER),
            ("NAMESPACE", "shop"),
            ("WORKLOADS", "deployment/web"),
            ("TIMEOUT", "60s"),
        ] {
            run.set(&format!("INPUT_{name}"), value);
        }
        run.set("BUILD_BUILDNUMBER", "20261121.3");
        run.set("TF_BUILD", "True");
        run
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    /// Starts the binary itself.
    pub(crate) async fn run(self) -> Result<Done> {
        let mut command = Command::new(binary()?);
        command.arg("task");
        self.with(command).await
    }

    /// Starts Node with the entry point in this folder.
    pub(crate) async fn by_node(self, task: &Path) -> Result<Done> {
        let mut command = Command::new("node");
        command.arg(task.join("index.js"));
        self.with(command).await
    }

    async fn with(self, mut command: Command) -> Result<Done> {
        command
            .env_clear()
            .envs(self.variables)
            .env("PATH", std::env::var("PATH").unwrap_or_default())
            .stdin(Stdio::null());
        let Output {
            status,
            stdout,
            stderr,
        } = tokio::task::spawn_blocking(move || command.output()).await??;
        let text = [stdout, stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
        let text = text.join("\n");
        let mut heard = TaskOutput::default();
        for line in text.lines() {
            heard.read_line(line);
        }
        Ok(Done {
            code: status.code().unwrap_or(-1),
            heard,
            text,
        })
    }
}

/// The task as the agent unpacks it, around the binary that was built.
pub(crate) fn packed_task() -> Result<TempDir> {
    let task = tempfile::tempdir()?;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../task");
    for name in ["index.js", "completion.js", "give-up.js", "program.js"] {
        std::fs::copy(source.join(name), task.path().join(name))?;
    }
    let bin = task.path().join("bin/linux-x64");
    std::fs::create_dir_all(&bin)?;
    let program = std::fs::read(binary()?)?;
    std::fs::copy(binary()?, bin.join("rollguard"))?;
    let hash = ring::digest::digest(&ring::digest::SHA256, &program);
    let hash = hash.as_ref().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    let list = format!("{hash}  linux-x64/rollguard\n");
    std::fs::write(task.path().join("bin/SHA256SUMS"), list)?;
    Ok(task)
}

impl Done {
    /// The errors on the page of the run.
    pub(crate) fn issues(&self) -> Vec<String> {
        self.heard
            .issues
            .iter()
            .map(|issue| issue.message.clone())
            .collect()
    }
}
