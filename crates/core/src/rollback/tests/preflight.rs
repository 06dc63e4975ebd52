//! Questions for the cluster, and what its answers mean: a hit and a near miss each.
#![expect(clippy::too_many_lines, reason = "tables of named rows")]

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::past::{Past, of_db, of_web};
use crate::rollback::preflight::{
    AccessReview, Answers, DryRun, JobRun, JobState, Lookup, ObjectState, judge, questions,
};
use crate::rollback::{PreflightCode, Reference, ReferenceKind, references};
use crate::testing::{at, db_pod};

fn failing() -> Past {
    of_web().had("v1", 1, 2).had("v2", 2, 0).marked("v1", 60)
}

fn fine() -> Answers {
    Answers {
        references: Vec::new(),
        pod: DryRun::Accepted,
        patch: DryRun::Accepted,
        written: None,
        rights: Vec::new(),
        jobs: Lookup::Seen(Vec::new()),
        helm: None,
    }
}

fn said(past: &Past, answers: &Answers) -> Vec<String> {
    let findings = judge(&past.plan(), answers);
    let words = findings
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
    let found: Vec<String> = references(&template, "shop")
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
    assert_eq!(references(&Value::Null, "shop"), []);
}

#[test]
fn a_volume_needs_the_secret_that_it_is_mounted_with() {
    let named = json!({"secretRef": {"name": "x"}});
    let chap = json!({"secretRef": {"name": "x"}, "chapAuthSession": true});
    let azure = |driver: &str, attributes: Value| json!({"csi": {"driver": driver, "volumeAttributes": attributes}});
    let (file, blob) = ("file.csi.azure.com", "blob.csi.azure.com");
    let (needed, optional) = (Some(false), Some(true));
    let rows = [
        (
            "Azure Files",
            json!({"azureFile": {"secretName": "x"}}),
            needed,
        ),
        (
            "a CSI driver",
            json!({"csi": {"driver": "d", "nodePublishSecretRef": {"name": "x"}}}),
            needed,
        ),
        ("CephFS", json!({"cephfs": named}), needed),
        ("Ceph RBD", json!({"rbd": named}), needed),
        ("a FlexVolume", json!({"flexVolume": named}), needed),
        ("ScaleIO", json!({"scaleIO": named}), needed),
        ("StorageOS", json!({"storageos": named}), needed),
        ("iSCSI with CHAP", json!({"iscsi": chap}), needed),
        (
            "iSCSI without CHAP does not read it",
            json!({"iscsi": named}),
            optional,
        ),
        (
            "Cinder's driver never gets it",
            json!({"cinder": named}),
            None,
        ),
        (
            "Azure Files by attributes",
            azure(file, json!({"secretName": "x"})),
            needed,
        ),
        (
            "in any case of letters",
            azure(blob, json!({"secretname": "x"})),
            needed,
        ),
        (
            "in the own namespace",
            azure(file, json!({"secretName": "x", "secretNamespace": "shop"})),
            needed,
        ),
        (
            "in another namespace, for drivers that look there",
            azure(file, json!({"secretName": "x", "secretNamespace": "vault"})),
            optional,
        ),
        (
            "an identity mounts it",
            azure(file, json!({"secretName": "x", "clientID": "y"})),
            optional,
        ),
        (
            "by key, and not by identity",
            azure(
                blob,
                json!({"secretName": "x", "AzureStorageAuthType": "Key"}),
            ),
            needed,
        ),
        (
            "another driver's attribute of that name",
            azure("other.example", json!({"secretName": "x"})),
            None,
        ),
        (
            "no secret",
            json!({"csi": {"driver": "d"}, "emptyDir": {}}),
            None,
        ),
    ];
    for (says, mut volume, expected) in rows {
        volume["name"] = json!("v");
        let found = references(&json!({"spec": {"volumes": [volume]}}), "shop");
        let found: Vec<_> = found
            .iter()
            .map(|it| (it.kind, it.name.as_str(), it.optional))
            .collect();
        let expected = expected.map(|optional| (ReferenceKind::Secret, "x", optional));
        assert_eq!(found, Vec::from_iter(expected), "{says}");
    }
}

#[test]
fn what_a_claim_takes_the_place_of_is_no_need() {
    let volumes = json!([{"name": "data", "secret": {"secretName": "replaced"}},
        {"name": "conf", "configMap": {"name": "kept"}}]);
    let asked = |claims: Value| {
        let mut db = of_db().with("/spec/volumeClaimTemplates", claims);
        db.revision_object("v1")["data"]["spec"]["template"]["spec"]["volumes"] = volumes.clone();
        questions(&db.plan(), &db.history())
    };
    let names = |claims: Value| -> Vec<String> {
        let references = asked(claims).references;
        references.into_iter().map(|it| it.name).collect()
    };
    let claims = json!([{"metadata": {"name": "data"}}]);
    assert_eq!(names(claims.clone()), ["kept"]);
    assert_eq!(names(json!([])), ["kept", "replaced"]);
    let pod = asked(claims).pod;
    let held: Vec<&Value> = pod["spec"]["volumes"].as_array().unwrap().iter().collect();
    assert_eq!(
        held,
        [
            &volumes[1],
            &json!({"name": "data", "persistentVolumeClaim": {"claimName": "data-db-0"}})
        ]
    );
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
        [
            "patch deployments true",
            "patch replicasets false",
            "list pods false",
            "watch pods false"
        ]
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
    let right = |lack, needed| AccessReview {
        verb: "patch",
        group: "apps",
        resource: "deployments",
        name: None,
        lack,
        needed,
    };
    let may = |answer| (right(PreflightCode::MayNotPatch, true), answer);
    let rows = [
        ("allowed", may(Lookup::Seen(true)), None),
        (
            "not allowed",
            may(Lookup::Seen(false)),
            Some("MayNotPatch refusal"),
        ),
        (
            "cannot tell",
            may(Lookup::Unseen("403".into())),
            Some("NotLooked note"),
        ),
        (
            "a mark could not be written",
            (right(PreflightCode::MayNotMark, false), Lookup::Seen(false)),
            Some("MayNotMark note"),
        ),
        (
            "pods may not be watched afterwards",
            (
                right(PreflightCode::MayNotSeePods, false),
                Lookup::Seen(false),
            ),
            Some("MayNotSeePods warning"),
        ),
        (
            "pods may be seen",
            (
                right(PreflightCode::MayNotSeePods, false),
                Lookup::Seen(true),
            ),
            None,
        ),
        (
            "a pod may get stuck",
            (
                right(PreflightCode::MayNotDeletePods, false),
                Lookup::Seen(false),
            ),
            Some("MayNotDeletePods warning"),
        ),
        (
            "a pod is stuck",
            (
                right(PreflightCode::MayNotDeletePods, true),
                Lookup::Seen(false),
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
    let both = Answers {
        rights: [PreflightCode::MayNotPatch, PreflightCode::MayNotDeletePods]
            .map(|lack| (right(lack, true), Lookup::Seen(false)))
            .to_vec(),
        ..fine()
    };
    let hints: BTreeSet<_> = judge(&failing().plan(), &both)
        .into_iter()
        .map(|it| it.hint)
        .collect();
    assert_eq!(hints.len(), 1, "one Role has them all");
    let hint = hints.into_iter().flatten().next().unwrap();
    let command = "the Role that `rollguard doctor rollback deployment/web -n shop` prints";
    assert!(hint.contains(command), "{hint}");
}

fn needs(kind: ReferenceKind, keys: &[&str], optional: bool) -> Reference {
    Reference {
        kind,
        name: "x".into(),
        keys: keys.iter().map(ToString::to_string).collect(),
        optional,
    }
}

fn holds(keys: &[&str], changed: Option<Timestamp>) -> Lookup<ObjectState> {
    let keys: BTreeSet<String> = keys.iter().map(ToString::to_string).collect();
    Lookup::Seen(ObjectState {
        keys: Some(keys),
        changed,
    })
}

#[test]
fn what_the_target_needs_must_be_there() {
    use ReferenceKind::{ConfigMap, PersistentVolumeClaim, PriorityClass, Secret, ServiceAccount};
    let unread = Lookup::Seen(ObjectState::default());
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
            Lookup::Missing,
            Some("MissingConfigMap refusal"),
        ),
        (
            "gone, and optional",
            needs(ConfigMap, &[], true),
            Lookup::Missing,
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
            Lookup::Missing,
            Some("MissingSecret refusal"),
        ),
        (
            "no account",
            needs(ServiceAccount, &[], false),
            Lookup::Missing,
            Some("MissingServiceAccount refusal"),
        ),
        (
            "no claim",
            needs(PersistentVolumeClaim, &[], false),
            Lookup::Missing,
            Some("MissingClaim refusal"),
        ),
        (
            "no class",
            needs(PriorityClass, &[], false),
            Lookup::Missing,
            Some("MissingPriorityClass refusal"),
        ),
        (
            "may not look",
            needs(Secret, &[], false),
            Lookup::Unseen("403".into()),
            Some("NotLooked note"),
        ),
        (
            "may not look, and optional",
            needs(Secret, &[], true),
            Lookup::Unseen("403".into()),
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
}

#[test]
fn without_a_mark_what_changed_since_the_target_was_made_is_told() {
    let unmarked = of_web().had("v1", 1, 2).had("v2", 2, 0);
    let mut unknown = unmarked.clone();
    unknown.revision_object("v1")["metadata"]["creationTimestamp"] = Value::Null;
    let good = "revision 1 was last known to be good";
    let rows = [
        ("after the mark", failing(), 61, Some(good)),
        (
            "before the mark, though after it was made",
            failing(),
            59,
            None,
        ),
        (
            "after it was made",
            unmarked.clone(),
            5,
            Some("revision 1 was made"),
        ),
        ("when it was made", unmarked, 0, None),
        ("nobody knows when it was made", unknown, 61, None),
    ];
    for (says, past, second, expected) in rows {
        let config = needs(ReferenceKind::ConfigMap, &[], false);
        let job = JobRun {
            name: "migrate".into(),
            state: JobState::Completed,
            at: at(second),
            scheduled: false,
            instance: None,
        };
        let answers = Answers {
            references: vec![(config, holds(&[], Some(at(second))))],
            jobs: Lookup::Seen(vec![job]),
            ..fine()
        };
        let told: Vec<String> = judge(&past.plan(), &answers)
            .into_iter()
            .map(|it| it.message)
            .collect();
        let expected: Vec<String> = expected.map_or_else(Vec::new, |then| {
            let at = at(second);
            vec![
                format!("ConfigMap `x` was changed at {at}, after {then}; it is not restored"),
                format!(
                    "Jobs have run since {then}: `migrate` completed at {at}; a migration is not undone"
                ),
            ]
        });
        assert_eq!(told, expected, "{says}");
    }
}

#[test]
fn what_the_api_server_says_to_a_try_counts() {
    let refused = |code, message: &str| DryRun::Refused {
        code,
        message: message.into(),
    };
    let exceeded = |amounts: &str| {
        let message =
            format!("pods \"web-rollguard-x\" is forbidden: exceeded quota: q, {amounts}");
        refused(403, &message)
    };
    let quota = "pods \"web-rollguard-x\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=3, limited: pods=3";
    let rows = [
        ("accepted", DryRun::Accepted, None),
        (
            "a full quota, which the bad pods hold",
            refused(403, quota),
            Some("QuotaFull warning"),
        ),
        (
            "a quota that is smaller than one pod",
            exceeded(
                "requested: limits.memory=32Mi, used: limits.memory=0, limited: limits.memory=16Mi",
            ),
            Some("PodRefused refusal"),
        ),
        (
            "as large as the quota, which others use",
            exceeded(
                "requested: limits.memory=1Gi, used: limits.memory=8Mi, limited: limits.memory=1024Mi",
            ),
            Some("QuotaFull warning"),
        ),
        (
            "as large as the quota, in another spelling",
            exceeded(
                "requested: limits.memory=1Gi, used: limits.memory=1, limited: limits.memory=1073741824",
            ),
            Some("QuotaFull warning"),
        ),
        (
            "one resource of two never fits",
            exceeded("requested: cpu=1500m,pods=1, used: cpu=0,pods=3, limited: cpu=1,pods=3"),
            Some("PodRefused refusal"),
        ),
        (
            "both fit once there is room",
            exceeded("requested: cpu=500m,pods=1, used: cpu=1,pods=3, limited: cpu=1,pods=3"),
            Some("QuotaFull warning"),
        ),
        (
            "amounts that cannot be read",
            exceeded("requested: cpu=many, used: cpu=0, limited: cpu=few"),
            Some("QuotaFull warning"),
        ),
        (
            "a webhook with a quota of its own",
            refused(
                403,
                "admission webhook \"w\" denied the request: exceeded quota: mine, ask me",
            ),
            Some("PodRefused refusal"),
        ),
        (
            "no amounts at all",
            exceeded("see the log"),
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
            DryRun::NotTried("does not support dry run".into()),
            Some("NotLooked note"),
        ),
    ];
    for (says, pod, expected) in rows {
        let answers = Answers { pod, ..fine() };
        let expected: Vec<&str> = expected.into_iter().collect();
        let one_left = of_web().had("v1", 1, 1).had("v2", 2, 0).marked("v1", 60);
        assert_eq!(said(&one_left, &answers), expected, "{says}");
    }
    // All of the target's pods are still there: none has to fit any more.
    let pod = exceeded("requested: pods=1, used: pods=3, limited: pods=0");
    let answers = Answers { pod, ..fine() };
    assert_eq!(said(&failing(), &answers), ["QuotaFull warning"]);
    let denied = Answers {
        patch: refused(403, "denied by policy"),
        ..fine()
    };
    assert_eq!(said(&failing(), &denied), ["PatchRefused refusal"]);
    let never = Answers {
        pod: exceeded("requested: cpu=2,pods=1, used: cpu=0,pods=1, limited: cpu=1,pods=1"),
        ..fine()
    };
    let one_left = of_web().had("v1", 1, 1).had("v2", 2, 0).marked("v1", 60);
    let told = &judge(&one_left.plan(), &never)[0];
    assert!(
        told.message
            .contains("can never fit into the quota (cpu): "),
        "{told}"
    );
    assert!(
        told.hint.as_ref().unwrap().contains("raise the quota"),
        "{told:?}"
    );
}

/// A review and the dry run both find it, or only one of them can tell.
#[test]
fn a_patch_that_the_identity_may_not_send_is_told_once() {
    let right = AccessReview {
        verb: "patch",
        group: "apps",
        resource: "deployments",
        name: None,
        lack: PreflightCode::MayNotPatch,
        needed: true,
    };
    let forbidden = "deployments.apps \"web\" is forbidden: User \"x\" cannot patch resource \
                     \"deployments\" in API group \"apps\" in the namespace \"shop\"";
    let unseen = || Lookup::Unseen("no answer".to_owned());
    let rows = [
        ("both", Lookup::Seen(false), 1),
        ("the dry run alone", unseen(), 2),
        ("the dry run, against the review", Lookup::Seen(true), 1),
    ];
    for (says, review, count) in rows {
        let answers = Answers {
            rights: vec![(right.clone(), review)],
            patch: DryRun::Refused {
                code: 403,
                message: forbidden.to_owned(),
            },
            ..fine()
        };
        for (is_proposed, weight) in [(false, "refusal"), (true, "warning")] {
            let mut plan = failing().plan();
            plan.proposed = is_proposed;
            let findings = judge(&plan, &answers);
            let told: Vec<String> = findings
                .iter()
                .map(|it| format!("{} {}", it.code, it.weight.as_str()))
                .collect();
            assert_eq!(told.len(), count, "{says}: {told:?}");
            assert_eq!(told[0], format!("MayNotPatch {weight}"), "{says}");
        }
    }
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
        let findings = judge(&failing().plan(), &answers);
        let told: Vec<String> = findings.iter().map(ToString::to_string).collect();
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
        state: JobState::Completed,
        at: at(second),
        scheduled,
        instance: None,
    };
    let rows = [
        ("none", Lookup::Seen(vec![]), None),
        (
            "since it was good",
            Lookup::Seen(vec![job(61, false)]),
            Some("MigrationRan warning"),
        ),
        (
            "before it was good",
            Lookup::Seen(vec![job(59, false)]),
            None,
        ),
        ("on a schedule", Lookup::Seen(vec![job(61, true)]), None),
        (
            "may not look",
            Lookup::Unseen("403".into()),
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
        jobs: Lookup::Seen(vec![job(5, false)]),
        ..fine()
    };
    assert_eq!(
        said(&unmarked, &answers),
        ["MigrationRan warning"],
        "since it was made"
    );
}

#[test]
fn a_job_that_failed_or_still_runs_may_be_half_done_and_one_of_the_release_comes_first() {
    let job = |name: &str, state, second| JobRun {
        name: name.into(),
        state,
        at: at(second),
        scheduled: false,
        instance: (name == "migrate").then(|| "shop".to_owned()),
    };
    let of_shop = |mut past: Past| {
        let metadata = &mut past.revision_object("v1")["spec"]["template"]["metadata"];
        metadata["labels"]["app.kubernetes.io/instance"] = json!("shop");
        past
    };
    let jobs = vec![
        job("report", JobState::Completed, 90),
        job("migrate", JobState::Failed, 70),
        job("seed", JobState::Running, 80),
    ];
    let told = |past: &Past, jobs: Vec<JobRun>| {
        let jobs = Lookup::Seen(jobs);
        let answers = Answers { jobs, ..fine() };
        let mut found = judge(&past.plan(), &answers).into_iter();
        found.next().map(|it| it.message).unwrap_or_default()
    };
    let said = told(&of_shop(failing()), jobs.clone());
    let (seventy, eighty, ninety) = (at(70), at(80), at(90));
    let end = format!(
        ": `migrate` of the same release failed at {seventy}, `report` completed at {ninety}, `seed` runs since {eighty}; a migration \
         is not undone, and this one may be half done"
    );
    assert!(said.ends_with(&end), "{said}");
    let said = told(&failing(), jobs);
    assert!(said.contains("`report` completed"), "{said}");
    assert!(!said.contains("of the same release"), "{said}");
    assert_eq!(
        told(&failing(), vec![job("migrate", JobState::Failed, 59)]),
        "",
        "before it was good"
    );
}

#[test]
fn what_weighs_most_stands_first() {
    let answers = Answers {
        jobs: Lookup::Unseen("403".into()),
        references: vec![
            (
                needs(ReferenceKind::ConfigMap, &[], false),
                holds(&[], Some(at(99))),
            ),
            (needs(ReferenceKind::Secret, &[], false), Lookup::Missing),
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
