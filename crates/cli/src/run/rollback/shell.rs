//! The shell around an execution: carries its requests, keeps its time and its lines.

use std::collections::VecDeque;

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, FuturesUnordered, StreamExt};
use jiff::Timestamp;
use rollguard_cluster::Connection;
use rollguard_core::report::{Line, execution_lines};
use rollguard_core::rollback::execution::{Conclusion, Execution, Observation, Seen};

use super::carry::{Carried, Verify, carry};

/// An execution with the calls that are under way for it.
pub(super) struct Shell {
    execution: Execution,
    connection: Connection,
    calls: FuturesUnordered<BoxFuture<'static, Seen>>,
    wake_at: Timestamp,
    /// What is still to be printed.
    lines: VecDeque<Line>,
}

/// The next action of the shell.
pub(super) enum Next {
    /// Wait for the next observation.
    Wait,
    /// Check what was restored.
    Verify(Verify),
    /// Nothing: it has ended.
    End(Box<Conclusion>),
}

impl Shell {
    pub(super) fn new(execution: Execution, connection: &Connection) -> Self {
        Self {
            execution,
            connection: connection.clone(),
            calls: FuturesUnordered::new(),
            wake_at: connection.clock.now(),
            lines: VecDeque::new(),
        }
    }

    /// The next answer, or a tick when it is time.
    pub(super) async fn next(&mut self) -> Seen {
        tokio::select! {
            biased;
            Some(seen) = self.calls.next() => seen,
            () = self.connection.clock.sleep_until(self.wake_at) => Seen::Tick,
        }
    }

    /// Hands an observation in, and carries what is requested.
    pub(super) fn observe(&mut self, seen: Seen) -> Next {
        let at = self.connection.clock.now();
        let step = self.execution.observe(Observation { at, seen });
        self.lines
            .extend(step.events.iter().flat_map(execution_lines));
        self.wake_at = step.wake_at;
        let mut next = Next::Wait;
        for request in step.requests {
            match carry(&self.connection, request) {
                Carried::Call(call) => self.calls.push(call),
                Carried::Verify(verify) => next = Next::Verify(verify),
            }
        }
        match step.conclusion {
            Some(conclusion) => Next::End(Box::new(conclusion)),
            None => next,
        }
    }

    /// The lines that were not printed yet.
    pub(super) fn lines(&mut self) -> impl Iterator<Item = Line> {
        self.lines.drain(..)
    }

    /// Goes on while something else decides when to end; yields the lines to print.
    pub(super) fn background(&mut self) -> BoxStream<'_, Line> {
        let lines = stream::unfold(self, async |shell| Some((shell.next_line().await?, shell)));
        lines.fuse().boxed()
    }

    async fn next_line(&mut self) -> Option<Line> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Some(line);
            }
            if self.calls.is_empty() && self.wake_at == Timestamp::MAX {
                return None;
            }
            let seen = self.next().await;
            let _ = self.observe(seen);
        }
    }
}
