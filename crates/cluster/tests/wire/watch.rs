//! Watches that are paged, dropped, too old, refused, silent.

use k8s_openapi::api::core::v1::Event;
use kube::Api;
use kube::api::PostParams;
use rollguard_cluster::{Watch, access, observe};
use rollguard_core::observation::{Blindness, ResourceKind, Seen};
use rollguard_core::policy::Policy;
use rollguard_core::session::Session;
use rollguard_core::verdict::Verdict;
use rollguard_sandbox::{ApiFailure, Fault, Requests, Verb};
use serde_json::json;

use crate::support::{
    blind, cluster, deploy, follow, healthy, lists, seconds, seen, versions, web,
};

#[tokio::test(start_paused = true)]
async fn good_and_bad_rollouts_get_their_verdicts() {
    let sandbox = cluster().build();
    let connection = healthy(&sandbox).await;
    deploy(&sandbox, "v2").await;
    let verdict = follow(&connection).await;
    assert!(matches!(verdict, Verdict::Failed { .. }), "{verdict:?}");
    deploy(&sandbox, "v3").await;
    assert_eq!(follow(&connection).await, Verdict::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn a_list_of_several_pages_is_told_as_one() {
    let sandbox = cluster().build();
    let connection = healthy(&sandbox).await;
    let events: Api<Event> = Api::namespaced(sandbox.client(), "shop");
    for number in 0..1100 {
        let event = json!({"metadata": {"name": format!("e-{number}")}, "reason": "Test",
            "involvedObject": {"kind": "Pod", "name": "web-1", "namespace": "shop"}});
        let event = serde_json::from_value(event).unwrap();
        events.create(&PostParams::default(), &event).await.unwrap();
    }
    let seen = seen(&connection, ResourceKind::Event, Box::pin(seconds(1))).await;
    assert_eq!(lists(&seen), 1);
    assert!(seen.len() > 1100, "{}", seen.len());
    let pages = sandbox
        .requests()
        .into_iter()
        .filter(|it| it.path.contains("continue="))
        .count();
    assert_eq!(pages, 2);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_watch_resumes_without_a_gap_and_without_a_word() {
    let sandbox = cluster().build();
    let connection = healthy(&sandbox).await;
    let during = Box::pin(async {
        seconds(1).await;
        sandbox.faults().drop_watches(&Requests::all());
        deploy(&sandbox, "v3").await;
        deploy(&sandbox, "v4").await;
        seconds(5).await;
    });
    let seen = seen(&connection, ResourceKind::Deployment, during).await;
    assert_eq!(versions(&seen), ["v1", "v3", "v4"]);
    assert_eq!((lists(&seen), blind(&seen).len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_history_that_was_compacted_is_listed_anew_without_a_word() {
    let sandbox = cluster().build();
    let connection = healthy(&sandbox).await;
    let during = Box::pin(async {
        seconds(1).await;
        sandbox.faults().drop_watches(&Requests::all());
        deploy(&sandbox, "v3").await;
        sandbox.faults().compact_history();
        seconds(5).await;
    });
    let seen = seen(&connection, ResourceKind::Deployment, during).await;
    assert_eq!(versions(&seen), ["v1", "v3"]);
    assert_eq!((lists(&seen), blind(&seen).len()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn events_that_may_not_be_seen_leave_the_rest_in_sight() {
    let sandbox = cluster().build();
    let connection = healthy(&sandbox).await;
    sandbox.faults().forbid(Verb::List, "events");
    deploy(&sandbox, "v3").await;
    assert_eq!(follow(&connection).await, Verdict::Succeeded);
    let seen = seen(&connection, ResourceKind::Event, Box::pin(seconds(60))).await;
    assert!(
        matches!(blind(&seen)[..], [Blindness::Forbidden { .. }]),
        "{seen:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn events_that_cannot_be_read_for_ever_leave_the_rest_in_sight() {
    let sandbox = cluster().build();
    let connection = healthy(&sandbox).await;
    let broken = Fault::Answer(ApiFailure::internal("no key to decrypt"));
    let events = Requests::all().resource("events");
    sandbox.faults().inject(events, broken);
    sandbox.faults().drop_watches(&Requests::all());
    deploy(&sandbox, "v2").await;
    let verdict = follow(&connection).await;
    assert!(matches!(verdict, Verdict::Failed { .. }), "{verdict:?}");
    deploy(&sandbox, "v3").await;
    assert_eq!(follow(&connection).await, Verdict::Succeeded);
}

/// Returns what a watch may be refused with for as long as a gateway or an API server pleases.
fn refusals() -> [Fault; 4] {
    let refusal = |code, reason| Fault::Answer(ApiFailure::new(code, reason, "no watches here"));
    [
        refusal(405, "MethodNotAllowed"),
        refusal(410, "Expired"),
        refusal(500, "InternalError"),
        Fault::Page(405),
    ]
}

#[tokio::test(start_paused = true)]
async fn where_every_watch_is_refused_lists_tell_how_a_rollout_ends() {
    for refusal in refusals() {
        let sandbox = cluster().build();
        let connection = healthy(&sandbox).await;
        let watches = Requests::all().verb(Verb::Watch);
        sandbox.faults().inject(watches, refusal.clone());
        sandbox.faults().drop_watches(&Requests::all());
        deploy(&sandbox, "v2").await;
        let verdict = follow(&connection).await;
        let failed = matches!(verdict, Verdict::Failed { .. });
        assert!(failed, "{refusal:?}: {verdict:?}");
        deploy(&sandbox, "v3").await;
        let verdict = follow(&connection).await;
        assert_eq!(verdict, Verdict::Succeeded, "{refusal:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn refused_watches_cost_less_than_one_request_a_second_and_resource() {
    let lists = Fault::Answer(ApiFailure::too_many_requests(1));
    let rows = refusals().map(|fault| (Requests::all().verb(Verb::Watch), fault));
    for (requests, fault) in rows.into_iter().chain([(Requests::all(), lists)]) {
        let sandbox = cluster().build();
        let connection = healthy(&sandbox).await;
        let during = Box::pin(async {
            seconds(1).await;
            sandbox.faults().inject(requests, fault.clone());
            sandbox.faults().drop_watches(&Requests::all());
            let before = sandbox.requests().len();
            seconds(120).await;
            let sent = sandbox.requests().len() - before;
            assert!(sent <= 4 * 120, "{fault:?}: {sent} requests in 120 s");
            assert!(sent >= 4 * 20, "{fault:?}: {sent} requests in 120 s");
        });
        seen(&connection, ResourceKind::Deployment, during).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_workload_that_may_not_be_watched_is_undetermined() {
    let sandbox = cluster().build();
    let connection = healthy(&sandbox).await;
    sandbox.faults().forbid(Verb::List, "deployments");
    let verdict = follow(&connection).await;
    assert!(
        matches!(verdict, Verdict::Undetermined { .. }),
        "{verdict:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_token_that_expires_under_way_is_undetermined() {
    let sandbox = cluster().build();
    let connection = healthy(&sandbox).await;
    deploy(&sandbox, "v2").await;
    let expire = async {
        seconds(2).await;
        let fault = Fault::Answer(ApiFailure::unauthorized());
        sandbox.faults().inject(Requests::all(), fault);
        sandbox.faults().drop_watches(&Requests::all());
        std::future::pending::<()>().await;
    };
    let verdict = tokio::select! {
        verdict = follow(&connection) => verdict,
        () = expire => unreachable!("it waits for ever"),
    };
    assert!(
        matches!(verdict, Verdict::Undetermined { .. }),
        "{verdict:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_outage_shorter_than_the_limit_is_lived_through() {
    let sandbox = cluster().build();
    let connection = healthy(&sandbox).await;
    deploy(&sandbox, "v3").await;
    let outage = async {
        seconds(1).await;
        sandbox.faults().inject(Requests::all(), Fault::Disconnect);
        sandbox.faults().drop_watches(&Requests::all());
        seconds(20).await;
        sandbox.faults().clear();
        std::future::pending::<()>().await;
    };
    let verdict = tokio::select! {
        verdict = follow(&connection) => verdict,
        () = outage => unreachable!("it waits for ever"),
    };
    assert_eq!(verdict, Verdict::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_come_back_is_undetermined() {
    for fault in [Fault::Disconnect, Fault::NeverAnswer] {
        let sandbox = cluster().build();
        let connection = healthy(&sandbox).await;
        deploy(&sandbox, "v2").await;
        let outage = async {
            seconds(2).await;
            sandbox.faults().inject(Requests::all(), fault.clone());
            sandbox.faults().drop_watches(&Requests::all());
            std::future::pending::<()>().await;
        };
        let verdict = tokio::select! {
            verdict = follow(&connection) => verdict,
            () = outage => unreachable!("it waits for ever"),
        };
        assert!(
            matches!(verdict, Verdict::Undetermined { .. }),
            "{fault:?}: {verdict:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn watches_that_stall_are_found_out_and_the_resource_listed_anew() {
    let sandbox = cluster().build();
    let connection = healthy(&sandbox).await;
    let during = Box::pin(async {
        seconds(1).await;
        sandbox.faults().stall_watches(Requests::all());
        deploy(&sandbox, "v3").await;
        seconds(17).await;
    });
    let seen = seen(&connection, ResourceKind::Deployment, during).await;
    assert_eq!(versions(&seen), ["v1", "v3"]);
    assert!(
        matches!(blind(&seen)[..], [Blindness::Disconnected { .. }]),
        "{seen:?}"
    );
    assert_eq!(lists(&seen), 2);
}

#[tokio::test(start_paused = true)]
async fn quiet_watches_go_on_for_minutes_without_a_word() {
    let sandbox = cluster().build();
    let connection = healthy(&sandbox).await;
    let during = Box::pin(async {
        seconds(300).await;
        deploy(&sandbox, "v3").await;
        seconds(1).await;
    });
    let seen = seen(&connection, ResourceKind::Deployment, during).await;
    assert_eq!(versions(&seen), ["v1", "v3"]);
    assert_eq!((lists(&seen), blind(&seen).len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn seeing_everything_twice_changes_nothing() {
    use futures::StreamExt;
    let sandbox = cluster().build();
    let connection = healthy(&sandbox).await;
    deploy(&sandbox, "v2").await;
    let found = access::find(&connection.client, &web()).await.unwrap();
    let watch = Watch::new(&[found]).unwrap();
    let observations: Vec<_> = observe(&connection.client, &watch, connection.clock)
        .take_until(Box::pin(seconds(60)))
        .collect()
        .await;
    let outcome = |twice: bool| {
        let mut session = Session::new([web()], Policy::default(), observations[0].at);
        for observation in &observations {
            let _ = session.observe(observation.clone());
            if twice {
                let _ = session.observe(observation.clone());
            }
        }
        let last = session.observe(Session::tick(connection.clock.now()));
        (last.verdict, session.timeline().to_vec())
    };
    assert_eq!(outcome(true), outcome(false));
    let events = observations
        .iter()
        .filter(|it| matches!(it.seen, Seen::Event { .. }))
        .count();
    assert!(events > 0);
}
