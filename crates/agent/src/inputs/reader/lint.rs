//! The inputs of a lint.

use std::time::Duration;

use rollguard_core::duration;

use super::super::error::InputProblem;
use super::super::selector::selector;
use super::super::values::{distinct, lines, namespace, severity};
use super::super::{CommandName, ConnectionType, LintInputs, spec};
use super::Reader;

impl Reader<'_> {
    pub(in crate::inputs) fn lint(&mut self) -> Option<LintInputs> {
        let namespace = self.required(&spec::NAMESPACE, namespace);
        let names = self.workloads();
        let selector = self.optional(&spec::SELECTOR, selector);
        let manifests = self.each(&spec::MANIFESTS, |text| {
            lines(text).map(|it| Ok(it.to_owned())).collect()
        });
        self.nothing_for_other_commands_than(CommandName::Lint);
        let of_cluster = [&spec::WORKLOADS, &spec::SELECTOR];
        let asked = of_cluster.map(|it| !self.is_absent(it));
        if self.is_absent(&spec::MANIFESTS) && asked == [false, false] {
            self.wrong(&spec::MANIFESTS, InputProblem::NothingToLint);
        }
        if self.raw.get(&spec::CONNECTION_TYPE) == Some(ConnectionType::NoConnection.as_str()) {
            for (input, _) in of_cluster.iter().zip(asked).filter(|(_, asked)| *asked) {
                self.wrong(input, InputProblem::AsksNoCluster);
            }
        }
        let text = |text: &str| Ok(text.to_owned());
        let fail_on = self.optional(&spec::FAIL_ON, severity);
        let config = self.optional(&spec::CONFIG_FILE, text);
        let baseline = self.optional(&spec::BASELINE, text);
        let timeout = self.optional(&spec::TIMEOUT, |text| {
            duration::parse(text).map_err(InputProblem::Duration)
        });
        let is_default = |it: &Duration| {
            spec::TIMEOUT
                .default
                .and_then(|it| duration::parse(it).ok())
                == Some(*it)
        };
        let namespace = namespace?;
        let each = names?.into_iter().map(|it| it.in_namespace(&namespace));
        Some(LintInputs {
            workloads: distinct(each.collect()),
            namespace,
            selector,
            manifests,
            fail_on,
            config,
            baseline,
            timeout: timeout.filter(|it| !is_default(it)),
        })
    }
}
