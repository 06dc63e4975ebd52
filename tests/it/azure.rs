//! `rollguard-azure` against the fake Azure: from a login to a kubeconfig and a token.

mod azure {
    pub(crate) mod arm;
    pub(crate) mod between;
    pub(crate) mod certificate;
    pub(crate) mod child;
    pub(crate) mod credentials;
    pub(crate) mod entra;
    pub(crate) mod happy;
    pub(crate) mod inputs;
    pub(crate) mod managed_cluster;
    pub(crate) mod network;
    pub(crate) mod secrets;
    pub(crate) mod setup;
    pub(crate) mod tokens;
    pub(crate) mod whole;
}

use std::process::ExitCode;

use libtest_mimic::Arguments;

fn main() -> ExitCode {
    // Some rows run this very program as their child, with an environment of its own.
    if azure::whole::is_wanted() {
        return rollguard::main();
    }
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
        azure::managed_cluster::rows(),
        azure::network::rows(),
        azure::secrets::rows(),
        azure::certificate::rows(),
        azure::credentials::rows(),
        azure::child::rows(),
        azure::whole::rows(),
    ];
    libtest_mimic::run(
        &Arguments::from_args(),
        rows.into_iter().flatten().collect(),
    )
    .exit_code()
}
