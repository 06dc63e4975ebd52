#!/bin/sh
# Cargo's RUSTC_WORKSPACE_WRAPPER for fuzzing: libFuzzer's coverage counters in the crates of this
# workspace, and in no dependency. The pass is part of LLVM, so a stable compiler will do; the
# flags are those of cargo-fuzz without a sanitizer: safe Rust has little for one to find.
exec "$@" \
    -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares
