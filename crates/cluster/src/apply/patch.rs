//! Renders a rollback as a JSON patch.

use json_patch::jsonptr::PointerBuf;
use json_patch::{
    AddOperation, Patch, PatchOperation, RemoveOperation, ReplaceOperation, TestOperation,
};
use rollguard_core::rollback::RollbackPlan;
use serde_json::{Value, json};

const UID: [&str; 2] = ["metadata", "uid"];
const TEMPLATE: [&str; 2] = ["spec", "template"];
const ANNOTATIONS: [&str; 2] = ["metadata", "annotations"];

/// Renders a plan's change with its preconditions.
///
/// `test` and `replace` in one JSON patch are atomic: on a storage conflict the API server applies the
/// patch to the new object (apiserver `endpoints/handlers/patch.go`).
pub(crate) fn render(plan: &RollbackPlan) -> Patch {
    let change = &plan.template_change;
    let mut operations = vec![
        test(UID, json!(plan.uid)),
        test(TEMPLATE, change.judged.clone()),
        PatchOperation::Replace(ReplaceOperation {
            path: PointerBuf::from_tokens(TEMPLATE),
            value: change.target.clone(),
        }),
    ];
    if change.creates_annotations {
        operations.push(add(PointerBuf::from_tokens(ANNOTATIONS), json!({})));
    }
    if let Some(name) = &change.removed_annotation {
        let path = annotation(name);
        operations.push(PatchOperation::Remove(RemoveOperation { path }));
    }
    // `remove` fails where there is nothing, and what is there may change until then.
    let path = annotation(change.cleared_annotation());
    operations.push(add(path.clone(), json!("")));
    operations.push(PatchOperation::Remove(RemoveOperation { path }));
    let (name, value) = change.added_annotation();
    operations.push(add(annotation(name), json!(value)));
    Patch(operations)
}

fn test(path: [&str; 2], value: Value) -> PatchOperation {
    let path = PointerBuf::from_tokens(path);
    PatchOperation::Test(TestOperation { path, value })
}

const fn add(path: PointerBuf, value: Value) -> PatchOperation {
    PatchOperation::Add(AddOperation { path, value })
}

fn annotation(name: &str) -> PointerBuf {
    PointerBuf::from_tokens(ANNOTATIONS.into_iter().chain([name]))
}
