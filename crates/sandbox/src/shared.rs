//! The cluster behind its lock, and the notification of its changes.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::cluster::Cluster;

/// The state that the service, the watches, the controllers and the handles share.
pub(crate) struct Shared {
    cluster: Mutex<Cluster>,
    changes: broadcast::Sender<()>,
}

impl Shared {
    pub(crate) fn new(cluster: Cluster) -> Self {
        Self {
            cluster: Mutex::new(cluster),
            changes: broadcast::Sender::new(1),
        }
    }

    /// Reads the cluster, or changes it without a notification.
    pub(crate) fn with<T>(&self, access: impl FnOnce(&mut Cluster) -> T) -> T {
        let mut cluster = self.cluster.lock().unwrap_or_else(PoisonError::into_inner);
        access(&mut cluster)
    }

    /// Changes the cluster and notifies the listeners.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Cluster) -> T) -> T {
        let result = self.with(change);
        // Fails only when no one listens.
        let _ = self.changes.send(());
        result
    }

    /// Returns a listener for every change from now on.
    pub(crate) fn listen(&self) -> ChangeListener {
        ChangeListener(self.changes.subscribe())
    }
}

/// Waits for changes since it was made.
///
/// The first listener that waits is woken first, so that two runs are alike: `tokio::sync::watch` wakes
/// in a random order.
pub(crate) struct ChangeListener(broadcast::Receiver<()>);

impl ChangeListener {
    /// Waits for the next change; several that were missed count as one or two. `None` when the
    /// cluster is gone.
    pub(crate) async fn changed(&mut self) -> Option<()> {
        match self.0.recv().await {
            Ok(()) | Err(RecvError::Lagged(_)) => Some(()),
            Err(RecvError::Closed) => None,
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}
