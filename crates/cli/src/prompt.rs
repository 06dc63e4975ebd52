//! Asks the person at the terminal.

use crate::cancel::Cancel;
use crate::console::Console;

/// Asks until the answer is yes or no. The end of the input, or the wish to stop, is a no.
#[expect(clippy::disallowed_methods, reason = "the answer comes from stdin")]
pub(crate) async fn yes_or_no(question: &str, console: &mut Console, cancel: &Cancel) -> bool {
    loop {
        console.ask(question);
        let read = tokio::task::spawn_blocking(|| {
            let mut text = String::new();
            std::io::stdin()
                .read_line(&mut text)
                .map(|read| (read > 0).then_some(text))
        });
        let answer = tokio::select! {
            read = read => read,
            () = cancel.requested() => return false,
        };
        let Ok(Ok(Some(text))) = answer else {
            return false;
        };
        match text.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => return true,
            "n" | "no" => return false,
            _ => {}
        }
    }
}
