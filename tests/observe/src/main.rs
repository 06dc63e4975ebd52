//! Follows a namespace of a shape for so many events. `cargo xtask bench-observe` counts its instructions.

use std::env;
use std::process::ExitCode;

use rollguard_observe::{run, shape};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let given = match arguments.as_slice() {
        [name, events] => shape(name).zip(events.parse().ok()),
        _ => None,
    };
    let Some((shape, events)) = given else {
        return ExitCode::FAILURE;
    };
    let memory = run(shape, events);
    let Ok(text) = serde_json::to_string(&memory) else {
        return ExitCode::FAILURE;
    };
    #[expect(clippy::print_stdout, reason = "the result of the program")]
    {
        println!("{text}");
    }
    ExitCode::SUCCESS
}
