use std::collections::VecDeque;
use std::sync::Mutex;

use azure_core::http::headers::{HeaderName, Headers};
use azure_core::http::{AsyncRawResponse, Method, StatusCode, Url};
use rollguard_network::Listen;

use super::*;
use crate::wire_error::Refusal;

type Pairs = &'static [(&'static str, &'static str)];
/// Status, body and headers; status 0 is a connection that breaks.
type Scripted = (u16, &'static str, Pairs);

/// A transport with scripted answers; the last one stays.
#[derive(Debug)]
struct Script(Mutex<VecDeque<Scripted>>);

#[async_trait::async_trait]
impl Policy for Script {
    async fn send(&self, _: &Context, _: &mut Request, _: &[Arc<dyn Policy>]) -> PolicyResult {
        let mut script = self.0.lock().unwrap();
        let (status, body, headers) = if script.len() > 1 {
            script.pop_front().unwrap()
        } else {
            *script.front().unwrap()
        };
        if status == 0 {
            let (host, detail) = ("host".to_owned(), "connection reset".to_owned());
            return Err(WireError::Unreachable { host, detail }.into_core());
        }
        let mut all = Headers::new();
        for (name, value) in headers {
            all.insert(HeaderName::from_static(name), *value);
        }
        Ok(AsyncRawResponse::from_bytes(
            StatusCode::from(status),
            all,
            body,
        ))
    }
}

#[derive(Default)]
struct Said(Mutex<Vec<String>>);

impl Listen for Said {
    fn repeated(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }

    fn secret(&self, _: &str) {}
}

struct Ended {
    succeeded: bool,
    took: f64,
    said: Vec<String>,
}

async fn send(script: &[Scripted]) -> Ended {
    send_to(Server::Remote, script).await
}

async fn send_to(server: Server, script: &[Scripted]) -> Ended {
    let script = script.iter().copied();
    let next: Vec<Arc<dyn Policy>> = vec![Arc::new(Script(Mutex::new(script.collect())))];
    let said = Arc::new(Said::default());
    let policy = Repeat {
        listener: Listener::new(Arc::clone(&said) as Arc<dyn Listen>),
        server,
    };
    let url = Url::parse("https://login.example/token").unwrap();
    let mut request = Request::new(url, Method::Post);
    let begun = Instant::now();
    let result = policy.send(&Context::new(), &mut request, &next).await;
    let said = said.0.lock().unwrap().clone();
    Ended {
        succeeded: result.is_ok(),
        took: begun.elapsed().as_secs_f64(),
        said,
    }
}

const OK: (u16, &str, &[(&str, &str)]) = (200, "{}", &[]);
const TRANSIENT: &str = r#"{"error":"x","error_description":"AADSTS90033: A transient error."}"#;
const SECRET: &str = r#"{"error":"x","error_description":"AADSTS7000215: Invalid client secret."}"#;
const DATE: (&str, &str) = ("date", "Thu, 01 Jan 2026 10:00:00 GMT");

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_repeated_with_a_line_and_what_will_not_is_told_at_once() {
    type Row = (
        &'static str,
        (u16, &'static str, &'static [(&'static str, &'static str)]),
        bool,
    );
    let rows: [Row; 14] = [
        ("a reset", (0, "", &[]), true),
        ("500", (500, "{}", &[]), true),
        ("503 without a body", (503, "", &[]), true),
        ("a gateway's page", (502, "<html>", &[]), true),
        ("429", (429, "{}", &[]), true),
        (
            "a transient refusal with status 400",
            (400, TRANSIENT, &[]),
            true,
        ),
        ("a wrong secret", (401, SECRET, &[]), false),
        ("a wrong secret with status 400", (400, SECRET, &[]), false),
        ("403", (403, "{}", &[]), false),
        ("404", (404, "{}", &[]), false),
        ("409", (409, "{}", &[]), false),
        ("a portal's page", (200, "<html>", &[]), false),
        ("a redirect", (302, "", &[]), false),
        ("a sign-in page", (203, "<html>", &[]), false),
    ];
    for (says, first, again) in rows {
        let ended = send(&[first, OK]).await;
        assert_eq!(ended.succeeded, again, "{says}");
        assert_eq!(
            ended.said.len(),
            usize::from(again),
            "{says}: {:?}",
            ended.said
        );
    }
    let ended = send(&[(503, "{}", &[]), OK]).await;
    assert_eq!(
        ended.said,
        ["`login.example` answered 503; trying again in 0.4 s"]
    );
}

#[tokio::test(start_paused = true)]
async fn the_servers_wait_is_kept_in_seconds_and_as_a_date() {
    type Row = (&'static str, &'static [(&'static str, &'static str)], f64);
    let rows: [Row; 6] = [
        ("seconds", &[("retry-after", "7")], 7.0),
        (
            "a date",
            &[("retry-after", "Thu, 01 Jan 2026 10:00:09 GMT"), DATE],
            9.0,
        ),
        (
            "a date that has passed",
            &[("retry-after", "Thu, 01 Jan 2026 09:00:00 GMT"), DATE],
            0.4,
        ),
        ("milliseconds", &[("x-ms-retry-after-ms", "2500")], 2.5),
        ("less than our own", &[("retry-after", "0")], 0.4),
        ("nonsense", &[("retry-after", "soon")], 0.4),
    ];
    for (says, headers, wait) in rows {
        let ended = send(&[(429, "{}", headers), OK]).await;
        assert!(ended.succeeded, "{says}");
        assert!((ended.took - wait).abs() < 0.1, "{says}: {}", ended.took);
    }
}

#[tokio::test(start_paused = true)]
async fn repetitions_end_within_the_window() {
    let ended = send(&[(503, "{}", &[])]).await;
    assert!(!ended.succeeded);
    assert_eq!(ended.said.len(), 4, "{:?}", ended.said);
    let ended = send(&[(429, "{}", &[("retry-after", "14")])]).await;
    assert!(!ended.succeeded);
    assert_eq!(ended.said.len(), 2, "{:?}", ended.said);
    assert!(ended.took <= 30.0, "{}", ended.took);
    let ended = send(&[(429, "{}", &[("retry-after", "99999999999999999999")])]).await;
    assert_eq!((ended.said.len(), ended.took), (0, 0.0));
}

#[tokio::test(start_paused = true)]
async fn the_service_of_this_machine_is_asked_again_while_it_is_updated_and_not_where_there_is_none()
 {
    type Row = (&'static str, Scripted, bool);
    let rows: [Row; 7] = [
        ("no such service", (0, "", &[]), false),
        ("one of somebody else", (503, "<html>", &[]), false),
        ("no such identity", (400, "{}", &[]), false),
        ("a path that is not there yet", (404, "", &[]), true),
        ("an update", (410, "", &[]), true),
        ("429", (429, "{}", &[]), true),
        ("500", (500, "{}", &[]), true),
    ];
    for (says, first, again) in rows {
        let ended = send_to(Server::OfMachine, &[first, OK]).await;
        assert_eq!(ended.succeeded, again, "{says}");
        assert_eq!(ended.said.len(), usize::from(again), "{says}");
    }
    let ended = send_to(Server::OfMachine, &[(410, "", &[])]).await;
    assert_eq!((ended.said.len(), ended.took.round()), (5, 27.0));
}

#[test]
fn a_certificate_or_a_proxy_that_refuses_is_no_reason_to_try_again() {
    let (host, detail) = (String::new(), String::new);
    let rows = [
        (WireError::Slow { host: host.clone() }, true),
        (
            WireError::Certificate {
                host: host.clone(),
                detail: detail(),
            },
            false,
        ),
        (
            WireError::ProxyRefused {
                host: host.clone(),
                detail: detail(),
            },
            false,
        ),
        (
            WireError::WaitTooLong {
                host: host.clone(),
                wait: Duration::from_secs(60),
            },
            false,
        ),
        (WireError::TooLarge { host: host.clone() }, false),
        (
            WireError::Refused(Refusal {
                host,
                status: 418,
                code: None,
                message: None,
                request_id: None,
                retry_after: None,
            }),
            false,
        ),
    ];
    for (failure, again) in rows {
        assert_eq!(
            pause_after(&failure, Server::Remote).is_some(),
            again,
            "{failure:?}"
        );
    }
}
