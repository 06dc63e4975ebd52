//! Kinds, lists, several documents, custom kinds, and other things of a manifest.

use super::{codes, deployment, findings, report, rules, workload};
use crate::level::KubernetesVersion;

const BAD: &str = "{hostPID: true, containers: []}";

#[test]
fn every_kind_with_a_pod_template_is_judged() {
    for (api_version, kind, spec, path) in [
        ("v1", "Pod", "{spec}", "spec.hostPID"),
        (
            "v1",
            "ReplicationController",
            "{template: {spec: {spec}}}",
            "spec.template.spec.hostPID",
        ),
        (
            "apps/v1",
            "Deployment",
            "{template: {spec: {spec}}}",
            "spec.template.spec.hostPID",
        ),
        (
            "apps/v1",
            "StatefulSet",
            "{template: {spec: {spec}}}",
            "spec.template.spec.hostPID",
        ),
        (
            "apps/v1",
            "DaemonSet",
            "{template: {spec: {spec}}}",
            "spec.template.spec.hostPID",
        ),
        (
            "apps/v1",
            "ReplicaSet",
            "{template: {spec: {spec}}}",
            "spec.template.spec.hostPID",
        ),
        (
            "batch/v1",
            "Job",
            "{template: {spec: {spec}}}",
            "spec.template.spec.hostPID",
        ),
        (
            "batch/v1",
            "CronJob",
            "{jobTemplate: {spec: {template: {spec: {spec}}}}}",
            "spec.jobTemplate.spec.template.spec.hostPID",
        ),
    ] {
        let spec = spec.replace("{spec}", BAD);
        let object = format!(
            "{{apiVersion: {api_version}, kind: {kind}, metadata: {{name: x}}, spec: {spec}}}"
        );
        let found = findings(&object);
        assert_eq!(found.len(), 1, "{kind}");
        assert_eq!(found[0].path, path, "{kind}");
        let list = format!("apiVersion: v1\nkind: List\nitems:\n- {object}\n- {object}\n");
        let found = findings(&list);
        let paths: Vec<_> = found.iter().map(|it| it.path.as_str()).collect();
        assert_eq!(
            paths,
            [format!("items[0].{path}"), format!("items[1].{path}")],
            "{kind} in a List"
        );
    }
    let list = format!(
        "{{apiVersion: v1, kind: PodList, items: [{{apiVersion: v1, kind: Pod, spec: {BAD}}}]}}"
    );
    assert_eq!(codes(&list), ["HostNamespace"], "a list of one kind");
}

#[test]
fn a_kind_of_another_group_is_skipped_unless_its_path_is_given() {
    let rollout = workload("argoproj.io/v1alpha1", "Rollout", "hostPID: true,", "");
    let volcano = workload("batch.volcano.sh/v1alpha1", "Job", "hostPID: true,", "");
    let text = format!("{rollout}---\n{volcano}");
    let skipped = report(&[&text], &rules());
    assert_eq!(skipped.findings().count(), 0);
    assert_eq!(skipped.summary.skipped.len(), 2);
    for kind in ["Rollout", "Rollout.argoproj.io"] {
        let mut rules = rules();
        rules
            .template_paths
            .insert(kind.to_owned(), "spec.template".to_owned());
        let report = report(&[&text], &rules);
        let found: Vec<_> = report
            .findings()
            .map(|it| it.object.kind.as_str())
            .collect();
        assert_eq!(found, ["Rollout"], "{kind}");
    }
}

#[test]
fn every_document_and_json_are_read() {
    let two = format!(
        "{}---\n# nothing\n---\n{}",
        deployment("hostPID: true,", ""),
        deployment("hostIPC: true,", "")
    );
    let found = findings(&two);
    let lines: Vec<_> = found.iter().map(|it| it.mark.line).collect();
    assert_eq!(lines, [21, 45]);
    let json = r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": {"hostPID": true, "containers": []}}"#;
    assert_eq!(codes(json), ["HostNamespace"]);
    let foreign = report(&["name: package\nversion: 1\n---\n- a\n"], &rules());
    assert_eq!(foreign.summary.foreign, 2);
}

#[test]
fn a_value_behind_an_alias_is_marked_where_it_stands() {
    let text = "\
x-spec: &spec
  hostPID: true
  containers: []
apiVersion: v1
kind: Pod
metadata: {name: x}
spec: *spec
";
    let found = findings(text);
    assert_eq!(
        (found[0].path.as_str(), found[0].mark.line),
        ("spec.hostPID", 2)
    );
}

#[test]
fn equal_keys_are_told_and_the_last_one_counts() {
    let text = deployment("hostPID: true, hostPID: false,", "");
    assert_eq!(codes(&text), ["DuplicateKey"]);
}

#[test]
fn a_workload_without_a_template_is_told() {
    assert_eq!(
        codes("{apiVersion: apps/v1, kind: Deployment, metadata: {name: x}, spec: {}}"),
        ["WrongType"]
    );
}

#[test]
fn old_api_versions_and_images_that_change_are_told() {
    let ingress =
        |version: &str| format!("{{apiVersion: {version}, kind: Ingress, metadata: {{name: x}}}}");
    for (says, text, minor, expected) in [
        (
            "removed",
            ingress("extensions/v1beta1"),
            37,
            "RemovedApiVersion",
        ),
        (
            "removed, and its successor as well",
            ingress("networking.k8s.io/v1beta1"),
            37,
            "RemovedApiVersion",
        ),
        ("current", ingress("networking.k8s.io/v1"), 37, ""),
        (
            "removed in 1.26",
            "{apiVersion: autoscaling/v2beta2, kind: HorizontalPodAutoscaler, metadata: {name: x}}"
                .to_owned(),
            26,
            "RemovedApiVersion",
        ),
        (
            "deprecated until then",
            "{apiVersion: autoscaling/v2beta2, kind: HorizontalPodAutoscaler, metadata: {name: x}}"
                .to_owned(),
            25,
            "DeprecatedApiVersion",
        ),
        (
            "another kind of the same group",
            "{apiVersion: networking.k8s.io/v1beta1, kind: IPAddress, metadata: {name: x}}"
                .to_owned(),
            31,
            "",
        ),
        (
            "an old Deployment is judged as well",
            workload("extensions/v1beta1", "Deployment", "hostPID: true,", ""),
            37,
            "RemovedApiVersion HostNamespace",
        ),
        ("no tag", deployment("", "image: web"), 37, "MutableImage"),
        (
            "latest",
            deployment("", "image: web:latest"),
            37,
            "MutableImage",
        ),
    ] {
        let mut rules = rules();
        rules.version = KubernetesVersion::minor(minor);
        let report = report(&[&text], &rules);
        let found: Vec<_> = report.findings().map(|it| it.code.as_str()).collect();
        assert_eq!(found.join(" "), expected, "{says}");
    }
    let found = findings(&ingress("extensions/v1beta1"));
    assert_eq!(found[0].fix, "use networking.k8s.io/v1");
}
