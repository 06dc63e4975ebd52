//! The command line as a whole: what it takes, and what it never suggests.

use rollguard_agent::inputs::{CommandName, DOCTOR_COMMANDS, WORKLOADS};

use super::*;

#[test]
fn the_command_line_is_consistent() {
    command().debug_assert();
}

#[test]
fn inputs_are_taken_by_their_declared_names() {
    let matches = command().try_get_matches_from([
        "rollguard",
        "check",
        "deployment/web",
        "-n",
        "shop",
        "--timeout",
        "-5m",
    ]);
    let matches = matches.unwrap();
    let raw = raw_inputs(CommandName::Check, matches.subcommand().unwrap().1, |_| {
        Ok(String::new())
    })
    .unwrap();
    let said = |spec| raw.get(spec).map(str::to_owned);
    assert_eq!(
        said(&rollguard_agent::inputs::WORKLOADS).as_deref(),
        Some("deployment/web")
    );
    assert_eq!(
        said(&rollguard_agent::inputs::NAMESPACE).as_deref(),
        Some("shop")
    );
    assert_eq!(
        said(&rollguard_agent::inputs::TIMEOUT).as_deref(),
        Some("-5m")
    );
}

#[test]
fn what_takes_several_values_may_be_given_several_times() {
    let matches = command().try_get_matches_from([
        "rollguard",
        "check",
        "deployment/web",
        "--http",
        "/healthz:8080",
        "sts/db",
        "-l",
        "app=web",
        "--http",
        "/ready~ok",
        "--grace",
        "ImageNotFound=2m",
        "--grace=Unschedulable=5m",
    ]);
    let matches = matches.unwrap();
    let raw = raw_inputs(CommandName::Check, matches.subcommand().unwrap().1, |_| {
        Ok(String::new())
    })
    .unwrap();
    let rows = [
        (
            &rollguard_agent::inputs::WORKLOADS,
            "deployment/web\nsts/db",
        ),
        (&rollguard_agent::inputs::SELECTOR, "app=web"),
        (&rollguard_agent::inputs::HTTP, "/healthz:8080\n/ready~ok"),
        (
            &rollguard_agent::inputs::GRACES,
            "ImageNotFound=2m\nUnschedulable=5m",
        ),
    ];
    for (spec, said) in rows {
        assert_eq!(raw.get(spec), Some(said), "{}", spec.name);
    }
}

#[test]
fn a_doctor_stands_before_the_command_line_that_is_tried() {
    let line = "rollguard doctor check deploy/web rollback sts/db -n shop --http /healthz";
    let matches = command().try_get_matches_from(line.split(' ')).unwrap();
    let matches = matches.subcommand().unwrap().1;
    let raw = raw_inputs(CommandName::Doctor, matches, |_| Ok(String::new())).unwrap();
    assert_eq!(raw.get(&DOCTOR_COMMANDS), Some("check\nrollback"));
    assert_eq!(raw.get(&WORKLOADS), Some("deploy/web\nsts/db"));
    assert_eq!(raw.get(&rollguard_agent::inputs::HTTP), Some("/healthz"));
}

#[test]
fn a_slip_is_never_answered_with_a_flag_that_says_yes() {
    let rows = [
        (["rollback", "web", "--foo"], None),
        (["rollback", "web", "--force"], None),
        (["rollback", "web", "--no-mark"], None),
        (["check", "web", "--allow-delete"], None),
        (["check", "web", "--timeot=5m"], Some("--timeout")),
    ];
    for (line, tip) in rows {
        let line = ["rollguard"].iter().chain(&line).map(OsString::from);
        let said = parse(&line.collect::<Vec<_>>()).unwrap_err().to_string();
        assert!(said.contains("unexpected argument"), "{said}");
        assert_eq!(said.contains("tip: a similar"), tip.is_some(), "{said}");
        assert!(tip.is_none_or(|tip| said.contains(tip)), "{said}");
        let yes = ["force-owner", "no-wait", "allow-on-delete"];
        assert!(!yes.iter().any(|it| said.contains(it)), "{said}");
    }
}

#[test]
fn a_switch_says_what_it_gives_and_is_silent_where_it_is_not_given() {
    use rollguard_agent::inputs::{ALLOW_ON_DELETE, FORCE_OWNER, MARK, WAIT};
    let said = |arguments: &[&str], name| {
        let line = ["rollguard"].iter().chain(arguments);
        let matches = command().try_get_matches_from(line).unwrap();
        raw_inputs(name, matches.subcommand().unwrap().1, |_| Ok(String::new())).unwrap()
    };
    let check = said(
        &["check", "--no-mark", "deployment/web", "--force-owner"],
        CommandName::Check,
    );
    assert_eq!(check.get(&MARK), Some("false"));
    assert_eq!(check.get(&FORCE_OWNER), Some("true"));
    assert_eq!(check.get(&ALLOW_ON_DELETE), None);
    let rollback = said(
        &["rollback", "deployment/web", "--no-wait"],
        CommandName::Rollback,
    );
    assert_eq!(rollback.get(&WAIT), Some("false"));
    assert_eq!(rollback.get(&FORCE_OWNER), None);
}

#[test]
fn the_type_of_a_workload_may_stand_apart_from_its_name() {
    for name in [
        CommandName::Check,
        CommandName::Rollback,
        CommandName::Doctor,
    ] {
        let line = format!("rollguard {} deployment web api -n shop", name.as_str());
        let matches = command().try_get_matches_from(line.split(' ')).unwrap();
        let raw = raw_inputs(name, matches.subcommand().unwrap().1, |_| Ok(String::new()));
        let inputs = rollguard_agent::inputs::Inputs::parse(&raw.unwrap()).unwrap();
        let text = format!("{inputs:?}");
        assert!(
            text.contains("\"web\"") && text.contains("\"api\""),
            "{text}"
        );
    }
}

#[test]
fn a_command_is_never_taken_for_the_name_of_a_workload() {
    let line = "rollguard doctor check deployment web rollback -n shop";
    let matches = command().try_get_matches_from(line.split(' ')).unwrap();
    let matches = matches.subcommand().unwrap().1;
    let raw = raw_inputs(CommandName::Doctor, matches, |_| Ok(String::new())).unwrap();
    assert_eq!(raw.get(&DOCTOR_COMMANDS), Some("check\nrollback"));
    assert_eq!(raw.get(&WORKLOADS), Some("deployment\nweb"));
}

#[test]
fn groups_belong_to_a_user_and_the_log_of_requests_has_levels_as_kubectl_has() {
    let rows = [
        (
            "check deployment/web --as jane --as-group ops --as-group dev",
            true,
        ),
        ("history deployment/web --as jane", true),
        ("drill --context test --as jane", true),
        (
            "check deployment/web --aks-name a --aks-rg r --aks-subscription s --as jane",
            true,
        ),
        ("check deployment/web --as-group ops", false),
        ("check deployment/web --as-uid 5", false),
        ("drill --as jane", false),
        ("check deployment/web -v", true),
        ("check -v deployment/web", true),
        ("check deployment/web -v -v", true),
        ("check deployment/web -v=6", true),
        ("check deployment/web --verbose", true),
        ("check deployment/web -v=much", false),
        ("drill -v", false),
    ];
    for (line, is_taken) in rows {
        let line = format!("rollguard {line}");
        let parsed = command().try_get_matches_from(line.split(' '));
        assert_eq!(parsed.is_ok(), is_taken, "{line}");
        if let Ok(matches) = parsed {
            let matches = matches.subcommand().unwrap().1;
            let workloads = matches.try_get_many::<String>("workloads").ok().flatten();
            let count = workloads.map_or(1, Iterator::count);
            assert_eq!(count, 1, "{line}: a workload is taken for a level");
        }
    }
    let empty = ["rollguard", "check", "deployment/web", "--as", ""];
    assert!(command().try_get_matches_from(empty).is_err());
}

#[test]
fn a_check_says_that_the_options_of_a_rollback_change_only_its_words() {
    let mut check = command().find_subcommand("check").unwrap().clone();
    let help = check.render_help().to_string();
    let (_, later) = help.split_once("it rolls nothing back").unwrap();
    for flag in [
        "--force-owner",
        "--allow-schema-downgrade",
        "--allow-on-delete",
    ] {
        assert!(later.contains(flag), "{help}");
    }
    assert!(!help.contains("Roll back even"), "{help}");
    let mut rollback = command().find_subcommand("rollback").unwrap().clone();
    let help = rollback.render_help().to_string();
    assert!(help.contains("Roll back even"), "{help}");
    assert!(!help.contains("rolls nothing back"), "{help}");
}
