//! Says once that the cluster went out of sight during a check, and once that it is back.

use std::time::Duration;

use jiff::Timestamp;

use super::event::SessionEvent;
use crate::duration::{Human, elapsed};
use crate::observation::{Blindness, ResourceKind};
use crate::snapshot::Snapshot;

/// Since when the cluster is out of sight, if it is.
#[derive(Debug, Clone, Default)]
pub(super) struct Sight {
    lost: Option<Timestamp>,
}

impl Sight {
    /// Returns what has changed. A lost connection is one outage, however many watches it has ended; what is
    /// refused does not come back, and the verdict says so.
    pub(super) fn note(
        &mut self,
        snapshot: &Snapshot,
        limit: Duration,
        now: Timestamp,
    ) -> Option<SessionEvent> {
        match (self.lost, first_lost(snapshot)) {
            (None, Some((resource, message))) => {
                self.lost = Some(now);
                let (resource, limit) = (resource.plural(), Human(limit));
                let text = format!(
                    "cannot see {resource} ({message}); the verdict is undetermined if this lasts {limit}"
                );
                Some(SessionEvent::Sight { at: now, text })
            }
            (Some(since), None) => {
                self.lost = None;
                let text = format!(
                    "the cluster is visible again after {}",
                    Human(elapsed(since, now))
                );
                Some(SessionEvent::Sight { at: now, text })
            }
            (None, None) | (Some(_), Some(_)) => None,
        }
    }
}

/// The object that was lost first. Events only explain.
fn first_lost(snapshot: &Snapshot) -> Option<(ResourceKind, &str)> {
    let lost = snapshot
        .blind_spots()
        .filter_map(|(resource, (since, why))| {
            let explains = matches!(resource, ResourceKind::Event | ResourceKind::PodProxy);
            match why {
                Blindness::Disconnected { message } if !explains => {
                    Some((*since, resource, message.as_str()))
                }
                Blindness::Disconnected { .. }
                | Blindness::Forbidden { .. }
                | Blindness::Unauthorized { .. } => None,
            }
        });
    let first = lost.min_by_key(|(since, ..)| *since);
    first.map(|(_, resource, message)| (resource, message))
}
