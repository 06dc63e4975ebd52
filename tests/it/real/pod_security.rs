//! The levels `baseline` and `restricted` of `lint` beside the admission of the API server itself, on generated pods.
//!
//! A namespace for each version and level says by its labels what its pods may be. Every pod is sent there as a server-side
//! dry run. Both must say the same: that it is admitted, or which checks refuse it. A pod that the API server refuses for
//! another reason, such as an invalid field, does not count.
//!
//! An API server takes a version that is newer than its own for its own (`policy/registry.go`). The checks of newer versions
//! are compared with the fixtures of Pod Security admission alone, in `it/lint.rs`.
//!
//! Rules were broken by hand to see a test fail. Host ports of the first container alone, and an escalation that is allowed
//! where it is unset: the fixtures in `it/lint.rs` object to both. The host of a `preStop` hook forgotten: no fixture has one,
//! and the rows for every hook in `tests/levels.rs` of the linter object to it. The pods that are generated here hold all three.

mod pods;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use http::header::CONTENT_TYPE;
use jiff::civil::date;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use proptest::strategy::{Strategy as _, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rollguard_lint::{KubernetesVersion, Level, LintCode, Rules, judge};
use rollguard_tests::cluster::{RealCluster, with_namespace};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::Stage;

/// How many namespaces are asked together, and how many pods of each.
const NAMESPACES_AT_ONCE: usize = 4;
const PODS_AT_ONCE: usize = 4;

/// How many pods and added containers are generated for each namespace.
const PODS: usize = 120;
const EPHEMERAL: usize = 20;

/// How many of them must be decided in all.
const DECIDED: usize = 2_000;

/// How many disagreements are shown for each namespace.
const SHOWN: usize = 2;

/// How long the API server may take to notice the labels of a namespace, and how often it is asked.
const NOTICED: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The pod that gets ephemeral containers.
const RUNNING: &str = "running";

/// A generated value that can be made smaller.
type Tree = Box<dyn ValueTree<Value = Value>>;

/// A check of Pod Security: how its refusals begin, and the codes of `lint` for it.
struct Check {
    refusals: &'static [&'static str],
    codes: &'static [LintCode],
}

const fn check(refusals: &'static [&'static str], codes: &'static [LintCode]) -> Check {
    Check { refusals, codes }
}

impl Check {
    /// Its name: how the first of its refusals begins.
    const fn name(&self) -> &'static str {
        match self.refusals {
            [first, ..] => first,
            [] => "",
        }
    }
}

const CHECKS: &[Check] = &[
    check(
        &["allowPrivilegeEscalation != false ("],
        &[LintCode::PrivilegeEscalation],
    ),
    check(
        &["forbidden AppArmor profile"],
        &[LintCode::AppArmorProfile],
    ),
    check(
        &["non-default capabilities (", "unrestricted capabilities ("],
        &[
            LintCode::DangerousCapability,
            LintCode::AddedCapability,
            LintCode::CapabilityName,
            LintCode::CapabilitiesNotDropped,
        ],
    ),
    check(
        &["host namespaces ("],
        &[LintCode::HostNetwork, LintCode::HostNamespace],
    ),
    check(
        &["hostPath volumes (", "restricted volume types ("],
        &[LintCode::HostPathVolume, LintCode::RestrictedVolume],
    ),
    check(&[HOST_PORT], &[LintCode::HostPort]),
    check(&["probe or lifecycle host ("], &[LintCode::ProbeHost]),
    check(&["privileged ("], &[LintCode::PrivilegedContainer]),
    check(&["procMount ("], &[LintCode::UnmaskedProcMount]),
    check(&["runAsNonRoot != true ("], &[LintCode::MayRunAsRoot]),
    check(&["runAsUser=0 ("], &[LintCode::RunsAsRoot]),
    check(&["seLinuxOptions ("], &[LintCode::SelinuxOptions]),
    check(&["seccompProfile ("], &[LintCode::SeccompProfile]),
    check(
        &["forbidden sysctls ("],
        &[LintCode::UnsafeSysctl, LintCode::SysctlName],
    ),
    check(&["hostProcess ("], &[LintCode::HostProcessContainer]),
];

const HOST_PORT: &str = "hostPort (";

/// The checks that refuse a pod, by their first words; none for a pod that is admitted.
type Refused = BTreeSet<&'static str>;

/// The level that a namespace enforces.
#[derive(Debug, Clone, Copy)]
struct Enforced {
    level: Level,
    version: KubernetesVersion,
    /// Whether the label says `latest`.
    is_latest: bool,
}

impl Enforced {
    /// Returns every level in every version up to that of the API server.
    fn all(newest: u32) -> Vec<Self> {
        let known = |minor: &u32| KubernetesVersion::minor(*minor) >= KubernetesVersion::OLDEST;
        let versions = (0..=newest).filter(known).map(|it| (it, false));
        versions
            .chain([(newest, true)])
            .flat_map(|(minor, is_latest)| {
                [Level::Baseline, Level::Restricted].map(|level| Self {
                    level,
                    version: KubernetesVersion::minor(minor),
                    is_latest,
                })
            })
            .collect()
    }

    /// The value of the label for the version.
    fn label(self) -> String {
        if self.is_latest {
            "latest".to_owned()
        } else {
            format!("v{}", self.version)
        }
    }

    /// The level and the version as a refusal names them.
    fn name(self) -> String {
        format!("{}:{}", self.level, self.label())
    }

    /// A generator of its own, the same in each run.
    fn runner(self) -> TestRunner {
        let mut seed = [0; 32];
        for (place, byte) in seed.iter_mut().zip(self.name().bytes()) {
            *place = byte;
        }
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        TestRunner::new_with_rng(Config::default(), rng)
    }
}

/// How the API server is asked about a generated value.
#[derive(Debug, Clone, Copy)]
enum Request {
    /// It is a pod that is created.
    Create,
    /// It is an ephemeral container that a running pod gets.
    Add,
}

/// Both answers about one pod.
#[derive(Debug)]
struct Answers {
    /// `None` where the API server refuses the pod for another reason.
    theirs: Option<Refused>,
    ours: Refused,
    /// The words of the API server.
    said: String,
}

impl Answers {
    fn differ(&self) -> bool {
        self.theirs.as_ref().is_some_and(|it| *it != self.ours)
    }
}

/// The answers of a namespace, counted.
#[derive(Debug, Default)]
struct Tally {
    admitted: usize,
    refused: usize,
    undecided: usize,
    checks: Refused,
    disagreements: Vec<String>,
}

impl Tally {
    fn count(&mut self, answers: &Answers) {
        match &answers.theirs {
            None => self.undecided += 1,
            Some(checks) if checks.is_empty() => self.admitted += 1,
            Some(checks) => {
                self.refused += 1;
                self.checks.extend(checks);
            }
        }
    }
}

/// Asks both about generated pods at every level.
pub(crate) async fn agrees(stage: Arc<Stage>) -> Result<()> {
    let cluster = stage.cluster()?;
    let version = cluster.client().apiserver_version().await?;
    let newest: u32 = version.minor.trim_end_matches('+').parse()?;
    let all = Enforced::all(newest).into_iter();
    let all = all.map(|it| tally(cluster, it));
    let all = stream::iter(all).buffer_unordered(NAMESPACES_AT_ONCE);
    let all: Vec<Tally> = all.try_collect().await?;
    let sum = |count: fn(&Tally) -> usize| all.iter().map(count).sum::<usize>();
    let (admitted, refused) = (sum(|it| it.admitted), sum(|it| it.refused));
    let undecided = sum(|it| it.undecided);
    eprintln!("Pod Security: {admitted} pods admitted, {refused} refused, {undecided} invalid");
    let disagreements = all.iter().flat_map(|it| it.disagreements.iter().cloned());
    let disagreements: Vec<String> = disagreements.collect();
    ensure!(disagreements.is_empty(), "{}", disagreements.join("\n\n"));
    ensure!(
        admitted + refused >= DECIDED && admitted.min(refused) >= DECIDED / 5,
        "too few pods were decided, or one answer is too rare"
    );
    let seen: Refused = all.iter().flat_map(|it| it.checks.clone()).collect();
    let mut names = CHECKS.iter().map(Check::name);
    let unseen = names.find(|it| !seen.contains(it));
    ensure!(unseen.is_none(), "no pod was refused for {unseen:?}");
    Ok(())
}

async fn tally(cluster: &RealCluster, enforced: Enforced) -> Result<Tally> {
    let mut tally = Tally::default();
    with_namespace(cluster, "level", async |client, namespace| {
        let space = Space {
            client,
            namespace,
            enforced,
        };
        tally = space.tally().await?;
        Ok(())
    })
    .await
    .with_context(|| format!("level {}", enforced.name()))?;
    Ok(tally)
}

/// A namespace with a level.
struct Space {
    client: Client,
    namespace: String,
    enforced: Enforced,
}

impl Space {
    async fn tally(&self) -> Result<Tally> {
        self.prepare().await?;
        let mut tally = Tally::default();
        let mut runner = self.enforced.runner();
        for (request, strategy, cases) in [
            (Request::Create, pods::pods(), PODS),
            (Request::Add, pods::ephemeral(), EPHEMERAL),
        ] {
            let trees: Result<Vec<Tree>, _> =
                (0..cases).map(|_| strategy.new_tree(&mut runner)).collect();
            let trees = trees.map_err(|why| anyhow!("nothing is generated: {why}"))?;
            let answers = trees.iter().map(|it| self.answers(request, it.current()));
            let answers = stream::iter(answers).buffered(PODS_AT_ONCE);
            let answers: Vec<Answers> = answers.try_collect().await?;
            for (tree, answers) in trees.into_iter().zip(answers) {
                tally.count(&answers);
                if answers.differ() && tally.disagreements.len() < SHOWN {
                    tally
                        .disagreements
                        .push(self.disagreement(request, tree).await?);
                }
            }
        }
        Ok(tally)
    }

    /// Sets the level, waits until it is in force, and creates the pod that gets containers.
    async fn prepare(&self) -> Result<()> {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let labels = json!({"metadata": {"labels": {
            "pod-security.kubernetes.io/enforce": self.enforced.level.as_str(),
            "pod-security.kubernetes.io/enforce-version": self.enforced.label()}}});
        namespaces
            .patch(
                &self.namespace,
                &PatchParams::default(),
                &Patch::Merge(labels),
            )
            .await?;
        let mut refused = pods::sound();
        refused["spec"]["hostPID"] = json!(true);
        let limit = Instant::now() + NOTICED;
        while !self
            .said(Request::Create, &refused)
            .await?
            .is_some_and(|it| it.contains("violates PodSecurity"))
        {
            ensure!(
                Instant::now() < limit,
                "the level is not in force after {NOTICED:?}"
            );
            sleep(LOOK_AGAIN).await;
        }
        let mut running = pods::sound();
        running["metadata"]["name"] = json!(RUNNING);
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &self.namespace);
        let running = serde_json::from_value(running)?;
        pods.create(&PostParams::default(), &running).await?;
        Ok(())
    }

    async fn answers(&self, request: Request, generated: Value) -> Result<Answers> {
        let said = self.said(request, &generated).await?;
        let pod = match request {
            Request::Create => generated,
            Request::Add => {
                let mut pod = pods::sound();
                pod["spec"]["ephemeralContainers"] = json!([generated]);
                pod
            }
        };
        let mut answers = Answers {
            theirs: self.refusing(said.as_deref()),
            ours: self.found(&pod)?,
            said: said.unwrap_or_else(|| "admitted".to_owned()),
        };
        // There the API server takes a port of the node for each port of a container (`SetDefaults_PodSpec`).
        if pod["spec"]["hostNetwork"] == true {
            answers.ours.remove(HOST_PORT);
            answers.theirs.as_mut().map(|it| it.remove(HOST_PORT));
        }
        Ok(answers)
    }

    /// Sends a dry run, and returns why it is refused.
    async fn said(&self, request: Request, generated: &Value) -> Result<Option<String>> {
        let pods = format!("/api/v1/namespaces/{}/pods", self.namespace);
        let (builder, body) = match request {
            Request::Create => (
                http::Request::post(format!("{pods}?dryRun=All"))
                    .header(CONTENT_TYPE, "application/json"),
                generated.clone(),
            ),
            Request::Add => (
                http::Request::patch(format!("{pods}/{RUNNING}/ephemeralcontainers?dryRun=All"))
                    .header(CONTENT_TYPE, "application/strategic-merge-patch+json"),
                json!({"spec": {"ephemeralContainers": [generated]}}),
            ),
        };
        let sent = builder.body(serde_json::to_vec(&body)?)?;
        match self.client.request_text(sent).await {
            Ok(_) => Ok(None),
            Err(kube::Error::Api(status)) if status.code < 500 => Ok(Some(status.message.clone())),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the checks that the API server names; `None` where it refuses for another reason.
    fn refusing(&self, said: Option<&str>) -> Option<Refused> {
        let Some(said) = said else {
            return Some(Refused::new());
        };
        let violates = format!("violates PodSecurity \"{}\": ", self.enforced.name());
        let (_, said) = said.split_once(&violates)?;
        let names = |it: &&Check| it.refusals.iter().any(|words| said.contains(words));
        Some(CHECKS.iter().filter(names).map(Check::name).collect())
    }

    /// Returns the checks whose codes `lint` finds.
    fn found(&self, pod: &Value) -> Result<Refused> {
        let mut rules = Rules::new(date(2026, 11, 30));
        rules.levels = [self.enforced.level].into();
        rules.version = self.enforced.version;
        let judgement = judge(&pod.to_string(), &rules);
        ensure!(judgement.judged == 1, "`lint` reads no pod: {judgement:?}");
        let check = |code: LintCode| {
            let check = CHECKS.iter().find(|it| it.codes.contains(&code));
            check
                .map(Check::name)
                .with_context(|| format!("{code} belongs to no check"))
        };
        judgement.findings.iter().map(|it| check(it.code)).collect()
    }

    /// Says both answers about the smallest pod for which they differ.
    async fn disagreement(&self, request: Request, mut tree: Tree) -> Result<String> {
        let mut smallest = tree.current();
        let mut differ = true;
        while if differ {
            tree.simplify()
        } else {
            tree.complicate()
        } {
            let answers = self.answers(request, tree.current()).await?;
            differ = answers.differ();
            if differ {
                smallest = tree.current();
            }
        }
        let answers = self.answers(request, smallest.clone()).await?;
        Ok(format!(
            "{}: {request:?} {smallest}\n  lint: {:?}\n  the API server: {}",
            self.enforced.name(),
            answers.ours,
            answers.said
        ))
    }
}
