//! A workload that Helm installed: Helm's own command, and who may force it here.

use serde_json::{Value, json};

use super::past::{Past, of_web};
use crate::rollback::preflight::{
    Answers, DryRun, HelmRelease, HelmRevision, Lookup, helm, helm_revision, questions,
};
use crate::rollback::{Allowed, PreflightCode, Request, RollbackPlan};

/// Release `web` in namespace `shop` installed it.
fn installed() -> Past {
    let failing = of_web().had("v1", 1, 2).had("v2", 2, 0).marked("v1", 60);
    failing
        .annotated("meta.helm.sh/release-name", "web")
        .annotated("meta.helm.sh/release-namespace", "shop")
}

/// The request of a check that judged `v2`.
fn proposal() -> Request {
    Request {
        judged: Some("rs-v2".to_owned()),
        ..Request::default()
    }
}

fn release() -> HelmRelease {
    HelmRelease {
        name: "web".to_owned(),
        namespace: "shop".to_owned(),
    }
}

/// The record of Helm, written as `4 superseded, 5 failed`.
fn recorded(revisions: &str) -> Lookup<Vec<HelmRevision>> {
    let each = revisions.split(", ").filter_map(|it| it.split_once(' '));
    Lookup::Seen(
        each.map(|(version, status)| HelmRevision {
            version: version.parse().unwrap(),
            status: status.to_owned(),
        })
        .collect(),
    )
}

/// The plan after Helm's revisions were looked up.
fn advised(request: &Request, looked: Lookup<Vec<HelmRevision>>) -> RollbackPlan {
    let mut plan = installed().plan_for(request);
    let answers = Answers {
        references: Vec::new(),
        pod: DryRun::Accepted,
        patch: DryRun::Accepted,
        written: None,
        rights: Vec::new(),
        jobs: Lookup::Seen(Vec::new()),
        helm: Some((release(), looked)),
    };
    helm::advise(&mut plan, &answers);
    plan
}

#[test]
fn the_revision_to_go_back_to_is_the_newest_before_that_helm_did_not_record_as_failed() {
    let forbidden = Lookup::Unseen("may not list secrets".to_owned());
    let rows = [
        (
            "an upgrade that did not wait",
            recorded("3 superseded, 4 superseded, 5 deployed"),
            "helm rollback web 4 -n shop",
        ),
        (
            "an upgrade that waited and failed",
            recorded("3 superseded, 4 deployed, 5 failed"),
            "helm rollback web 4 -n shop",
        ),
        (
            "a second failed upgrade",
            recorded("3 deployed, 4 failed, 5 failed"),
            "helm rollback web 3 -n shop",
        ),
        (
            "an upgrade that hangs",
            recorded("10 pending-upgrade, 9 deployed"),
            "helm rollback web 9 -n shop",
        ),
        (
            "nothing before it worked",
            recorded("1 failed, 2 deployed"),
            "helm history web -n shop",
        ),
        (
            "the first installation",
            recorded("1 deployed"),
            "helm history web -n shop",
        ),
        (
            "no Secret: Helm keeps it elsewhere",
            recorded(""),
            "helm history web -n shop",
        ),
        (
            "Secrets may not be listed",
            forbidden,
            "helm history web -n shop",
        ),
    ];
    for (says, looked, command) in rows {
        let plan = advised(&proposal(), looked);
        let mut findings = plan.findings.iter();
        let finding = findings.find(|it| it.code == PreflightCode::OwnedByHelm);
        let finding = finding.unwrap();
        assert_eq!(finding.command.as_deref(), Some(command), "{says}");
        let hint = finding.hint.as_deref().unwrap();
        assert!(hint.contains(&format!("`{command}`")), "{says}: {hint}");
        assert!(
            hint.contains("to approve is to force it here"),
            "{says}: {hint}"
        );
    }
    let unseen = advised(
        &proposal(),
        Lookup::Unseen("may not list secrets".to_owned()),
    );
    let hint = unseen.findings[0].hint.as_deref().unwrap();
    assert!(hint.contains("may not list secrets"), "{hint}");
}

#[test]
fn a_person_at_the_command_line_reads_how_to_force_it() {
    let plan = advised(&Request::default(), recorded("4 superseded, 5 deployed"));
    let refusal = plan.refusals().next().unwrap();
    let hint = refusal.hint.as_deref().unwrap();
    assert!(hint.contains("`helm rollback web 4 -n shop`"), "{hint}");
    assert!(hint.contains("--force-owner"), "{hint}");
}

#[test]
fn helm_is_overruled_only_by_a_person_who_was_told() {
    let told = installed().plan_for(&proposal()).approval();
    assert!(told.force_helm);
    let with = |force_helm: bool, approved: bool| Request {
        approval: Some(crate::approval::ApprovedRollback {
            force_helm,
            ..told.clone()
        }),
        allowed: Allowed {
            approved,
            ..Allowed::default()
        },
        ..Request::default()
    };
    for (says, request, weight) in [
        ("a check proposes it", proposal(), "warning"),
        (
            "a person was told, and approved",
            with(true, true),
            "warning",
        ),
        (
            "no person approved: automatic",
            with(true, false),
            "refusal",
        ),
        (
            "the approval says nothing of Helm",
            with(false, true),
            "refusal",
        ),
        ("no one was asked", Request::default(), "refusal"),
    ] {
        let expected = format!("OwnedByHelm {weight}");
        assert_eq!(installed().findings(&request), [expected], "{says}");
    }
    let plain = of_web().had("v1", 1, 2).had("v2", 2, 0).marked("v1", 60);
    assert!(!plain.plan_for(&proposal()).approval().force_helm);
}

#[test]
fn a_release_is_looked_up_only_where_helm_owns_the_workload_and_names_are_names() {
    let named = |name: &str| installed().annotated("meta.helm.sh/release-name", name);
    let flux = installed().with(
        "/metadata/labels",
        json!({"helm.toolkit.fluxcd.io/name": "web"}),
    );
    for (says, past, expected) in [
        ("installed by Helm", installed(), Some(release())),
        ("installed by Flux through Helm", flux, None),
        ("a name that ends a command", named("web; rm -rf /"), None),
        ("a name that is an option", named("--kube-context=x"), None),
        ("no name", named(""), None),
    ] {
        let plan = past.plan_for(&proposal());
        assert_eq!(questions(&plan, &past.history()).helm, expected, "{says}");
    }
}

#[test]
fn a_revision_is_read_from_the_labels_of_its_secret() {
    let secret = |labels: Value| json!({"metadata": {"name": "x", "labels": labels}});
    let known = HelmRevision {
        version: 4,
        status: "superseded".to_owned(),
    };
    for (says, labels, expected) in [
        (
            "as Helm writes it",
            json!({"name": "web", "owner": "helm", "status": "superseded", "version": "4"}),
            Some(known),
        ),
        (
            "no number",
            json!({"status": "deployed", "version": "x"}),
            None,
        ),
        ("no status", json!({"version": "4"}), None),
    ] {
        assert_eq!(helm_revision(&secret(labels)), expected, "{says}");
    }
    assert_eq!(helm_revision(&json!({})), None);
}
