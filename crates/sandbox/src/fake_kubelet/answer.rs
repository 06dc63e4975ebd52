//! Answers of a pod over HTTP, through the API server's proxy.

use std::time::Duration;

/// The answer of a pod to a request, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub(crate) content: Content,
    pub(crate) delay: Duration,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    Http {
        status: u16,
        body: String,
    },
    /// No connection: what the dialer says behind the address.
    Unreachable(String),
    /// The connection stands and nothing comes.
    Silence,
}

impl Answer {
    /// An HTTP answer with a status and a body.
    #[must_use]
    pub fn new(status: u16, body: impl Into<String>) -> Self {
        Self::of(Content::Http {
            status,
            body: body.into(),
        })
    }

    /// Nothing listens on the port.
    #[must_use]
    pub fn refused() -> Self {
        Self::unreachable("connect: connection refused")
    }

    /// There is no way to the pod, for a reason in the words of the dialer: `i/o timeout`.
    #[must_use]
    pub fn unreachable(because: &str) -> Self {
        Self::of(Content::Unreachable(because.to_owned()))
    }

    /// The pod takes the request and never answers.
    #[must_use]
    pub fn silence() -> Self {
        Self::of(Content::Silence)
    }

    /// The same answer after a delay. Default none.
    #[must_use]
    pub fn delayed(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    fn of(content: Content) -> Self {
        Self {
            content,
            delay: Duration::ZERO,
        }
    }
}

/// A request over HTTP to a pod.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PodRequest<'a> {
    pub(crate) port: u16,
    /// Without its query.
    pub(crate) path: &'a str,
}

/// The answers of a script, in the order in which they were added.
#[derive(Debug, Clone, Default)]
pub(super) struct Answers(Vec<(Duration, Place, Answer)>);

/// Which requests an answer is for.
#[derive(Debug, Clone)]
struct Place {
    port: Option<u16>,
    path: String,
}

impl Answers {
    pub(super) fn add(&mut self, after: Duration, path: &str, answer: Answer) {
        let (port, path) = match path.split_once('/') {
            Some((port, rest)) if !port.is_empty() => (port.parse().ok(), format!("/{rest}")),
            Some(_) | None => (None, path.to_owned()),
        };
        self.0.push((after, Place { port, path }, answer));
    }

    pub(super) fn find(&self, age: Duration, request: PodRequest<'_>) -> Answer {
        let fits = |place: &Place| {
            let same_path = matches!(place.path.as_str(), "*" | "/*") || place.path == request.path;
            same_path && (place.port.is_none_or(|it| it == request.port))
        };
        self.0
            .iter()
            .rfind(|(after, place, _)| *after <= age && fits(place))
            .map_or_else(|| Answer::new(200, "ok"), |(_, _, answer)| answer.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_added_last_that_fits_counts() {
        let mut answers = Answers::default();
        answers.add(Duration::ZERO, "/ready", Answer::new(503, "warming up"));
        answers.add(Duration::from_secs(10), "/ready", Answer::new(200, "ready"));
        answers.add(Duration::ZERO, "8081/*", Answer::refused());
        let rows = [
            (
                "before its time",
                5,
                80,
                "/ready",
                Answer::new(503, "warming up"),
            ),
            ("in its time", 10, 80, "/ready", Answer::new(200, "ready")),
            ("another path", 5, 80, "/", Answer::new(200, "ok")),
            ("another port", 5, 8081, "/ready", Answer::refused()),
        ];
        for (says, age, port, path, expected) in rows {
            let found = answers.find(Duration::from_secs(age), PodRequest { port, path });
            assert_eq!(found, expected, "{says}");
        }
    }
}
