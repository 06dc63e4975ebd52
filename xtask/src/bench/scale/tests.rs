use rollguard_core::verdict::VerdictKind;
use rollguard_measured::scale::Handed;
use rollguard_measured::verdicts::Load;

use super::*;

fn taken(cpu_seconds: f64, requests: u64, after_event: Option<f64>) -> Taken {
    Taken {
        verdict: VerdictKind::Succeeded,
        seconds: 4.0,
        cpu_seconds,
        peak_kibibytes: 20 * 1024,
        load: Load {
            requests,
            bytes: 2_500_000,
        },
        watches: 4,
        lines: 12,
        after_event,
    }
}

fn row(workloads: usize, stuck: usize, cpu_seconds: f64) -> Row {
    let after = (stuck == 0).then_some(0.05);
    Row {
        case: format!("{workloads}"),
        says: format!("{workloads} Deployments × 10 pods"),
        family: "Deployments × 10 pods".to_owned(),
        workloads,
        pods: workloads * 10,
        stuck,
        happens: Happens::Update,
        timeout: 60,
        rollguard: vec![
            taken(cpu_seconds, 30, after),
            taken(9.0, 30, after.map(|it| it * 3.0)),
        ],
        handed: Some(Handed {
            report: 7000,
            page: 900,
            variables: 300,
            longest_variable: 200,
        }),
        kubedog: Some(taken(
            cpu_seconds * 4.0,
            30 * u64::try_from(workloads).unwrap(),
            None,
        )),
        kubectl: None,
    }
}

fn measured() -> Measured {
    Measured {
        kubernetes: "v1.35.4".to_owned(),
        build: "release build".to_owned(),
        rows: vec![row(10, 0, 0.1), row(100, 0, 1.0), row(100, 10, 2.0)],
    }
}

const SETTING: Setting = Setting {
    date: String::new(),
    cores: 2,
    version: "0.1.0",
};

#[test]
fn costs_growth_and_sizes_are_shown() {
    let text = render(&measured(), &SETTING);
    for line in [
        "| 10 Deployments × 10 pods, update | rollguard | succeeded | 4.0 | 0.10 | 20.0 | 30 | 4 | 2.50 | 12 |",
        "| 100 Deployments × 10 pods, update, 10 stuck | kubedog | succeeded | 4.0 | 8.00 |",
        "| Deployments × 10 pods, update | 10 → 100 | rollguard | 1.00 | 0.00 | 0.00 | 0.00 | 0.00 | 0.00 |",
        "| Deployments × 10 pods, update | 10 → 100 | kubedog | 1.00 | 0.00 | 1.00 |",
        "| 10 Deployments × 10 pods, update | 2 | 0.10 | 0.15 | – | – |",
        "| 100 Deployments × 10 pods, update, 10 stuck | 900 | 300 | 200 | 7000 |",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    // Nothing smaller is stuck, and where something is stuck nothing decides at once.
    assert!(
        !text.contains("some stuck") && !text.contains("10 stuck | 2 |"),
        "{text}"
    );
}

#[test]
fn a_page_of_nothing_is_refused() {
    let whole = measured();
    assert!(ensure_complete(&whole).is_ok());
    let empty = Measured {
        rows: Vec::new(),
        ..whole.clone()
    };
    assert!(ensure_complete(&empty).is_err());
    let mut unseen = whole;
    unseen.rows[0].rollguard.clear();
    assert!(ensure_complete(&unseen).is_err());
}
