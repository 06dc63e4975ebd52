//! Offers of changes that may break an application and are never written: the fields, with what else they need.

use std::fmt::Write as _;

use rollguard_core::foreign_text::visible;

use crate::code::LintCode;
use crate::finding::Finding;

/// A piece of YAML to start from.
struct Offer {
    codes: &'static [LintCode],
    /// What the application needs then.
    needs: &'static str,
    /// Fields of the pod's spec.
    of_pod: &'static str,
    /// Fields of the container.
    of_container: &'static str,
}

const OFFERS: &[Offer] = &[
    Offer {
        codes: &[LintCode::WritableRootFilesystem],
        needs: "each folder that the application writes needs a volume",
        of_pod: "volumes:\n- name: tmp\n  emptyDir: {}\n",
        of_container: "  securityContext:\n    readOnlyRootFilesystem: true\n  volumeMounts:\n  - name: tmp\n    mountPath: /tmp\n",
    },
    Offer {
        codes: &[LintCode::RunsAsRoot, LintCode::MayRunAsRoot],
        needs: "the files that the application writes must belong to this user, and its ports be above 1023; fsGroup gives it the volumes",
        of_pod: "securityContext:\n  fsGroup: 10001\n",
        of_container: "  securityContext:\n    runAsNonRoot: true\n    runAsUser: 10001\n    runAsGroup: 10001\n",
    },
    Offer {
        codes: &[LintCode::PrivilegeEscalation],
        needs: "programs with a setuid bit or with capabilities of their file stop working, such as sudo and some builds of ping",
        of_pod: "",
        of_container: "  securityContext:\n    allowPrivilegeEscalation: false\n",
    },
    Offer {
        codes: &[LintCode::CapabilitiesNotDropped, LintCode::AddedCapability],
        needs: "an entry point that changes owners or users as root needs CHOWN, SETGID and SETUID; a port below 1024 needs NET_BIND_SERVICE",
        of_pod: "",
        of_container: "  securityContext:\n    capabilities:\n      drop: [ALL]\n",
    },
    Offer {
        codes: &[LintCode::SeccompProfile],
        needs: "rare system calls are refused, such as those of profilers and of nested containers",
        of_pod: "securityContext:\n  seccompProfile:\n    type: RuntimeDefault\n",
        of_container: "",
    },
];

/// Returns what a finding offers as YAML below the pod's `spec`, to be merged by hand: a change that may break the
/// application, with what it needs.
#[must_use]
pub fn suggestion(finding: &Finding) -> Option<String> {
    let Offer {
        needs,
        of_pod,
        of_container,
        ..
    } = OFFERS.iter().find(|it| it.codes.contains(&finding.code))?;
    // Windows names its users otherwise.
    if finding.path.contains("windowsOptions") || finding.message.contains("ContainerAdministrator")
    {
        return None;
    }
    let mut text = format!("# {needs}\n{of_pod}");
    if !of_container.is_empty() {
        let name = finding.container.as_deref().unwrap_or("NAME");
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let name = if name.chars().all(is_name) {
            name.to_owned()
        } else {
            // A string of JSON is one of YAML.
            serde_json::to_string(&visible(name)).ok()?
        };
        let list = if finding.path.contains("initContainers[") {
            "initContainers"
        } else {
            "containers"
        };
        let _ = write!(text, "{list}:\n- name: {name}\n{of_container}");
    }
    Some(text)
}
