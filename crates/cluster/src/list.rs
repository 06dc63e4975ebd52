//! Lists as raw JSON, all pages.

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
    let mut left = LISTS;
    loop {
        left -= 1;
        match patiently(|| pages(client, collection, selector)).await {
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
    pages(client, collection, selector).await
}

async fn pages(
    client: &Client,
    collection: &kube::core::Request,
    selector: &str,
) -> Result<Vec<Value>, Cause> {
    let mut params = ListParams::default().limit(PAGE);
    if !selector.is_empty() {
        params = params.labels(selector);
    }
    let mut all = Vec::new();
    loop {
        let request = collection
            .list(&params)
            .map_err(kube::Error::BuildRequest)?;
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
