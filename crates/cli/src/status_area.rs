//! Lines at the end of a terminal's output that are drawn over in place.
//!
//! Own code, because it is little: the libraries for it also own a thread, the clock or the printing,
//! and here only the console prints.

use rollguard_core::report::{Line, Span, Style};
use unicode_width::UnicodeWidthChar;

/// Of a terminal, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// How many stand beside each other.
    pub columns: usize,
    /// How many lines there are.
    pub rows: usize,
}

impl Default for Size {
    /// Returns what a terminal that does not tell its size most likely has.
    fn default() -> Self {
        Self {
            columns: 80,
            rows: 24,
        }
    }
}

/// Asks a terminal for its size; it may change at any time.
pub type SizeOf = fn() -> Size;

/// The lines that are shown now.
#[derive(Debug)]
pub(crate) struct StatusArea {
    size_of: SizeOf,
    lines: Vec<Line>,
    /// What is on the screen: rendered, and none longer than a row.
    drawn: Vec<String>,
}

impl StatusArea {
    pub(crate) const fn new(size_of: SizeOf) -> Self {
        Self {
            size_of,
            lines: Vec::new(),
            drawn: Vec::new(),
        }
    }

    /// Shows these lines from the next [`StatusArea::draw`] on.
    pub(crate) fn set(&mut self, lines: Vec<Line>) {
        self.lines = lines;
    }

    /// The codes that take the lines off the screen.
    pub(crate) fn erase(&mut self) -> String {
        if self.drawn.is_empty() {
            return String::new();
        }
        let codes = self.to_first_row() + "\u{1b}[J";
        self.drawn.clear();
        codes
    }

    /// The codes that bring the lines to the screen, over those that are there. The rows are
    /// overwritten and not emptied first, or they would flicker.
    pub(crate) fn draw(&mut self, render: impl Fn(&Line) -> String) -> String {
        let size = (self.size_of)();
        // The last column stays free: there some terminals wrap at once, others with the next
        // character.
        let columns = size.columns.saturating_sub(1).max(1);
        let lines = shortened(&self.lines, size.rows.saturating_sub(1).max(1));
        let fresh: Vec<String> = lines
            .iter()
            .map(|line| render(&cut(line, columns)))
            .collect();
        if fresh == self.drawn {
            return String::new();
        }
        if fresh.is_empty() {
            return self.erase();
        }
        let mut codes = self.to_first_row();
        // Each row begins with a carriage return, which tells it from a line that was printed.
        let rows: Vec<String> = fresh.iter().map(|row| format!("{row}\u{1b}[K")).collect();
        codes += &rows.join("\n\r");
        codes += "\u{1b}[J";
        self.drawn = fresh;
        codes
    }

    /// From behind the last row to the beginning of the first. A terminal that was made narrower
    /// in between may have wrapped rows; a row that then stays is better than erasing what was printed.
    fn to_first_row(&self) -> String {
        match self.drawn.len() {
            0 | 1 => "\r".to_owned(),
            rows => format!("\r\u{1b}[{}A", rows - 1),
        }
    }
}

/// Cuts what does not fit on the screen: it could not be drawn over.
fn shortened(lines: &[Line], rows: usize) -> Vec<Line> {
    if lines.len() <= rows {
        return lines.to_vec();
    }
    let shown = rows - 1;
    let more = format!("… and {} more", lines.len() - shown);
    let mut lines: Vec<Line> = lines.iter().take(shown).cloned().collect();
    lines.push(Line::styled(Style::Dim, more));
    lines
}

/// A line of at most this many columns.
fn cut(line: &Line, columns: usize) -> Line {
    let width = |text: &str| -> usize { text.chars().filter_map(UnicodeWidthChar::width).sum() };
    if line.0.iter().map(|span| width(&span.text)).sum::<usize>() <= columns {
        return line.clone();
    }
    let mut left = columns - 1;
    let mut spans: Vec<Span> = Vec::new();
    for span in &line.0 {
        let mut text = String::new();
        for c in span.text.chars() {
            let wide = c.width().unwrap_or_default();
            if wide > left {
                text.push('…');
                spans.push(Span {
                    text,
                    ..span.clone()
                });
                return Line(spans);
            }
            left -= wide;
            text.push(c);
        }
        spans.push(Span {
            text,
            ..span.clone()
        });
    }
    Line(spans)
}

#[cfg(test)]
mod tests;
