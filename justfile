# `just ci` is exactly what CI runs.
default:
    @just --list

# Installs what the tests need and runs every rung
test *filter:
    cargo xtask test {{filter}}

ci:
    bash .ci/run

fmt:
    cargo fmt --all

lint:
    cargo clippy --workspace --all-targets -- -D warnings

# Writes what is derived from code: task.json inputs, docs
generate:
    cargo xtask generate

# Builds the binary and packs the extension
package overlay="dev":
    cargo xtask package --overlay {{overlay}}

# Advisories, licences, duplicate and foreign sources
deny:
    cargo xtask deny

# Plays drawn rollouts on the embedded cluster: `just simulate --cases 1000`
simulate *args:
    cargo xtask simulate {{args}}

# Fuzzes one target or all, ten seconds each: `just fuzz trace --seconds 600`
fuzz *args:
    cargo xtask fuzz {{args}}

# Rehearses the stage on the embedded cluster
drill *args:
    cargo run --quiet -- drill {{args}}

# Time to verdict beside kubectl and kubedog, on the real cluster
bench-verdict:
    cargo xtask bench-verdict
