//! Parses `[service/NAME]PATH[:PORT][=STATUS][~REGEX]`.

use super::{HttpCheck, HttpExpectation, HttpPort, Pattern, SERVICE};

/// The longest check, in bytes: about the longest URL that servers accept.
const LONGEST: usize = 2000;

/// Why a text is not an HTTP check, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpCheckError {
    /// Nothing before the port or the expectation.
    #[error("`{0}` has no path; write for example `/healthz` or `/healthz:8080`")]
    NoPath(String),
    /// A Service without a path.
    #[error("`{0}` has no path behind the Service; write for example `service/web/healthz`")]
    NoServicePath(String),
    /// A name that no Service can have.
    #[error(
        "`{text}`: `{name}` is not the name of a Service; write for example `service/web/healthz`"
    )]
    BadService {
        /// What was written.
        text: String,
        /// What stands in place of the name.
        name: String,
    },
    /// A whole URL.
    #[error(
        "`{0}` is a URL; write only its path and the port of the container, such as \
         `/healthz:8080`"
    )]
    Url(String),
    /// A relative path.
    #[error("`{0}` does not begin with `/`; write `/{0}`")]
    NoSlash(String),
    /// Too long.
    #[error("a check of {0} characters is too long; write at most {LONGEST}")]
    TooLong(usize),
    /// A character that a URL cannot contain.
    #[error("`{text}`: a path cannot hold `{bad}`; write `{encoded}` for it")]
    BadCharacter {
        /// What was written.
        text: String,
        /// The character.
        bad: char,
        /// The character, percent-encoded.
        encoded: String,
    },
    /// A segment `.` or `..`.
    #[error("`{0}`: a path cannot go up or stay; write it without `.` and `..`")]
    DotSegment(String),
    /// An encoded slash.
    #[error(
        "`{0}`: a path cannot hold `%2F`: on the way to the pod it may become a `/`; write `/`"
    )]
    HiddenSlash(String),
    /// Not a port.
    #[error(
        "`{text}`: `{port}` is not a port; write a number from 1 to 65535 or the name of a \
         container port, and `%3A` for a `:` of the path"
    )]
    BadPort {
        /// What was written.
        text: String,
        /// What stands behind the colon.
        port: String,
    },
    /// Not a status.
    #[error(
        "`{text}`: `{status}` is not an HTTP status; write for example `=204`, or `~{status}` for \
         what the body must hold, and `%3D` for a `=` of the path"
    )]
    BadStatus {
        /// What was written.
        text: String,
        /// What stands behind the `=`.
        status: String,
    },
    /// It may be a status or the value of a query.
    #[error(
        "`{text}`: `={status}` may be a status or a part of the query; write `{text}&` for the \
         query, or `{place}&={status}` for the status"
    )]
    StatusOrQuery {
        /// What was written.
        text: String,
        /// What stands before the `=`.
        place: String,
        /// What stands behind it.
        status: String,
    },
    /// It may be a home directory or what the body must hold.
    #[error(
        "`{text}`: `~` begins what the body must hold; write `%7E` for a `~` of the path, or \
         `{place}~(?:{pattern})` for the body"
    )]
    PatternOrPath {
        /// What was written.
        text: String,
        /// What stands before the `~`.
        place: String,
        /// What stands behind it.
        pattern: String,
    },
    /// Nothing behind `~`.
    #[error("`{0}`: nothing stands behind `~`; write what the body must hold, such as `~ready`")]
    NoPattern(String),
    /// A regular expression that does not compile.
    #[error("`{pattern}` is not a regular expression: {why}; write for example `~ok|ready`")]
    BadPattern {
        /// The expression.
        pattern: String,
        /// What is wrong with it.
        why: String,
    },
}

impl HttpCheck {
    /// Reads `[service/NAME]PATH[:PORT][=STATUS][~REGEX]`. With a Service, the port is the Service's.
    ///
    /// The first `~` begins the pattern, whatever it holds. Before it, the last `=` with three digits
    /// behind it begins the status. Before that, the last `:` begins the port, unless `/`,
    /// `?` or `&` follow it. A path writes `%7E` for `~`, `%3D` for `=` and `%3A` for `:` where it
    /// would be taken for one of these. What can be read in two ways that a user may well mean is
    /// refused: a check that asks for something else than was meant would be worse than none.
    ///
    /// # Errors
    /// When it is not one; the error says what to write.
    pub fn parse(text: &str) -> Result<Self, HttpCheckError> {
        let text = text.trim();
        if text.len() > LONGEST {
            return Err(HttpCheckError::TooLong(text.chars().count()));
        }
        let (service, of_pod) = service(text)?;
        let (place, expect) = expectation(of_pod)?;
        let (path, port) = port(of_pod, place)?;
        path_is_right(of_pod, path)?;
        Ok(Self {
            service: service.map(str::to_owned),
            path: path.to_owned(),
            port,
            expect,
        })
    }
}

/// Splits off the Service that is asked.
fn service(text: &str) -> Result<(Option<&str>, &str), HttpCheckError> {
    let Some(rest) = text.strip_prefix(SERVICE) else {
        return Ok((None, text));
    };
    let Some(slash) = rest.find('/') else {
        return Err(HttpCheckError::NoServicePath(text.to_owned()));
    };
    let (name, path) = rest.split_at(slash);
    if is_service_name(name) {
        return Ok((Some(name), path));
    }
    Err(HttpCheckError::BadService {
        text: text.to_owned(),
        name: name.to_owned(),
    })
}

/// Returns whether a Service may have this name (`k8s.io/apimachinery/pkg/util/validation`,
/// `IsDNS1035Label`, and digits in front since `RelaxedServiceNameValidation`).
fn is_service_name(name: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    (1..=63).contains(&name.len())
        && name.bytes().all(allowed)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

fn expectation(text: &str) -> Result<(&str, HttpExpectation), HttpCheckError> {
    if let Some((before, pattern)) = text.split_once('~') {
        let pattern = body(text, before, pattern)?;
        return Ok(match before.rsplit_once('=') {
            Some((place, digits)) if is_status(digits) => {
                let status = status(before, place, digits)?;
                (place, HttpExpectation::Both(status, pattern))
            }
            Some(_) | None => (before, HttpExpectation::Body(pattern)),
        });
    }
    let Some((place, behind)) = text.rsplit_once('=') else {
        return Ok((text, HttpExpectation::Success));
    };
    if is_status(behind) {
        let status = status(text, place, behind)?;
        return Ok((place, HttpExpectation::Status(status)));
    }
    if place.contains('?') || behind.contains(['/', '?']) {
        return Ok((text, HttpExpectation::Success));
    }
    Err(HttpCheckError::BadStatus {
        text: text.to_owned(),
        status: behind.to_owned(),
    })
}

fn is_status(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|c| c.is_ascii_digit())
}

/// `/~ops/healthz` is more likely a path than the page `/` with `ops/healthz` in its body.
fn body(text: &str, place: &str, pattern: &str) -> Result<Pattern, HttpCheckError> {
    if pattern.is_empty() {
        return Err(HttpCheckError::NoPattern(text.to_owned()));
    }
    let word = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let home = place.ends_with('/')
        && pattern
            .split_once('/')
            .is_some_and(|(name, _)| !name.is_empty() && name.chars().all(word));
    if home {
        return Err(HttpCheckError::PatternOrPath {
            text: text.to_owned(),
            place: place.to_owned(),
            pattern: pattern.to_owned(),
        });
    }
    Pattern::new(pattern).map_err(|error| HttpCheckError::BadPattern {
        pattern: pattern.to_owned(),
        why: error.to_string(),
    })
}

/// `/x?code=200` is ambiguous; a colon, a second `=` or an empty name resolves it.
fn status(text: &str, place: &str, digits: &str) -> Result<u16, HttpCheckError> {
    let parameter = place
        .split_once('?')
        .and_then(|(_, query)| query.rsplit(['?', '&']).next())
        .unwrap_or_default();
    if !parameter.is_empty() && !parameter.contains(['=', ':']) {
        return Err(HttpCheckError::StatusOrQuery {
            text: text.to_owned(),
            place: place.to_owned(),
            status: digits.to_owned(),
        });
    }
    match digits.parse::<u16>() {
        Ok(status @ 100..=599) => Ok(status),
        Ok(_) | Err(_) => Err(HttpCheckError::BadStatus {
            text: text.to_owned(),
            status: digits.to_owned(),
        }),
    }
}

fn port<'a>(text: &str, place: &'a str) -> Result<(&'a str, Option<HttpPort>), HttpCheckError> {
    let Some((path, behind)) = place.rsplit_once(':') else {
        return Ok((place, None));
    };
    if behind.contains(['/', '?', '&']) {
        return Ok((place, None));
    }
    let number = behind.bytes().all(|c| c.is_ascii_digit());
    let port = match behind.parse::<u16>() {
        Ok(port @ 1..) if number => Some(HttpPort::Number(port)),
        Ok(_) | Err(_) if is_port_name(behind) => Some(HttpPort::Name(behind.to_owned())),
        Ok(_) | Err(_) => None,
    };
    let port = port.ok_or_else(|| HttpCheckError::BadPort {
        text: text.to_owned(),
        port: behind.to_owned(),
    })?;
    Ok((path, Some(port)))
}

/// Returns whether a text is a valid port name (`k8s.io/apimachinery/pkg/util/validation`,
/// `IsValidPortName`).
fn is_port_name(text: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    (1..=15).contains(&text.len())
        && text.bytes().all(allowed)
        && text.bytes().any(|c| c.is_ascii_lowercase())
        && !text.contains("--")
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Checks the path, which becomes part of a URL of the API server and must not lead to another
/// resource.
fn path_is_right(text: &str, path: &str) -> Result<(), HttpCheckError> {
    if path.is_empty() {
        return Err(HttpCheckError::NoPath(text.to_owned()));
    }
    if text.contains("://") && !text.starts_with('/') {
        return Err(HttpCheckError::Url(text.to_owned()));
    }
    if !path.starts_with('/') {
        return Err(HttpCheckError::NoSlash(text.to_owned()));
    }
    if let Some(bad) = bad_character(path) {
        return Err(HttpCheckError::BadCharacter {
            text: text.to_owned(),
            bad,
            encoded: percent_encoded(bad),
        });
    }
    let names = path.split_once('?').map_or(path, |(path, _)| path);
    let names = names.to_ascii_lowercase().replace("%2e", ".");
    if names.contains("%2f") {
        return Err(HttpCheckError::HiddenSlash(text.to_owned()));
    }
    if names
        .split(['/', '\\'])
        .any(|name| name == "." || name == "..")
    {
        return Err(HttpCheckError::DotSegment(text.to_owned()));
    }
    Ok(())
}

/// Returns the first character that RFC 3986 does not allow in a path with a query; a `%` needs two
/// hexadecimal digits after it.
fn bad_character(path: &str) -> Option<char> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@/?%".contains(c);
    let escaped = |rest: &str| {
        let digits = rest.as_bytes().get(1..3);
        digits.is_some_and(|it| it.iter().all(u8::is_ascii_hexdigit))
    };
    path.char_indices()
        .find(|(at, c)| !allowed(*c) || (*c == '%' && !path.get(*at..).is_some_and(escaped)))
        .map(|(_, c)| c)
}

fn percent_encoded(c: char) -> String {
    let mut bytes = [0; 4];
    let bytes = c.encode_utf8(&mut bytes).bytes();
    bytes.fold(String::new(), |text, byte| format!("{text}%{byte:02X}"))
}
