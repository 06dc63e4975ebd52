//! The way back of the present revision, and what the present pods hold.

use super::*;

fn update(spec: &Value) -> Value {
    let mut manifest = deployment(&json!({}));
    merge(&mut manifest["spec"], spec);
    manifest
}

/// The present workload, whose pods need a Secret.
fn present() -> Value {
    let from = json!({"envFrom": [{"secretRef": {"name": "db"}}]});
    let mut app = json!({"name": "app", "image": "app:1"});
    merge(&mut app, &from);
    deployment(&json!({"containers": [app]}))
}

/// An API server that refuses the pods of the present revision.
fn refuses_former(pod: &Value) -> Option<DryRun> {
    let is_former = pod.pointer("/spec/containers/0/image") == Some(&json!("app:1"));
    is_former.then(|| DryRun::Refused {
        code: 403,
        message:
            "pods \"web-\" is forbidden: violates PodSecurity \"restricted:latest\": privileged"
                .to_owned(),
    })
}

#[test]
fn the_former_revision_can_come_back_or_not() {
    let secret = || json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}});
    let exists = || vec![ReferenceKind::Secret];
    let no = || vec![("RollbackImpossible", Likely)];
    let nothing: Judge = |_| None;
    let rows = [
        (
            "what it needs exists",
            json!({}),
            exists(),
            nothing,
            None,
            vec![],
        ),
        ("its Secret is gone", json!({}), vec![], nothing, None, no()),
        (
            "the call brings its Secret",
            json!({}),
            vec![],
            nothing,
            Some(secret()),
            vec![],
        ),
        (
            "its pods are refused by now",
            json!({}),
            exists(),
            refuses_former,
            None,
            no(),
        ),
        (
            "no revision is kept",
            json!({"revisionHistoryLimit": 0}),
            exists(),
            nothing,
            None,
            no(),
        ),
        (
            "one revision is kept",
            json!({"revisionHistoryLimit": 1}),
            exists(),
            nothing,
            None,
            vec![],
        ),
    ];
    for (says, spec, exists, judges_pod, brought, expected) in rows {
        let cluster = Cluster {
            current: Some(present()),
            exists,
            judges_pod,
            ..Cluster::default()
        };
        let call: Vec<Value> = [update(&spec)].into_iter().chain(brought).collect();
        assert_eq!(cluster.said(&call), expected, "{says}");
    }
    // A new workload has no way back.
    let alone = Cluster::default().said(&[update(&json!({"revisionHistoryLimit": 0}))]);
    assert_eq!(alone, []);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of named rows")]
fn a_claim_of_one_pod_is_held_by_a_pod_that_runs() {
    let volume =
        json!({"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]});
    let claim = |mode: &str| json!({"metadata": {"name": "data"}, "spec": {"accessModes": [mode]}, "status": {"phase": "Bound"}});
    let strategy =
        |unavailable: i64| json!({"rollingUpdate": {"maxSurge": 1, "maxUnavailable": unavailable}});
    let rolling = || strategy(0);
    let pod = |spec: Value| {
        let mut pod =
            json!({"metadata": {"name": "web-1", "uid": "1"}, "spec": {"containers": []}});
        merge(&mut pod["spec"], &volume);
        merge(&mut pod["spec"], &spec);
        vec![pod]
    };
    let on_node = || pod(json!({"nodeName": "one"}));
    let waits = pod(json!({}));
    let (one, other) = (json!({}), json!({"priorityClassName": "high"}));
    let found = |it| vec![("VolumeHeldElsewhere", it)];
    let rows = [
        (
            "it runs, and may not go first",
            "ReadWriteOncePod",
            rolling(),
            on_node(),
            &one,
            found(Certain),
        ),
        (
            "it may go first",
            "ReadWriteOncePod",
            strategy(1),
            on_node(),
            &one,
            found(Possible),
        ),
        (
            "all go first",
            "ReadWriteOncePod",
            json!({"type": "Recreate"}),
            on_node(),
            &one,
            vec![],
        ),
        (
            "it has no node itself",
            "ReadWriteOncePod",
            rolling(),
            waits,
            &one,
            found(Likely),
        ),
        (
            "the new pod may push it away",
            "ReadWriteOncePod",
            rolling(),
            on_node(),
            &other,
            found(Likely),
        ),
        (
            "both may be on one node",
            "ReadWriteOnce",
            rolling(),
            on_node(),
            &one,
            found(Possible),
        ),
        (
            "many may use it",
            "ReadWriteMany",
            rolling(),
            on_node(),
            &one,
            vec![],
        ),
    ];
    for (says, mode, strategy, pods, priority, expected) in rows {
        let mut current = deployment(&volume);
        current["status"] = json!({"replicas": 2});
        let mut manifest = deployment(&volume);
        merge(&mut manifest["spec"]["template"]["spec"], priority);
        manifest["spec"]["strategy"] = strategy;
        let cluster = Cluster {
            current: Some(current),
            claim: Lookup::Seen(claim(mode)),
            pods,
            ..Cluster::default()
        };
        assert_eq!(cluster.said(&[manifest]), expected, "{says}");
    }
}

#[test]
fn a_claim_template_is_followed_to_its_storage_class() {
    let mut set = workload(WorkloadKind::StatefulSet, &json!({}));
    let claim = json!({"metadata": {"name": "data"}, "spec": {"storageClassName": "premium"}});
    set["spec"]["volumeClaimTemplates"] = json!([claim]);
    let class = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "premium"}});
    for (says, exists, brought, expected) in [
        (
            "it does not exist",
            Lookup::Missing,
            None,
            vec![("ClaimNotProvisioned", Likely)],
        ),
        ("it exists", Lookup::Seen(class.clone()), None, vec![]),
        ("the call brings it", Lookup::Missing, Some(class), vec![]),
    ] {
        let cluster = Cluster {
            class: exists,
            ..Cluster::default()
        };
        let call: Vec<Value> = [set.clone()].into_iter().chain(brought).collect();
        assert_eq!(cluster.said(&call), expected, "{says}");
    }
}

#[test]
fn without_the_api_servers_word_a_change_is_not_certain() {
    let broken = json!({"containers": [{"name": "app", "image": "r.test/App:1"}]});
    let mut moved = deployment(&json!({}));
    moved["spec"]["selector"] = json!({"matchLabels": {"app": "api"}});
    let denied = || DryRun::NotTried("no answer".to_owned());
    let refused = DryRun::Refused {
        code: 422,
        message:
            "Deployment.apps \"web\" is invalid: spec.selector: Invalid value: field is immutable"
                .to_owned(),
    };
    let (image, field) = ("InvalidImageName", "FieldImmutable");
    let current = || Some(deployment(&json!({})));
    let rows = [
        (
            "a new workload is not tried",
            deployment(&broken),
            None,
            denied(),
            (image, Certain),
        ),
        (
            "a present one is tried",
            deployment(&broken),
            current(),
            DryRun::Accepted,
            (image, Certain),
        ),
        (
            "a present one is not tried",
            deployment(&broken),
            current(),
            denied(),
            (image, Likely),
        ),
        (
            "a fixed field is tried",
            moved.clone(),
            current(),
            refused,
            (field, Certain),
        ),
        (
            "a fixed field is not tried",
            moved,
            current(),
            denied(),
            (field, Likely),
        ),
    ];
    for (says, manifest, current, apply, expected) in rows {
        let cluster = Cluster {
            current,
            apply,
            ..Cluster::default()
        };
        assert_eq!(cluster.said(&[manifest]), [expected], "{says}");
    }
}
