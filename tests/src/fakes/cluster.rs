//! An API server that says its version to anyone whom it knows, and lets them do nothing else.

use serde_json::json;

use super::{Answer, Recorded, State};

pub(super) fn answer(state: &mut State, request: &Recorded) -> Answer {
    let known = |token| state.cluster_tokens.iter().any(|issued| issued == token);
    if !request.bearer().is_some_and(known) {
        return status(401, "Unauthorized", "Unauthorized");
    }
    if request.path == "/version" {
        return Answer::json(200, &json!({ "gitVersion": "v1.35.4" }));
    }
    status(403, "Forbidden", "the fake lets no one do anything")
}

fn status(code: u16, reason: &str, message: &str) -> Answer {
    Answer::json(
        code,
        &json!({
            "apiVersion": "v1",
            "kind": "Status",
            "metadata": {},
            "status": "Failure",
            "code": code,
            "reason": reason,
            "message": message,
        }),
    )
}
