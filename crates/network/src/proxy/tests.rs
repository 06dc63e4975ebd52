use super::*;

fn settings(pairs: &[(&str, &str)]) -> ProxySettings {
    ProxySettings::from_variables(|wanted| {
        let found = pairs.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, value)| (*value).to_owned())
    })
}

fn chosen(pairs: &[(&str, &str)], url: &str) -> Option<String> {
    let Ok(proxies) = Proxies::new(&settings(pairs)) else {
        panic!("{pairs:?} is refused");
    };
    let proxy = proxies.of(&url.parse().unwrap());
    proxy.map(|it| it.uri().to_string())
}

const AKS: &str = "https://aks.example:443/";
const OTHER: &str = "https://login.example/";

type Variable = (&'static str, &'static str);

struct Row {
    says: &'static str,
    variables: &'static [Variable],
    url: &'static str,
    proxy: Option<&'static str>,
}

const fn row(
    says: &'static str,
    variables: &'static [Variable],
    url: &'static str,
    proxy: Option<&'static str>,
) -> Row {
    Row {
        says,
        variables,
        url,
        proxy,
    }
}

const AGENT: Variable = ("AGENT_PROXYURL", "http://agent.example:8888");
const HTTPS: Variable = ("HTTPS_PROXY", "http://proxy.example:3128");
const ALL: Variable = ("ALL_PROXY", "http://all.example:1080");

const ROWS: &[Row] = &[
    row("none is named", &[], AKS, None),
    row("an empty one is none", &[("HTTPS_PROXY", " ")], AKS, None),
    row(
        "the environment's",
        &[HTTPS],
        AKS,
        Some("http://proxy.example:3128/"),
    ),
    row(
        "HTTP_PROXY is not for https",
        &[("HTTP_PROXY", "http://plain.example")],
        AKS,
        None,
    ),
    row(
        "HTTP_PROXY is for http",
        &[("HTTP_PROXY", "http://plain.example")],
        "http://aks.example",
        Some("http://plain.example:80/"),
    ),
    row(
        "ALL_PROXY is for the rest",
        &[ALL],
        AKS,
        Some("http://all.example:1080/"),
    ),
    row(
        "the scheme's own comes first",
        &[HTTPS, ALL],
        AKS,
        Some("http://proxy.example:3128/"),
    ),
    row(
        "the agent's comes first",
        &[AGENT, HTTPS],
        AKS,
        Some("http://agent.example:8888/"),
    ),
    row(
        "the agent's ignores NO_PROXY, which is the environment's",
        &[AGENT, ("NO_PROXY", "*")],
        AKS,
        Some("http://agent.example:8888/"),
    ),
    row(
        "the agent's bypass list leads past all proxies",
        &[
            AGENT,
            HTTPS,
            ("AGENT_PROXYBYPASSLIST", r#"["AKS\\.example"]"#),
        ],
        AKS,
        None,
    ),
    row(
        "the bypass list sees scheme and host",
        &[
            AGENT,
            ("AGENT_PROXYBYPASSLIST", r#"["^https://login\\.example$"]"#),
        ],
        OTHER,
        None,
    ),
    row(
        "the bypass list sees another port",
        &[AGENT, ("AGENT_PROXYBYPASSLIST", r#"["example:8443$"]"#)],
        "https://aks.example:8443",
        None,
    ),
    row(
        "a pattern that does not match",
        &[AGENT, ("AGENT_PROXYBYPASSLIST", r#"["^corp\\."]"#)],
        AKS,
        Some("http://agent.example:8888/"),
    ),
    row("NO_PROXY", &[HTTPS, ("NO_PROXY", ".example")], AKS, None),
    row("loopback", &[HTTPS], "https://127.0.0.1:6443", None),
    row(
        "IPv6 loopback, of the agent too",
        &[AGENT],
        "https://[::1]:6443",
        None,
    ),
    row(
        "an IPv6 server",
        &[HTTPS],
        "https://[fd00::1]:6443",
        Some("http://proxy.example:3128/"),
    ),
    row(
        "an https proxy",
        &[("HTTPS_PROXY", "https://safe.example")],
        AKS,
        Some("https://safe.example:443/"),
    ),
    row(
        "no scheme",
        &[("HTTPS_PROXY", "proxy.example:3128")],
        AKS,
        Some("http://proxy.example:3128/"),
    ),
];

#[test]
fn a_request_takes_the_proxy_that_is_meant_for_it() {
    for row in ROWS {
        assert_eq!(
            chosen(row.variables, row.url).as_deref(),
            row.proxy,
            "{}",
            row.says
        );
    }
}

fn header(text: &str) -> Option<String> {
    let proxy = Proxy::parse("HTTPS_PROXY", text).ok()?;
    let value = proxy.authorization()?.to_str().unwrap().to_owned();
    let encoded = value.strip_prefix("Basic ").unwrap();
    Some(String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap())
}

#[test]
fn credentials_are_decoded() {
    let rows = [
        ("http://user:hunter2@p:1", "user:hunter2"),
        ("http://user@p:1", "user:"),
        (
            "http://CORP%5Cuser:p%40ss%3Aword@p:1",
            "CORP\\user:p@ss:word",
        ),
        ("user:pass@p:1", "user:pass"),
    ];
    for (text, expected) in rows {
        assert_eq!(header(text).as_deref(), Some(expected), "{text}");
    }
    assert_eq!(header("http://p:1"), None);
}

#[test]
fn the_agents_credentials_are_taken_as_they_are() {
    let pairs = [
        ("AGENT_PROXYURL", "http://agent.example:8888"),
        ("AGENT_PROXYUSERNAME", "CORP\\user"),
        ("SECRET_AGENT_PROXYPASSWORD", "p@ss/w#rd"),
    ];
    let proxies = Proxies::new(&settings(&pairs)).ok().unwrap();
    let proxy = proxies.of(&AKS.parse().unwrap()).unwrap();
    let expected = STANDARD.encode("CORP\\user:p@ss/w#rd");
    assert_eq!(
        proxy.authorization().unwrap(),
        format!("Basic {expected}").as_str()
    );
}

#[test]
fn a_proxy_that_cannot_be_used_is_an_error_and_never_a_direct_connection() {
    let rows = [
        (
            "a domain user",
            "http://CORP\\user:hunter2@p:1",
            "percent-encode",
        ),
        (
            "a slash in the password",
            "http://user:hun/ter2@p:1",
            "percent-encode",
        ),
        (
            "a hash in the password",
            "http://user:hun#ter2@p:1",
            "percent-encode",
        ),
        (
            "a percent sign in the password",
            "http://user:100%@p:1",
            "percent-encode",
        ),
        (
            "a space in it",
            "http://user:hun ter2@p:1",
            "percent-encode",
        ),
        ("no host", "http://", "host or the port"),
        (
            "only credentials",
            "http://user:hunter2@",
            "host or the port",
        ),
        ("no port", "http://p:", "host or the port"),
        ("a port that is none", "http://p:http", "host or the port"),
        (
            "a port that is too high",
            "http://p:70000",
            "host or the port",
        ),
        (
            "a space in the host",
            "http://my proxy:1",
            "host or the port",
        ),
        ("SOCKS", "socks5://user:hunter2@p:1080", "scheme `socks5`"),
    ];
    for (says, text, problem) in rows {
        let error = Proxies::new(&settings(&[("HTTPS_PROXY", text)]))
            .err()
            .unwrap();
        assert_eq!(error.variable, "HTTPS_PROXY", "{says}");
        let told = error.to_string();
        assert!(told.contains(problem), "{says}: {told}");
        assert!(
            !told.contains("hunter2") && !told.contains("ter2@"),
            "{says}: {told}"
        );
    }
    for (says, list, problem) in [
        ("no JSON", "corp.example", "not a JSON array"),
        ("look-around", r#"["(?!corp)"]"#, "the pattern `(?!corp)`"),
    ] {
        let pairs = [
            ("AGENT_PROXYURL", "http://p:1"),
            ("AGENT_PROXYBYPASSLIST", list),
        ];
        let error = Proxies::new(&settings(&pairs)).err().unwrap();
        assert!(error.problem.contains(problem), "{says}: {error}");
    }
}

#[test]
fn a_proxy_knows_the_setting_that_names_it() {
    let rows: [(&[Variable], &str); 3] = [
        (&[AGENT, HTTPS], "AGENT_PROXYURL"),
        (&[HTTPS, ALL], "HTTPS_PROXY"),
        (&[ALL], "ALL_PROXY"),
    ];
    for (variables, setting) in rows {
        let proxies = Proxies::new(&settings(variables)).ok().unwrap();
        let proxy = proxies.of(&AKS.parse().unwrap());
        assert_eq!(proxy.map(Proxy::setting), Some(setting));
    }
}
