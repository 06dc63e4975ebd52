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

#[test]
fn a_field_that_the_api_does_not_have_is_named() {
    let unknown: &[&str] = &["UnknownField"];
    all(&[
        (
            "a slip in a container",
            "",
            "imagePullPolcy: Always",
            unknown,
        ),
        ("a slip in the pod", "restartPolcy: Always,", "", unknown),
        (
            "a field of containers in the pod",
            "readinessProbe: {},",
            "",
            unknown,
        ),
        (
            "a slip in a probe",
            "",
            "startupProbe: {tcpSocket: {port: 80}, faliureThreshold: 30}",
            unknown,
        ),
        ("another case", "", "terminationmessagepath: /x", unknown),
        (
            "a field of an older version",
            "resourceClaims: [{name: a, source: {resourceClaimName: b}}],",
            "",
            &[],
        ),
        (
            "a field of the newest version",
            "hostnameOverride: web,",
            "",
            &[],
        ),
        ("a key without a value", "", "imagePullPolcy: ", unknown),
        ("an extension", "x-shared: {a: 1},", "x-note: 1", &[]),
        (
            "a key that is set later",
            "'{{ .Values.key }}': 1,",
            "",
            &[],
        ),
        ("a directive of a patch", "$patch: replace,", "", &[]),
        (
            "free keys of a mapping",
            "nodeSelector: {imagePullPolcy: always},",
            "",
            &[],
        ),
    ]);
    let with = |text: &str, replaced: &str, by: &str| codes(&text.replace(replaced, by));
    let good = deployment("", "");
    let cron = "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: x}\nspec: {shedule: '* * * * *', jobTemplate: {spec: {template: {spec: {containers: []}}}}}\n";
    let config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {imagePullPolcy: Always}\nimmutabel: true\n";
    let labels = "labels: {imagePullPolcy: a}, annotations: {livenesProbe: a}";
    for (says, found, expected) in [
        (
            "a slip in a workload",
            with(
                &good,
                "spec:\n  template",
                "spec:\n  replica: 2\n  template",
            ),
            vec!["UnknownField"],
        ),
        (
            "a slip in an object",
            with(&good, "spec:\n  template", "specs: {}\nspec:\n  template"),
            vec!["UnknownField"],
        ),
        (
            "a slip in the metadata",
            with(
                &good,
                "metadata: {name: web,",
                "metadata: {name: web, lables: {},",
            ),
            vec!["UnknownField"],
        ),
        ("a slip in a schedule", codes(cron), vec!["UnknownField"]),
        (
            "labels and annotations are free",
            with(
                &good,
                "metadata: {name: web,",
                &format!("metadata: {{name: web, {labels},"),
            ),
            vec![],
        ),
        (
            "the status of an object from the cluster",
            with(
                &good,
                "spec:\n  template",
                "status: {replicas: 2, anything: 1}\nspec:\n  template",
            ),
            vec![],
        ),
        (
            "a version that was removed had other fields",
            with(
                &good,
                "spec:\n  template",
                "spec:\n  rollbackTo: {revision: 1}\n  template",
            )
            .into_iter()
            .chain(with(
                &good.replace("apps/v1", "apps/v1beta1"),
                "spec:\n  template",
                "spec:\n  rollbackTo: {revision: 1}\n  template",
            ))
            .collect(),
            vec!["UnknownField", "RemovedApiVersion"],
        ),
        (
            "a kind with fields of its own",
            with(
                &good.replace("apps/v1", "example.test/v1"),
                "kind: Deployment",
                "kind: Rollout\nimagePullPolcy: 1",
            ),
            vec![],
        ),
        ("other kinds have free keys", codes(config), vec![]),
    ] {
        assert_eq!(found, expected, "{says}");
    }
}

#[test]
fn an_unknown_field_is_shown_with_its_place_and_the_one_that_was_meant() {
    let text = "\
apiVersion: v1
kind: Pod
metadata: {name: x}
spec:
  containers:
    - name: app
      image: app:1
      livenesProbe: {tcpSocket: {port: 80}}
  livenessProbe: {}
  colour: red
";
    let found = super::findings(text);
    let found = found.iter().filter(|it| it.code.as_str() == "UnknownField");
    let found: Vec<_> = found
        .map(|it| {
            (
                it.mark.line,
                it.mark.column,
                it.path.as_str(),
                it.message.as_str(),
                it.fix.as_str(),
            )
        })
        .collect();
    let usual = "correct the name or the place of the field, or remove it";
    assert_eq!(
        found,
        [
            (
                8,
                7,
                "spec.containers[0].livenesProbe",
                "unknown field \"livenesProbe\": Container has livenessProbe",
                "write livenessProbe, or remove the field"
            ),
            (
                9,
                3,
                "spec.livenessProbe",
                "unknown field \"livenessProbe\": PodSpec has none of this name, Container has",
                usual
            ),
            (
                10,
                3,
                "spec.colour",
                "unknown field \"colour\": PodSpec has none of this name",
                usual
            ),
        ]
    );
}

#[test]
fn every_field_of_a_pod_takes_its_type_only() {
    all(&[
        (
            "a number among arguments",
            "",
            "args: [--port, 8080]",
            &["WrongType"],
        ),
        ("strings among arguments", "", "args: [--port, '8080']", &[]),
        (
            "a word that a toleration does not have",
            "tolerations: [{key: a, operator: Exist}],",
            "",
            &["WrongType"],
        ),
        (
            "one that it has",
            "tolerations: [{key: a, operator: Exists}],",
            "",
            &[],
        ),
        (
            "a mapping where a list is expected",
            "volumes: {name: a},",
            "",
            &["WrongType"],
        ),
        (
            "a string where a mapping is expected",
            "affinity: none,",
            "",
            &["WrongType"],
        ),
        ("an empty word", "dnsPolicy: '',", "", &[]),
        (
            "a boolean for a number",
            "priority: true,",
            "",
            &["WrongType"],
        ),
    ]);
}
