#!/usr/bin/env bash
# Runs the tests of a built preset with its sanitizer settings: ctest.sh PRESET [CTEST-ARGUMENT...]
set -euo pipefail
cd "$(dirname "$0")/../.."

preset=${1:?usage: scripts/lib/ctest.sh PRESET [CTEST-ARGUMENT...]}
shift
run=()
# GCC 12's ThreadSanitizer cannot place its shadow where newer kernels randomise widely.
[ "$preset" != tsan ] || run=(setarch "$(uname -m)" -R)
exec "${run[@]}" ctest --preset "$preset" --parallel "${TAKT_JOBS:-$(nproc)}" "$@"
