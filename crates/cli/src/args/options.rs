//! The options that several commands have.

use clap::builder::NonEmptyStringValueParser;
use clap::{Arg, ArgAction, value_parser};

use crate::output_form::OutputForm;

/// The names of the options by which a command comes to a cluster, as far as they exclude an AKS cluster.
pub(crate) const CONNECTION: [&str; 3] = ["context", "kubeconfig", "allow-insecure-server"];

pub(super) fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .action(ArgAction::SetTrue)
        .help(help)
}

pub(super) fn output(forms: &'static [OutputForm]) -> Arg {
    Arg::new("output")
        .long("output")
        .short('o')
        .value_name("FORM")
        .value_parser(OutputForm::parser(forms))
        .default_value("human")
        .help("Output format")
}

pub(super) fn cluster_args() -> [Arg; 7] {
    let named = |name: &'static str, value: &'static str| {
        Arg::new(name)
            .long(name)
            .value_name(value)
            .value_parser(NonEmptyStringValueParser::new())
    };
    [
        Arg::new("context")
            .long("context")
            .value_name("NAME")
            .help("The context of the kubeconfig"),
        Arg::new("kubeconfig")
            .long("kubeconfig")
            .value_name("FILE")
            .help("The kubeconfig [default: as for kubectl]"),
        flag(
            "allow-insecure-server",
            "Send credentials even where others can read them: over http, or with \
             insecure-skip-tls-verify",
        ),
        named("as", "USER").help("Make every request on behalf of this user, as kubectl does"),
        named("as-group", "GROUP")
            .action(ArgAction::Append)
            .requires("as")
            .help("With --as: a group of that user; may be repeated"),
        named("as-uid", "UID")
            .requires("as")
            .help("With --as: the uid of that user"),
        Arg::new("verbose")
            .long("verbose")
            .short('v')
            .value_name("LEVEL")
            .value_parser(value_parser!(u8))
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("1")
            .action(ArgAction::Append)
            .help("Print every request to the API server to stderr; as kubectl's -v=6, with any level but 0"),
    ]
}
