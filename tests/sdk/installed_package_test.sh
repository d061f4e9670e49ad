#!/bin/sh
# Installs the SDK into an empty prefix, builds the example against that copy alone, and runs it with a broker.
# Usage: installed_package_test.sh BUILD_FOLDER EXAMPLE_FOLDER CMAKE CXX TAKTD
set -eu
build=$1
example=$2
cmake=$3
cxx=$4
taktd=$5

work=$(mktemp -d)
broker=
worker=
cleanup() {
  for pid in $worker $broker; do kill "$pid" 2>/dev/null && wait "$pid" || true; done
  rm -rf "$work"
}
trap cleanup EXIT
# What is set for a broker of the user's is not meant for this one.
for name in $(env | sed -n 's/^\(TAKT_[A-Z0-9_]*\)=.*/\1/p'); do unset "$name"; done

# wait_for CONDITION PID: until the shell's CONDITION holds, or the process ends, or 30 s are over.
wait_for() {
  tries=600
  until eval "$1"; do
    tries=$((tries - 1))
    if [ "$tries" = 0 ] || ! kill -0 "$2"; then
      echo "in vain waited for: $1"
      tail -n 50 "$work"/*.txt
      exit 1
    fi
    sleep 0.05
  done
}

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

# What they are for: ten greetings go through a broker, and the worker finishes in order.
"$taktd" --data "$work/data" --listen tcp://127.0.0.1:0 --http off --set store.map_bytes=1GiB --set store.bytes_max=512MiB \
  >"$work/taktd.txt" 2>&1 &
broker=$!
wait_for 'test -f "$work/data/endpoints"' "$broker"
address=$(sed -n 's/^clients //p' "$work/data/endpoints")
"$work/build/produce" "$address" >"$work/produce.txt" 2>&1 || { cat "$work/produce.txt"; exit 1; }
test "$(grep -c '^sent 0-' "$work/produce.txt")" = 10 || { cat "$work/produce.txt"; exit 1; }
stdbuf -oL "$work/build/work" "$address" >"$work/work.txt" 2>&1 &
worker=$!
wait_for 'test "$(grep -c ": hello world, [0-9]* times$" "$work/work.txt")" = 10' "$worker"
kill "$worker"
wait "$worker" || { echo "work: exit code $?"; cat "$work/work.txt"; exit 1; }
worker=
grep -qx 'done 10' "$work/work.txt" || { cat "$work/work.txt"; exit 1; }
echo "installed package: ok"

