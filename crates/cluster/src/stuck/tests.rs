use serde_json::{Value, json};

use super::*;
use crate::testing::{Answer, Server, later, ok, page, refused, silence, status};

fn pod() -> StuckPod {
    StuckPod {
        name: "db-0".to_owned(),
        uid: "u-0".to_owned(),
        resource_version: "17".to_owned(),
    }
}

fn server(answer: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Server {
    Server::new().on(
        "DELETE",
        "/api/v1/namespaces/shop/pods/db-0",
        move |asked| answer(asked.nth),
    )
}

#[tokio::test]
async fn a_pod_is_deleted_only_if_it_still_is_that_very_one_and_in_its_own_time() {
    let server = server(|_| ok(&json!({"metadata": {"deletionTimestamp": "now"}})));
    assert!(delete(&server.client(), "shop", &pod()).await.unwrap());
    let log = server.log();
    assert_eq!((log.len(), log[0].query.as_str()), (1, ""));
    let body: Value = serde_json::from_slice(&log[0].body).unwrap();
    let expected = json!({"preconditions": {"uid": "u-0", "resourceVersion": "17"}});
    assert_eq!(body, expected);
}

type Row = (
    &'static str,
    fn(usize) -> Answer,
    std::result::Result<bool, &'static str>,
    usize,
);

async fn run(rows: &[Row]) {
    for (says, answer, expected, sent) in rows {
        let server = server(*answer);
        let came = delete(&server.client(), "shop", &pod()).await;
        match (came, expected) {
            (Ok(came), Ok(expected)) => assert_eq!(came, *expected, "{says}"),
            (Err(error), Err(hint)) => {
                let text = "delete the stuck pod `db-0` in namespace `shop`";
                assert_eq!(error.to_string(), text);
                assert!(error.hint().unwrap_or_default().contains(hint), "{says}");
            }
            (came, _) => panic!("{says}: {came:?}"),
        }
        assert_eq!(server.log().len(), *sent, "{says}");
    }
}

#[tokio::test]
async fn a_plain_answer_is_taken_at_its_word() {
    run(&[
        (
            "it has become ready",
            |_| status(409, "precondition"),
            Ok(false),
            1,
        ),
        ("it is gone", |_| status(404, "not found"), Ok(false), 1),
        (
            "may not",
            |_| status(403, "may not"),
            Err("grant delete on pods: apply the Role that `rollguard doctor rollback -n shop` prints"),
            1,
        ),
        ("a webhook refuses", |_| status(422, "no"), Err(""), 1),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_says_nothing_is_followed_by_the_same_question() {
    run(&[
        ("a gateway knows nothing of it", |_| page(404), Err(""), 3),
        (
            "overload, then done",
            |nth| {
                if nth == 1 {
                    later(429, "1")
                } else {
                    ok(&json!({}))
                }
            },
            Ok(true),
            2,
        ),
        (
            "overload, and by then it has become ready",
            |nth| {
                if nth == 1 {
                    later(429, "1")
                } else {
                    status(409, "precondition")
                }
            },
            Ok(false),
            2,
        ),
        (
            "the answer was lost, and it is being deleted",
            |nth| {
                if nth == 1 {
                    refused()
                } else {
                    status(409, "precondition")
                }
            },
            Ok(true),
            2,
        ),
        (
            "no answer, and it is gone",
            |nth| {
                if nth == 1 {
                    silence()
                } else {
                    status(404, "not found")
                }
            },
            Ok(true),
            2,
        ),
        (
            "out of reach",
            |_| refused(),
            Err("is the cluster running"),
            3,
        ),
    ])
    .await;
}
