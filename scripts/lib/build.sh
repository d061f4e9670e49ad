#!/usr/bin/env bash
# Configures and builds a preset: build.sh PRESET [TARGET...]; without a target: everything. Programs land in build/PRESET/bin/.
set -euo pipefail
cd "$(dirname "$0")/../.."

[ $# -gt 0 ] || { echo "usage: scripts/lib/build.sh PRESET [TARGET...]" >&2; exit 2; }
preset=$1
shift
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! cmake --preset "$preset" >"$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi
targets=()
[ $# -eq 0 ] || targets=(--target "$@")
cmake --build "build/$preset" --parallel "${TAKT_JOBS:-$(nproc)}" "${targets[@]}"
