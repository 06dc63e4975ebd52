//! Answers that the fake gives, the known bad ones by name.

use serde_json::{Value, json};

/// One answer of the fake.
#[derive(Clone, Debug)]
pub struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
}

impl Answer {
    /// JSON with a status.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Self {
        let headers = vec![("content-type", "application/json; charset=utf-8".to_owned())];
        Self {
            status,
            headers,
            body: body.to_string(),
        }
    }

    /// A page that a proxy or a sign-in portal would give.
    #[must_use]
    pub fn html(status: u16) -> Self {
        let headers = vec![("content-type", "text/html; charset=utf-8".to_owned())];
        Self {
            status,
            headers,
            body: "<html><title>Blocked by policy</title></html>".to_owned(),
        }
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// 429 as Azure Resource Manager gives it.
    #[must_use]
    pub fn throttled(retry_after_seconds: u64) -> Self {
        let text = "The request is being throttled as the limit has been reached.";
        Self::arm_error(429, "SubscriptionRequestsThrottled", text)
            .header("retry-after", retry_after_seconds.to_string())
    }

    /// An error of Azure Resource Manager.
    #[must_use]
    pub fn arm_error(status: u16, code: &str, message: &str) -> Self {
        Self::json(
            status,
            &json!({ "error": { "code": code, "message": message } }),
        )
        .header("x-ms-request-id", "fake-arm-request-id")
    }

    /// 403 as Azure Resource Manager gives it to who lacks a role.
    #[must_use]
    pub fn forbidden() -> Self {
        let message = format!(
            "The client '{}' with object id '{}' does not have authorization to perform action \
             'Microsoft.ContainerService/managedClusters/listClusterUserCredential/action' over \
             scope '/subscriptions/{}/resourceGroups/{}/providers/Microsoft.ContainerService/\
             managedClusters/{}' or the scope is invalid. If access was recently granted, please \
             refresh your credentials.",
            super::CLIENT_ID,
            super::OBJECT_ID,
            super::SUBSCRIPTION_ID,
            super::RESOURCE_GROUP,
            super::CLUSTER,
        );
        Self::arm_error(403, "AuthorizationFailed", &message)
    }

    /// An error of Microsoft Entra by its number, e.g. 7000215. The description escapes quotes and
    /// ends with trace lines, as the real ones do.
    #[must_use]
    pub fn aadsts(status: u16, number: u32, text: &str) -> Self {
        let error = if status == 401 {
            "invalid_client"
        } else {
            "invalid_request"
        };
        Self::entra_error(status, error, number, text)
    }

    /// The same with the error of OAuth that goes with it.
    pub(super) fn entra_error(status: u16, error: &str, number: u32, text: &str) -> Self {
        let description = format!(
            "AADSTS{number}: {text} Trace ID: 1c1a8ee5-0000-4000-8000-000000000006\r\n\
             Correlation ID: 1c1a8ee5-0000-4000-8000-000000000007\r\n\
             Timestamp: 2026-01-01 00:00:00Z"
        );
        let body = json!({
            "error": error,
            "error_description": description,
            "error_codes": [number],
            "timestamp": "2026-01-01 00:00:00Z",
            "trace_id": "1c1a8ee5-0000-4000-8000-000000000006",
            "correlation_id": "1c1a8ee5-0000-4000-8000-000000000007",
            "error_uri": format!("https://login.microsoftonline.com/error?code={number}"),
        });
        let mut answer = Self::json(status, &body);
        answer.body = answer.body.replace('\'', "\\u0027");
        answer
    }
}
