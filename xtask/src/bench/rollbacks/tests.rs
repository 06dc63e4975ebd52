use super::*;

fn run(told: &[(&str, i32, &str)], left: &str, right: bool) -> Run {
    let told = told.iter();
    let told = told.map(|(name, code, words)| Command {
        name: (*name).to_owned(),
        code: *code,
        words: (*words).to_owned(),
    });
    Run {
        flags: Vec::new(),
        told: told.collect(),
        left: left.to_owned(),
        right,
    }
}

fn measured() -> Measured {
    let undone = [
        ("undo", 0, "rolled back"),
        ("status", 1, "error: timed out"),
    ];
    let kubectl = Side {
        runs: vec![
            run(&undone, "v1, 0 of 1 ready", false),
            run(&undone, "v2, 0 of 1 ready", false),
        ],
    };
    let rollguard = Side {
        runs: vec![
            run(&[("rollback", 0, "healthy")], "v1, 1 of 1 ready", true),
            run(&[("rollback", 0, "healthy")], "v1, 1 of 1 ready", true),
            Run {
                flags: vec!["--force-owner".to_owned()],
                ..run(&[("rollback", 0, "healthy")], "v1, 1 of 1 ready", true)
            },
        ],
    };
    Measured {
        kubernetes: "v1.35.4".to_owned(),
        cases: 1,
        rows: vec![Row {
            case: "db-stuck".to_owned(),
            says: "ordinal 0 is stuck".to_owned(),
            kind: "StatefulSet".to_owned(),
            kubectl: Some(kubectl),
            rollguard,
        }],
    }
}

#[test]
fn a_row_says_what_each_run_told_and_left() {
    let setting = Setting {
        date: "2026-11-21".to_owned(),
        cores: 2,
        version: "0.1.0",
    };
    let page = render(&measured(), &setting);
    let row = "| **db-stuck** StatefulSet: ordinal 0 is stuck \
               | 1. undo *0*: rolled back; status *1*: error: timed out → ✘ v1, 0 of 1 ready\
               <br>2. undo *0*: rolled back; status *1*: error: timed out → ✘ v2, 0 of 1 ready \
               | 1–2. *0*: healthy → ✔ v1, 1 of 1 ready\
               <br>3. `--force-owner` *0*: healthy → ✔ v1, 1 of 1 ready |";
    assert!(page.contains(row), "{page}");
    assert!(page.contains("| `rollguard rollback` | 1 of 1 | 1 of 1 |"));
    assert!(page.contains("| `kubectl rollout undo` | 0 of 1 | 0 of 1 |"));
}

#[test]
fn a_case_without_kubectl_makes_no_page() {
    let mut measured = measured();
    assert!(ensure_complete(&measured).is_ok());
    measured.rows[0].kubectl = None;
    assert!(ensure_complete(&measured).is_err());
}

#[test]
fn foreign_words_stay_within_their_cell() {
    assert_eq!(plain("a|b <br> *c*"), "a\\|b &lt;br> \\*c\\*");
    assert_eq!(
        plain(&"x".repeat(WORDS + 1)),
        format!("{}…", "x".repeat(WORDS))
    );
}
