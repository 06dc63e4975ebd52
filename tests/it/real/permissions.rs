//! The table of permissions on a real API server with RBAC: each command works under exactly its Role, and a doctor
//! names whichever rule is taken away.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;
use kube::api::PostParams;
use libtest_mimic::Trial;
use rollguard_core::permission::{
    Binding, Command, Need, Permission, Scope, Subject, Usage, UsedPermission, role,
};
use rollguard_core::workload::WorkloadKind;
use rollguard_tests::cluster::{LIMITED_USER, RealCluster, apply, with_namespace};
use rollguard_tests::product::{Ran, Rollguard};
use rollguard_tests::scenarios::{Kind, Play, Scenario, all};
use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::time::{Instant, sleep};

use crate::{Stage, trial};

/// How long the API server may take to see a new Role. It takes some milliseconds.
const SETTLES: Duration = Duration::from_secs(20);
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// How many identities are tried at once.
const AT_ONCE: usize = 4;

/// An update that fails, by kind.
const UPDATES: [&str; 3] = [
    "image-tag-missing",
    "db-image-tag-missing",
    "agent-image-tag-missing",
];

pub(crate) fn trials(stage: &Arc<Stage>) -> [Trial; 4] {
    [
        trial(
            "each command works under exactly its Role",
            stage,
            each_command_works_under_its_role,
        ),
        trial(
            "a drill works under exactly its Role",
            stage,
            a_drill_works_under_its_role,
        ),
        trial(
            "a prediction works under exactly its Role",
            stage,
            a_prediction_works_under_its_role,
        ),
        trial(
            "a doctor names each permission that is taken away",
            stage,
            a_doctor_names_what_is_taken_away,
        ),
    ]
}

/// Resources of operators, so that their permissions are asked for.
const OPERATORS: [(&str, &str, &str); 4] = [
    ("cert-manager.io", "certificates", "Certificate"),
    ("external-secrets.io", "externalsecrets", "ExternalSecret"),
    ("bitnami.com", "sealedsecrets", "SealedSecret"),
    (
        "secrets-store.csi.x-k8s.io",
        "secretproviderclasses",
        "SecretProviderClass",
    ),
];

/// The Role of a check that marks nothing, bound to [`LIMITED_USER`]: who has it may look, and change nothing.
pub(crate) fn may_look(namespace: &str) -> String {
    let usage = Usage {
        mark: false,
        ..Usage::of([Command::Check])
    };
    let mut permissions = usage.permissions();
    permissions.retain(|it| it.permission.scope == Scope::Namespace);
    let binding = Binding {
        namespace: namespace.to_owned(),
        subject: Subject::User(LIMITED_USER.to_owned()),
    };
    role(&permissions, &binding)
}

/// A ServiceAccount that may do what its Role says.
struct Account {
    /// Lives as long as it is used.
    _kubeconfig: NamedTempFile,
    rollguard: Rollguard,
}

/// Creates a ServiceAccount in a namespace, with exactly these permissions.
async fn account(
    cluster: &RealCluster,
    namespace: &str,
    name: &str,
    permissions: &[UsedPermission],
) -> Result<Account> {
    let client = cluster.client();
    let binding = Binding {
        namespace: namespace.to_owned(),
        subject: Subject::ServiceAccount {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        },
    };
    let object = format!("apiVersion: v1\nkind: ServiceAccount\nmetadata: {{ name: {name} }}\n");
    // Several accounts of one namespace have Roles of the same commands, so that their names must differ.
    let role = role(permissions, &binding);
    let named = |line: &str| match line.strip_prefix("  name: rollguard-") {
        Some(_) => format!("  name: {namespace}-{name}\n"),
        None => format!("{line}\n"),
    };
    let role: String = role.lines().map(named).collect();
    for objects in [object, role].iter().filter(|it| !it.is_empty()) {
        apply(&client, namespace, objects).await?;
    }
    let accounts: Api<ServiceAccount> = Api::namespaced(client, namespace);
    let (params, request) = (PostParams::default(), TokenRequest::default());
    let token = accounts.create_token_request(name, &params, &request);
    let token = token.await.context("failed to create a token")?;
    let token = token.status.context("no token")?.token;
    let kubeconfig = NamedTempFile::new()?;
    std::fs::write(kubeconfig.path(), cluster.kubeconfig_for(&token))?;
    Ok(Account {
        rollguard: Rollguard::new(kubeconfig.path())?,
        _kubeconfig: kubeconfig,
    })
}

/// The permissions that a doctor reports as missing, and its exit code.
#[derive(Debug, PartialEq, Eq)]
struct Diagnosed {
    missing: BTreeSet<String>,
    code: i32,
}

impl Account {
    async fn doctor(&self, args: &[&str]) -> Result<Diagnosed> {
        let mut all = vec!["doctor", "-o", "json"];
        all.extend(args);
        let ran = self.rollguard.run(&all).await?;
        let json = ran.json()?;
        let permissions = json["permissions"].as_array().context("no permissions")?;
        let missing = permissions.iter().filter(|it| it["answer"] == "missing");
        Ok(Diagnosed {
            missing: missing.map(named).collect(),
            code: ran.code,
        })
    }

    /// Waits until a doctor says what is expected.
    async fn settles(&self, args: &[&str], expected: &Diagnosed) -> Result<()> {
        let begun = Instant::now();
        loop {
            let found = self.doctor(args).await?;
            if found == *expected {
                return Ok(());
            }
            ensure!(
                begun.elapsed() < SETTLES,
                "{found:?} instead of {expected:?}"
            );
            sleep(LOOK_AGAIN).await;
        }
    }

    /// Waits until all is granted.
    async fn is_ready(&self, args: &[&str]) -> Result<()> {
        let ready = Diagnosed {
            missing: BTreeSet::new(),
            code: 0,
        };
        self.settles(args, &ready).await
    }
}

fn named(permission: &Value) -> String {
    let text = |field: &str| permission[field].as_str().unwrap_or_default().to_owned();
    let (group, resource) = (text("group"), text("resource"));
    let verb = text("verb");
    if group.is_empty() {
        format!("{verb} {resource}")
    } else {
        format!("{verb} {resource}.{group}")
    }
}

fn ended(ran: &Ran, code: i32) -> Result<()> {
    ensure!(ran.code == code, "not {code}: {}", ran.all());
    // A permission that the table lacks would show here.
    for word in ["forbidden", "may not ", "not seen"] {
        ensure!(!ran.all().contains(word), "`{word}` is in: {}", ran.all());
    }
    Ok(())
}

fn kind_of(kind: Kind) -> WorkloadKind {
    match kind {
        Kind::Deployment => WorkloadKind::Deployment,
        Kind::StatefulSet => WorkloadKind::StatefulSet,
        Kind::DaemonSet => WorkloadKind::DaemonSet,
    }
}

fn scenario(name: &str) -> Result<&'static Scenario> {
    let found = all().find(|scenario| scenario.name == name);
    found.with_context(|| format!("the scenario {name} is gone"))
}

/// Check, mark, rollback and the check after it, each by an identity that has nothing but the command's own Role.
async fn each_command_works_under_its_role(stage: Arc<Stage>) -> Result<()> {
    let cluster = stage.cluster()?;
    for name in UPDATES {
        let scenario = scenario(name)?;
        with_namespace(cluster, "own-role", async |_, namespace| {
            under_its_role(cluster, &namespace, scenario)
                .await
                .with_context(|| format!("{name} under its own Role"))
        })
        .await?;
    }
    Ok(())
}

async fn under_its_role(
    cluster: &Arc<RealCluster>,
    namespace: &str,
    scenario: &'static Scenario,
) -> Result<()> {
    let workload = scenario.kind.workload();
    let kinds = [kind_of(scenario.kind)];
    let both = Usage::of([Command::Check, Command::Rollback]).with_kinds(kinds);
    let rollback = Usage::of([Command::Rollback]).with_kinds(kinds);
    let check_only = Usage::of([Command::Check]).with_kinds(kinds);
    let watcher = account(cluster, namespace, "watcher", &check_only.permissions()).await?;
    let checker = account(cluster, namespace, "checker", &both.permissions()).await?;
    let undoer = account(cluster, namespace, "undoer", &rollback.permissions()).await?;
    let nobody = account(cluster, namespace, "nobody", &[]).await?;
    checker
        .is_ready(&["check", "rollback", workload, "-n", namespace])
        .await?;
    undoer
        .is_ready(&["rollback", workload, "-n", namespace])
        .await?;

    let mut play = Play::new(cluster, namespace, scenario)?;
    play.deploy_v1().await?;
    let check = [
        "check",
        workload,
        "-n",
        namespace,
        "--timeout",
        "60s",
        "--stable-for",
        "1s",
    ];
    let healthy = watcher.rollguard.run(&check).await?;
    ended(&healthy, 0)?;
    ensure!(
        healthy.all().contains("as last known good"),
        "not marked: {}",
        healthy.all()
    );

    play.deploy_v2().await?;
    let failing: Vec<&str> = check
        .into_iter()
        .chain(["--grace", "ImageNotFound=10s"])
        .collect();
    let failed = checker.rollguard.run(&failing).await?;
    ended(&failed, 10)?;
    // What a rollback would meet is not all seen then; the verdict stays.
    let again = watcher.rollguard.run(&failing).await?;
    ensure!(again.code == 10, "{}", again.all());

    // Without any Role, a doctor itself works.
    let none = nobody.doctor(&["check", workload, "-n", namespace]).await?;
    ensure!(
        none.code == 5 && none.missing.contains("list events"),
        "{none:?}"
    );
    let refused = nobody.rollguard.run(&check).await?;
    ensure!(refused.code == 12, "{}", refused.all());

    let args = [
        "rollback",
        workload,
        "-n",
        namespace,
        "--yes",
        "--timeout",
        "60s",
        "--stable-for",
        "1s",
    ];
    let undone = undoer.rollguard.run(&args).await?;
    ended(&undone, 0)?;
    Ok(())
}

/// A drill, by an identity that has nothing but the drill's own `ClusterRole`.
async fn a_drill_works_under_its_role(stage: Arc<Stage>) -> Result<()> {
    let cluster = stage.cluster()?;
    with_namespace(cluster, "drill-role", async |_, namespace| {
        let usage = Usage::of([Command::Drill]).with_kinds([WorkloadKind::Deployment]);
        let driller = account(cluster, &namespace, "driller", &usage.permissions()).await?;
        driller.is_ready(&["drill", "-n", &namespace]).await?;
        let image = "drill-role:good";
        cluster.push_image(image)?;
        let image = format!("{}/{image}", cluster.registry());
        let args = [
            "drill",
            "--context",
            "rollguard-test",
            "--approve",
            "--image",
            &image,
        ];
        let ran = driller.rollguard.run(&args).await?;
        ensure!(ran.code == 0, "{}", ran.all());
        ensure!(
            ran.all().contains("v1 is restored and healthy"),
            "{}",
            ran.all()
        );
        Ok(())
    })
    .await
}

/// Predictions before an update, by an identity that has nothing but their own Role; without it nothing is certain.
async fn a_prediction_works_under_its_role(stage: Arc<Stage>) -> Result<()> {
    let cluster = stage.cluster()?;
    for (name, code) in [
        ("secret-missing", "ConfigObjectMissing"),
        ("limit-range-violated", "LimitRangeViolated"),
        ("db-claim-unbound", "ClaimNotProvisioned"),
        ("agent-quota-exceeded", "QuotaExceeded"),
    ] {
        let scenario = scenario(name)?;
        with_namespace(cluster, "lint-role", async |_, namespace| {
            let usage = Usage::of([Command::Lint]).with_kinds([kind_of(scenario.kind)]);
            let seer = account(cluster, &namespace, "seer", &usage.permissions()).await?;
            let nobody = account(cluster, &namespace, "nobody", &[]).await?;
            seer.is_ready(&["lint", scenario.kind.workload(), "-n", &namespace])
                .await?;
            let play = Play::new(cluster, &namespace, scenario)?;
            play.deploy_v1().await?;
            play.prepare_v2().await?;
            let file = NamedTempFile::with_suffix(".yaml")?;
            std::fs::write(file.path(), play.v2())?;
            let path = file.path().to_string_lossy().into_owned();
            let args = [
                "lint",
                "--live",
                &path,
                "-n",
                &namespace,
                "--fail-on",
                "never",
                "--fail-on-prediction",
                "likely",
            ];
            let ran = seer.rollguard.run(&args).await?;
            ended(&ran, 10)?;
            ensure!(ran.all().contains(code), "no {code}: {}", ran.all());
            let blind = nobody.rollguard.run(&args).await?;
            ensure!(blind.code == 0, "{}", blind.all());
            ensure!(blind.all().contains("not seen"), "{}", blind.all());
            Ok(())
        })
        .await
        .with_context(|| format!("{name} under the Role of lint"))?;
    }
    Ok(())
}

/// Takes each permission of the table away, one at a time.
async fn a_doctor_names_what_is_taken_away(stage: Arc<Stage>) -> Result<()> {
    let cluster = stage.cluster()?;
    with_namespace(cluster, "one-less", async |client, namespace| {
        apply(&client, &namespace, &operators()).await?;
        let usage = Usage {
            selector: true,
            http: true,
            ..Usage::of([Command::Check, Command::Rollback])
        };
        let all = usage.permissions();
        let rows: Vec<(usize, Permission)> =
            all.iter().map(|it| it.permission).enumerate().collect();
        let rows = stream::iter(rows).map(|row| one_less(cluster, &namespace, &all, row));
        rows.buffer_unordered(AT_ONCE)
            .try_collect::<Vec<()>>()
            .await?;
        Ok(())
    })
    .await
}

async fn one_less(
    cluster: &RealCluster,
    namespace: &str,
    all: &[UsedPermission],
    (number, taken): (usize, Permission),
) -> Result<()> {
    let left: Vec<UsedPermission> = all
        .iter()
        .filter(|it| it.permission != taken)
        .cloned()
        .collect();
    let used = all
        .iter()
        .find(|it| it.permission == taken)
        .context("no such row")?;
    let expected = Diagnosed {
        missing: [taken.to_string()].into(),
        code: if used.need() == Need::Needed { 5 } else { 0 },
    };
    let account = account(cluster, namespace, &format!("less-{number}"), &left).await?;
    let args = [
        "check", "rollback", "-n", namespace, "-l", "app=web", "--http", "/healthz",
    ];
    let settled = account.settles(&args, &expected).await;
    settled.with_context(|| format!("without {taken}"))
}

/// The definitions of the operators' resources. They stay: without objects they promise nothing.
fn operators() -> String {
    let each = OPERATORS.map(|(group, plural, kind)| {
        let singular = kind.to_lowercase();
        format!(
            "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{ name: {plural}.{group} }}
spec:
  group: {group}
  scope: Namespaced
  names: {{ plural: {plural}, singular: {singular}, kind: {kind} }}
  versions:
    - name: v1
      served: true
      storage: true
      schema: {{ openAPIV3Schema: {{ type: object, x-kubernetes-preserve-unknown-fields: true }} }}
"
        )
    });
    each.join("---")
}
