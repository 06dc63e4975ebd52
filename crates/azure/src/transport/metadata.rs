//! The way to the machine's own metadata service, which has the tokens of managed identities.

use azure_core::Error;
use azure_core::error::ErrorKind;
use azure_core::http::{AsyncRawResponse, HttpClient, Request};

use super::wire::{Wire, host_of};
use crate::wire_error::WireError;

/// Gives up at once where there is no such service. `azure_identity` repeats every request for 72 s, because
/// the service of Azure may be busy; outside Azure there is none, or one of somebody else.
#[derive(Debug)]
pub(super) struct MetadataWire(Wire);

impl MetadataWire {
    pub(super) fn new(wire: Wire) -> Self {
        Self(wire)
    }
}

#[async_trait::async_trait]
impl HttpClient for MetadataWire {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let answer = self.0.execute_request(request).await.map_err(last)?;
        let (status, headers, body) = answer.deconstruct();
        let body = body.collect().await?;
        // Azure's answers are JSON; an empty one means that it is being updated.
        let is_foreign =
            !body.is_empty() && serde_json::from_slice::<serde_json::Value>(&body).is_err();
        if is_foreign {
            return Err(WireError::NotJson {
                host: host_of(request.url()),
                status: u16::from(status),
                content_type: "something else".to_owned(),
            }
            .into_core());
        }
        Ok(AsyncRawResponse::from_bytes(status, headers, body))
    }
}

/// The same error, of a kind that is not tried again.
fn last(error: Error) -> Error {
    let wire = match WireError::find(&error).cloned() {
        None => return error,
        // Its limits are shorter than those of other services.
        Some(WireError::Slow { host }) => WireError::Unreachable {
            host,
            detail: "no answer in time".to_owned(),
        },
        Some(wire) => wire,
    };
    Error::new(ErrorKind::Other, wire)
}
