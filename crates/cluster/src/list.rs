//! Lists as raw JSON, all pages.

use http::header::{ACCEPT, HeaderValue};
use kube::Client;
use kube::api::ListParams;
use serde_json::Value;

use crate::error::Cause;
use crate::patience::patiently;
use crate::request::{PAGE, READ_LIMIT, within};

/// The most pages of a list: a server that names another one for ever must not keep its reader.
pub(crate) const PAGES: u32 = 2_000;

/// All objects of a collection that a selector finds; an empty selector finds all. A page's
/// continuation expires after some minutes (410); then the list is restarted, as after any failure that may pass.
pub(crate) async fn list(
    client: &Client,
    collection: &kube::core::Request,
    selector: &str,
) -> Result<Vec<Value>, Cause> {
    list_as(client, collection, Select::labels(selector), None).await
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
    list_as(
        client,
        collection,
        Select::labels(selector),
        Some(&METADATA),
    )
    .await
}

/// Which objects of a collection are meant; empty texts select all.
#[derive(Debug, Clone, Copy)]
struct Select<'a> {
    labels: &'a str,
    fields: &'a str,
}

impl<'a> Select<'a> {
    const fn labels(labels: &'a str) -> Self {
        Self { labels, fields: "" }
    }
}

async fn list_as(
    client: &Client,
    collection: &kube::core::Request,
    selector: Select<'_>,
    accept: Option<&HeaderValue>,
) -> Result<Vec<Value>, Cause> {
    patiently(|| pages(client, collection, selector, accept)).await
}

/// The same, read once: for a caller that repeats it.
pub(crate) async fn list_once(
    client: &Client,
    collection: &kube::core::Request,
    selector: &str,
) -> Result<Vec<Value>, Cause> {
    pages(client, collection, Select::labels(selector), None).await
}

/// The objects of a collection whose fields are so, read once.
pub(crate) async fn list_fields_once(
    client: &Client,
    collection: &kube::core::Request,
    fields: &str,
) -> Result<Vec<Value>, Cause> {
    let select = Select { labels: "", fields };
    pages(client, collection, select, None).await
}

/// Turns to the next page; false when there is none.
pub(crate) fn turn(params: &mut ListParams, next: Option<String>) -> Result<bool, Cause> {
    let next = next.filter(|token| !token.is_empty());
    if next.is_some() && next == params.continue_token {
        return Err(Cause::Endless);
    }
    params.continue_token = next;
    Ok(params.continue_token.is_some())
}

async fn pages(
    client: &Client,
    collection: &kube::core::Request,
    selector: Select<'_>,
    accept: Option<&HeaderValue>,
) -> Result<Vec<Value>, Cause> {
    let mut params = ListParams::default().limit(PAGE);
    if !selector.labels.is_empty() {
        params = params.labels(selector.labels);
    }
    if !selector.fields.is_empty() {
        params = params.fields(selector.fields);
    }
    let mut all = Vec::new();
    for _ in 0..PAGES {
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
        if !turn(&mut params, next)? {
            return Ok(all);
        }
    }
    Err(Cause::Endless)
}
