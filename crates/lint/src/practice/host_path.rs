//! 5: no hostPath; 6: no container-runtime socket.

use crate::code::LintCode;
use crate::finding::Findings;
use crate::pod::Pod;

/// The sockets of container runtimes.
const SOCKETS: [&str; 7] = [
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/run/cri-dockerd.sock",
    "/run/k3s/containerd/containerd.sock",
    "/run/dockershim.sock",
    "/run/podman/podman.sock",
];

/// The named pipes of container runtimes on Windows.
const PIPES: [&str; 3] = ["docker_engine", "containerd-containerd", "cri-dockerd"];

pub(super) fn judge(pod: &Pod<'_>, findings: &mut Findings) {
    for volume in pod.spec.items("volumes") {
        let host_path = volume.at("hostPath");
        if !host_path.is_set() {
            continue;
        }
        let name = volume.at("name").written().unwrap_or("(unnamed)");
        let field = volume.at("hostPath.path");
        let path = field.written().unwrap_or_default();
        let message = format!("volume \"{name}\" is {path} of the node");
        findings.add(LintCode::HostPathVolume, &field, message);
        if let Some(socket) = socket(path) {
            let message = if socket.is_the_path {
                format!("volume \"{name}\" is the container runtime's socket {path}")
            } else {
                format!(
                    "volume \"{name}\" is {path} of the node, which holds the container runtime's socket"
                )
            };
            findings.add(LintCode::RuntimeSocket, &field, message);
        }
    }
}

/// A socket that a path gives access to.
#[derive(Debug, PartialEq, Eq)]
struct Socket {
    /// Whether the path is the socket itself, and not a folder above it.
    is_the_path: bool,
}

/// Returns the runtime's socket that a path of a node is or holds.
fn socket(path: &str) -> Option<Socket> {
    if path.is_empty() {
        return None;
    }
    if path.contains('\\') || path.starts_with("//./pipe/") {
        let path = path.to_ascii_lowercase().replace('/', r"\");
        let is_pipe = PIPES
            .iter()
            .any(|it| path.ends_with(&format!(r"\pipe\{it}")));
        let is_the_path = true;
        return is_pipe.then_some(Socket { is_the_path });
    }
    let path = resolved(path);
    let named = |socket: &str| path == socket || path.ends_with("/docker.sock");
    if SOCKETS.iter().any(|it| named(it)) {
        let is_the_path = true;
        return Some(Socket { is_the_path });
    }
    let above = if path == "/" {
        path
    } else {
        format!("{path}/")
    };
    let holds = SOCKETS.iter().any(|it| it.starts_with(&above)) || above == "/var/";
    let is_the_path = false;
    holds.then_some(Socket { is_the_path })
}

/// Resolves `.`, `..`, doubled slashes, and the link from `/var/run` to `/run`.
fn resolved(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    if let ["var", "run", ..] = parts.as_slice() {
        parts.remove(0);
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_found_however_its_path_is_written() {
        for (path, is_the_path) in [
            ("/var/run/docker.sock", Some(true)),
            ("/run/docker.sock", Some(true)),
            ("/run/containerd/containerd.sock", Some(true)),
            ("/var/run/containerd/containerd.sock", Some(true)),
            ("/run/k3s/containerd/containerd.sock", Some(true)),
            ("//run/./containerd//containerd.sock/", Some(true)),
            ("/var/log/../run/docker.sock", Some(true)),
            ("/../run/docker.sock", Some(true)),
            ("/mnt/host/docker.sock", Some(true)),
            (r"\\.\pipe\docker_engine", Some(true)),
            (r"\\.\PIPE\containerd-containerd", Some(true)),
            ("/run/containerd", Some(false)),
            ("/run/containerd/", Some(false)),
            ("/run", Some(false)),
            ("/var/run", Some(false)),
            ("/var", Some(false)),
            ("/var/lib/..", Some(false)),
            ("/", Some(false)),
            ("/var/lib", None),
            ("/var/log", None),
            ("/runtime", None),
            ("/run/containers", None),
            ("/var/run/secrets", None),
            ("/run/docker.sock.bak", None),
            (r"C:\data", None),
            ("", None),
        ] {
            let found = socket(path).map(|it| it.is_the_path);
            assert_eq!(found, is_the_path, "{path}");
        }
    }
}
