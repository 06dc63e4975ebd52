//! A small cluster: API server and controllers for a Deployment and a StatefulSet, whose calls can be
//! lost on the way there or back.

use serde_json::{Value, json};

use crate::annotation::LastKnownGood;
use crate::annotation::ROLLBACK_RECORD;
use crate::history::History;
use crate::rollback::execution::{
    ClusterRequest, DeleteResult, FailedCall, FailureKind, Look, PatchResult, Seen, Verification,
};
use crate::rollback::{
    PreparedRollback, PreparedWorkload, ReadBack, Request, RollbackDecision, RollbackHealth,
    RollbackPlan, StuckPod, decide, is_own, read_back,
};
use crate::testing::{at, db, db_pod, deployment, replica_set_json, stateful_set, template, web};
use crate::verdict::VerdictKind;
use crate::workload::raw::plain;
use crate::workload::{WorkloadKind, WorkloadRef};

/// The fate of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Answered,
    /// It takes effect, and the answer is lost.
    AnswerLost,
    /// It never arrives.
    Lost,
}

#[derive(Debug, Clone, PartialEq)]
struct ModelPod {
    ordinal: u32,
    version: String,
    uid: u64,
    resource_version: u64,
}

/// A workload with its revisions and pods.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ModelWorkload {
    workload: WorkloadRef,
    object: Value,
    revisions: Vec<Value>,
    pods: Vec<ModelPod>,
    made: u64,
    /// How many patches of ours took effect.
    pub(super) patches: u32,
    /// Whether somebody deployed `v3`.
    pub(super) superseded: bool,
}

/// Pods of `v2` never become ready.
fn is_good(version: &str) -> bool {
    version != "v2"
}

fn version_of(template: &Value) -> String {
    let image = template.pointer("/spec/containers/0/image");
    let image = image.and_then(Value::as_str).unwrap();
    image.rsplit_once(':').unwrap().1.to_owned()
}

impl ModelWorkload {
    /// `v1` was good and `v2`, which a check once found good, is bad now.
    fn web() -> Self {
        let mut object = deployment("web").generation(2, 2).counts(2, 3, 1, 2).json();
        object["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = json!("2");
        let mut bad = replica_set_json("v2", 2, (1, 0));
        let mark = LastKnownGood::new("rs-v2", at(1), "run 1", [].into());
        bad["metadata"]["annotations"][LastKnownGood::annotation("rs-v2")] = json!(mark.to_text());
        let good = replica_set_json("v1", 1, (0, 0));
        Self::new(web(), object, vec![good, bad])
    }

    /// The pods of `v2` with these ordinals are there; the others are of `v1`.
    fn db(bad: &[u32]) -> Self {
        let set = stateful_set();
        let revisions = vec![set.revision_json("v1", 1), set.revision_json("v2", 2)];
        let mut this = Self::new(db(), set.json(), revisions);
        for ordinal in 0..3 {
            let version = if bad.contains(&ordinal) { "v2" } else { "v1" };
            this.make_pod(ordinal, version);
        }
        this
    }

    fn new(workload: WorkloadRef, object: Value, revisions: Vec<Value>) -> Self {
        Self {
            workload,
            object,
            revisions,
            pods: Vec::new(),
            made: 0,
            patches: 0,
            superseded: false,
        }
    }

    fn make_pod(&mut self, ordinal: u32, version: &str) {
        self.made += 1;
        self.pods.push(ModelPod {
            ordinal,
            version: version.to_owned(),
            uid: self.made,
            resource_version: 1,
        });
        self.pods.sort_by_key(|it| it.ordinal);
    }

    fn history(&self) -> History {
        let pods = self.pods.iter().map(|it| {
            let pod = db_pod(it.ordinal, &it.version)
                .with("/metadata/uid", json!(it.uid.to_string()))
                .with(
                    "/metadata/resourceVersion",
                    json!(it.resource_version.to_string()),
                );
            if is_good(&it.version) {
                pod.ready(0).build()
            } else {
                pod.running(0, 0).build()
            }
        });
        History::new(
            self.workload.clone(),
            self.object.clone(),
            self.revisions.clone(),
            pods.collect(),
        )
    }

    fn version(&self) -> String {
        version_of(&self.object["spec"]["template"])
    }

    fn replace_template(&mut self, template: Value) {
        self.object["spec"]["template"] = template;
        let generation = self.object["metadata"]["generation"].as_i64().unwrap();
        self.object["metadata"]["generation"] = json!(generation + 1);
    }

    /// Somebody deploys a newer version.
    pub(super) fn deploy(&mut self) {
        if !self.superseded {
            self.superseded = true;
            self.replace_template(template("v3"));
        }
    }

    /// Returns whether the controller rolls out the present template.
    pub(super) fn has_taken_in(&self, version: &str) -> bool {
        self.version() == version
            && self.object["status"]["observedGeneration"] == self.object["metadata"]["generation"]
    }

    /// Returns whether it is whole: of the present template, and all pods ready.
    fn is_complete(&self) -> bool {
        let version = self.version();
        let of_it = |it: &ModelPod| it.version == version && is_good(&it.version);
        let whole = self.workload.kind != WorkloadKind::StatefulSet || self.pods.len() == 3;
        self.has_taken_in(&version) && whole && self.pods.iter().all(of_it)
    }

    /// The controller does one thing.
    pub(super) fn controller(&mut self) {
        let version = self.version();
        if !self.has_taken_in(&version) {
            self.take_in(&version);
            return;
        }
        if self.workload.kind != WorkloadKind::StatefulSet {
            return;
        }
        let missing = (0..3).find(|wanted| self.pods.iter().all(|it| it.ordinal != *wanted));
        if let Some(ordinal) = missing {
            self.make_pod(ordinal, &version);
            return;
        }
        // `OrderedReady`: while one is not ready none is replaced.
        if self.pods.iter().all(|it| is_good(&it.version)) {
            let mut old = self.pods.iter().rev().filter(|it| it.version != version);
            if let Some(ordinal) = old.next().map(|it| it.ordinal) {
                self.pods.retain(|it| it.ordinal != ordinal);
            }
        }
    }

    fn take_in(&mut self, version: &str) {
        self.object["status"]["observedGeneration"] = self.object["metadata"]["generation"].clone();
        let is_set = self.workload.kind == WorkloadKind::StatefulSet;
        let number = |it: &Value| {
            if is_set {
                it["revision"].as_u64().unwrap()
            } else {
                let text = &it["metadata"]["annotations"]["deployment.kubernetes.io/revision"];
                text.as_str().unwrap().parse().unwrap()
            }
        };
        let newest: u64 = self.revisions.iter().map(number).max().unwrap() + 1;
        let name = format!("{}-{version}", self.workload.name);
        let known = self.revisions.iter();
        if !known
            .clone()
            .any(|it| it["metadata"]["name"] == name.as_str())
        {
            self.revisions.push(if is_set {
                stateful_set().revision_json(version, 0)
            } else {
                replica_set_json(version, 0, (0, 0))
            });
        }
        let named = |it: &&mut Value| it["metadata"]["name"] == name.as_str();
        let current = self.revisions.iter_mut().find(named).unwrap();
        if is_set {
            current["revision"] = json!(newest);
            self.object["status"]["updateRevision"] = json!(name);
        } else {
            let place = "deployment.kubernetes.io/revision";
            current["metadata"]["annotations"][place] = json!(newest.to_string());
            self.object["metadata"]["annotations"][place] = json!(newest.to_string());
        }
    }

    /// Applies the change as the API server does: all of it or nothing.
    fn apply(&mut self, plan: &RollbackPlan) -> bool {
        let before = plain(&self.object["spec"]["template"]);
        let mut object = self.object.clone();
        let change = &plan.template_change;
        if object["metadata"]["uid"] != json!(plan.uid)
            || object["spec"]["template"] != change.judged
        {
            return false;
        }
        object["spec"]["template"] = change.target.clone();
        if let (Some(removed), Some(annotations)) = (
            &change.removed_annotation,
            object["metadata"]["annotations"].as_object_mut(),
        ) {
            annotations.remove(removed);
        }
        object["metadata"]["annotations"][ROLLBACK_RECORD] = json!(change.record.to_text());
        self.object = object;
        if plain(&self.object["spec"]["template"]) != before {
            let template = self.object["spec"]["template"].clone();
            self.replace_template(template);
        }
        self.patches += 1;
        true
    }

    fn patched(&mut self, plan: &RollbackPlan) -> PatchResult {
        if self.apply(plan) {
            return PatchResult::Applied;
        }
        let now = self.history();
        match read_back(plan, &now) {
            ReadBack::Applied if is_own(plan, &now) => PatchResult::Applied,
            ReadBack::Applied => PatchResult::AlreadyInPlace,
            ReadBack::Superseded => PatchResult::Superseded,
            ReadBack::Untouched => PatchResult::Failed(unreachable()),
        }
    }

    fn unmark(&mut self, uid: &str) {
        for it in &mut self.revisions {
            if it["metadata"]["uid"] == uid {
                let annotations = it["metadata"]["annotations"].as_object_mut().unwrap();
                annotations.remove(&LastKnownGood::annotation(uid));
            }
        }
    }

    fn delete(&mut self, pod: &StuckPod) -> DeleteResult {
        let before = self.pods.len();
        self.pods.retain(|it| {
            it.uid.to_string() != pod.uid || it.resource_version.to_string() != pod.resource_version
        });
        if self.pods.len() < before {
            DeleteResult::Deleted
        } else {
            DeleteResult::ChangedMeanwhile
        }
    }

    fn summary(&self) -> String {
        let marked = self.history();
        let marked = marked.entries().filter(|it| it.mark().is_some());
        let marked: Vec<&str> = marked.map(|it| it.name()).collect();
        let pods: Vec<&str> = self.pods.iter().map(|it| it.version.as_str()).collect();
        format!(
            "{} at {}, {} patches, marked {marked:?}, pods {pods:?}",
            self.workload,
            self.version(),
            self.patches
        )
    }
}

fn unreachable() -> FailedCall {
    FailedCall {
        kind: FailureKind::Unreachable,
        messages: vec!["no answer".to_owned()],
        hint: None,
    }
}

/// Both workloads.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ModelCluster {
    pub(super) workloads: Vec<ModelWorkload>,
    requests: Vec<Request>,
}

impl ModelCluster {
    /// A check has found both bad, and its approval names both.
    pub(super) fn new(stuck: &[u32]) -> Self {
        let workloads = vec![ModelWorkload::web(), ModelWorkload::db(stuck)];
        let approved = |it: &ModelWorkload| {
            let named = Request {
                judged: it.history().current().map(|it| it.uid().to_owned()),
                served: it.history().with_uid("rs-v1").map(|it| it.uid().to_owned()),
                ..Request::default()
            };
            let RollbackDecision::Apply(plan) = decide(&it.history(), &named) else {
                panic!("{} is not bad", it.workload);
            };
            Request {
                approval: Some(plan.approval()),
                run: "run 7".to_owned(),
                now: at(50),
                ..Request::default()
            }
        };
        Self {
            requests: workloads.iter().map(approved).collect(),
            workloads,
        }
    }

    /// As a run finds it.
    pub(super) fn prepared(&self) -> PreparedRollback {
        let mut prepared = PreparedRollback::default();
        for (it, request) in self.workloads.iter().zip(&self.requests) {
            prepared.add(PreparedWorkload::new(&it.history(), request));
        }
        prepared
    }

    pub(super) fn of(&mut self, workload: &WorkloadRef) -> &mut ModelWorkload {
        let mut all = self.workloads.iter_mut();
        all.find(|it| it.workload == *workload).unwrap()
    }

    pub(super) fn controllers(&mut self) {
        for it in &mut self.workloads {
            it.controller();
        }
    }

    /// Returns whether the check that was asked for would succeed; `false` for any other request.
    pub(super) fn is_complete(&self, request: &ClusterRequest) -> bool {
        let ClusterRequest::Verify { restored, .. } = request else {
            return false;
        };
        let mut all = self.workloads.iter();
        all.all(|it| {
            let mut restored = restored.iter();
            restored.all(|restored| restored.workload != it.workload) || it.is_complete()
        })
    }

    /// Carries a request. What is lost is answered as well: with that.
    pub(super) fn carry(&mut self, request: &ClusterRequest, fate: Fate) -> Seen {
        let answered = (fate != Fate::Lost).then(|| self.answer(request));
        match answered {
            Some(answer) if fate == Fate::Answered => answer,
            Some(_) | None => no_answer(request),
        }
    }

    fn answer(&mut self, request: &ClusterRequest) -> Seen {
        match request {
            ClusterRequest::Patch(plan) => Seen::Patched {
                workload: plan.workload.clone(),
                result: self.of(&plan.workload).patched(plan),
            },
            ClusterRequest::WithdrawMark { workload, bad } => {
                self.of(workload).unmark(&bad.uid);
                Seen::MarkWithdrawn {
                    workload: workload.clone(),
                    failure: None,
                }
            }
            ClusterRequest::Look {
                workload,
                target_uid,
            } => Seen::Looked {
                look: Look::of(&self.of(workload).history(), target_uid),
                workload: workload.clone(),
            },
            ClusterRequest::DeletePod { workload, pod } => Seen::Deleted {
                workload: workload.clone(),
                result: self.of(workload).delete(pod),
            },
            ClusterRequest::Verify { .. } => self.verified(request),
        }
    }

    fn verified(&self, request: &ClusterRequest) -> Seen {
        let (verdict, health) = if self.is_complete(request) {
            (VerdictKind::Succeeded, RollbackHealth::Healthy)
        } else {
            (VerdictKind::TimedOut, RollbackHealth::Unhealthy)
        };
        Seen::Verified {
            verification: Verification::Judged {
                verdict,
                health: Some(health),
                sentence: verdict.to_string(),
            },
        }
    }

    /// Both workloads in few words.
    pub(super) fn summary(&self) -> Vec<String> {
        self.workloads.iter().map(ModelWorkload::summary).collect()
    }
}

fn no_answer(request: &ClusterRequest) -> Seen {
    match request {
        ClusterRequest::Patch(plan) => Seen::Patched {
            workload: plan.workload.clone(),
            result: PatchResult::Failed(unreachable()),
        },
        ClusterRequest::WithdrawMark { workload, .. } => Seen::MarkWithdrawn {
            workload: workload.clone(),
            failure: Some(unreachable()),
        },
        ClusterRequest::Look { workload, .. } => Seen::Looked {
            workload: workload.clone(),
            look: Look::Failed(unreachable()),
        },
        ClusterRequest::DeletePod { workload, .. } => Seen::Deleted {
            workload: workload.clone(),
            result: DeleteResult::Failed(unreachable()),
        },
        ClusterRequest::Verify { .. } => Seen::Verified {
            verification: Verification::Failed(unreachable()),
        },
    }
}
