//! AppArmor, `SELinux` and seccomp.

use super::restricted::is_exempt_windows;
use crate::code::LintCode;
use crate::field::{FieldRef, Location};
use crate::finding::Findings;
use crate::level::KubernetesVersion;
use crate::pod::{Container, Pod, owner};
use crate::yaml::Field;

/// Calls a function with the place of a field on the pod and on each container.
fn everywhere<'d>(
    pod: &Pod<'d>,
    field: &str,
    mut judge: impl FnMut(&FieldRef<'_, 'd>, Option<&Container<'d>>),
) {
    judge(&pod.at(field), None);
    for container in &pod.containers {
        judge(&container.at(field), Some(container));
    }
}

/// Returns who sets a field.
fn who(container: Option<&Container<'_>>) -> String {
    owner(container.map(|it| it.name))
}

/// Returns the profile's type if it is set and not allowed; a profile without a type is not allowed.
fn bad_type<'d>(profile: &FieldRef<'_, 'd>) -> Option<&'d str> {
    let node = profile.node()?;
    let kind = node.get("type").and_then(|it| it.value.written());
    let kind = kind.unwrap_or_default();
    (!matches!(kind, "RuntimeDefault" | "Localhost")).then_some(kind)
}

pub(super) fn app_armor(pod: &Pod<'_>, _: KubernetesVersion, findings: &mut Findings) {
    everywhere(
        pod,
        "securityContext.appArmorProfile",
        |field, container| {
            if let Some(kind) = bad_type(field) {
                let message = format!("{} sets the AppArmor profile {kind}", who(container));
                let finding = findings.add(LintCode::AppArmorProfile, field, message);
                finding.container = container.map(|it| it.name.to_owned());
            }
        },
    );
    let allowed = |profile: &str| {
        profile.is_empty() || profile == "runtime/default" || profile.starts_with("localhost/")
    };
    let refused = refused_annotations(pod, |key, profile| {
        key.starts_with("container.apparmor.security.beta.kubernetes.io/") && !allowed(profile)
    });
    for annotation in refused {
        let message = format!(
            "an annotation sets the AppArmor profile {}",
            annotation.value
        );
        findings.add_at(LintCode::AppArmorProfile, annotation.place, message);
    }
}

/// An annotation that a rule refuses.
struct Annotation<'d> {
    place: Location,
    value: &'d str,
}

/// Returns the annotations of the pod's own metadata that a rule refuses by key and value.
fn refused_annotations<'d>(
    pod: &Pod<'d>,
    refuses: impl Fn(&str, &str) -> bool,
) -> Vec<Annotation<'d>> {
    let annotations = pod.metadata.as_ref().and_then(|it| it.below("annotations"));
    let Some(scope) = annotations else {
        return Vec::new();
    };
    let of_field = |field: Field<'d>| {
        let value = field.value.written().unwrap_or_default();
        let path = format!("{}[\"{}\"]", scope.path(), field.key);
        let mark = field.value.mark();
        let place = Location { mark, path };
        refuses(field.key, value).then_some(Annotation { place, value })
    };
    scope.node().fields().filter_map(of_field).collect()
}

pub(super) fn selinux(pod: &Pod<'_>, version: KubernetesVersion, findings: &mut Findings) {
    let allowed = |kind: &str| match kind {
        "" | "container_t" | "container_init_t" | "container_kvm_t" => true,
        "container_engine_t" => version.at_least(31),
        _ => false,
    };
    everywhere(pod, "securityContext.seLinuxOptions", |field, container| {
        let option = |name: &str| {
            let option = field.node().and_then(|it| it.get(name));
            option.and_then(|it| it.value.written()).unwrap_or_default()
        };
        let mut wrong = Vec::new();
        if !allowed(option("type")) {
            wrong.push(format!("type {}", option("type")));
        }
        for name in ["user", "role"] {
            if !option(name).is_empty() {
                wrong.push(format!("{name} {}", option(name)));
            }
        }
        if !wrong.is_empty() {
            let message = format!(
                "{} sets the SELinux {}",
                who(container),
                wrong.join(" and ")
            );
            let finding = findings.add(LintCode::SelinuxOptions, field, message);
            finding.container = container.map(|it| it.name.to_owned());
        }
    });
}

const SECCOMP: &str = "securityContext.seccompProfile";

pub(super) fn seccomp_baseline(pod: &Pod<'_>, _: KubernetesVersion, findings: &mut Findings) {
    forbidden(pod, findings);
}

/// Finds profiles that are not allowed.
fn forbidden(pod: &Pod<'_>, findings: &mut Findings) {
    everywhere(pod, SECCOMP, |field, container| {
        if let Some(kind) = bad_type(field) {
            let message = format!("{} sets the seccomp profile {kind}", who(container));
            let finding = findings.add(LintCode::SeccompProfile, field, message);
            finding.container = container.map(|it| it.name.to_owned());
        }
    });
}

pub(super) fn seccomp_restricted(
    pod: &Pod<'_>,
    version: KubernetesVersion,
    findings: &mut Findings,
) {
    if is_exempt_windows(pod, version) {
        return;
    }
    forbidden(pod, findings);
    // One that is not allowed has been found on the pod, once for all containers.
    if pod.at(SECCOMP).is_set() {
        return;
    }
    for container in &pod.containers {
        let field = container.at(SECCOMP);
        if !field.is_set() {
            let name = container.name;
            let message =
                format!("neither container \"{name}\" nor its pod sets a seccomp profile");
            findings
                .add(LintCode::SeccompProfile, &field, message)
                .of_container(name);
        }
    }
}
