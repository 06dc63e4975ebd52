//! Every kept input through its target, without libFuzzer: on each machine, in each test run.
#![expect(clippy::panic, clippy::unwrap_used, reason = "the helper of a test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use rollguard_fuzz::{TARGETS, Target};

/// All corpora together.
const LIMIT: u64 = 1024 * 1024;

fn kept(target: &Target) -> Vec<(String, Vec<u8>)> {
    let mut inputs: Vec<(String, Vec<u8>)> = fs::read_dir(target.corpus())
        .unwrap_or_else(|_| panic!("`{}` has no corpus", target.name))
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read(path).unwrap())
        })
        .collect();
    inputs.sort();
    inputs
}

#[test]
fn every_kept_input_keeps_the_promises() {
    for target in TARGETS {
        let inputs = kept(target);
        assert!(
            !inputs.is_empty(),
            "the corpus of `{}` is empty",
            target.name
        );
        for (name, input) in inputs {
            // Shown when the target panics.
            println!("{}/{name}", target.name);
            (target.run)(&input);
        }
    }
}

#[test]
fn every_corpus_has_its_target_and_all_are_small() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let entries = fs::read_dir(folder).unwrap();
    let found: BTreeSet<String> = entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    let named = TARGETS.iter().map(|target| target.name.to_owned());
    assert_eq!(found, named.collect());
    let all = TARGETS.iter().flat_map(kept);
    let size: u64 = all.map(|(_, input)| input.len() as u64).sum();
    assert!(size < LIMIT, "{size} bytes");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// Falsifies rollouts, as a fuzzer does with more skill, on machines that have none.
    #[test]
    fn any_falsified_rollout_keeps_the_promises(
        rollout in any::<u8>(),
        instructions in prop::collection::vec((0_u8..8, any::<[u8; 8]>()), 1..24),
    ) {
        let operands = |(code, bytes): &(u8, [u8; 8])| {
            let mut instruction = vec![*code];
            // As many operands as the instruction reads; `world.rs` says what they are.
            instruction.extend(bytes.iter().take(match code {
                1 => 8,
                5 => 2,
                6 => 6,
                7 => 0,
                _ => 1,
            }));
            instruction
        };
        let program: Vec<u8> = [rollout].into_iter().chain(instructions.iter().flat_map(operands)).collect();
        let target = Target::named("observations").unwrap();
        (target.run)(&program);
    }
}
