//! Consoles that print below the drill's own lines.

use std::io::Write;

use crate::console::Console;
use crate::status_area::SizeOf;

/// Makes consoles that print below the drill's own lines.
pub(crate) struct Screen {
    /// Opens the place where people read.
    pub(crate) open: Box<dyn Fn() -> Box<dyn Write + Send> + Send + Sync>,
    pub(crate) colour: bool,
    pub(crate) size_of: Option<SizeOf>,
}

const INDENT: &str = "    ";

impl Screen {
    /// A console for lines below a heading.
    pub(super) fn console(&self) -> Console {
        self.console_on((self.open)())
    }

    pub(super) fn console_on(&self, out: Box<dyn Write + Send>) -> Console {
        Console::new(out, Box::new(std::io::sink()))
            .with_terminal(self.colour, self.size_of)
            .with_indent(INDENT)
    }
}
