//! Plays many cases, and shrinks those that go wrong.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use proptest::strategy::{Strategy as _, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::case::Case;
use super::judge::{Mark, Wrong, judge};
use super::strategy::cases;
use super::world::play;

/// How many simplifications of a case that goes wrong are tried.
const SHRINKS: usize = 200;

/// The numbers of many cases.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) played: usize,
    pub(crate) verdicts: BTreeMap<String, usize>,
    pub(crate) named: usize,
    pub(crate) named_right: usize,
    pub(crate) wrong: BTreeMap<Wrong, usize>,
    /// The seed of each that went wrong, with its smallest form.
    pub(crate) told: Vec<String>,
}

impl Tally {
    /// Notes a case that went wrong, and says so at once: a long run is not waited for.
    fn tell(&mut self, text: String) {
        eprintln!("{text}");
        self.told.push(text);
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.played += other.played;
        for (verdict, count) in other.verdicts {
            *self.verdicts.entry(verdict).or_default() += count;
        }
        for (wrong, count) in other.wrong {
            *self.wrong.entry(wrong).or_default() += count;
        }
        self.named += other.named;
        self.named_right += other.named_right;
        self.told.extend(other.told);
    }
}

/// Plays one case in a runtime of its own, whose time passes only while everybody waits.
pub(crate) fn played(case: &Case) -> Result<(String, Mark)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .context("failed to start a runtime")?;
    let seen = runtime.block_on(play(case))?;
    let mark = judge(case, &seen);
    let mark = match mark {
        Mark::Right { named: Some(false) } => {
            let findings = seen.report.iter().flat_map(|it| &it.findings);
            let codes: Vec<String> = findings.map(|it| it.code.to_string()).collect();
            return Ok((
                format!("{:?} {codes:?}", seen.outcome),
                Mark::Right { named: Some(false) },
            ));
        }
        other @ (Mark::Right { .. } | Mark::Wrong(..)) => other,
    };
    Ok((format!("{:?}", seen.outcome), mark))
}

fn tree(seed: u64) -> Result<impl ValueTree<Value = Case>> {
    let mut bytes = [0; 32];
    bytes
        .iter_mut()
        .zip(seed.to_le_bytes())
        .for_each(|(to, from)| *to = from);
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let tree = cases().new_tree(&mut runner);
    tree.map_err(|why| anyhow::anyhow!("failed to draw a case: {why}"))
}

/// The case of a seed.
pub(crate) fn case_of(seed: u64) -> Result<Case> {
    Ok(tree(seed)?.current())
}

/// Plays the cases of some seeds.
pub(crate) fn search(seeds: impl Iterator<Item = u64>) -> Result<Tally> {
    let mut tally = Tally::default();
    for seed in seeds {
        let mut tree = tree(seed)?;
        let case = tree.current();
        let (verdict, mark) = played(&case).with_context(|| format!("seed {seed}: {case:?}"))?;
        tally.played += 1;
        let word = verdict.split(' ').next().unwrap_or_default().to_owned();
        *tally.verdicts.entry(word).or_default() += 1;
        match mark {
            Mark::Right { named } => {
                tally.named += usize::from(named.is_some());
                tally.named_right += usize::from(named == Some(true));
                if named == Some(false) {
                    let small = shrunk(&mut tree, |mark| {
                        matches!(mark, Mark::Right { named: Some(false) })
                    })?;
                    tally.tell(format!(
                        "seed {seed}: cause not right: {verdict}\n  {small:?}"
                    ));
                }
            }
            Mark::Wrong(wrong, why) => {
                *tally.wrong.entry(wrong).or_default() += 1;
                let small = shrunk(
                    &mut tree,
                    |mark| matches!(mark, Mark::Wrong(it, _) if *it == wrong),
                )?;
                tally.tell(format!("seed {seed}: {wrong:?}: {why}\n  {small:?}"));
            }
        }
    }
    Ok(tally)
}

/// The smallest form of a case that goes wrong in the same way.
fn shrunk(tree: &mut impl ValueTree<Value = Case>, same: impl Fn(&Mark) -> bool) -> Result<Case> {
    let mut smallest = tree.current();
    if env::var_os("ROLLGUARD_SIMULATE_AS_DRAWN").is_some() {
        return Ok(smallest);
    }
    let mut more = tree.simplify();
    for _ in 0..SHRINKS {
        if !more {
            break;
        }
        let case = tree.current();
        more = if same(&played(&case)?.1) {
            smallest = case;
            tree.simplify()
        } else {
            tree.complicate()
        };
    }
    Ok(smallest)
}

impl Tally {
    /// The numbers, for people.
    pub(crate) fn told(&self) -> String {
        let count = |wrong: Wrong| self.wrong.get(&wrong).copied().unwrap_or_default();
        let mut text = format!(
            "{} rollouts: {} false alarms, {} false greens, {} late, {} blind, {} not superseded, {} broken; causes right {} of {}; {:?}",
            self.played,
            count(Wrong::FalseAlarm),
            count(Wrong::FalseGreen),
            count(Wrong::Late),
            count(Wrong::Blind),
            count(Wrong::NotSuperseded),
            count(Wrong::Broken),
            self.named_right,
            self.named,
            self.verdicts,
        );
        for told in &self.told {
            let _ = write!(text, "\n{told}");
        }
        text
    }
}
