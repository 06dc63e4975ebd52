//! `rollguard-azure` against the fake Azure: from a login to a kubeconfig and a token.

mod azure {
    pub(crate) mod arm;
    pub(crate) mod between;
    pub(crate) mod child;
    pub(crate) mod entra;
    pub(crate) mod happy;
    pub(crate) mod inputs;
    pub(crate) mod secrets;
    pub(crate) mod setup;
    pub(crate) mod tokens;
}

use std::process::ExitCode;

use libtest_mimic::Arguments;

fn main() -> ExitCode {
    // Some rows run this very program as their child, with an environment of its own.
    if azure::child::is_wanted() {
        return azure::child::main();
    }
    let rows = [
        azure::happy::rows(),
        azure::tokens::rows(),
        azure::entra::rows(),
        azure::arm::rows(),
        azure::between::rows(),
        azure::inputs::rows(),
        azure::secrets::rows(),
        azure::child::rows(),
    ];
    libtest_mimic::run(
        &Arguments::from_args(),
        rows.into_iter().flatten().collect(),
    )
    .exit_code()
}
