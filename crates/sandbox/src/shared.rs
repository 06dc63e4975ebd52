//! The cluster behind its lock, and the bell that rings when it changed.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use crate::cluster::Cluster;

/// What the service, the watches, the controllers and the handles share.
pub(crate) struct Shared {
    cluster: Mutex<Cluster>,
    bell: watch::Sender<u64>,
}

impl Shared {
    pub(crate) fn new(cluster: Cluster) -> Self {
        Self {
            cluster: Mutex::new(cluster),
            bell: watch::Sender::new(0),
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
        self.bell.send_modify(|rings| *rings += 1);
        result
    }

    /// Rings at every change from now on.
    pub(crate) fn bell(&self) -> watch::Receiver<u64> {
        self.bell.subscribe()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}
