#!/usr/bin/env bash
# The completion scripts are valid in their shells, and bash's completes. Usage: completion_test.sh PATH_OF_TAKT
set -euo pipefail
takt="$1"
failures=0

expect() {  # expect NAME ACTUAL EXPECTED
  if [[ "$2" != "$3" ]]; then
    echo "FAILED $1: got [$2], expected [$3]"
    failures=$((failures + 1))
  fi
}

"$takt" completion bash | bash -n
if command -v zsh >/dev/null; then "$takt" completion zsh | zsh -n; else echo "zsh is not installed: its script is not checked"; fi
if command -v fish >/dev/null; then "$takt" completion fish | fish --no-execute; else echo "fish is not installed: its script is not checked"; fi

# shellcheck disable=SC1090
source <("$takt" completion bash)

complete_line() {  # complete_line WORD... : the candidates for the last word
  COMP_WORDS=("$@")
  COMP_CWORD=$(($# - 1))
  COMPREPLY=()
  _takt
  echo "${COMPREPLY[*]}"
}

expect "commands" "$(complete_line takt to)" "topics"
expect "commands of a group" "$(complete_line takt topics '')" "list show create delete -h --help --server -o --output --timeout --no-color --progress -v --verbose --version"
expect "behind global options" "$(complete_line takt -o json topics sh)" "show"
expect "values of a global option" "$(complete_line takt topics list -o '')" "table json"
expect "values of a command's option" "$(complete_line takt send photos resize --acks '')" "0 1 all"
expect "an option" "$(complete_line takt send photos resize --prio)" "--priority"
expect "free text" "$(complete_line takt send photos resize --data '')" ""
expect "values of an argument" "$(complete_line takt completion z)" "zsh"

if ((failures > 0)); then exit 1; fi
echo "completion: all checks passed"
