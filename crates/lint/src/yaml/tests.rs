//! Rows of texts and what they read as.

use super::*;

fn read(text: &str) -> Document<'_> {
    Documents::of(text).next().unwrap().unwrap()
}

fn error(text: &str) -> String {
    let failed = Documents::of(text).find_map(Result::err);
    failed.map(|it| it.to_string()).unwrap_or_default()
}

/// The document as JSON in short.
fn shown(node: NodeRef<'_>) -> String {
    match node.value() {
        Value::Null => "null".to_owned(),
        Value::Bool(it) => it.to_string(),
        Value::Int(it) => it.to_string(),
        Value::Float(it) => it.to_owned(),
        Value::Text(it) => format!("'{it}'"),
        Value::Sequence => {
            let items: Vec<String> = node.items().map(shown).collect();
            format!("[{}]", items.join(","))
        }
        Value::Mapping => {
            let fields = node
                .fields()
                .map(|it| format!("{}:{}", it.key, shown(it.value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        }
    }
}

#[test]
fn a_document_reads_as_kubectl_reads_it() {
    for (says, text, expected) in [
        ("a mapping", "a: 1\nb: [u, v]", "{a:1,b:['u','v']}"),
        (
            "JSON",
            r#"{"a": {"b": [1, "2", null]}}"#,
            "{a:{b:[1,'2',null]}}",
        ),
        ("JSON with tabs", "{\n\t\"a\": 1\n}", "{a:1}"),
        (
            "quoted scalars are strings",
            "a: \"true\"\nb: '1'",
            "{a:'true',b:'1'}",
        ),
        ("a tag makes a string", "a: !!str 1", "{a:'1'}"),
        ("a tag makes a boolean", "a: !!bool \"yes\"", "{a:true}"),
        ("an alias", "a: &x [1]\nb: *x", "{a:[1],b:[1]}"),
        (
            "a merge key",
            "a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}",
            "{a:{p:1,q:2},b:{p:1,q:3}}",
        ),
        (
            "a merge key after the key that it replaces",
            "a: &x {q: 2}\nb: {q: 3, <<: *x}",
            "{a:{q:2},b:{q:2}}",
        ),
        (
            "of several merged mappings the first wins",
            "a: &x {q: 1}\nb: &y {q: 2, r: 3}\nc: {<<: [*x, *y]}",
            "{a:{q:1},b:{q:2,r:3},c:{q:1,r:3}}",
        ),
        (
            "a merge of a merge",
            "a: &x {q: 1}\nb: &y {<<: *x}\nc: {<<: *y}",
            "{a:{q:1},b:{q:1},c:{q:1}}",
        ),
        (
            "a quoted merge key is a key",
            "a: {\"<<\": 1}",
            "{a:{<<:1}}",
        ),
        ("the last of equal keys wins", "a: 1\na: 2", "{a:2}"),
        (
            "an anchor may be used again",
            "a: &x 1\nb: &x 2\nc: *x",
            "{a:1,b:2,c:2}",
        ),
        ("a block text", "a: |\n  x\n  y\n", "{a:'x\ny\n'}"),
        ("a byte order mark", "\u{feff}a: 1", "{a:1}"),
        ("line ends of Windows", "a: 1\r\nb: 2\r\n", "{a:1,b:2}"),
        ("an empty text", "a:", "{a:null}"),
    ] {
        assert_eq!(shown(read(text).root()), expected, "{says}");
    }
}

#[test]
fn documents_come_one_by_one() {
    let text = "---\na: 1\n---\n---\nb: &x 2\n...\n---\nc: 3\n";
    let all: Vec<String> = Documents::of(text)
        .map(|it| shown(it.unwrap().root()))
        .collect();
    assert_eq!(all, ["{a:1}", "null", "{b:2}", "{c:3}"]);
    assert!(Documents::of("").next().is_none());
    assert!(Documents::of("# nothing\n").next().is_none());
}

#[test]
fn every_value_knows_where_it_stands() {
    let text = "spec:\n  containers:\n  - name: web\n    image: \"x:1\"\n  os: &o {name: linux}\n  copy: *o\n";
    let document = read(text);
    let spec = document.root().get("spec").unwrap();
    let mark = |line, column, length| Mark {
        line,
        column,
        length,
    };
    assert_eq!(spec.mark, mark(1, 1, 4));
    let web = spec
        .value
        .get("containers")
        .unwrap()
        .value
        .items()
        .next()
        .unwrap();
    assert_eq!(web.mark(), mark(3, 5, 4), "its first key");
    assert_eq!(web.get("name").unwrap().value.mark(), mark(3, 11, 3));
    assert_eq!(web.get("image").unwrap().value.mark(), mark(4, 12, 5));
    let copied = spec.value.get("copy").unwrap().value.get("name").unwrap();
    assert_eq!(copied.value.mark(), mark(5, 17, 5), "where the anchor is");
}

#[test]
fn equal_keys_are_remembered_and_merged_ones_are_not() {
    let text = "a: &x {q: 1}\nb:\n  q: 2\n  <<: *x\n  r: 1\n  r: 2\n";
    let document = read(text);
    let keys: Vec<_> = document
        .duplicates()
        .iter()
        .map(|it| (it.key.as_str(), it.mark.line))
        .collect();
    assert_eq!(keys, [("r", 6)]);
}

#[test]
fn what_is_no_manifest_is_a_clear_error() {
    for (says, text, expected) in [
        (
            "an unrendered template",
            "a: {{ .Values.x }}",
            "line 1, column 5: a key is a list or a mapping",
        ),
        (
            "a mapping as a key",
            "? {a: 1}\n: b",
            "line 1, column 3: a key is a list or a mapping",
        ),
        ("an alias without an anchor", "a: *x", "line 1, column 4: "),
        (
            "an alias in its own anchor",
            "a: &x [*x]",
            "line 1, column 8: an alias stands inside its own anchor",
        ),
        (
            "a merge of a text",
            "a: {<<: x}",
            "line 1, column 5: the value of a merge key",
        ),
        ("a broken document", "a: [1", "line 1"),
        ("a tab as indentation", "a:\n\tb: 1", "line 2"),
    ] {
        let said = error(text);
        assert!(said.starts_with(expected), "{says}: {said}");
    }
}

#[test]
fn hostile_documents_end_in_a_clear_error() {
    let laughs = |item: &str, more: &dyn Fn(&str) -> String| {
        let mut text = format!("a0: &a0 {item}\n");
        for at in 1..40 {
            let item = more(&format!("*a{}", at - 1));
            text.extend([format!("a{at}: &a{at} "), item, "\n".to_owned()]);
        }
        text
    };
    let many = format!(
        "a: &a {{{}}}\nb: {{<<: [{}]}}",
        (0..30_000)
            .map(|it| format!("k{it}: 1"))
            .collect::<Vec<_>>()
            .join(", "),
        vec!["*a"; 30_000].join(", ")
    );
    for (says, text, expected) in [
        (
            "billion laughs in lists",
            laughs("[1]", &|it| format!("[{it}, {it}, {it}]")),
            "more than 1000000 values",
        ),
        (
            "billion laughs in mappings",
            laughs("{x: 1}", &|it| format!("{{x: {it}, y: {it}}}")),
            "more than 1000000 values",
        ),
        (
            "a mapping merged into itself thousands of times",
            many,
            "more than 1000000 values",
        ),
        ("deep flow collections", "[".repeat(100_000), "limit"),
        (
            "deep block collections",
            (0..200)
                .flat_map(|it| [" ".repeat(it), "a:\n".to_owned()])
                .collect(),
            "limit",
        ),
    ] {
        let said = error(&text);
        assert!(said.contains(expected), "{says}: {said}");
    }
    // Merges of merges share their values, so that they stay small.
    let merges = laughs("{x: 1}", &|it| format!("{{<<: [{it}, {it}, {it}]}}"));
    assert_eq!(error(&merges), "");
}
