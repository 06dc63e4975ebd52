//! etcd, kube-apiserver, kube-controller-manager and kube-scheduler on loopback.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::access::{CONTROLLER_MANAGER_TOKEN, SCHEDULER_TOKEN, kubeconfig, token_file};
use super::certificates::Certificates;
use super::run::Run;

/// Starts etcd and the API server, which answers some seconds later.
///
/// Returns the API server's address.
///
/// # Errors
/// When a program is missing or cannot be started.
pub(super) fn start_api(run: &Run, pki: &Certificates) -> Result<String> {
    let etcd = format!("http://127.0.0.1:{}", run.port()?);
    start_etcd(run, &etcd)?;
    let port = run.port()?;

    let tokens = run.write("tokens.csv", token_file(run.id()))?;
    let mut command = Command::new(run.built("kube-apiserver")?);
    command
        .args([
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            "--authorization-mode=Node,RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            // The first family is every Service's; the second one only of those that ask for both.
            "--service-cluster-ip-range=10.96.0.0/16,fd00:10:96::/112",
            // Else logs and exec look the node's name up.
            "--kubelet-preferred-address-types=InternalIP",
            "--allow-privileged=true",
            "--shutdown-delay-duration=0s",
            "--profiling=false",
        ])
        .arg(format!("--secure-port={port}"))
        .arg(format!("--etcd-servers={etcd}"))
        .arg(flag("--cert-dir", &run.path("pki")))
        .arg(flag("--token-auth-file", &tokens))
        .arg(flag("--client-ca-file", &pki.ca))
        .arg(flag("--tls-cert-file", &pki.server.public))
        .arg(flag("--tls-private-key-file", &pki.server.private))
        .arg(flag(
            "--kubelet-client-certificate",
            &pki.kubelet_client.public,
        ))
        .arg(flag("--kubelet-client-key", &pki.kubelet_client.private))
        .arg(flag(
            "--service-account-key-file",
            &pki.service_account.public,
        ))
        .arg(flag(
            "--service-account-signing-key-file",
            &pki.service_account.private,
        ));
    run.spawn("kube-apiserver", command)?;
    Ok(format!("https://127.0.0.1:{port}"))
}

fn start_etcd(run: &Run, url: &str) -> Result<()> {
    let peer = format!("http://127.0.0.1:{}", run.port()?);
    let mut command = Command::new(run.built("etcd")?);
    command
        // Nothing in it outlives the run.
        .args(["--unsafe-no-fsync", "--log-level=warn", "--name=default"])
        .arg(flag("--data-dir", &run.path("etcd")))
        .arg(format!("--listen-client-urls={url}"))
        .arg(format!("--advertise-client-urls={url}"))
        .arg(format!("--listen-peer-urls={peer}"))
        .arg(format!("--initial-advertise-peer-urls={peer}"))
        .arg(format!("--initial-cluster=default={peer}"));
    run.spawn("etcd", command)
}

/// How many requests a second the controllers and the scheduler allow themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Their defaults: 20 and 50.
    Ordinary,
    /// As many as they can: thousands of pods would take minutes at the defaults.
    Unlimited,
}

impl Pace {
    fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Ordinary => &[],
            Self::Unlimited => &["--kube-api-qps=2000", "--kube-api-burst=4000"],
        }
    }
}

/// Starts the controllers and the scheduler, for an API server that is ready.
///
/// # Errors
/// When a program is missing or cannot be started.
pub(super) fn start_controllers(
    run: &Run,
    pki: &Certificates,
    server: &str,
    pace: Pace,
) -> Result<()> {
    let config = kubeconfig(server, &pki.ca_pem, CONTROLLER_MANAGER_TOKEN);
    let config = run.write("kubeconfig/controller-manager", config)?;
    let mut command = Command::new(run.built("kube-controller-manager")?);
    command
        .args([
            "--leader-elect=false",
            "--use-service-account-credentials",
            "--secure-port=0",
        ])
        .args(pace.flags())
        .arg(flag("--kubeconfig", &config))
        .arg(flag("--root-ca-file", &pki.ca))
        .arg(flag(
            "--service-account-private-key-file",
            &pki.service_account.private,
        ));
    run.spawn("kube-controller-manager", command)?;

    let config = kubeconfig(server, &pki.ca_pem, SCHEDULER_TOKEN);
    let config = run.write("kubeconfig/scheduler", config)?;
    let mut command = Command::new(run.built("kube-scheduler")?);
    command
        .args(["--leader-elect=false", "--secure-port=0"])
        .args(pace.flags())
        .arg(flag("--kubeconfig", &config));
    run.spawn("kube-scheduler", command)
}

pub(super) fn flag(name: &str, path: &Path) -> String {
    format!("{name}={}", path.display())
}
