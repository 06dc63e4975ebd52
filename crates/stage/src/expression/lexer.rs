//! Text to tokens.

use super::error::ExpressionError;
use super::value::{Value, parse_version};

/// One token and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    /// Byte offsets into the expression.
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The kinds of tokens.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind {
    OpenParen,
    CloseParen,
    OpenBracket,
    CloseBracket,
    Comma,
    Dot,
    Star,
    Literal(Value),
    Name(String),
}

/// The 1-based column, in characters, of a byte offset.
pub(super) fn column(source: &str, offset: usize) -> usize {
    source
        .get(..offset)
        .map_or(0, |before| before.chars().count())
        + 1
}

/// Splits an expression into tokens.
pub(super) fn tokens(source: &str) -> Result<Vec<Token>, ExpressionError> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut at = 0;
    while let Some(next) = source[at..].chars().next() {
        if next.is_whitespace() {
            at += next.len_utf8();
            continue;
        }
        // `.5` is a number only where no value stands before it; `a.b` is a property.
        let after_value = tokens.last().is_some_and(|token| ends_value(&token.kind));
        let (kind, length) = match punctuation(next) {
            Some(TokenKind::Dot) if !after_value => number(source, at)?,
            Some(kind) => (kind, next.len_utf8()),
            None if next == '\'' => string(source, at)?,
            None if next.is_ascii_digit() || next == '-' || next == '+' => number(source, at)?,
            None if next.is_ascii_alphabetic() || next == '_' => name(&source[at..]),
            None => {
                return Err(ExpressionError::Character {
                    found: next,
                    column: column(source, at),
                });
            }
        };
        tokens.push(Token {
            kind,
            start: at,
            end: at + length,
        });
        at += length;
    }
    Ok(tokens)
}

fn punctuation(next: char) -> Option<TokenKind> {
    Some(match next {
        '(' => TokenKind::OpenParen,
        ')' => TokenKind::CloseParen,
        '[' => TokenKind::OpenBracket,
        ']' => TokenKind::CloseBracket,
        ',' => TokenKind::Comma,
        '.' => TokenKind::Dot,
        '*' => TokenKind::Star,
        _ => return None,
    })
}

fn ends_value(kind: &TokenKind) -> bool {
    matches!(
        kind,
        TokenKind::CloseParen | TokenKind::CloseBracket | TokenKind::Name(_) | TokenKind::Star
    )
}

/// `'it''s'`: a quote inside is doubled.
fn string(source: &str, at: usize) -> Result<(TokenKind, usize), ExpressionError> {
    let mut text = String::new();
    let mut rest = source[at + 1..].char_indices().peekable();
    while let Some((offset, next)) = rest.next() {
        if next != '\'' {
            text.push(next);
        } else if rest.next_if(|(_, following)| *following == '\'').is_some() {
            text.push('\'');
        } else {
            return Ok((TokenKind::Literal(Value::Text(text)), offset + 2));
        }
    }
    Err(ExpressionError::OpenString {
        column: column(source, at),
    })
}

/// `-1.2`, `.5` or a version such as `1.2.3`.
fn number(source: &str, at: usize) -> Result<(TokenKind, usize), ExpressionError> {
    let rest = &source[at..];
    let end = rest
        .char_indices()
        .find(|(offset, c)| {
            !(c.is_alphanumeric() || *c == '.' || (*offset == 0 && "+-".contains(*c)))
        })
        .map_or(rest.len(), |(offset, _)| offset);
    let text = &rest[..end];
    let value = match parse_version(text, 3) {
        Some(parts) => Some(Value::Version(parts)),
        None => Value::text(text).to_number().map(Value::Number),
    };
    value
        .map(|value| (TokenKind::Literal(value), end))
        .ok_or_else(|| ExpressionError::Number {
            found: text.to_owned(),
            column: column(source, at),
        })
}

/// A named value, a function name, a property, or one of the two keywords.
fn name(rest: &str) -> (TokenKind, usize) {
    let end = rest
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .unwrap_or(rest.len());
    (TokenKind::Name(rest[..end].to_owned()), end)
}
