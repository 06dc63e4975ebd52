//! Watches, raw and through kube's watcher.

use std::pin::pin;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube::runtime::watcher::{self, Event, watcher};
use rollguard_sandbox::{Requests, Sandbox, Verb};
use serde_json::json;

use crate::support::{Shop, config_map, seconds, shop, web};

fn maps(sandbox: &Sandbox) -> Api<ConfigMap> {
    Shop::of(sandbox).api()
}

async fn create(maps: &Api<ConfigMap>, name: &str) -> String {
    let post = PostParams::default();
    let created = maps.create(&post, &config_map(name)).await.unwrap();
    created.metadata.resource_version.unwrap()
}

/// Returns what a watch says until it ends, as words.
async fn heard(maps: &Api<ConfigMap>, params: &WatchParams, from: &str) -> Vec<String> {
    let stream = maps.watch(params, from).await.unwrap();
    let events: Vec<_> = stream.try_collect().await.unwrap();
    events
        .into_iter()
        .map(|event| {
            let name = |map: ConfigMap| map.metadata.name.unwrap();
            match event {
                WatchEvent::Added(map) => format!("added {}", name(map)),
                WatchEvent::Modified(map) => format!("modified {}", name(map)),
                WatchEvent::Deleted(map) => format!("deleted {}", name(map)),
                WatchEvent::Bookmark(_) => "bookmark".to_owned(),
                WatchEvent::Error(status) => format!("error {} {}", status.code, status.reason),
            }
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_watch_tells_what_happened_since_its_revision_and_what_happens_then() {
    let sandbox = shop().build();
    let maps = maps(&sandbox);
    let from = create(&maps, "a").await;
    create(&maps, "b").await;
    let params = WatchParams::default().timeout(30);
    let late = async {
        seconds(10).await;
        let patch = Patch::Merge(json!({"data": {"key": "other"}}));
        maps.patch("b", &PatchParams::default(), &patch)
            .await
            .unwrap();
        maps.delete("a", &DeleteParams::default()).await.unwrap();
    };
    let (events, ()) = tokio::join!(heard(&maps, &params, &from), late);
    assert_eq!(events, ["added b", "modified b", "deleted a", "bookmark"]);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_leaves_the_selection_is_deleted_for_the_watch() {
    let sandbox = shop().build();
    let maps = maps(&sandbox);
    let from = create(&maps, "a").await;
    for label in ["b", "a"] {
        let patch = Patch::Merge(json!({"metadata": {"labels": {"app": label}}}));
        maps.patch("a", &PatchParams::default(), &patch)
            .await
            .unwrap();
    }
    let params = WatchParams::default().labels("app=a").timeout(1);
    assert_eq!(heard(&maps, &params, &from).await, ["deleted a", "added a"]);
}

#[tokio::test(start_paused = true)]
async fn a_watch_without_a_revision_begins_with_what_is_there() {
    let sandbox = shop().build();
    let maps = maps(&sandbox);
    create(&maps, "a").await;
    let params = WatchParams::default().timeout(1);
    assert_eq!(heard(&maps, &params, "0").await, ["added a"]);
}

#[tokio::test(start_paused = true)]
async fn an_idle_watch_gets_a_bookmark_every_minute_and_before_its_end() {
    let sandbox = shop().build();
    let maps = maps(&sandbox);
    let from = create(&maps, "a").await;
    let params = WatchParams::default().timeout(150);
    assert_eq!(heard(&maps, &params, &from).await, ["bookmark"; 3]);
    let params = params.disable_bookmarks();
    assert!(heard(&maps, &params, &from).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_watch_from_before_the_compaction_is_told_so_in_the_stream() {
    let sandbox = shop().build();
    let maps = maps(&sandbox);
    let from = create(&maps, "a").await;
    sandbox.faults().compact_history();
    let params = WatchParams::default();
    assert_eq!(heard(&maps, &params, &from).await, ["error 410 Expired"]);
}

/// Follows config maps with kube's watcher until `b` appears; returns how often it began again.
async fn relists_until_b(maps: Api<ConfigMap>) -> u32 {
    let mut relists = 0;
    let config = watcher::Config::default();
    let mut events = pin!(watcher(maps, config).filter_map(async |it| it.ok()));
    while let Some(event) = events.next().await {
        match event {
            Event::Init => relists += 1,
            Event::Apply(map) | Event::InitApply(map)
                if map.metadata.name.as_deref() == Some("b") =>
            {
                break;
            }
            Event::Apply(_) | Event::InitApply(_) | Event::InitDone | Event::Delete(_) => {}
        }
    }
    relists
}

#[tokio::test(start_paused = true)]
async fn kubes_watcher_resumes_after_a_dropped_watch_without_a_new_list() {
    let sandbox = shop().build();
    let maps = maps(&sandbox);
    create(&maps, "a").await;
    let breaks = async {
        seconds(10).await;
        sandbox.faults().drop_watches(&Requests::all());
        seconds(1).await;
        create(&maps, "b").await;
    };
    let (relists, ()) = tokio::join!(relists_until_b(maps.clone()), breaks);
    assert_eq!(relists, 1);
    let watches = sandbox.requests();
    let watches = watches.iter().filter(|it| it.verb == Verb::Watch).count();
    assert_eq!(watches, 2);
}

#[tokio::test(start_paused = true)]
async fn kubes_watcher_lists_again_after_a_compaction() {
    let sandbox = shop().build();
    let maps = maps(&sandbox);
    create(&maps, "a").await;
    let breaks = async {
        seconds(10).await;
        sandbox.faults().compact_history();
        sandbox.faults().drop_watches(&Requests::all());
        seconds(1).await;
        create(&maps, "b").await;
    };
    let (relists, ()) = tokio::join!(relists_until_b(maps.clone()), breaks);
    assert_eq!(relists, 2);
}

#[tokio::test(start_paused = true)]
async fn a_stalled_watch_says_nothing_until_the_fault_is_lifted() {
    let sandbox = shop().build();
    let maps = maps(&sandbox);
    let from = create(&maps, "a").await;
    sandbox
        .faults()
        .stall_watches(Requests::all().resource("configmaps"));
    create(&maps, "b").await;
    let stream = maps.watch(&WatchParams::default(), &from).await.unwrap();
    let mut stream = pin!(stream);
    let silence = std::time::Duration::from_secs(290);
    assert!(tokio::time::timeout(silence, stream.next()).await.is_err());
    sandbox.faults().clear();
    let next = stream.try_next().await.unwrap().unwrap();
    assert!(matches!(next, WatchEvent::Added(map) if map.metadata.name.as_deref() == Some("b")));
}

#[tokio::test(start_paused = true)]
async fn watches_end_and_requests_fail_when_the_sandbox_is_dropped() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox);
    let stream = shop.pods.watch(&WatchParams::default(), "0").await.unwrap();
    let post = PostParams::default();
    shop.deployments
        .create(&post, &web(&json!({})))
        .await
        .unwrap();
    seconds(10).await;
    drop(sandbox);
    let ended: Vec<_> = pin!(stream).collect().await;
    assert!(ended.into_iter().all(|it| it.is_ok()));
    assert!(matches!(
        shop.deployments.get("web").await,
        Err(kube::Error::Service(_))
    ));
}
