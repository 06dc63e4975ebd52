//! Which pods and ports may be tried through the API server.

use super::objects::ServicePort;
use super::policies::isolates_ingress;
use super::{NewPod, Situation};

/// How many pods are tried at most.
const PODS: usize = 10;

/// Returns whether a NetworkPolicy isolates the new pods, so that it may refuse in their place.
pub(super) fn is_isolated(situation: &Situation<'_>) -> bool {
    let policies = situation.objects.network_policies.as_ref();
    policies.is_some_and(|it| isolates_ingress(it, situation.new))
}

pub(super) fn is_tcp(port: &ServicePort) -> bool {
    matches!(port.protocol.as_deref(), None | Some("TCP"))
}

pub(super) fn tried_pods<'a>(situation: &Situation<'a>) -> impl Iterator<Item = &'a NewPod> {
    let pods = situation.pods.iter();
    pods.filter(|it| it.ready && !it.name.is_empty()).take(PODS)
}
