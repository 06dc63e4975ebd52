//! The agent's environment, and the lines it reads.

use rollguard_agent::command::{TaskOutput, escape_data, escape_property, parse_line, unescape};
use rollguard_agent::inputs::RawInputs;
use rollguard_agent::secret::Masker;
use rollguard_agent::{
    AgentEnv, Inputs, LoggingCommand, Secret, ServiceConnection, Untrusted, neutralise,
    neutralise_line, neutralise_lines,
};

/// `NAME=VALUE`, one a line; `\n` within a value stands for a line break.
fn pairs(text: &str) -> Vec<(String, String)> {
    let pair = |line: &str| {
        let (name, value) = line.split_once('=')?;
        // The process environment holds neither.
        let possible = !name.contains('\0') && !value.contains('\0');
        possible.then(|| (name.to_owned(), value.replace("\\n", "\n")))
    };
    text.split('\n').filter_map(pair).collect()
}

/// A printed line must be one line, and no command to the agent.
pub(crate) fn harmless(line: &str) {
    assert!(!line.contains("##"), "a marker is left in {line:?}");
    assert!(!line.contains(['\r', '\n']), "{line:?} is not one line");
    assert_eq!(parse_line(line), None);
}

pub(crate) fn command(text: &str) {
    assert_eq!(unescape(&escape_data(text)), text);
    assert_eq!(unescape(&escape_property(text)), text);
    assert!(!escape_property(text).contains(['\r', '\n', ';', ']']));

    let (one, other) = text.split_once('|').unwrap_or((text, ""));
    harmless(&format!("{}{}", neutralise(one), Untrusted::new(other)));
    harmless(&neutralise_line(&format!("{one} #{other}")));
    neutralise_lines(text, 300).lines().for_each(harmless);
    assert_eq!(neutralise(&neutralise(text)), neutralise(text));

    let line = LoggingCommand::error(text).to_string();
    let parsed = parse_line(&line).unwrap();
    assert_eq!(parsed.event, "logissue");
    assert_eq!(parsed.data, neutralise(text));
    assert_eq!(line.matches("##").count(), 1, "{line:?}");

    let mut output = TaskOutput::default();
    for line in text.lines() {
        let is_command = output.read_line(line);
        assert_eq!(is_command, parse_line(line).is_some());
    }
    if other.trim().len() > 3 {
        let mut secrets = Masker::default();
        secrets.add(&Secret::new(other));
        let masked = secrets.mask(one);
        assert!(!masked.contains(other), "{other:?} is left in {masked:?}");
    }
}

pub(crate) fn inputs(text: &str) {
    let pairs = pairs(text);
    let of_task = pairs
        .iter()
        .map(|(name, value)| (format!("INPUT_{name}"), value));
    for raw in [
        RawInputs::from_env(&AgentEnv::from_pairs(of_task)),
        RawInputs::from_flags(pairs.iter().map(|(name, value)| (name, value))),
    ] {
        if let Err(errors) = Inputs::parse(&raw) {
            assert!(!errors.errors().is_empty());
            for error in errors.errors() {
                assert!(!error.to_string().is_empty());
                harmless(&neutralise_line(&error.to_string()));
            }
            let _ = errors.hint();
        }
    }
}

pub(crate) fn endpoint(text: &str) {
    const MARK: &str = "k3y-th4t-n0b0dy-sees";
    let text = text.replace(MARK, "");
    let (id, rest) = text.split_once('\n').unwrap_or((&text, ""));
    let secret = ["SERVICEPRINCIPALKEY", "SERVICEPRINCIPALCERTIFICATE"]
        .map(|key| format!("ENDPOINT_AUTH_PARAMETER_{id}_{key}").to_uppercase());
    let marked = pairs(rest).into_iter().map(|(name, value)| {
        let is_secret = secret.contains(&name.to_uppercase());
        let value = if is_secret {
            value.replace("SECRET", MARK)
        } else {
            value
        };
        (name, value)
    });
    match ServiceConnection::from_env(&AgentEnv::from_pairs(marked), id) {
        Ok(connection) => {
            let _ = connection.details();
            let secret = connection.secret();
            assert!(secret.is_none_or(|secret| !secret.expose().is_empty()));
        }
        Err(error) => {
            let told = format!("{error}\n{error:?}\n{}", error.hint().unwrap_or_default());
            assert!(!told.contains(MARK), "{told}");
        }
    }
}
