//! One real node: a bridge, containerd and the kubelet.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::access::{NODE_TOKEN, kubeconfig};
use super::binaries::installed;
use super::certificates::Certificates;
use super::control_plane::flag;
use super::image::{Image, PAUSE};
use super::run::Run;

/// Where Debian's `containernetworking-plugins` puts them.
const CNI_PLUGINS: &str = "/usr/lib/cni";

pub(super) fn node_name(id: &str) -> String {
    format!("node-{id}")
}

/// At most 15 characters: the kernel's limit for a network device.
pub(super) fn bridge_name(id: &str) -> String {
    format!("rg-{id}")
}

/// The pods' network: a private range that no other device of the machine uses.
#[derive(Debug)]
struct PodNetwork {
    bridge: String,
    /// The first three octets.
    prefix: String,
}

impl PodNetwork {
    /// Creates the bridge with its address, which is the node's address: the kubelet refuses
    /// loopback.
    fn create(id: &str) -> Result<Self> {
        let taken = ip(&["-4", "-oneline", "address", "show"])?;
        let seed = u32::from_str_radix(id, 16).unwrap_or_default();
        let prefix = (0..512)
            .map(|step| (seed.wrapping_add(step)) % 512)
            .map(|index| format!("10.{}.{}", 213 + index / 256, index % 256))
            .find(|prefix| !taken.contains(&format!(" {prefix}.")))
            .context("failed to find a free range for pods")?;
        let network = Self {
            bridge: bridge_name(id),
            prefix,
        };
        ip(&["link", "add", &network.bridge, "type", "bridge"])?;
        let address = format!("{}/24", network.gateway());
        ip(&["address", "add", &address, "dev", &network.bridge])?;
        ip(&["link", "set", &network.bridge, "up"])?;
        Ok(network)
    }

    fn gateway(&self) -> String {
        format!("{}.1", self.prefix)
    }

    /// No default route: a pod reaches the node and the other pods, and nothing else.
    fn cni_config(&self, run: &Run) -> String {
        json!({
            "cniVersion": "1.0.0",
            "name": self.bridge,
            "plugins": [{
                "type": "bridge",
                "bridge": self.bridge,
                "isGateway": true,
                "ipMasq": false,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{ "subnet": format!("{}.0/24", self.prefix), "gateway": self.gateway() }]],
                    "dataDir": run.path("cni/addresses"),
                },
            }],
        })
        .to_string()
    }
}

fn ip(arguments: &[&str]) -> Result<String> {
    let output = Command::new(installed("ip")?)
        .args(arguments)
        .output()
        .context("failed to run ip")?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!(
            "failed to run `ip {}`: {}",
            arguments.join(" "),
            errors.trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A container runtime that is being started.
#[derive(Debug)]
pub(super) struct Node {
    network: PodNetwork,
}

impl Node {
    /// Creates the bridge and starts containerd.
    ///
    /// # Errors
    /// When a program is missing, or the machine does not allow it: it needs root.
    pub(super) fn start_runtime(run: &Run) -> Result<Self> {
        let network = PodNetwork::create(run.id())?;
        run.write("cni/net.d/10-bridge.conflist", network.cni_config(run))?;
        let config = run.write("containerd/config.toml", containerd_config(&run.path("")))?;
        let mut command = Command::new(installed("containerd")?);
        command.arg("--config").arg(config);
        run.spawn("containerd", command)?;
        Ok(Self { network })
    }

    /// Tries to import an image; fails as long as containerd does not answer yet.
    ///
    /// # Errors
    /// With what `ctr` says.
    pub(super) fn import(run: &Run, image: &Image) -> Result<()> {
        let archive = run.write(
            &format!("images/{}.tar", image.file_stem()),
            image.archive()?,
        )?;
        let output = Command::new(installed("ctr")?)
            .arg(flag("--address", &run.path("containerd/containerd.sock")))
            .args(["--namespace=k8s.io", "images", "import"])
            .arg(archive)
            .output()
            .context("failed to run ctr")?;
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            bail!("failed to import `{}`: {}", image.name(), errors.trim());
        }
        Ok(())
    }

    /// Starts the kubelet, which registers the node under [`node_name`].
    ///
    /// # Errors
    /// When it is missing or cannot be started.
    pub(super) fn start_kubelet(&self, run: &Run, pki: &Certificates, server: &str) -> Result<()> {
        let access = kubeconfig(server, &pki.ca_pem, NODE_TOKEN);
        let access = run.write("kubeconfig/kubelet", access)?;
        let config = run.write("kubelet/config.json", self.kubelet_config(run, pki)?)?;
        let mut command = Command::new(run.built("kubelet")?);
        command
            .arg(flag("--config", &config))
            .arg(flag("--kubeconfig", &access))
            .arg(flag("--root-dir", &run.path("kubelet/root")))
            .arg(flag("--cert-dir", &run.path("kubelet/pki")))
            .arg(format!("--hostname-override={}", node_name(run.id())))
            .arg(format!("--node-ip={}", self.network.gateway()));
        run.spawn("kubelet", command)
    }

    fn kubelet_config(&self, run: &Run, pki: &Certificates) -> Result<String> {
        let socket = run.path("containerd/containerd.sock");
        Ok(json!({
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": self.network.gateway(),
            "port": run.port()?,
            "healthzPort": 0,
            "authentication": {
                "anonymous": { "enabled": false },
                "webhook": { "enabled": false },
                "x509": { "clientCAFile": pki.ca },
            },
            "authorization": { "mode": "AlwaysAllow" },
            "containerRuntimeEndpoint": format!("unix://{}", socket.display()),
            "cgroupDriver": "cgroupfs",
            "cgroupsPerQOS": false,
            "enforceNodeAllocatable": [],
            "failCgroupV1": false,
            "failSwapOn": false,
            "oomScoreAdj": 0,
            "evictionHard": { "memory.available": "100Mi" },
            "imageGCHighThresholdPercent": 100,
            // The tests' pulls are many, small and local; one slow registry must not hold up others.
            "serializeImagePulls": false,
            "registryPullQPS": 0,
            // The machine's packet filter is none of the cluster's business.
            "makeIPTablesUtilChains": false,
            "podLogsDir": run.path("pod-logs"),
            "volumePluginDir": run.path("kubelet/plugins"),
            "resolvConf": run.write("kubelet/resolv.conf", "")?,
        })
        .to_string())
    }
}

/// containerd's own configuration: everything below the run's folder, and what a machine without
/// `CAP_SYS_RESOURCE` needs (`restrict_oom_score_adj`; else runc ends with "can't get final child's
/// PID from pipe: EOF").
fn containerd_config(folder: &Path) -> String {
    let folder = folder.display().to_string();
    let folder = folder.trim_end_matches('/');
    format!(
        r#"version = 2
root = "{folder}/containerd/root"
state = "{folder}/containerd/state"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
]
[grpc]
address = "{folder}/containerd/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
path = "{folder}/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE}"
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
stream_server_address = "127.0.0.1"
stream_server_port = "0"
tolerate_missing_hugetlb_controller = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{CNI_PLUGINS}"
conf_dir = "{folder}/cni/net.d"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
default_runtime_name = "runc"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
Root = "{folder}/runc"
"#
    )
}
