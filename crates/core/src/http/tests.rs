use proptest::prelude::*;

use super::*;

fn check(text: &str) -> HttpCheck {
    HttpCheck::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Path, port and expectation, as three texts.
fn parts(text: &str) -> [String; 3] {
    let check = check(text);
    let expect = match check.expect() {
        HttpExpectation::Success => String::new(),
        HttpExpectation::Status(status) => format!("={status}"),
        HttpExpectation::Body(pattern) => format!("~{}", pattern.as_str()),
        HttpExpectation::Both(status, pattern) => format!("={status} ~{}", pattern.as_str()),
    };
    let port = check.port().map(|port| match port {
        HttpPort::Number(number) => format!("#{number}"),
        HttpPort::Name(name) => name.clone(),
    });
    [check.path().to_owned(), port.unwrap_or_default(), expect]
}

#[test]
fn a_check_is_a_path_perhaps_a_port_and_an_expectation() {
    let rows = [
        ("a path", "/healthz", ["/healthz", "", ""]),
        ("the root", "/", ["/", "", ""]),
        (
            "a port by number",
            "/healthz:8080",
            ["/healthz", "#8080", ""],
        ),
        ("a port by name", "/healthz:http", ["/healthz", "http", ""]),
        (
            "a name that begins as a number",
            "/a:8080-tcp",
            ["/a", "8080-tcp", ""],
        ),
        ("a status", "/healthz=204", ["/healthz", "", "=204"]),
        (
            "port and status",
            "/healthz:80=404",
            ["/healthz", "#80", "=404"],
        ),
        ("a pattern", "/ready~ok|ready", ["/ready", "", "~ok|ready"]),
        (
            "port and pattern",
            "/ready:http~^ok$",
            ["/ready", "http", "~^ok$"],
        ),
        ("a pattern of the root", "/~ready", ["/", "", "~ready"]),
        (
            "status and pattern",
            "/ready=200~^OK$",
            ["/ready", "", "=200 ~^OK$"],
        ),
        (
            "port, status and pattern",
            "/ready:http=200~^OK$",
            ["/ready", "http", "=200 ~^OK$"],
        ),
        ("white space around", "  /a:80  ", ["/a", "#80", ""]),
        ("a query", "/readyz?verbose", ["/readyz?verbose", "", ""]),
        (
            "a query and a port",
            "/readyz?verbose:80=204",
            ["/readyz?verbose", "#80", "=204"],
        ),
    ];
    for (says, text, expected) in rows {
        assert_eq!(parts(text), expected, "{says}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of named rows")]
fn what_a_path_holds_itself_is_told_from_port_status_and_pattern() {
    let rows = [
        (
            "a colon before a slash",
            "/v1:x/health",
            ["/v1:x/health", "", ""],
        ),
        (
            "a colon before a slash, and a port",
            "/v1:x/h:80",
            ["/v1:x/h", "#80", ""],
        ),
        (
            "a colon inside a query",
            "/h?at=12:30&x=1",
            ["/h?at=12:30&x=1", "", ""],
        ),
        (
            "an encoded colon",
            "/items%3Acheck",
            ["/items%3Acheck", "", ""],
        ),
        (
            "a `=` inside a path",
            "/m;v=1/health",
            ["/m;v=1/health", "", ""],
        ),
        (
            "a value in a query",
            "/h?deep=true",
            ["/h?deep=true", "", ""],
        ),
        (
            "a short number in a query",
            "/h?level=1",
            ["/h?level=1", "", ""],
        ),
        (
            "a value and a status",
            "/h?deep=true=200",
            ["/h?deep=true", "", "=200"],
        ),
        (
            "a closed query ends in a number",
            "/h?code=200&",
            ["/h?code=200&", "", ""],
        ),
        (
            "a closed query and a status",
            "/h?deep&=200",
            ["/h?deep&", "", "=200"],
        ),
        (
            "an encoded tilde",
            "/%7Eops/health",
            ["/%7Eops/health", "", ""],
        ),
        ("the first tilde wins", "/a~b~c", ["/a", "", "~b~c"]),
        (
            "a tilde wins over `=` and `:`",
            "/a~s=200:80",
            ["/a", "", "~s=200:80"],
        ),
        (
            "a status inside a pattern is none",
            "/a~x=200",
            ["/a", "", "~x=200"],
        ),
        (
            "what is no status before a pattern is of the path",
            "/m;v=1~ok",
            ["/m;v=1", "", "~ok"],
        ),
        (
            "a closed query that ends in a number, and a pattern",
            "/h?code=200&~ok",
            ["/h?code=200&", "", "~ok"],
        ),
        ("a slash inside a pattern", "/a~b/c", ["/a", "", "~b/c"]),
        (
            "a slash inside the root's pattern",
            "/~(?:a/b)",
            ["/", "", "~(?:a/b)"],
        ),
    ];
    for (says, text, expected) in rows {
        assert_eq!(parts(text), expected, "{says}");
    }
}

#[test]
fn a_check_of_a_service_has_its_name_before_the_path() {
    let rows = [
        (
            "service/web/healthz=200",
            Some("web"),
            ["/healthz", "", "=200"],
        ),
        ("service/web/:80", Some("web"), ["/", "#80", ""]),
        (
            "service/web-2/a:http~ok",
            Some("web-2"),
            ["/a", "http", "~ok"],
        ),
        (
            "/service/web/healthz",
            None,
            ["/service/web/healthz", "", ""],
        ),
    ];
    for (text, service, expected) in rows {
        assert_eq!(check(text).service(), service, "{text}");
        assert_eq!(parts(text), expected, "{text}");
        assert_eq!(check(text).to_string(), text);
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of named rows")]
fn a_wrong_check_says_what_to_write() {
    let rows = [
        (
            "service/web",
            "`service/web` has no path behind the Service; write for example `service/web/healthz`",
        ),
        (
            "service//healthz",
            "`service//healthz`: `` is not the name of a Service; write for example",
        ),
        (
            "service/Web/healthz",
            "`service/Web/healthz`: `Web` is not the name of a Service",
        ),
        (
            "",
            "`` has no path; write for example `/healthz` or `/healthz:8080`",
        ),
        (":8080", "`:8080` has no path; write for example"),
        (
            "healthz",
            "`healthz` does not begin with `/`; write `/healthz`",
        ),
        (
            "http://web/healthz",
            "`http://web/healthz` is a URL; write only its path",
        ),
        (
            "http://web:80",
            "`http://web:80` is a URL; write only its path",
        ),
        (
            "/a:",
            "`/a:`: `` is not a port; write a number from 1 to 65535 or the name",
        ),
        ("/a:0", "`/a:0`: `0` is not a port"),
        ("/a:65536", "`/a:65536`: `65536` is not a port"),
        ("/a:+80", "`/a:+80`: `+80` is not a port"),
        ("/a:HTTP", "`/a:HTTP`: `HTTP` is not a port"),
        ("/a?b:80=2", "`/a?b:80=2`: `80=2` is not a port"),
        (
            "/a:sixteen-letters-",
            "`/a:sixteen-letters-`: `sixteen-letters-` is not a port",
        ),
        (
            "/a=ok",
            "`/a=ok`: `ok` is not an HTTP status; write for example `=204`, or `~ok` for what",
        ),
        ("/a=20", "`/a=20`: `20` is not an HTTP status"),
        ("/a=999", "`/a=999`: `999` is not an HTTP status"),
        ("/a=", "`/a=`: `` is not an HTTP status"),
        (
            "/a?code=200",
            "`/a?code=200`: `=200` may be a status or a part of the query; write `/a?code=200&` for \
             the query, or `/a?code&=200` for the status",
        ),
        (
            "/a?code=200~ok",
            "`/a?code=200`: `=200` may be a status or a part of the query; write `/a?code=200&` for \
             the query, or `/a?code&=200` for the status",
        ),
        ("/a=999~ok", "`/a=999`: `999` is not an HTTP status"),
        (
            "/~ops/health",
            "`/~ops/health`: `~` begins what the body must hold; write `%7E` for a `~` of the path, \
             or `/~(?:ops/health)` for the body",
        ),
        (
            "/a~",
            "`/a~`: nothing stands behind `~`; write what the body must hold",
        ),
        ("/a~(", "`(` is not a regular expression: "),
        (
            "/a~\\w{60}{60}{60}",
            "`\\w{60}{60}{60}` is not a regular expression: ",
        ),
        ("/a b", "`/a b`: a path cannot hold ` `; write `%20` for it"),
        ("/a#b", "`/a#b`: a path cannot hold `#`; write `%23` for it"),
        ("/ä", "`/ä`: a path cannot hold `ä`; write `%C3%A4` for it"),
        ("/50%", "`/50%`: a path cannot hold `%`; write `%25` for it"),
        (
            "/a/../b",
            "`/a/../b`: a path cannot go up or stay; write it without `.` and `..`",
        ),
        ("/a/%2E%2e/b", "`/a/%2E%2e/b`: a path cannot go up or stay"),
        ("/a%2fb", "`/a%2fb`: a path cannot hold `%2F`"),
    ];
    for (text, says) in rows {
        let error = HttpCheck::parse(text).expect_err(text).to_string();
        assert!(error.starts_with(says), "{error}\n{says}");
    }
    let long = format!("/{}", "a".repeat(2000));
    let error = HttpCheck::parse(&long).unwrap_err().to_string();
    assert_eq!(
        error,
        "a check of 2001 characters is too long; write at most 2000"
    );
}

#[test]
fn what_an_error_tells_to_write_is_understood() {
    for text in [
        "/a?code=200&",
        "/a?code&=200",
        "/a?code=200&~ok",
        "/a?code&=200~ok",
        "/~(?:ops/health)",
        "/healthz",
        "/%7Eops/health",
    ] {
        check(text);
    }
}

fn judged(text: &str, status: u16, body: &str) -> Result<(), String> {
    check(text).judge(&HttpAnswer::new(status, Duration::from_millis(12), body))
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of named rows")]
fn an_answer_is_held_against_the_expectation() {
    let lacks = "its body lacks `ok|ready`";
    let rows = [
        ("any success", "/a", 200, "", Ok(())),
        ("a redirect is one", "/a", 399, "", Ok(())),
        (
            "a refusal is none",
            "/a",
            400,
            "",
            Err("answered 400, 200 to 399 expected"),
        ),
        (
            "an early hint is none",
            "/a",
            199,
            "",
            Err("answered 199, 200 to 399 expected"),
        ),
        ("the very status", "/a=404", 404, "", Ok(())),
        (
            "another success than the one expected",
            "/a=204",
            200,
            "",
            Err("answered 200, 204 expected"),
        ),
        (
            "the body holds it",
            "/a~ok|ready",
            200,
            "not yet ready",
            Ok(()),
        ),
        (
            "the body lacks it",
            "/a~ok|ready",
            200,
            "starting",
            Err(lacks),
        ),
        ("the case matters", "/a~ok|ready", 200, "OK", Err(lacks)),
        (
            "unless the pattern says otherwise",
            "/a~(?i)ok",
            200,
            "OK",
            Ok(()),
        ),
        ("the very status and body", "/a=200~^OK$", 200, "OK", Ok(())),
        (
            "another success with that body",
            "/a=200~^OK$",
            203,
            "OK",
            Err("answered 203, 200 expected"),
        ),
        (
            "the very status with another body",
            "/a=200~^OK$",
            200,
            "OK, but degraded",
            Err("its body lacks `^OK$`"),
        ),
        (
            "a refusal that is expected, with its body",
            "/a=503~maintenance",
            503,
            "in maintenance",
            Ok(()),
        ),
        (
            "a page that errs is no match",
            "/a~ok",
            503,
            "not ok",
            Err("answered 503, 200 to 399 expected"),
        ),
    ];
    for (says, text, status, body, expected) in rows {
        assert_eq!(
            judged(text, status, body),
            expected.map_err(str::to_owned),
            "{says}"
        );
    }
}

#[test]
fn a_long_body_is_cut_between_characters_and_said_to_be_cut() {
    let long = "é".repeat(BODY_LIMIT);
    let answer = HttpAnswer::new(200, Duration::ZERO, &format!("x{long}"));
    assert_eq!(answer.body.len(), BODY_LIMIT - 1);
    assert_eq!(
        check("/a~ready").judge(&answer),
        Err("the first 4 KiB of its body lack `ready`".to_owned())
    );
}

#[test]
fn a_check_is_kept_as_its_text() {
    let json = serde_json::to_string(&check("/a:http~ok")).unwrap();
    assert_eq!(json, "\"/a:http~ok\"");
    assert_eq!(
        serde_json::from_str::<HttpCheck>(&json).unwrap(),
        check("/a:http~ok")
    );
    assert!(serde_json::from_str::<HttpCheck>("\"a\"").is_err());
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in ".{0,60}") {
        let _ = HttpCheck::parse(&text);
    }

    #[test]
    fn what_was_understood_is_written_so_that_it_is_understood_again(
        text in "/[a-z0-9:=~?&%/._-]{0,24}",
    ) {
        if let Ok(check) = HttpCheck::parse(&text) {
            // A port is a number: `:01` is understood and written as `:1`.
            if !text.contains(":0") {
                prop_assert_eq!(&check.to_string(), text.trim());
            }
            prop_assert_eq!(HttpCheck::parse(&check.to_string()), Ok(check));
        }
    }

    #[test]
    fn no_answer_makes_the_judge_panic(
        text in "/a(~[a-z.*+|()]{1,8})?",
        status in any::<u16>(),
        body in ".{0,80}",
    ) {
        if let Ok(check) = HttpCheck::parse(&text) {
            let _ = check.judge(&HttpAnswer::new(status, Duration::ZERO, &body));
        }
    }
}
