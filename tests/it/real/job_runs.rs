//! Jobs on a real cluster: those that fail, and those that look so and come through.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use libtest_mimic::Trial;
use rollguard_tests::cluster::{apply, with_namespace};
use rollguard_tests::product::Rollguard;

use crate::{Stage, trial};

pub(crate) fn trials(stage: &Arc<Stage>) -> impl Iterator<Item = Trial> + use<'_> {
    CASES.iter().map(move |case| {
        let name = format!("a Job is followed: {}", case.says);
        trial(&name, stage, move |stage| ends(stage, case))
    })
}

/// A Job and how the check of it ends.
struct Case {
    says: &'static str,
    /// The name of its namespace.
    name: &'static str,
    /// More of its metadata.
    labels: &'static str,
    spec: &'static str,
    image: &'static str,
    /// The script of its container.
    script: &'static str,
    exit_code: i32,
    /// The first finding's code; none for a success.
    code: Option<&'static str>,
    words: &'static [&'static str],
}

const COMPLETES: Case = Case {
    says: "it completes",
    name: "job-completes",
    labels: "",
    spec: "backoffLimit: 1",
    image: "rollguard.test/busybox:1",
    script: "echo migrated; sleep 3",
    exit_code: 0,
    code: None,
    words: &["Job \"migrate\" has completed"],
};

const CASES: &[Case] = &[
    COMPLETES,
    Case {
        says: "its pods fail too often",
        name: "job-backoff",
        script: "echo connecting; echo 'fatal: relation \"orders\" does not exist' >&2; exit 1",
        exit_code: 10,
        code: Some("JobRetriesExhausted"),
        words: &[
            "backoffLimit of 1",
            "ended with exit code 1",
            "relation \"orders\" does not exist",
        ],
        ..COMPLETES
    },
    Case {
        says: "it takes longer than activeDeadlineSeconds",
        name: "job-deadline",
        spec: "activeDeadlineSeconds: 8",
        script: "echo copying; sleep 600",
        exit_code: 10,
        code: Some("JobDeadlineExceeded"),
        words: &["activeDeadlineSeconds of 8s", "0 of 1 completions"],
        ..COMPLETES
    },
    Case {
        says: "a rule of podFailurePolicy ends it",
        name: "job-policy",
        spec: "podFailurePolicy: { rules: [{ action: FailJob, onExitCodes: { operator: In, values: [42] } }] }",
        script: "echo 'error: schema 7 is newer than this program'; exit 42",
        exit_code: 10,
        code: Some("JobPolicyFailed"),
        words: &["exit code 42", "schema 7 is newer"],
        ..COMPLETES
    },
    Case {
        says: "one of its indexes may not fail again, and another runs",
        name: "job-index",
        spec: "completionMode: Indexed\n  completions: 3\n  parallelism: 3\n  backoffLimitPerIndex: 0",
        script: "echo \"part $JOB_COMPLETION_INDEX\"; test $JOB_COMPLETION_INDEX = 1 && exit 3; sleep 40",
        exit_code: 10,
        code: Some("JobIndexFailed"),
        words: &["index 1 of the Job", "exit code 3"],
        ..COMPLETES
    },
    Case {
        says: "its image does not exist",
        name: "job-image",
        spec: "backoffLimit: 6",
        image: "${REGISTRY}/app:missing",
        exit_code: 10,
        code: Some("ImageNotFound"),
        words: &["`app`", "app:missing"],
        ..COMPLETES
    },
    Case {
        says: "it is suspended",
        name: "job-suspended",
        spec: "suspend: true",
        exit_code: 10,
        code: Some("JobSuspended"),
        words: &["the Job is suspended"],
        ..COMPLETES
    },
    Case {
        says: "it fails twice, and then succeeds",
        name: "job-heals",
        spec: "backoffLimit: 3",
        // The pods begin 0s, 10s and 30s after the Job.
        script: "test $(($(date +%s) - START)) -ge 25 || { echo 'no database'; exit 1; }",
        ..COMPLETES
    },
    Case {
        says: "a queue has suspended it",
        name: "job-queued",
        labels: "kueue.x-k8s.io/queue-name: night",
        spec: "suspend: true",
        exit_code: 11,
        code: Some("JobSuspended"),
        words: &["Kueue"],
        ..COMPLETES
    },
];

/// Creates the Job and checks it.
async fn ends(stage: Arc<Stage>, case: &'static Case) -> Result<()> {
    let cluster = stage.cluster()?;
    with_namespace(cluster, case.name, async |client, namespace| {
        let manifest = case.manifest().replace("${REGISTRY}", &cluster.registry());
        apply(&client, &namespace, &manifest).await?;
        let rollguard = Rollguard::new(cluster.kubeconfig_path())?;
        let args = [
            "check",
            "job/migrate",
            "-n",
            &namespace,
            "--timeout",
            "2m",
            "-o",
            "json",
        ];
        let ran = rollguard.run(&args).await?;
        let report = ran.json()?;
        ensure!(
            ran.code == case.exit_code,
            "exit code {}: {}",
            ran.code,
            ran.all()
        );
        let sentence = report["sentence"].as_str().context("no sentence")?;
        for words in case.words {
            ensure!(sentence.contains(words), "`{words}` is not in: {sentence}");
        }
        let code = report["findings"][0]["code"].as_str();
        ensure!(code == case.code, "{code:?}: {}", ran.all());
        ensure!(report["offersRollback"] == false, "{}", ran.all());
        Ok(())
    })
    .await
}

impl Case {
    fn manifest(&self) -> String {
        let Self {
            labels,
            spec,
            image,
            script,
            ..
        } = self;
        let began = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let began = began.unwrap_or_default().as_secs();
        let script = script.replace('\'', "''");
        format!(
            r#"apiVersion: batch/v1
kind: Job
metadata: {{ name: migrate, labels: {{ {labels} }} }}
spec:
  {spec}
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 1
      containers:
        - name: app
          image: {image}
          command: [sh, -c, '{script}']
          env: [{{ name: START, value: "{began}" }}]
"#
        )
    }
}
