//! Hears what happens to a request while it is under way.

use std::sync::Arc;

/// Tells a person of repeated requests, and hides secrets before anyone can see them.
pub trait Listen: Send + Sync {
    /// A request failed in a way that may pass, and is repeated; the text is foreign.
    fn repeated(&self, text: &str);

    /// A request was answered, or failed; the text is foreign.
    fn sent(&self, text: &str) {
        let _ = text;
    }

    /// A secret was received, or is about to be sent. Called before anything else sees it.
    fn secret(&self, secret: &str);
}

/// Passes on what is heard; by default to no one.
#[derive(Clone, Default)]
pub struct Listener(Option<Arc<dyn Listen>>);

impl Listener {
    /// Passes everything on.
    #[must_use]
    pub fn new(listen: Arc<dyn Listen>) -> Self {
        Self(Some(listen))
    }

    /// Says that a request is repeated.
    pub fn repeated(&self, text: &str) {
        if let Some(listen) = &self.0 {
            listen.repeated(text);
        }
    }

    /// Says how a request went.
    pub fn sent(&self, text: &str) {
        if let Some(listen) = &self.0 {
            listen.sent(text);
        }
    }

    /// Hands over a secret.
    pub fn secret(&self, secret: &str) {
        if let Some(listen) = &self.0 {
            listen.secret(secret);
        }
    }
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Listener")
    }
}
