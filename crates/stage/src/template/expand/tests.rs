use super::*;

/// Expands a piece of YAML and writes the result, or the problems, as one line.
fn expanded(yaml: &str) -> Result<String, String> {
    let yaml: serde_yaml::Value = serde_yaml::from_str(yaml).unwrap();
    let mut problems = Problems::of("");
    let node = crate::template::yaml::read(&yaml, "at", &mut problems);
    let parameters = Value::from(&serde_json::json!({
        "name": "web", "empty": "", "yes": true, "no": false, "number": 3,
        "list": ["a", "b"], "map": {"x": 1, "y": 2}, "stages": [{"n": "s1"}, {"n": "s2"}],
    }));
    let files = std::collections::BTreeMap::new();
    let place = Place::new("t.yml", &files, "at");
    let value = expand(&node, &parameters, &place, &mut problems);
    let found = problems.into_found();
    if found.is_empty() {
        return Ok(value.to_json().to_string());
    }
    Err(found
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" | "))
}

#[track_caller]
fn yields(rows: &[(&str, &str, &str)]) {
    for (name, yaml, expected) in rows {
        assert_eq!(expanded(yaml).as_deref(), Ok(*expected), "{name}");
    }
}

#[track_caller]
fn fails(rows: &[(&str, &str, &str)]) {
    for (name, yaml, expected) in rows {
        assert_eq!(expanded(yaml), Err((*expected).to_owned()), "{name}");
    }
}

#[test]
fn expressions_in_texts_are_filled_in() {
    yields(&[
        (
            "inside a text",
            "a-${{ parameters.name }}-b",
            r#""a-web-b""#,
        ),
        ("without spaces", "${{parameters.name}}!", r#""web!""#),
        (
            "two of them",
            "${{ parameters.name }}${{ parameters.number }}",
            r#""web3""#,
        ),
        (
            "a boolean in a text",
            "is ${{ parameters.yes }}",
            r#""is True""#,
        ),
        ("null in a text", "-${{ parameters.nobody }}-", r#""--""#),
        ("alone it keeps its type", "${{ parameters.number }}", "3"),
        (
            "alone a list stays a list",
            "${{ parameters.list }}",
            r#"["a","b"]"#,
        ),
        ("closing braces inside a string", "${{ '}}' }}", r#""}}""#),
        ("an escaped expression", "${{ 'a ${{ b' }}", r#""a ${{ b""#),
        (
            "a runtime variable is left alone",
            "$[ variables.x ]",
            r#""$[ variables.x ]""#,
        ),
        ("a macro is left alone", "$(x)", r#""$(x)""#),
        ("in a key", "${{ parameters.name }}: 1", r#"{"web":1}"#),
    ]);
}

#[test]
fn lists_are_flattened_into_lists() {
    yields(&[
        (
            "a list in a list",
            "[x, '${{ parameters.list }}']",
            r#"["x","a","b"]"#,
        ),
        (
            "a list written in a list stays",
            "[[x], y]",
            r#"[["x"],"y"]"#,
        ),
        (
            "under if",
            "- ${{ if parameters.yes }}:\n  - a\n- b",
            r#"["a","b"]"#,
        ),
        (
            "under a false if",
            "- ${{ if parameters.no }}:\n  - a\n- b",
            r#"["b"]"#,
        ),
        (
            "else",
            "- ${{ if parameters.no }}: [a]\n- ${{ else }}: [b]\n- c",
            r#"["b","c"]"#,
        ),
        (
            "elseif is taken once",
            "- ${{ if parameters.no }}: [a]\n- ${{ elseif parameters.yes }}: [b]\n- ${{ elseif true }}: [c]\n- ${{ else }}: [d]",
            r#"["b"]"#,
        ),
        (
            "each over a list",
            "- ${{ each x in parameters.list }}:\n  - ${{ x }}!",
            r#"["a!","b!"]"#,
        ),
        (
            "each over a mapping",
            "- ${{ each p in parameters.map }}:\n  - ${{ p.key }}=${{ p.value }}",
            r#"["x=1","y=2"]"#,
        ),
        (
            "each inside each",
            "- ${{ each x in parameters.list }}:\n  - ${{ each y in parameters.list }}:\n    - ${{ x }}${{ y }}",
            r#"["aa","ab","ba","bb"]"#,
        ),
        (
            "a condition over the loop variable",
            "- ${{ each s in parameters.stages }}:\n  - ${{ if eq(s.n, 'S2') }}:\n    - ${{ s.n }}",
            r#"["s2"]"#,
        ),
        (
            "each over nothing",
            "- ${{ each x in split('', ',') }}:\n  - ${{ iif(eq(x, ''), 'e', x) }}",
            r#"["e"]"#,
        ),
    ]);
}

#[test]
fn mappings_are_merged_into_mappings() {
    yields(&[
        (
            "under if",
            "a: 1\n${{ if parameters.yes }}:\n  b: 2",
            r#"{"a":1,"b":2}"#,
        ),
        (
            "under a false if",
            "a: 1\n${{ if parameters.no }}:\n  b: 2",
            r#"{"a":1}"#,
        ),
        (
            "else",
            "${{ if eq(parameters.name, 'api') }}:\n  b: 2\n${{ else }}:\n  c: 3",
            r#"{"c":3}"#,
        ),
        (
            "each",
            "${{ each p in parameters.map }}:\n  k-${{ p.key }}: ${{ p.value }}",
            r#"{"k-x":1,"k-y":2}"#,
        ),
        (
            "insert",
            "${{ insert }}: ${{ parameters.map }}\nz: 3",
            r#"{"x":1,"y":2,"z":3}"#,
        ),
    ]);
}

#[test]
fn what_cannot_be_expanded_is_named_with_its_place() {
    fails(&[
        (
            "an open expression",
            "a: x ${{ b",
            "at.a: found `${{` without `}}` in `x ${{ b`",
        ),
        (
            "an unknown name",
            "a: ${{ variables.x }}",
            "at.a: cannot look up `variables` at column 1: known here are `parameters` in `variables.x`",
        ),
        (
            "an unknown directive",
            "- ${{ eech x in parameters.list }}:\n  - a",
            "at[0].${{ eech x in parameters.list }}: cannot look up `eech` at column 1: known here \
             are `parameters` in `eech x in parameters.list`",
        ),
        (
            "else without if",
            "- ${{ else }}: [a]",
            "at[0].${{ else }}: found `else` without an `if` right before it",
        ),
        (
            "something between if and else",
            "- ${{ if parameters.yes }}: [a]\n- b\n- ${{ else }}: [c]",
            "at[2].${{ else }}: found `else` without an `if` right before it",
        ),
        (
            "a list inside a text",
            "a: x${{ parameters.list }}",
            "at.a: found a list inside a text",
        ),
        (
            "each over a text",
            "- ${{ each x in parameters.name }}:\n  - a",
            "at[0].${{ each x in parameters.name }}: found string 'web' after `in`, expected a list",
        ),
        (
            "a mapping under a list's if",
            "- ${{ if parameters.yes }}:\n    a: 1",
            "at[0].${{ if parameters.yes }}: found a mapping below it, expected a list",
        ),
        (
            "a list under a mapping's if",
            "a: 1\n${{ if parameters.yes }}:\n  - b",
            "at.${{ if parameters.yes }}: found a list below it, expected a mapping",
        ),
        (
            "a directive as a value",
            "a: ${{ if parameters.yes }}",
            "at.a: found `${{ if parameters.yes }}` where no key stands",
        ),
        (
            "a key that is there already",
            "a: 1\n${{ if parameters.yes }}:\n  a: 2",
            "at.${{ if parameters.yes }}: `a` is there twice",
        ),
        (
            "a number with a fraction",
            "a: 1.10",
            "at.a: found the number 1.1, expected it in quotes",
        ),
        (
            "a YAML tag",
            "a: !x b",
            "at.a: found the YAML tag `!x`, expected none",
        ),
        (
            "two things at once",
            "a: ${{ foo() }}\nb: ${{ eq(1) }}",
            "at.a: cannot call the function `foo` at column 1: it is not known to the local runner in \
             `foo()` | at.b: cannot call `eq` with 1 arguments: it takes 2 in `eq(1)`",
        ),
    ]);
}
