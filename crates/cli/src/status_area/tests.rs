//! On a terminal that is played: what a person sees, and not which codes were written.

use std::sync::atomic::{AtomicUsize, Ordering};

use rollguard_agent::{LoggingCommand, Secret};

use super::*;
use crate::console::Console;
use crate::testing::Sink;

const COLUMNS: usize = 40;
const ROWS: usize = 8;

fn small() -> Size {
    Size {
        columns: COLUMNS,
        rows: ROWS,
    }
}

/// A terminal and the console that writes to it.
struct Scene {
    console: Console,
    human: Sink,
    data: Sink,
}

impl Scene {
    fn new(size_of: SizeOf) -> Self {
        let (human, data) = (Sink::default(), Sink::default());
        let console = Console::new(Box::new(human.clone()), Box::new(data.clone()))
            .with_terminal(true, Some(size_of));
        Self {
            console,
            human,
            data,
        }
    }

    fn status(&mut self, rows: &[&str]) {
        let lines: Vec<Line> = rows.iter().map(|row| Line::plain(*row)).collect();
        self.console.status(&lines);
    }

    fn line(&mut self, text: &str) {
        self.console.line(&Line::styled(Style::Bad, text));
    }

    /// Returns what is on the screen, without the empty rows at its end.
    fn screen(&self) -> Vec<String> {
        screen(&self.human.text())
    }
}

/// A terminal starts each line at its beginning, as the line discipline has it.
fn screen(written: &str) -> Vec<String> {
    let length = |of: usize| u16::try_from(of).unwrap().try_into().unwrap();
    let mut terminal = vt100::Parser::new(length(ROWS), length(COLUMNS), 0);
    terminal.process(written.replace('\n', "\r\n").as_bytes());
    let rows = terminal.screen().rows(0, COLUMNS.try_into().unwrap());
    let mut rows: Vec<String> = rows.map(|row| row.trim_end().to_owned()).collect();
    let used = rows.iter().rposition(|row| !row.is_empty());
    rows.truncate(used.map_or(0, |last| last + 1));
    rows
}

#[test]
fn a_status_is_replaced_by_the_next_whether_it_is_longer_or_shorter() {
    let mut scene = Scene::new(small);
    scene.line("checking");
    let frames: [&[&str]; 5] = [
        &["web 1 of 3 updated replicas", "api waiting"],
        &["web 2", "api", "db"],
        &["web 3 of 3"],
        &["web", "api complete"],
        &[],
    ];
    for frame in frames {
        scene.status(frame);
        assert_eq!(scene.screen(), [&["checking"], frame].concat());
    }
}

#[test]
fn what_is_printed_stands_above_and_the_status_comes_back_below() {
    let mut scene = Scene::new(small);
    scene.status(&["web pending", "api pending"]);
    scene.line("first");
    assert_eq!(scene.screen(), ["first", "web pending", "api pending"]);
    scene.line("second");
    scene.status(&["web complete"]);
    assert_eq!(scene.screen(), ["first", "second", "web complete"]);
}

#[test]
fn no_stale_row_stays_when_the_screen_scrolls() {
    let mut scene = Scene::new(small);
    for number in 0..20 {
        scene.status(&[&format!("web {number}"), &format!("api {number}")]);
        scene.line(&format!("line {number}"));
    }
    let screen = scene.screen();
    assert_eq!(screen.len(), ROWS);
    assert_eq!(screen[ROWS - 3..], ["line 19", "web 19", "api 19"]);
    assert_eq!(
        screen.iter().filter(|row| row.starts_with("web")).count(),
        1
    );
    scene.status(&[]);
    assert_eq!(scene.screen().len(), ROWS - 2);
}

#[test]
fn a_line_that_wraps_is_kept_whole_above_the_status() {
    let mut scene = Scene::new(small);
    scene.status(&["web pending"]);
    scene.line(&"x".repeat(COLUMNS + 5));
    scene.status(&["web complete"]);
    assert_eq!(
        scene.screen(),
        [
            "x".repeat(COLUMNS),
            "x".repeat(5),
            "web complete".to_owned()
        ]
    );
}

#[test]
fn a_row_is_cut_where_the_terminal_ends_and_more_rows_than_fit_are_counted() {
    let mut scene = Scene::new(small);
    scene.status(&[&"w".repeat(100), &"界".repeat(100)]);
    let rows = ["w".repeat(COLUMNS - 2) + "…", "界".repeat(19) + "…"];
    assert_eq!(scene.screen(), rows);
    let many: Vec<String> = (0..30).map(|number| format!("web {number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    scene.status(&many);
    scene.status(&many[..29]);
    let screen = scene.screen();
    assert_eq!(screen.len(), ROWS - 1);
    assert_eq!(screen[0], "web 0");
    assert_eq!(screen[ROWS - 2], "… and 23 more");
}

#[test]
fn a_row_fits_as_soon_as_the_terminal_is_made_smaller() {
    static WIDE: AtomicUsize = AtomicUsize::new(40);
    let mut scene = Scene::new(|| Size {
        columns: WIDE.load(Ordering::Relaxed),
        rows: ROWS,
    });
    scene.status(&["web 1 of 3 updated replicas"]);
    WIDE.store(10, Ordering::Relaxed);
    scene.line("printed");
    assert_eq!(scene.screen(), ["printed", "web 1 of…"]);
}

#[test]
fn a_question_waits_without_a_status() {
    let mut scene = Scene::new(small);
    scene.status(&["web pending"]);
    scene.console.ask("Roll back?");
    assert_eq!(scene.screen(), ["Roll back?"]);
}

#[test]
fn a_document_on_the_same_terminal_stands_alone() {
    let shared = Sink::default();
    let mut console = Console::new(Box::new(shared.clone()), Box::new(shared.clone()))
        .with_terminal(false, Some(small));
    console.status(&[Line::plain("web pending")]);
    console.document("{}");
    assert_eq!(screen(&shared.text()), ["{}", "web pending"]);
    drop(console);
    assert_eq!(screen(&shared.text()), ["{}"]);
}

#[test]
fn a_console_that_ends_leaves_no_status_behind() {
    let mut scene = Scene::new(small);
    scene.line("checking");
    scene.status(&["web pending"]);
    drop(scene.console);
    assert_eq!(screen(&scene.human.text()), ["checking"]);
    assert_eq!(scene.data.text(), "");
}

#[test]
fn a_command_has_a_line_of_its_own() {
    let mut scene = Scene::new(small);
    scene.status(&["web pending"]);
    scene.console.command(&LoggingCommand::warning("beware"));
    scene.console.register([Secret::new("hunter2")]);
    scene.status(&["web hunter2"]);
    // The secret is registered in several forms.
    let commands = ["##vso[task.logissue", "##vso[task.setsecret"];
    let written = scene.human.text();
    let lines = written.split(['\n', '\r']);
    let found: Vec<&str> = lines.filter(|line| line.contains("##vso")).collect();
    let expected = commands.into_iter().chain(std::iter::repeat(commands[1]));
    assert!(found.len() > 2, "{found:?}");
    for (line, command) in found.iter().zip(expected) {
        let codes = "\u{1b}[J";
        assert!(
            line.trim_start_matches(codes).starts_with(command),
            "{line}"
        );
    }
    assert_eq!(scene.screen().last().map(String::as_str), Some("web ***"));
}

#[test]
fn the_same_status_again_writes_nothing() {
    let mut scene = Scene::new(small);
    scene.status(&["web pending"]);
    let written = scene.human.text().len();
    scene.status(&["web pending"]);
    assert_eq!(scene.human.text().len(), written);
}

#[test]
fn where_lines_cannot_be_drawn_over_there_is_no_status() {
    let human = Sink::default();
    let mut console = Console::new(Box::new(human.clone()), Box::new(Sink::default()));
    console.status(&[Line::plain("web pending")]);
    console.line(&Line::plain("printed"));
    drop(console);
    assert_eq!(human.text(), "printed\n");
}
