//! The old `azure_core`'s client interface over the new one's pipeline.

use azure_core::http::headers::{HeaderName, HeaderValue};
use azure_core::http::{Context, Method, Pipeline, PipelineSendOptions, Request};
use azure_core_legacy as legacy;
use legacy::auth::{AccessToken, TokenCredential, TokenResponse};
use legacy::error::ErrorKind;

use crate::Secret;

/// Carries requests of `azure_mgmt_containerservice` over our pipeline, asking for another API
/// version than the retired one that the crate was generated for.
#[derive(Debug)]
pub(super) struct Bridge {
    pipeline: Pipeline,
    api_version: String,
}

impl Bridge {
    pub(super) fn new(pipeline: Pipeline, api_version: String) -> Self {
        Self {
            pipeline,
            api_version,
        }
    }

    fn translate(&self, request: &legacy::Request) -> legacy::Result<Request> {
        // The only verb of the two calls; others would need more of the old crate than was looked
        // into.
        if *request.method() != legacy::Method::Post || !request.body().is_empty() {
            let text = "only POST without a body is carried";
            return Err(legacy::Error::message(ErrorKind::Other, text));
        }
        let mut url = request.url().clone();
        let pairs: Vec<(String, String)> = url
            .query_pairs()
            .filter(|(name, _)| name != "api-version")
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        url.query_pairs_mut()
            .clear()
            .extend_pairs(pairs)
            .append_pair("api-version", &self.api_version);
        let mut carried = Request::new(url, Method::Post);
        for (name, value) in request.headers().iter() {
            carried.insert_header(
                HeaderName::from(name.as_str().to_owned()),
                HeaderValue::from(value.as_str().to_owned()),
            );
        }
        Ok(carried)
    }
}

#[async_trait::async_trait]
impl legacy::HttpClient for Bridge {
    async fn execute_request(&self, request: &legacy::Request) -> legacy::Result<legacy::Response> {
        let mut request = self.translate(request)?;
        // Our own policy has checked status and form.
        let checked = PipelineSendOptions {
            skip_checks: true,
            ..PipelineSendOptions::default()
        };
        let answer = self
            .pipeline
            .send(&Context::new(), &mut request, Some(checked))
            .await
            .map_err(|error| legacy::Error::new(ErrorKind::Other, error))?;
        // Only answers with a 2xx status come this far, and nothing reads their headers.
        let body = legacy::BytesStream::new(answer.into_body().as_ref().to_vec());
        let headers = legacy::headers::Headers::new();
        Ok(legacy::Response::new(
            legacy::StatusCode::Ok,
            headers,
            Box::pin(body),
        ))
    }
}

/// A token that was fetched before; the old interface asks for one on every call.
pub(super) struct OneToken(AccessToken);

impl OneToken {
    pub(super) fn new(token: &Secret) -> Self {
        Self(AccessToken::new(token.expose().to_owned()))
    }
}

#[async_trait::async_trait]
impl TokenCredential for OneToken {
    async fn get_token(&self, _resource: &str) -> legacy::Result<TokenResponse> {
        let unknown = azure_core::time::OffsetDateTime::UNIX_EPOCH;
        Ok(TokenResponse::new(self.0.clone(), unknown))
    }
}
