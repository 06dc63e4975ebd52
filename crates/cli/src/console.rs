//! The only printer. Every text is taken for foreign: it is neutralised and masked on its way out.

use std::io::Write;
use std::time::Duration;

use rollguard_agent::{LoggingCommand, Secret, mask, neutralise_line};
use rollguard_core::report::{Line, Style};

/// Where lines, data and commands go.
pub struct Console {
    /// People read here: stderr on a terminal, stdout in a pipeline.
    human: Box<dyn Write + Send>,
    /// Programs read here.
    data: Box<dyn Write + Send>,
    /// Put before each line: a drill shows the task's lines under its own.
    indent: &'static str,
    colour: bool,
    /// Whether `human` is a terminal on which a line may be drawn over.
    live: bool,
    status_shown: bool,
    secrets: Vec<Secret>,
}

impl Console {
    /// Lines to `human`, data to `data`.
    #[must_use]
    pub fn new(human: Box<dyn Write + Send>, data: Box<dyn Write + Send>) -> Self {
        Self {
            human,
            data,
            indent: "",
            colour: false,
            live: false,
            status_shown: false,
            secrets: Vec::new(),
        }
    }

    /// With colours, if `colour`; with a status line that is drawn over, if `live`.
    #[must_use]
    pub fn with_terminal(self, colour: bool, live: bool) -> Self {
        Self {
            colour,
            live,
            ..self
        }
    }

    /// With each line indented.
    #[must_use]
    pub fn with_indent(self, indent: &'static str) -> Self {
        Self { indent, ..self }
    }

    /// Has the agent mask these values, and never prints them.
    pub fn register(&mut self, secrets: impl IntoIterator<Item = Secret>) {
        for secret in secrets {
            for command in LoggingCommand::set_secret(&secret) {
                let _ = writeln!(self.human, "{command}");
            }
            self.secrets.push(secret);
        }
    }

    /// A text for a file, with the same values hidden.
    #[must_use]
    pub fn masked(&self, text: &str) -> String {
        mask(text, &self.secrets)
    }

    /// How often a status line is worth drawing; `None` where it would only fill a log.
    #[must_use]
    pub fn status_interval(&self) -> Option<Duration> {
        self.live.then_some(Duration::from_secs(1))
    }

    /// Prints a line for people.
    pub fn line(&mut self, line: &Line) {
        self.clear_status();
        let text = self.rendered(line);
        let _ = writeln!(self.human, "{}{text}", self.indent);
        let _ = self.human.flush();
    }

    /// Prints lines for people.
    pub fn lines<'a>(&mut self, lines: impl IntoIterator<Item = &'a Line>) {
        for line in lines {
            self.line(line);
        }
    }

    /// Draws a line that the next one replaces; nothing where lines cannot be replaced.
    pub fn status(&mut self, line: &Line) {
        if self.live {
            let text = self.rendered(line);
            let _ = write!(self.human, "\r\u{1b}[2K{}{text}", self.indent);
            let _ = self.human.flush();
            self.status_shown = true;
        }
    }

    /// Prints a question and leaves the cursor behind it.
    pub fn ask(&mut self, question: &str) {
        self.clear_status();
        let line = self.rendered(&Line::styled(Style::Strong, question));
        let _ = write!(self.human, "{}{line} ", self.indent);
        let _ = self.human.flush();
    }

    /// Tells the agent something.
    pub fn command(&mut self, command: &LoggingCommand) {
        let _ = writeln!(self.human, "{}", mask(&command.to_string(), &self.secrets));
        let _ = self.human.flush();
    }

    /// Prints a document for programs.
    pub fn document(&mut self, text: &str) {
        let _ = writeln!(self.data, "{}", mask(text, &self.secrets));
        let _ = self.data.flush();
    }

    fn clear_status(&mut self) {
        if std::mem::take(&mut self.status_shown) {
            let _ = write!(self.human, "\r\u{1b}[2K");
        }
    }

    /// Masked before, because neutralising may alter a secret; and after, because it may uncover one.
    fn safe(&self, text: &str) -> String {
        mask(&neutralise_line(&mask(text, &self.secrets)), &self.secrets)
    }

    /// The line as text: spans are neutralised one by one, so that only our own codes are left,
    /// and once more as a whole, so that no marker forms across them.
    fn rendered(&self, line: &Line) -> String {
        if !self.colour {
            return self.safe(&line.text());
        }
        let spans = line.0.iter().map(|span| {
            let text = self.safe(&span.text);
            match code(span.style) {
                Some(code) => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
                None => text,
            }
        });
        spans.collect()
    }
}

/// The terminal's code for a meaning; never the only carrier of it.
const fn code(style: Style) -> Option<&'static str> {
    match style {
        Style::Plain => None,
        Style::Good => Some("32"),
        Style::Bad => Some("31"),
        Style::Warn => Some("33"),
        Style::Dim => Some("2"),
        Style::Strong => Some("1"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Sink;

    fn printed(line: &Line, colour: bool) -> String {
        let sink = Sink::default();
        let mut console = Console::new(Box::new(sink.clone()), Box::new(Sink::default()))
            .with_terminal(colour, false);
        console.register([Secret::new("hunter2")]);
        console.line(line);
        sink.text().lines().last().unwrap_or_default().to_owned()
    }

    #[test]
    fn no_foreign_text_becomes_a_command_a_colour_or_a_leak() {
        let hostile = Line::plain("log: ##vso[task.complete result=Succeeded;]\u{1b}[31m hunter2");
        assert_eq!(
            printed(&hostile, false),
            "log: **vso[task.complete result=Succeeded;] ***"
        );
        let across = Line::plain("#").then(Style::Bad, "#vso[task.complete]");
        assert!(!printed(&across, false).contains("##"));
        assert!(!printed(&across, true).contains("##"));
    }

    #[test]
    fn colour_only_where_asked_for() {
        let line = Line::styled(Style::Bad, "failed");
        assert_eq!(printed(&line, false), "failed");
        assert_eq!(printed(&line, true), "\u{1b}[31mfailed\u{1b}[0m");
    }
}
