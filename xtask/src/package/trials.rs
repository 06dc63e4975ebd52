//! Runs what was packed: each binary, on this machine or under an emulator, and the task under Node.js.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use super::builds::staged;
use crate::generate::{VERSION, root};
use crate::test::{LEFT_OUT, Package, install, is_root};

/// A recorded rollout, and what its replay ends with.
const TRACE: &str = "image-tag-missing.jsonl";
const REPLAYED: &str = "(ImageNotFound)";
const FAILED: i32 = 10;
/// Of a task without inputs.
const BAD_INPUT: i32 = 2;

const TOOLS: &[Package] = &[("unzip", &["/usr/bin/unzip"])];
/// The oldest Debian that its archive still offers: glibc 2.31.
const OLD_DEBIAN: &str = "bullseye";
const DEBOOTSTRAP: Package = ("debootstrap", &["/usr/sbin/debootstrap"]);
const QEMU: Package = ("qemu-user-static", &["/usr/bin/qemu-aarch64-static"]);
const WINE: Package = ("wine64", &["/usr/lib/wine/wine64"]);

/// How a binary is run: the arguments are added.
type Runner = Box<dyn Fn() -> Command + Send>;

/// A place where a binary is run, or why it cannot be.
struct Place {
    name: &'static str,
    runner: Result<Runner>,
    /// How the trace is named there.
    trace: PathBuf,
    /// Whether the place may be left out: it takes a program that not every distribution has.
    may_be_left_out: bool,
}

/// A trial and how it ended.
type Trial = (String, Result<()>);

/// Unpacks the extension as the agent does and runs what it holds. Counts the trials as libtest does, with one that was
/// carried out before.
///
/// # Errors
/// When one fails.
pub(super) fn run(vsix: &Path, platforms: &[String], first: Trial) -> Result<()> {
    install(TOOLS)?;
    let folder = scratch()?;
    let unpacked = folder.join("unpacked");
    let mut unzip = Command::new("unzip");
    unzip.arg("-q").arg(vsix).arg("-d").arg(&unpacked);
    super::run_to_end(&mut unzip)?;
    let task = unpacked.join("task");
    let places: Vec<Place> = platforms
        .iter()
        .flat_map(|platform| places(platform, &task.join("bin"), &folder))
        .collect();
    let mut trials: Vec<Trial> = vec![first];
    for node in nodes() {
        let name = format!("the task runs under {}", node.display());
        trials.push((name, started_by_shim(&node, &task)));
        let name = format!("the first request leaves in time under {}", node.display());
        trials.push((name, starts_in_time(&node, &task)));
    }
    let running: Vec<_> = places
        .into_iter()
        .filter_map(|place| {
            let Place {
                name,
                runner,
                trace,
                may_be_left_out,
            } = place;
            match runner {
                Ok(runner) => Some((name, std::thread::spawn(move || ran(&runner, &trace)))),
                Err(error) if may_be_left_out => {
                    println!("{LEFT_OUT}{name}: {error:#}");
                    None
                }
                Err(error) => {
                    trials.push((name.to_owned(), Err(error)));
                    None
                }
            }
        })
        .collect();
    for (name, thread) in running {
        let Ok(done) = thread.join() else {
            bail!("{name}: the trial panicked")
        };
        for (what, result) in done {
            trials.push((format!("{name}: {what}"), result));
        }
    }
    close(&trials)
}

fn close(trials: &[Trial]) -> Result<()> {
    for (name, result) in trials {
        match result {
            Ok(()) => println!("test {name} ... ok"),
            Err(error) => println!("test {name} ... FAILED\n{error:#}"),
        }
    }
    let failed = trials.iter().filter(|(_, result)| result.is_err()).count();
    let passed = trials.len() - failed;
    let word = if failed == 0 { "ok" } else { "FAILED" };
    println!("test result: {word}. {passed} passed; {failed} failed; 0 ignored");
    ensure!(failed == 0, "{failed} trials of the packed task failed");
    Ok(())
}

/// A folder of its own, empty.
fn scratch() -> Result<PathBuf> {
    let folder = root().join("target/package-trials");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    fs::copy(root().join("tests/traces").join(TRACE), folder.join(TRACE))?;
    Ok(folder)
}

/// None for a platform that is nowhere to be run on Debian.
fn places(platform: &str, bin: &Path, folder: &Path) -> Vec<Place> {
    let binary = staged(bin, platform);
    let trace = folder.join(TRACE);
    match platform {
        "linux-x64" => vec![
            Place {
                name: "linux-x64 in a root without any other file",
                runner: in_root(&binary, folder, folder.join("empty")),
                trace: Path::new("/").join(TRACE),
                may_be_left_out: !cfg!(all(target_os = "linux", target_arch = "x86_64")),
            },
            Place {
                name: "linux-x64 in Debian 11",
                runner: old_debian().and_then(|debian| in_root(&binary, folder, debian)),
                trace: Path::new("/").join(TRACE),
                may_be_left_out: true,
            },
        ],
        "linux-arm64" => vec![Place {
            name: "linux-arm64 under qemu",
            runner: emulated(&binary, QEMU, &[]),
            trace,
            may_be_left_out: true,
        }],
        "win32-x64" => vec![Place {
            name: "win32-x64 under wine",
            runner: under_wine(&binary, folder),
            trace,
            may_be_left_out: true,
        }],
        _ => Vec::new(),
    }
}

/// Puts the binary and the trace into a root, and runs it there.
fn in_root(binary: &Path, folder: &Path, new_root: PathBuf) -> Result<Runner> {
    ensure!(is_root()?, "only root may change the root");
    fs::create_dir_all(&new_root)?;
    fs::copy(binary, new_root.join("rollguard"))?;
    fs::copy(folder.join(TRACE), new_root.join(TRACE))?;
    executable(&new_root.join("rollguard"))?;
    Ok(Box::new(move || {
        let mut command = Command::new("/usr/sbin/chroot");
        command.arg(&new_root).arg("/rollguard").env_clear();
        command
    }))
}

/// Installs it once, from the archive that apt uses; a folder that was left half done begins again.
fn old_debian() -> Result<PathBuf> {
    ensure!(is_root()?, "only root may install a Debian");
    let folder = root().join("target").join(OLD_DEBIAN);
    let done = folder.join("installed-by-rollguard");
    if done.is_file() {
        return Ok(folder);
    }
    install(&[DEBOOTSTRAP])?;
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let archives = Command::new("apt-get")
        .args([
            "indextargets",
            "--format",
            "$(REPO_URI)",
            "Created-By: Packages",
        ])
        .output()?;
    let archives = String::from_utf8(archives.stdout)?;
    let archive = archives
        .lines()
        .find(|line| line.trim_end_matches('/').ends_with("/debian"));
    let installed = Command::new("debootstrap")
        .args(["--variant=minbase", OLD_DEBIAN])
        .arg(&folder)
        .args(archive)
        .stdout(Stdio::null())
        .status()?;
    ensure!(
        installed.success(),
        "debootstrap of {OLD_DEBIAN} failed: {installed}"
    );
    fs::write(done, "")?;
    Ok(folder)
}

fn emulated(
    binary: &Path,
    emulator: Package,
    variables: &[(&'static str, PathBuf)],
) -> Result<Runner> {
    install(&[emulator])?;
    let (_, [program, ..]) = emulator else {
        bail!("the emulator has no program")
    };
    executable(binary)?;
    let (binary, variables) = (binary.to_owned(), variables.to_owned());
    Ok(Box::new(move || {
        let mut command = Command::new(program);
        command.arg(&binary).envs(variables.clone());
        command
    }))
}

/// The first start of Wine fills its folder; what it says then is not the binary's.
fn under_wine(binary: &Path, folder: &Path) -> Result<Runner> {
    let beside = binary.with_file_name("bcryptprimitives.dll");
    let source = root().join("xtask/src/package/bcryptprimitives.c");
    let mut compiler = Command::new("x86_64-w64-mingw32-gcc");
    compiler.arg("-shared").arg("-o").arg(beside).arg(source);
    super::run_to_end(compiler.arg("-ladvapi32"))?;
    let variables = [
        ("WINEPREFIX", folder.join("wine")),
        ("WINEDEBUG", "-all".into()),
        ("WINEDLLOVERRIDES", "mscoree,mshtml=".into()),
    ];
    let runner = emulated(binary, WINE, &variables)?;
    let first = runner().arg("--version").output();
    ensure!(
        first.is_ok_and(|it| it.status.success()),
        "Wine does not start here"
    );
    Ok(runner)
}

#[cfg(unix)]
fn executable(file: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(file, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("failed to make {} executable", file.display()))
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the form of the other systems")]
fn executable(_: &Path) -> Result<()> {
    Ok(())
}

/// The work of the binary there: its version, a replay, and the whole stage on the embedded cluster.
fn ran(runner: &Runner, trace: &Path) -> Vec<Trial> {
    let trace = trace.to_string_lossy();
    let rows: [(&str, Vec<&str>, i32, &str); 3] = [
        ("--version", vec!["--version"], 0, VERSION),
        ("replay", vec!["replay", &trace], FAILED, REPLAYED),
        ("drill", vec!["drill", "--approve"], 0, "RollBack"),
    ];
    rows.into_iter()
        .map(|(name, arguments, code, says)| {
            let started = Instant::now();
            let result = said(runner().args(arguments), code, says);
            (
                format!("{name} ({:.1} s)", started.elapsed().as_secs_f32()),
                result,
            )
        })
        .collect()
}

fn said(command: &mut Command, code: i32, says: &str) -> Result<()> {
    let Output {
        status,
        stdout,
        stderr,
    } = command.stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&stdout);
    ensure!(
        status.code() == Some(code) && text.contains(says),
        "{command:?}: {status}, not exit code {code} and {says:?}\n{text}{}",
        String::from_utf8_lossy(&stderr)
    );
    Ok(())
}

/// Node.js as it is on the machine, and the other one that agents have.
fn nodes() -> Vec<PathBuf> {
    let newer = root().join("tests/npm/node_modules/node24/bin/node");
    let mut nodes = vec![PathBuf::from("node")];
    if newer.is_file() {
        nodes.push(newer);
    } else {
        println!("{LEFT_OUT}the packed task under Node.js 24: it is not installed");
    }
    nodes
}

/// The binary is verified, gets its permission, runs to its end and says so: a task without inputs
/// fails with the binary's own outcome.
fn started_by_shim(node: &Path, task: &Path) -> Result<()> {
    let mut command = Command::new(node);
    command
        .arg(task.join("index.js"))
        .env("INPUT_COMMAND", "check");
    said(
        &mut command,
        BAD_INPUT,
        "##vso[task.complete result=Failed]bad input",
    )
}

/// Beside a task that loads azure-pipelines-task-lib; what it measures is printed.
fn starts_in_time(node: &Path, task: &Path) -> Result<()> {
    let script = root().join("tests/npm/start.mjs");
    let mut command = Command::new(node);
    super::run_to_end(command.arg(script).arg(task))
}
