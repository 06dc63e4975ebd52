//! 10: liveness and readiness probes.

use crate::code::LintCode;
use crate::finding::Findings;
use crate::pod::{Container, Pod, Role};

pub(crate) fn judge(pod: &Pod<'_>, findings: &mut Findings) {
    for container in &pod.containers {
        // An init container has none, and what runs to its end serves no one.
        let runs_on = matches!(container.role, Role::Regular | Role::Sidecar);
        if runs_on && !pod.ends {
            missing(container, findings);
        }
        if runs_on {
            unknown_ports(container, findings);
        }
    }
}

fn missing(container: &Container<'_>, findings: &mut Findings) {
    let name = container.name;
    for (probe, code) in [
        ("readiness", LintCode::MissingReadinessProbe),
        ("liveness", LintCode::MissingLivenessProbe),
    ] {
        let path = format!("{probe}Probe");
        let field = container.at(&path);
        if !field.is_set() {
            let message = format!("container \"{name}\" has no {probe} probe");
            findings.add(code, &field, message).of_container(name);
        }
    }
}

/// Finds probes of a port that the container does not name. A number need not be declared.
fn unknown_ports(container: &Container<'_>, findings: &mut Findings) {
    let ports = container.scope.items("ports");
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        for handler in ["httpGet", "tcpSocket"] {
            let path = format!("{probe}.{handler}.port");
            let field = container.at(&path);
            let Some(port) = field.text() else { continue };
            let is_known = ports.iter().any(|it| it.at("name").text() == Some(port));
            // A number in quotes is a number to the kubelet.
            if !is_known && port.parse::<u16>().is_err() {
                let name = container.name;
                let message = format!(
                    "container \"{name}\" has a {probe} of port \"{port}\", which it does not declare"
                );
                findings
                    .add(LintCode::ProbePortUnknown, &field, message)
                    .of_container(name);
            }
        }
    }
}
