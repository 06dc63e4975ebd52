//! The effect of a rollback, by the finding and by what the rollback would change.
#![expect(clippy::too_many_lines, reason = "a table of named rows")]

use serde_json::{Value, json};

use crate::finding::FindingCode::*;
use crate::finding::{Finding, FindingCode, RollbackHelps, Subject};
use crate::rollback::{Templates, helps};
use crate::testing::at;

/// The template of the former revision.
fn former() -> Value {
    json!({
        "metadata": {"labels": {"app": "web"}},
        "spec": {
            "containers": [
                {"name": "app", "image": "a.test/app:1", "command": ["serve"],
                    "resources": {"requests": {"cpu": "100m"}},
                    "env": [{"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}],
                    "readinessProbe": {"httpGet": {"path": "/", "port": 80}}},
                {"name": "proxy", "image": "a.test/proxy:1"},
            ],
            "volumes": [{"name": "cfg", "configMap": {"name": "settings"}}],
        },
    })
}

/// The failing template: the former one with one field set.
fn with(pointer: &str, field: &str, value: Value) -> Value {
    let mut template = former();
    let parent = template.pointer_mut(pointer).unwrap();
    parent
        .as_object_mut()
        .unwrap()
        .insert(field.to_owned(), value);
    template
}

fn app(field: &str, value: Value) -> Value {
    with("/spec/containers/0", field, value)
}

fn pod(field: &str, value: Value) -> Value {
    with("/spec", field, value)
}

fn annotated(name: &str) -> Value {
    with(
        "/metadata",
        "annotations",
        json!({name: "2026-01-01T00:00:00Z"}),
    )
}

/// A finding about container `app`, with a sentence.
fn about(code: FindingCode, message: &str) -> Finding {
    Finding::new(code, Subject::container("web-1", "app"), at(0)).message(message)
}

fn of(code: FindingCode) -> Finding {
    about(code, "container `app` fails")
}

#[test]
fn a_rollback_helps_if_it_takes_back_what_the_finding_names() {
    let image = || app("image", json!("a.test/app:2"));
    let missing =
        |name: &str| format!("container `app` needs Secret `{name}`, which does not exist");
    let refers_to = |name: &str| {
        app(
            "env",
            json!([{"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": name, "key": "password"}}}]),
        )
    };
    let yes = RollbackHelps::Yes;
    let (no, perhaps) = (RollbackHelps::No, RollbackHelps::Partly);
    let rows = [
        (
            "a crash, and only the restart differs",
            of(CrashAtStart),
            annotated("kubectl.kubernetes.io/restartedAt"),
            no,
        ),
        (
            "a crash, and only the checksum of a ConfigMap differs",
            of(CrashAtStart),
            annotated("checksum/config"),
            no,
        ),
        (
            "a crash, and nothing differs",
            of(CrashAtStart),
            former(),
            no,
        ),
        (
            "a crash, and an annotation differs that a webhook may read",
            of(CrashAtStart),
            annotated("sidecar.test/inject"),
            yes,
        ),
        ("a crash of another image", of(CrashAtStart), image(), yes),
        (
            "a crash with another environment",
            of(CrashAtStart),
            app("env", json!([])),
            yes,
        ),
        (
            "a program that another container writes to a volume, and that one's image differs",
            about(
                CommandNotRunnable,
                "container `app`: its command is not on volume `tools`, or cannot be run there",
            ),
            with("/spec/containers/1", "image", json!("a.test/proxy:2")),
            yes,
        ),
        (
            "a program that the image lacks, and another container's image differs",
            about(
                CommandNotRunnable,
                "container `app`: its command cannot be run",
            ),
            with("/spec/containers/1", "image", json!("a.test/proxy:2")),
            no,
        ),
        ("an image that is missing", of(ImageNotFound), image(), yes),
        (
            "an image that was deleted: the former revision names it, too",
            of(ImageNotFound),
            app("env", json!([])),
            no,
        ),
        (
            "an image that is missing in one container, and another's changes",
            of(ImageNotFound),
            with("/spec/containers/1", "image", json!("a.test/proxy:2")),
            no,
        ),
        (
            "a registry that is not reached: another one than before",
            of(ImagePullFailing),
            app("image", json!("b.test/app:1")),
            yes,
        ),
        (
            "a registry that is not reached: the same as before",
            of(ImagePullFailing),
            image(),
            no,
        ),
        (
            "credentials for another registry",
            of(ImagePullDenied),
            app("image", json!("b.test/app:1")),
            yes,
        ),
        (
            "credentials for the same registry",
            of(ImagePullDenied),
            image(),
            perhaps,
        ),
        (
            "other pull secrets",
            of(ImagePullDenied),
            pod("imagePullSecrets", json!([{"name": "b"}])),
            yes,
        ),
        (
            "a command that is missing",
            of(CommandNotRunnable),
            app("command", json!(["serv"])),
            yes,
        ),
        (
            "a command that is missing, and only a probe changes",
            of(CommandNotRunnable),
            app("livenessProbe", json!({})),
            no,
        ),
        (
            "a readiness probe that changes",
            of(ReadinessFailing),
            app(
                "readinessProbe",
                json!({"httpGet": {"path": "/up", "port": 80}}),
            ),
            yes,
        ),
        (
            "a readiness probe that stays, with another image",
            of(ReadinessFailing),
            image(),
            perhaps,
        ),
        (
            "a Secret that only the new revision names",
            about(ConfigObjectMissing, &missing("db-2")),
            refers_to("db-2"),
            yes,
        ),
        (
            "a Secret that both name",
            about(ConfigObjectMissing, &missing("db")),
            image(),
            perhaps,
        ),
        (
            "a Secret that both name, after a mere restart",
            about(ConfigObjectMissing, &missing("db")),
            annotated("kubectl.kubernetes.io/restartedAt"),
            no,
        ),
        (
            "a higher request",
            of(Unschedulable),
            app("resources", json!({"requests": {"cpu": "64"}})),
            yes,
        ),
        (
            "a lower request",
            of(Unschedulable),
            app("resources", json!({"requests": {"cpu": "50m"}})),
            perhaps,
        ),
        (
            "another nodeSelector",
            of(NoNodeMatches),
            pod("nodeSelector", json!({"pool": "gpu"})),
            yes,
        ),
        (
            "the same nodeSelector: the nodes changed",
            of(NoNodeMatches),
            image(),
            no,
        ),
        (
            "a node that is full for any revision",
            of(NodeDiskFull),
            image(),
            no,
        ),
        (
            "a quota, which the new pods alone need",
            of(QuotaExceeded),
            annotated("kubectl.kubernetes.io/restartedAt"),
            perhaps,
        ),
        (
            "resources outside a LimitRange",
            of(LimitRangeViolated),
            app("resources", json!({"requests": {"cpu": "9"}})),
            yes,
        ),
        (
            "a LimitRange that is newer than both",
            of(LimitRangeViolated),
            image(),
            no,
        ),
        (
            "a volume that only the new revision mounts",
            about(VolumeNotMounted, "volume `data` cannot be mounted"),
            pod("volumes", json!([{"name": "data", "emptyDir": {}}])),
            yes,
        ),
        (
            "a container that only the new revision has",
            Finding::new(
                ContainerNotCreated,
                Subject::container("web-1", "agent"),
                at(0),
            ),
            with("/spec", "containers", json!([{"name": "agent"}])),
            yes,
        ),
        (
            "a diagnoser that knows more than its code",
            of(AdmissionDenied).rollback(yes, "the ReplicaSet exists"),
            former(),
            yes,
        ),
    ];
    let target = former();
    let mut said = Vec::new();
    for (says, finding, bad, expected) in rows {
        let templates = Templates {
            bad: &bad,
            target: &target,
        };
        let found = helps(&finding, templates);
        assert_eq!(found.helps, expected, "{says}: {}", found.why);
        said.push(format!(
            "{says}: a rollback {}: {}",
            found.helps.words(),
            found.why
        ));
    }
    insta::assert_debug_snapshot!(said);
}

/// Whatever the code, a rollback that changes nothing does not help with what the template decides.
#[test]
fn no_code_of_the_template_is_helped_by_nothing() {
    let (bad, target) = (annotated("kubectl.kubernetes.io/restartedAt"), former());
    let templates = Templates {
        bad: &bad,
        target: &target,
    };
    let policy = crate::policy::Policy::default();
    for &code in FindingCode::ALL {
        let decided = policy
            .rule(code)
            .is_some_and(|rule| rule.template_determined);
        let found = helps(&of(code), templates);
        let kept = matches!(
            code,
            Paused
                | WaitsForDeletion
                | StatefulSetStuck
                | NamespaceTerminating
                | VolumeHeldElsewhere
        );
        assert!(
            !decided || kept || found.helps == RollbackHelps::No,
            "{code}: {found:?}"
        );
    }
}
