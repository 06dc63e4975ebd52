//! Judges answers: a usable one is JSON with a 2xx status, every other one is a refusal.

use azure_core::Bytes;
use azure_core::http::AsyncRawResponse;
use azure_core::http::Url;
use azure_core::http::headers::{CONTENT_TYPE, HeaderName, Headers};
use serde_json::Value;

use super::wire::{host_of, retry_after};
use crate::wire_error::{Refusal, WireError};

/// Longest part of a foreign message that is kept, in characters.
const MESSAGE_LIMIT: usize = 600;
/// Where Azure Resource Manager, Entra and Azure DevOps put the id their support asks for.
const REQUEST_IDS: [&str; 4] = [
    "x-ms-request-id",
    "x-ms-correlation-request-id",
    "x-vss-e2eid",
    "x-msedge-ref",
];
/// Azure DevOps' answer to a token that it does not accept: a sign-in page (203 "Non-Authoritative Information").
const SIGN_IN_PAGE: u16 = 203;

/// A usable answer.
pub(super) struct Usable {
    pub(super) answer: AsyncRawResponse,
    pub(super) json: Value,
}

/// Turns every answer but JSON with a 2xx status into a [`WireError`].
///
/// So neither `azure_core` parses error bodies: the new one fails on Entra's escaped descriptions
/// ("expected a borrowed string"), the old one prints headers and bodies.
pub(super) async fn judged(
    url: &Url,
    answer: AsyncRawResponse,
) -> azure_core::Result<Result<Usable, WireError>> {
    let (status, headers, body) = answer.deconstruct();
    let body = body.collect().await?;
    let json = serde_json::from_slice::<Value>(&body).ok();
    let code = u16::from(status);
    if let Some(json) = json.clone()
        && status.is_success()
    {
        let answer = AsyncRawResponse::from_bytes(status, headers, body);
        return Ok(Ok(Usable { answer, json }));
    }
    // A redirect is another of Azure DevOps' ways to refuse a token; an empty body needs no parser.
    let refused = (300..400).contains(&code) || code == SIGN_IN_PAGE;
    let is_empty = body.is_empty() && !status.is_success();
    if json.is_none() && !refused && !is_empty {
        let content_type = content_type(&headers, &body);
        return Ok(Err(WireError::NotJson {
            host: host_of(url),
            status: code,
            content_type,
        }));
    }
    let refusal = refusal(url, code, &headers, &json.unwrap_or_default());
    Ok(Err(WireError::Refused(refusal)))
}

/// Returns what an answer that says no says.
pub(crate) fn refusal(url: &Url, status: u16, headers: &Headers, json: &Value) -> Refusal {
    Refusal {
        host: host_of(url),
        status,
        code: error_code(json),
        message: error_message(json),
        request_id: request_id(headers, json),
        retry_after: retry_after(headers),
    }
}

fn content_type(headers: &Headers, body: &Bytes) -> String {
    match headers.get_optional_str(&CONTENT_TYPE) {
        Some(found) => found
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .chars()
            .take(60)
            .collect(),
        None if body.is_empty() => "an empty body".to_owned(),
        None => "an unnamed content type".to_owned(),
    }
}

/// `error.code` (Azure Resource Manager), `error` (Entra), `code` or `typeKey` (Azure DevOps).
fn error_code(json: &Value) -> Option<String> {
    let found = json["error"]["code"]
        .as_str()
        .or_else(|| json["error"].as_str())
        .or_else(|| json["code"].as_str())
        .or_else(|| json["typeKey"].as_str())?;
    Some(found.chars().take(100).collect())
}

/// `error.message`, `error_description` or `message`, in the same order; or `value`, which is Azure DevOps' text
/// where it wraps it as a list: `{"count": 151, "value": "There is no explicit reference …"}`.
fn error_message(json: &Value) -> Option<String> {
    let found = json["error"]["message"]
        .as_str()
        .or_else(|| json["error_description"].as_str())
        .or_else(|| json["message"].as_str())
        .or_else(|| json["value"].as_str())
        .or_else(|| json["value"]["Message"].as_str())?;
    Some(found.chars().take(MESSAGE_LIMIT).collect())
}

fn request_id(headers: &Headers, json: &Value) -> Option<String> {
    let header = |name: &&'static str| headers.get_optional_str(&HeaderName::from_static(name));
    let found = REQUEST_IDS
        .iter()
        .find_map(header)
        .or_else(|| json["trace_id"].as_str())?;
    Some(found.chars().take(100).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_service_hides_its_code_and_message_elsewhere() {
        let rows = [
            (
                "Azure Resource Manager",
                r#"{"error":{"code":"AuthorizationFailed","message":"no"}}"#,
                Some("AuthorizationFailed"),
            ),
            (
                "Azure Resource Manager, older providers",
                r#"{"code":"NotFound","message":"no"}"#,
                Some("NotFound"),
            ),
            (
                "Microsoft Entra",
                r#"{"error":"invalid_client","error_description":"no"}"#,
                Some("invalid_client"),
            ),
            (
                "Azure DevOps",
                r#"{"typeKey":"UnauthorizedRequestException","message":"no"}"#,
                Some("UnauthorizedRequestException"),
            ),
            ("something else", r#"[{"message":"x"}]"#, None),
        ];
        for (row, body, code) in rows {
            let json: Value = serde_json::from_str(body).unwrap();
            assert_eq!(error_code(&json).as_deref(), code, "{row}");
            assert_eq!(error_message(&json).is_some(), code.is_some(), "{row}");
        }
        for wrapped in [
            r#"{"count":151,"value":"There is no explicit reference"}"#,
            r#"{"count":1,"value":{"Message":"There is no explicit reference"}}"#,
        ] {
            let message = error_message(&serde_json::from_str(wrapped).unwrap());
            assert_eq!(
                message.as_deref(),
                Some("There is no explicit reference"),
                "{wrapped}"
            );
        }
        let list = r#"{"count":1,"value":[{"id":1}]}"#;
        assert_eq!(error_message(&serde_json::from_str(list).unwrap()), None);
    }

    #[test]
    fn entras_escaped_quotes_and_line_breaks_survive() {
        let json = r#"{"error_description":"AADSTS700016: app \u0027x\u0027\r\nTrace ID: 1"}"#;
        let message = error_message(&serde_json::from_str(json).unwrap()).unwrap();
        assert_eq!(message, "AADSTS700016: app 'x'\r\nTrace ID: 1");
    }
}
