//! Signing in, and the first look.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, ResourceExt};
use rollguard_cluster::{ClusterErrorKind, Login, access, connect, logs};
use rollguard_core::finding::{Evidence, EvidenceKind};
use rollguard_core::verdict::Verdict;
use rollguard_core::workload::WorkloadName;
use rollguard_sandbox::{ApiFailure, Fault, Requests, Sandbox, Verb};

use crate::support::{cluster, connected, deploy, follow, healthy, seconds, web};

async fn refusal(sandbox: &Sandbox) -> rollguard_cluster::ClusterError {
    match connect(&Login::Client(sandbox.client()), Timestamp::UNIX_EPOCH).await {
        Ok(_) => panic!("connected"),
        Err(error) => error,
    }
}

#[tokio::test(start_paused = true)]
async fn the_clock_is_the_clusters() {
    let sandbox = cluster().build();
    seconds(7).await;
    let connection = connected(&sandbox).await;
    assert_eq!(
        connection.clock.now(),
        "2026-01-01T10:00:07Z".parse().unwrap()
    );
}

#[tokio::test(start_paused = true)]
async fn credentials_that_are_not_accepted_are_told_at_the_door() {
    let sandbox = cluster().build();
    let fault = Fault::Answer(ApiFailure::unauthorized());
    sandbox.faults().inject(Requests::all(), fault);
    assert_eq!(
        refusal(&sandbox).await.kind(),
        ClusterErrorKind::Credentials
    );
}

#[tokio::test(start_paused = true)]
async fn a_silent_or_broken_server_is_unreachable() {
    for fault in [Fault::NeverAnswer, Fault::Disconnect] {
        let sandbox = cluster().build();
        sandbox.faults().inject(Requests::all(), fault.clone());
        assert_eq!(
            refusal(&sandbox).await.kind(),
            ClusterErrorKind::Unreachable,
            "{fault:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_is_named_with_what_exists() {
    let sandbox = cluster().build();
    deploy(&sandbox, "v1").await;
    let client = connected(&sandbox).await.client;
    let rows = [
        (
            "wbe",
            "shop",
            "find deployment/wbe: it does not exist in namespace `shop`",
            "Deployments there: web",
        ),
        (
            "web",
            "default",
            "find deployment/web: it does not exist in namespace `default`",
            "namespace `default` has no Deployments; check the namespace and the cluster",
        ),
        (
            "web",
            "store",
            "find deployment/web: namespace `store` does not exist",
            "check the namespace and the cluster (--namespace, --context)",
        ),
    ];
    for (name, namespace, text, hint) in rows {
        let workload = WorkloadName::parse(&format!("deployment/{name}")).unwrap();
        let error = access::find(&client, &workload.in_namespace(namespace))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ClusterErrorKind::NotFound);
        assert_eq!(
            (error.to_string().as_str(), error.hint().unwrap().as_str()),
            (text, hint)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_may_not_be_read_names_what_to_grant() {
    let sandbox = cluster().build();
    deploy(&sandbox, "v1").await;
    sandbox.faults().forbid(Verb::Get, "deployments");
    let client = connected(&sandbox).await.client;
    let error = access::find(&client, &web()).await.unwrap_err();
    assert_eq!(error.kind(), ClusterErrorKind::Forbidden);
    assert!(
        error
            .hint()
            .unwrap()
            .contains("grant get,list,watch on deployments.apps,")
    );
}

#[tokio::test(start_paused = true)]
async fn the_last_words_of_a_crashed_container_are_found() {
    let sandbox = cluster().build();
    let connection = healthy(&sandbox).await;
    deploy(&sandbox, "v2").await;
    assert!(matches!(follow(&connection).await, Verdict::Failed { .. }));
    let pods: Api<Pod> = Api::namespaced(sandbox.client(), "shop");
    let bad = pods
        .list(&kube::api::ListParams::default().labels("version=v2"))
        .await
        .unwrap();
    let logs = logs::evidence(&connection.client, "shop", &bad.items[0].name_any(), "app").await;
    let words = "cannot open /data\ngiving up";
    assert_eq!(
        logs.evidence[0],
        Evidence::new(EvidenceKind::PreviousLog, words)
    );
    assert_eq!(logs.notes, Vec::<String>::new());
}
