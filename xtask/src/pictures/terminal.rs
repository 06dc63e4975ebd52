//! Draws a terminal's output as an SVG: only as much of a terminal as rollguard's own output uses (colours, and
//! status lines that are drawn over).

use std::fmt::Write as _;

/// The size of a character, in pixels.
const WIDTH: f32 = 7.2;
const HEIGHT: usize = 17;
/// Around the text.
const MARGIN: usize = 14;

/// A character, with the codes of its style.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cell {
    c: char,
    style: Style,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Style {
    #[default]
    Plain,
    Strong,
    Dim,
    Red,
    Green,
    Yellow,
}

impl Style {
    const fn class(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Strong => "b",
            Self::Dim => "d",
            Self::Red => "r",
            Self::Green => "g",
            Self::Yellow => "y",
        }
    }

    /// The style of a code: the ones that the console writes (`crates/cli/src/console.rs`).
    const fn of(code: u32) -> Self {
        match code {
            1 => Self::Strong,
            2 => Self::Dim,
            31 => Self::Red,
            32 => Self::Green,
            33 => Self::Yellow,
            _ => Self::Plain,
        }
    }
}

/// The lines on the screen.
#[derive(Debug, Default)]
struct Screen {
    lines: Vec<Vec<Cell>>,
    row: usize,
    column: usize,
    style: Style,
}

impl Screen {
    fn of(text: &str) -> Self {
        let mut screen = Self::default();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match c {
                '\n' => screen.row += 1,
                '\r' => screen.column = 0,
                '\u{1b}' => {
                    let mut number = String::new();
                    for c in chars.by_ref() {
                        match c {
                            '[' => {}
                            '0'..='9' => number.push(c),
                            end => {
                                screen.code(end, number.parse().unwrap_or_default());
                                break;
                            }
                        }
                    }
                }
                c => screen.put(c),
            }
        }
        screen
    }

    fn line(&mut self) -> &mut Vec<Cell> {
        while self.lines.len() <= self.row {
            self.lines.push(Vec::new());
        }
        &mut self.lines[self.row]
    }

    fn put(&mut self, c: char) {
        let (column, style) = (self.column, self.style);
        let line = self.line();
        while line.len() <= column {
            line.push(Cell {
                c: ' ',
                style: Style::Plain,
            });
        }
        line[column] = Cell { c, style };
        self.column += 1;
    }

    fn code(&mut self, end: char, number: u32) {
        let column = self.column;
        match end {
            'm' => self.style = Style::of(number),
            'A' => self.row -= usize::try_from(number).unwrap_or_default().min(self.row),
            'K' => self.line().truncate(column),
            'J' => {
                self.line().truncate(column);
                self.lines.truncate(self.row + 1);
            }
            _ => {}
        }
    }

    /// The lines with those that are too long continued below.
    fn wrapped(self, columns: usize) -> Vec<Vec<Cell>> {
        let mut all = Vec::new();
        for line in self.lines {
            if line.is_empty() {
                all.push(line);
                continue;
            }
            all.extend(folded(&line, columns));
        }
        while all.last().is_some_and(Vec::is_empty) {
            all.pop();
        }
        all
    }
}

/// Continues a line that is too long below itself, at a space and indented: easier to read than a
/// terminal's own way.
fn folded(line: &[Cell], columns: usize) -> Vec<Vec<Cell>> {
    let blank = Cell {
        c: ' ',
        style: Style::Plain,
    };
    let indent = line.iter().take_while(|it| it.c == ' ').count() + 2;
    let mut rows = Vec::new();
    let mut rest = line.to_vec();
    while rest.len() > columns {
        let space = rest[..columns].iter().rposition(|it| it.c == ' ');
        let cut = space.filter(|at| *at > columns / 2).unwrap_or(columns);
        let after = rest.split_off(cut);
        rows.push(rest);
        let words = after.into_iter().skip_while(|it| it.c == ' ');
        rest = vec![blank; indent.min(columns / 2)];
        rest.extend(words);
    }
    rows.push(rest);
    rows
}

/// Draws what a terminal so wide shows after this output.
pub(super) fn svg(output: &str, columns: usize) -> String {
    let lines = Screen::of(output).wrapped(columns);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a terminal has some hundred columns"
    )]
    let width = (columns as f32 * WIDTH) as usize + 2 * MARGIN;
    let height = lines.len() * HEIGHT + 2 * MARGIN;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\">\n\
         <style>text {{ font: 12px ui-monospace, 'SFMono-Regular', Menlo, Consolas, 'Liberation Mono', monospace; \
         fill: #d4d4d4; white-space: pre }} .b {{ font-weight: bold; fill: #ffffff }} .d {{ fill: #8b949e }} \
         .r {{ fill: #ff7b72 }} .g {{ fill: #7ee787 }} .y {{ fill: #e3b341 }}</style>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#161b22\"/>\n"
    );
    for (index, line) in lines.iter().enumerate() {
        let y = MARGIN + (index + 1) * HEIGHT - 5;
        let _ = writeln!(
            out,
            "<text x=\"{MARGIN}\" y=\"{y}\" xml:space=\"preserve\">{}</text>",
            spans(line)
        );
    }
    out + "</svg>\n"
}

fn spans(line: &[Cell]) -> String {
    let of_one_style = line.chunk_by(|a, b| a.style == b.style);
    of_one_style
        .map(|cells| {
            let text: String = cells.iter().map(|it| escaped(it.c)).collect();
            match cells.first().map_or("", |it| it.style.class()) {
                "" => text,
                class => format!("<tspan class=\"{class}\">{text}</tspan>"),
            }
        })
        .collect()
}

fn escaped(c: char) -> String {
    match c {
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '&' => "&amp;".to_owned(),
        c if c.is_control() => String::new(),
        c => c.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(output: &str) -> Vec<String> {
        let lines = Screen::of(output).wrapped(10);
        let text = |line: &Vec<Cell>| line.iter().map(|it| it.c).collect();
        lines.iter().map(text).collect()
    }

    #[test]
    fn the_screen_shows_what_a_terminal_would() {
        for (says, output, expected) in [
            ("lines", "one\r\ntwo\r\n", &["one", "two"][..]),
            (
                "a status line that is drawn over",
                "one\r\n\rwait 1\u{1b}[K\u{1b}[J\rwait\u{1b}[K\u{1b}[J",
                &["one", "wait"],
            ),
            (
                "two status lines that are erased",
                "a\u{1b}[K\n\rb\u{1b}[K\u{1b}[J\r\u{1b}[1A\u{1b}[Jdone\r\n",
                &["done"],
            ),
            ("a long line", "0123456789ab", &["0123456789", "  ab"]),
            (
                "a long line of words",
                "01234567 9ab",
                &["01234567", "  9ab"],
            ),
        ] {
            assert_eq!(shown(output), expected, "{says}");
        }
    }

    #[test]
    fn styles_become_classes_and_text_stays_text() {
        let svg = svg("\u{1b}[31mfailed\u{1b}[0m a<b&c", 40);
        let line = "<tspan class=\"r\">failed</tspan> a&lt;b&amp;c</text>";
        assert!(svg.contains(line), "{svg}");
    }
}
