//! Two real nodes on one bridge, each with a containerd and a kubelet of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::access::kubeconfig;
use super::binaries::installed;
use super::certificates::Certificates;
use super::control_plane::flag;
use super::image::{Image, PAUSE};
use super::run::Run;

/// Where Debian's `containernetworking-plugins` puts them.
const CNI_PLUGINS: &str = "/usr/lib/cni";

/// The taint of the second node, and its label: only pods that ask for it get there, so that what
/// a scenario does to it meets no other scenario.
const SECOND_ONLY: &str = "rollguard.test/second";

/// Which of the two nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// The one for every pod.
    First,
    /// The one that may be cordoned.
    Second,
}

impl Which {
    pub(super) const ALL: [Self; 2] = [Self::First, Self::Second];

    /// Its folder below the run's.
    pub(super) fn folder(self) -> &'static str {
        match self {
            Self::First => "first-node",
            Self::Second => "second-node",
        }
    }

    /// Its name in the run `id`.
    pub(super) fn name(self, id: &str) -> String {
        format!("{}-{id}", self.folder())
    }

    /// The token that its kubelet shows.
    pub(super) fn token(self) -> String {
        format!("{}-token-of-the-test-cluster", self.folder())
    }
}

/// At most 15 characters: the kernel's limit for a network device.
pub(super) fn bridge_name(id: &str) -> String {
    format!("rg-{id}")
}

/// The pods' network: a private range that no other device of the machine uses.
#[derive(Debug)]
pub(super) struct PodNetwork {
    bridge: String,
    /// The first three octets.
    prefix: String,
}

impl PodNetwork {
    /// Creates the bridge with its address, which is the node's address: the kubelet refuses
    /// loopback.
    ///
    /// # Errors
    /// When the machine does not allow it: it needs root.
    pub(super) fn create(run: &Run) -> Result<Self> {
        let id = run.id();
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
        run.write("cni/net.d/10-bridge.conflist", network.cni_config(run))?;
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

/// Where the kubelets find the API server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Api<'a> {
    pub(super) url: &'a str,
    pub(super) pki: &'a Certificates,
}

/// A node that is being started.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node<'a> {
    pub(super) run: &'a Run,
    pub(super) which: Which,
}

impl Node<'_> {
    /// A path in the node's folder, from the run's folder down.
    fn inside(&self, path: &str) -> String {
        format!("{}/{path}", self.which.folder())
    }

    fn socket(&self) -> PathBuf {
        self.run.path(&self.inside("containerd/containerd.sock"))
    }

    fn spawn(&self, program: &str, command: Command) -> Result<()> {
        let name = format!("{program}-{}", self.which.folder());
        self.run.spawn(&name, command)
    }

    /// Starts containerd.
    ///
    /// # Errors
    /// When it is missing or cannot be started.
    pub(super) fn start_runtime(&self) -> Result<()> {
        let folders = [self.run.path(self.which.folder()), self.run.path("cni")];
        let config = containerd_config(&folders[0], &folders[1]);
        let config = self
            .run
            .write(&self.inside("containerd/config.toml"), config)?;
        let mut command = Command::new(installed("containerd")?);
        command.arg("--config").arg(config);
        self.spawn("containerd", command)
    }

    /// Tries to import an image; fails as long as containerd does not answer yet.
    ///
    /// # Errors
    /// With what `ctr` says.
    pub(super) fn import(&self, image: &Image) -> Result<()> {
        let archive = self.inside(&format!("images/{}.tar", image.file_stem()));
        let archive = self.run.write(&archive, image.archive()?)?;
        self.import_archive(&archive)
            .with_context(|| format!("failed to import `{}`", image.name()))
    }

    /// Imports an image from its archive.
    ///
    /// # Errors
    /// With what `ctr` says.
    pub(super) fn import_archive(&self, archive: &Path) -> Result<()> {
        let output = Command::new(installed("ctr")?)
            .arg(flag("--address", &self.socket()))
            .args(["--namespace=k8s.io", "images", "import"])
            .arg(archive)
            .output()
            .context("failed to run ctr")?;
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            bail!(
                "failed to import `{}`: {}",
                archive.display(),
                errors.trim()
            );
        }
        Ok(())
    }

    /// Starts the kubelet, which registers the node under [`Which::name`].
    ///
    /// # Errors
    /// When it is missing or cannot be started.
    pub(super) fn start_kubelet(&self, network: &PodNetwork, api: &Api<'_>) -> Result<()> {
        let access = kubeconfig(api.url, &api.pki.ca_pem, &self.which.token());
        let access = self.run.write(&self.inside("kubelet/kubeconfig"), access)?;
        let config = self.kubelet_config(&network.gateway(), api.pki)?;
        let config = self
            .run
            .write(&self.inside("kubelet/config.json"), config)?;
        let root = self.run.path(&self.inside("kubelet/root"));
        let certificates = self.run.path(&self.inside("kubelet/pki"));
        let mut command = Command::new(self.run.built("kubelet")?);
        command
            .arg(flag("--config", &config))
            .arg(flag("--kubeconfig", &access))
            .arg(flag("--root-dir", &root))
            .arg(flag("--cert-dir", &certificates))
            .arg(format!(
                "--hostname-override={}",
                self.which.name(self.run.id())
            ))
            .arg(format!("--node-ip={}", network.gateway()));
        if self.which == Which::Second {
            command.arg(format!("--node-labels={SECOND_ONLY}=true"));
        }
        self.spawn("kubelet", command)
    }

    fn kubelet_config(&self, address: &str, pki: &Certificates) -> Result<String> {
        let taints = match self.which {
            Which::First => json!([]),
            Which::Second => json!([{ "key": SECOND_ONLY, "effect": "NoSchedule" }]),
        };
        Ok(json!({
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": address,
            "port": self.run.port()?,
            "healthzPort": 0,
            "registerWithTaints": taints,
            "authentication": {
                "anonymous": { "enabled": false },
                "webhook": { "enabled": false },
                "x509": { "clientCAFile": pki.ca },
            },
            "authorization": { "mode": "AlwaysAllow" },
            "containerRuntimeEndpoint": format!("unix://{}", self.socket().display()),
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
            // A volume that outgrows its limit is found when the volumes are measured.
            "volumeStatsAggPeriod": "5s",
            "podLogsDir": self.run.path(&self.inside("pod-logs")),
            "volumePluginDir": self.run.path(&self.inside("kubelet/plugins")),
            "resolvConf": self.run.write(&self.inside("kubelet/resolv.conf"), "")?,
        })
        .to_string())
    }
}

/// containerd's own configuration: everything below the node's folder, and what a machine without
/// `CAP_SYS_RESOURCE` needs (`restrict_oom_score_adj`; else runc ends with "can't get final child's
/// PID from pipe: EOF").
fn containerd_config(folder: &Path, cni: &Path) -> String {
    let (folder, cni) = (folder.display(), cni.display());
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
conf_dir = "{cni}/net.d"
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
