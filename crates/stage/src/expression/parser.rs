//! Tokens to a tree.

use std::ops::Range;

use super::Scope;
use super::error::ExpressionError;
use super::function::Function;
use super::lexer::{Token, TokenKind, column, tokens};
use super::value::{Value, same};

/// Azure Pipelines' own limits (`ExpressionConstants` of its expression library).
const MAX_DEPTH: usize = 50;
const MAX_LENGTH: usize = 21_000;

/// One part of an expression and the text it was read from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) kind: NodeKind,
    /// Byte range in the source.
    pub(crate) span: Range<usize>,
}

/// The kinds of parts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum NodeKind {
    Literal(Value),
    /// `parameters`, `variables`, `dependencies` or a loop variable.
    Named(String),
    /// `of.name`, `of['name']`, `of[0]`.
    Index {
        of: Box<Node>,
        key: Box<Node>,
    },
    /// `of.*`
    Wildcard {
        of: Box<Node>,
    },
    Call {
        function: Function,
        arguments: Vec<Node>,
    },
}

/// Reads `source`, allowing the names and functions of `scope`.
pub(super) fn parse(source: &str, scope: &Scope) -> Result<Node, ExpressionError> {
    if source.chars().count() > MAX_LENGTH {
        return Err(ExpressionError::TooLong { limit: MAX_LENGTH });
    }
    let mut parser = Parser {
        source,
        scope,
        tokens: tokens(source)?,
        next: 0,
    };
    let node = parser.value(0)?;
    match parser.peek() {
        None => Ok(node),
        Some(_) => Err(parser.unexpected("the end of the expression")),
    }
}

struct Parser<'a> {
    source: &'a str,
    scope: &'a Scope,
    tokens: Vec<Token>,
    next: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&TokenKind> {
        self.tokens.get(self.next).map(|token| &token.kind)
    }

    fn take(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.next).cloned();
        self.next += usize::from(token.is_some());
        token
    }

    fn take_if(&mut self, kind: &TokenKind) -> bool {
        let hit = self.peek() == Some(kind);
        self.next += usize::from(hit);
        hit
    }

    /// The end of the token just taken.
    fn end(&self) -> usize {
        self.next
            .checked_sub(1)
            .and_then(|last| self.tokens.get(last))
            .map_or(0, |token| token.end)
    }

    fn expect(&mut self, kind: &TokenKind, expected: &'static str) -> Result<(), ExpressionError> {
        if self.take_if(kind) {
            Ok(())
        } else {
            Err(self.unexpected(expected))
        }
    }

    fn unexpected(&self, expected: &'static str) -> ExpressionError {
        let token = self.tokens.get(self.next);
        let start = token.map_or(self.source.len(), |token| token.start);
        ExpressionError::Unexpected {
            expected,
            found: token.map_or_else(
                || "the end of the expression".to_owned(),
                |token| format!("`{}`", &self.source[token.start..token.end]),
            ),
            column: column(self.source, start),
        }
    }

    /// A literal, a call or a named value, with everything that dereferences it.
    fn value(&mut self, depth: usize) -> Result<Node, ExpressionError> {
        if depth >= MAX_DEPTH {
            return Err(ExpressionError::TooDeep { limit: MAX_DEPTH });
        }
        let unexpected = self.unexpected("a value");
        let Some(token) = self.take() else {
            return Err(unexpected);
        };
        let span = token.start..token.end;
        match token.kind {
            TokenKind::Literal(value) => Ok(Node {
                kind: NodeKind::Literal(value),
                span,
            }),
            TokenKind::Name(name) if self.peek() == Some(&TokenKind::OpenParen) => {
                let call = self.call(&name, &span, depth)?;
                self.dereferences(call, depth)
            }
            TokenKind::Name(name) if same(&name, "true") || same(&name, "false") => {
                let kind = NodeKind::Literal(Value::Bool(same(&name, "true")));
                Ok(Node { kind, span })
            }
            TokenKind::Name(name) => {
                let named = self.named(name, span)?;
                self.dereferences(named, depth)
            }
            TokenKind::OpenParen
            | TokenKind::CloseParen
            | TokenKind::OpenBracket
            | TokenKind::CloseBracket
            | TokenKind::Comma
            | TokenKind::Dot
            | TokenKind::Star => Err(unexpected),
        }
    }

    fn named(&self, name: String, span: Range<usize>) -> Result<Node, ExpressionError> {
        if self.scope.names.iter().any(|known| same(known, &name)) {
            return Ok(Node {
                kind: NodeKind::Named(name),
                span,
            });
        }
        let quoted: Vec<_> = self
            .scope
            .names
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        Err(ExpressionError::UnknownName {
            name,
            column: column(self.source, span.start),
            known: quoted.join(", "),
        })
    }

    fn call(
        &mut self,
        name: &str,
        span: &Range<usize>,
        depth: usize,
    ) -> Result<Node, ExpressionError> {
        let unknown = |here| ExpressionError::UnknownFunction {
            name: name.to_owned(),
            column: column(self.source, span.start),
            here,
        };
        let function = Function::named(name).ok_or_else(|| unknown(" to the local runner"))?;
        if matches!(function, Function::Status(_)) && !self.scope.status {
            return Err(unknown(" outside a condition"));
        }
        let arguments = self.arguments(depth)?;
        let (least, most) = function.arity();
        if (least..=most).contains(&arguments.len()) {
            let kind = NodeKind::Call {
                function,
                arguments,
            };
            return Ok(Node {
                kind,
                span: span.start..self.end(),
            });
        }
        Err(ExpressionError::Arity {
            function: function.name(),
            found: arguments.len(),
            takes: function.takes(),
        })
    }

    fn arguments(&mut self, depth: usize) -> Result<Vec<Node>, ExpressionError> {
        self.expect(&TokenKind::OpenParen, "`(`")?;
        let mut arguments = Vec::new();
        if self.take_if(&TokenKind::CloseParen) {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.value(depth + 1)?);
            if self.take_if(&TokenKind::CloseParen) {
                return Ok(arguments);
            }
            self.expect(&TokenKind::Comma, "`,` or `)`")?;
        }
    }

    fn dereferences(&mut self, start: Node, depth: usize) -> Result<Node, ExpressionError> {
        let mut node = start;
        // A chain nests as deep as it is long: the same limit holds for it.
        for _ in depth..MAX_DEPTH {
            let from = node.span.start;
            let kind = if self.take_if(&TokenKind::Dot) {
                self.property(node)?
            } else if self.take_if(&TokenKind::OpenBracket) {
                self.index(node, depth)?
            } else {
                return Ok(node);
            };
            node = Node {
                kind,
                span: from..self.end(),
            };
        }
        Err(ExpressionError::TooDeep { limit: MAX_DEPTH })
    }

    fn property(&mut self, of: Node) -> Result<NodeKind, ExpressionError> {
        let unexpected = self.unexpected("a property name");
        let Some(token) = self.take() else {
            return Err(unexpected);
        };
        match token.kind {
            TokenKind::Star => Ok(NodeKind::Wildcard { of: Box::new(of) }),
            TokenKind::Name(name) => {
                let kind = NodeKind::Literal(Value::Text(name));
                let key = Box::new(Node {
                    kind,
                    span: token.start..token.end,
                });
                Ok(NodeKind::Index {
                    of: Box::new(of),
                    key,
                })
            }
            TokenKind::Literal(_)
            | TokenKind::OpenParen
            | TokenKind::CloseParen
            | TokenKind::OpenBracket
            | TokenKind::CloseBracket
            | TokenKind::Comma
            | TokenKind::Dot => Err(unexpected),
        }
    }

    fn index(&mut self, of: Node, depth: usize) -> Result<NodeKind, ExpressionError> {
        let of = Box::new(of);
        let kind = if self.take_if(&TokenKind::Star) {
            NodeKind::Wildcard { of }
        } else {
            NodeKind::Index {
                of,
                key: Box::new(self.value(depth + 1)?),
            }
        };
        self.expect(&TokenKind::CloseBracket, "`]`")?;
        Ok(kind)
    }
}
