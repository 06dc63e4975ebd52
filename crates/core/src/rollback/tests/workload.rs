//! Preflight findings from the workload's own objects: a hit and a near miss each.
#![expect(clippy::too_many_lines, reason = "tables of named rows")]

use serde_json::{Value, json};

use super::past::{Past, of_agent, of_db, of_set, of_web};
use crate::rollback::{
    Allowed, PreflightCode, PreflightFinding, Request, SCHEMA_COMPATIBLE_FROM, SCHEMA_VERSION,
};
use crate::testing::{daemon_set, pod_of, stateful_set};

fn failing() -> Past {
    of_web().had("v1", 1, 2).had("v2", 2, 0).marked("v1", 60)
}

fn allowed(allowed: Allowed) -> Request {
    Request {
        allowed,
        ..Request::default()
    }
}

fn strict(past: &Past) -> Vec<String> {
    past.findings(&Request::default())
}

#[test]
fn whoever_owns_the_workload_would_undo_it() {
    let labelled = |name: &str| failing().with("/metadata/labels", json!({name: "web"}));
    let owned = |kind: &str, controller: bool| {
        let owner = json!([{"kind": kind, "name": "x", "uid": "u", "controller": controller}]);
        failing().with("/metadata/ownerReferences", owner)
    };
    let written_by =
        |manager: &str| failing().with("/metadata/managedFields", json!([{"manager": manager}]));
    let none: &[&str] = &[];
    let rows: [(&str, Past, &[&str]); 14] = [
        ("nobody", failing(), none),
        (
            "Argo CD by its annotation",
            failing().annotated(
                "argocd.argoproj.io/tracking-id",
                "web:apps/Deployment:shop/web",
            ),
            &["OwnedByArgoCd refusal"],
        ),
        (
            "Argo CD by its label",
            labelled("argocd.argoproj.io/instance"),
            &["OwnedByArgoCd refusal"],
        ),
        (
            "Argo CD by its hand",
            written_by("argocd-controller"),
            &["OwnedByArgoCd refusal"],
        ),
        (
            "everybody's instance label",
            labelled("app.kubernetes.io/instance"),
            none,
        ),
        (
            "Flux",
            labelled("kustomize.toolkit.fluxcd.io/name"),
            &["OwnedByFlux refusal"],
        ),
        (
            "Flux through Helm",
            labelled("helm.toolkit.fluxcd.io/name").annotated("meta.helm.sh/release-name", "web"),
            &["OwnedByFlux refusal"],
        ),
        (
            "Helm",
            failing().annotated("meta.helm.sh/release-name", "web"),
            &["OwnedByHelm refusal"],
        ),
        (
            "Helm by its hand",
            written_by("helm"),
            &["OwnedByHelm refusal"],
        ),
        (
            "kubectl by its hand",
            written_by("kubectl-client-side-apply"),
            none,
        ),
        ("our own hand", written_by("rollguard"), none),
        (
            "an operator's object",
            owned("Widget", true),
            &["OwnedByController refusal"],
        ),
        (
            "an owner that does not control",
            owned("Widget", false),
            none,
        ),
        (
            "Helm's namespace alone",
            failing().annotated("meta.helm.sh/release-namespace", "shop"),
            none,
        ),
    ];
    for (says, past, expected) in rows {
        assert_eq!(strict(&past), expected, "{says}");
    }
    let force = allowed(Allowed {
        force_owner: true,
        ..Allowed::default()
    });
    let helm = failing().annotated("meta.helm.sh/release-name", "web");
    assert_eq!(helm.findings(&force), ["OwnedByHelm warning"]);
    let proposal = Request {
        judged: Some("rs-v2".to_owned()),
        ..Request::default()
    };
    assert_eq!(
        helm.findings(&proposal),
        ["OwnedByHelm warning"],
        "a person may decide about what a check proposes"
    );
    let argo = labelled("argocd.argoproj.io/instance");
    assert_eq!(
        argo.findings(&proposal),
        ["OwnedByArgoCd refusal"],
        "Argo CD would undo it"
    );
    let plan = helm.plan();
    let refusal = plan.refusals().next().unwrap();
    assert!(refusal.message.contains("Helm (`web`)"), "{refusal}");
    assert!(refusal.hint.as_ref().unwrap().contains("helm rollback"));
}

#[test]
fn every_finding_says_what_to_do() {
    for code in PreflightCode::ALL {
        let finding = PreflightFinding::warning(code, "x");
        assert_eq!(finding.hint.as_deref(), Some(code.remedy()));
        let remedy = code.remedy();
        assert!(
            !remedy.is_empty() && !remedy.ends_with('.'),
            "{code}: {remedy}"
        );
    }
    let knows_better = PreflightFinding::warning(PreflightCode::PodRefused, "x").hint("y");
    assert_eq!(knows_better.hint.as_deref(), Some("y"));
}

#[test]
fn pods_that_nobody_replaces_need_a_word() {
    let db = |kind: &str| {
        let mut past = of_set(crate::testing::db(), stateful_set());
        past.object["spec"]["updateStrategy"] = json!({"type": kind});
        past.marked("v1", 60)
    };
    assert_eq!(strict(&db("OnDelete")), ["OnDelete refusal"]);
    assert_eq!(strict(&db("RollingUpdate")), Vec::<String>::new());
    let agent = of_set(crate::testing::agent(), daemon_set().on_delete()).marked("v1", 60);
    assert_eq!(strict(&agent), ["OnDelete refusal"]);
    let told = allowed(Allowed {
        on_delete: true,
        ..Allowed::default()
    });
    assert_eq!(agent.findings(&told), ["OnDelete warning"]);
}

/// Revisions 1, 2 and 3, of which each may say `version` and `compatible-from`.
fn schemas(said: [(&str, &str); 3]) -> Past {
    let mut past = of_web()
        .at_version("v3")
        .had("v1", 1, 2)
        .had("v2", 2, 0)
        .had("v3", 3, 0)
        .marked("v1", 60);
    for (of, (version, from)) in ["v1", "v2", "v3"].into_iter().zip(said) {
        for (name, value) in [(SCHEMA_VERSION, version), (SCHEMA_COMPATIBLE_FROM, from)] {
            if !value.is_empty() {
                past = past.says(of, name, value);
            }
        }
    }
    past
}

#[test]
fn a_rollback_across_an_incompatible_step_is_refused() {
    let no = "SchemaIncompatible refusal";
    let rows = [
        ("nobody says anything", [("", ""), ("", ""), ("", "")], None),
        ("the same schema", [("7", ""), ("7", ""), ("7", "")], None),
        (
            "a compatible step",
            [("6", "5"), ("7", "6"), ("7", "6")],
            None,
        ),
        (
            "the bad one breaks with the old",
            [("6", ""), ("6", ""), ("7", "7")],
            Some(no),
        ),
        (
            "it does not say that the old still runs",
            [("6", ""), ("6", ""), ("7", "")],
            Some(no),
        ),
        (
            "the one between had migrated already",
            [("5", ""), ("6", "6"), ("6", "5")],
            Some(no),
        ),
        (
            "two compatible steps are not one",
            [("5", ""), ("6", "5"), ("7", "6")],
            Some(no),
        ),
        (
            "a new guard, the old code still runs",
            [("", ""), ("", ""), ("1", "0")],
            None,
        ),
        (
            "a new guard that does not say so",
            [("", ""), ("", ""), ("1", "")],
            Some(no),
        ),
        (
            "only the target says something",
            [("6", ""), ("", ""), ("", "")],
            None,
        ),
        (
            "no number",
            [("6", ""), ("6", ""), ("seven", "")],
            Some("SchemaUnreadable refusal"),
        ),
        (
            "no number in the target",
            [("v6", ""), ("6", ""), ("6", "")],
            Some("SchemaUnreadable refusal"),
        ),
    ];
    for (says, said, expected) in rows {
        let expected: Vec<&str> = expected.into_iter().collect();
        assert_eq!(strict(&schemas(said)), expected, "{says}");
    }
    let breaking = schemas([("6", ""), ("6", ""), ("7", "7")]);
    let plan = breaking.plan();
    let refusal = plan.refusals().next().unwrap().to_string();
    assert!(
        refusal.contains("revision 3") && refusal.contains("revision 1, has version 6"),
        "{refusal}"
    );
    let told = allowed(Allowed {
        schema_downgrade: true,
        ..Allowed::default()
    });
    assert_eq!(breaking.findings(&told), ["SchemaIncompatible warning"]);
}

#[test]
fn what_ran_on_the_target_before_it_was_good_again_does_not_count() {
    // v2 migrated, v1 was restored after that (its number rose), and v3 is as v1 is.
    let past = of_web()
        .at_version("v3")
        .had("v1", 3, 2)
        .had("v2", 2, 0)
        .had("v3", 4, 0)
        .marked("v1", 60)
        .says("v2", SCHEMA_VERSION, "9");
    assert_eq!(strict(&past), Vec::<String>::new());
}

fn init(name: &str, extra: &Value) -> Value {
    let mut init = json!({"name": name, "image": "registry.test/migrate:1"});
    init.as_object_mut()
        .unwrap()
        .extend(extra.as_object().unwrap().clone());
    json!([init])
}

fn with_init(before: &Value, after: &Value, exit: i32) -> Past {
    let mut past = failing();
    past.revision_object("v1")["spec"]["template"]["spec"]["initContainers"] = before.clone();
    past.revision_object("v2")["spec"]["template"]["spec"]["initContainers"] = after.clone();
    past.object["spec"]["template"]["spec"]["initContainers"] = after.clone();
    let status = json!([{"name": "migrate", "image": "", "imageID": "", "ready": true, "restartCount": 0,
        "state": {"terminated": {"exitCode": exit}}}]);
    past.pod(pod_of("a", "v2").with("/status/initContainerStatuses", status))
}

#[test]
fn an_init_container_that_the_target_does_not_have_may_have_migrated() {
    let migrate = || init("migrate", &json!({}));
    let none = json!([]);
    let rows = [
        ("new, and it ran", with_init(&none, &migrate(), 0), true),
        ("new, and it failed", with_init(&none, &migrate(), 1), false),
        ("as before", with_init(&migrate(), &migrate(), 0), false),
        (
            "another command",
            with_init(&migrate(), &init("migrate", &json!({"args": ["up"]})), 0),
            true,
        ),
        (
            "a sidecar",
            with_init(
                &none,
                &init("migrate", &json!({"restartPolicy": "Always"})),
                0,
            ),
            false,
        ),
        ("new, and no pod has come to it", failing(), false),
    ];
    for (says, past, expected) in rows {
        let found = strict(&past) == ["MigrationRan warning"];
        assert_eq!(found, expected, "{says}: {:?}", strict(&past));
    }
}

#[test]
fn a_revision_that_serves_unchecked_is_passed_over_aloud() {
    let between = |available| {
        of_web()
            .at_version("v3")
            .had("v1", 1, 0)
            .had("v2", 2, available)
            .had("v3", 3, 0)
            .marked("v1", 60)
    };
    assert_eq!(strict(&between(2)), ["UncheckedServed warning"]);
    assert_eq!(strict(&between(0)), Vec::<String>::new());
    // Replaced by now, but the check saw it serve.
    let served = Request {
        served: Some("rs-v2".into()),
        judged: Some("rs-v3".into()),
        ..Request::default()
    };
    assert_eq!(between(0).findings(&served), ["UncheckedServed warning"]);
    // Found healthy, though longer ago, and serving: it is what people have settled on.
    let checked = between(2).marked("v2", 50);
    assert_eq!(strict(&checked), Vec::<String>::new());
    assert_eq!(checked.plan().to.name, "web-v2");
}

#[test]
fn an_image_that_nothing_records_is_noted() {
    let unmarked = || of_web().had("v1", 1, 2).had("v2", 2, 0);
    assert_eq!(strict(&unmarked()), ["ImageUnknown note"]);
    assert_eq!(strict(&unmarked().marked("v1", 60)), Vec::<String>::new());
    let running = json!("registry.test/app@sha256:1");
    let runs = pod_of("old", "v1")
        .ready(0)
        .with("/status/containerStatuses/0/imageID", running);
    let past = unmarked().pod(runs);
    assert_eq!(strict(&past), Vec::<String>::new());
    assert!(past.plan().images["app"].contains("sha256:1"));
    let mut pinned = unmarked();
    pinned.revision_object("v1")["spec"]["template"]["spec"]["containers"][0]["image"] =
        json!("registry.test/app@sha256:2");
    assert_eq!(strict(&pinned), Vec::<String>::new());
}

#[test]
fn a_set_knows_its_pods_too() {
    assert_eq!(strict(&of_db()), ["ImageUnknown note"]);
    assert_eq!(strict(&of_agent().marked("v1", 60)), Vec::<String>::new());
}
