//! The approval: who is asked, what they read, how long it waits.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value as Json, json};

use super::support::{input, job, stage};

pub(crate) fn approval_time() -> Result<()> {
    let with = |minutes: u64| stage(&[("approvalTimeout", json!(minutes))]);
    let minutes = |minutes: u64| Some(std::time::Duration::from_secs(minutes * 60));
    for given in [1, 60, 1440, 43199] {
        let stage = with(given)?;
        let job = job(&stage, "ManualApprovalOfRollBack")?;
        let step = job.steps.first().context("the approval has a step")?;
        ensure!(
            step.timeout == minutes(given),
            "{given}: {:?}",
            step.timeout
        );
        ensure!(job.timeout > step.timeout, "{given}: the job ends first");
    }
    for given in [0, 43200] {
        ensure!(with(given).is_err(), "{given} minutes were taken");
        let never = stage(&[
            ("approvalTimeout", json!(given)),
            ("rollback", json!("never")),
        ]);
        ensure!(never.is_ok(), "{given} minutes, and nobody is asked");
    }
    Ok(())
}

pub(crate) fn approvers() -> Result<()> {
    let people = "[org]\\oncall, a@b.c";
    let rows: [(&str, Json, &str, &str); 7] = [
        ("approvers", json!(people), people, ""),
        (
            "approvers",
            json!("[org]\\oncall\na@b.c\n"),
            "[org]\\oncall,a@b.c",
            "",
        ),
        ("approvers", json!("a@b.c\r\nb@b.c"), "a@b.c,b@b.c", ""),
        (
            "approvers",
            json!(["[org]\\oncall", "a@b.c"]),
            "[org]\\oncall,a@b.c",
            "",
        ),
        ("notifyUsers", json!(["oncall@b.c"]), "oncall@b.c", ""),
        ("onTimeout", json!("resume"), "resume", "reject"),
        (
            "allowApproversToApproveTheirOwnRuns",
            json!(false),
            "False",
            "True",
        ),
    ];
    for (name, given, words, default) in rows {
        for (stage, expected) in [
            (stage(&[(name, given.clone())])?, words),
            (stage(&[])?, default),
        ] {
            let found = input(&stage, "ManualApprovalOfRollBack", name)?;
            ensure!(found == Some(expected), "{name}: {found:?}");
        }
    }
    Ok(())
}

pub(crate) fn instructions() -> Result<()> {
    let stage = stage(&[])?;
    let text = input(&stage, "ManualApprovalOfRollBack", "instructions")?;
    let text = text.context("there are instructions")?;
    // "instructions: maxLength 4000", of which the summary needs the larger part.
    ensure!(text.len() < 800, "{} bytes of static text", text.len());
    for word in [
        "web",
        "Prod",
        "aks",
        "shop",
        "Resume",
        "Reject",
        "Extensions",
        "$(summary)",
        "1440 minutes counts as reject",
    ] {
        ensure!(text.contains(word), "`{word}` is not in the instructions");
    }
    let notify = input(&stage, "ManualApprovalOfRollBack", "notifyUsers")?;
    ensure!(notify == Some(""), "the task requires the key notifyUsers");
    Ok(())
}
