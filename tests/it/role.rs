//! The published Roles, and the rights that a rollback asks for before it begins.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's helper may fail the test"
)]

use rollguard_core::history::History;
use rollguard_core::permission::{Command, Usage};
use rollguard_core::rollback::preflight::{AccessReview, questions};
use rollguard_core::rollback::{Request, RollbackDecision, decide};
use rollguard_core::workload::{Revision, WorkloadKind, WorkloadRef};
use serde_json::{Value, json};

/// A workload of this kind with two revisions.
fn history(kind: WorkloadKind) -> History {
    let template = |image: &str| {
        json!({"metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "app", "image": image}]}})
    };
    let object = json!({
        "metadata": {"name": "web", "namespace": "shop", "uid": "w", "generation": 2},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "serviceName": "web",
            "template": template("app:2"), "updateStrategy": {"type": "RollingUpdate"}},
        "status": {"observedGeneration": 2, "updateRevision": "web-2", "currentRevision": "web-1",
            "currentNumberScheduled": 1, "desiredNumberScheduled": 1, "numberMisscheduled": 0,
            "numberReady": 0, "replicas": 1},
    });
    let revision_object = |number: u64| -> Value {
        let template = template(&format!("app:{number}"));
        json!({
            "metadata": {"name": format!("web-{number}"), "uid": format!("c{number}"),
                "annotations": {"deployment.kubernetes.io/revision": number.to_string()},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": kind.to_string(), "name": "web",
                    "uid": "w", "controller": true}]},
            "spec": {"template": template},
            "data": {"spec": {"template": template}},
            "revision": number,
        })
    };
    let workload = WorkloadRef {
        kind,
        namespace: "shop".to_owned(),
        name: "web".to_owned(),
    };
    History::new(
        workload,
        object,
        vec![revision_object(2), revision_object(1)],
        Vec::new(),
    )
}

fn rights(kind: WorkloadKind) -> Vec<AccessReview> {
    let history = history(kind);
    let request = Request {
        to_revision: Some(Revision(1)),
        ..Request::default()
    };
    match decide(&history, &request) {
        RollbackDecision::Apply(plan) => questions(&plan, &history).rights,
        other @ (RollbackDecision::Already(_) | RollbackDecision::Refuse(_)) => {
            panic!("{kind}: {other:?}")
        }
    }
}

const KINDS: [WorkloadKind; 3] = [
    WorkloadKind::Deployment,
    WorkloadKind::StatefulSet,
    WorkloadKind::DaemonSet,
];

#[test]
fn the_table_has_every_right_that_a_rollback_asks_for() {
    let mut asked = 0;
    for kind in KINDS {
        let usage = Usage::of([Command::Rollback]).with_kinds([kind]);
        let permissions = usage.permissions();
        for right in rights(kind) {
            let listed = permissions.iter().any(|it| {
                let permission = it.permission;
                (permission.verb, permission.group, permission.resource)
                    == (right.verb, right.group, right.resource)
            });
            assert!(listed, "{kind}: {right:?}");
            asked += 1;
        }
    }
    assert!(asked >= 7, "two of each kind, and pods of a StatefulSet");
}

/// The text of a published document.
fn published(path: &str) -> String {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::fs::read_to_string(root.join(path)).unwrap()
}

#[test]
fn the_published_roles_are_kubernetes_objects() {
    let text = published("docs/rbac.md");
    let blocks = text.split("```yaml\n").skip(1);
    let mut kinds = Vec::new();
    for block in blocks.map(|it| it.split("```").next().unwrap()) {
        for document in serde_yaml::Deserializer::from_str(block) {
            let object: Value = serde::Deserialize::deserialize(document).unwrap();
            kinds.push(object["kind"].as_str().unwrap().to_owned());
            assert_eq!(object["apiVersion"], "rbac.authorization.k8s.io/v1");
        }
    }
    let of_both = ["Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"];
    let of_drill = ["ClusterRole", "ClusterRoleBinding"];
    let expected: Vec<&str> = of_both
        .iter()
        .chain(&of_both)
        .chain(&of_drill)
        .chain(&of_both)
        .copied()
        .collect();
    assert_eq!(kinds, expected);
}

#[test]
fn the_readme_leads_to_the_roles() {
    assert!(published("README.md").contains("(docs/rbac.md)"));
}
