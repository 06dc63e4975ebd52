//! On whose behalf requests are made, and the log of requests.

use std::sync::Mutex;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;

use super::loopback::{Heads, VERSION, serve};
use super::*;
use crate::login::Impersonation;

fn jane() -> Impersonation {
    Impersonation {
        user: "jane".to_owned(),
        groups: vec!["ops".to_owned(), "dev".to_owned()],
        uid: Some("u-1".to_owned()),
    }
}

/// The impersonation headers of each request, sorted.
fn headers(heads: &Heads) -> Vec<Vec<String>> {
    let of_head = |head: &String| {
        let lines = head.lines().filter(|it| it.starts_with("impersonate-"));
        let mut lines: Vec<String> = lines.map(str::to_owned).collect();
        lines.sort();
        lines
    };
    heads.lock().unwrap().iter().map(of_head).collect()
}

/// A login of which the kubeconfig itself speaks for someone.
fn of_someone(server: &str) -> Login {
    let Login::InMemory {
        kubeconfig,
        network,
        ..
    } = in_memory(server)
    else {
        unreachable!("in_memory makes an in-memory login");
    };
    let user = "users: [{name: a, user: {as: john, as-groups: [interns], as-uid: u-2}}]";
    Login::InMemory {
        kubeconfig: kubeconfig.replace("users: []", user),
        tokens: None,
        network,
    }
}

/// A name, the login, who is impersonated, and what the request holds.
type Row<'a> = (
    &'a str,
    fn(&str) -> Login,
    Option<Impersonation>,
    &'a [&'a str],
);

#[tokio::test]
async fn every_request_is_made_on_behalf_of_the_user() {
    let of_jane = [
        "impersonate-group: dev",
        "impersonate-group: ops",
        "impersonate-uid: u-1",
        "impersonate-user: jane",
    ];
    let of_john = [
        "impersonate-group: interns",
        "impersonate-uid: u-2",
        "impersonate-user: john",
    ];
    let alone = Impersonation {
        user: "jane".to_owned(),
        ..Impersonation::default()
    };
    let rows: [Row<'_>; 5] = [
        ("as", in_memory, Some(jane()), &of_jane),
        (
            "a user without groups",
            in_memory,
            Some(alone.clone()),
            &["impersonate-user: jane"],
        ),
        ("no one else", in_memory, None, &[]),
        ("as the kubeconfig says", of_someone, None, &of_john),
        (
            "the flags take the place of the kubeconfig's words",
            of_someone,
            Some(alone),
            &["impersonate-user: jane"],
        ),
    ];
    for (says, login, whom, expected) in rows {
        let (address, heads) = serve(|_| (200, VERSION.to_owned())).await;
        let login = login(&format!("http://{address}"));
        let login = match whom {
            Some(whom) => login.on_behalf_of(whom),
            None => login,
        };
        let connection = connect(&login, local()).await.unwrap();
        let pods: Api<Pod> = Api::namespaced(connection.client, "shop");
        // The answer is none of a pod; the request is what counts.
        let _ = pods.get("web-1").await;
        let _ = pods
            .delete("web-1", &kube::api::DeleteParams::default())
            .await;
        let headers = headers(&heads);
        assert_eq!(headers.len(), 3, "{says}: {headers:?}");
        assert!(
            headers.iter().all(|it| it == expected),
            "{says}: {headers:?}"
        );
    }
}

#[tokio::test]
async fn a_name_that_fits_into_no_header_is_bad_input() {
    for user in ["", "ja\nne", "jürgen\u{7}"] {
        let whom = Impersonation {
            user: user.to_owned(),
            ..Impersonation::default()
        };
        let login = in_memory("http://127.0.0.1:1").on_behalf_of(whom);
        let error = refusal(&login).await;
        assert_eq!(error.kind(), ClusterErrorKind::BadInput, "{user:?}");
        assert_eq!(
            error.to_string(),
            "impersonate: `--as` is not printable text"
        );
    }
}

const REFUSED: &str = r#"{"kind": "Status", "code": 403, "reason": "Forbidden", "message":
    "users \"jane\" is forbidden: User \"me\" cannot impersonate resource \"users\" in API group \"\" at the cluster scope"}"#;

#[tokio::test]
async fn who_may_not_impersonate_learns_it_from_the_first_answer() {
    let (address, _) = serve(|_| (403, REFUSED.to_owned())).await;
    let login = in_memory(&format!("http://{address}")).on_behalf_of(jane());
    let error = refusal(&login).await;
    assert_eq!(error.kind(), ClusterErrorKind::Forbidden);
    let hint = way_in(&login).hint(&error).unwrap();
    for part in [
        "the request was made on behalf of user `jane` in groups `ops`, `dev` (--as)",
        "the verb impersonate",
    ] {
        assert!(hint.contains(part), "{hint}");
    }
    assert!(!WayIn::default().hint(&error).unwrap().contains("jane"));
}

#[derive(Default)]
struct Log(Mutex<Vec<String>>);

impl Listen for Log {
    fn repeated(&self, _: &str) {}

    fn sent(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }

    fn secret(&self, _: &str) {}
}

#[tokio::test]
async fn the_log_names_every_request_that_is_sent_and_no_header_or_query_of_it() {
    let (address, _) = serve(|head| {
        if head.contains("/missing") {
            (404, "{}".to_owned())
        } else {
            (200, VERSION.to_owned())
        }
    })
    .await;
    let log = Arc::new(Log::default());
    let Login::InMemory { kubeconfig, .. } = in_memory(&format!("http://{address}")) else {
        unreachable!("in_memory makes an in-memory login");
    };
    let login = Login::InMemory {
        kubeconfig: kubeconfig.replace("users: []", "users: [{name: a, user: {token: hunter22}}]"),
        tokens: None,
        network: Network {
            listener: Listener::new(Arc::clone(&log) as Arc<dyn Listen>),
            ..Network::default()
        },
    };
    let connection = connect(&login, local()).await.unwrap();
    for path in ["/missing?token=hunter22", "/api/v1/pods?watch=true&limit=1"] {
        let get = Request::get(path).body(Body::empty()).unwrap();
        let _ = connection.client.send(get).await;
    }
    let lines = log.0.lock().unwrap().clone();
    let expected = [
        "GET /version 200 in ",
        "GET /missing 404 in ",
        "GET /api/v1/pods (watch) 200 in ",
    ];
    assert_eq!(lines.len(), expected.len(), "{lines:?}");
    for (line, begins) in lines.iter().zip(expected) {
        assert!(line.starts_with(begins) && line.ends_with(" ms"), "{line}");
        assert!(!line.contains("hunter22"), "{line}");
    }
}
