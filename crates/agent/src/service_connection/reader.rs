//! Reads the fields of one connection and keeps what is wrong with them.

use super::error::{ConnectionProblem, ServiceConnectionError};
use crate::env::AgentEnv;

/// Reads the fields of one connection. What cannot be had is `None`, and kept as a problem.
pub(super) struct Reader<'a> {
    pub(super) env: &'a AgentEnv,
    pub(super) id: &'a str,
    problems: Vec<ConnectionProblem>,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(env: &'a AgentEnv, id: &'a str) -> Self {
        Self {
            env,
            id,
            problems: Vec::new(),
        }
    }

    /// `connection`, unless something is wrong with it.
    pub(super) fn finish<T>(
        self,
        input: &'static str,
        connection: Option<T>,
    ) -> Result<T, ServiceConnectionError> {
        match connection {
            Some(connection) if self.problems.is_empty() => Ok(connection),
            Some(_) | None => Err(ServiceConnectionError {
                input,
                id: self.id.to_owned(),
                problems: self.problems,
            }),
        }
    }

    /// Returns whether the agent gave anything of it.
    pub(super) fn is_handed_over(&mut self) -> bool {
        let is = self.scheme().is_some() || self.env.endpoint_url(self.id).is_some();
        if !is {
            self.wrong(ConnectionProblem::NotHandedOver);
        }
        is
    }

    pub(super) fn scheme(&self) -> Option<&'a str> {
        self.env.endpoint_scheme(self.id)
    }

    pub(super) fn url(&self) -> Option<&'a str> {
        self.env.endpoint_url(self.id)
    }

    pub(super) fn data(&self, key: &str) -> Option<&'a str> {
        self.env.endpoint_data(self.id, key)
    }

    /// A data field that says yes.
    pub(super) fn is_set(&self, key: &str) -> bool {
        self.data(key)
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    pub(super) fn optional_parameter(&self, key: &str) -> Option<&'a str> {
        self.env.endpoint_parameter(self.id, key)
    }

    pub(super) fn parameter(&mut self, key: &str, what: &str) -> Option<&'a str> {
        self.found(self.env.endpoint_parameter(self.id, key), what)
    }

    /// A value that must be there.
    pub(super) fn found<T>(&mut self, value: Option<T>, what: &str) -> Option<T> {
        if value.is_none() {
            let what = what.to_owned();
            self.wrong(ConnectionProblem::Missing { what });
        }
        value
    }

    /// An address that secrets may be sent to, without a slash at its end.
    pub(super) fn https(&mut self, what: &'static str, value: &str) -> Option<String> {
        let scheme = value.get(..8);
        if scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://")) {
            return Some(value.trim_end_matches('/').to_owned());
        }
        let value = value.to_owned();
        self.wrong(ConnectionProblem::NotHttps { what, value });
        None
    }

    pub(super) fn unsupported<T>(&mut self, how: &str) -> Option<T> {
        let how = how.to_owned();
        self.wrong(ConnectionProblem::Unsupported { how });
        None
    }

    pub(super) fn wrong(&mut self, problem: ConnectionProblem) {
        self.problems.push(problem);
    }
}
