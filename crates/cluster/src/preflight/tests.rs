use rollguard_core::history::History;
use rollguard_core::rollback::preflight::{
    AccessReview, HelmRelease, HelmRevision, JobRun, JobState, ObjectState, questions,
};
use rollguard_core::rollback::{Reference, ReferenceKind};
use rollguard_core::workload::WorkloadKind;
use serde_json::{Value, json};

use super::*;
use crate::testing::{
    Answer, Asked, Server, history_of, object, ok, page, plan as plan_of, refused, silence, status,
    text,
};

const DEPLOYMENT: WorkloadKind = WorkloadKind::Deployment;
const SECRET_VALUE: &str = "aHVudGVyMg==";

/// A plan whose target needs one object of every kind, and some keys.
fn plan() -> RollbackPlan {
    let mut plan = plan_of(DEPLOYMENT);
    let env = json!([
        {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "mode"}}},
        {"name": "B", "valueFrom": {"secretKeyRef": {"name": "login", "key": "password"}}},
    ]);
    let sources = json!([{"configMapRef": {"name": "all"}}, {"secretRef": {"name": "whole"}}]);
    let spec = &mut plan.template_change.target["spec"];
    spec["containers"][0]["env"] = env;
    spec["containers"][0]["envFrom"] = sources;
    spec["serviceAccountName"] = json!("runner");
    spec["priorityClassName"] = json!("high");
    spec["volumes"] = json!([{"name": "d", "persistentVolumeClaim": {"claimName": "disk"}}]);
    plan
}

async fn asked_about(server: &Server, plan: &RollbackPlan, history: &History) -> Answers {
    ask(&server.client(), plan, questions(plan, history)).await
}

async fn asked(server: &Server) -> Answers {
    asked_about(server, &plan(), &history_of(DEPLOYMENT)).await
}

fn metadata(name: &str) -> Value {
    json!({"name": name, "creationTimestamp": "2026-01-01T08:00:00Z"})
}

/// A server on which all is well.
fn well() -> Server {
    let secret = json!({"kind": "Secret", "metadata": metadata("login"),
        "data": {"user": SECRET_VALUE, "password": SECRET_VALUE}});
    let config = json!({"kind": "ConfigMap", "metadata": metadata("settings"),
        "data": {"mode": "fast"}, "binaryData": {"logo": "AAAA"}});
    let only = |name: &str| json!({"kind": "PartialObjectMetadata", "metadata": metadata(name)});
    Server::new()
        .json("GET", "/api/v1/namespaces/shop/secrets/login", secret)
        .json("GET", "/api/v1/namespaces/shop/configmaps/settings", config)
        .json("GET", "/api/v1/namespaces/shop/configmaps/all", only("all"))
        .json(
            "GET",
            "/api/v1/namespaces/shop/secrets/whole",
            only("whole"),
        )
        .json(
            "GET",
            "/api/v1/namespaces/shop/serviceaccounts/runner",
            only("runner"),
        )
        .json(
            "GET",
            "/api/v1/namespaces/shop/persistentvolumeclaims/disk",
            only("disk"),
        )
        .json(
            "GET",
            "/apis/scheduling.k8s.io/v1/priorityclasses/high",
            only("high"),
        )
        .json(
            "POST",
            "/api/v1/namespaces/shop/pods",
            json!({"kind": "Pod"}),
        )
        .json("PATCH", "/deployments/web", object(DEPLOYMENT, "v1"))
        .json(
            "POST",
            "/selfsubjectaccessreviews",
            json!({"status": {"allowed": true}}),
        )
        .json(
            "GET",
            "/apis/batch/v1/namespaces/shop/jobs",
            json!({"metadata": {}, "items": []}),
        )
}

/// The same, with one route answered otherwise.
fn but(method: &'static str, path: &'static str, answer: fn(&Asked) -> Answer) -> Server {
    Server::new().on(method, path, answer).over(&well())
}

fn looked<'a>(answers: &'a Answers, name: &str) -> &'a Lookup<ObjectState> {
    let found = answers.references.iter().find(|(it, _)| it.name == name);
    &found.unwrap().1
}

#[tokio::test(start_paused = true)]
async fn everything_is_asked_once_and_nothing_is_changed() {
    let server = well();
    let plan = plan();
    let answers = asked_about(&server, &plan, &history_of(DEPLOYMENT)).await;
    assert_eq!(answers.pod, DryRun::Accepted);
    assert_eq!(answers.patch, DryRun::Accepted);
    let written = object(DEPLOYMENT, "v1")["spec"]["template"].clone();
    assert_eq!(answers.written, Some(written));
    assert_eq!(answers.jobs, Lookup::Seen(Vec::new()));
    assert_eq!(answers.references.len(), 7);
    assert!(
        answers
            .rights
            .iter()
            .all(|(_, it)| *it == Lookup::Seen(true))
    );
    let log = server.log();
    assert_eq!(log.len(), 7 + 2 + 1 + answers.rights.len());
    for it in log.iter().filter(|it| it.method != "GET") {
        let harmless = it.path.ends_with("/selfsubjectaccessreviews")
            || it.query.split('&').any(|part| part == "dryRun=All");
        assert!(harmless, "{it:?}");
    }
    let pod = server.requests("POST", "/pods").remove(0);
    let body: Value = serde_json::from_slice(&pod.body).unwrap();
    let expected = questions(&plan, &history_of(DEPLOYMENT)).pod;
    assert_eq!(body, expected);
    let patch = server.requests("PATCH", "/deployments/web").remove(0);
    let body: Value = serde_json::from_slice(&patch.body).unwrap();
    let expected = serde_json::to_value(crate::apply::render(&plan)).unwrap();
    assert_eq!(body, expected);
}

/// A Secret's value is the whole chart with its settings: it is not asked for.
#[tokio::test(start_paused = true)]
async fn of_a_helm_release_only_the_labels_are_asked_for_and_a_refusal_is_said() {
    let secret = |version: u32, status: &str| {
        let labels = json!({"owner": "helm", "name": "web", "status": status, "version": version.to_string()});
        json!({"metadata": {"name": format!("sh.helm.release.v1.web.v{version}"), "labels": labels}})
    };
    let secrets = json!({"kind": "PartialObjectMetadataList", "metadata": {},
        "items": [secret(4, "superseded"), secret(5, "deployed")]});
    let known = |version, status: &str| HelmRevision {
        version,
        status: status.to_owned(),
    };
    let path = "/api/v1/namespaces/shop/secrets";
    let rows = [
        (
            "two revisions",
            ok(&secrets),
            Lookup::Seen(vec![known(4, "superseded"), known(5, "deployed")]),
        ),
        (
            "may not",
            status(403, "secrets is forbidden"),
            Lookup::Unseen("may not list secrets".to_owned()),
        ),
    ];
    for (says, answer, expected) in rows {
        let answer = std::sync::Mutex::new(Some(answer));
        let server = Server::new()
            .on("GET", path, move |_| answer.lock().unwrap().take().unwrap())
            .over(&well());
        let release = HelmRelease {
            name: "web".to_owned(),
            namespace: "shop".to_owned(),
        };
        let asking = Questions {
            helm: Some(release.clone()),
            ..questions(&plan(), &history_of(DEPLOYMENT))
        };
        let answers = ask(&server.client(), &plan(), asking).await;
        assert_eq!(answers.helm, Some((release, expected)), "{says}");
        let asked = server.requests("GET", path).remove(0);
        assert!(
            asked.accept.contains("as=PartialObjectMetadataList"),
            "{says}: {asked:?}"
        );
        let selects = "labelSelector=owner%3Dhelm%2Cname%3Dweb";
        assert!(asked.query.contains(selects), "{says}: {asked:?}");
    }
    let server = well();
    let answers = asked(&server).await;
    assert_eq!(answers.helm, None, "no release, no question");
    assert!(server.requests("GET", path).is_empty());
}

#[tokio::test(start_paused = true)]
async fn keys_are_read_where_they_are_needed_and_metadata_everywhere_else() {
    let server = well();
    let answers = asked(&server).await;
    let keys = |name: &str| match looked(&answers, name) {
        Lookup::Seen(kept) => kept.keys.clone(),
        other @ (Lookup::Missing | Lookup::Unseen(_)) => panic!("{name}: {other:?}"),
    };
    let set = |keys: &[&str]| Some(keys.iter().map(|it| (*it).to_owned()).collect());
    assert_eq!(keys("login"), set(&["password", "user"]));
    assert_eq!(keys("settings"), set(&["logo", "mode"]));
    for name in ["all", "whole", "runner", "disk", "high"] {
        assert_eq!(keys(name), None, "{name}");
        let asked = server.requests("GET", &format!("/{name}")).remove(0);
        let partial = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
        assert_eq!(asked.accept, partial, "{name}");
    }
    assert!(!format!("{answers:?}").contains(SECRET_VALUE));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_no_secret_is_not_quoted() {
    let path = "/secrets/login";
    let odd = but("GET", path, |_| {
        ok(&json!({"metadata": {}, "data": SECRET_VALUE}))
    });
    let answers = asked(&odd).await;
    let expected = "the answer is not Kubernetes' JSON: no Secret".to_owned();
    assert_eq!(*looked(&answers, "login"), Lookup::Unseen(expected));
    assert!(!format!("{answers:?}").contains(SECRET_VALUE));
}

#[tokio::test(start_paused = true)]
async fn when_an_object_was_changed_is_its_newest_write_but_for_its_status() {
    let at = |time: &str| time.parse().unwrap();
    let fields = |entries: Value| {
        let mut metadata = metadata("settings");
        metadata["managedFields"] = entries;
        json!({"metadata": metadata, "data": {"mode": "fast"}})
    };
    let created = at("2026-01-01T08:00:00Z");
    let rows = [
        ("none", fields(Value::Null), Some(created)),
        (
            "no entry with a time",
            fields(json!([{"manager": "a"}])),
            Some(created),
        ),
        (
            "the newest of two",
            fields(json!([{"time": "2026-01-01T09:30:00Z"}, {"time": "2026-01-01T09:00:00Z"}])),
            Some(at("2026-01-01T09:30:00Z")),
        ),
        (
            "a status after it",
            fields(json!([{"time": "2026-01-01T09:00:00Z"},
                {"time": "2026-01-01T09:30:00Z", "subresource": "status"}])),
            Some(at("2026-01-01T09:00:00Z")),
        ),
        ("nothing at all", json!({"metadata": {}}), None),
        (
            "no time",
            json!({"metadata": {"creationTimestamp": "soon"}}),
            None,
        ),
    ];
    for (says, object, expected) in rows {
        let server = Server::new()
            .json("GET", "/configmaps/settings", object)
            .over(&well());
        let answers = asked(&server).await;
        let Lookup::Seen(kept) = looked(&answers, "settings") else {
            panic!("{says}: {answers:?}");
        };
        assert_eq!(kept.changed, expected, "{says}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_is_missing_only_when_the_api_server_says_so() {
    type Row = (&'static str, fn(&Asked) -> Answer, Lookup<ObjectState>);
    let unseen = |why: &str| Lookup::Unseen(why.to_owned());
    let rows: [Row; 7] = [
        ("gone", |_| status(404, "not found"), Lookup::Missing),
        ("no such API", |_| page(404), unseen("Not Found (HTTP 404)")),
        (
            "may not",
            |_| status(403, "may not"),
            unseen("may not get secrets"),
        ),
        (
            "no token",
            |_| status(401, "Unauthorized"),
            unseen("Unauthorized (HTTP 401)"),
        ),
        (
            "trouble",
            |_| status(500, "etcd"),
            unseen("etcd (HTTP 500)"),
        ),
        ("lost", |_| refused(), unseen("connection refused")),
        ("silent", |_| silence(), unseen("no answer within 30s")),
    ];
    for (says, answer, expected) in rows {
        let answers = asked(&but("GET", "/secrets/login", answer)).await;
        assert_eq!(*looked(&answers, "login"), expected, "{says}");
        // One that is not seen keeps none of the others from being seen.
        assert!(
            matches!(looked(&answers, "settings"), Lookup::Seen(_)),
            "{says}"
        );
        assert_eq!(answers.pod, DryRun::Accepted, "{says}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_that_no_object_can_have_asks_for_nothing() {
    for name in [
        "../secrets/login",
        "a/b",
        "a?b",
        "A",
        "-a",
        "a.",
        "a..b",
        "a b",
    ] {
        let server = well();
        let reference = Reference {
            kind: ReferenceKind::ConfigMap,
            name: name.to_owned(),
            keys: std::collections::BTreeSet::new(),
            optional: false,
        };
        let looked = lookup::reference(&server.client(), "shop", &reference).await;
        assert_eq!(looked, Lookup::Missing, "{name}");
        assert_eq!(server.log().len(), 0, "{name}");
    }
}

fn no(code: u16, reason: &str, message: &str) -> Answer {
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure",
        "message": message, "reason": reason, "code": code});
    Answer::Whole(
        http::StatusCode::from_u16(code).unwrap(),
        status.to_string().into_bytes(),
    )
}

fn refused_with(code: u16, message: &str) -> DryRun {
    DryRun::Refused {
        code,
        message: message.to_owned(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_pod_is_refused_only_by_who_guards_the_namespace() {
    type Row = (&'static str, fn(&Asked) -> Answer, DryRun);
    let not_tried = |why: &str| DryRun::NotTried(why.to_owned());
    let rows: [Row; 11] = [
        (
            "quota",
            |_| no(403, "Forbidden", "exceeded quota: q"),
            refused_with(403, "exceeded quota: q"),
        ),
        (
            "invalid",
            |_| no(422, "Invalid", "Pod is invalid"),
            refused_with(422, "Pod is invalid"),
        ),
        (
            "bad",
            |_| no(400, "BadRequest", "unknown field"),
            refused_with(400, "unknown field"),
        ),
        (
            "a webhook with a code of its own",
            |_| no(500, "", "admission webhook \"w\" denied the request: no"),
            refused_with(500, "admission webhook \"w\" denied the request: no"),
        ),
        (
            "a webhook that cannot be tried",
            |_| {
                no(
                    400,
                    "BadRequest",
                    "admission webhook \"w\" does not support dry run",
                )
            },
            not_tried("admission webhook \"w\" does not support dry run (HTTP 400)"),
        ),
        (
            "a webhook that does not answer",
            |_| no(500, "InternalError", "failed calling webhook \"w\""),
            not_tried("failed calling webhook \"w\" (HTTP 500)"),
        ),
        (
            "conflict",
            |_| no(409, "Conflict", "quota"),
            not_tried("quota (HTTP 409)"),
        ),
        (
            "overload",
            |_| no(429, "TooManyRequests", "later"),
            not_tried("later (HTTP 429)"),
        ),
        (
            "a gateway",
            |_| page(403),
            not_tried("Forbidden (HTTP 403)"),
        ),
        ("lost", |_| refused(), not_tried("connection refused")),
        ("silent", |_| silence(), not_tried("no answer within 45s")),
    ];
    for (says, answer, expected) in rows {
        let server = but("POST", "/pods", answer);
        let answers = asked(&server).await;
        assert_eq!(answers.pod, expected, "{says}");
        assert_eq!(server.requests("POST", "/pods").len(), 1, "{says}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_patch_whose_preconditions_fail_is_not_refused_but_late() {
    type Row = (&'static str, fn(&Asked) -> Answer, &'static str, DryRun);
    let late = || DryRun::NotTried("deployment/web has changed in the meantime".to_owned());
    let rows: [Row; 9] = [
        (
            "too large for the API server",
            |_| no(413, "RequestEntityTooLarge", "limit is 3145728"),
            "v2",
            refused_with(413, "limit is 3145728"),
        ),
        (
            "too large for a gateway",
            |_| page(413),
            "v2",
            refused_with(413, "Payload Too Large"),
        ),
        (
            "a gateway's own refusal",
            |_| page(403),
            "v2",
            DryRun::NotTried("Forbidden (HTTP 403)".to_owned()),
        ),
        (
            "overload",
            |_| no(429, "TooManyRequests", "later"),
            "v2",
            DryRun::NotTried("later (HTTP 429)".to_owned()),
        ),
        (
            "refused for itself",
            |_| no(422, "Invalid", "no"),
            "v2",
            refused_with(422, "no"),
        ),
        (
            "a newer rollout",
            |_| no(422, "Invalid", "no"),
            "v3",
            late(),
        ),
        (
            "restored by another",
            |_| no(422, "Invalid", "no"),
            "v1",
            late(),
        ),
        (
            "may not",
            |_| no(403, "Forbidden", "may not"),
            "v3",
            refused_with(403, "may not"),
        ),
        (
            "gone",
            |_| no(404, "NotFound", "not found"),
            "v2",
            DryRun::NotTried("not found (HTTP 404)".to_owned()),
        ),
    ];
    for (says, answer, there, expected) in rows {
        let server = but("PATCH", "/deployments/web", answer);
        let server = server.json("GET", "/deployments/web", object(DEPLOYMENT, there));
        let answers = asked(&server).await;
        assert_eq!(answers.patch, expected, "{says}");
        assert_eq!(
            server.requests("PATCH", "/deployments/web").len(),
            1,
            "{says}"
        );
    }
}

fn rights(answers: &Answers) -> Vec<(&AccessReview, &Lookup<bool>)> {
    answers
        .rights
        .iter()
        .map(|(it, looked)| (it, looked))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn every_right_is_asked_for_with_its_name() {
    let kind = WorkloadKind::StatefulSet;
    let server = but("POST", "/selfsubjectaccessreviews", |asked| {
        let body: Value = serde_json::from_slice(&asked.body).unwrap();
        let attributes = &body["spec"]["resourceAttributes"];
        let allowed = attributes["verb"] == "patch" && attributes["name"] == "web";
        ok(&json!({"status": {"allowed": allowed}}))
    });
    let answers = asked_about(&server, &plan_of(kind), &history_of(kind)).await;
    let told: Vec<_> = rights(&answers)
        .iter()
        .map(|(it, looked)| (it.verb, it.resource, (*looked).clone()))
        .collect();
    assert_eq!(told[0], ("patch", "statefulsets", Lookup::Seen(true)));
    assert!(told.contains(&("patch", "controllerrevisions", Lookup::Seen(false))));
    let sent = server
        .requests("POST", "/selfsubjectaccessreviews")
        .remove(0);
    let body: Value = serde_json::from_slice(&sent.body).unwrap();
    let expected = json!({"apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": {"namespace": "shop",
        "verb": "patch", "group": "apps", "resource": "statefulsets", "name": "web"}}});
    assert_eq!(body, expected);
}

#[tokio::test(start_paused = true)]
async fn a_right_that_could_not_be_judged_is_not_missing() {
    type Row = (&'static str, fn(&Asked) -> Answer, Lookup<bool>);
    let unseen = |why: &str| Lookup::Unseen(why.to_owned());
    let rows: [Row; 5] = [
        (
            "denied outright",
            |_| ok(&json!({"status": {"allowed": false, "denied": true, "evaluationError": "x"}})),
            Lookup::Seen(false),
        ),
        (
            "an authorizer did not answer",
            |_| ok(&json!({"status": {"allowed": false, "evaluationError": "webhook timeout"}})),
            unseen("webhook timeout"),
        ),
        (
            "may not ask",
            |_| status(403, "no"),
            unseen("may not create selfsubjectaccessreviews"),
        ),
        (
            "trouble",
            |_| status(503, "later"),
            unseen("later (HTTP 503)"),
        ),
        (
            "a login page",
            |_| text("<html>"),
            unseen("the answer is not Kubernetes' JSON: expected value at line 1 column 1"),
        ),
    ];
    for (says, answer, expected) in rows {
        let answers = asked(&but("POST", "/selfsubjectaccessreviews", answer)).await;
        assert_eq!(*rights(&answers)[0].1, expected, "{says}");
    }
}

fn job(name: &str, status: &Value, owner: &str) -> Value {
    json!({"metadata": {"name": name, "ownerReferences": [{"kind": owner}]}, "status": status})
}

#[tokio::test(start_paused = true)]
async fn jobs_are_told_with_their_state_and_with_who_made_them() {
    let server = but("GET", "/jobs", |asked| {
        let at = "2026-01-01T09:00:00Z";
        let of = |kind: &str, status: &str| {
            json!({"conditions": [{"type": "SuccessCriteriaMet", "status": "True"},
                {"type": kind, "status": status, "lastTransitionTime": at}], "completionTime": at})
        };
        if asked.query.contains("continue=more") {
            let items = [job("nightly", &of("Complete", "True"), "CronJob")];
            return ok(&json!({"metadata": {}, "items": items}));
        }
        let items = [
            job("migrate", &of("Complete", "True"), "Release"),
            job("failed", &of("Failed", "True"), "Release"),
            job("not yet", &of("Complete", "False"), "Release"),
            job("running", &json!({"startTime": at}), "Release"),
            job("not begun", &json!({}), "Release"),
        ];
        ok(&json!({"metadata": {"continue": "more"}, "items": items}))
    });
    let run = |name: &str, state| JobRun {
        name: name.to_owned(),
        state,
        at: "2026-01-01T09:00:00Z".parse().unwrap(),
        scheduled: name == "nightly",
        instance: None,
    };
    let expected = vec![
        run("migrate", JobState::Completed),
        run("failed", JobState::Failed),
        run("running", JobState::Running),
        run("nightly", JobState::Completed),
    ];
    assert_eq!(asked(&server).await.jobs, Lookup::Seen(expected));
    let forbidden = but("GET", "/jobs", |_| status(403, "no"));
    let expected = Lookup::Unseen("may not list jobs".to_owned());
    assert_eq!(asked(&forbidden).await.jobs, expected);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_has_gone_silent_ends_the_whole_in_45_seconds() {
    let mut plan = plan();
    let many: Vec<Value> = (0..40)
        .map(|it| json!({"configMapRef": {"name": format!("c-{it}")}}))
        .collect();
    plan.template_change.target["spec"]["containers"][0]["envFrom"] = json!(many);
    let server = Server::new()
        .on("GET", "", |_| silence())
        .on("POST", "", |_| silence())
        .on("PATCH", "", |_| silence());
    let began = Instant::now();
    let answers = asked_about(&server, &plan, &history_of(DEPLOYMENT)).await;
    assert_eq!(began.elapsed().as_secs(), 45);
    assert_eq!(answers.references.len(), 45);
    let unseen = |it: &Lookup<ObjectState>| matches!(it, Lookup::Unseen(_));
    assert!(answers.references.iter().all(|(_, it)| unseen(it)));
    let silent = "no answer within 45s".to_owned();
    assert_eq!(answers.patch, DryRun::NotTried(silent));
}
