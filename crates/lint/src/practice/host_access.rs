//! 7: no host network, host namespaces or host ports.

use crate::code::LintCode;
use crate::finding::Findings;
use crate::pod::Pod;

pub(super) fn judge(pod: &Pod<'_>, findings: &mut Findings) {
    let network = pod.at("hostNetwork");
    let on_host = network.bool() == Some(true);
    if on_host {
        let message = "the pod uses the network of its node";
        findings.add(LintCode::HostNetwork, &network, message);
    }
    for (field, what) in [("hostPID", "processes"), ("hostIPC", "IPC namespace")] {
        let spot = pod.at(field);
        if spot.bool() == Some(true) {
            let message = format!("the pod shares the {what} of its node: {field} is true");
            let fix = format!("remove {field}: true");
            findings
                .add(LintCode::HostNamespace, &spot, message)
                .fixed_by(fix);
        }
    }
    for container in pod.lasting() {
        for port in container.scope.items("ports") {
            let spot = port.at("hostPort");
            let Some(number) = spot.int().filter(|it| *it != 0) else {
                continue;
            };
            // With hostNetwork the API server sets hostPort to containerPort: that is one finding, not two.
            if on_host && port.at("containerPort").int() == Some(number) {
                continue;
            }
            let name = container.name;
            let message = format!("container \"{name}\" takes port {number} of its node");
            findings
                .add(LintCode::HostPort, &spot, message)
                .of_container(name);
        }
    }
}
