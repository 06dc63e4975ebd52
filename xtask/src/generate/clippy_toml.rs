//! `clippy.toml`, in the root and in every crate: the settings that all share, and the methods that
//! a crate must not call.

use std::fmt::Write as _;

/// The settings that all share.
const SHARED: &str = "\
allow-unwrap-in-tests = true
allow-panic-in-tests = true
allow-indexing-slicing-in-tests = true
allow-print-in-tests = true
too-many-lines-threshold = 80
too-many-arguments-threshold = 4
";

/// Words that `clippy::doc_markdown` takes for code. The last one stands for clippy's own list.
const NAMES: &[&str] = &[
    "kubectl",
    "AppArmor",
    "ConfigMap",
    "ControllerRevision",
    "ControllerRevisions",
    "DaemonSet",
    "DaemonSets",
    "DevOps",
    "EndpointSlice",
    "EndpointSlices",
    "HTTPRoute",
    "HTTPRoutes",
    "HorizontalPodAutoscaler",
    "HorizontalPodAutoscalers",
    "LimitRange",
    "LoadBalancer",
    "NetworkPolicies",
    "NetworkPolicy",
    "OnDelete",
    "PersistentVolumeClaim",
    "PersistentVolumeClaims",
    "PodSecurity",
    "PriorityClass",
    "ReplicaSet",
    "ReplicaSets",
    "RollingUpdate",
    "RuntimeClass",
    "ServiceAccount",
    "StatefulSet",
    "StatefulSets",
    "StorageClass",
    "..",
];

/// Methods that are allowed or disallowed together.
type Group = &'static [&'static str];

const CLOCK: Group = &[
    "std::time::SystemTime::now",
    "std::time::SystemTime::elapsed",
    "std::time::Instant::now",
    "std::time::Instant::elapsed",
    "jiff::Timestamp::now",
    "jiff::Zoned::now",
    "jiff::tz::TimeZone::system",
    "jiff::tz::TimeZone::try_system",
];

const TIMERS: Group = &[
    "tokio::time::Instant::now",
    "tokio::time::Instant::elapsed",
    "tokio::time::interval",
    "tokio::time::interval_at",
    "tokio::time::sleep",
    "tokio::time::sleep_until",
    "tokio::time::timeout",
    "tokio::time::timeout_at",
];

const THREADS: Group = &[
    "std::thread::Builder::spawn",
    "std::thread::park",
    "std::thread::park_timeout",
    "std::thread::scope",
    "std::thread::sleep",
    "std::thread::spawn",
    "tokio::task::spawn_blocking",
];

const ENVIRONMENT: Group = &[
    "std::env::args",
    "std::env::args_os",
    "std::env::current_dir",
    "std::env::current_exe",
    "std::env::home_dir",
    "std::env::remove_var",
    "std::env::set_current_dir",
    "std::env::set_var",
    "std::env::temp_dir",
    "std::env::var",
    "std::env::var_os",
    "std::env::vars",
    "std::env::vars_os",
    "kube::Client::try_default",
    "kube::Config::from_kubeconfig",
    "kube::Config::incluster",
    "kube::Config::incluster_env",
    "kube::Config::infer",
    "kube::config::Kubeconfig::from_env",
    "kube::config::Kubeconfig::read",
];

const FILES: Group = &[
    "std::fs::DirBuilder::create",
    "std::fs::File::create",
    "std::fs::File::create_new",
    "std::fs::File::open",
    "std::fs::OpenOptions::open",
    "std::fs::canonicalize",
    "std::fs::copy",
    "std::fs::create_dir",
    "std::fs::create_dir_all",
    "std::fs::exists",
    "std::fs::hard_link",
    "std::fs::metadata",
    "std::fs::read",
    "std::fs::read_dir",
    "std::fs::read_link",
    "std::fs::read_to_string",
    "std::fs::remove_dir",
    "std::fs::remove_dir_all",
    "std::fs::remove_file",
    "std::fs::rename",
    "std::fs::set_permissions",
    "std::fs::symlink_metadata",
    "std::fs::write",
    "std::path::Path::canonicalize",
    "std::path::Path::exists",
    "std::path::Path::is_dir",
    "std::path::Path::is_file",
    "std::path::Path::is_symlink",
    "std::path::Path::metadata",
    "std::path::Path::read_dir",
    "std::path::Path::read_link",
    "std::path::Path::symlink_metadata",
    "std::path::Path::try_exists",
    "kube::config::Kubeconfig::read_from",
];

const NETWORK: Group = &[
    "std::net::TcpListener::bind",
    "std::net::TcpStream::connect",
    "std::net::TcpStream::connect_timeout",
    "std::net::ToSocketAddrs::to_socket_addrs",
    "std::net::UdpSocket::bind",
];

const PROCESS: Group = &[
    "std::process::Command::new",
    "std::process::abort",
    "std::process::exit",
];

/// Printing has lints of its own; these are the ways around them.
const STREAMS: Group = &["std::io::stderr", "std::io::stdin", "std::io::stdout"];

/// A crate below `crates/`, and what it must not call.
struct Crate {
    name: &'static str,
    /// Why, for the whole crate.
    claim: &'static str,
    disallowed: &'static [Rule],
}

struct Rule {
    group: Group,
    reason: &'static str,
}

const fn no(group: Group, reason: &'static str) -> Rule {
    Rule { group, reason }
}

/// What the crates without any input or output must not call.
const PURE: &[Rule] = &[
    no(CLOCK, "time arrives as an argument"),
    no(TIMERS, "time arrives as an argument"),
    no(THREADS, "nothing runs beside the caller, nothing waits"),
    no(ENVIRONMENT, "only the cli reads the environment"),
    no(FILES, "only the shell touches files"),
    no(NETWORK, "only the shell touches the network"),
    no(PROCESS, "only the cli ends or starts a process"),
    no(STREAMS, "only the cli reads and prints"),
];

const CRATES: &[Crate] = &[
    Crate {
        name: "agent",
        claim: "The agent contract is pure: the environment arrives as pairs.",
        disallowed: PURE,
    },
    Crate {
        name: "azure",
        claim: "Our own code reads no environment; tokio's time can be paused.",
        disallowed: &[
            no(CLOCK, "tokio's time can be paused, this one cannot"),
            no(THREADS, "a thread keeps paused time from jumping"),
            no(ENVIRONMENT, "only the cli reads the environment"),
            no(FILES, "credentials and kubeconfigs stay in memory"),
            no(PROCESS, "only the cli ends or starts a process"),
            no(STREAMS, "only the cli reads and prints"),
        ],
    },
    Crate {
        name: "cli",
        claim: "The environment and the local clock are read in `environment.rs`, and nowhere else.",
        disallowed: &[
            no(CLOCK, "`environment.rs` alone reads the clock"),
            no(TIMERS, "the cluster's `Clock` tells the time and sleeps"),
            no(
                STREAMS,
                "the console prints, on streams that `environment.rs` opens",
            ),
            no(ENVIRONMENT, "`environment.rs` alone reads the environment"),
        ],
    },
    Crate {
        name: "cluster",
        claim: "The session's time is the API server's, carried on by tokio's, which can be paused.",
        disallowed: &[
            no(CLOCK, "`Clock` carries on the API server's time"),
            no(THREADS, "a thread keeps paused time from jumping"),
            no(ENVIRONMENT, "only the cli reads the environment"),
            no(FILES, "the kubeconfig and the trace are the only files"),
            no(PROCESS, "only the cli ends or starts a process"),
            no(STREAMS, "only the cli reads and prints"),
        ],
    },
    Crate {
        name: "core",
        claim: "The core decides and nothing else: time, environment and files arrive as arguments.",
        disallowed: PURE,
    },
    Crate {
        name: "lint",
        claim: "Manifests arrive as text: no clock, no environment, no files.",
        disallowed: PURE,
    },
    Crate {
        name: "network",
        claim: "The policy is pure: variables and files arrive as values.",
        disallowed: PURE,
    },
    Crate {
        name: "sandbox",
        claim: "The sandbox lives in tokio's time only, so that paused time can jump: no std clock, no threads.",
        disallowed: &[
            no(CLOCK, "tokio's time can be paused, this one cannot"),
            no(THREADS, "a thread keeps paused time from jumping"),
            no(ENVIRONMENT, "the caller configures the sandbox"),
            no(FILES, "the sandbox lives in memory"),
            no(NETWORK, "the sandbox is called in process"),
            no(PROCESS, "the sandbox lives in process"),
            no(STREAMS, "only the cli reads and prints"),
        ],
    },
    Crate {
        name: "stage",
        claim: "The template arrives as text: no clock, no environment, no files.",
        disallowed: PURE,
    },
];

/// The root's, for what has none of its own: tests, fuzz, xtask.
pub(super) fn root() -> String {
    settings(
        "clippy reads the nearest file only: every crate below crates/ has one of its own; tests, fuzz and xtask use this one.",
    )
}

/// That of a crate below `crates/`.
pub(super) fn of_crate(name: &str) -> String {
    let Some(row) = CRATES.iter().find(|row| row.name == name) else {
        return String::new();
    };
    let mut text = settings(row.claim);
    text.push_str("disallowed-methods = [\n");
    for Rule { group, reason } in row.disallowed {
        for path in *group {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  {{ path = \"{path}\", reason = \"{reason}\" }},");
        }
    }
    text.push_str("]\n");
    text
}

fn settings(claim: &str) -> String {
    let names = NAMES.iter().map(|name| format!("\"{name}\""));
    let names = names.collect::<Vec<_>>().join(", ");
    format!(
        "# Written by `cargo xtask generate` from `xtask/src/generate/clippy_toml.rs`.\n\
         # {claim}\n\
         {SHARED}doc-valid-idents = [{names}]\n"
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::super::{GENERATED, root as repository};
    use super::*;

    /// The crates below `crates/`.
    fn present() -> BTreeSet<String> {
        let folders = fs::read_dir(repository().join("crates")).unwrap();
        folders
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.path().join("Cargo.toml").is_file())
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn every_crate_has_a_row() {
        let rows: BTreeSet<String> = CRATES.iter().map(|row| row.name.to_owned()).collect();
        assert_eq!(rows, present());
    }

    #[test]
    fn every_row_is_written_and_says_what_it_comes_from() {
        for name in present() {
            let path = format!("crates/{name}/clippy.toml");
            let file = GENERATED.iter().find(|file| file.path == path);
            let text = file.expect(&path).text.render("").unwrap();
            assert_eq!(text, of_crate(&name), "{path}");
            assert!(text.starts_with("# Written by `cargo xtask generate` from"));
        }
    }

    #[test]
    fn a_crate_without_a_row_gets_nothing() {
        assert_eq!(of_crate("absent"), "");
    }

    #[test]
    fn a_claim_of_purity_covers_every_group() {
        let covered: BTreeSet<&str> = PURE.iter().flat_map(|rule| rule.group).copied().collect();
        let rules = CRATES.iter().flat_map(|row| row.disallowed);
        let all: BTreeSet<&str> = rules.flat_map(|rule| rule.group).copied().collect();
        assert_eq!(covered, all);
    }

    #[test]
    fn no_method_is_listed_twice() {
        let mut seen = BTreeSet::new();
        for path in PURE.iter().flat_map(|rule| rule.group) {
            assert!(seen.insert(path), "{path}");
        }
    }
}
