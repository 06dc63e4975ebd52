//! A finding on the page: what, where, since when, what shows it, what to do.

use super::{capitalised, fence, prose};
use crate::finding::{Evidence, EvidenceKind, Finding};
use crate::report::many::named;
use crate::report::words::time;

pub(super) fn finding(finding: &Finding) -> String {
    let helps = capitalised(finding.rollback_helps.as_str());
    let mut out = vec![
        format!(
            "### {}\n\n{}\n",
            finding.code,
            capitalised(&prose(&finding.message))
        ),
        format!("- **Where:** {}", place(finding)),
        format!("- **Since:** {}", time(finding.since)),
    ];
    let telling = |it: &&Evidence| !it.text.trim().is_empty();
    let telling: Vec<&Evidence> = finding.evidence.iter().filter(telling).collect();
    // What needs a block of its own stands after the list, which it would break.
    let (blocks, lines): (Vec<&Evidence>, Vec<&Evidence>) =
        telling.into_iter().partition(|it| is_block(it));
    out.extend(
        lines
            .iter()
            .map(|it| format!("- **{}:** {}", label(it), prose(&it.text))),
    );
    out.push(format!("- **Remedy:** {}", prose(&finding.remedy)));
    out.push(format!(
        "- **Does a rollback help?** {helps}: {}\n",
        prose(&finding.rollback_why)
    ));
    out.extend(
        blocks
            .iter()
            .map(|it| format!("{}:\n\n{}\n", label(it), fence(&it.text))),
    );
    out.join("\n")
}

/// The pod and its node, or whatever else it is about.
fn place(finding: &Finding) -> String {
    let whom = match finding.pods {
        0 | 1 => finding.subject.to_string(),
        many => format!("{many} pods, one of them {}", finding.subject.name),
    };
    let node = finding.node.as_ref();
    let node = node.map_or_else(String::new, |it| format!(", on node {it}"));
    let workloads = match finding.workloads.as_slice() {
        [] | [_] => String::new(),
        workloads => format!(", of {}", named(workloads)),
    };
    prose(&format!("{whom}{node}{workloads}"))
}

fn is_block(evidence: &Evidence) -> bool {
    evidence.kind.is_log() || evidence.text.trim_end().contains('\n')
}

const fn label(evidence: &Evidence) -> &'static str {
    match evidence.kind {
        EvidenceKind::ContainerStatus => "Status",
        EvidenceKind::Condition => "Condition",
        EvidenceKind::Event => "Event",
        EvidenceKind::PreviousLog => "Last log lines of the instance that ended",
        EvidenceKind::CurrentLog => "Last log lines",
        EvidenceKind::HttpAnswer => "Answer",
    }
}
