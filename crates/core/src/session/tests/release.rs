//! A template that an automation changes is of the same release; one that a run changes is another.

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use serde_json::{Value, json};

use super::*;
use crate::testing::{pod_of, replica_set_json};
use crate::workload::Revision;

fn object(change: impl Fn(&mut Value)) -> Value {
    let mut object = complete().json();
    let env = json!([{"name": "MODE", "value": "a"}]);
    object["spec"]["template"]["spec"]["containers"][0]["env"] = env;
    let annotations = json!({"azure-pipelines/run": "41", "checksum/config": "a"});
    object["spec"]["template"]["metadata"]["annotations"] = annotations;
    object["metadata"]["annotations"]["azure-pipelines/run"] = json!("41");
    change(&mut object);
    object
}

fn workload(object: Value) -> Workload {
    let object: Deployment = serde_json::from_value(object).unwrap();
    Workload::Deployment(Box::new(object))
}

fn variable(object: &mut Value, name: &str, value: &Value) {
    let env = &mut object["spec"]["template"]["spec"]["containers"][0]["env"];
    let mut variable = json!({"name": name});
    let members = value.as_object().unwrap().clone();
    variable.as_object_mut().unwrap().extend(members);
    env.as_array_mut().unwrap().push(variable);
}

fn pod_annotation(object: &mut Value, name: &str, value: &str) {
    object["spec"]["template"]["metadata"]["annotations"][name] = json!(value);
}

type Changes = Box<dyn Fn(&mut Value)>;

#[test]
fn what_an_automation_changes_is_the_same_release() {
    let sha = json!({"value": "8f14e45fceea167a5a36dedd4bea2543"});
    let container = |field: &'static str, value: Value| -> Changes {
        Box::new(move |it| {
            it["spec"]["template"]["spec"]["containers"][0][field] = value.clone();
        })
    };
    let annotated =
        |name: &'static str| -> Changes { Box::new(move |it| pod_annotation(it, name, "new")) };
    let of_workload = |name: &'static str| -> Changes {
        Box::new(move |it| {
            pod_annotation(it, "kubectl.kubernetes.io/restartedAt", "now");
            it["metadata"]["annotations"][name] = json!("new");
        })
    };
    let labelled = |name: &'static str| -> Changes {
        Box::new(move |it| it["spec"]["template"]["metadata"]["labels"][name] = json!("new"))
    };
    let with = |name: &'static str, value: Value| -> Changes {
        Box::new(move |it| variable(it, name, &value))
    };
    let rows: Vec<(&str, Changes, Option<&[&str]>)> = vec![
        ("nothing changes", Box::new(|_| {}), Some(&[])),
        (
            "Reloader saw another ConfigMap",
            with("STAKATER_APP_CFG_CONFIGMAP", sha.clone()),
            Some(&["environment variable `STAKATER_APP_CFG_CONFIGMAP`"]),
        ),
        (
            "Reloader saw another Secret",
            with("STAKATER_DB_SECRET", sha.clone()),
            Some(&["environment variable `STAKATER_DB_SECRET`"]),
        ),
        (
            "Reloader annotates instead",
            annotated("reloader.stakater.com/last-reloaded-from"),
            Some(&["pod annotation `reloader.stakater.com/last-reloaded-from`"]),
        ),
        (
            "somebody restarts it",
            annotated("kubectl.kubernetes.io/restartedAt"),
            Some(&["pod annotation `kubectl.kubernetes.io/restartedAt`"]),
        ),
        (
            "an injector annotates it",
            annotated("sidecar.istio.io/inject"),
            Some(&["pod annotation `sidecar.istio.io/inject`"]),
        ),
        (
            "an injector labels it",
            labelled("istio.io/rev"),
            Some(&["pod label `istio.io/rev`"]),
        ),
        (
            "the controller counts the revision up",
            of_workload("deployment.kubernetes.io/revision"),
            Some(&["pod annotation `kubectl.kubernetes.io/restartedAt`"]),
        ),
        ("another image", container("image", json!("app:3")), None),
        ("another command", container("command", json!(["x"])), None),
        ("other arguments", container("args", json!(["x"])), None),
        (
            "a probe goes",
            container("livenessProbe", Value::Null),
            None,
        ),
        (
            "another variable",
            with("RELEASE", json!({"value": "3"})),
            None,
        ),
        (
            "a variable that is only called like Reloader's",
            with("STAKATER_URL", json!({"value": "x"})),
            None,
        ),
        (
            "one of that name that reads a Secret",
            with(
                "STAKATER_DB_SECRET",
                json!({"valueFrom": {"secretKeyRef": {"name": "db", "key": "x"}}}),
            ),
            None,
        ),
        (
            "another volume",
            Box::new(|it| {
                it["spec"]["template"]["spec"]["volumes"] = json!([{"name": "a", "emptyDir": {}}]);
            }),
            None,
        ),
        (
            "a run names itself in the template",
            annotated("azure-pipelines/run"),
            None,
        ),
        ("a chart's checksum", annotated("checksum/config"), None),
        (
            "another checksum",
            annotated("example.com/configHash"),
            None,
        ),
        ("a commit", annotated("git-commit"), None),
        ("a version", labelled("app.kubernetes.io/version"), None),
        ("another chart", labelled("helm.sh/chart"), None),
        (
            "a run names itself on the workload",
            of_workload("azure-pipelines/run"),
            None,
        ),
        (
            "a person says why",
            of_workload("kubernetes.io/change-cause"),
            None,
        ),
        (
            "kubectl apply",
            of_workload("kubectl.kubernetes.io/last-applied-configuration"),
            None,
        ),
        ("a rollback", of_workload("rollguard.dev/restored"), None),
    ];
    for (says, change, expected) in rows {
        let release = |it: Value| Release::of(&workload(it)).unwrap();
        let (before, now) = (release(object(|_| {})), release(object(change)));
        for (one, other) in [(&before, &now), (&now, &before)] {
            let same = same_release(one, other);
            let expected: Option<Vec<String>> =
                expected.map(|it| it.iter().map(|&it| it.to_owned()).collect());
            assert_eq!(same, expected, "{says}");
        }
    }
}

/// The Deployment after Reloader; its controller has made `web-v2r`, revision 3.
fn reloaded(generation: [i64; 2], counts: [i32; 4]) -> Value {
    let [desired, current, updated, available] = counts;
    let [generation, observed] = generation;
    let mut object = deployment("web")
        .counts(desired, current, updated, available)
        .generation(generation, observed)
        .json();
    object["spec"]["template"] = reloaded_template();
    object["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = json!("3");
    object
}

fn reloaded_template() -> Value {
    let mut template = crate::testing::template("v2");
    let value = json!("8f14e45fceea167a5a36dedd4bea2543");
    template["spec"]["containers"][0]["env"] =
        json!([{"name": "STAKATER_APP_CFG_CONFIGMAP", "value": value}]);
    template
}

fn seen_object(second: u64, object: Value) -> Observation {
    let object = workload(object);
    Observation::new(at(second), Seen::Workload { object })
}

fn new_set(second: u64) -> Observation {
    let mut set = replica_set_json("v2r", 3, (1, 0));
    set["spec"]["template"] = reloaded_template();
    let set: ReplicaSet = serde_json::from_value(set).unwrap();
    seen_set(second, set)
}

/// The release becomes ready after 2 s, is changed after 5 s, and its new pod is ready after 20 s.
fn reloads(pods: &[Observation]) -> Vec<Observation> {
    let mut all = first_look(rolling(), &[pod("a").ready(2)]);
    all.push(seen(2, complete()));
    all.push(seen_object(5, reloaded([2, 1], [1, 1, 1, 1])));
    all.push(new_set(6));
    all.push(seen_object(6, reloaded([2, 2], [1, 2, 1, 1])));
    all.extend(pods.iter().cloned());
    all
}

fn of_release(target: Option<u64>, timeout: u64, all: &[Observation]) -> (Session, Verdict, u64) {
    let target = Target {
        revision: target.map(Revision),
        ..Target::from(web())
    };
    run(Session::new([target], policy(timeout), start()), all)
}

#[test]
fn the_new_revision_of_the_release_is_judged_from_its_beginning() {
    let mut ready = pod_of("c", "v2r").made(6).ready(20).seen(20);
    ready.push(seen_object(20, reloaded([2, 2], [1, 1, 1, 1])));
    for revision in [None, Some(2)] {
        let (session, verdict, second) = of_release(revision, 60, &reloads(&ready));
        assert_eq!((verdict.word(), second), ("succeeded", 30), "{revision:?}");
        let tracked = &session.workloads()[0];
        assert_eq!(tracked.judged(), Some("rs-v2r"));
        assert_eq!(tracked.served(), Some("rs-v1"));
        let told: Vec<&str> = session.timeline().iter().map(|it| &*it.text).collect();
        let followed = "an automation changed the pod template (environment variable `STAKATER_APP_CFG_CONFIGMAP`): the same release; following its new revision";
        assert_eq!(
            told.iter().filter(|it| **it == followed).count(),
            1,
            "{told:?}"
        );
    }
    // The timeout is that of the check.
    let (session, verdict, second) = of_release(None, 15, &reloads(&[]));
    assert_eq!((verdict.word(), second), ("timedOut", 15));
    assert_eq!(session.workloads()[0].judged(), Some("rs-v2r"));
    assert_eq!(session.workloads()[0].served(), Some("rs-v1"));
}

#[test]
fn what_comes_after_an_automation_is_compared_with_the_release() {
    let undone = |second| seen(second, complete().generation(3, 3));
    let mut other = reloaded([3, 3], [1, 1, 1, 1]);
    other["spec"]["template"]["spec"]["containers"][0]["image"] = json!("app:3");
    let mut late = reloaded([2, 2], [1, 2, 1, 1]);
    late["metadata"]["annotations"]["azure-pipelines/run"] = json!("42");
    let rows = [
        (
            "Flux takes the variable away again",
            undone(8),
            ("succeeded", 12),
        ),
        ("another image", seen_object(8, other), ("superseded", 8)),
        (
            "it was another run, which says so only now",
            seen_object(8, late),
            ("superseded", 8),
        ),
    ];
    for (says, last, expected) in rows {
        let (_, verdict, second) = of_release(None, 60, &reloads(&[last]));
        assert_eq!((verdict.word(), second), expected, "{says}");
    }
}

#[test]
fn a_verdict_on_a_revision_that_was_replaced_meanwhile_is_taken_back() {
    let all = {
        let mut all = first_look(rolling(), &[pod("a").ready(2)]);
        all.push(seen(2, complete()));
        all
    };
    let (mut session, verdict, second) = of_release(None, 60, &all);
    assert_eq!((verdict.word(), second), ("succeeded", 12));
    let fresh = workload(reloaded([2, 1], [1, 1, 1, 1]));
    let mut recheck = Recheck::new(&session, verdict, at(second));
    let reads = recheck.step(&mut session, None, at(second)).reads;
    assert_eq!(reads, [web()]);
    let read = FreshRead::Found {
        object: Box::new(fresh),
    };
    let ended = EndedRead {
        workload: web(),
        read,
    };
    let step = recheck.step(&mut session, Some(ended), at(second));
    assert_eq!(step.verdict.unwrap().word(), "progressing");
    // As long as the watch shows what was replaced, nothing is decided on it.
    let step = session.observe(Session::tick(at(13)));
    assert_eq!(step.verdict.word(), "progressing");
    assert!(step.wake_at > at(30), "it would read again and again");
    let mut lagging = session.clone();
    let step = lagging.observe(Session::tick(at(60)));
    assert_eq!(step.verdict.word(), "undetermined");
    let mut rest = vec![seen_object(14, reloaded([2, 2], [1, 1, 1, 1])), new_set(14)];
    rest.extend(pod_of("c", "v2r").made(14).ready(15).seen(15));
    let (session, verdict, second) = run(session, &rest);
    assert_eq!((verdict.word(), second), ("succeeded", 25));
    assert_eq!(session.workloads()[0].judged(), Some("rs-v2r"));
}
