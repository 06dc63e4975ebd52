//! NetworkPolicies that shut off the new pods, and did not shut off the former ones.
//!
//! Never more than a note: a network plugin need not enforce them, and policies of its own may admit
//! what these do not.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::objects::{NetworkPolicy, PolicyPort, PolicyRule};
use super::reach::labels_of;
use super::{Defect, Situation};
use crate::finding::{FindingCode, Subject};
use crate::label_selector::selects;

/// The port of DNS.
const DNS: i32 = 53;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Ingress,
    Egress,
}

impl Direction {
    /// Returns whether a policy isolates in this direction. Without types it does so for ingress, and for
    /// egress if it has such rules (`k8s.io/api/networking/v1`, `NetworkPolicySpec`).
    fn isolates(self, policy: &NetworkPolicy) -> bool {
        let spec = &policy.spec;
        let named = |wanted: &str| spec.policy_types.iter().any(|it| it == wanted);
        match self {
            Self::Ingress => spec.policy_types.is_empty() || named("Ingress"),
            Self::Egress if spec.policy_types.is_empty() => !spec.egress.is_empty(),
            Self::Egress => named("Egress"),
        }
    }

    fn rules(self, policy: &NetworkPolicy) -> &[PolicyRule] {
        match self {
            Self::Ingress => &policy.spec.ingress,
            Self::Egress => &policy.spec.egress,
        }
    }
}

/// The effect of the policies on the pods of a template, in one direction.
struct Isolation<'a> {
    /// Those that isolate them.
    by: Vec<&'a NetworkPolicy>,
    direction: Direction,
}

impl<'a> Isolation<'a> {
    fn of(policies: &'a [NetworkPolicy], template: &PodTemplateSpec, direction: Direction) -> Self {
        let labels = labels_of(template);
        let by = policies.iter().filter(|it| direction.isolates(it));
        Self {
            by: by
                .filter(|it| matches(&it.spec.pod_selector, labels))
                .collect(),
            direction,
        }
    }

    fn rules(&self) -> impl Iterator<Item = &'a PolicyRule> {
        let direction = self.direction;
        let policies = self.by.iter().copied();
        policies.flat_map(move |it| direction.rules(it))
    }

    /// Returns whether nothing passes.
    fn is_shut(&self) -> bool {
        !self.by.is_empty() && self.rules().next().is_none()
    }

    /// Returns whether DNS does not pass.
    fn denies_dns(&self) -> bool {
        !self.by.is_empty() && !self.rules().any(admits_dns)
    }

    fn first(&self) -> &'a str {
        self.by.first().map_or("", |it| &it.metadata.name)
    }
}

fn admits_dns(rule: &PolicyRule) -> bool {
    let covers = |port: &PolicyPort| match (&port.port, port.end_port) {
        // A name stands for whatever the DNS pods call so.
        (None | Some(IntOrString::String(_)), _) => true,
        (Some(IntOrString::Int(first)), Some(last)) => (*first..=last).contains(&DNS),
        (Some(IntOrString::Int(only)), None) => *only == DNS,
    };
    rule.ports.is_empty() || rule.ports.iter().any(covers)
}

/// Returns whether any policy isolates the pods of a template for what comes in: it may refuse in their
/// place.
pub(super) fn isolates_ingress(policies: &[NetworkPolicy], template: &PodTemplateSpec) -> bool {
    let isolation = Isolation::of(policies, template, Direction::Ingress);
    !isolation.by.is_empty()
}

/// Finds policies that admit nothing to the new pods and admitted something to the former ones.
pub(super) fn shut_in(situation: &Situation<'_>) -> Vec<Defect> {
    let (Some(policies), Some(former)) = (&situation.objects.network_policies, situation.former)
    else {
        return Vec::new();
    };
    let now = Isolation::of(policies, situation.new, Direction::Ingress);
    let before = Isolation::of(policies, former, Direction::Ingress);
    if !now.is_shut() || before.is_shut() {
        return Vec::new();
    }
    let name = now.first();
    let admitted = before.by.iter().find(|it| !it.spec.ingress.is_empty());
    let before = match admitted {
        Some(policy) => format!("NetworkPolicy `{}` admitted it", policy.metadata.name),
        None => "none isolated the pods".to_owned(),
    };
    vec![Defect::new(
        FindingCode::TrafficDenied,
        Subject::new("NetworkPolicy", name),
        format!(
            "NetworkPolicy `{name}` isolates the new pods, and none admits traffic to them; with the labels of the former revision {before}"
        ),
    )]
}

/// Finds policies that deny the new pods what they allowed the former ones to send.
pub(super) fn shut_out(situation: &Situation<'_>) -> Vec<Defect> {
    let (Some(policies), Some(former)) = (&situation.objects.network_policies, situation.former)
    else {
        return Vec::new();
    };
    let now = Isolation::of(policies, situation.new, Direction::Egress);
    let before = Isolation::of(policies, former, Direction::Egress);
    let what = if now.is_shut() && !before.is_shut() {
        "allows the new pods to send anything, DNS included"
    } else if now.denies_dns() && !before.denies_dns() {
        "allows the new pods to ask DNS"
    } else {
        return Vec::new();
    };
    let name = now.first();
    vec![Defect::new(
        FindingCode::EgressDenied,
        Subject::new("NetworkPolicy", name),
        format!(
            "NetworkPolicy `{name}` isolates the new pods, and none {what}; with the labels of the former revision it was allowed"
        ),
    )]
}

/// Returns whether a selector matches labels; one that is not understood matches none.
fn matches(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    selects(selector, labels).unwrap_or(false)
}
