//! The tools that follow many workloads, and what each takes.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use rollguard_agent::command::TaskOutput;
use rollguard_core::verdict::VerdictKind;
use rollguard_measured::scale::{Handed, Taken};
use rollguard_tests::cluster::{ADMIN_TOKEN, RealCluster};
use rollguard_tests::cost::Metered;
use rollguard_tests::counting::Counting;
use rollguard_tests::fakes::{
    CLUSTER, FakeAzure, RESOURCE_GROUP, SERVICE_CONNECTION_ID, SUBSCRIPTION_ID, Scheme,
    kubelogin_kubeconfig,
};
use rollguard_tests::product::{Ran, Running, binary};
use rollguard_tests::scenarios::Kind;
use serde_json::{Value, json};

use super::fleet::RELEASE;
use crate::stage::with_ca;

/// A tool is ended so long after its own timeout: kubedog 0.13.0 hung once for half an hour.
const GRACE: u64 = 60;

/// How long rollguard waits, in seconds, once all is complete: the least that can be written.
const STABLE: u32 = 1;

/// A tool that follows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tool {
    /// `rollguard check -l`.
    Rollguard,
    /// `kubedog multitrack`.
    Kubedog,
    /// `kubectl rollout status`, one workload after the other.
    Kubectl,
}

/// The workloads that a tool follows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look<'a> {
    pub(super) namespace: &'a str,
    pub(super) kind: Kind,
    pub(super) names: &'a [String],
    /// In seconds.
    pub(super) timeout: u64,
}

/// Where a tool runs.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    kubeconfig: &'a Path,
    /// For files that it reads.
    folder: &'a Path,
}

impl Tool {
    /// Follows the workloads to the tool's end, in front of a proxy that counts.
    pub(super) async fn follows(self, cluster: &RealCluster, look: &Look<'_>) -> Result<Taken> {
        let counting = Counting::start(cluster.client()).await?;
        let folder = tempfile::tempdir()?;
        let place = Place {
            kubeconfig: counting.kubeconfig(),
            folder: folder.path(),
        };
        let mut command = self.command(cluster, look, &place)?;
        command
            .env("HOME", folder.path())
            .env("PATH", "/usr/bin:/bin");
        let started = Instant::now();
        let metered = Metered::new(&command, look.timeout + GRACE, folder.path());
        let (ran, used) = metered.ended().await?;
        Ok(Taken {
            verdict: self.verdict(&ran)?,
            seconds: started.elapsed().as_secs_f64(),
            cpu_seconds: used.cpu_seconds,
            peak_kibibytes: used.peak_kibibytes,
            load: counting.load(),
            watches: counting.watches(),
            lines: self.lines(&ran),
            after_event: None,
        })
    }

    fn command(self, cluster: &RealCluster, look: &Look<'_>, place: &Place<'_>) -> Result<Command> {
        let Look {
            namespace,
            kind,
            names,
            timeout,
        } = *look;
        let Place { kubeconfig, folder } = *place;
        match self {
            Self::Rollguard => {
                let mut command = Command::new(binary()?);
                command
                    .args(["check", "-l", RELEASE, "-n", namespace, "-o", "json"])
                    .args([
                        "--stable-for",
                        &format!("{STABLE}s"),
                        "--timeout",
                        &format!("{timeout}s"),
                    ])
                    .env("KUBECONFIG", kubeconfig);
                Ok(command)
            }
            Self::Kubedog => {
                let program = cluster.kubectl().with_file_name("kubedog");
                ensure!(
                    program.exists(),
                    "kubedog was not built: run `cargo xtask bench-scale`"
                );
                let each = names
                    .iter()
                    .map(|name| json!({ "ResourceName": name, "Namespace": namespace }));
                let input = json!({ format!("{kind:?}s"): each.collect::<Vec<Value>>() });
                let file = folder.join("input");
                fs::write(&file, input.to_string())?;
                let mut command = Command::new("/bin/sh");
                command
                    .args(["-c", "input=$1; shift; exec \"$@\" < \"$input\"", "sh"])
                    .arg(file)
                    .arg(program)
                    .arg("--kube-config")
                    .arg(kubeconfig)
                    .args(["multitrack", "--timeout", &timeout.to_string()]);
                Ok(command)
            }
            Self::Kubectl => {
                let kind = format!("{kind:?}").to_lowercase();
                let each = names.iter().map(|name| format!("{kind}/{name}\n"));
                let file = folder.join("names");
                fs::write(&file, each.collect::<String>())?;
                let one = "names=$1; shift; while read -r name; do \"$@\" \"$name\" || exit; done < \"$names\"";
                let mut command = Command::new("/bin/sh");
                command
                    .args(["-c", one, "sh"])
                    .arg(file)
                    .arg(cluster.kubectl())
                    .arg("--kubeconfig")
                    .arg(kubeconfig)
                    .args(["--namespace", namespace, "rollout", "status"])
                    .arg(format!("--timeout={timeout}s"));
                Ok(command)
            }
        }
    }

    fn verdict(self, ran: &Ran) -> Result<VerdictKind> {
        if self == Self::Rollguard {
            let report = ran.json()?;
            let verdict = report["verdict"].as_str().and_then(VerdictKind::parse);
            return verdict.with_context(|| format!("no verdict: {}", ran.stderr));
        }
        let told = ran.all();
        let timed_out = ["timed out", "deadline exceeded"]
            .iter()
            .any(|it| told.contains(it));
        // 124: ended from outside.
        Ok(match ran.code {
            0 => VerdictKind::Succeeded,
            124 => VerdictKind::TimedOut,
            _ if timed_out => VerdictKind::TimedOut,
            _ => VerdictKind::Failed,
        })
    }

    /// How long the tool waits on purpose once all is complete, in seconds.
    pub(super) fn waits(self) -> f64 {
        match self {
            Self::Rollguard => f64::from(STABLE),
            Self::Kubedog | Self::Kubectl => 0.0,
        }
    }

    /// The lines for people.
    fn lines(self, ran: &Ran) -> usize {
        let streams: &[&String] = match self {
            Self::Rollguard => &[&ran.stderr],
            Self::Kubedog | Self::Kubectl => &[&ran.stdout, &ran.stderr],
        };
        streams.iter().map(|it| it.lines().count()).sum()
    }
}

/// Runs the task on the workloads as they are, and measures what it hands on.
pub(super) async fn handed(cluster: &RealCluster, look: &Look<'_>) -> Result<Handed> {
    let kubeconfig = kubelogin_kubeconfig(cluster.server_url());
    let azure = FakeAzure::builder()
        .kubeconfig(with_ca(&kubeconfig, cluster.ca_pem())?)
        .issue_token(ADMIN_TOKEN)
        .start()?;
    let home = tempfile::tempdir()?;
    let mut command = Command::new(binary()?);
    command
        .arg("task")
        .env("HOME", home.path())
        .env("AGENT_TEMPDIRECTORY", home.path())
        .env("TF_BUILD", "True")
        .envs(azure.agent_env(Scheme::WorkloadIdentityFederation));
    for (name, value) in [
        ("COMMAND", "check"),
        ("AZURESERVICECONNECTION", SERVICE_CONNECTION_ID),
        ("AZURESUBSCRIPTIONID", SUBSCRIPTION_ID),
        ("AZURERESOURCEGROUP", RESOURCE_GROUP),
        ("AKSCLUSTER", CLUSTER),
        ("NAMESPACE", look.namespace),
        ("SELECTOR", RELEASE),
        ("TIMEOUT", &format!("{}s", look.timeout)),
    ] {
        command.env(format!("INPUT_{name}"), value);
    }
    let ran = Running::start(command)?.ended().await?;
    let mut said = TaskOutput::default();
    for line in ran.stdout.lines() {
        said.read_line(line);
    }
    ensure!(!said.summaries.is_empty(), "no page: {}", ran.all());
    let sizes: Vec<usize> = said.variables.values().map(String::len).collect();
    let of_files = |paths: &mut dyn Iterator<Item = &String>| -> Result<usize> {
        let sizes: Result<Vec<u64>, _> = paths
            .map(|it| fs::metadata(it).map(|it| it.len()))
            .collect();
        Ok(usize::try_from(sizes?.iter().sum::<u64>())?)
    };
    Ok(Handed {
        report: of_files(&mut said.attachments.iter().map(|it| &it.path))?,
        page: of_files(&mut said.summaries.iter())?,
        variables: sizes.iter().sum(),
        longest_variable: sizes.into_iter().max().unwrap_or_default(),
    })
}
