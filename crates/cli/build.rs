//! Tells the program what it is built from, for `--version`.
#![expect(
    clippy::disallowed_methods,
    reason = "a build script reads cargo's variables"
)]

use std::env;
use std::process::Command;

fn main() {
    let commit = commit();
    // For people: what is not known is better not named.
    let short = if commit == unknown() {
        "built from source".to_owned()
    } else {
        commit.chars().take(9).collect()
    };
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let target = env::var("TARGET").unwrap_or_default();
    for (name, value) in [
        ("ROLLGUARD_BUILT_FROM", commit.as_str()),
        ("ROLLGUARD_BUILT_FROM_SHORT", &short),
        ("ROLLGUARD_BUILT_FOR", &target),
        (
            "ROLLGUARD_BUILT_BY",
            &said(&rustc, &["--version"]).unwrap_or_else(unknown),
        ),
    ] {
        println!("cargo::rustc-env={name}={value}");
    }
}

/// Returns the commit that the packaging names, else that of the work tree. Only a build that may be shipped
/// asks git: any other would be built again after each commit.
fn commit() -> String {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=ROLLGUARD_COMMIT");
    let named = env::var("ROLLGUARD_COMMIT").ok();
    if let Some(commit) = named.filter(|it| !it.is_empty()) {
        return commit;
    }
    let is_shipped = env::var("PROFILE").as_deref() == Ok("release");
    // A copy of the source in the work tree of something else has a commit of that.
    let prefix = || said("git", &["rev-parse", "--show-prefix"]);
    if !is_shipped || prefix().as_deref() != Some("crates/cli/") {
        return unknown();
    }
    if let Some(log) = said("git", &["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}");
    }
    said("git", &["rev-parse", "HEAD"]).unwrap_or_else(unknown)
}

fn unknown() -> String {
    "unknown".to_owned()
}

/// Returns what a program prints, if it is there and succeeds.
fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let text = text.trim();
    (output.status.success() && !text.is_empty()).then(|| text.to_owned())
}
