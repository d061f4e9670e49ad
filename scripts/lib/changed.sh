# Sourced by checks that look at what changed. changed_files [--all] SUFFIX... prints our C++ files, the newest first.
# Changed means: against the merge base with $TAKT_BASE (default origin/main); on a checkout that is that branch itself,
# against the commit 50 before HEAD, or all of history where there are fewer.
changed_files() {
  local patterns=() all=
  [ "$1" != --all ] || { all=1; shift; }
  local suffix
  for suffix in "$@"; do patterns+=("*.$suffix"); done

  if [ -n "$all" ]; then
    git ls-files --cached --others --exclude-standard -- "${patterns[@]}" | sort -u
    return
  fi
  local base=
  base=$(git merge-base HEAD "${TAKT_BASE:-origin/main}" 2>/dev/null || true)
  if [ -z "$base" ] || [ "$base" = "$(git rev-parse HEAD)" ]; then
    base=$(git rev-parse --verify --quiet HEAD~50 || true)
    # The empty tree, when history is shorter than that: everything is new.
    [ -n "$base" ] || base=$(git hash-object -t tree /dev/null)
  fi
  {
    git diff --name-only --diff-filter=d "$base" -- "${patterns[@]}"
    git ls-files --others --exclude-standard -- "${patterns[@]}"
  } | sort -u | while read -r file; do
    [ -f "$file" ] || continue
    printf '%s %s\n' "$(git log -1 --format=%ct -- "$file" | sed 's/^$/9999999999/')" "$file"
  done | sort -rn | cut -d' ' -f2-
}
