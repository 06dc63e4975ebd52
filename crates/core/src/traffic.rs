//! Decides whether users reach the new pods: which Services, Ingresses and NetworkPolicies lead to the
//! pods of a template, and which led to those of the former one.
//!
//! The objects are those of now. What they would do with the former template is computed from its
//! labels and ports, so that a change of the template that loses a Service is distinguished from a Service that
//! never led anywhere. Only the loss of every way in by Services is certain; everything else is a note.

use std::borrow::Borrow;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::PodTemplateSpec;

use crate::finding::{FindingCode, Subject};

mod changes;
mod dependency;
mod ingress;
mod listening;
mod load_balancer;
mod objects;
mod policies;
mod reach;
mod route;
mod serving;
#[cfg(test)]
mod tests;
mod tries;

pub use listening::ports_to_try;
pub use objects::{
    Autoscaler, EndpointSlice, HttpRoute, Ingress, IngressClass, NetworkObjects, NetworkPolicy,
    Service, ServiceEvent, TrafficKind, TriedPort, Unseen,
};
pub use serving::{ServedBy, Serving, ServingPath, ServingRoute, serving};

use reach::Reach;

/// A new revision's pods, and the objects that lead to them.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// The objects of the namespace.
    pub objects: &'a NetworkObjects,
    /// The workload's kind.
    pub kind: &'a str,
    /// The workload's name.
    pub name: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// The template that was rolled out.
    pub new: &'a PodTemplateSpec,
    /// The template before, where it is known.
    pub former: Option<&'a PodTemplateSpec>,
    /// After a rollback: when the release began that was rolled back. Its Services are of no use to the
    /// pods that were restored, and were none to users before.
    pub rolled_back: Option<Timestamp>,
    /// The pods of the new revision.
    pub pods: &'a [NewPod],
    /// What is known of ports of theirs that were tried.
    pub tried: &'a [TriedPort],
    /// When the objects were read; `None` for ones that are only planned.
    pub read_at: Option<Timestamp>,
}

/// A pod of the new revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPod {
    /// Its name; empty for one that is only planned.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Whether it is ready.
    pub ready: bool,
    /// Whether it has been ready for longer than an EndpointSlice may lag.
    pub settled: bool,
}

/// A way to the pods that does not work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defect {
    /// The cause.
    pub code: FindingCode,
    /// The object.
    pub subject: Subject,
    /// One sentence.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

impl Defect {
    fn new(code: FindingCode, subject: Subject, message: String) -> Self {
        Self {
            code,
            subject,
            message,
            remedy: code.usual_remedy().to_owned(),
        }
    }

    fn remedy(self, remedy: String) -> Self {
        Self { remedy, ..self }
    }
}

/// Finds the ways to the pods that do not work, one defect for each code.
#[must_use]
pub fn defects(situation: &Situation<'_>) -> Vec<Defect> {
    if !situation.pods.iter().any(|it| it.ready) {
        return Vec::new();
    }
    let reach = Reach::new(situation);
    let found = [
        reach.lost(),
        reach.left_behind(),
        reach.mixed(),
        reach.without_endpoints(),
        listening::refused(&reach),
        ingress::broken(&reach),
        ingress::unclassed(&reach),
        ingress::uncertified(&reach),
        route::refused(&reach),
        route::broken(&reach),
        load_balancer::pending(&reach),
        load_balancer::unanswered(&reach),
        policies::shut_in(situation),
        policies::shut_out(situation),
        dependency::missing(situation),
        changes::autoscaler(situation),
        changes::dns(situation),
    ];
    let all: Vec<Defect> = found.into_iter().flatten().collect();
    one_for_each_code(all)
}

/// Returns the place of the template to compare with: of the first that Services lead users to, else 0.
///
/// A release that lost its Services is no measure for the next one. The templates are in the order in
/// which they are believed.
#[must_use]
pub fn baseline<T: Borrow<PodTemplateSpec>>(objects: &NetworkObjects, templates: &[T]) -> usize {
    let services = objects.services.iter().flatten();
    let services: Vec<&Service> = services.filter(|it| reach::selects_by_port(it)).collect();
    let served = |it: &T| {
        let mut services = services.iter();
        services.any(|service| reach::leads_users(service, it.borrow()))
    };
    templates.iter().position(served).unwrap_or_default()
}

/// Joins the defects of a code: the first speaks, and says how many more there are.
fn one_for_each_code(all: Vec<Defect>) -> Vec<Defect> {
    let mut joined: Vec<(Defect, usize)> = Vec::new();
    for defect in all {
        match joined.iter_mut().find(|(it, _)| it.code == defect.code) {
            Some((_, more)) => *more += 1,
            None => joined.push((defect, 0)),
        }
    }
    let told = joined.into_iter().map(|(defect, more)| match more {
        0 => defect,
        more => Defect {
            message: format!("{} (and {more} more)", defect.message),
            ..defect
        },
    });
    told.collect()
}
