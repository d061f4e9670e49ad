#!/usr/bin/env bash
# Installs the Debian packages of the named sets, where missing: packages.sh [SET...]; without a name: build demo.
# Does nothing, and asks no server, when all are there. The list of what Takt needs is here and nowhere else.
set -euo pipefail

declare -A sets=(
  [build]="g++ cmake ninja-build pkg-config ccache git ca-certificates python3
    libzmq3-dev cppzmq-dev liblmdb-dev libmsgpack-cxx-dev prometheus-cpp-dev libgtest-dev libgmock-dev libcli11-dev
    libtomlplusplus-dev nlohmann-json3-dev libcpp-httplib-dev libssl-dev libexpected-dev libxxhash-dev libspdlog-dev
    libjpeg62-turbo-dev libpng-dev libstb-dev"
  [demo]="lomiri-wallpapers-16.04"
  [checks]="clang-format-19 clang-tidy-19 clang-tools-19"
  [fuzz]="clang-19 libclang-rt-19-dev"
  [coverage]="gcovr"
)

[ $# -gt 0 ] || set -- build demo
wanted=()
for name in "$@"; do
  if [ -z "${sets[$name]:-}" ]; then
    echo "packages.sh: no set is called '$name'; there are: ${!sets[*]}" >&2
    exit 2
  fi
  read -r -d '' -a packages <<<"${sets[$name]}" || true
  wanted+=("${packages[@]}")
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
"${apt[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null >/dev/null
