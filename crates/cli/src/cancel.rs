//! The wish to stop: the agent sends SIGINT and, 7.5 s later, SIGTERM; a person presses Ctrl-C or
//! closes the terminal (SIGHUP).

use rollguard_agent::Outcome;
use tokio::sync::watch;

use crate::failure::Failure;

/// Told once, heard everywhere.
#[derive(Clone)]
pub struct Cancel(watch::Receiver<bool>);

impl Cancel {
    /// Hears the signals of this process. A person who presses Ctrl-C a second time means it: that
    /// ends the process at once.
    #[must_use]
    pub fn on_signals() -> Self {
        let (sender, receiver) = watch::channel(false);
        tokio::spawn(async move {
            first_signal().await;
            let _ = sender.send(true);
            if tokio::signal::ctrl_c().await.is_ok() {
                end_now();
            }
            // The receivers must not see the sender go while the process winds down.
            sender.closed().await;
        });
        Self(receiver)
    }

    /// Is requested through the sender; if that is dropped, never.
    #[must_use]
    pub fn by_hand() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Returns whether stopping was asked for.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when stopping was asked for.
    pub async fn requested(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Returns the result of some work that changes nothing, unless a stop is requested before it ends.
    ///
    /// # Errors
    /// When stopping was asked for, before or during the work.
    pub fn unless<T>(
        &self,
        work: impl Future<Output = T>,
    ) -> impl Future<Output = Result<T, Failure>> {
        // Boxed before the future around it is made, which would grow by the work's size otherwise.
        let work = Box::pin(work);
        async move {
            tokio::select! {
                biased;
                () = self.requested() => {
                    Err(Failure::new(Outcome::Cancelled, "cancelled").unchanged())
                }
                done = work => Ok(done),
            }
        }
    }
}

#[expect(clippy::exit, reason = "the person asked twice")]
fn end_now() {
    std::process::exit(i32::from(Outcome::Cancelled.exit_code()));
}

#[cfg(unix)]
async fn first_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (terminate, hangup) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::hangup()),
    );
    let (Ok(mut terminate), Ok(mut hangup)) = (terminate, hangup) else {
        return drop(tokio::signal::ctrl_c().await);
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
}

/// The agent sends Ctrl-C and, 7.5 s later, Ctrl-Break.
#[cfg(windows)]
async fn first_signal() {
    use tokio::signal::windows::{ctrl_break, ctrl_close};
    let (Ok(mut interrupt), Ok(mut close)) = (ctrl_break(), ctrl_close()) else {
        return drop(tokio::signal::ctrl_c().await);
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = interrupt.recv() => {}
        _ = close.recv() => {}
    }
}
