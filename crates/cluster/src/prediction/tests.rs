//! Lists of custom resources, in the version that the API server prefers.

use serde_json::json;

use super::*;
use crate::testing::{Server, ok, page, status};

/// An API server that has Karpenter in a version; in none for an empty text.
fn with_karpenter(version: &str) -> Server {
    let group = |version: &str| {
        let version =
            json!({"groupVersion": format!("karpenter.sh/{version}"), "version": version});
        json!({"name": "karpenter.sh", "versions": [version], "preferredVersion": version})
    };
    let groups: Vec<Value> = match version {
        "" => Vec::new(),
        version => vec![group(version)],
    };
    Server::new().json(
        "GET",
        "/apis",
        json!({"kind": "APIGroupList", "groups": groups}),
    )
}

async fn pools(server: &Server) -> Lookup<Vec<Value>> {
    let question = Question::List(Collection {
        api: "karpenter.sh/v1",
        plural: "nodepools",
        namespace: None,
    });
    let mut answers = ask(&server.client(), vec![question]).await;
    match answers.pop() {
        Some((_, Answer::List(listed))) => listed,
        other => panic!("{other:?}"),
    }
}

fn words(listed: &Lookup<Vec<Value>>) -> String {
    match listed {
        Lookup::Seen(items) => format!("{} seen", items.len()),
        Lookup::Missing => "missing".to_owned(),
        Lookup::Unseen(why) => format!("not seen: {why}"),
    }
}

#[tokio::test(start_paused = true)]
async fn pools_are_listed_in_the_version_that_is_preferred() {
    let one = || json!({"items": [{"metadata": {"name": "general"}}]});
    let rows = [
        (
            "nothing of the kind is installed",
            with_karpenter(""),
            "missing",
        ),
        (
            "the version of today",
            with_karpenter("v1").json("GET", "/apis/karpenter.sh/v1/nodepools", one()),
            "1 seen",
        ),
        (
            "an older version",
            with_karpenter("v1beta1").json("GET", "/apis/karpenter.sh/v1beta1/nodepools", one()),
            "1 seen",
        ),
        (
            "a version in which they are called differently",
            with_karpenter("v1alpha5").on("GET", "/nodepools", |_| status(404, "no")),
            "not seen: the API has karpenter.sh/v1alpha5 without nodepools",
        ),
        (
            "they may not be listed",
            with_karpenter("v1").on("GET", "/nodepools", |_| status(403, "forbidden")),
            "not seen: may not list nodepools",
        ),
    ];
    for (says, server, expected) in rows {
        let found = words(&pools(&server).await);
        assert!(found.starts_with(expected), "{says}: {found}");
    }
    let moment = with_karpenter("v1").on("GET", "/apis/karpenter.sh/v1/nodepools", move |asked| {
        if asked.nth == 1 {
            page(502)
        } else {
            ok(&one())
        }
    });
    assert_eq!(
        words(&pools(&moment).await),
        "1 seen",
        "a gateway in between"
    );
}

#[tokio::test(start_paused = true)]
async fn without_discovery_nothing_is_known_of_pools() {
    let server = Server::new().on("GET", "/apis", |_| page(502));
    let found = words(&pools(&server).await);
    assert!(found.starts_with("not seen: "), "{found}");
}
