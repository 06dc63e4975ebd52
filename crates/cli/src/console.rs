//! The only printer. Every text is taken for foreign: it is neutralised and masked on its way out.

use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rollguard_agent::secret::Masker;
use rollguard_agent::{LoggingCommand, Secret, neutralise_line};
use rollguard_core::report::{Line, Section, Span, Style};
use rollguard_network::Listen;

use crate::status_area::{SizeOf, StatusArea};

/// Where lines, data and commands go.
pub struct Console(Arc<Mutex<Output>>);

/// The console, for what goes on beside the command: a request that is repeated, a token that is renewed.
#[derive(Clone)]
pub struct Aside(Arc<Mutex<Output>>);

impl Console {
    /// Lines to `human`, data to `data`.
    #[must_use]
    pub fn new(human: Box<dyn Write + Send>, data: Box<dyn Write + Send>) -> Self {
        Self(Arc::new(Mutex::new(Output {
            human,
            data,
            indent: "",
            status_area: None,
            ink: Ink::default(),
            has_agent: false,
            progress: None,
            requests: None,
        })))
    }

    /// With colours, if `colour`; with status lines that are drawn over, if the terminal's size is
    /// known.
    #[must_use]
    pub fn with_terminal(self, colour: bool, size_of: Option<SizeOf>) -> Self {
        let mut output = self.output();
        output.ink.colour = colour;
        output.status_area = size_of.map(StatusArea::new);
        drop(output);
        self
    }

    /// With each line indented.
    #[must_use]
    pub fn with_indent(self, indent: &'static str) -> Self {
        self.output().indent = indent;
        self
    }

    /// With an agent that reads the lines: it masks secrets, too.
    #[must_use]
    pub fn with_agent(self) -> Self {
        self.output().has_agent = true;
        self
    }

    /// With a line for every request, on a stream of its own.
    #[must_use]
    pub fn with_requests(self, stream: Box<dyn Write + Send>) -> Self {
        self.output().requests = Some(stream);
        self
    }

    /// The console for other tasks of this process.
    #[must_use]
    pub fn aside(&self) -> Aside {
        Aside(Arc::clone(&self.0))
    }

    fn output(&self) -> MutexGuard<'_, Output> {
        locked(&self.0)
    }

    /// Has the agent mask these values, and never prints them.
    pub fn register(&mut self, secrets: impl IntoIterator<Item = Secret>) {
        for secret in secrets {
            self.output().register(&secret);
        }
    }

    /// Never prints these values. No agent hears of them: on a terminal that would show them.
    pub fn hide(&mut self, secrets: impl IntoIterator<Item = Secret>) {
        let mut output = self.output();
        for secret in secrets {
            output.ink.secrets.add(&secret);
        }
    }

    /// A text for a file, with the same values hidden.
    #[must_use]
    pub fn masked(&self, text: &str) -> String {
        self.output().ink.secrets.mask(text)
    }

    /// How often the status is worth drawing; `None` where it would only fill a log.
    #[must_use]
    pub fn status_interval(&self) -> Option<Duration> {
        let has_area = self.output().status_area.is_some();
        has_area.then_some(Duration::from_secs(1))
    }

    /// Prints a line for people.
    pub fn line(&mut self, line: &Line) {
        self.lines([line]);
    }

    /// Prints lines for people.
    pub fn lines<'a>(&mut self, lines: impl IntoIterator<Item = &'a Line>) {
        self.output().lines(lines);
    }

    /// Prints the sections of a report; an agent's log can fold those that have a title.
    pub fn sections(&mut self, sections: &[Section]) {
        for Section { title, lines } in sections {
            let folds = self.output().has_agent && !title.is_empty();
            if folds {
                self.command(&LoggingCommand::group(title));
            }
            self.lines(lines);
            if folds {
                self.command(&LoggingCommand::end_group());
            }
        }
    }

    /// Has the agent show how far the command is; each percentage once, and nothing without an agent.
    pub fn progress(&mut self, percent: u8, what: &str) {
        let news = {
            let mut output = self.output();
            let news = output.has_agent && output.progress < Some(percent);
            if news {
                output.progress = Some(percent);
            }
            news
        };
        if news {
            self.command(&LoggingCommand::progress(percent, what));
        }
    }

    /// Shows these lines below everything else, instead of those shown before; without any,
    /// nothing. Does nothing where lines cannot be drawn over.
    pub fn status(&mut self, lines: &[Line]) {
        self.output().status(lines);
    }

    /// Prints a question and leaves the cursor behind it.
    pub fn ask(&mut self, question: &str) {
        self.output().ask(question);
    }

    /// Tells the agent something.
    pub fn command(&mut self, command: &LoggingCommand) {
        self.output().command(command);
    }

    /// Prints a document for programs.
    pub fn document(&mut self, text: &str) {
        self.output().document(text);
    }
}

impl Drop for Console {
    /// Removes what is shown below everything else: it is nothing to leave behind.
    fn drop(&mut self) {
        self.status(&[]);
    }
}

impl Listen for Aside {
    fn repeated(&self, text: &str) {
        locked(&self.0).lines([&Line::styled(Style::Dim, text)]);
    }

    fn sent(&self, text: &str) {
        locked(&self.0).request(text);
    }

    fn secret(&self, secret: &str) {
        let secret = Secret::new(secret);
        let mut output = locked(&self.0);
        if output.ink.secrets.knows(&secret) {
            return;
        }
        if output.has_agent {
            output.register(&secret);
        } else {
            output.ink.secrets.add(&secret);
        }
    }
}

/// A panic in another task leaves the output as usable as it was.
fn locked(output: &Mutex<Output>) -> MutexGuard<'_, Output> {
    output.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Output {
    /// People read here: stderr on a terminal, stdout in a pipeline.
    human: Box<dyn Write + Send>,
    /// Programs read here.
    data: Box<dyn Write + Send>,
    /// Put before each line: a drill shows the task's lines under its own.
    indent: &'static str,
    /// The status lines, where `human` is a terminal on which lines may be drawn over.
    status_area: Option<StatusArea>,
    ink: Ink,
    has_agent: bool,
    /// The percentage that the agent shows.
    progress: Option<u8>,
    /// A line for every request, where they are asked for.
    requests: Option<Box<dyn Write + Send>>,
}

impl Output {
    fn register(&mut self, secret: &Secret) {
        self.hide_status();
        for command in LoggingCommand::set_secret(secret) {
            write_all(&mut self.human, &format!("{command}\n"));
        }
        self.above_status("");
        self.ink.secrets.add(secret);
    }

    fn lines<'a>(&mut self, lines: impl IntoIterator<Item = &'a Line>) {
        let mut text = String::new();
        for line in lines {
            text += self.indent;
            text += &self.ink.rendered(line);
            text.push('\n');
        }
        self.above_status(&text);
    }

    fn status(&mut self, lines: &[Line]) {
        let Some(area) = &mut self.status_area else {
            return;
        };
        // Now, because what is made harmless may become longer, and no row may be too long.
        let shown = lines.iter().map(|line| {
            let Line(spans) = self.ink.harmless(line);
            let indent = Line::plain(self.indent).0;
            Line(indent.into_iter().chain(spans).collect())
        });
        area.set(shown.collect());
        let codes = area.draw(|line| self.ink.rendered(line));
        write_all(&mut self.human, &codes);
    }

    fn ask(&mut self, question: &str) {
        self.status(&[]);
        let line = Line::styled(Style::Strong, question);
        let text = format!("{}{} ", self.indent, self.ink.rendered(&line));
        write_all(&mut self.human, &text);
    }

    fn command(&mut self, command: &LoggingCommand) {
        let text = self.ink.secrets.mask(&command.to_string());
        self.hide_status();
        self.above_status(&format!("{text}\n"));
    }

    fn document(&mut self, text: &str) {
        // It may go to the same terminal.
        self.hide_status();
        let text = format!("{}\n", self.ink.secrets.mask(text));
        write_all(&mut self.data, &text);
        self.above_status("");
    }

    fn request(&mut self, text: &str) {
        if self.requests.is_none() {
            return;
        }
        // It may go to the same terminal.
        self.hide_status();
        let text = format!("{}\n", self.ink.safe(text));
        if let Some(stream) = &mut self.requests {
            write_all(stream, &text);
        }
        self.above_status("");
    }

    /// Until the next text: nothing of it may share a line with a command or with data.
    fn hide_status(&mut self) {
        let codes = self.status_area.as_mut().map(StatusArea::erase);
        write_all(&mut self.human, &codes.unwrap_or_default());
    }

    /// All in one piece, so that the terminal never shows a moment in between.
    fn above_status(&mut self, text: &str) {
        let mut all = String::new();
        if let Some(area) = &mut self.status_area {
            all += &area.erase();
            all += text;
            all += &area.draw(|line| self.ink.rendered(line));
        } else {
            text.clone_into(&mut all);
        }
        write_all(&mut self.human, &all);
    }
}

fn write_all(out: &mut Box<dyn Write + Send>, text: &str) {
    if !text.is_empty() {
        // A reader that went away is no reason to stop a check.
        let _ = out.write_all(text.as_bytes());
        let _ = out.flush();
    }
}

/// How a line becomes text.
#[derive(Default)]
struct Ink {
    colour: bool,
    secrets: Masker,
}

impl Ink {
    /// Masked before, because neutralising may alter a secret; and after, because it may uncover one.
    fn safe(&self, text: &str) -> String {
        let masked = self.secrets.mask(text);
        self.secrets.mask(&neutralise_line(&masked))
    }

    /// The line with each of its texts made harmless.
    fn harmless(&self, line: &Line) -> Line {
        let spans = line.0.iter().map(|span| Span {
            text: self.safe(&span.text),
            style: span.style,
        });
        Line(spans.collect())
    }

    /// The line as text: spans are neutralised one by one, so that only our own codes are left,
    /// and once more as a whole, so that no marker forms across them.
    fn rendered(&self, line: &Line) -> String {
        if !self.colour {
            return self.safe(&line.text());
        }
        let spans = self.harmless(line).0.into_iter();
        let coloured = spans.map(|Span { text, style }| match code(style) {
            Some(code) => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            None => text,
        });
        coloured.collect()
    }
}

/// The terminal's code for a meaning; never the only sign of it.
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
            .with_terminal(colour, None);
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
    fn a_hidden_value_is_masked_and_not_handed_to_an_agent() {
        let sink = Sink::default();
        let mut console = Console::new(Box::new(sink.clone()), Box::new(Sink::default()));
        console.hide([Secret::new("hunter2")]);
        console.line(&Line::plain("log: hunter2"));
        assert_eq!(sink.text(), "log: ***\n");
    }

    #[test]
    fn requests_have_a_stream_of_their_own_and_no_effect_where_none_asks() {
        for asked in [true, false] {
            let (human, log) = (Sink::default(), Sink::default());
            let mut console = Console::new(Box::new(human.clone()), Box::new(Sink::default()));
            if asked {
                console = console.with_requests(Box::new(log.clone()));
            }
            let aside = console.aside();
            aside.secret("hunter22");
            aside.sent("GET /api/hunter22\n##vso[task.complete] 200 in 3 ms");
            assert_eq!(human.text(), "");
            let text = log.text();
            let printed = text.starts_with("GET /api/***") && text.matches('\n').count() == 1;
            assert!(!text.contains("##vso"), "{text}");
            assert_eq!(printed, asked, "{text}");
        }
    }

    #[test]
    fn a_secret_is_hidden_from_the_moment_it_is_heard_of_and_only_an_agent_is_asked_to() {
        for has_agent in [true, false] {
            let sink = Sink::default();
            let mut console = Console::new(Box::new(sink.clone()), Box::new(Sink::default()));
            if has_agent {
                console = console.with_agent();
            }
            let aside = console.aside();
            aside.secret("hunter22");
            aside.secret("hunter22");
            aside.repeated("`host` answered 503 for hunter22; trying again in 0.4 s");
            console.line(&Line::plain("and hunter22"));
            let text = sink.text();
            let registered = text.matches("##vso[task.setsecret]hunter22\n").count();
            assert_eq!(registered, usize::from(has_agent), "{text}");
            let lines: Vec<&str> = text.lines().filter(|it| !it.starts_with("##vso")).collect();
            let repeated = "`host` answered 503 for ***; trying again in 0.4 s";
            assert_eq!(lines, [repeated, "and ***"]);
        }
    }

    #[test]
    fn sections_are_folded_and_progress_is_shown_only_for_an_agent() {
        let section = |title, text: &str| Section {
            title,
            lines: vec![Line::plain(text)],
        };
        let sections = [section("", "first"), section("Causes", "##[group]second")];
        let of_agent = "first\n##[group]Causes\n**[group]second\n##[endgroup]\n\
                        ##vso[task.setprogress value=5]2 of 3\n";
        for (has_agent, expected) in [(true, of_agent), (false, "first\n**[group]second\n")] {
            let sink = Sink::default();
            let mut console = Console::new(Box::new(sink.clone()), Box::new(Sink::default()));
            if has_agent {
                console = console.with_agent();
            }
            console.sections(&sections);
            for percent in [5, 5, 0] {
                console.progress(percent, "2 of 3");
            }
            assert_eq!(sink.text(), expected, "{has_agent}");
        }
    }

    #[test]
    fn colour_only_where_asked_for() {
        let line = Line::styled(Style::Bad, "failed");
        assert_eq!(printed(&line, false), "failed");
        assert_eq!(printed(&line, true), "\u{1b}[31mfailed\u{1b}[0m");
    }
}
