//! Values that their fields do not take, beside those that they take.

use super::{codes, deployment};

type Row<'a> = (&'a str, &'a str, &'a str, &'a [&'a str]);

fn all(rows: &[Row<'_>]) {
    for (says, pod, container, expected) in rows {
        assert_eq!(codes(&deployment(pod, container)), *expected, "{says}");
    }
}

#[test]
fn a_value_of_the_wrong_type_is_no_value() {
    all(&[
        (
            "a boolean in quotes",
            "",
            "securityContext: {<<: *secure, runAsNonRoot: 'true'}",
            &["MayRunAsRoot", "WrongType"],
        ),
        (
            "yes is a boolean to kubectl",
            "",
            "securityContext: {<<: *secure, runAsNonRoot: yes}",
            &[],
        ),
        (
            "a list that is none",
            "",
            "securityContext: {<<: *secure, capabilities: {add: SYS_ADMIN}}",
            &["WrongType"],
        ),
        (
            "a number for a variable",
            "",
            "env: [{name: PORT, value: 8080}]",
            &["WrongType"],
        ),
        (
            "a boolean for a variable",
            "",
            "env: [{name: DEBUG, value: true}]",
            &["WrongType"],
        ),
        (
            "strings for variables, and one without a value",
            "",
            "env: [{name: PORT, value: '8080'}, {name: DEBUG, value: \"true\"}, {name: EMPTY, value: }, {name: LATER, value: '${LATER}'}]",
            &[],
        ),
        (
            "a port in quotes",
            "",
            "ports: [{name: http, containerPort: '8080'}]",
            &["WrongType"],
        ),
        (
            "a port that is set later",
            "",
            "ports: [{name: http, containerPort: '#{Port}#', protocol: '#{Protocol}#'}]",
            &[],
        ),
        (
            "a word that imagePullPolicy does not have",
            "",
            "imagePullPolicy: Allways",
            &["WrongType"],
        ),
        ("one that it has", "", "imagePullPolicy: IfNotPresent", &[]),
        (
            "a protocol in lower case",
            "",
            "ports: [{name: http, containerPort: 8080, protocol: tcp}]",
            &["WrongType"],
        ),
        (
            "a time that is no number",
            "terminationGracePeriodSeconds: 30s,",
            "",
            &["WrongType"],
        ),
        (
            "a number as a label of nodes",
            "nodeSelector: {tier: 1},",
            "",
            &["WrongType"],
        ),
        (
            "a boolean in quotes as a label of nodes",
            "nodeSelector: {gpu: 'true'},",
            "",
            &[],
        ),
        (
            "amounts as numbers, with an exponent and with a suffix",
            "",
            "resources: {requests: {cpu: 0.5, memory: 1e8}, limits: {cpu: 1, memory: 128Mi, ephemeral-storage: 2e9}}",
            &[],
        ),
        (
            "an amount with a suffix that does not exist",
            "",
            "resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {cpu: 1, memory: 64Mi, ephemeral-storage: 1GB}}",
            &["WrongType"],
        ),
        (
            "a user in quotes",
            "securityContext: {runAsUser: '0'},",
            "",
            &["WrongType"],
        ),
    ]);
}

#[test]
fn fields_of_a_workload_take_their_values_only() {
    let with = |spec: &str| {
        let text = deployment("", "");
        text.replace(
            "spec:\n  template:",
            &format!("spec:\n  {spec}\n  template:"),
        )
    };
    for (says, spec, expected) in [
        ("a word for a number", "replicas: two", vec!["WrongType"]),
        ("a number in quotes", "replicas: '2'", vec!["WrongType"]),
        ("a number", "replicas: 2", vec![]),
        (
            "a number that is set later",
            "replicas: ${REPLICAS}",
            vec![],
        ),
        (
            "a strategy of another kind",
            "strategy: {type: OnDelete}",
            vec!["WrongType"],
        ),
        (
            "a number and a share",
            "strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 25%}}",
            vec![],
        ),
        (
            "a selector of another label",
            "selector: {matchLabels: {app: wep}}",
            vec!["SelectorMismatch"],
        ),
        (
            "a selector of a label that the template lacks",
            "selector: {matchLabels: {app: web, tier: front}}",
            vec!["SelectorMismatch"],
        ),
        (
            "a selector of the template's label",
            "selector: {matchLabels: {app: web}}",
            vec![],
        ),
        (
            "a selector that is set later",
            "selector: {matchLabels: {app: '#{App}#'}}",
            vec![],
        ),
    ] {
        assert_eq!(codes(&with(spec)), expected, "{says}");
    }
    let labels = deployment("", "").replace(
        "metadata: {name: web, namespace: shop}",
        "metadata: {name: web, namespace: shop, labels: {version: 2}}",
    );
    assert_eq!(codes(&labels), ["WrongType"], "a label that is a number");
    let own = with("replicas: two").replace("apps/v1", "example.test/v1");
    let own = own.replace("kind: Deployment", "kind: Application");
    assert_eq!(codes(&own), [""; 0], "a kind with fields of its own");
}
