//! The options of a command line that name the cluster, for hints that name another command.

use clap::ArgMatches;
use clap::parser::ValueSource;
use rollguard_agent::inputs::{
    AKS_CLUSTER, AZURE_RESOURCE_GROUP, AZURE_SUBSCRIPTION_ID, PUBLIC_FQDN, USE_CLUSTER_ADMIN,
};

/// An option by its name in the arguments and on the command line.
type Named = (&'static str, &'static str);

const WITH_VALUE: [Named; 9] = [
    ("kubeconfig", "--kubeconfig"),
    ("context", "--context"),
    (AKS_CLUSTER.name, "--aks-name"),
    (AZURE_RESOURCE_GROUP.name, "--aks-rg"),
    (AZURE_SUBSCRIPTION_ID.name, "--aks-subscription"),
    ("arm-endpoint", "--arm-endpoint"),
    ("as", "--as"),
    ("as-group", "--as-group"),
    ("as-uid", "--as-uid"),
];

const SWITCHES: [Named; 3] = [
    ("allow-insecure-server", "--allow-insecure-server"),
    (USE_CLUSTER_ADMIN.name, "--use-cluster-admin"),
    (PUBLIC_FQDN.name, "--public-fqdn"),
];

/// Returns the options as a shell takes them, each after a space; empty where none is given.
pub(crate) fn connection_options(matches: &ArgMatches) -> String {
    let values = WITH_VALUE.iter().flat_map(|(name, option)| {
        let values = matches.try_get_many::<String>(name).ok().flatten();
        let values = values.into_iter().flatten();
        values.map(move |value| format!(" {option} {}", quoted(value)))
    });
    let is_on = |name: &str| {
        let flag = matches.try_get_one::<bool>(name).ok().flatten();
        flag.copied().unwrap_or_default()
    };
    let switches = SWITCHES.iter().filter(|(name, _)| is_on(name));
    let switches = switches.map(|(_, option)| format!(" {option}"));
    let options: String = values.chain(switches).collect();
    // It stands in backticks.
    if options.contains('`') {
        String::new()
    } else {
        options
    }
}

/// Returns the names of the options that are given.
pub(crate) fn given_connection_options(matches: &ArgMatches) -> impl Iterator<Item = &'static str> {
    let all = WITH_VALUE.iter().chain(&SWITCHES);
    let given = all.filter(|(name, _)| is_given(matches, name));
    given.map(|(_, option)| *option)
}

/// Returns whether an argument stands on the command line.
pub(crate) fn is_given(matches: &ArgMatches, name: &str) -> bool {
    let is_known = matches.ids().any(|it| it == name);
    is_known && matches.value_source(name) == Some(ValueSource::CommandLine)
}

/// Returns a word as a shell takes it.
pub(crate) fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+=,".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args;

    fn options(line: &[&str]) -> String {
        let line = ["rollguard"].iter().chain(line);
        let matches = args::command().try_get_matches_from(line).unwrap();
        connection_options(matches.subcommand().unwrap().1)
    }

    #[test]
    fn the_options_that_name_the_cluster_are_kept_and_no_others() {
        let aks = "--aks-name shop --aks-rg rg --aks-subscription 0 --arm-endpoint https://arm.example \
                   --use-cluster-admin --public-fqdn";
        let kubeconfig = "--kubeconfig /tmp/config --context test --as jane --as-group ops --as-group dev \
                          --allow-insecure-server";
        for command in ["check", "rollback", "doctor", "history", "lint"] {
            for given in [aks, kubeconfig] {
                let line: Vec<&str> = [command, "deployment/web", "-n", "shop"]
                    .into_iter()
                    .chain(given.split_whitespace())
                    .collect();
                let expected = format!(" {given}");
                assert_eq!(options(&line), expected, "{command}");
                let doctor = ["doctor", "rollback"];
                let again: Vec<&str> = doctor
                    .into_iter()
                    .chain(expected.split_whitespace())
                    .collect();
                assert_eq!(options(&again), expected, "{command}: doctor takes them");
            }
            assert_eq!(options(&[command, "deployment/web", "-n", "shop"]), "");
        }
        assert_eq!(options(&["explain"]), "");
    }

    #[test]
    fn a_value_is_quoted_as_a_shell_wants_it() {
        let rows = [
            ("arn:aws:eks:x/y", " --context arn:aws:eks:x/y"),
            ("my context", " --context 'my context'"),
            ("it's", r" --context 'it'\''s'"),
            ("$(x)", " --context '$(x)'"),
            ("a`b", ""),
        ];
        for (context, expected) in rows {
            assert_eq!(
                options(&["check", "deployment/web", "--context", context]),
                expected
            );
        }
    }
}
