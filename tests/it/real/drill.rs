//! `rollguard drill --context`: the rehearsal on a cluster of the user's, in a namespace of its own
//! that does not outlive it, however the rehearsal ends.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use k8s_openapi::api::core::v1::Namespace;
use kube::config::Kubeconfig;
use kube::{Api, Client};
use rollguard_tests::cluster::{RealCluster, dump};
use rollguard_tests::product::{Ran, binary};
use rustix::process::{Pid, Signal, kill_process};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::Stage;

/// How long a drill may take. It takes about 20 s when nothing else is running.
const LIMIT: Duration = Duration::from_secs(180);

/// One drill and how it ends.
pub(crate) struct Case {
    /// The end of it, as a sentence.
    pub(crate) says: &'static str,
    answer: &'static str,
    /// Ctrl-C is pressed once these have been shown, one after the other; never when there are none.
    interrupt_after: &'static [&'static str],
    code: i32,
    tells: &'static [&'static str],
}

pub(crate) const CASES: &[Case] = &[
    Case {
        says: "approved, it rolls back and leaves nothing",
        answer: "--approve",
        interrupt_after: &[],
        code: 0,
        tells: &[
            "you approved, v1 is restored and healthy",
            "is being removed",
        ],
    },
    Case {
        says: "rejected, it changes nothing and leaves nothing",
        answer: "--reject",
        interrupt_after: &[],
        code: 0,
        tells: &[
            "you rejected the rollback, nothing was changed",
            "is being removed",
        ],
    },
    Case {
        says: "interrupted while its namespace is made, it leaves nothing",
        answer: "--approve",
        interrupt_after: &["in namespace"],
        code: 130,
        tells: &["cancelled"],
    },
    Case {
        says: "interrupted while v1 starts, it leaves nothing",
        answer: "--approve",
        interrupt_after: &["▶ deploy v1", "checking deployment/web"],
        code: 130,
        tells: &["cancelled", "is being removed"],
    },
    Case {
        says: "interrupted in the middle of the check, it leaves nothing",
        answer: "--approve",
        interrupt_after: &["● AksDeploymentHealthCheck", "checking deployment/web", "+"],
        code: 130,
        tells: &["cancelled", "is being removed"],
    },
];

/// How many drills were begun; it names their images.
static DRILLS: AtomicU32 = AtomicU32::new(0);

/// Carries the drill out.
pub(crate) async fn ends(stage: Arc<Stage>, case: &'static Case) -> Result<()> {
    let cluster = stage.cluster()?;
    let client = cluster.client();
    let ran = drill(cluster, case).await?;
    let namespace = namespace(&ran)?;
    match expect(&client, case, &ran, &namespace).await {
        Ok(()) => Ok(()),
        Err(error) => Err(anyhow!("{error:#}\n{}", dump(&client, &namespace).await)),
    }
}

async fn expect(client: &Client, case: &Case, ran: &Ran, namespace: &str) -> Result<()> {
    ensure!(ran.code == case.code, "not {}: {}", case.code, ran.all());
    for told in case.tells {
        ensure!(
            ran.all().contains(told),
            "`{told}` is not told: {}",
            ran.all()
        );
    }
    if !case.interrupt_after.is_empty() {
        ensure!(
            !ran.all().contains("an approver would see"),
            "it went on after Ctrl-C: {}",
            ran.all()
        );
    }
    ensure!(
        !stays(client, namespace).await?,
        "namespace {namespace} stays: {}",
        ran.all()
    );
    Ok(())
}

/// Runs the drill to its end.
async fn drill(cluster: &RealCluster, case: &'static Case) -> Result<Ran> {
    let kubeconfig = Kubeconfig::read_from(cluster.kubeconfig_path())?;
    let context = kubeconfig.current_context.context("no current context")?;
    // An image of its own: once pulled it stays on the node, where other trials count on its absence.
    let image = format!("drill-{}:good", DRILLS.fetch_add(1, Ordering::Relaxed));
    cluster.push_image(&image)?;
    let child = Command::new(binary()?)
        .args(["drill", "--context", &context, case.answer])
        .arg("--image")
        .arg(format!("{}/{image}", cluster.registry()))
        .env_clear()
        .env("KUBECONFIG", cluster.kubeconfig_path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("failed to start the drill")?;
    let pid = Pid::from_child(&child);
    let following = spawn_blocking(move || follow(child, pid, case.interrupt_after));
    if let Ok(ran) = timeout(LIMIT, following).await {
        return ran?;
    }
    kill_process(pid, Signal::KILL)?;
    Err(anyhow!("the drill did not end within {LIMIT:?}"))
}

/// Reads what the drill tells, and presses Ctrl-C when its time has come.
fn follow(mut child: Child, pid: Pid, interrupt_after: &[&str]) -> Result<Ran> {
    let mut awaited = interrupt_after.iter().peekable();
    let (mut stdout, mut stderr) = (String::new(), String::new());
    for line in BufReader::new(child.stdout.take().context("no stdout")?).lines() {
        let line = line?;
        if awaited.next_if(|text| line.contains(**text)).is_some() && awaited.peek().is_none() {
            kill_process(pid, Signal::INT)?;
        }
        stdout += &line;
        stdout.push('\n');
    }
    let mut pipe = child.stderr.take().context("no stderr")?;
    pipe.read_to_string(&mut stderr)?;
    let code = child.wait()?.code().unwrap_or(-1);
    let ran = Ran {
        code,
        stdout,
        stderr,
        said: Vec::new(),
    };
    ensure!(
        awaited.peek().is_none(),
        "Ctrl-C never had its time: {}",
        ran.all()
    );
    Ok(ran)
}

/// The namespace that the drill says it takes place in.
fn namespace(ran: &Ran) -> Result<String> {
    let (_, rest) = ran
        .stdout
        .split_once("in namespace ")
        .with_context(|| format!("no namespace is named: {}", ran.all()))?;
    let name = rest.split_whitespace().next().unwrap_or_default();
    ensure!(
        name.starts_with("rollguard-drill-"),
        "not a drill's: {name}"
    );
    Ok(name.to_owned())
}

/// Returns whether the namespace is there and not about to go.
async fn stays(client: &Client, namespace: &str) -> Result<bool> {
    let api: Api<Namespace> = Api::all(client.clone());
    let found = api.get_opt(namespace).await?;
    Ok(found.is_some_and(|it| it.metadata.deletion_timestamp.is_none()))
}
