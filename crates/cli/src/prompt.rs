//! Asks the person at the terminal.

use rollguard_core::rollback::preparation::Question;

use crate::cancel::Cancel;
use crate::console::Console;

/// Asks until the answer is yes or no. The end of the input and a cancellation count as no.
pub(crate) async fn yes_or_no(question: &str, console: &mut Console, cancel: &Cancel) -> bool {
    loop {
        console.ask(question);
        let line = tokio::select! {
            line = line() => line,
            () = cancel.requested() => None,
        };
        match line.as_deref().map(Question::answer) {
            Some(None) => {}
            Some(Some(yes)) => return yes,
            None => return false,
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
