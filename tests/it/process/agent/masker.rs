//! Hides secrets in the log (`Worker.cs`, `InitializeSecretMasker`; `LoggedSecretMasker.cs`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The values that are hidden from now on. Lines that were written before stay as they are.
#[derive(Default)]
pub(super) struct Masker(Vec<String>);

impl Masker {
    /// Adds a value and the forms that the agent derives from it: trimmed, without quotation marks, as base64, in
    /// a URL and in JSON.
    pub(super) fn add(&mut self, value: &str) {
        let json = serde_json::Value::from(value).to_string();
        let uri: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
        let forms = [
            value.to_owned(),
            value.trim().to_owned(),
            value.trim_matches('"').to_owned(),
            STANDARD.encode(value),
            uri.replace('+', "%20"),
            json.trim_matches('"').to_owned(),
        ];
        self.0
            .extend(forms.into_iter().filter(|form| !form.is_empty()));
        // The longest first: a part must not leave the rest readable.
        self.0.sort_by_key(|form| std::cmp::Reverse(form.len()));
        self.0.dedup();
    }

    /// Hides them in one line. A value of several lines never matches.
    pub(super) fn mask(&self, line: &str) -> String {
        let masked = |line: String, secret: &String| line.replace(secret.as_str(), "***");
        self.0.iter().fold(line.to_owned(), masked)
    }
}
