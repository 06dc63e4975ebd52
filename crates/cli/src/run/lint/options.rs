//! The options of `lint`, from the command line.

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use rollguard_agent::Outcome;
use rollguard_core::duration;
use rollguard_lint::config::{parse_severity, parse_template_path, unknown_level};
use rollguard_lint::{Config, FailOn, KubernetesVersion, Level};

use super::{Fixing, LintForm, LintOptions, live};
use crate::failure::Failure;

/// Returns the command with its options.
pub(crate) fn command() -> Command {
    let value = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    let values = |name, form, help| value(name, form, help).action(ArgAction::Append);
    Command::new("lint")
        .about("Judges manifests by ten practices, Pod Security levels and the arithmetic of probes")
        .arg(
            Arg::new("paths")
                .value_name("FILE|FOLDER|PATTERN|-")
                .required_unless_present("selector")
                .num_args(1..)
                .help("The manifests: files, folders, patterns such as 'k8s/**/*.yaml', or - for stdin; or workloads of the cluster, such as deployment/web"),
        )
        .arg(values(
            "level",
            "LEVEL",
            "The rules: practices, baseline, restricted or aks-safeguards; may be given several times [default: practices]",
        ))
        .arg(value(
            "kubernetes-version",
            "VERSION",
            "The version of Kubernetes that the manifests are for, from 1.25 [default: the newest known]",
        ))
        .arg(value(
            "fail-on",
            "SEVERITY",
            "Exit with 10 for findings of this severity or worse: error, warning, info or never [default: warning]",
        ))
        .arg(values(
            "severity",
            "CODE=SEVERITY",
            "Another severity for a code: error, warning, info or off; may be given several times",
        ))
        .arg(value(
            "startup-time",
            "DURATION",
            "How long the applications take until they answer their readiness probe, where no annotation says so",
        ))
        .arg(values(
            "pod-template-path",
            "KIND=PATH",
            "Where the pod template of a custom kind is, such as Rollout=spec.template; may be given several times",
        ))
        .arg(value(
            "config",
            "FILE",
            "The configuration file [default: rollguard.yaml, found upward from the manifest]",
        ))
        .arg(value(
            "baseline",
            "FILE",
            "A file of findings that exist today and do not count",
        ))
        .arg(
            value(
                "write-baseline",
                "FILE",
                "Write the findings of today to a baseline file",
            )
            .conflicts_with("baseline"),
        )
        .args(changing())
        .arg(
            Arg::new("output")
                .long("output")
                .short('o')
                .value_name("FORM")
                .value_parser(value_parser!(LintForm))
                .default_value("human")
                .help("Output format"),
        )
        .args(live::args())
}

/// Returns the options that change manifests.
fn changing() -> [Arg; 2] {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .help(help)
            .action(ArgAction::SetTrue)
    };
    [
        flag(
            "fix",
            "Write what cannot break an application into the files, or from - to stdout, and judge the result",
        )
        .conflicts_with("diff"),
        flag(
            "diff",
            "Print what --fix would write as a unified diff on stdout, and write nothing",
        ),
    ]
}

/// Reads the options; every bad one is reported.
pub(crate) fn options(matches: &ArgMatches) -> Result<LintOptions, Failure> {
    let mut reader = Reader {
        matches,
        problems: Vec::new(),
    };
    if has_data_on_stdout(matches) && form_of(matches).is_for_programs() {
        let what = if matches.get_flag("diff") {
            "with `--diff`, stdout is the diff"
        } else {
            "with `--fix` and `-`, stdout is the new text"
        };
        let problem = format!("`--output`: {what}; leave out `--output`");
        reader.problems.push(problem);
    }
    let mut flags = Config {
        levels: None,
        version: reader.one("kubernetes-version", |text| {
            let version = KubernetesVersion::parse(text);
            let latest = KubernetesVersion::LATEST;
            version.ok_or_else(|| format!("`{text}` is no version from 1.25 to {latest}"))
        }),
        fail_on: reader.one("fail-on", |text| {
            let fail_on = FailOn::parse(text);
            fail_on.ok_or_else(|| format!("`{text}` is none of error, warning, info and never"))
        }),
        startup_time: reader.one("startup-time", |text| {
            duration::parse(text).map_err(|error| error.to_string())
        }),
        severities: reader.all("severity", parse_severity).into_iter().collect(),
        template_paths: reader
            .all("pod-template-path", parse_template_path)
            .into_iter()
            .collect(),
    };
    let levels = reader.all("level", |text| {
        Level::parse(text).ok_or_else(|| unknown_level(text))
    });
    if !levels.is_empty() {
        flags.levels = Some(levels);
    }
    if !reader.problems.is_empty() {
        return Err(Failure::of(Outcome::BadInput, reader.problems));
    }
    let path = |name: &str| matches.get_one::<String>(name).map(Into::into);
    let paths = matches.get_many::<String>("paths");
    Ok(LintOptions {
        paths: paths.into_iter().flatten().cloned().collect(),
        flags,
        config: path("config"),
        baseline: path("baseline"),
        write_baseline: path("write-baseline"),
        form: form_of(matches),
        fixing: match (matches.get_flag("fix"), matches.get_flag("diff")) {
            (true, _) => Fixing::Write,
            (false, true) => Fixing::Diff,
            (false, false) => Fixing::Off,
        },
    })
}

fn form_of(matches: &ArgMatches) -> LintForm {
    matches.get_one("output").copied().unwrap_or_default()
}

/// Returns whether stdout is a diff or the new text of stdin, so that lines for people go to stderr.
pub(crate) fn has_data_on_stdout(matches: &ArgMatches) -> bool {
    let mut paths = matches.get_many::<String>("paths").into_iter().flatten();
    matches.get_flag("diff") || matches.get_flag("fix") && paths.any(|it| it == "-")
}

struct Reader<'a> {
    matches: &'a ArgMatches,
    problems: Vec<String>,
}

impl Reader<'_> {
    fn all<T>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        let mut read = Vec::new();
        for text in self.matches.get_many::<String>(name).into_iter().flatten() {
            match parse(text) {
                Ok(value) => read.push(value),
                Err(what) => self.problems.push(format!("`--{name}`: {what}")),
            }
        }
        read
    }

    fn one<T>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        self.all(name, parse).pop()
    }
}
