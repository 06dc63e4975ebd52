//! libFuzzer's driver for one target, named by `ROLLGUARD_FUZZ_TARGET`; `list` prints all names.
#![no_main]

use std::sync::OnceLock;

use rollguard_fuzz::{TARGETS, Target};

const VARIABLE: &str = "ROLLGUARD_FUZZ_TARGET";

static TARGET: OnceLock<Target> = OnceLock::new();

#[expect(
    clippy::exit,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "libFuzzer owns main; this runs before it reads its own arguments"
)]
fn choose() -> Target {
    let name = std::env::var(VARIABLE).unwrap_or_default();
    if name == "list" {
        TARGETS
            .iter()
            .for_each(|target| println!("{}", target.name));
        std::process::exit(0);
    }
    let Some(target) = Target::named(&name) else {
        eprintln!("{VARIABLE}: `{name}` is no target; `list` prints all");
        std::process::exit(2);
    };
    *target
}

libfuzzer_sys::fuzz_target!(
    init: { TARGET.get_or_init(choose); },
    |data: &[u8]| (TARGET.get_or_init(choose).run)(data)
);
