//! 9: CPU and memory requests and limits.

use rollguard_core::prediction::ContainerDefaults;
use rollguard_core::quantity::Quantity;

use crate::code::LintCode;
use crate::field::{FieldRef, Scope};
use crate::finding::Findings;
use crate::level::KubernetesVersion;
use crate::pod::{Pod, owner};

/// The version from which pod-level resources are on by default.
const POD_LEVEL: u32 = 34;

pub(super) fn judge(
    pod: &Pod<'_>,
    version: KubernetesVersion,
    defaults: Option<&ContainerDefaults>,
    findings: &mut Findings,
) {
    let of_pod = version.at_least(POD_LEVEL).then_some(&pod.spec);
    amounts(&pod.spec, None, findings);
    for container in pod.lasting() {
        amounts(&container.scope, Some(container.name), findings);
        let resources = Resources {
            container: &container.scope,
            pod: of_pod,
            defaults,
        };
        resources.judge(container.name, findings);
    }
}

struct Resources<'a, 'd> {
    container: &'a Scope<'d>,
    /// The pod, where its resources count.
    pod: Option<&'a Scope<'d>>,
    /// What a LimitRange of its namespace sets where the container sets nothing.
    defaults: Option<&'a ContainerDefaults>,
}

impl Resources<'_, '_> {
    fn limits(&self, resource: &str) -> bool {
        let path = format!("resources.limits.{resource}");
        let is_set = |scope: &Scope<'_>| is_some(&scope.at(&path));
        let by_default = || self.defaults.is_some_and(|it| it.limits.contains(resource));
        // A limit of zero stays.
        is_set(self.container)
            || self.pod.is_some_and(is_set)
            || !self.container.at(&path).is_set() && by_default()
    }

    /// Returns whether a resource is requested. The API server takes a limit for a request that is absent, and only
    /// for one: a request of zero stays (`SetDefaults_Pod`).
    fn requests(&self, resource: &str) -> bool {
        let (request, limit) = (
            format!("resources.requests.{resource}"),
            format!("resources.limits.{resource}"),
        );
        let requests = |scope: &Scope<'_>| {
            let request = scope.at(&request);
            is_some(&request) || !request.is_set() && is_some(&scope.at(&limit))
        };
        let by_default = || {
            self.defaults
                .is_some_and(|it| it.requests.contains(resource))
        };
        requests(self.container)
            || self.pod.is_some_and(requests)
            || !self.container.at(&request).is_set() && by_default()
    }

    fn judge(&self, name: &str, findings: &mut Findings) {
        let missing: Vec<&str> = ["cpu", "memory"]
            .into_iter()
            .filter(|it| !self.requests(it))
            .collect();
        if !missing.is_empty() {
            let what = missing.join(" and no ");
            let message = format!("container \"{name}\" requests no {what}");
            let fix = format!("set resources.requests for {}", missing.join(" and "));
            let field = self.container.at("resources.requests");
            findings
                .add(LintCode::MissingRequest, &field, message)
                .of_container(name)
                .fixed_by(fix);
        }
        for (resource, code) in [
            ("memory", LintCode::MissingMemoryLimit),
            ("cpu", LintCode::MissingCpuLimit),
        ] {
            if !self.limits(resource) {
                let path = format!("resources.limits.{resource}");
                let message = format!("container \"{name}\" has no {resource} limit");
                let field = self.container.at(&path);
                findings.add(code, &field, message).of_container(name);
            }
        }
    }
}

/// Returns whether an amount is set: zero is as good as none.
fn is_some(field: &FieldRef<'_, '_>) -> bool {
    let zero = quantity(field).is_some_and(|it| it == Quantity::default());
    field.is_set() && !zero
}

fn quantity(field: &FieldRef<'_, '_>) -> Option<Quantity> {
    field.written().and_then(Quantity::parse)
}

/// Finds amounts that the API server refuses, or that mean something else than they look like.
fn amounts(scope: &Scope<'_>, container: Option<&str>, findings: &mut Findings) {
    let who = owner(container);
    for list in ["requests", "limits"] {
        let path = format!("resources.{list}.memory");
        let field = scope.at(&path);
        let Some(written) = field.written().filter(|it| it.ends_with('m')) else {
            continue;
        };
        // Programs write whole bytes as thousandths as well.
        let least = Quantity::parse("1Mi");
        if quantity(&field)
            .zip(least)
            .is_some_and(|(it, least)| it < least)
        {
            let message =
                format!("{who} has memory {list} of {written}: m means a thousandth of a byte");
            let fix = format!("write {}Mi", written.trim_end_matches('m'));
            let finding = findings.add(LintCode::MemoryUnit, &field, message);
            finding.container = container.map(str::to_owned);
            finding.fixed_by(fix);
        }
    }
    for resource in ["cpu", "memory"] {
        let (limit, request) = (
            format!("resources.limits.{resource}"),
            format!("resources.requests.{resource}"),
        );
        let (limit, request) = (scope.at(&limit), scope.at(&request));
        let amounts = quantity(&limit).zip(quantity(&request));
        if amounts.is_some_and(|(limit, request)| limit < request) {
            let written = |field: &FieldRef<'_, '_>| field.written().unwrap_or_default().to_owned();
            let message = format!(
                "{who} has a {resource} limit of {}, which is lower than its request of {}",
                written(&limit),
                written(&request)
            );
            let finding = findings.add(LintCode::LimitBelowRequest, &limit, message);
            finding.container = container.map(str::to_owned);
        }
    }
}
