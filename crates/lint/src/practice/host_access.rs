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
    for (name, what) in [("hostPID", "processes"), ("hostIPC", "IPC namespace")] {
        let field = pod.at(name);
        if field.bool() == Some(true) {
            let message = format!("the pod shares the {what} of its node: {name} is true");
            let fix = format!("remove {name}: true");
            findings
                .add(LintCode::HostNamespace, &field, message)
                .fixed_by(fix);
        }
    }
    for container in pod.lasting() {
        for port in container.scope.items("ports") {
            let field = port.at("hostPort");
            let Some(number) = field.int().filter(|it| *it != 0) else {
                continue;
            };
            // With hostNetwork the API server sets hostPort to containerPort: that is one finding, not two.
            if on_host && port.at("containerPort").int() == Some(number) {
                continue;
            }
            let name = container.name;
            let message = format!("container \"{name}\" takes port {number} of its node");
            findings
                .add(LintCode::HostPort, &field, message)
                .of_container(name);
        }
    }
}
