//! The history on a snapshot and the one on raw JSON give the same answers.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod};
use serde_json::{Value, json};

use super::former;
use crate::history::History;
use crate::trace::Header;
use crate::workload::{WorkloadKind, WorkloadRef};

/// What a history is made of.
pub(super) struct Parts {
    pub(super) workload: WorkloadRef,
    pub(super) object: Value,
    pub(super) revisions: Vec<Value>,
    pub(super) pods: Vec<Pod>,
    pub(super) nodes: Vec<Node>,
}

/// Every answer of a history, one a line.
macro_rules! answers {
    ($history:expr, $times:expr) => {{
        let history = $history;
        let uid = |it: Option<&str>| it.map(str::to_owned);
        let mut answers = vec![
            format!("uid {}", history.uid()),
            format!("template {}", history.template()),
            format!("paused {} deleting {}", history.paused(), history.deleting()),
            format!("desired {} observed {}", history.desired(), history.observed()),
            format!("complete {}", history.complete()),
            format!("current {:?}", uid(history.current().map(|it| it.uid()))),
            format!("last complete {:?}", uid(history.last_complete().map(|it| it.uid()))),
            format!("restored {:?}", history.restored()),
            format!("known {}", history.in_words()),
        ];
        answers.extend(history.former().map(|it| format!("former {:?}", it.id())));
        for entry in history.entries() {
            let mut pods: Vec<_> = entry.pods().map(|it| it.metadata.uid.clone()).collect();
            pods.sort();
            answers.push(format!(
                "{:?} available {} pods {pods:?} created {:?} mark {:?} images {:?} {:?} replaced {} {}",
                entry.id(),
                entry.available(),
                entry.created(),
                entry.mark(),
                entry.images(),
                entry.running_images(),
                history.was_replaced(&entry),
                entry.template(),
            ));
        }
        for now in $times {
            for stable_for in [0, 10, 60].map(Duration::from_secs) {
                let from = history.healthy_from(*now, stable_for);
                answers.push(format!("healthy at {now} for {stable_for:?}: {from:?}"));
            }
        }
        answers
    }};
}

impl Parts {
    pub(super) fn history(&self) -> History {
        let (workload, object) = (self.workload.clone(), self.object.clone());
        History::new(workload, object, self.revisions.clone(), self.pods.clone())
            .with_nodes(self.nodes.clone())
    }

    pub(super) fn answers(&self, times: &[Timestamp]) -> Vec<String> {
        answers!(self.history(), times)
    }

    pub(super) fn former_answers(&self, times: &[Timestamp]) -> Vec<String> {
        let (workload, object) = (self.workload.clone(), self.object.clone());
        let history =
            former::History::new(workload, object, self.revisions.clone(), self.pods.clone());
        answers!(history.with_nodes(self.nodes.clone()), times)
    }

    /// With the templates of ControllerRevisions, which recordings leave out.
    fn with_data(mut self) -> Self {
        let newest = self
            .revisions
            .iter()
            .map(|it| it["revision"].as_i64())
            .max();
        for revision in &mut self.revisions {
            let mut template = self.object["spec"]["template"].clone();
            if Some(revision["revision"].as_i64()) != newest {
                template["spec"]["containers"][0]["image"] = json!("former");
            }
            template["$patch"] = json!("replace");
            revision["data"] = json!({"spec": {"template": template}});
        }
        self
    }
}

/// The objects of a recording as they stood after some of its lines.
#[derive(Default)]
struct Objects(BTreeMap<String, (String, Value)>);

impl Objects {
    fn take(&mut self, seen: &Value) {
        let text = |field: &str| seen[field].as_str().unwrap();
        match text("kind") {
            "gone" => drop(self.0.remove(text("uid"))),
            "listed" => {
                let resource = match text("resource") {
                    "deployment" | "statefulSet" | "daemonSet" => "workload",
                    other => other,
                };
                let uids = seen["uids"].as_array().unwrap();
                self.0.retain(|uid, (kind, _)| {
                    kind != resource || uids.iter().any(|it| it == uid.as_str())
                });
            }
            kind @ ("workload" | "replicaSet" | "controllerRevision" | "pod" | "node") => {
                let object = seen["object"].clone();
                let uid = object["metadata"]["uid"].as_str().unwrap().to_owned();
                self.0.insert(uid, (kind.to_owned(), object));
            }
            _ => {}
        }
    }

    fn all<T: serde::de::DeserializeOwned>(&self, wanted: &str) -> Vec<T> {
        let objects = self.0.values().filter(|(kind, _)| kind == wanted);
        objects
            .map(|(_, object)| serde_json::from_value(object.clone()).unwrap())
            .collect()
    }

    fn parts(&self, workload: &WorkloadRef) -> Option<Parts> {
        let mut objects = self.all::<Value>("workload").into_iter();
        let revisions = match workload.kind {
            WorkloadKind::Deployment => "replicaSet",
            WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => "controllerRevision",
        };
        Some(Parts {
            object: objects.find(|it| it["metadata"]["name"] == *workload.name)?,
            revisions: self.all(revisions),
            pods: self.all("pod"),
            nodes: self.all("node"),
            workload: workload.clone(),
        })
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the recordings are files")]
fn both_agree_on_every_prefix_of_every_recording() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/traces");
    let mut looks = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|it| it != "jsonl") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let (header, lines) = text.split_once('\n').unwrap();
        let header: Header = serde_json::from_str(header).unwrap();
        let mut objects = Objects::default();
        for line in lines.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            objects.take(&line["seen"]);
            let at: Timestamp = line["at"].as_str().unwrap().parse().unwrap();
            let later = [5, 120].map(|it| crate::duration::after(at, Duration::from_secs(it)));
            let times = [at, later[0], later[1]];
            for workload in &header.workloads {
                let parts = || objects.parts(workload);
                for parts in [parts(), parts().map(Parts::with_data)]
                    .into_iter()
                    .flatten()
                {
                    looks += 1;
                    let says = path.display();
                    assert_eq!(
                        parts.former_answers(&times),
                        parts.answers(&times),
                        "{says}"
                    );
                }
            }
        }
    }
    assert!(looks > 5000, "{looks}");
}
