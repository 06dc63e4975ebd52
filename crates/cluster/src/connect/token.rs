//! Bearer tokens of a kubeconfig: given in it, or in a file that it names.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::login::{BearerTokens, BoxError};

/// How long a token that was read from a file is used, as in client-go
/// (`transport/token_source.go`, `newCachedPathTokenSource`: a minute, less ten seconds).
const READ_AGAIN_AFTER: Duration = Duration::from_secs(50);

/// The token without the white space around it, if it fits into an HTTP header.
///
/// # Errors
/// What is wrong with it, to complete "the token ..."; the text itself is a secret.
pub(super) fn printable(token: &str) -> Result<String, &'static str> {
    let token = token.trim();
    if token.is_empty() {
        return Err("is empty");
    }
    if token.contains(['\r', '\n']) {
        return Err("has a line break in it");
    }
    if !token.chars().all(|c| c.is_ascii_graphic()) {
        return Err("has a space, a control character or a letter outside ASCII in it");
    }
    Ok(token.to_owned())
}

/// The token of a kubeconfig's `token`.
pub(super) struct Fixed(pub(super) String);

#[async_trait::async_trait]
impl BearerTokens for Fixed {
    async fn token(&self, _: Option<&str>) -> Result<String, BoxError> {
        Ok(self.0.clone())
    }
}

/// The tokens of a kubeconfig's `tokenFile`, which somebody else renews.
pub(super) struct FromFile {
    path: PathBuf,
    read: Arc<Mutex<(String, Instant)>>,
}

impl FromFile {
    /// Reads the file for the first time.
    pub(super) fn new(path: PathBuf) -> Result<Self, String> {
        let token = read(&path)?;
        Ok(Self {
            path,
            read: Arc::new(Mutex::new((token, Instant::now()))),
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "a kubeconfig may name the file")]
fn read(path: &PathBuf) -> Result<String, String> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        format!(
            "the token file `{}` cannot be read: {error}",
            path.display()
        )
    })?;
    printable(&text).map_err(|what| format!("the token in the file `{}` {what}", path.display()))
}

#[async_trait::async_trait]
impl BearerTokens for FromFile {
    async fn token(&self, rejected: Option<&str>) -> Result<String, BoxError> {
        let mut held = self.read.lock().await;
        let (token, at) = &mut *held;
        if at.elapsed() >= READ_AGAIN_AFTER || rejected == Some(token) {
            // A file that is gone leaves the last token in use (kubernetes/kubernetes#68164).
            if let Ok(newer) = read(&self.path) {
                *token = newer;
            }
            *at = Instant::now();
        }
        Ok(token.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_must_fit_into_a_header() {
        let rows = [
            ("as it should be", "abc.DEF-1_2~+/=", Ok("abc.DEF-1_2~+/=")),
            ("a file's line break", "abc\n", Ok("abc")),
            ("a Windows file's line break", "abc\r\n", Ok("abc")),
            ("two lines", "abc\ndef", Err("has a line break in it")),
            (
                "a header of its own",
                "abc\r\nx-evil: 1",
                Err("has a line break in it"),
            ),
            ("nothing", " \n", Err("is empty")),
            (
                "two words",
                "abc def",
                Err("has a space, a control character or a letter outside ASCII in it"),
            ),
            (
                "a null byte",
                "abc\0def",
                Err("has a space, a control character or a letter outside ASCII in it"),
            ),
            (
                "a letter outside ASCII",
                "abcé",
                Err("has a space, a control character or a letter outside ASCII in it"),
            ),
        ];
        for (says, token, expected) in rows {
            assert_eq!(printable(token), expected.map(str::to_owned), "{says}");
        }
    }

    #[tokio::test(start_paused = true)]
    #[expect(clippy::disallowed_methods, reason = "the file that is read")]
    async fn a_file_is_read_again_after_a_minute_or_a_rejection_and_may_be_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "one\r\n").unwrap();
        let tokens = FromFile::new(path.clone()).unwrap();
        assert_eq!(tokens.token(None).await.unwrap(), "one");
        std::fs::write(&path, "two\n").unwrap();
        assert_eq!(tokens.token(None).await.unwrap(), "one", "cached");
        assert_eq!(tokens.token(Some("one")).await.unwrap(), "two", "rejected");
        std::fs::write(&path, "three").unwrap();
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(tokens.token(None).await.unwrap(), "three");
        std::fs::remove_file(&path).unwrap();
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(tokens.token(None).await.unwrap(), "three", "gone");
    }

    #[test]
    fn an_absent_or_bad_file_is_named() {
        let Err(absent) = FromFile::new(PathBuf::from("/absent/token")) else {
            panic!("read");
        };
        assert!(
            absent.starts_with("the token file `/absent/token` cannot be read: "),
            "{absent}"
        );
    }
}
