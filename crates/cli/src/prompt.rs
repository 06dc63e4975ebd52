//! Asks the person at the terminal.

use rollguard_core::report::Line;
use rollguard_core::rollback::preparation::Question;

use crate::cancel::Cancel;
use crate::console::Console;

/// The answer of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answered {
    /// Yes.
    Yes,
    /// No.
    No,
    /// The input ended before one of them.
    Ended,
    /// The person asked to stop.
    Cancelled,
}

/// Asks until the answer is yes or no. Neither the end of the input nor the wish to stop is an answer.
pub(crate) async fn yes_or_no(question: &str, console: &mut Console, cancel: &Cancel) -> Answered {
    loop {
        console.ask(question);
        let line = tokio::select! {
            biased;
            () = cancel.requested() => return Answered::Cancelled,
            line = line() => line,
        };
        let Some(line) = line else {
            // A terminal that is closed ends the input and asks to stop.
            return if cancel.is_requested() {
                Answered::Cancelled
            } else {
                Answered::Ended
            };
        };
        match Question::answer(&line) {
            Some(true) => return Answered::Yes,
            Some(false) => return Answered::No,
            None => console.line(&Line::plain(Question::not_understood(&line))),
        }
    }
}

/// The next line of the input; `None` at its end.
#[expect(clippy::disallowed_methods, reason = "the answer comes from stdin")]
pub(crate) async fn line() -> Option<String> {
    let read = tokio::task::spawn_blocking(|| {
        let mut text = String::new();
        let read = std::io::stdin().read_line(&mut text);
        read.map(|read| (read > 0).then_some(text))
    });
    read.await.ok()?.ok()?
}
