//! Rows of manifests and the codes that are found in them.
#![expect(clippy::too_many_lines, reason = "tables of named rows")]

mod corners;
mod exemptions;
mod false_positives;
mod fixes;
mod inputs;
mod laws;
mod levels;
mod practices;
mod probes;
mod secrets;
mod values;

use jiff::civil::date;

use crate::config::FailOn;
use crate::finding::Finding;
use crate::judge::{Rules, judge};
use crate::run::{Report, Run, Source};

/// The rules on a day of 2026.
fn rules() -> Rules {
    Rules::new(date(2026, 11, 30))
}

/// A Deployment without a finding, but for what `pod` and `container` say: fields of the pod's spec in flow style,
/// and of its only container, which win over the good ones.
fn deployment(pod: &str, container: &str) -> String {
    workload("apps/v1", "Deployment", pod, container)
}

fn workload(api_version: &str, kind: &str, pod: &str, container: &str) -> String {
    format!(
        "\
x-secure: &secure
  runAsNonRoot: true
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  seccompProfile: {{type: RuntimeDefault}}
  capabilities: {{drop: [ALL]}}
x-good: &good
  name: web
  image: registry.example/web:1.4
  securityContext: *secure
  resources: {{requests: {{cpu: 100m, memory: 64Mi}}, limits: {{cpu: 1, memory: 64Mi}}}}
  ports: [{{name: http, containerPort: 8080}}]
  readinessProbe: {{httpGet: {{path: /up, port: http}}}}
  livenessProbe: {{httpGet: {{path: /alive, port: http}}}}
apiVersion: {api_version}
kind: {kind}
metadata: {{name: web, namespace: shop}}
spec:
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{{pod} containers: [{{<<: *good, {container}}}]}}
"
    )
}

fn add(run: &mut Run, path: &str, text: &str, rules: &Rules) {
    let fail_on = FailOn::default();
    let source = Source {
        path,
        text,
        fail_on,
    };
    run.add(source, judge(text, rules));
}

fn report(texts: &[&str], rules: &Rules) -> Report {
    let mut run = Run::default();
    for (at, text) in texts.iter().enumerate() {
        let path = format!("{at}.yaml");
        add(&mut run, &path, text, rules);
    }
    run.finish()
}

fn findings(text: &str) -> Vec<Finding> {
    let report = report(&[text], &rules());
    assert_eq!(report.problems, [], "{text}");
    report.findings().cloned().collect()
}

/// The codes that are found, sorted.
fn codes(text: &str) -> Vec<&'static str> {
    let mut codes: Vec<_> = findings(text).iter().map(|it| it.code.as_str()).collect();
    codes.sort_unstable();
    codes
}

#[test]
fn the_good_deployment_has_no_finding() {
    assert_eq!(codes(&deployment("", "")), [""; 0]);
}
