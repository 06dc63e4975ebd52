//! The Role that the README gives grants what a rollback asks for.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's helper may fail the test"
)]

use std::collections::BTreeSet;

use rollguard_cluster::{CHECK_RULES, CLUSTER_RULES, ROLLBACK_RULES};
use rollguard_core::history::History;
use rollguard_core::rollback::preflight::{AccessReview, questions};
use rollguard_core::rollback::{Request, RollbackDecision, decide};
use rollguard_core::workload::{Revision, WorkloadKind, WorkloadRef};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug, Deserialize)]
struct Role {
    kind: String,
    rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    api_groups: Vec<String>,
    resources: Vec<String>,
    verbs: Vec<String>,
}

fn readme() -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    std::fs::read_to_string(path).unwrap()
}

fn role() -> Role {
    let readme = readme();
    let blocks = readme.split("```yaml\n").skip(1);
    let mut blocks = blocks.map(|it| it.split("```").next().unwrap());
    let role = blocks.find(|it| it.contains("kind: Role\n")).unwrap();
    serde_yaml::from_str(role).unwrap()
}

impl Role {
    fn grants(&self, verb: &str, group: &str, resource: &str) -> bool {
        let has = |list: &[String], it: &str| list.iter().any(|known| known == it);
        self.rules.iter().any(|rule| {
            has(&rule.verbs, verb) && has(&rule.api_groups, group) && has(&rule.resources, resource)
        })
    }
}

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
fn the_role_of_the_readme_grants_every_right_that_a_rollback_asks_for() {
    let role = role();
    assert_eq!(role.kind, "Role");
    let mut asked = 0;
    for right in KINDS.into_iter().flat_map(rights) {
        let granted = role.grants(right.verb, right.group, right.resource);
        assert!(granted, "{right:?}");
        asked += 1;
    }
    assert!(asked >= 7, "two of each kind, and pods of a StatefulSet");
}

/// Every verb on every resource, one by one.
fn singly<'a>(rules: impl IntoIterator<Item = (&'a str, &'a str, &'a str)>) -> BTreeSet<String> {
    let each = rules.into_iter();
    each.map(|(group, resource, verb)| format!("{verb} {resource}.{group}"))
        .collect()
}

#[test]
fn it_grants_what_the_cluster_crate_uses_and_no_more() {
    let role = role();
    let given = role.rules.iter().flat_map(|rule| {
        let resources = rule
            .resources
            .iter()
            .zip(std::iter::repeat(&rule.api_groups[0]));
        resources.flat_map(|(resource, group)| {
            let verbs = rule.verbs.iter();
            verbs.map(move |verb| (group.as_str(), resource.as_str(), verb.as_str()))
        })
    });
    let used = CHECK_RULES.iter().chain(ROLLBACK_RULES).flat_map(|rule| {
        let resources = rule.resources.iter();
        resources.flat_map(move |&resource| {
            rule.verbs
                .iter()
                .map(move |&verb| (rule.group, resource, verb))
        })
    });
    assert_eq!(singly(given), singly(used));
}

#[test]
fn the_readme_names_what_a_role_cannot_give() {
    let readme = readme();
    for resource in CLUSTER_RULES.iter().flat_map(|rule| rule.resources) {
        let after = readme.split("ClusterRole of their own").nth(1).unwrap();
        assert!(after.contains(&format!("`{resource}")), "{resource}");
    }
}
