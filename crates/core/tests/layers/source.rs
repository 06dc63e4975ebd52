//! The paths that a source file names, read from its words: no comments, no texts, no tests.

/// A path as it is written, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) line: usize,
    pub(crate) path: Vec<String>,
    /// The name that a `use` gives it in this file; none for a path within code.
    pub(crate) binds: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    line: usize,
    /// An identifier, `::`, or one other character.
    text: String,
}

/// Every path of a file that has more than one part or is imported.
pub(crate) fn paths(text: &str) -> Vec<Named> {
    let tokens = without_tests(&tokens(text));
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let next = tokens.get(at + 1).map(|it| it.text.as_str());
        at = match (token.text.as_str(), next) {
            // `pub(in crate::a)` imports nothing.
            ("pub", Some("(")) => closed(&tokens, at + 1),
            ("use", _) => {
                let end = end_of_use(&tokens, at + 1);
                use_tree(&tokens[at + 1..end], &[], &mut found);
                end
            }
            (word, Some("::")) if is_word(word) => {
                let (path, end) = path(&tokens, at);
                found.push(Named {
                    line: token.line,
                    path,
                    binds: None,
                });
                end
            }
            _ => at + 1,
        };
    }
    found
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The words joined by `::` from here, and where they end.
fn path(tokens: &[Token], mut at: usize) -> (Vec<String>, usize) {
    let mut path = vec![tokens[at].text.clone()];
    at += 1;
    while let [colons, word, ..] = &tokens[at..]
        && colons.text == "::"
        && is_word(&word.text)
    {
        path.push(word.text.clone());
        at += 2;
    }
    (path, at.max(1))
}

fn end_of_use(tokens: &[Token], from: usize) -> usize {
    let end = tokens[from..].iter().position(|it| it.text == ";");
    end.map_or(tokens.len(), |end| from + end)
}

/// Adds every leaf of `a::{b, c::{self, D as E}, f::*}`.
fn use_tree(tokens: &[Token], before: &[String], found: &mut Vec<Named>) {
    let Some(first) = tokens.first() else { return };
    let (own, rest) = if is_word(&first.text) {
        let (path, end) = path(tokens, 0);
        (path, &tokens[end..])
    } else {
        (Vec::new(), tokens)
    };
    let path = [before, &own].concat();
    let rest = match rest.first() {
        Some(colons) if colons.text == "::" => &rest[1..],
        _ => rest,
    };
    match rest.first().map(|it| it.text.as_str()) {
        Some("{") => {
            for leaf in branches(&rest[1..rest.len() - 1]) {
                use_tree(leaf, &path, found);
            }
        }
        next => {
            let path: Vec<String> = match path.split_last() {
                Some((last, module)) if last == "self" && !module.is_empty() => module.to_vec(),
                _ => path,
            };
            let named = (next == Some("as")).then(|| rest[1].text.clone());
            let last = path.last().cloned().filter(|_| next != Some("*"));
            found.push(Named {
                line: first.line,
                binds: Some(named.or(last).unwrap_or_default()),
                path,
            });
        }
    }
}

/// The parts between the commas of this depth.
fn branches(tokens: &[Token]) -> Vec<&[Token]> {
    let mut depth = 0;
    let parts = tokens.split(|token| {
        depth += match token.text.as_str() {
            "{" => 1,
            "}" => -1,
            _ => 0,
        };
        depth == 0 && token.text == ","
    });
    parts.collect()
}

/// Leaves out what is compiled for tests only.
fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let mut kept = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        if let Some(after) = test_attribute(tokens, at) {
            at = end_of_item(tokens, after);
        } else {
            kept.push(token.clone());
            at += 1;
        }
    }
    kept
}

/// Where the attribute that begins here ends, if it is `cfg` with `test` in it.
fn test_attribute(tokens: &[Token], at: usize) -> Option<usize> {
    let words: Vec<&str> = tokens[at..]
        .iter()
        .take(3)
        .map(|it| it.text.as_str())
        .collect();
    if words != ["#", "[", "cfg"] {
        return None;
    }
    let end = closed(tokens, at + 1);
    let has = |word: &str| tokens[at..end].iter().any(|it| it.text == word);
    (has("test") && !has("not")).then_some(end)
}

fn end_of_item(tokens: &[Token], mut at: usize) -> usize {
    while let Some(token) = tokens.get(at) {
        at = match token.text.as_str() {
            ";" => return at + 1,
            "{" => return closed(tokens, at),
            "(" | "[" => closed(tokens, at),
            _ => at + 1,
        };
    }
    at
}

/// Behind the bracket that closes the one here.
fn closed(tokens: &[Token], at: usize) -> usize {
    let mut depth = 0;
    for (offset, token) in tokens[at..].iter().enumerate() {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => (),
        }
        if depth == 0 {
            return at + offset + 1;
        }
    }
    tokens.len()
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let (mut rest, mut line) = (text, 1);
    while let Some(c) = rest.chars().next() {
        let skipped = comment(rest).or_else(|| literal(rest));
        let length = if let Some(length) = skipped {
            length
        } else if is_word(rest) {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
            end.unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            c.len_utf8()
        };
        let (token, after) = rest.split_at(length);
        if skipped.is_none() && !c.is_whitespace() {
            tokens.push(Token {
                line,
                text: token.to_owned(),
            });
        }
        line += token.matches('\n').count();
        rest = after;
    }
    tokens
}

/// How long the comment is that begins here.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if !text.starts_with("/*") {
        return None;
    }
    let mut depth = 0;
    let pairs = text.char_indices().zip(text.chars().skip(1));
    for ((at, first), second) in pairs {
        match (first, second) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            _ => (),
        }
        if depth == 0 {
            return Some(at + 2);
        }
    }
    Some(text.len())
}

/// How long the string or character is that begins here; a lifetime is none.
fn literal(text: &str) -> Option<usize> {
    let begins = text.strip_prefix('b').unwrap_or(text);
    let prefix = text.len() - begins.len();
    if let Some(raw) = begins.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let quoted = raw[hashes..].strip_prefix('"')?;
        let close = format!("\"{}", "#".repeat(hashes));
        let end = quoted.find(&close)?;
        return Some(prefix + 1 + hashes + 1 + end + close.len());
    }
    let quote = begins.chars().next().filter(|c| ['"', '\''].contains(c))?;
    let mut chars = begins.char_indices().skip(1);
    let mut count = 0;
    while let Some((at, c)) = chars.next() {
        count += 1;
        if c == quote && (count > 1 || quote == '"') {
            return Some(prefix + at + 1);
        }
        if c == '\\' {
            chars.next();
        } else if quote == '\'' && !begins[at + c.len_utf8()..].starts_with('\'') {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `line: path`, with ` as NAME` where a `use` binds it.
    fn said(text: &str) -> Vec<String> {
        paths(text)
            .into_iter()
            .map(|it| {
                let name = it.binds.map(|name| format!(" as {name}"));
                format!(
                    "{}: {}{}",
                    it.line,
                    it.path.join("::"),
                    name.unwrap_or_default()
                )
            })
            .collect()
    }

    #[test]
    fn every_form_of_an_import_is_read() {
        for (text, expected) in [
            ("use crate::a::B;", vec!["1: crate::a::B as B"]),
            ("pub(crate) use super::a;", vec!["1: super::a as a"]),
            ("use crate::a::B as C;", vec!["1: crate::a::B as C"]),
            ("use crate::a::*;", vec!["1: crate::a as "]),
            (
                "use crate::{\n    a::{self, B},\n    c::d,\n};",
                vec![
                    "2: crate::a as a",
                    "2: crate::a::B as B",
                    "3: crate::c::d as d",
                ],
            ),
            (
                "fn f() { crate::a::b(&self::c::D::new()) }",
                vec!["1: crate::a::b", "1: self::c::D::new"],
            ),
            ("let x: Vec<super::A> = y;", vec!["1: super::A"]),
        ] {
            assert_eq!(said(text), expected, "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_an_import_is_none() {
        for text in [
            "// use crate::a::B;",
            "//! [`crate::a::B`]",
            "/* use /* nested */ crate::a::B; */",
            "let s = \"use crate::a::B; \\\" crate::c::d\";",
            "let s = r#\"crate::a::B \" crate::c\"#;",
            "pub(in crate::a) fn f() {}",
            "#[cfg(test)]\nmod tests { use crate::a::B; }",
            "#[cfg(any(test, feature = \"testing\"))]\nuse crate::a::{B, C};",
            "#[cfg(test)]\n#[path = \"x.rs\"]\nmod tests;",
        ] {
            assert_eq!(said(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn what_follows_a_test_a_text_or_a_lifetime_is_read() {
        for text in [
            "#[cfg(test)]\nmod tests { fn f() { {} } } use crate::a;",
            "#[cfg(not(test))] use crate::a;",
            "#[cfg(test)] mod tests; use crate::a;",
            "const C: char = '\"'; use crate::a;",
            "const C: char = '\\''; use crate::a;",
            "const C: &[u8] = b\"\\\"\"; use crate::a;",
            "fn f<'a>(x: &'a str) -> &'a str {} use crate::a;",
        ] {
            let last = said(text).pop().unwrap_or_default();
            assert!(last.ends_with(": crate::a as a"), "{text}: {last}");
        }
    }
}
