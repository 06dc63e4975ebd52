use rollguard_measured::starts::{Files, Step};

use super::*;

fn step(command: &str, seconds: &[f64], processes: usize) -> Step {
    let cost = |&seconds: &f64| Cost {
        seconds,
        cpu_seconds: seconds / 2.0,
    };
    Step {
        command: command.to_owned(),
        costs: seconds.iter().map(cost).collect(),
        started: Started {
            processes,
            programs: processes + 1,
        },
    }
}

fn measured() -> Measured {
    Measured {
        kubernetes: "v1.35.4".to_owned(),
        azure_cli: "2.91.0".to_owned(),
        usual: Side {
            steps: vec![
                step("az login", &[2.0, 9.0, 2.5], 3),
                step("kubectl rollout status", &[1.0, 1.0, 4.0], 5),
            ],
            left: Files {
                count: 12,
                bytes: 20_001,
            },
        },
        rollguard: Side {
            steps: vec![step("the task `Rollguard@1`", &[0.25, 0.5, 0.125], 2)],
            left: Files {
                count: 2,
                bytes: 4_000,
            },
        },
    }
}

fn page() -> String {
    let download = |what, bytes| Download { what, bytes };
    let page = Page {
        measured: &measured(),
        usual: vec![
            download("Azure CLI", 90_000_000),
            download("kubectl", 58_149_999),
        ],
        rollguard: vec![download("rollguard", 17_394_035)],
        first_request: vec!["rollguard: fastest 64 ms".to_owned()],
    };
    let setting = Setting {
        date: "2026-11-29".to_owned(),
        cores: 2,
        version: "0.1.0",
    };
    render(&page, &setting)
}

#[test]
fn a_way_takes_the_median_of_its_runs_and_not_the_sum_of_medians() {
    let page = page();
    let row = "| `az`, kubelogin, `kubectl` | 6.50 | 3.25 | 8 | 10 | 12 (21 kB) | 148.1 MB |";
    assert!(page.contains(row), "{page}");
    let row = "| `rollguard check` | 0.25 | 0.12 | 2 | 3 | 2 (4 kB) | 17.4 MB |";
    assert!(page.contains(row), "{page}");
}

#[test]
fn every_command_and_download_has_a_line_and_the_first_request_is_quoted() {
    let page = page();
    for line in [
        "| `az login` | 2.50 | 1.25 | 3 | 4 |",
        "| `kubectl rollout status` | 1.00 | 0.50 | 5 | 6 |",
        "| the task `Rollguard@1` | 0.25 | 0.12 | 2 | 3 |",
        "| kubectl | 58.1 MB |",
        "- rollguard: fastest 64 ms",
        "3 times each",
    ] {
        assert!(page.contains(line), "{line}: {page}");
    }
}
