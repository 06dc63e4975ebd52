use proptest::prelude::*;

use super::*;

/// Parameters, variables and dependencies that the rows below refer to.
struct Sample;

impl Context for Sample {
    fn named(&self, name: &str) -> Value {
        let json = match name.to_lowercase().as_str() {
            "parameters" => serde_json::json!({
                "text": "abc", "empty": "", "number": 3, "flag": true, "list": ["a", "b"],
                "items": [{"id": 1, "name": "x"}, {"id": 2}, {"name": "z"}],
                "map": {"One": 1, "two": "2"},
            }),
            _ => serde_json::json!({
                "Check": {"result": "Failed", "outputs": {"check.verdict": "timedOut"}},
            }),
        };
        Value::from(&json)
    }

    fn status(&self, function: StatusFunction, jobs: &[String]) -> Result<bool, ExpressionError> {
        Ok(match function {
            StatusFunction::Always | StatusFunction::SucceededOrFailed => true,
            StatusFunction::Succeeded => jobs.iter().any(|job| same(job, "Approved")),
            StatusFunction::Failed => jobs.is_empty(),
            StatusFunction::Canceled => false,
        })
    }
}

fn scope() -> Scope {
    Scope {
        names: vec!["parameters".into(), "dependencies".into()],
        status: true,
    }
}

fn evaluate(source: &str) -> Result<Value, ExpressionError> {
    Expression::parse(source, &scope()).and_then(|expression| expression.evaluate(&Sample))
}

#[track_caller]
fn yields(rows: &[(&str, &str)]) {
    for (source, expected) in rows {
        match evaluate(source) {
            Ok(value) => assert_eq!(value.to_string(), *expected, "{source}"),
            Err(error) => panic!("{source}: {error}"),
        }
    }
}

#[track_caller]
fn fails(rows: &[(&str, &str)]) {
    for (source, expected) in rows {
        match evaluate(source) {
            Ok(value) => panic!("{source} yields {value}"),
            Err(error) => assert_eq!(error.to_string(), *expected, "{source}"),
        }
    }
}

#[test]
fn literals_are_read_as_documented() {
    yields(&[
        ("true", "true"),
        ("FALSE", "false"),
        ("-1.5", "-1.5"),
        (".5", "0.5"),
        ("12", "12"),
        ("1.2.3", "1.2.3"),
        ("1.2.3.4", "1.2.3.4"),
        ("'a b'", "'a b'"),
        ("'it''s'", "'it''s'"),
        ("''", "''"),
        ("  'x'  ", "'x'"),
    ]);
}

#[test]
fn lookups_ignore_case_and_yield_null_for_what_is_not_there() {
    yields(&[
        ("parameters.text", "'abc'"),
        ("parameters['TEXT']", "'abc'"),
        ("PARAMETERS.Text", "'abc'"),
        ("dependencies.Check.outputs['check.verdict']", "'timedOut'"),
        ("dependencies.check.RESULT", "'Failed'"),
        ("parameters.list[1]", "'b'"),
        ("parameters.list['0']", "'a'"),
        ("parameters.list[2]", "null"),
        ("parameters.list[-1]", "null"),
        ("parameters.list.name", "null"),
        ("parameters.nobody", "null"),
        ("parameters.nobody.nothing['at all']", "null"),
        ("parameters.text.length", "null"),
        ("parameters[lower('TEXT')]", "'abc'"),
    ]);
}

#[test]
fn a_filtered_array_maps_the_lookup_over_its_items() {
    yields(&[
        ("parameters.items.*.id", "[1,2]"),
        ("parameters.items[*].name", r#"["x","z"]"#),
        ("parameters.map.*", r#"[1,"2"]"#),
        ("parameters.text.*", "[]"),
        ("join(',', parameters.items.*.id)", "'1,2'"),
    ]);
}

#[test]
fn each_function_has_a_hit_and_a_near_miss() {
    yields(&[
        ("and(true, 1, 'x')", "true"),
        ("and(true, '', true)", "false"),
        ("or(false, 0, 'x')", "true"),
        ("or(false, 0, '')", "false"),
        ("not('')", "true"),
        ("not('false')", "false"),
        ("xor(true, false)", "true"),
        ("xor(true, 'x')", "false"),
        ("eq('TimedOut', 'timedOut')", "true"),
        ("eq('timedOut ', 'timedOut')", "false"),
        ("eq(parameters.number, '3')", "true"),
        ("eq(parameters.nobody, '')", "true"),
        ("ne(parameters.nobody, '')", "false"),
        ("ne(1, 'x')", "true"),
        ("ne(1, '1')", "false"),
        ("in('B', 'a', 'b')", "true"),
        ("in('B', 'a', 'bb')", "false"),
        ("in('B')", "false"),
        ("notIn('c', 'a', 'b')", "true"),
        ("notIn('A', 'a', 'b')", "false"),
        ("ge(5, 5)", "true"),
        ("ge(4, 5)", "false"),
        ("gt(5, '4.5')", "true"),
        ("gt(5, 5)", "false"),
        ("le('a', 'B')", "true"),
        ("le('c', 'B')", "false"),
        ("lt(1.2.3, '1.10.0')", "true"),
        ("lt(1.10.0, '1.2.3')", "false"),
        ("contains('ABCDE', 'bcd')", "true"),
        ("contains('ABCDE', 'bd')", "false"),
        ("contains('1.25', 2)", "true"),
        ("containsValue(parameters.list, 'B')", "true"),
        ("containsValue(parameters.list, 'c')", "false"),
        ("containsValue(parameters.map, 2)", "true"),
        ("containsValue('abc', 'abc')", "false"),
        ("startsWith('ABCDE', 'ab')", "true"),
        ("startsWith('ABCDE', 'bc')", "false"),
        ("endsWith('ABCDE', 'de')", "true"),
        ("endsWith('ABCDE', 'cd')", "false"),
        ("coalesce(parameters.nobody, '', 'x', 'y')", "'x'"),
        ("coalesce(parameters.nobody, '')", "null"),
        ("iif(eq(1, 1), 'yes', 'no')", "'yes'"),
        ("iif(eq(1, 2), 'yes', 'no')", "'no'"),
        ("length('äb')", "2"),
        ("length(parameters.list)", "2"),
        ("length(parameters.map)", "2"),
        ("lower('AbC')", "'abc'"),
        ("upper('AbC')", "'ABC'"),
        ("trim('  a b ')", "'a b'"),
        ("replace('a-b-c', '-', '')", "'abc'"),
        ("replace('a-b', '', '+')", "'a-b'"),
        ("split('a,b;c', ',;')", r#"["a","b","c"]"#),
        ("split('abc', ',')", r#"["abc"]"#),
        ("join(' ', parameters.list)", "'a b'"),
        ("join(' ', 'alone')", "'alone'"),
        ("join(',', parameters.items)", "',,'"),
        ("format('{0} of {1}{0}', 2, 'b')", "'2 of b2'"),
        ("format('{{0}}')", "'{0}'"),
        (
            "convertToJson(parameters.list)",
            "'[\n  \"a\",\n  \"b\"\n]'",
        ),
        ("convertToJson(parameters.number)", "'3'"),
        ("always()", "true"),
        ("canceled()", "false"),
        ("failed()", "true"),
        ("failed('Check')", "false"),
        ("succeeded('Approved')", "true"),
        ("succeeded('Other')", "false"),
        ("succeededOrFailed()", "true"),
        ("Succeeded('approved')", "true"),
    ]);
}

#[test]
fn evaluation_stops_at_the_first_answer() {
    yields(&[
        ("and(false, gt('x', parameters.list))", "false"),
        ("or(true, gt('x', parameters.list))", "true"),
        ("iif(true, 'a', upper(parameters.list))", "'a'"),
    ]);
}

#[test]
fn what_is_no_expression_is_refused_with_its_place() {
    fails(&[
        (
            "",
            "find a value at column 1, found the end of the expression",
        ),
        (
            "eq(1, 2",
            "find `,` or `)` at column 8, found the end of the expression",
        ),
        ("eq(1 2)", "find `,` or `)` at column 6, found `2`"),
        ("eq(1, )", "find a value at column 7, found `)`"),
        (
            "eq(1, 2) x",
            "find the end of the expression at column 10, found `x`",
        ),
        (
            "parameters.",
            "find a property name at column 12, found the end of the expression",
        ),
        (
            "parameters['a'",
            "find `]` at column 15, found the end of the expression",
        ),
        (
            "'äb",
            "find the closing quote of the string that starts at column 1",
        ),
        ("eq('ä', \"b\")", "read `\"` at column 9"),
        ("a == b", "read `=` at column 3"),
        (
            "a",
            "look up `a` at column 1: known here are `parameters`, `dependencies`",
        ),
        ("true == true", "read `=` at column 6"),
        (
            "1.2.3.4.5",
            "read `1.2.3.4.5` at column 1 as a number or version",
        ),
        ("12ab", "read `12ab` at column 1 as a number or version"),
        ("eq(1)", "call `eq` with 1 arguments: it takes 2"),
        (
            "and(true)",
            "call `and` with 1 arguments: it takes 2 or more",
        ),
        ("always(1)", "call `always` with 1 arguments: it takes 0"),
        (
            "counter('a', 1)",
            "call the function `counter` at column 1: it is not known to the local runner",
        ),
        (
            "null",
            "look up `null` at column 1: known here are `parameters`, `dependencies`",
        ),
    ]);
}

#[test]
fn what_cannot_be_converted_is_refused() {
    fails(&[
        ("gt(1, 'x')", "convert the string 'x' to number for `gt`"),
        (
            "lt(parameters.nobody, 1)",
            "convert the null null to something that can be compared for `lt`",
        ),
        (
            "upper(parameters.list)",
            "convert an array to string for `upper`",
        ),
        (
            "contains('a', parameters.map)",
            "convert an object to string for `contains`",
        ),
        (
            "ge(1.2.3, 'x')",
            "convert the string 'x' to version for `ge`",
        ),
        (
            "format('{1}', 'a')",
            "fill the format string '{1}': an argument is missing",
        ),
        (
            "format('{0:yyyy}', 'a')",
            "fill the format string '{0:yyyy}': only `{0}`, `{1}` and so on can be filled in here",
        ),
        (
            "format('}', 'a')",
            "fill the format string '}': a single `}` closes nothing",
        ),
    ]);
}

#[test]
fn status_functions_exist_in_conditions_only() {
    let refused = Expression::parse("succeeded()", &Scope::template(&[])).unwrap_err();
    let expected = "call the function `succeeded` at column 1: it is not known outside a condition";
    assert_eq!(refused.to_string(), expected);
    assert!(Expression::parse("succeeded()", &Scope::step_condition()).is_ok());
    assert!(Expression::parse("succeeded()", &Scope::runtime_variable()).is_err());
}

#[test]
fn a_step_condition_cannot_see_other_jobs() {
    let source = "eq(dependencies.A.result, 'Failed')";
    assert!(Expression::parse(source, &Scope::step_condition()).is_err());
    assert!(Expression::parse(source, &Scope::job_condition()).is_ok());
    assert!(Expression::parse("parameters.x", &Scope::job_condition()).is_err());
    assert!(Expression::parse("job.name", &Scope::template(&["job"])).is_ok());
}

#[test]
fn nesting_and_length_have_the_limits_of_azure() {
    let nested = |depth: usize| format!("{}true{}", "not(".repeat(depth), ")".repeat(depth));
    assert!(evaluate(&nested(49)).is_ok());
    assert_eq!(
        evaluate(&nested(50)),
        Err(ExpressionError::TooDeep { limit: 50 })
    );
    let chained = |length: usize| format!("parameters{}", ".a".repeat(length));
    assert!(evaluate(&chained(49)).is_ok());
    assert_eq!(
        evaluate(&chained(50)),
        Err(ExpressionError::TooDeep { limit: 50 })
    );
    let long = format!("'{}'", "x".repeat(21_000));
    assert_eq!(
        evaluate(&long),
        Err(ExpressionError::TooLong { limit: 21_000 })
    );
}

#[test]
fn a_false_condition_is_explained_by_its_smallest_false_part() {
    let rows: &[(&str, &str)] = &[
        (
            "and(not(canceled()), in(dependencies.Check.outputs['check.verdict'], 'failed'))",
            "`in(dependencies.Check.outputs['check.verdict'], 'failed')` is false: \
             `dependencies.Check.outputs['check.verdict']` is 'timedOut'",
        ),
        (
            "and(ne(dependencies.Nobody.result, ''), failed())",
            "`ne(dependencies.Nobody.result, '')` is false: `dependencies.Nobody.result` is null",
        ),
        (
            "or(canceled(), succeeded('Other'))",
            "`canceled()` is false; `succeeded('Other')` is false",
        ),
        ("not(always())", "`always()` is true"),
        ("eq(1, 2)", "`eq(1, 2)` is false"),
        ("parameters.empty", "`parameters.empty` is false"),
        ("true", ""),
    ];
    for (source, expected) in rows {
        let expression = Expression::parse(source, &scope()).unwrap();
        assert_eq!(why_false(&expression, &Sample), *expected, "{source}");
    }
}

/// Text that often gets past the lexer.
fn near_expression() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("eq("),
        Just("and("),
        Just("format("),
        Just("not("),
        Just(")"),
        Just(","),
        Just("["),
        Just("]"),
        Just(".*"),
        Just("."),
        Just("parameters"),
        Just("dependencies"),
        Just("'{0}'"),
        Just("'ä'"),
        Just("''"),
        Just("1"),
        Just("-1.5"),
        Just("1.2.3"),
        Just("true"),
        Just(" "),
        Just("list"),
        Just("split("),
        Just("join("),
        Just("convertToJson("),
        Just("'"),
    ];
    proptest::collection::vec(word, 0..24).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>()) {
        let _ = evaluate(&text);
    }

    #[test]
    fn no_near_expression_makes_the_reader_or_evaluation_panic(text in near_expression()) {
        if let Ok(expression) = Expression::parse(&text, &scope()) {
            let _ = expression.evaluate(&Sample);
            let _ = why_false(&expression, &Sample);
        }
    }

    #[test]
    fn any_text_survives_quoting(text in "[^\\x00]{0,40}") {
        let quoted = Value::text(text.as_str()).to_string();
        prop_assert_eq!(evaluate(&quoted).unwrap(), Value::Text(text));
    }
}
