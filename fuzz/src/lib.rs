//! Fuzz targets: what reads foreign text must not panic on any, and keeps its promises.
//!
//! The targets are plain functions, so that an ordinary test runs every kept input
//! (`tests/corpus.rs`); `cargo xtask fuzz` hands them to libFuzzer (`main.rs`).
// A broken promise is a panic here: that is what a fuzzer looks for.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a panic is the finding")]

mod agent;
mod api;
mod azure;
mod cause;
mod execution;
mod lint;
mod mutate;
mod network;
mod past;
mod session;
mod stage;
mod words;
mod world;

use std::path::{Path, PathBuf};

/// Something that reads foreign text.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, also that of its corpus in `corpus/`.
    pub name: &'static str,
    /// What is put to the test.
    pub says: &'static str,
    /// Panics where a promise is broken.
    pub run: fn(&[u8]),
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target {
        name: "answers",
        says: "any answers of Azure are read or refused, and no error shows what was sent",
        run: azure::answers,
    },
    Target {
        name: "api",
        says: "any answers of an API server are read or refused, whatever is asked",
        run: api::api,
    },
    Target {
        name: "cause",
        says: "no words of the cluster turn a rollout green, become a command or keep a session from ending",
        run: cause::cause,
    },
    Target {
        name: "command",
        says: "foreign text never yields a logging command; escapes are reversible",
        run: |data| with_text(data, agent::command),
    },
    Target {
        name: "endpoint",
        says: "a service connection of any shape is read or refused, its secret never shown",
        run: |data| with_text(data, agent::endpoint),
    },
    Target {
        name: "execution",
        says: "any rollback ends, patches once, deletes by a fresh look, and replays alike",
        run: execution::execution,
    },
    Target {
        name: "expression",
        says: "any template expression is read and evaluated, or refused",
        run: |data| with_text(data, stage::expression),
    },
    Target {
        name: "http",
        says: "any HTTP check is read alike after being shown, and judges any answer",
        run: |data| with_text(data, words::http),
    },
    Target {
        name: "inputs",
        says: "any inputs are understood, or refused with names and reasons",
        run: |data| with_text(data, agent::inputs),
    },
    Target {
        name: "kubeconfig",
        says: "no kubeconfig makes anyone run a program or quote a secret",
        run: |data| with_text(data, azure::kubeconfig),
    },
    Target {
        name: "manifest",
        says: "any manifest is judged, changed or refused within bounds, and no document holds a command",
        run: |data| {
            with_text(data, |text| {
                lint::manifest(text);
                lint::config(text);
            });
        },
    },
    Target {
        name: "network",
        says: "headers, proxies, certificates, quantities, selectors and marks are read or refused",
        run: network::network,
    },
    Target {
        name: "observations",
        says: "any session ends, keeps its verdict, and its report holds no command",
        run: session::observations,
    },
    Target {
        name: "past",
        says: "any past is decided on; a rollback goes elsewhere and tests before it replaces",
        run: |data| with_text(data, past::past),
    },
    Target {
        name: "template",
        says: "any stage template is read and expanded, or refused",
        run: |data| with_text(data, stage::template),
    },
    Target {
        name: "trace",
        says: "any trace is read and replayed, or refused; what is read is written alike",
        run: |data| with_text(data, session::trace),
    },
    Target {
        name: "words",
        says: "durations, workloads, revisions and hand-overs are read alike after being shown",
        run: |data| with_text(data, words::words),
    },
];

impl Target {
    /// The target of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        TARGETS.iter().find(|target| target.name == name)
    }

    /// Where its inputs are kept.
    #[must_use]
    pub fn corpus(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("corpus")
            .join(self.name)
    }
}

fn with_text(data: &[u8], run: fn(&str)) {
    if let Ok(text) = std::str::from_utf8(data) {
        run(text);
    }
}
