//! A line of output as data: texts with a meaning, no terminal codes. The console decides about
//! colour, and neutralises every text, because any of them may be foreign.

/// The meaning of a text to the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    /// Nothing special.
    #[default]
    Plain,
    /// It went well.
    Good,
    /// It went wrong.
    Bad,
    /// It may go wrong.
    Warn,
    /// It matters less.
    Dim,
    /// It matters more.
    Strong,
}

/// A text with a meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The words.
    pub text: String,
    /// Their meaning.
    pub style: Style,
}

/// One line of output.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line(pub Vec<Span>);

impl Line {
    /// A line without style.
    #[must_use]
    pub fn plain(text: impl Into<String>) -> Self {
        Self::default().then(Style::Plain, text)
    }

    /// A line with one style.
    #[must_use]
    pub fn styled(style: Style, text: impl Into<String>) -> Self {
        Self::default().then(style, text)
    }

    /// The line with more text at its end.
    #[must_use]
    pub fn then(mut self, style: Style, text: impl Into<String>) -> Self {
        self.0.push(Span {
            text: text.into(),
            style,
        });
        self
    }

    /// The words without their meaning.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.iter().map(|span| span.text.as_str()).collect()
    }
}
