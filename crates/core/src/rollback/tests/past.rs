//! A workload's past in few words.

use serde_json::{Value, json};

use crate::annotation::LastKnownGood;
use crate::history::History;
use crate::rollback::{Request, RollbackDecision, RollbackPlan, decide};
use crate::testing::{
    PodBuilder, SetBuilder, at, daemon_set, deployment, pod_of, replica_set_json, stateful_set,
    template, web,
};
use crate::workload::{Revision, RevisionId, WorkloadRef};

/// A workload with its revisions and pods.
#[derive(Debug, Clone)]
pub(super) struct Past {
    workload: WorkloadRef,
    pub(super) object: Value,
    pub(super) revision_objects: Vec<Value>,
    pods: Vec<PodBuilder>,
}

/// A Deployment whose `v2` is complete.
pub(super) fn complete() -> Past {
    let up = |name| pod_of(name, "v2").ready(100);
    of_web()
        .complete()
        .had("v1", 1, 0)
        .had("v2", 2, 2)
        .pod(up("a"))
        .pod(up("b"))
}

/// Deployment `web`, two replicas of which one of `v2` does not come up.
pub(super) fn of_web() -> Past {
    of(web(), deployment("web").counts(2, 3, 1, 2).json())
}

pub(super) fn of(workload: WorkloadRef, object: Value) -> Past {
    Past {
        workload,
        object,
        revision_objects: Vec::new(),
        pods: Vec::new(),
    }
}

/// A StatefulSet or DaemonSet with revisions 1 (`v1`) and 2 (`v2`).
pub(super) fn of_set(workload: WorkloadRef, set: SetBuilder) -> Past {
    let revision_objects = vec![set.revision_json("v1", 1), set.revision_json("v2", 2)];
    Past {
        revision_objects,
        ..of(workload, set.json())
    }
}

pub(super) fn of_db() -> Past {
    of_set(crate::testing::db(), stateful_set())
}

pub(super) fn of_agent() -> Past {
    of_set(crate::testing::agent(), daemon_set())
}

impl Past {
    /// A ReplicaSet of a version with so many available pods.
    pub(super) fn had(mut self, version: &str, revision: u64, available: i32) -> Self {
        let set = replica_set_json(version, revision, (available, available));
        self.revision_objects.push(set);
        self
    }

    /// Sets the version that is in place.
    pub(super) fn at_version(mut self, version: &str) -> Self {
        self.object["spec"]["template"] = template(version);
        self
    }

    /// Complete, and said to be.
    pub(super) fn complete(mut self) -> Self {
        let complete = deployment("web").counts(2, 2, 2, 2).condition(
            "Progressing",
            "True",
            ("NewReplicaSetAvailable", ""),
        );
        self.object["status"] = complete.json()["status"].take();
        self
    }

    pub(super) fn revision_object(&mut self, version: &str) -> &mut Value {
        let wanted = format!("-{version}");
        let named = |it: &&mut Value| it["metadata"]["name"].as_str().unwrap().ends_with(&wanted);
        self.revision_objects.iter_mut().find(named).unwrap()
    }

    /// A check found a version healthy at a second.
    pub(super) fn marked(mut self, version: &str, second: u64) -> Self {
        let object = self.revision_object(version);
        let uid = object["metadata"]["uid"].as_str().unwrap().to_owned();
        let images = [("app".to_owned(), [format!("sha256:{version}")].into())].into();
        let mark = LastKnownGood::new(&uid, at(second), "run 1", images);
        object["metadata"]["annotations"][LastKnownGood::annotation(&uid)] = json!(mark.to_text());
        self
    }

    /// An annotation of the pod template of a version.
    pub(super) fn says(mut self, version: &str, name: &str, value: &str) -> Self {
        let object = self.revision_object(version);
        object["spec"]["template"]["metadata"]["annotations"][name] = json!(value);
        let held = object["spec"]["template"].clone();
        let image = format!("registry.test/app:{version}");
        if self.object["spec"]["template"]["spec"]["containers"][0]["image"] == json!(image) {
            self.object["spec"]["template"] = held;
        }
        self
    }

    /// An annotation of the workload.
    pub(super) fn annotated(mut self, name: &str, value: &str) -> Self {
        self.object["metadata"]["annotations"][name] = json!(value);
        self
    }

    /// Rolled back by rollguard from one version, whose revision was 2, to another, then revision 1.
    pub(super) fn restored(self, to: &str, from: &str) -> Self {
        self.restored_by(
            to,
            from,
            &Request {
                run: "run 5".into(),
                now: at(70),
                ..Request::default()
            },
        )
    }

    pub(super) fn restored_by(self, to: &str, from: &str, request: &Request) -> Self {
        let id = |version: &str, revision| RevisionId {
            revision: Revision(revision),
            name: format!("web-{version}"),
            uid: format!("rs-{version}"),
        };
        let restored = crate::rollback::patch::record(&id(to, 1), &id(from, 2), request);
        self.annotated(crate::annotation::ROLLBACK_RECORD, &restored.to_text())
    }

    /// A ControllerRevision of a StatefulSet or DaemonSet.
    pub(super) fn revision(mut self, version: &str, number: i64) -> Self {
        let set = crate::testing::stateful_set();
        self.revision_objects
            .push(set.revision_json(version, number));
        self
    }

    pub(super) fn pod(mut self, pod: PodBuilder) -> Self {
        self.pods.push(pod);
        self
    }

    pub(super) fn with(mut self, pointer: &str, value: Value) -> Self {
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        self.object.pointer_mut(parent).unwrap()[field] = value;
        self
    }

    pub(super) fn history(&self) -> History {
        History::new(
            self.workload.clone(),
            self.object.clone(),
            self.revision_objects.clone(),
            self.pods.iter().map(PodBuilder::build).collect(),
        )
    }

    pub(super) fn decide(&self, request: &Request) -> RollbackDecision {
        decide(&self.history(), request)
    }

    /// The decision in few words.
    pub(super) fn words(&self, request: &Request) -> String {
        match self.decide(request) {
            RollbackDecision::Apply(plan) => format!(
                "{} → {}, {}",
                plan.from.revision, plan.to.revision, plan.chosen_by
            ),
            RollbackDecision::Already(already) => format!("already at {}", already.present),
            RollbackDecision::Refuse(refusal) => refusal.to_string(),
        }
    }

    pub(super) fn plan_for(&self, request: &Request) -> RollbackPlan {
        match self.decide(request) {
            RollbackDecision::Apply(plan) => *plan,
            other @ (RollbackDecision::Already(_) | RollbackDecision::Refuse(_)) => {
                panic!("no plan: {other:?}")
            }
        }
    }

    pub(super) fn plan(&self) -> RollbackPlan {
        self.plan_for(&Request::default())
    }

    /// The findings of the plan, each as `Code weight`.
    pub(super) fn findings(&self, request: &Request) -> Vec<String> {
        let plan = self.plan_for(request);
        let findings = plan.findings.iter();
        findings
            .map(|it| format!("{} {}", it.code, it.weight.as_str()))
            .collect()
    }
}
