//! The wish to stop: the agent sends SIGINT and, 7.5 s later, SIGTERM; a person presses Ctrl-C.

use tokio::sync::watch;

/// Told once, heard everywhere.
#[derive(Clone)]
pub struct Cancel(watch::Receiver<bool>);

impl Cancel {
    /// Hears the signals of this process.
    #[must_use]
    pub fn on_signals() -> Self {
        let (sender, receiver) = watch::channel(false);
        tokio::spawn(async move {
            signal().await;
            let _ = sender.send(true);
            // The receivers must not see the sender go while the process winds down.
            sender.closed().await;
        });
        Self(receiver)
    }

    /// Is told by whoever holds the sender; if that is dropped, never.
    #[must_use]
    pub fn by_hand() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Returns when stopping was asked for.
    pub async fn requested(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(unix)]
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        },
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

#[cfg(not(unix))]
async fn signal() {
    drop(tokio::signal::ctrl_c().await);
}
