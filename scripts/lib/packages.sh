#!/usr/bin/env bash
# Installs the Debian packages of the named sets, where missing: packages.sh [SET...]; without a name: build demo.
# Does nothing, and asks no server, when all are there. The list of what Takt needs is here and nowhere else.
set -euo pipefail

declare -A sets=(
  [build]="g++ cmake ninja-build pkg-config ccache git ca-certificates python3
    libzmq3-dev cppzmq-dev liblmdb-dev libmsgpack-cxx-dev prometheus-cpp-dev libgtest-dev libgmock-dev libcli11-dev
    libtomlplusplus-dev nlohmann-json3-dev libcpp-httplib-dev libssl-dev libexpected-dev libxxhash-dev libspdlog-dev
    libjpeg62-turbo-dev libpng-dev libstb-dev libhowardhinnant-date-dev tzdata python3-croniter"
  [demo]="lomiri-wallpapers-16.04"
  [checks]="clang-format-19 clang-tidy-19 clang-tools-19"
  [fuzz]="clang-19 libclang-rt-19-dev"
  [coverage]="gcovr"
  [peers]="redis-server postgresql nats-server rabbitmq-server beanstalkd
    libhiredis-dev libpq-dev libnats-dev librabbitmq-dev gnuplot-nox util-linux"
)
# Sets with servers that Debian starts as soon as they are installed; nobody asked for that.
declare -A without_services=([peers]=yes)

[ $# -gt 0 ] || set -- build demo
wanted=()
start_services=yes
for name in "$@"; do
  if [ -z "${sets[$name]:-}" ]; then
    echo "packages.sh: no set is called '$name'; there are: ${!sets[*]}" >&2
    exit 2
  fi
  read -r -d '' -a packages <<<"${sets[$name]}" || true
  wanted+=("${packages[@]}")
  [ -z "${without_services[$name]:-}" ] || start_services=no
done

if ! command -v dpkg-query >/dev/null; then
  echo "packages.sh: this is no Debian system; install the likes of: ${wanted[*]}" >&2
  exit 1
fi
# A package that was never known makes dpkg-query fail; what it prints about the others still counts.
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null | sed -n 's/^installed //p' || true)
missing=()
for package in "${wanted[@]}"; do
  grep -qxF -- "$package" <<<"$installed" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "packages.sh: these packages are missing, and there is no sudo; run as root: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 -o Acquire::Retries=3)
echo "installing ${#missing[@]} Debian packages: ${missing[*]}"
"${apt[@]}" update </dev/null

# Packages ask this program whether they may start their service; 101 says no (invoke-rc.d's convention). What was there returns.
policy=/usr/sbin/policy-rc.d
kept=$policy.kept-by-takt
restore_policy() {
  "${as_root[@]}" rm -f "$policy"
  [ ! -e "$kept" ] || "${as_root[@]}" mv "$kept" "$policy"
}
if [ "$start_services" = no ]; then
  trap restore_policy EXIT
  [ -e "$kept" ] || [ ! -e "$policy" ] || "${as_root[@]}" mv "$policy" "$kept"
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
fi
"${apt[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null >/dev/null
