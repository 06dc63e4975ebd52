//! The cluster behind its lock, and the bell that rings when it changed.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::cluster::Cluster;

/// What the service, the watches, the controllers and the handles share.
pub(crate) struct Shared {
    cluster: Mutex<Cluster>,
    bell: broadcast::Sender<()>,
}

impl Shared {
    pub(crate) fn new(cluster: Cluster) -> Self {
        Self {
            cluster: Mutex::new(cluster),
            bell: broadcast::Sender::new(1),
        }
    }

    /// Reads, or changes what nobody waits for.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut Cluster) -> T) -> T {
        let mut cluster = self.cluster.lock().unwrap_or_else(PoisonError::into_inner);
        look(&mut cluster)
    }

    /// Changes, and wakes whoever waits for changes.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Cluster) -> T) -> T {
        let result = self.with(change);
        // Fails only when nobody listens.
        let _ = self.bell.send(());
        result
    }

    /// Rings at every change from now on.
    pub(crate) fn bell(&self) -> Bell {
        Bell(self.bell.subscribe())
    }
}

/// Hears the rings since it was made. Whoever waits first is woken first, so that two runs are alike:
/// `tokio::sync::watch` wakes in an order drawn by lot.
pub(crate) struct Bell(broadcast::Receiver<()>);

impl Bell {
    /// Waits for the next ring; several that were missed are one or two. `None` when the cluster is
    /// gone.
    pub(crate) async fn rung(&mut self) -> Option<()> {
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
