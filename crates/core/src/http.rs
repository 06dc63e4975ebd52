//! stub, replaced at the merge
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;
/// A.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpAnswer {
    /// A.
    pub status: u16,
    /// A.
    pub latency: Duration,
    /// A.
    pub body: String,
}
/// A.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpCheck {
    /// A.
    pub path: String,
    /// A.
    pub port: Option<u16>,
}
impl HttpCheck {
    /// # Errors
    /// A.
    pub fn judge(&self, answer: &HttpAnswer) -> Result<(), String> {
        if (200..400).contains(&answer.status) {
            Ok(())
        } else {
            Err(format!("answered {}", answer.status))
        }
    }
}
impl fmt::Display for HttpCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}
