//! Lists as raw JSON, all pages.

use http::header::{ACCEPT, HeaderValue};
use kube::Client;
use kube::api::ListParams;
use serde_json::Value;

use crate::error::Cause;
use crate::patience::patiently;
use crate::request::{PAGE, READ_LIMIT, within};

/// How often a list is restarted when its continue token expires.
const LISTS: u32 = 3;

/// All objects of a collection that a selector finds; an empty selector finds all. A page's
/// continuation expires after some minutes (410); then the list is restarted.
pub(crate) async fn list(
    client: &Client,
    collection: &kube::core::Request,
    selector: &str,
) -> Result<Vec<Value>, Cause> {
    list_as(client, collection, selector, None).await
}

/// Only the metadata of the objects is sent then (`k8s.io/apimachinery` `meta/v1`,
/// `PartialObjectMetadataList`).
const METADATA: HeaderValue =
    HeaderValue::from_static("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1");

/// The same, without anything but the objects' metadata: what they hold is never sent.
pub(crate) async fn list_metadata(
    client: &Client,
    collection: &kube::core::Request,
    selector: &str,
) -> Result<Vec<Value>, Cause> {
    list_as(client, collection, selector, Some(&METADATA)).await
}

async fn list_as(
    client: &Client,
    collection: &kube::core::Request,
    selector: &str,
    accept: Option<&HeaderValue>,
) -> Result<Vec<Value>, Cause> {
    let mut left = LISTS;
    loop {
        left -= 1;
        match patiently(|| pages(client, collection, selector, accept)).await {
            Err(Cause::Answer { code: 410, .. }) if left > 0 => {}
            answer => return answer,
        }
    }
}

/// The same, read once: for a caller that repeats it.
pub(crate) async fn list_once(
    client: &Client,
    collection: &kube::core::Request,
    selector: &str,
) -> Result<Vec<Value>, Cause> {
    pages(client, collection, selector, None).await
}

async fn pages(
    client: &Client,
    collection: &kube::core::Request,
    selector: &str,
    accept: Option<&HeaderValue>,
) -> Result<Vec<Value>, Cause> {
    let mut params = ListParams::default().limit(PAGE);
    if !selector.is_empty() {
        params = params.labels(selector);
    }
    let mut all = Vec::new();
    loop {
        let mut request = collection
            .list(&params)
            .map_err(kube::Error::BuildRequest)?;
        if let Some(accept) = accept {
            request.headers_mut().insert(ACCEPT, accept.clone());
        }
        let mut page: Value = within(READ_LIMIT, client.request(request)).await?;
        let next = page
            .pointer("/metadata/continue")
            .and_then(Value::as_str)
            .filter(|token| !token.is_empty())
            .map(str::to_owned);
        match page.pointer_mut("/items").map(Value::take) {
            Some(Value::Array(mut items)) => all.append(&mut items),
            // `items` is null when the list is empty.
            Some(Value::Null) => {}
            Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_))
            | None => {
                return Err(Cause::Malformed("a list without items".to_owned()));
            }
        }
        let Some(next) = next else { return Ok(all) };
        params.continue_token = Some(next);
    }
}
