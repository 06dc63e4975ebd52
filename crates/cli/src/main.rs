//! `rollguard`: checks a rollout early and explains it, hands over, rolls back safely, checks again.

use std::process::ExitCode;

fn main() -> ExitCode {
    rollguard::main()
}
