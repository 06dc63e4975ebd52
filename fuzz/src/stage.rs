//! Stage templates.

use std::collections::BTreeMap;

use rollguard_stage::{Expression, Scope, Template};
use serde_json::json;

pub(crate) fn template(text: &str) {
    match Template::parse("t.yml", text) {
        Ok(template) => {
            if let Err(error) = template.expand(&BTreeMap::new()) {
                assert!(!error.to_string().is_empty());
                let _ = (error.hint(), error.problems());
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

pub(crate) fn expression(text: &str) {
    for scope in [
        Scope::template(&["item"]),
        Scope::job_condition(),
        Scope::step_condition(),
        Scope::runtime_variable(),
    ] {
        if let Ok(expression) = Expression::parse(text, &scope) {
            assert_eq!(expression.source(), text);
        }
    }
    // YAML takes JSON, so that any text stays one value.
    let yaml = json!({
        "parameters": [
            {"name": "text", "default": "abc"},
            {"name": "count", "type": "number", "default": 3},
            {"name": "flag", "type": "boolean", "default": true},
            {"name": "map", "type": "object", "default": {"one": 1, "Two": ["2", null]}},
        ],
        "stages": [{"stage": "S", "jobs": [{
            "job": "A",
            "condition": text,
            "variables": {"v": format!("${{{{ {text} }}}}"), "r": format!("$[ {text} ]")},
            "steps": [{"task": "T@1", "inputs": {"i": format!("a ${{{{ {text} }}}} b")}}],
        }]}],
    });
    template(&yaml.to_string());
}
