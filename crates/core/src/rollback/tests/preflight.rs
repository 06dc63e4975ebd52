//! Questions for the cluster, and what its answers mean: a hit and a near miss each.
#![expect(clippy::too_many_lines, reason = "tables of named rows")]

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::past::{Past, of_db, of_web};
use crate::rollback::preflight::{Answers, JobRun, Kept, Looked, Right, Trial, judge, questions};
use crate::rollback::{ConcernCode, Reference, ReferenceKind, references};
use crate::testing::{at, db_pod};

fn failing() -> Past {
    of_web().had("v1", 1, 2).had("v2", 2, 0).marked("v1", 60)
}

fn fine() -> Answers {
    Answers {
        references: Vec::new(),
        pod: Trial::Accepted,
        patch: Trial::Accepted,
        written: None,
        rights: Vec::new(),
        jobs: Looked::Seen(Vec::new()),
    }
}

fn said(past: &Past, answers: &Answers) -> Vec<String> {
    let concerns = judge(&past.plan(), answers);
    let words = concerns
        .iter()
        .map(|it| format!("{} {}", it.code, it.weight.as_str()));
    words.collect()
}

#[test]
fn what_a_template_needs_is_found_wherever_it_is_named() {
    let template = json!({"spec": {
        "serviceAccountName": "runner",
        "priorityClassName": "high",
        "imagePullSecrets": [{"name": "registry"}],
        "initContainers": [{"name": "i", "envFrom": [{"secretRef": {"name": "init"}}]}],
        "containers": [{"name": "app",
            "env": [
                {"name": "A", "value": "x"},
                {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "conf", "key": "b"}}},
                {"name": "C", "valueFrom": {"secretKeyRef": {"name": "pass", "key": "c", "optional": true}}},
                {"name": "D", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
            "envFrom": [{"configMapRef": {"name": "conf"}}, {"configMapRef": {"name": "maybe", "optional": true}}]}],
        "volumes": [
            {"name": "v1", "configMap": {"name": "files", "items": [{"key": "a.conf", "path": "a"}]}},
            {"name": "v2", "secret": {"secretName": "tls"}},
            {"name": "v3", "projected": {"sources": [{"secret": {"name": "token", "items": [{"key": "t", "path": "t"}]}}]}},
            {"name": "v4", "persistentVolumeClaim": {"claimName": "data"}},
            {"name": "v5", "emptyDir": {}}],
    }});
    let found: Vec<String> = references(&template)
        .iter()
        .map(|it| {
            let keys: Vec<&str> = it.keys.iter().map(String::as_str).collect();
            let optional = if it.optional { " optional" } else { "" };
            format!(
                "{} {} [{}]{optional}",
                it.kind.as_str(),
                it.name,
                keys.join(",")
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            "ConfigMap conf [b]",
            "ConfigMap files [a.conf]",
            "ConfigMap maybe [] optional",
            "Secret init []",
            "Secret pass [] optional",
            "Secret registry [] optional",
            "Secret tls []",
            "Secret token [t]",
            "ServiceAccount runner []",
            "PersistentVolumeClaim data []",
            "PriorityClass high []",
        ]
    );
    assert_eq!(references(&Value::Null), []);
}

#[test]
fn the_pod_to_try_is_one_that_the_controller_would_make() {
    let past = failing();
    let asked = questions(&past.plan(), &past.history());
    assert_eq!(asked.pod["metadata"]["generateName"], "web-rollguard-");
    assert_eq!(asked.pod["metadata"]["namespace"], "shop");
    assert_eq!(asked.pod["metadata"]["labels"]["app"], "web");
    let owner = &asked.pod["metadata"]["ownerReferences"][0];
    assert_eq!(
        (&owner["kind"], &owner["uid"]),
        (&json!("ReplicaSet"), &json!("rs-v1"))
    );
    assert_eq!(
        asked.pod["spec"]["containers"][0]["image"],
        "registry.test/app:v1"
    );

    let claims = json!([{"metadata": {"name": "data"}}]);
    let db = of_db().with("/spec/volumeClaimTemplates", claims);
    let asked = questions(&db.plan(), &db.history());
    assert_eq!(
        asked.pod["metadata"]["ownerReferences"][0]["kind"],
        "StatefulSet"
    );
    assert_eq!(
        asked.pod["spec"]["volumes"],
        json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data-db-0"}}])
    );
}

#[test]
fn only_what_may_have_to_be_deleted_needs_the_right_to() {
    let rights = |past: &Past| -> Vec<String> {
        let asked = questions(&past.plan(), &past.history()).rights;
        let words = asked
            .iter()
            .map(|it| format!("{} {} {}", it.verb, it.resource, it.needed));
        words.collect()
    };
    assert_eq!(
        rights(&failing()),
        ["patch deployments true", "patch replicasets false"]
    );
    let stateful = ["patch statefulsets true", "patch controllerrevisions false"];
    let stuck = of_db().pod(db_pod(2, "v2").running(0, 0));
    assert_eq!(rights(&stuck)[..2], stateful);
    assert_eq!(rights(&stuck)[2], "delete pods true");
    let fine = of_db().pod(db_pod(2, "v2").ready(0));
    assert_eq!(rights(&fine)[2], "delete pods false");
}

#[test]
fn every_right_that_is_lacking_is_named() {
    let right = |lack, needed| Right {
        verb: "patch",
        group: "apps",
        resource: "deployments",
        name: None,
        lack,
        needed,
    };
    let may = |answer| (right(ConcernCode::MayNotPatch, true), answer);
    let rows = [
        ("allowed", may(Looked::Seen(true)), None),
        (
            "not allowed",
            may(Looked::Seen(false)),
            Some("MayNotPatch refusal"),
        ),
        (
            "cannot tell",
            may(Looked::Unseen("403".into())),
            Some("NotLooked note"),
        ),
        (
            "a mark could not be written",
            (right(ConcernCode::MayNotMark, false), Looked::Seen(false)),
            Some("MayNotMark note"),
        ),
        (
            "a pod may get stuck",
            (
                right(ConcernCode::MayNotDeletePods, false),
                Looked::Seen(false),
            ),
            Some("MayNotDeletePods warning"),
        ),
        (
            "a pod is stuck",
            (
                right(ConcernCode::MayNotDeletePods, true),
                Looked::Seen(false),
            ),
            Some("MayNotDeletePods refusal"),
        ),
    ];
    for (says, answer, expected) in rows {
        let answers = Answers {
            rights: vec![answer],
            ..fine()
        };
        let expected: Vec<&str> = expected.into_iter().collect();
        assert_eq!(said(&failing(), &answers), expected, "{says}");
    }
}

fn needs(kind: ReferenceKind, keys: &[&str], optional: bool) -> Reference {
    Reference {
        kind,
        name: "x".into(),
        keys: keys.iter().map(ToString::to_string).collect(),
        optional,
    }
}

fn holds(keys: &[&str], changed: Option<Timestamp>) -> Looked<Kept> {
    let keys: BTreeSet<String> = keys.iter().map(ToString::to_string).collect();
    Looked::Seen(Kept {
        keys: Some(keys),
        changed,
    })
}

#[test]
fn what_the_target_needs_must_be_there() {
    use ReferenceKind::{ConfigMap, PersistentVolumeClaim, PriorityClass, Secret, ServiceAccount};
    let unread = Looked::Seen(Kept::default());
    let rows = [
        (
            "there",
            needs(ConfigMap, &["a"], false),
            holds(&["a", "b"], None),
            None,
        ),
        (
            "gone",
            needs(ConfigMap, &[], false),
            Looked::Missing,
            Some("MissingConfigMap refusal"),
        ),
        (
            "gone, and optional",
            needs(ConfigMap, &[], true),
            Looked::Missing,
            None,
        ),
        (
            "a key is gone",
            needs(Secret, &["a"], false),
            holds(&["b"], None),
            Some("MissingKey refusal"),
        ),
        (
            "keys that were not read",
            needs(Secret, &["a"], false),
            unread,
            None,
        ),
        (
            "no secret",
            needs(Secret, &[], false),
            Looked::Missing,
            Some("MissingSecret refusal"),
        ),
        (
            "no account",
            needs(ServiceAccount, &[], false),
            Looked::Missing,
            Some("MissingServiceAccount refusal"),
        ),
        (
            "no claim",
            needs(PersistentVolumeClaim, &[], false),
            Looked::Missing,
            Some("MissingClaim refusal"),
        ),
        (
            "no class",
            needs(PriorityClass, &[], false),
            Looked::Missing,
            Some("MissingPriorityClass refusal"),
        ),
        (
            "may not look",
            needs(Secret, &[], false),
            Looked::Unseen("403".into()),
            Some("NotLooked note"),
        ),
        (
            "may not look, and optional",
            needs(Secret, &[], true),
            Looked::Unseen("403".into()),
            None,
        ),
        (
            "changed since it was good",
            needs(ConfigMap, &[], false),
            holds(&[], Some(at(61))),
            Some("ConfigChanged warning"),
        ),
        (
            "changed before it was good",
            needs(ConfigMap, &[], false),
            holds(&[], Some(at(59))),
            None,
        ),
        (
            "an account that changed",
            needs(ServiceAccount, &[], false),
            holds(&[], Some(at(61))),
            None,
        ),
    ];
    for (says, reference, looked, expected) in rows {
        let answers = Answers {
            references: vec![(reference, looked)],
            ..fine()
        };
        let expected: Vec<&str> = expected.into_iter().collect();
        assert_eq!(said(&failing(), &answers), expected, "{says}");
    }
    let unmarked = of_web().had("v1", 1, 2).had("v2", 2, 0);
    let answers = Answers {
        references: vec![(needs(ConfigMap, &[], false), holds(&[], Some(at(61))))],
        ..fine()
    };
    assert_eq!(
        said(&unmarked, &answers),
        Vec::<String>::new(),
        "since when is not known"
    );
}

#[test]
fn what_the_api_server_says_to_a_try_counts() {
    let refused = |code, message: &str| Trial::Refused {
        code,
        message: message.into(),
    };
    let quota = "pods \"web-rollguard-x\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=3, limited: pods=3";
    let rows = [
        ("accepted", Trial::Accepted, None),
        (
            "a full quota, which the bad pods hold",
            refused(403, quota),
            Some("QuotaFull warning"),
        ),
        (
            "a quota that wants requests",
            refused(
                403,
                "pods \"x\" is forbidden: failed quota: q: must specify requests.cpu",
            ),
            Some("PodRefused refusal"),
        ),
        (
            "pod security",
            refused(
                403,
                "pods \"x\" is forbidden: violates PodSecurity \"restricted:latest\"",
            ),
            Some("PodRefused refusal"),
        ),
        (
            "a webhook",
            refused(400, "admission webhook \"policy\" denied the request: no"),
            Some("PodRefused refusal"),
        ),
        (
            "the identity may make no pods",
            refused(
                403,
                "pods is forbidden: User \"x\" cannot create resource \"pods\" in API group \"\" in the namespace \"shop\"",
            ),
            Some("NotLooked note"),
        ),
        (
            "a webhook that cannot be tried",
            Trial::NotTried("does not support dry run".into()),
            Some("NotLooked note"),
        ),
    ];
    for (says, pod, expected) in rows {
        let answers = Answers { pod, ..fine() };
        let expected: Vec<&str> = expected.into_iter().collect();
        assert_eq!(said(&failing(), &answers), expected, "{says}");
    }
    let denied = Answers {
        patch: refused(403, "denied by policy"),
        ..fine()
    };
    assert_eq!(said(&failing(), &denied), ["PatchRefused refusal"]);
}

#[test]
fn a_template_that_would_be_written_otherwise_is_told() {
    let target = failing().plan().target_template().clone();
    let mut hashed = target.clone();
    hashed["metadata"]["labels"]["pod-template-hash"] = json!("abc");
    let mut meshed = target.clone();
    meshed["spec"]["containers"] = json!([
        target["spec"]["containers"][0],
        {"name": "mesh", "image": "registry.test/mesh:1"},
    ]);
    let rows = [
        ("nothing is known of it", None, None),
        ("as it is", Some(target), None),
        ("but for the controller's own label", Some(hashed), None),
        (
            "with one container more",
            Some(meshed),
            Some("container `mesh`"),
        ),
    ];
    for (says, written, expected) in rows {
        let answers = Answers { written, ..fine() };
        let concerns = judge(&failing().plan(), &answers);
        let told: Vec<String> = concerns.iter().map(ToString::to_string).collect();
        assert_eq!(
            told.len(),
            usize::from(expected.is_some()),
            "{says}: {told:?}"
        );
        let part = expected.unwrap_or_default();
        assert!(told.iter().all(|it| it.contains(part)), "{says}: {told:?}");
    }
}

#[test]
fn a_job_that_ran_since_may_have_migrated() {
    let job = |second, scheduled| JobRun {
        name: "migrate".into(),
        completed: at(second),
        scheduled,
    };
    let rows = [
        ("none", Looked::Seen(vec![]), None),
        (
            "since it was good",
            Looked::Seen(vec![job(61, false)]),
            Some("MigrationRan warning"),
        ),
        (
            "before it was good",
            Looked::Seen(vec![job(59, false)]),
            None,
        ),
        ("on a schedule", Looked::Seen(vec![job(61, true)]), None),
        (
            "may not look",
            Looked::Unseen("403".into()),
            Some("NotLooked note"),
        ),
    ];
    for (says, jobs, expected) in rows {
        let answers = Answers { jobs, ..fine() };
        let expected: Vec<&str> = expected.into_iter().collect();
        assert_eq!(said(&failing(), &answers), expected, "{says}");
    }
    let unmarked = of_web().had("v1", 1, 2).had("v2", 2, 0);
    let answers = Answers {
        jobs: Looked::Seen(vec![job(5, false)]),
        ..fine()
    };
    assert_eq!(
        said(&unmarked, &answers),
        ["MigrationRan warning"],
        "since it was made"
    );
}

#[test]
fn what_weighs_most_stands_first() {
    let answers = Answers {
        jobs: Looked::Unseen("403".into()),
        references: vec![
            (
                needs(ReferenceKind::ConfigMap, &[], false),
                holds(&[], Some(at(99))),
            ),
            (needs(ReferenceKind::Secret, &[], false), Looked::Missing),
        ],
        ..fine()
    };
    assert_eq!(
        said(&failing(), &answers),
        [
            "MissingSecret refusal",
            "ConfigChanged warning",
            "NotLooked note"
        ]
    );
}
