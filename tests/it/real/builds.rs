//! The builds of the package for other platforms, each emulated, in front of a real cluster.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use libtest_mimic::Trial;
use rollguard_tests::cluster::{apply, wait_for_rollout, with_namespace};
use rollguard_tests::product::{Ran, Running};

use crate::smoke::WEB;
use crate::{Stage, trial};

/// The folder in which `package` ran its trials.
const TRIALS: &str = "ROLLGUARD_PACKAGE_TRIALS";

/// A build that does not run on this machine by itself.
struct Build {
    platform: &'static str,
    file: &'static str,
    emulator: &'static str,
    namespace: &'static str,
}

const BUILDS: [Build; 2] = [
    Build {
        platform: "linux-arm64",
        file: "rollguard",
        emulator: "/usr/bin/qemu-aarch64-static",
        namespace: "arm64",
    },
    Build {
        platform: "win32-x64",
        file: "rollguard.exe",
        emulator: "/usr/lib/wine/wine64",
        namespace: "windows",
    },
];

#[expect(clippy::print_stdout, reason = "what is left out is said aloud")]
pub(crate) fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    let can_run = |build: &&'static Build| {
        let can = build.program().is_file() && Path::new(build.emulator).is_file();
        if !can {
            println!("left out: {} in front of a real cluster", build.platform);
        }
        can
    };
    let trials = BUILDS.iter().filter(can_run).map(|build| {
        let name = format!("the build for {} judges a rollout", build.platform);
        trial(&name, stage, move |stage| judges(stage, build))
    });
    trials.collect()
}

async fn judges(stage: Arc<Stage>, build: &'static Build) -> Result<()> {
    let cluster = stage.cluster()?;
    with_namespace(cluster, build.namespace, async |client, namespace| {
        apply(&client, &namespace, WEB).await?;
        let limit = Duration::from_secs(60);
        wait_for_rollout::<Deployment>(&client, &namespace, "web", limit).await?;
        let ran = build.check(cluster.kubeconfig_path(), &namespace).await?;
        ensure!(
            ran.code == 0 && ran.all().contains("is healthy"),
            "{}: {}",
            ran.code,
            ran.all()
        );
        let broken = WEB.replace("rollguard.test/busybox:1", "rollguard.test/Busybox:1");
        apply(&client, &namespace, &broken).await?;
        let ran = build.check(cluster.kubeconfig_path(), &namespace).await?;
        ensure!(
            ran.code == 10 && ran.all().contains("InvalidImageName"),
            "{}: {}",
            ran.code,
            ran.all()
        );
        Ok(())
    })
    .await
}

impl Build {
    fn program(&self) -> PathBuf {
        let trials = PathBuf::from(std::env::var_os(TRIALS).unwrap_or_default());
        trials
            .join("unpacked/task/bin")
            .join(self.platform)
            .join(self.file)
    }

    async fn check(&self, kubeconfig: &Path, namespace: &str) -> Result<Ran> {
        let trials = std::env::var_os(TRIALS).context("no folder of the package is named")?;
        let mut command = Command::new(self.emulator);
        command
            .arg(self.program())
            .args(["check", "deployment/web", "-n", namespace])
            .args(["--timeout", "60s", "--stable-for", "3s"])
            .env("KUBECONFIG", kubeconfig)
            .env("WINEPREFIX", Path::new(&trials).join("wine"))
            .env("WINEDEBUG", "-all");
        Running::start(command)?.ended().await
    }
}
