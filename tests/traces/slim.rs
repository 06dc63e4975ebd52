//! Makes recordings small enough to keep: `cargo run -p rollguard-tests --example slim-traces FROM`.
//!
//! `FROM` is the folder that `ROLLGUARD_TRACES` named when the `real` tests ran. What no judgement
//! reads is left out; a recording whose replay differs by that is an error.
#![expect(clippy::print_stderr, reason = "a helper talks to a terminal")]

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use rollguard_core::trace::Trace;
use serde_json::{Map, Value};

#[path = "../it/recordings.rs"]
mod recordings;
#[path = "../it/traces.rs"]
mod traces;

/// Fields that are left out wherever they stand: defaults, and what only a kubelet reads.
const NOISE: &[&str] = &[
    "blockOwnerDeletion",
    "containerID",
    "dnsPolicy",
    "enableServiceLinks",
    "generateName",
    "imageID",
    "managedFields",
    "preemptionPolicy",
    "priority",
    "protocol",
    "reportingInstance",
    "resourceVersion",
    "scheme",
    "serviceAccount",
    "successThreshold",
    "terminationMessagePath",
    "terminationMessagePolicy",
];
/// Left out as well, unless a DaemonSet was followed: they say which nodes count for it.
const TOLERATIONS: &str = "tolerations";
/// Fields that are left out where they are empty.
const HOLLOW: &[&str] = &[
    "lastState",
    "resources",
    "securityContext",
    "volumeMounts",
    "volumes",
];
/// Paths that are left out, from the observation down.
const IDLE: &[(&str, &str)] = &[
    ("/seen/object", "apiVersion"),
    ("/seen/object/involvedObject", "apiVersion"),
    ("/seen/object/involvedObject", "namespace"),
];
/// The header and the first observation.
const BEGINNING: usize = 2;
/// The kubelet of the test cluster says so about each pod: it has no cluster DNS.
const NODE_EVENT: &str = "MissingClusterDNS";
/// Where the test cluster keeps its nodes, and the folder of a node's kubelet.
const CLUSTERS: &str = "/tmp/rollguard-cluster/";
const KUBELET: &str = "/kubelet/root";
/// The volume with the service account's token, in every pod.
const TOKEN_VOLUME: &str = "kube-api-access-";

fn main() -> Result<()> {
    let from = std::env::args_os()
        .nth(1)
        .context("which folder are the recordings in?")?;
    let mut found = false;
    for recording in recordings::recordings()? {
        let name = format!("{}.jsonl", recording.name());
        let path = Path::new(&from).join(&name);
        if !path.exists() {
            eprintln!("{name}: not recorded, kept as it was");
            continue;
        }
        found = true;
        let recorded =
            std::fs::read_to_string(path).with_context(|| format!("failed to read `{name}`"))?;
        let slimmed = slim(&recorded)?;
        let policy = recording.policy();
        let told = |text: &str| -> Result<_> {
            let report = traces::replay(&Trace::parse(text)?, policy.clone())?;
            Ok((report.ended, report.verdict, report.timeline))
        };
        std::fs::write(traces::folder().join(&name), &slimmed)?;
        let (before, after) = (told(&recorded)?, told(&traces::text(recording.name())?)?);
        ensure!(
            before == after,
            "{name} is judged otherwise now:\n{before:#?}\n{after:#?}"
        );
        eprintln!("{name}: {} KiB", slimmed.len() / 1024);
    }
    ensure!(found, "no recording is in that folder");
    Ok(())
}

fn slim(text: &str) -> Result<String> {
    let mut lines = text
        .lines()
        .map(serde_json::from_str::<Value>)
        .collect::<Result<Vec<_>, _>>()?;
    let former = former_pods(&lines);
    let of_nodes = lines[0]["workloads"][0]["kind"] == "DaemonSet";
    let tolerations = (!of_nodes).then_some(TOLERATIONS);
    let noise: Vec<&str> = NOISE.iter().copied().chain(tolerations).collect();
    // The session begins with the first observation, whatever it is.
    let mut place = 0;
    lines.retain(|line| {
        place += 1;
        place <= BEGINNING || !is_small_talk(line, &former)
    });
    let mut slimmed = String::new();
    for mut line in lines {
        shrink(&mut line, &noise);
        // A workload without a kind is a Deployment.
        if matches!(line.pointer("/seen/object/kind"), Some(kind) if !is_set(kind)) {
            let object = line
                .pointer_mut("/seen/object")
                .and_then(Value::as_object_mut);
            object.map(|fields| fields.remove("kind"));
        }
        for (parent, name) in IDLE {
            let parent = line.pointer_mut(parent).and_then(Value::as_object_mut);
            parent.map(|fields| fields.remove(*name));
        }
        slimmed.push_str(&line.to_string());
        slimmed.push('\n');
    }
    Ok(without_places(&slimmed))
}

/// The text without the folder of the machine's kubelets, which the runtime's errors name.
fn without_places(text: &str) -> String {
    let mut parts = text.split(CLUSTERS);
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let below = part.split_once(KUBELET).map_or(part, |(_, below)| below);
        kept.push_str("/kubelet");
        kept.push_str(below);
    }
    kept
}

/// Returns whether a kind has to stand in a trace.
fn is_set(kind: &Value) -> bool {
    kind == "StatefulSet" || kind == "DaemonSet"
}

/// The uids of pods of v1.
fn former_pods(lines: &[Value]) -> BTreeSet<String> {
    let uid = |line: &Value| {
        Some(
            line.pointer("/seen/object/metadata/uid")?
                .as_str()?
                .to_owned(),
        )
    };
    lines
        .iter()
        .filter(|line| line["seen"]["kind"] == "pod")
        .filter(|line| line["seen"]["object"]["metadata"]["labels"]["version"] == "v1")
        .filter_map(uid)
        .collect()
}

/// Returns whether a line is a normal event about a pod of v1, or one that every pod of this node has.
fn is_small_talk(line: &Value, former: &BTreeSet<String>) -> bool {
    let event = &line["seen"]["object"];
    let about = event["involvedObject"]["uid"].as_str().unwrap_or_default();
    let normal = event["type"] == "Normal" && former.contains(about);
    line["seen"]["kind"] == "event" && (normal || event["reason"] == NODE_EVENT)
}

fn shrink(value: &mut Value, noise: &[&str]) {
    match value {
        Value::Array(items) => {
            items.retain(|item| !is_token_volume(item));
            for item in items {
                shrink(item, noise);
            }
        }
        Value::Object(fields) => {
            for field in fields.values_mut() {
                shrink(field, noise);
            }
            fields.retain(|name, value| !is_noise(name, value, noise));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn is_noise(name: &str, value: &Value, noise: &[&str]) -> bool {
    let empty =
        value.as_object().is_some_and(Map::is_empty) || value.as_array().is_some_and(Vec::is_empty);
    let usual = name == "schedulerName" && value == "default-scheduler";
    noise.contains(&name) || usual || empty && HOLLOW.contains(&name)
}

fn is_token_volume(item: &Value) -> bool {
    let name = item["name"].as_str().unwrap_or_default();
    name.starts_with(TOKEN_VOLUME)
}
