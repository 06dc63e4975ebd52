//! Faults of the way to a real API server during a check: a part of the table of `docs/faults.md`, over TCP and in real
//! time.

use std::sync::Arc;

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use rollguard_tests::cluster::{apply, with_namespace};
use rollguard_tests::front::{Broken, Front, Gate};
use rollguard_tests::product::Rollguard;
use rollguard_tests::troubled::{Fault, Lasts, Step, Trouble, Troubled};

use crate::{Stage, trial};

/// An update, the fault during its check, and the verdict that follows all the same.
struct Case {
    /// The name of its namespace.
    name: &'static str,
    says: &'static str,
    fault: Fault,
    lasts: Lasts,
    step: Step,
    heals: bool,
}

const fn case(
    (name, says): (&'static str, &'static str),
    fault: Fault,
    (lasts, step): (Lasts, Step),
    heals: bool,
) -> Case {
    Case {
        name,
        says,
        fault,
        lasts,
        step,
        heals,
    }
}

const TEN: Lasts = Lasts::Seconds(10);

const CASES: &[Case] = &[
    case(
        (
            "fault-reset",
            "connections are reset within the headers for 10 s",
        ),
        Fault::Breaks(Broken::WithinHeaders),
        (TEN, Step::Everything),
        true,
    ),
    case(
        (
            "fault-refuse",
            "connections are closed without an answer for 10 s",
        ),
        Fault::Breaks(Broken::BeforeHeaders),
        (TEN, Step::Everything),
        false,
    ),
    case(
        ("fault-body", "watches are reset in the body for 10 s"),
        Fault::ResetInBody,
        (TEN, Step::Watch),
        false,
    ),
    case(
        ("fault-502", "a gateway answers 502 to everything for 10 s"),
        Fault::Answers(502),
        (TEN, Step::Everything),
        false,
    ),
    case(
        (
            "fault-wait",
            "the API server asks to wait for a day, for 10 s",
        ),
        Fault::AsksToWait(503, "86400"),
        (TEN, Step::Everything),
        true,
    ),
    case(
        ("fault-410", "a watch is too old"),
        Fault::Answers(410),
        (Lasts::Once, Step::Watch),
        false,
    ),
    case(
        (
            "fault-stall",
            "every watch falls silent while the rollout ends",
        ),
        Fault::Stalls,
        (Lasts::Always, Step::Watch),
        true,
    ),
    case(
        (
            "fault-stall-bad",
            "every watch falls silent while the rollout fails",
        ),
        Fault::Stalls,
        (Lasts::Always, Step::Watch),
        false,
    ),
    case(
        ("fault-half", "every watch ends within its first event"),
        Fault::Truncated,
        (Lasts::Always, Step::Watch),
        false,
    ),
    case(
        ("fault-open", "a read is never answered"),
        Fault::Unanswered,
        (Lasts::Once, Step::Read),
        true,
    ),
    case(
        ("fault-endless", "the body of a list never ends"),
        Fault::Endless,
        (Lasts::Once, Step::List),
        true,
    ),
    case(
        ("fault-trickle", "watches bring one byte a second"),
        Fault::Trickles,
        (Lasts::Always, Step::Watch),
        false,
    ),
    case(
        ("fault-gzip", "the recheck cannot be unpacked"),
        Fault::BrokenGzip,
        (Lasts::Once, Step::Recheck),
        true,
    ),
];

pub(crate) fn trials(stage: &Arc<Stage>) -> impl Iterator<Item = Trial> + use<'_> {
    CASES.iter().map(move |case| {
        let verdict = if case.heals { "heals" } else { "fails" };
        let name = format!("fault: {}, and the update {verdict}", case.says);
        trial(&name, stage, move |stage| follows(stage, case))
    })
}

/// Ready after some seconds, or never.
fn web(heals: bool) -> String {
    let command = if heals {
        "sleep 5; httpd -p 8080 -h /www; sleep 3600"
    } else {
        "sleep 1; echo no database; exit 1"
    };
    format!(
        "
apiVersion: apps/v1
kind: Deployment
metadata: {{ name: web }}
spec:
  replicas: 2
  selector: {{ matchLabels: {{ app: web }} }}
  template:
    metadata: {{ labels: {{ app: web }} }}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: app
          image: rollguard.test/busybox:1
          command: [sh, -c, '{command}']
          readinessProbe: {{ httpGet: {{ path: /, port: 8080 }}, periodSeconds: 1 }}
"
    )
}

async fn follows(stage: Arc<Stage>, case: &'static Case) -> Result<()> {
    let cluster = stage.cluster()?;
    with_namespace(cluster, case.name, async |client, namespace| {
        apply(&client, &namespace, &web(case.heals)).await?;
        let gate = Arc::new(Troubled::new(Some(Trouble {
            fault: case.fault,
            lasts: case.lasts,
            step: case.step,
        })));
        let front = Front::start(client, Arc::clone(&gate) as Arc<dyn Gate>).await?;
        let rollguard = Rollguard::new(front.kubeconfig())?;
        let args = [
            "check",
            "deployment/web",
            "-n",
            &namespace,
            "--timeout",
            "120s",
            "--stable-for",
            "3s",
            "--grace",
            "CrashAtStart=20s",
            "--output",
            "json",
        ];
        let ran = rollguard.run(&args).await?;
        let expected = if case.heals { "succeeded" } else { "failed" };
        let report = ran.json()?;
        ensure!(report["verdict"] == expected, "{}", ran.all());
        ensure!(gate.met().is_some(), "nothing met the fault: {}", ran.all());
        Ok(())
    })
    .await
}
