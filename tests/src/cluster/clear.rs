//! Removes every trace of a run from the machine, whatever state it was left in.
//!
//! All of it is found by the run's own name or folder, so nothing of another run, or of anybody
//! else, is touched.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::mount::{UnmountFlags, unmount};
use rustix::process::{Pid, Signal, kill_process};

use super::node::{Which, bridge_name};
use super::process::start_time;

/// Below a node's folder: one folder per sandbox and container, named by its id.
const TASKS: &str = "containerd/state/io.containerd.runtime.v2.task/k8s.io";

/// How long killed processes may take to disappear.
const PATIENCE: Duration = Duration::from_secs(10);

/// Ends the processes and containers of the run, then removes its mounts, cgroups, network and
/// files. Harmless when there is nothing left.
///
/// # Errors
/// When something of it stays.
pub(super) fn clear(folder: &Path, id: &str) -> Result<()> {
    let containers = containers(folder);
    end_processes(folder, &containers)?;
    remove_shim_sockets(folder);
    unmount_below(folder)?;
    remove_cgroups(&containers);
    remove_bridge(id)?;
    remove_links_into(Path::new("/var/log/containers"), folder);
    remove_network_results(&containers);
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("failed to remove `{}`", folder.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Kills in rounds: a shim or a runtime that is just being born may escape the first.
fn end_processes(folder: &Path, containers: &[String]) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    loop {
        let mut alive: BTreeSet<u32> = recorded(folder).into_iter().collect();
        alive.extend(runtime_helpers(folder));
        alive.extend(cgroups(containers).iter().flat_map(|group| members(group)));
        if alive.is_empty() {
            return Ok(());
        }
        if Instant::now() > until {
            bail!(
                "failed to end the processes {alive:?} of `{}`",
                folder.display()
            );
        }
        for pid in alive {
            if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
                // Fails for a process that has just ended, which is what is wanted.
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        sleep(Duration::from_millis(20));
    }
}

/// The processes in the run's `pids` file that are still the same ones, and not yet reaped corpses.
fn recorded(folder: &Path) -> Vec<u32> {
    let pids = fs::read_to_string(folder.join("pids")).unwrap_or_default();
    pids.lines()
        .filter_map(|line| {
            let (pid, start) = line.split_once(' ')?;
            let (pid, start) = (pid.parse().ok()?, start.parse().ok()?);
            (start_time(pid) == Some(start) && !is_zombie(pid)).then_some(pid)
        })
        .collect()
}

fn is_zombie(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|stat| Some(stat.rsplit_once(')')?.1.trim_start().starts_with('Z')))
        .unwrap_or(true)
}

/// Shims and low-level runtimes: they outlive containerd, and name the run's folder in an argument.
fn runtime_helpers(folder: &Path) -> Vec<u32> {
    let Some(folder) = folder.to_str() else {
        return Vec::new();
    };
    let below = format!("{folder}/");
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| {
            let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let arguments = String::from_utf8_lossy(&arguments);
            let program = arguments.split('\0').next().unwrap_or_default();
            let is_helper = ["containerd-shim-runc-v2", "runc"].iter().any(|name| {
                Path::new(program)
                    .file_name()
                    .is_some_and(|file| file == *name)
            });
            is_helper && arguments.contains(&below) && !is_zombie(*pid)
        })
        .collect()
}

/// The folders that the two containerds have for each sandbox and container.
fn tasks(folder: &Path) -> impl Iterator<Item = PathBuf> {
    Which::ALL
        .into_iter()
        .flat_map(move |node| subfolders(&folder.join(node.folder()).join(TASKS)))
}

/// The ids of all sandboxes and containers.
fn containers(folder: &Path) -> Vec<String> {
    tasks(folder)
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .collect()
}

/// Where containerd puts its containers when the kubelet names no parent (`cgroupsPerQOS: false`):
/// once per controller on a v1 hierarchy, once on v2.
fn cgroup_parents() -> Vec<PathBuf> {
    let root = Path::new("/sys/fs/cgroup");
    std::iter::once(root.to_path_buf())
        .chain(subfolders(root))
        .map(|controller| controller.join("k8s.io"))
        .filter(|group| group.is_dir())
        .collect()
}

fn cgroups(containers: &[String]) -> Vec<PathBuf> {
    let parents = cgroup_parents();
    containers
        .iter()
        .flat_map(|container| parents.iter().map(move |parent| parent.join(container)))
        .filter(|group| group.is_dir())
        .collect()
}

fn members(group: &Path) -> Vec<u32> {
    let mut pids: Vec<u32> = fs::read_to_string(group.join("cgroup.procs"))
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.parse().ok())
        .collect();
    for child in subfolders(group) {
        pids.extend(members(&child));
    }
    pids
}

fn remove_cgroups(containers: &[String]) {
    fn remove(group: &Path) {
        for child in subfolders(group) {
            remove(&child);
        }
        let _ = fs::remove_dir(group);
    }
    for group in cgroups(containers) {
        remove(&group);
    }
    for parent in cgroup_parents() {
        // Stays while another run has containers in it.
        let _ = fs::remove_dir(parent);
    }
}

fn subfolders(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

/// Each shim listens on a socket outside the run's folder and writes its address inside it.
fn remove_shim_sockets(folder: &Path) {
    for task in tasks(folder) {
        let address = fs::read_to_string(task.join("address")).unwrap_or_default();
        if let Some(socket) = address.trim().strip_prefix("unix://") {
            let _ = fs::remove_file(socket);
        }
    }
}

/// Unmounts everything below the folder, innermost first; `mountinfo` lists in mount order.
fn unmount_below(folder: &Path) -> Result<()> {
    let table = fs::read_to_string("/proc/self/mountinfo").context("failed to list mounts")?;
    let points = table.lines().filter_map(|line| line.split(' ').nth(4));
    let points: Vec<PathBuf> = points
        .map(|point| PathBuf::from(unescaped(point)))
        .collect();
    for point in points
        .iter()
        .rev()
        .filter(|point| point.starts_with(folder))
    {
        unmount(point, UnmountFlags::DETACH)
            .with_context(|| format!("failed to unmount `{}`", point.display()))?;
    }
    Ok(())
}

/// The kernel writes a blank in a mount point as `\040`; nothing else occurs below a run's folder.
fn unescaped(point: &str) -> String {
    point.replace("\\040", " ")
}

fn remove_bridge(id: &str) -> Result<()> {
    let bridge = bridge_name(id);
    if !Path::new("/sys/class/net").join(&bridge).exists() {
        return Ok(());
    }
    let removed = Command::new("ip")
        .args(["link", "delete", &bridge])
        .output();
    let removed = removed.context("failed to run ip")?;
    if !removed.status.success() && Path::new("/sys/class/net").join(&bridge).exists() {
        bail!(
            "failed to remove `{bridge}`: {}",
            String::from_utf8_lossy(&removed.stderr).trim()
        );
    }
    Ok(())
}

/// The kubelet keeps its links to container logs in one fixed folder.
fn remove_links_into(links: &Path, folder: &Path) {
    for link in fs::read_dir(links)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
    {
        if fs::read_link(&link).is_ok_and(|target| target.starts_with(folder)) {
            let _ = fs::remove_file(link);
        }
    }
}

/// The network library keeps result files in one fixed folder, named after the sandbox.
fn remove_network_results(containers: &[String]) {
    let results = fs::read_dir("/var/lib/cni/results")
        .into_iter()
        .flatten()
        .flatten();
    for result in results {
        let name = result.file_name().to_string_lossy().into_owned();
        if containers.iter().any(|container| name.contains(container)) {
            let _ = fs::remove_file(result.path());
        }
    }
}
