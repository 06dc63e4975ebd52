//! The pipeline's OIDC token, with which workload identity federation signs in.
//!
//! `azure_identity::AzurePipelinesCredential` does the same, but reads `SYSTEM_OIDCREQUESTURI` from
//! the process environment alone, accepts `http` for it, and hides which of the two requests
//! failed. The wire format is from
//! <https://learn.microsoft.com/rest/api/azure/devops/distributedtask/oidctoken/create>.

use azure_core::credentials::Secret;
use azure_core::error::ErrorKind;
use azure_core::http::headers::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName};
use azure_core::http::{ClientMethodOptions, Method, Pipeline, PipelineSendOptions, Request, Url};
use azure_identity::ClientAssertion;
use serde_json::Value;

use crate::Result;
use crate::error::{AzureError, AzureErrorKind, Task};
use crate::transport::refusal;
use crate::wire_error::{WireError, chain};

const API_VERSION: &str = "7.1";
/// Asks for a status instead of a redirect to the sign-in page when the token is refused.
const FED_AUTH_REDIRECT: HeaderName = HeaderName::from_static("x-tfs-fedauthredirect");

/// Fetches a fresh OIDC token for each sign-in: it lives ten minutes, the access token an hour.
#[derive(Debug)]
pub(super) struct OidcAssertion {
    endpoint: Url,
    system_access_token: Secret,
    pipeline: Pipeline,
}

/// Marks errors of the first of the two requests.
#[derive(Debug, thiserror::Error)]
#[error("get an OIDC token")]
pub(super) struct OidcStep(#[source] azure_core::Error);

impl OidcStep {
    pub(super) fn is_in(error: &azure_core::Error) -> bool {
        chain(error).any(<dyn std::error::Error>::is::<Self>)
    }
}

impl OidcAssertion {
    pub(super) fn new(
        request_uri: &str,
        service_connection_id: &str,
        system_access_token: Secret,
        pipeline: Pipeline,
    ) -> Result<Self> {
        let mut endpoint = Url::parse(request_uri)
            .ok()
            .filter(|url| url.scheme() == "https")
            .ok_or_else(|| {
                let kind = AzureErrorKind::InvalidInput {
                    what: "SYSTEM_OIDCREQUESTURI",
                    value: request_uri.to_owned(),
                    rule: "an https address (the job's access token is sent there)",
                };
                AzureError::new(Task::Prepare, kind)
            })?;
        endpoint
            .query_pairs_mut()
            .append_pair("api-version", API_VERSION)
            .append_pair("serviceConnectionId", service_connection_id);
        Ok(Self {
            endpoint,
            system_access_token,
            pipeline,
        })
    }

    async fn fetch(&self, options: ClientMethodOptions<'_>) -> azure_core::Result<String> {
        let mut request = Request::new(self.endpoint.clone(), Method::Post);
        let bearer = format!("Bearer {}", self.system_access_token.secret());
        request.insert_header(AUTHORIZATION, bearer);
        request.insert_header(FED_AUTH_REDIRECT, "Suppress");
        request.insert_header(CONTENT_TYPE, "application/json");
        request.insert_header(CONTENT_LENGTH, "0");
        let context = options.context.to_borrowed();
        // Our own policy has checked status and form.
        let checked = PipelineSendOptions {
            skip_checks: true,
            ..PipelineSendOptions::default()
        };
        let answer = self
            .pipeline
            .send(&context, &mut request, Some(checked))
            .await?;
        let status = u16::from(answer.status());
        let (_, headers, body) = answer.deconstruct();
        let json: Value = body.json()?;
        // A refusal may come with status 200, too.
        let token = json["oidcToken"].as_str().filter(|it| !it.is_empty());
        token.map(str::to_owned).ok_or_else(|| {
            let refusal = refusal(request.url(), status, &headers, &json);
            WireError::Refused(refusal).into_core()
        })
    }
}

#[async_trait::async_trait]
impl ClientAssertion for OidcAssertion {
    async fn secret(&self, options: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        self.fetch(options.unwrap_or_default())
            .await
            .map_err(|error| azure_core::Error::new(ErrorKind::Credential, OidcStep(error)))
    }
}
