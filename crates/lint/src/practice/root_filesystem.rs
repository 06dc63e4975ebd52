//! 8: read-only root filesystem.

use crate::code::LintCode;
use crate::finding::Findings;
use crate::pod::Pod;

pub(super) fn judge(pod: &Pod<'_>, findings: &mut Findings) {
    if pod.is_windows {
        return;
    }
    // The field exists on containers only. An ephemeral container is a person's, for looking.
    for container in pod.lasting() {
        let field = container.at("securityContext.readOnlyRootFilesystem");
        if field.bool() != Some(true) {
            let name = container.name;
            let message = format!("container \"{name}\" can write to its root filesystem");
            findings
                .add(LintCode::WritableRootFilesystem, &field, message)
                .of_container(name);
        }
    }
}
