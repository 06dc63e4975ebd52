//! Several workloads in one session, over shared watches.

use rollguard_core::verdict::Verdict;
use rollguard_core::workload::{WorkloadKind, WorkloadRef};
use rollguard_sandbox::Sandbox;

use crate::support::{cluster, connected, deploy_as, follow_all};

fn named(name: &str) -> WorkloadRef {
    WorkloadRef {
        kind: WorkloadKind::Deployment,
        namespace: "shop".to_owned(),
        name: name.to_owned(),
    }
}

fn watches(sandbox: &Sandbox) -> usize {
    let asked = sandbox.requests();
    let watches = asked.iter().filter(|it| it.path.contains("watch=true"));
    watches.count()
}

#[tokio::test(start_paused = true)]
async fn all_are_healthy_or_one_fails_them_all() {
    let sandbox = cluster().build();
    deploy_as(&sandbox, "web", "v1").await;
    deploy_as(&sandbox, "api", "v1").await;
    let connection = connected(&sandbox).await;
    let both = || vec![named("web"), named("api")];
    assert_eq!(follow_all(&connection, both()).await, Verdict::Succeeded);
    deploy_as(&sandbox, "web", "v2").await;
    let verdict = follow_all(&connection, both()).await;
    let Verdict::Failed { causes } = verdict else {
        panic!("{verdict:?}");
    };
    assert_eq!(causes.len(), 1, "{causes:#?}");
    let only = vec![named("api")];
    assert_eq!(follow_all(&connection, only).await, Verdict::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn ten_workloads_take_no_more_watches_than_one() {
    let mut counts = Vec::new();
    for many in [1, 10] {
        let sandbox = cluster().build();
        let names: Vec<String> = (0..many).map(|it| format!("web-{it}")).collect();
        for name in &names {
            deploy_as(&sandbox, name, "v1").await;
        }
        let connection = connected(&sandbox).await;
        let before = watches(&sandbox);
        let workloads = names.iter().map(|it| named(it)).collect();
        assert_eq!(follow_all(&connection, workloads).await, Verdict::Succeeded);
        counts.push(watches(&sandbox) - before);
    }
    assert_eq!(counts[0], counts[1]);
}
