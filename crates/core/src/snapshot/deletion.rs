//! Obstacles to the deletion of pods and the creation of volumes.

use k8s_openapi::api::core::v1::Event;

use super::{PodView, Rollout, event_time, uid_of};

impl<'a> Rollout<'a> {
    /// The newest refusal of a deletion of one of its pods (event `FailedDelete`,
    /// `controller_utils.go`, `stateful_pod_control.go`), unless a later deletion went well. What was
    /// refused before the newest revision existed is of the past.
    #[must_use]
    pub fn refused_deletion(&self) -> Option<&'a Event> {
        let snapshot = self.snapshot();
        let begun = self.newest().and_then(|it| it.created());
        let sets = self.replica_sets().map(|set| uid_of(&set.metadata));
        let owners = sets.chain([self.workload().uid()]);
        let newest = |owner: &str, reason: &str| newest_event(snapshot.events_about(owner), reason);
        owners
            .filter_map(|owner| {
                let refused = newest(owner, "FailedDelete")?;
                let went_well = newest(owner, "SuccessfulDelete").and_then(event_time);
                (event_time(refused) > went_well && event_time(refused) >= begun).then_some(refused)
            })
            .max_by_key(|it| event_time(it))
    }
}

impl<'a> PodView<'a> {
    /// The claim of a pod without a node for which a provisioner has to create a volume, and the newest
    /// event that says so (`ExternalProvisioning`, `persistentvolume/pv_controller.go`); `None` once it
    /// was created.
    #[must_use]
    pub fn awaited_claim(&self) -> Option<(String, &'a Event)> {
        if self.node().is_some() {
            return None;
        }
        self.claims().into_iter().find_map(|claim| {
            let newest = |reason: &str| newest_event(self.claim_events(&claim), reason);
            let waits = newest("ExternalProvisioning")?;
            let made = newest("ProvisioningSucceeded").and_then(event_time);
            (made < event_time(waits)).then_some((claim.clone(), waits))
        })
    }
}

fn newest_event<'a>(events: impl Iterator<Item = &'a Event>, reason: &str) -> Option<&'a Event> {
    let events = events.filter(|it| it.reason.as_deref() == Some(reason));
    events.max_by_key(|it| event_time(it))
}
