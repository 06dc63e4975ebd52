//! How long a workload that looks healed is waited for.

use super::words::batch;
use crate::approval::{Approval, HealthCriteria};
use crate::report::preparation_lines;
use crate::rollback::RollbackBatch;
use crate::rollback::patience::Patience;
use crate::rollback::preparation::Event;
use crate::testing::at;
use crate::verdict::VerdictKind;

/// A plan whose bad rollout would count as healed at a second.
fn heals_at(second: Option<u64>) -> RollbackBatch {
    let mut batch = batch(&["a"]).batch;
    batch.plans[0].healed_at = second.map(at);
    batch
}

#[test]
fn what_looks_healed_is_given_as_long_as_the_check_wanted_and_half_a_minute() {
    let mut approved = batch(&["a"]).approved;
    approved[0].standard = HealthCriteria {
        http: false,
        stable_for_seconds: 20,
    };
    let evidence = Approval::new(VerdictKind::Failed, at(0), [], approved);
    let rows = [
        ("it does not look healed", None, Some(&evidence), None),
        ("within both", Some(150), Some(&evidence), Some(150)),
        ("a moment too late", Some(151), Some(&evidence), None),
        ("without a check, in time", Some(130), None, Some(130)),
        ("without a check, too late", Some(131), None, None),
    ];
    for (says, healed_at, evidence, until) in rows {
        let patience = Patience::new(evidence, at(100));
        let pause = patience.pause(&heals_at(healed_at), at(110));
        let found = pause.as_ref().map(|it| it.until);
        assert_eq!(found, until.map(at), "{says}");
    }
    let pause = Patience::new(None, at(100)).pause(&heals_at(Some(125)), at(110));
    let lines = preparation_lines(&Event::LooksHealed(pause.unwrap()));
    assert_eq!(
        lines[0].text(),
        "deployment/a is complete, but not yet for long enough: checking again in 15s"
    );
}
