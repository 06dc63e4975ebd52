//! Two policies of every pipeline: one sets the `User-Agent`, one turns refusals into errors.

use std::sync::Arc;

use azure_core::Bytes;
use azure_core::http::headers::{CONTENT_TYPE, HeaderName, Headers, USER_AGENT};
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{AsyncRawResponse, Context, Request};
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

/// Sets the `User-Agent`. `azure_core`'s own way (`application_id`) panics on a `/`.
#[derive(Debug)]
pub(super) struct Signature;

#[async_trait::async_trait]
impl Policy for Signature {
    async fn send(
        &self,
        context: &Context,
        request: &mut Request,
        next: &[Arc<dyn Policy>],
    ) -> PolicyResult {
        request.insert_header(USER_AGENT, concat!("rollguard/", env!("CARGO_PKG_VERSION")));
        forward(context, request, next).await
    }
}

/// Turns every answer but JSON with a 2xx status into a [`WireError`], after the retries.
///
/// So neither `azure_core` parses error bodies: the new one fails on Entra's escaped descriptions
/// ("expected a borrowed string"), the old one prints headers and bodies.
#[derive(Debug)]
pub(super) struct Judge;

#[async_trait::async_trait]
impl Policy for Judge {
    async fn send(
        &self,
        context: &Context,
        request: &mut Request,
        next: &[Arc<dyn Policy>],
    ) -> PolicyResult {
        let answer = forward(context, request, next).await?;
        let wait = retry_after(&answer);
        let (status, headers, body) = answer.deconstruct();
        let body = body.collect().await?;
        let json = serde_json::from_slice::<Value>(&body).ok();
        let host = host_of(request.url());
        let code = u16::from(status);
        if status.is_success() && json.is_some() {
            return Ok(AsyncRawResponse::from_bytes(status, headers, body));
        }
        // A redirect is Azure DevOps' way to refuse a token, with a sign-in page; an empty body
        // needs no parser.
        let refusal = (300..400).contains(&code) || body.is_empty() && !status.is_success();
        if json.is_none() && !refusal {
            let content_type = content_type(&headers, &body);
            return Err(WireError::NotJson {
                host,
                status: code,
                content_type,
            }
            .into_core());
        }
        let json = json.unwrap_or_default();
        let refusal = Refusal {
            host,
            status: code,
            code: error_code(&json),
            message: error_message(&json),
            request_id: request_id(&headers, &json),
            retry_after: wait,
        };
        Err(WireError::Refused(refusal).into_core())
    }
}

async fn forward(
    context: &Context<'_>,
    request: &mut Request,
    next: &[Arc<dyn Policy>],
) -> PolicyResult {
    // azure_core puts its transport last in every pipeline.
    let (first, rest) = next.split_first().ok_or_else(|| {
        let kind = azure_core::error::ErrorKind::Other;
        azure_core::Error::with_message(kind, "a pipeline without transport")
    })?;
    first.send(context, request, rest).await
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

/// `error.message`, `error_description` or `message`, in the same order.
fn error_message(json: &Value) -> Option<String> {
    let found = json["error"]["message"]
        .as_str()
        .or_else(|| json["error_description"].as_str())
        .or_else(|| json["message"].as_str())?;
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
    }

    #[test]
    fn entras_escaped_quotes_and_line_breaks_survive() {
        let json = r#"{"error_description":"AADSTS700016: app \u0027x\u0027\r\nTrace ID: 1"}"#;
        let message = error_message(&serde_json::from_str(json).unwrap()).unwrap();
        assert_eq!(message, "AADSTS700016: app 'x'\r\nTrace ID: 1");
    }
}
