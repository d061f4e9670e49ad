#!/bin/sh
# Installs the SDK into an empty prefix and builds and starts the example against that copy alone.
# Usage: installed_package_test.sh BUILD_FOLDER EXAMPLE_FOLDER CMAKE CXX
set -eu
build=$1
example=$2
cmake=$3
cxx=$4

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$cmake" --install "$build" --prefix "$work/prefix" --component sdk >"$work/install.log"
for header in takt.h client.h worker.h admin.h error.h message.h result.h; do
  test -f "$work/prefix/include/takt/$header" || { echo "not installed: takt/$header"; exit 1; }
done
if grep -rEn '#include [<"](proto/|zmq)' "$work/prefix/include/takt"; then
  echo "a public header includes an internal one"
  exit 1
fi

"$cmake" -S "$example" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_CXX_COMPILER="$cxx" -DCMAKE_BUILD_TYPE=Debug \
  -DCMAKE_CXX_FLAGS="-Wall -Wextra -Wpedantic -Werror" >"$work/configure.log" || { cat "$work/configure.log"; exit 1; }
"$cmake" --build "$work/build" >"$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }

# They start, find their library and refuse a wrong address in words.
for program in produce work; do
  code=0
  "$work/build/$program" "nonsense://x" 2>"$work/error.txt" || code=$?
  test "$code" = 2 || { echo "$program: exit code $code instead of 2"; cat "$work/error.txt"; exit 1; }
  grep -q "TK5004 bad_address" "$work/error.txt" || { cat "$work/error.txt"; exit 1; }
done
echo "installed package: ok"
